"""The coverage ledger: what each log holds of each hour, what was set aside, and what it does not tell.

All numbers are counts. What an independent counter says, and what the transport says of blocks, stands
beside what the log says, and the difference is printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from auditgen.evidence.engine import utc

if TYPE_CHECKING:
    from auditgen.evidence.engine import Evidence, Period
    from auditgen.evidence.model import Reading

SHOWN_WINDOWS = 5
_UNCOUNTED = frozenset({"mapping-missing", "unreadable"})


class Imbalance(AssertionError):
    """Rows were lost or made up between the file and the count: a mistake of ours, never of the evidence."""


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of one source."""

    records: int
    received: int
    """Rows that say when the log got them: only these can be late."""
    late: int
    copies: int
    blocked: int
    """By a guardrail's record."""
    transport_blocked: int


@dataclass(frozen=True, slots=True)
class Balance:
    """Every row that was read, by what became of it."""

    read: int
    inside: int
    """In the period, each record once: what is counted."""
    outside: int
    duplicates: int
    quarantined: Mapping[str, int]
    """By reason: rows that are no record, and rows that nobody can place in time."""

    @property
    def accepted(self) -> int:
        """Rows that are records with a time, each once."""
        return self.inside + self.outside

    @property
    def holds(self) -> bool:
        """Whether accepted, duplicate and quarantined rows are all that was read."""
        return self.accepted + self.duplicates + sum(self.quarantined.values()) == self.read


@dataclass(frozen=True, slots=True)
class Blocks:
    """Who says that requests to one endpoint were blocked."""

    endpoint: str
    records: int
    both: int
    guardrail_only: int
    """A guardrail's record says blocked, and the transport says served."""
    transport_only: int
    """The transport says blocked, and no guardrail's record does."""


@dataclass(frozen=True, slots=True)
class Window:
    """What an independent counter says of a stretch of time."""

    start: datetime
    end: datetime
    count: int


@dataclass(frozen=True, slots=True)
class CounterCheck:
    """An independent counter against a log."""

    id: str
    title: str
    counts: str
    """records or blocks."""
    windows: int
    """Of the counter, wholly inside the period."""
    expected: int
    seen: int
    missing: int
    """What the windows in which the log has less lack, beyond the declared tolerance."""
    surplus: int
    """What the others have too much."""
    worst: tuple[tuple[datetime, int, int], ...]
    """Start, expected and seen of the windows that differ most."""
    tolerance: float = 0.0
    left_out: int = 0
    """Rows of the counter whose time or number could not be read: nothing is compared with them."""

    @property
    def agrees(self) -> bool:
        """Whether every window is within the tolerance."""
        return not self.missing and not self.surplus


@dataclass(frozen=True, slots=True)
class Ledger:
    """One source of monitoring."""

    source_id: str
    hours: Mapping[datetime, Hour]
    """Hours of the period in which anything was logged."""
    total_hours: int
    balance: Balance
    zone_at_edge: int
    """Rows without a zone so near to the period's ends that they may belong to the other side."""
    blocks: tuple[Blocks, ...]
    counters: tuple[CounterCheck, ...] = ()
    sampled: Mapping[float, int] = field(default_factory=dict)
    """Records by the share of requests that the log kept, where it says so."""
    tells_guardrail: bool = True
    """Whether any record says what a guardrail did."""
    tells_transport: bool = True
    """Whether any record says whether the request was served."""

    @property
    def tells_receipt(self) -> bool:
        """Whether any row of the period says when the log got it; else nobody knows which came late."""
        return any(hour.received for hour in self.hours.values())

    @property
    def covered(self) -> int:
        """Hours with a record."""
        return sum(1 for hour in self.hours.values() if hour.records)

    @property
    def late(self) -> int:
        """Rows that the log got more than a day after they happened."""
        return sum(hour.late for hour in self.hours.values())


def ledgers(evidence: Evidence, readings: Sequence[Reading]) -> tuple[Ledger, ...]:
    """The ledger of every source with rows of monitoring. Raises Imbalance."""
    sources = sorted({r.source_id for r in readings if r.kind == "monitoring" and r.counts.observations})
    return tuple(_ledger(evidence, source, readings) for source in sources)


def _ledger(evidence: Evidence, source: str, readings: Sequence[Reading]) -> Ledger:
    hours = {}
    for at, *numbers in evidence.count(
        "SELECT hour, sum(n), sum(received), sum(late), sum(copies), sum(blocked), sum(transport_blocked)"
        " FROM hours WHERE source_id = ? GROUP BY hour ORDER BY hour",
        [source],
    ):
        hour = utc(at)
        if hour is not None:
            hours[hour] = Hour(*(int(str(number)) for number in numbers))
    balance = _balance(evidence, source, [r for r in readings if r.source_id == source])
    if not balance.holds:
        message = f"{source}: {balance} does not add up"
        raise Imbalance(message)
    edge = evidence.count("SELECT coalesce(sum(zoneless), 0) FROM edges WHERE source_id = ?", [source])
    rates = evidence.count(
        "SELECT sampling_rate, sum(n) FROM observation WHERE kind = 'monitoring' AND source_id = ?"
        " AND sampling_rate > 0 GROUP BY 1 HAVING sum(n) > 0 ORDER BY 1",
        [source],
    )
    told = evidence.count(
        "SELECT bool_or(guardrail_action IS NOT NULL), bool_or(transport IS NOT NULL) FROM observation"
        " WHERE kind = 'monitoring' AND source_id = ?",
        [source],
    )
    return Ledger(
        source_id=source,
        hours=hours,
        total_hours=evidence.period.hours,
        balance=balance,
        zone_at_edge=int(str(edge[0][0])),
        blocks=_blocks(evidence, source),
        sampled={float(str(rate)): int(str(number)) for rate, number in rates},
        tells_guardrail=bool(told[0][0]),
        tells_transport=bool(told[0][1]),
    )


def _balance(evidence: Evidence, source: str, readings: Sequence[Reading]) -> Balance:
    logged = [r for r in readings if r.kind == "monitoring"]
    unreadable = sum(a.count for r in logged for a in r.anomalies if a.code == "lines-unreadable")
    found = evidence.count(
        "SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (WHERE day IS NULL), 0),"
        " coalesce(sum(n) FILTER (WHERE inside), 0) FROM everything WHERE source_id = ?",
        [source],
    )
    rows, undated, within = (int(str(number)) for number in found[0])
    inside = int(
        str(
            evidence.count(
                "SELECT coalesce(sum(n), 0) FROM observation WHERE kind = 'monitoring' AND source_id = ?",
                [source],
            )[0][0]
        )
    )
    copies = int(
        str(evidence.count("SELECT coalesce(sum(copies), 0) FROM hours WHERE source_id = ?", [source])[0][0])
    )
    unexplained = sum(r.counts.observations for r in logged if any(a.code in _UNCOUNTED for a in r.anomalies))
    quarantined = {"unreadable": unreadable, "undated": undated, "without a mapping": unexplained}
    return Balance(
        read=sum(r.counts.observations for r in logged) + unreadable,
        inside=inside,
        outside=rows - undated - within,
        duplicates=copies,
        quarantined={reason: number for reason, number in quarantined.items() if number},
    )


def _blocks(evidence: Evidence, source: str) -> tuple[Blocks, ...]:
    """Blocks by endpoint; nothing where the log has only one of the two accounts."""
    by_guardrail, by_transport = "coalesce(guardrail_action, '') = 'block'", "transport = 'blocked'"
    rows = evidence.count(
        "SELECT coalesce(endpoint, ''), sum(n),"
        f" coalesce(sum(n) FILTER (WHERE {by_guardrail} AND transport <> 'served'), 0),"
        f" coalesce(sum(n) FILTER (WHERE {by_guardrail} AND transport = 'served'), 0),"
        f" coalesce(sum(n) FILTER (WHERE {by_transport} AND NOT ({by_guardrail})), 0)"
        " FROM observation WHERE kind = 'monitoring' AND source_id = ? AND transport IS NOT NULL"
        " GROUP BY 1 HAVING sum(n) > 0 ORDER BY 1",
        [source],
    )
    guarded = evidence.count(
        "SELECT 1 FROM observation WHERE kind = 'monitoring' AND source_id = ?"
        " AND (guardrail_action IS NOT NULL OR guardrail_verdict IS NOT NULL) LIMIT 1",
        [source],
    )
    if not guarded:
        return ()
    return tuple(Blocks(str(name), *(int(str(number)) for number in numbers)) for name, *numbers in rows)


def check_counter(
    ledger: Ledger,
    windows: Sequence[Window],
    period: Period,
    *,
    name: str,
    title: str,
    counts: str,
    tolerance: float,
) -> CounterCheck:
    """Compare a log with what somebody else counted, window by window.

    Windows that reach beyond the period, or that are no whole hours, are left out: what the log holds of
    them is not known.
    """
    first = datetime.combine(period.start, time(), UTC)
    end = datetime.combine(period.end, time(), UTC) + timedelta(days=1)
    compared = []
    for window in windows:
        if window.start < first or window.end > end or not _is_whole(window):
            continue
        length = int((window.end - window.start) / timedelta(hours=1))
        inside = [ledger.hours.get(window.start + timedelta(hours=n)) for n in range(length)]
        seen = sum((h.blocked if counts == "blocks" else h.records) for h in inside if h is not None)
        compared.append((window.start, window.count, seen))
    missing = surplus = 0
    for _, expected, seen in compared:
        allowed = int(tolerance * expected)
        missing += max(0, expected - seen - allowed)
        surplus += max(0, seen - expected - allowed)
    worst = sorted((c for c in compared if c[1] != c[2]), key=lambda c: (-abs(c[1] - c[2]), c[0]))
    return CounterCheck(
        id=name,
        title=title,
        counts=counts,
        windows=len(compared),
        expected=sum(expected for _, expected, _ in compared),
        seen=sum(seen for _, _, seen in compared),
        missing=missing,
        surplus=surplus,
        worst=tuple(worst[:SHOWN_WINDOWS]),
        tolerance=tolerance,
    )


def _is_whole(window: Window) -> bool:
    edges = (window.start, window.end)
    return window.end > window.start and all(
        not (at.minute or at.second or at.microsecond) for at in edges
    )
