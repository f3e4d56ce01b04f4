"""What belongs to a request and stands elsewhere: scores, texts and guardrails of other spans and files.

Everything is kept in a private temporary database that spills to disk, because a file may hold as many
evaluations as requests. A join is a left join: a request without any is still a request, and what finds
no request is counted.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson

from auditgen.evidence.model import Score
from auditgen.sources.otlp_guards import Said
from auditgen.sources.outcomes import Guard

if TYPE_CHECKING:
    from collections.abc import Iterator

SCORE, TEXT, GUARD = "score", "text", "guard"
MAX_BESIDE = 16
"""Files whose spans are looked at with those of one file; what stands elsewhere is counted as not joined."""
MAX_IN_TRACE = 100_000
"""Requests and guardrails of one trace that are looked at; the rest stay without each other."""
_REQUESTS = "SELECT span, parent, start, finish FROM request WHERE trace = ? ORDER BY start, span LIMIT ?"
_GUARDS = "SELECT rowid, parent, start, finish, body FROM guard WHERE trace = ? ORDER BY rowid LIMIT ?"


def _database(*tables: str) -> sqlite3.Connection:
    db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA cache_size = -32000")  # 32 MB, then the disk
    for table in tables:
        db.execute(table)
    db.execute("BEGIN")
    return db


class Notes:
    """Scores and texts by the span or the response that they are about."""

    def __init__(self, *, is_counted: bool = True) -> None:
        self._is_counted = is_counted
        self._db = _database(
            "CREATE TABLE note (kind, trace, span, response, body, used DEFAULT 0)",
            "CREATE INDEX of_span ON note (span) WHERE span != ''",
            "CREATE INDEX of_response ON note (response) WHERE response != ''",
        )
        self.count = 0

    def add(self, kind: str, body: Any, *, trace: str = "", span: str = "", response: str = "") -> None:
        """Keep one note. `body` is anything that JSON can hold."""
        self.count += 1
        values = (kind, trace, span, _text(response), _dumped(body))
        self._db.execute("INSERT INTO note VALUES (?, ?, ?, ?, ?, 0)", values)

    def of(self, trace: str, span: str, response: str) -> list[tuple[str, Any]]:
        """The notes about one request, in file order, as (kind, body).

        A note that names a response is about that response, whatever span it was written in; where
        either does not know the response, the spans must be the same.
        """
        if not self.count:
            return []
        response = _text(response)
        found: dict[int, tuple[str, Any]] = {}
        if span:
            query = "SELECT rowid, kind, body, trace, response FROM note WHERE span = ? AND span != ''"
            for row, kind, body, its_trace, its_response in self._db.execute(query, (span,)):
                is_same = not (trace and its_trace) or trace == its_trace
                if is_same and (not response or not its_response or response == its_response):
                    found[row] = (kind, body)
        if response:
            query = "SELECT rowid, kind, body FROM note WHERE response = ? AND response != ''"
            for row, kind, body in self._db.execute(query, (response,)):
                found[row] = (kind, body)
        if self._is_counted:
            self._db.executemany("UPDATE note SET used = 1 WHERE rowid = ?", [(row,) for row in found])
        return [(kind, orjson.loads(body)) for _, (kind, body) in sorted(found.items())]

    def unused(self, kind: str, known: Known | None = None) -> int:
        """How many notes of a kind no request of this file has asked for, nor one of `known`."""
        query = "SELECT span, response FROM note WHERE kind = ? AND NOT used"
        rows = self._db.execute(query, (kind,))
        return sum(1 for span, response in rows if known is None or not known.holds(span, response))


class Known:
    """Spans and responses of the requests of other files."""

    def __init__(self) -> None:
        self._db = _database("CREATE TABLE known (id PRIMARY KEY) WITHOUT ROWID")

    def add(self, span: str, response: str) -> None:
        """Remember one request."""
        for name in (f"s{span}" if span else "", f"r{_text(response)}" if response else ""):
            if name:
                self._db.execute("INSERT OR IGNORE INTO known VALUES (?)", (name,))

    def holds(self, span: str, response: str = "") -> bool:
        """Whether a request has this span or this response."""
        query = "SELECT 1 FROM known WHERE id = ? OR id = ?"
        return self._db.execute(query, (f"s{span or '-'}", f"r{_text(response)}")).fetchone() is not None


class Traces:
    """Which files have spans of one trace."""

    def __init__(self) -> None:
        self._db = _database("CREATE TABLE seen (trace, file, PRIMARY KEY (trace, file)) WITHOUT ROWID")
        self._last: tuple[str, int] | None = None

    def add(self, trace: str, file: int) -> None:
        """Remember one span."""
        if trace and (trace, file) != self._last:
            self._last = (trace, file)
            self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", self._last)

    def shared(self) -> dict[int, list[int]]:
        """By file: the others that share a trace with it, those with the most first, at most `MAX_BESIDE`."""
        query = (
            "SELECT a.file, b.file FROM seen AS a JOIN seen AS b ON a.trace = b.trace AND a.file != b.file"
            " GROUP BY a.file, b.file ORDER BY a.file, count(*) DESC, b.file"
        )
        out: dict[int, list[int]] = {}
        for file, other in self._db.execute(query):
            found = out.setdefault(file, [])
            if len(found) < MAX_BESIDE:
                found.append(other)
        return out


@dataclass(frozen=True, slots=True)
class Blocked:
    """A request that no span of a model shows, because a guardrail stopped it before."""

    trace_id: str
    span_id: str
    start: int
    locator: str
    said: tuple[Said, ...]
    name: str
    record: dict[str, Any]
    """What declared rules look into."""


class Guards:
    """Guardrails of one file, and the requests that they were about."""

    def __init__(self) -> None:
        self._db = _database(
            "CREATE TABLE guard (trace, span, parent, start, finish, body, locator, name, record, owner,"
            " here)",
            "CREATE INDEX guard_trace ON guard (trace)",
            "CREATE INDEX guard_owner ON guard (trace, owner)",
            "CREATE TABLE request (trace, span, parent, start, finish, said, filtered)",
            "CREATE INDEX request_trace ON request (trace, span)",
            "CREATE INDEX request_parent ON request (trace, parent)",
            "CREATE TABLE inner (trace, span, PRIMARY KEY (trace, span)) WITHOUT ROWID",
            "CREATE TABLE around (trace, span, said, filtered)",
            "CREATE INDEX around_span ON around (trace, span)",
        )
        self.count = 0
        self.own_count = 0
        self.request_count = 0
        self.around_count = 0
        self.is_here = True
        """Whether what is added stands in this file; else in one that was handed in beside it."""

    def knows(self, trace: str, span: str) -> bool:
        """Whether a span of another file belongs here: this file has its trace, and not the span itself."""
        if not trace or not span:
            return False
        has_span = (
            "SELECT 1 FROM guard WHERE trace = ? AND span = ? UNION ALL"
            " SELECT 1 FROM request WHERE trace = ? AND span = ? LIMIT 1"
        )
        has_trace = (
            "SELECT 1 FROM guard WHERE trace = ? UNION ALL SELECT 1 FROM request WHERE trace = ? LIMIT 1"
        )
        if self._db.execute(has_span, (trace, span, trace, span)).fetchone() is not None:
            return False
        return self._db.execute(has_trace, (trace, trace)).fetchone() is not None

    def add(
        self,
        said: Said,
        *,
        trace: str,
        span: str,
        parent: str,
        times: tuple[int, int],
        locator: str,
        name: str,
        record: dict[str, Any],
    ) -> None:
        """Keep what one guardrail said. `parent` is the span around it."""
        self.count += 1
        kept = orjson.dumps(asdict(said)), locator, _text(name), _dumped(record)
        values = (trace, span, parent, *map(_sortable, times), *kept, self.is_here)
        self._db.execute("INSERT INTO guard VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)", values)

    def is_wrapper(self, trace: str, span: str, start: int) -> bool:
        """Whether another request of this file began within this one: a wrapper's is no second one."""
        query = "SELECT 1 FROM request WHERE trace = ? AND parent = ? AND (start, span) > (?, ?) LIMIT 1"
        return self._db.execute(query, (trace, span, _sortable(start), span)).fetchone() is not None

    def has_request(self, trace: str, span: str) -> bool:
        """Whether this file has such a request."""
        found = self._db.execute("SELECT 1 FROM request WHERE trace = ? AND span = ?", (trace, span))
        return found.fetchone() is not None

    def add_request(
        self,
        trace: str,
        span: str,
        parent: str,
        times: tuple[int, int],
        *,
        said: Said | None = None,
        is_filtered: bool = False,
    ) -> None:
        """Keep where a request stands in its trace, and what its own span says of a guardrail or a filter."""
        self.request_count += 1
        body = None if said is None else orjson.dumps(asdict(said))
        values = (trace, span, parent, *map(_sortable, times), body, is_filtered)
        self._db.execute("INSERT INTO request VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def add_own(self, trace: str, span: str) -> None:
        """A span whose requests are its own: a guardrail or an evaluator that asks a model."""
        self.own_count += 1
        self._db.execute("INSERT OR IGNORE INTO inner VALUES (?, ?)", (trace, span))

    def is_inner(self, trace: str, parent: str) -> bool:
        """Whether a request was made by a guardrail or an evaluator."""
        if not parent or not self.own_count:
            return False
        found = self._db.execute("SELECT 1 FROM inner WHERE trace = ? AND span = ?", (trace, parent))
        return found.fetchone() is not None

    def assign(self) -> None:
        """Find the request of each guardrail; call it when everything was added."""
        traces = self._db.execute("SELECT DISTINCT trace FROM guard WHERE trace != ''").fetchall()
        for (trace,) in traces:
            found = self._db.execute(_REQUESTS, (trace, MAX_IN_TRACE)).fetchall()
            requests = _Requests([row for row in found if not self.is_inner(trace, row[1])])
            guards = self._db.execute(_GUARDS, (trace, MAX_IN_TRACE)).fetchall()
            for row, parent, start, finish, body in guards:
                owner = requests.owner(said_of(orjson.loads(body)).guard, parent, start, finish)
                if owner:
                    self._db.execute("UPDATE guard SET owner = ? WHERE rowid = ?", (owner, row))
        query = (
            "SELECT trace, span, start, said, filtered FROM request"
            " WHERE span != '' AND (said IS NOT NULL OR filtered)"
        )
        for trace, span, start, said, filtered in self._db.execute(query).fetchall():
            innermost = self._innermost(trace, span, start)
            if innermost != span:
                self.around_count += 1
                self._db.execute("INSERT INTO around VALUES (?, ?, ?, ?)", (trace, innermost, said, filtered))

    def _innermost(self, trace: str, span: str, start: int) -> str:
        """The request that counts for a wrapper: within it the last that began, and so on inwards."""
        query = (
            "SELECT span, start FROM request WHERE trace = ? AND parent = ? AND span != ''"
            " AND (start, span) > (?, ?) ORDER BY start DESC, span DESC LIMIT 1"
        )
        at = (span, start)
        while True:  # each step is to a later span, so it ends
            found = self._db.execute(query, (trace, at[0], at[1], at[0])).fetchone()
            if found is None:
                return at[0]
            at = found

    def around(self, trace: str, span: str) -> tuple[tuple[Said, ...], bool]:
        """What the spans around a request say: guardrails, and whether a filter stopped it there."""
        if not self.around_count or not span:
            return (), False
        rows = self._db.execute(
            "SELECT said, filtered FROM around WHERE trace = ? AND span = ? ORDER BY rowid", (trace, span)
        ).fetchall()
        said = tuple(said_of(orjson.loads(body)) for body, _ in rows if body is not None)
        return said, any(filtered for _, filtered in rows)

    def of(self, trace: str, span: str) -> tuple[Said, ...]:
        """The guardrails of one request, in file order."""
        if not self.count or not span:
            return ()
        query = "SELECT body FROM guard WHERE trace = ? AND owner = ? ORDER BY rowid"
        return tuple(said_of(orjson.loads(body)) for (body,) in self._db.execute(query, (trace, span)))

    def blocked(self) -> Iterator[Blocked]:
        """Requests that a guardrail stopped and of which there is no other record: one for each trace.

        Where guardrails of one trace stand in several files, the file of the one that blocked first has it.
        """
        return (blocked for blocked, is_here, _ in self._stopped_ones() if is_here)

    def _stopped_ones(self) -> Iterator[tuple[Blocked, bool, int]]:
        """Each with whether it is this file's, and how many of its guardrails are."""
        pending: list[tuple[Any, ...]] = []
        query = (
            "SELECT trace, span, start, locator, body, name, record, here FROM guard WHERE owner IS NULL"
            " ORDER BY trace, CASE trace WHEN '' THEN rowid END, start, span, rowid"
        )
        for row in self._db.execute(query):
            if pending and (row[0] != pending[0][0] or not row[0]):
                yield from _stopped(pending)
                pending = []
            pending.append(row)
        yield from _stopped(pending)

    def orphans(self) -> int:
        """Guardrails that belong to no request and to no stopped one."""
        query = "SELECT count(*) FROM guard WHERE owner IS NULL AND here"
        lost = int(self._db.execute(query).fetchone()[0])
        return lost - sum(number for _, _, number in self._stopped_ones())


def _stopped(rows: list[tuple[Any, ...]]) -> Iterator[tuple[Blocked, bool, int]]:
    """A request that never reached a model, where one of these guardrails of one trace blocked it."""
    said = [said_of(orjson.loads(row[4])) for row in rows]
    for row, each in zip(rows, said, strict=True):
        guard = each.guard
        if guard.action == "block" and guard.stage != "output":
            trace, span, start, locator, _, name, record, is_here = row
            blocked = Blocked(trace, span, start, locator, tuple(said), name, orjson.loads(record))
            yield blocked, bool(is_here), sum(1 for other in rows if other[7])
            return


class _Requests:
    """The requests of one trace by when they began, and by the span around them."""

    def __init__(self, found: list[tuple[str, str, int, int]]) -> None:
        begun = {span: (start, span) for span, _, start, _ in found if span}
        around = {p for span, p, start, _ in found if p in begun and (start, span) > begun[p]}
        rows = [row for row in found if row[0] not in around]
        self._spans = {span for span, *_ in rows if span}
        self._beside: dict[str, list[tuple[str, str, int, int]]] = {"": rows}
        for row in rows:
            if row[1]:
                self._beside.setdefault(row[1], []).append(row)

    def owner(self, guard: Guard, parent: str, start: int, finish: int) -> str | None:
        """The request that a guardrail watched: the span around it, else by time among those beside it.

        An input guardrail watches a request that runs meanwhile, or the next one; one that blocked has no
        next request, because that was stopped. An output guardrail watches the last one that had begun.
        """
        if parent in self._spans:
            return parent
        rows = self._beside.get(parent) or self._beside[""]
        at = bisect_left(rows, start, key=itemgetter(2))
        before = rows[at - 1] if at else None
        after = rows[at] if at < len(rows) else None
        if guard.stage == "output":
            if after is not None and after[2] == start:
                return after[0]
            return None if before is None else before[0]
        if before is not None and before[3] >= start:
            return before[0]
        if after is not None and (guard.action != "block" or after[2] <= finish):
            return after[0]
        return before[0] if before is not None and guard.stage is None and guard.action != "block" else None


def said_of(body: dict[str, Any]) -> Said:
    """What a guardrail said, as it was kept."""
    return Said(Guard(**body["guard"]), body["is_known"])


def _dumped(value: Any) -> bytes:
    """JSON, or null for what JSON cannot hold: numbers beyond 64 bits, lone surrogates."""
    try:
        return orjson.dumps(value)
    except (TypeError, RecursionError):
        return orjson.dumps(None)


def _sortable(number: int) -> int:
    return min(max(number, 0), 2**63 - 1)


def _text(text: str) -> str:
    """Text that a database takes: a lone surrogate would be refused."""
    return text.encode("utf-8", "replace").decode("utf-8")


def score_bodies(scores: list[Score]) -> list[dict[str, Any]]:
    """The scores of one evaluation, as they are kept."""
    return [{name: value for name, value in asdict(score).items() if value is not None} for score in scores]


def scores_kept(bodies: Any) -> list[Score]:
    """The scores that were kept."""
    return [Score(**body) for body in bodies] if isinstance(bodies, list) else []
