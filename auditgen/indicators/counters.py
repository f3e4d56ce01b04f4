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


MANY = 100_000
"""Of more adverse records than this, exhibits are drawn from a share."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Everything counted for one arm of one request."""

    seen: tuple[int, int]
    """(numerator, denominator) as they were counted."""
    sums: ClusterSums
    """The same with weights, where the log kept a changing share of the requests."""
    shapes: tuple[ClusterShape, ...]
    """The clusters behind `sums`, and those of which nothing was decided."""
    rates: dict[float, int]
    """Decided records by the share that their log kept, where it says so."""
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
        "SELECT rate, h, n, u, sum(m) FROM ("
        "SELECT coalesce(sampling_rate, 1) AS rate,"
        f" sum(CASE WHEN {inside} AND {hit} THEN n ELSE 0 END) AS h,"
        f" sum(CASE WHEN {inside} THEN n ELSE 0 END) AS n, sum(CASE WHEN {unsure} THEN n ELSE 0 END) AS u,"
        f" 1 AS m {base} AND prompt_key IS NOT NULL GROUP BY source_id, suite, prompt_key, 1"
        f" UNION ALL SELECT coalesce(sampling_rate, 1), CASE WHEN {inside} AND {hit} THEN 1 ELSE 0 END,"
        f" CASE WHEN {inside} THEN 1 ELSE 0 END, CASE WHEN {unsure} THEN 1 ELSE 0 END,"
        f" n {base} AND prompt_key IS NULL"
        ") WHERE n + u > 0 GROUP BY ALL HAVING sum(m) <> 0 ORDER BY ALL",
        2
        * [
            *inside_parameters,
            *hit_parameters,
            *inside_parameters,
            *unsure_parameters,
            *parameters,
        ],
    )
    counted = [
        (_rate(rate), int(str(h)), int(str(n)), int(str(u)), int(str(m))) for rate, h, n, u, m in rows
    ]
    shapes = _weighted(counted)
    outcomes = _tally(evidence, "outcome", base, parameters)
    decided = f"{base} AND {inside}"
    with_inside = [*parameters, *inside_parameters]
    times = evidence.count(f"SELECT min(first_at), max(last_at) {base} AND n > 0", parameters)[0]
    counts_outcomes = indicator.counts_outcomes
    return Counters(
        seen=(sum(h * m for _, h, _, _, m in counted), sum(n * m for _, _, n, _, m in counted)),
        sums=ClusterSums.of(shapes),
        shapes=shapes,
        rates=_rates(evidence, decided, with_inside),
        undecided=sum(outcomes.get(o, 0) for o in UNDECIDED)
        if counts_outcomes
        else sum(u * m for _, _, _, u, m in counted),
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


def _rate(rate: object) -> float:
    """The share a log kept; what is no share counts as all, and the reading says so."""
    number = float(str(rate))
    return number if number > 0 else 1.0


def _weighted(counted: Sequence[tuple[float, int, int, int, int]]) -> tuple[ClusterShape, ...]:
    """Cluster shapes from (rate, hits, decided, undetermined, clusters): a record stands for 1/rate.

    In units of the mean weight, so that the total is the number of records; with one rate nothing changes.
    """
    if len({rate for rate, *_ in counted}) < 2:
        return tuple(ClusterShape(*row) for _, *row in counted)
    total = sum((n + u) * m for _, _, n, u, m in counted)
    scale = total / sum((n + u) * m / rate for rate, _, n, u, m in counted)
    return tuple(
        ClusterShape(h * scale / rate, n * scale / rate, u * scale / rate, m) for rate, h, n, u, m in counted
    )


def _rates(evidence: Evidence, base: str, parameters: list[Any]) -> dict[float, int]:
    rows = evidence.count(
        f"SELECT sampling_rate, sum(n) {base} AND sampling_rate > 0 GROUP BY 1 ORDER BY 1", parameters
    )
    return {float(str(rate)): int(str(number)) for rate, number in rows}


def hours_with_records(evidence: Evidence, request: Request) -> Counters:
    """Hours of the period in which a record was logged, by any of the request's sources."""
    query = population(request)
    if request.where:  # the hours are counted without regard to what a criterion selects
        base = f"FROM record WHERE {query.sql}"
        hours, records, first, last = evidence.count(
            "SELECT count(DISTINCT date_trunc('hour', observed_at)), count(*),"
            f" min(observed_at), max(observed_at) {base}",
            query.parameters,
        )[0]
    else:
        marks = ", ".join("?" for _ in request.sources)
        hours = evidence.count(
            f"SELECT count(DISTINCT hour) FROM hours WHERE source_id IN ({marks}) AND n > 0",
            list(request.sources),
        )[0][0]
        records, first, last = evidence.count(
            f"SELECT coalesce(sum(n), 0), min(first_at), max(last_at) FROM observation WHERE {query.sql}",
            query.parameters,
        )[0]
    known, total = int(str(hours)), evidence.period.hours
    counted = f"FROM observation WHERE {query.sql}"
    return Counters(
        seen=(known, total),
        sums=ClusterSums(known, total, total, known, known, total),
        shapes=(),
        rates={},
        undecided=0,
        errors=0,
        outcomes={"records": int(str(records))},
        models=_tally(evidence, "coalesce(model, '')", counted, query.parameters),
        bases={},
        sources=_tally(evidence, "source_id", counted, query.parameters),
        suites=(),
        watch_bases=(),
        first_at=utc(first),
        last_at=utc(last),
    )


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
        f"SELECT coalesce({column}, ''), sum(CASE WHEN {hit} THEN n ELSE 0 END), sum(n) FROM observation"
        f" WHERE {query.sql} AND {inside} GROUP BY 1 HAVING sum(n) > 0 ORDER BY 1",
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
    """Up to `limit` records that speak against the promise, one of each category in turn.

    Where higher is better these are the records outside the numerator; for a gap, the answered ones of
    both arms. Inside a category the order is a digest of place and bytes, so that nobody can choose them.
    Of very many, a share is drawn by their row numbers before any digest is made.
    """
    query = population(request)
    inside, inside_parameters = _selected(request.indicator.denominator)
    hit, hit_parameters = _selected(request.indicator.numerator)
    adverse = f"NOT {hit}" if request.indicator.better == "higher" else hit
    which = f"{query.sql} AND {inside} AND {adverse}"
    parameters = [*query.parameters, *inside_parameters, *hit_parameters]
    [(total,)] = evidence.count(f"SELECT coalesce(sum(n), 0) FROM observation WHERE {which}", parameters)
    drawn = "true"
    if int(str(total)) > MANY:
        step = int(str(total)) // MANY + 1
        seed = "CAST('0x' || left(file_sha256, 8) AS BIGINT)"
        place = (
            "CASE WHEN locator LIKE 'row:%' THEN CAST(substr(locator, 5) AS BIGINT)"
            " ELSE CAST('0x' || left(md5(locator), 8) AS BIGINT) END"
        )
        # mixed twice, so that no order in which rows were written can follow the draw
        first = f"(({place} + {seed}) * 1597334677) % 4294967296"
        second = f"(xor({first}, ({first}) >> 15) * 1431374979) % 4294967296"
        drawn = f"(xor({second}, ({second}) >> 13)) % {step} = 0"
    columns = (
        "source_id, file_sha256, locator, sample_id, epoch, coalesce(category, '') AS category, watch,"
        " outcome, prompt, prompt_sha256, prompt_state, response"
    )
    rows = evidence.count(
        f"SELECT * EXCLUDE (place, turn) FROM (SELECT *, row_number() OVER (PARTITION BY category"
        f" ORDER BY place) AS turn FROM (SELECT {columns}, sha256(file_sha256 || locator) AS place"
        f" FROM record WHERE {which} AND {drawn})) ORDER BY turn, place LIMIT {int(limit)}",
        parameters,
    )
    return [AdverseRecord(*row) for row in rows]  # type: ignore[arg-type]


def _tally(evidence: Evidence, column: str, base: str, parameters: list[Any]) -> dict[str, int]:
    rows = evidence.count(
        f"SELECT {column}, sum(n) {base} GROUP BY 1 HAVING sum(n) > 0 ORDER BY 1", parameters
    )
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
