"""promptfoo evaluations and red teams: JSON (version 3 of its results), JSON Lines, its database, CSV.

JSON and the database carry the evaluation's id and time; JSON Lines has neither, nor the tool's version;
CSV has less still (no graders, no errors of theirs) and is a last resort.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Anomaly, Presence
from auditgen.sources.fields import FieldReader
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_number, as_text, loads
from auditgen.sources.lines import Lines
from auditgen.sources.promptfoo_csv import has_result_columns, read_csv
from auditgen.sources.promptfoo_rows import MAX_COLUMNS, Doubts, Evaluation
from auditgen.sources.sqlite import MAGIC, Database, SqliteFault, journals, open_copy
from auditgen.sources.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

TABLES = frozenset({"evals", "eval_results"})
ROW_KEYS = frozenset({"promptIdx", "testIdx", "testCase"})
EVAL_COLUMNS = ("id", "created_at", "prompts", "results", "config")
RESULT_COLUMNS = {
    "id": "id", "eval_id": "eval_id", "prompt_idx": "promptIdx", "test_idx": "testIdx",
    "test_case": "testCase", "prompt": "prompt", "provider": "provider", "response": "response",
    "error": "error", "success": "success", "score": "score", "grading_result": "gradingResult",
    "metadata": "metadata", "failure_reason": "failureReason", "latency_ms": "latencyMs",
    "cost": "cost", "named_scores": "namedScores",
}  # fmt: skip
"""Column of the database to the name of the same field in JSON."""
PACKED = ("testCase", "prompt", "provider", "response", "gradingResult", "metadata", "namedScores")
SUPPORTED = 3
MAX_EVALS = 1000
_PLACES = (
    "evalId", "metadata", "results.version", "results.timestamp", "results.stats",
    "results.prompts.item", "results.results.item", "results.table",
)  # fmt: skip


class PromptfooSource:
    """promptfoo exports and its own database."""

    name: ClassVar[str] = "promptfoo"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the keys of the outermost object or of a row, by tables, by a run of column names."""
        keys = probe.top_keys
        if {"evalId", "results"} <= keys or {"results", "config", "shareableUrl"} <= keys:
            return Recognition("promptfoo.json", "JSON with evalId and results at the top")
        if {"version", "createdAt", "results"} <= keys:
            return Recognition("promptfoo.json", "JSON with version, createdAt and results at the top")
        if keys >= ROW_KEYS:
            return Recognition("promptfoo.jsonl", "JSON Lines with testIdx and promptIdx")
        if probe.sqlite_tables >= TABLES:
            return Recognition("promptfoo.sqlite", "SQLite with the tables `evals` and `eval_results`")
        if has_result_columns(probe.head):
            return Recognition("promptfoo.csv", "columns Status, Score, Named Scores behind each answer")
        return None

    def companions(self, path: Path, available: Sequence[Path]) -> Sequence[Path]:
        """Journals of a database that was not closed: part of its rows stand there."""
        return journals(path) if _starts_with(path, MAGIC) else ()

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Rows as they stream by; the evaluation's own totals come with or after them."""
        fields = FieldReader(context, self.name)
        if _starts_with(path, MAGIC):
            yield from _read_database(path, fields)
        elif not _starts_with(path, b"{"):
            yield from read_csv(path, fields)
        else:
            probe = Probe(path)
            read = _read_lines if probe.top_keys >= ROW_KEYS else _read_json
            yield from read(path, fields)


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as stream:
        head = stream.read(64)
    return head.startswith(magic) if magic == MAGIC else head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(magic)


def _read_json(path: Path, fields: FieldReader) -> Iterator[Item]:
    doubts = Doubts()
    found = Evaluation("eval", fields, doubts)
    about: dict[str, Any] = {}
    walk = Walk(path, *_PLACES)
    index = 0
    for place, value in walk.values():
        if place == "results.results.item":
            if isinstance(value, dict):
                yield found.observation(value, f"pointer:/results/results/{index}")
            else:
                found.no_objects += 1
            index += 1
        elif place == "results.prompts.item":
            if len(found.prompts) < MAX_COLUMNS:
                found.prompts.append({"metrics": as_dict(as_dict(value).get("metrics"))})
        elif place == "results.stats":
            found.stats = as_dict(value)
        elif place == "evalId" and isinstance(value, str) and value and not index:
            about[place] = found.run_key = value
        elif place in {"metadata", "results.timestamp"}:
            about[place] = value
            found.created = found.created or about.get("results.timestamp")
        elif place == "results.table" or (place == "results.version" and value != SUPPORTED):
            about["unsupported"] = as_text(value) if place == "results.version" else "1 or 2"
            break
    if "unsupported" in about:
        message = (
            f"version {about['unsupported'][:20]} of promptfoo's results is not supported, only version "
            f"{SUPPORTED}: export it again with `promptfoo export eval` of a current promptfoo"
        )
        yield Anomaly("unreadable", message, blocks=True)
    metadata = as_dict(about.get("metadata"))
    found.created = metadata.get("evaluationCreatedAt") or found.created
    yield from walk.anomalies()
    native = about.get("evalId")
    yield from _closing(fields, doubts, {native: found}, as_text(metadata.get("promptfooVersion")))


def _read_lines(path: Path, fields: FieldReader) -> Iterator[Item]:
    doubts = Doubts()
    found = Evaluation("eval", fields, doubts)
    lines = Lines()
    for number, offset, row in lines.objects(path):
        yield found.observation(row, f"line:{number}@{offset}")
    yield from lines.anomalies()
    yield from _closing(fields, doubts, {None: found}, "")


def _read_database(path: Path, fields: FieldReader) -> Iterator[Item]:
    doubts = Doubts()
    evals: dict[str | None, Evaluation] = {}
    breaks: list[str] = []
    try:
        with open_copy(path) as database:
            database.columns("eval_results")
            for table in sorted(TABLES):
                breaks += [f"`{table}`: {line}" for line in database.faults(table)[:1]]
            try:
                evals = _evals(database, fields, doubts)
                for rowid, columns in database.rows("eval_results", tuple(RESULT_COLUMNS)):
                    row = _row(columns)
                    native = as_text(row.get("eval_id")) or None
                    if native not in evals:
                        native = native if len(evals) < MAX_EVALS else None
                        evals.setdefault(native, Evaluation(native or "eval", fields, doubts))
                    yield evals[native].observation(row, f"table:eval_results#rowid={rowid}")
            except SqliteFault as fault:
                breaks.append(fault.message)
            if database.oversized:
                yield Anomaly("samples-unreadable", "rows with values too long to read", database.oversized)
    except SqliteFault as fault:
        yield Anomaly("unreadable", fault.message, blocks=True)
    if breaks:
        yield Anomaly("truncated", "; ".join(breaks[:3]), len(breaks))
    yield from _closing(fields, doubts, evals, "")


def _evals(database: Database, fields: FieldReader, doubts: Doubts) -> dict[str | None, Evaluation]:
    out: dict[str | None, Evaluation] = {}
    for _, row in database.rows("evals", EVAL_COLUMNS):
        native = as_text(row.get("id"))
        if not native or len(out) >= MAX_EVALS:
            continue
        found = Evaluation(native, fields, doubts)
        prompts = as_list(_unpacked(row.get("prompts")))[:MAX_COLUMNS]
        found.prompts = [{"metrics": as_dict(as_dict(p).get("metrics"))} for p in prompts]
        found.created = _from_milliseconds(row.get("created_at"))
        out[native] = found
    return out


def _row(columns: dict[str, Any]) -> dict[str, Any]:
    """A row of the database as the JSON export writes it."""
    row = {RESULT_COLUMNS[name]: value for name, value in columns.items()}
    row |= {name: _unpacked(row[name]) for name in PACKED if name in row}
    if row.get("success") in (0, 1):
        row["success"] = bool(row["success"])
    row["vars"] = as_dict(as_dict(row.get("testCase")).get("vars"))
    return row


def _unpacked(value: Any) -> Any:
    if not isinstance(value, str):
        return None
    try:
        return loads(value.encode("utf-8", "surrogatepass"))[0]
    except ValueError:
        return None


def _from_milliseconds(value: Any) -> Any:
    number = as_number(value)
    if number is None:
        return value
    try:
        return datetime.fromtimestamp(number / 1000, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return None


def _closing(
    fields: FieldReader, doubts: Doubts, evals: dict[Any, Evaluation], version: str
) -> Iterator[Item]:
    """The runs, the anomalies and the facts."""
    several = len(evals) > 1
    for native, found in evals.items():
        yield found.run(native)
    yield from fields.anomalies()
    yield from doubts.anomalies()
    for native, found in evals.items():
        yield from found.anomalies(f"`{as_text(native)[:80]}`: " if several else "")
    every = list(evals.values())
    planned = [found.planned for found in every]
    known = [count for count in planned if count is not None]
    total = sum(p if p is not None else f.count for p, f in zip(planned, every, strict=True))
    yield Facts(
        tool="promptfoo",
        tool_version=version,
        planned=total if known else None,
        suites=fields.suites,
        completeness={
            "run": _presence(any(native for native in evals)),
            "time": _presence(any(found.started[0] for found in every)),
            "model": _presence(any(found.has_model for found in every)),
            "version": _presence(bool(version)),
            "denominator": _presence(any(found.stated is not None for found in every)),
            "threshold": Presence.ABSENT,
        },
    )


def _presence(is_there: bool) -> Presence:
    return Presence.PRESENT if is_there else Presence.ABSENT
