"""Integer counters over the evidence view. SQL leaves this room as counts, never as rates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from auditgen.evidence.engine import utc
from auditgen.evidence.model import ERRORS, NO_STRATEGY, UNDECIDED
from auditgen.indicators.intervals import ClusterShape, ClusterSums
from auditgen.indicators.model import FILTER_FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.evidence.engine import Evidence
    from auditgen.indicators.model import Indicator, Request, Selection


@dataclass(frozen=True, slots=True)
class Counters:
    """Everything counted for one arm of one request."""

    sums: ClusterSums
    shapes: tuple[ClusterShape, ...]
    """The clusters behind `sums`, and those of which nothing was decided."""
    undecided: int
    errors: int
    outcomes: dict[str, int]
    models: dict[str, int]
    bases: dict[str, int]
    sources: dict[str, int]
    suites: tuple[str, ...]
    watch_bases: tuple[str, ...]
    first_at: datetime | None
    last_at: datetime | None


class _Query:
    """A WHERE clause with its parameters."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.parameters: list[Any] = []

    def within(self, column: str, values: Sequence[str]) -> None:
        """`column` is one of `values`."""
        marks = ", ".join("?" for _ in values)
        self.conditions.append(f"{column} IN ({marks})")
        self.parameters += values

    @property
    def sql(self) -> str:
        return " AND ".join(self.conditions) or "true"


def population(request: Request, watch: str | None = None) -> _Query:
    """The records a request is about, whatever their outcome."""
    query = _Query()
    indicator = request.indicator
    query.within("source_id", request.sources)
    if indicator.records != "any":
        query.within("kind", (indicator.records,))
    if indicator.expected is not None:
        query.within("expected", (indicator.expected.value,))
    if indicator.only_attacks:
        query.conditions.append(f"coalesce(strategy, '') NOT IN ('', '{NO_STRATEGY}')")
    if watch is not None:
        query.within("watch", (watch,))
    for name, values in sorted(request.where.items()):
        if name not in FILTER_FIELDS:  # names stand in the SQL text; only values are parameters
            message = f"`{name}` is no filter; known: {', '.join(FILTER_FIELDS)}"
            raise ValueError(message)
        query.within(name, values)
    return query


def count(evidence: Evidence, request: Request, watch: str | None = None) -> Counters:
    """All counters of one arm."""
    query = population(request, watch)
    where, parameters = query.sql, query.parameters
    indicator = request.indicator
    base = f"FROM observation WHERE {where}"
    inside, inside_parameters = _selected(indicator.denominator)
    hit, hit_parameters = _selected(indicator.numerator)
    unsure, unsure_parameters = _undetermined(indicator.denominator)
    # a prompt's repeats share a cluster whichever run they stand in: a new seed is no new prompt
    rows = evidence.count(
        "SELECT h, n, u, count(*) FROM ("
        f"SELECT count(*) FILTER (WHERE {inside} AND {hit}) AS h,"
        f" count(*) FILTER (WHERE {inside}) AS n, count(*) FILTER (WHERE {unsure}) AS u {base}"
        " GROUP BY source_id, suite, prompt_key) WHERE n + u > 0 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [
            *inside_parameters,
            *hit_parameters,
            *inside_parameters,
            *unsure_parameters,
            *parameters,
        ],
    )
    shapes = tuple(ClusterShape(*(int(str(value)) for value in row)) for row in rows)
    outcomes = _tally(evidence, "outcome", base, parameters)
    decided = f"{base} AND {inside}"
    with_inside = [*parameters, *inside_parameters]
    times = evidence.count(f"SELECT min(observed_at), max(observed_at) {base}", parameters)[0]
    counts_outcomes = indicator.counts_outcomes
    return Counters(
        sums=ClusterSums.of(shapes),
        shapes=shapes,
        undecided=sum(outcomes.get(o, 0) for o in UNDECIDED)
        if counts_outcomes
        else sum(shape.undetermined * shape.clusters for shape in shapes),
        errors=sum(outcomes.get(o, 0) for o in ERRORS) if counts_outcomes else 0,
        outcomes=outcomes,
        models=_tally(evidence, "coalesce(model, '')", decided, with_inside),
        bases=_tally(evidence, "basis", decided, with_inside) if counts_outcomes else {},
        sources=_tally(evidence, "source_id", decided, with_inside),
        suites=tuple(_tally(evidence, "suite", decided, with_inside)),
        watch_bases=tuple(k for k in _tally(evidence, "watch_basis", decided, with_inside) if k),
        first_at=utc(times[0]),
        last_at=utc(times[1]),
    )


def hours_with_records(evidence: Evidence, request: Request) -> Counters:
    """Hours of the period in which a record was logged, by any of the request's sources."""
    query = population(request)
    base = f"FROM observation WHERE {query.sql}"
    row = evidence.count(
        "SELECT count(DISTINCT date_trunc('hour', observed_at)), count(*),"
        f" min(observed_at), max(observed_at) {base}",
        query.parameters,
    )[0]
    hours, total = int(str(row[0])), evidence.period.hours
    return Counters(
        sums=ClusterSums(hours, total, total, hours, hours, total),
        shapes=(),
        undecided=0,
        errors=0,
        outcomes={"records": int(str(row[1]))},
        models=_tally(evidence, "coalesce(model, '')", base, query.parameters),
        bases={},
        sources=_tally(evidence, "source_id", base, query.parameters),
        suites=(),
        watch_bases=(),
        first_at=utc(row[2]),
        last_at=utc(row[3]),
    )


def hourly_counts(evidence: Evidence, sources: Sequence[str]) -> dict[tuple[str, datetime], int]:
    """Records by source and hour."""
    query = _Query()
    query.within("source_id", sources)
    rows = evidence.count(
        "SELECT source_id, date_trunc('hour', observed_at), count(*) FROM observation"
        f" WHERE {query.sql} AND observed_at IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2",
        query.parameters,
    )
    out = {}
    for source, hour, number in rows:
        at = utc(hour)
        if at is not None:
            out[str(source), at] = int(str(number))
    return out


def model_shares(evidence: Evidence, kind: str) -> dict[str, int]:
    """Records by model version, after declared aliases; the empty name where none was recorded."""
    return _tally(evidence, "coalesce(model, '')", "FROM observation WHERE kind = ?", [kind])


def records_by_file(evidence: Evidence, kind: str) -> dict[str, int]:
    """Records in the view by the digest of their file."""
    return _tally(evidence, "file_sha256", "FROM observation WHERE kind = ?", [kind])


def sliced(
    evidence: Evidence, request: Request, column: str, watch: str | None = None
) -> dict[str, tuple[int, int]]:
    """(numerator, denominator) by the values of one column, for breakdowns."""
    query = population(request, watch)
    indicator: Indicator = request.indicator
    inside, inside_parameters = _selected(indicator.denominator)
    hit, hit_parameters = _selected(indicator.numerator)
    rows = evidence.count(
        f"SELECT coalesce({column}, ''), count(*) FILTER (WHERE {hit}), count(*) FROM observation"
        f" WHERE {query.sql} AND {inside} GROUP BY 1 ORDER BY 1",
        [*hit_parameters, *query.parameters, *inside_parameters],
    )
    return {str(name): (int(str(k)), int(str(n))) for name, k, n in rows}


@dataclass(frozen=True, slots=True)
class AdverseRecord:
    """One record that speaks against a promise, with the place it stands at."""

    source_id: str
    file_sha256: str
    locator: str
    sample_id: str
    epoch: int
    category: str
    watch: str
    outcome: str
    prompt: str | None
    prompt_sha256: str | None
    prompt_state: str
    response: str | None


def adverse_records(evidence: Evidence, request: Request, limit: int) -> list[AdverseRecord]:
    """Up to `limit` records that speak against the promise.

    Where higher is better these are the records outside the numerator; for a gap, the answered ones of
    both arms. The order is a digest of place and bytes, so that nobody can choose them.
    """
    query = population(request)
    inside, inside_parameters = _selected(request.indicator.denominator)
    hit, hit_parameters = _selected(request.indicator.numerator)
    adverse = f"NOT {hit}" if request.indicator.better == "higher" else hit
    rows = evidence.count(
        "SELECT source_id, file_sha256, locator, sample_id, epoch, coalesce(category, ''), watch,"
        " outcome, prompt, prompt_sha256, prompt_state, response FROM observation"
        f" WHERE {query.sql} AND {inside} AND {adverse}"
        f" ORDER BY sha256(file_sha256 || locator) LIMIT {int(limit)}",
        [*query.parameters, *inside_parameters, *hit_parameters],
    )
    return [AdverseRecord(*row) for row in rows]  # type: ignore[arg-type]


def _tally(evidence: Evidence, column: str, base: str, parameters: list[Any]) -> dict[str, int]:
    rows = evidence.count(f"SELECT {column}, count(*) {base} GROUP BY 1 ORDER BY 1", parameters)
    return {str(name): int(str(number)) for name, number in rows if name is not None}


def _undetermined(selection: Selection) -> tuple[str, list[str]]:
    """Records that may belong to the selection, if only it were known what became of them."""
    query = _Query()
    if selection.outcomes:
        query.within("outcome", [o.value for o in (*UNDECIDED, *ERRORS)])
        return query.sql, query.parameters
    if not selection.guardrail_action:
        return "false", []
    if selection.guardrail_verdict:
        query.within("guardrail_verdict", selection.guardrail_verdict)
    known = _Query()
    known.within("guardrail_action", selection.guardrail_action)
    query.conditions.append(f"({known.sql}) IS NOT TRUE")
    return query.sql, [*query.parameters, *known.parameters]


def _selected(selection: Selection) -> tuple[str, list[str]]:
    query = _Query()
    for column, values in (
        ("outcome", [o.value for o in selection.outcomes]),
        ("guardrail_verdict", list(selection.guardrail_verdict)),
        ("guardrail_action", list(selection.guardrail_action)),
    ):
        if values:
            query.within(column, values)
    return f"({query.sql})", query.parameters
