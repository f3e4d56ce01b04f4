"""Integer counters over the cells of an audit. They leave this room as counts, never as rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from auditgen.evidence.engine import utc
from auditgen.evidence.model import DECIDED, ERRORS, UNDECIDED
from auditgen.evidence.published import KIND as PUBLISHED
from auditgen.indicators.cells import ALONE
from auditgen.indicators.inference.clusters import ClusterShape, ClusterSums
from auditgen.indicators.selection import Query, population, selected, undetermined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditgen.indicators.cells import Cells, Flags, Numbers, Weights
    from auditgen.indicators.definition import Side
    from auditgen.indicators.model import Request

_UNSURE, _DECIDED, _HIT = 1, 2, 3
_ALONE = {_HIT: (1, 1, 0), _DECIDED: (0, 1, 0), _UNSURE: (0, 0, 1)}
"""(hits, decided, undetermined) of a record that is a prompt of its own."""


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
    heaviest: float = 1.0
    """What the record that stands for most requests weighs, in units of the mean: so may a missing one."""


def count(cells: Cells, request: Request, side: Side | None = None) -> Counters:
    """All counters of one arm."""
    indicator = request.indicator
    within = about(cells, request, side)
    inside = within & cells.where(selected(indicator.denominator))
    hit = inside & cells.where(selected(indicator.numerator))
    unsure = within & cells.where(undetermined(indicator.denominator))
    shapes, heaviest = _clusters(cells, inside, hit, unsure)
    outcomes = cells.tally("outcome", within)
    first_at, last_at = cells.span(within)
    counts_outcomes = indicator.counts_outcomes
    return Counters(
        seen=(int(cells.records[hit].sum()), int(cells.records[inside].sum())),
        sums=ClusterSums.of(shapes),
        shapes=shapes,
        rates=_rates(cells, inside),
        undecided=sum(outcomes.get(o, 0) for o in UNDECIDED)
        if counts_outcomes
        else int(cells.records[unsure].sum()),
        errors=sum(outcomes.get(o, 0) for o in ERRORS) if counts_outcomes else 0,
        outcomes=outcomes,
        models=cells.tally("model", inside),
        bases=_named(cells.tally("basis", inside)) if counts_outcomes else {},
        sources=cells.tally("source_id", inside),
        suites=tuple(_named(cells.tally("suite", inside))),
        watch_bases=tuple(_named(cells.tally("watch_basis", inside))),
        first_at=first_at,
        last_at=last_at,
        heaviest=heaviest,
    )


def about(cells: Cells, request: Request, side: Side | None = None) -> Flags:
    """The profiles a request is about, whatever their outcome."""
    return cells.where(population(request, side))


def _named(tally: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in tally.items() if name}


def _clusters(
    cells: Cells, inside: Flags, hit: Flags, unsure: Flags
) -> tuple[tuple[ClusterShape, ...], float]:
    """Clusters that look alike, and the weight of the heaviest record.

    A prompt's repeats share a cluster whichever run they stand in: a new seed is no new prompt. Where the log
    kept a changing share of the requests, a record stands for one over its share, in units of the mean, so
    that the total is the number of records.
    """
    import numpy as np

    kind = np.zeros(cells.profiles, dtype=np.int64)
    kind[unsure], kind[inside], kind[hit] = _UNSURE, _DECIDED, _HIT
    rows, profile = cells.rows(kind > 0)
    n, of, cluster = cells.n[rows], kind[profile], cells.cluster[rows]
    stands_for = np.array([1 / _rate(word) for word in cells.words["sampling_rate"]] or [1.0])
    each = stands_for[cells.codes["sampling_rate"][profile]] if len(stands_for) > 1 else stands_for
    if len(np.unique(each)) < 2:  # mostly nothing was sampled, and all numbers are whole
        return tuple(ClusterShape(*shape, number) for shape, number in _shapes(cluster, n, of)), 1.0
    requests = float((n * each).sum())
    if requests <= 0:  # copies that were taken away again
        return (), 1.0
    weight = each * (n.sum() / requests)
    return tuple(_weighted_shapes(cluster, n, of, weight)), float(weight.max())


def _shapes(
    cluster: Numbers, n: Numbers, of: Numbers
) -> Iterator[tuple[tuple[int, int, int], int]]:
    """(hits, decided, undetermined) of a cluster, and how many look so, in order."""
    import numpy as np

    found: dict[tuple[int, int, int], int] = {}
    alone = cluster == ALONE
    if alone.any():
        for which, shape in _ALONE.items():
            found[shape] = int(n[alone & (of == which)].sum())
        cluster, n, of = cluster[~alone], n[~alone], of[~alone]
    _, place = np.unique(cluster, return_inverse=True)
    place = place.reshape(-1)
    parts = [_added_up(place, n * which) for which in (of == _HIT, of != _UNSURE, of == _UNSURE)]
    for (h, d, u), number in zip(*_alike(np.stack(parts, axis=1)), strict=True):
        if d + u > 0:
            found[h, d, u] = found.get((h, d, u), 0) + number
    yield from sorted((shape, number) for shape, number in found.items() if number)


def _weighted_shapes(
    cluster: Numbers, n: Numbers, of: Numbers, weight: Weights
) -> Iterator[ClusterShape]:
    """The same where records weigh unlike; clusters are alike to nine decimals."""
    import numpy as np

    alone = cluster == ALONE
    for value in np.unique(weight[alone]).tolist():
        for which, (h, d, u) in _ALONE.items():
            number = int(n[alone & (weight == value) & (of == which)].sum())
            if number:
                yield ClusterShape(h * value, d * value, u * value, number)
    cluster, of, weighed = cluster[~alone], of[~alone], (n * weight)[~alone]
    _, place = np.unique(cluster, return_inverse=True)
    place = place.reshape(-1)
    parts = [np.bincount(place, weighed * which) for which in (of == _HIT, of != _UNSURE, of == _UNSURE)]
    rows, times = np.unique(np.round(np.stack(parts, axis=1), 9), axis=0, return_counts=True)
    for (h, d, u), number in zip(rows.tolist(), times.tolist(), strict=True):
        if d + u > 0:
            yield ClusterShape(h, d, u, number)


def _added_up(place: Numbers, n: Numbers) -> Numbers:
    import numpy as np

    out = np.zeros(int(place.max(initial=-1)) + 1, dtype=np.int64)
    np.add.at(out, place, n)
    return out


def _alike(parts: Numbers) -> tuple[list[tuple[int, int, int]], list[int]]:
    """Different rows of a table of small numbers, and how often each stands there."""
    import numpy as np

    if not len(parts):
        return [], []
    low, high = int(parts.min()), int(parts.max()) + 1
    width = high - low
    if width < 2**20:  # three numbers in one, so that sorting them is cheap
        moved = parts - low
        keys, times = np.unique((moved[:, 0] * width + moved[:, 1]) * width + moved[:, 2], return_counts=True)
        rows = np.stack([keys // width // width, keys // width % width, keys % width], axis=1) + low
    else:
        rows, times = np.unique(parts, axis=0, return_counts=True)
    return [(h, d, u) for h, d, u in rows.tolist()], times.tolist()


def _rate(rate: object) -> float:
    """The share a log kept; what is no share counts as all, and the reading says so."""
    return rate if isinstance(rate, float) and rate > 0 else 1.0


def _rates(cells: Cells, inside: Flags) -> dict[float, int]:
    found = cells.tally("sampling_rate", inside)
    return dict(sorted((float(rate), number) for rate, number in _named(found).items() if float(rate) > 0))


def undated(cells: Cells, request: Request) -> int:
    """Records a request is about that do not say when they were made; published figures have no time."""
    about_ = population(request)
    [(found,)] = cells.evidence.count(
        f"SELECT coalesce(sum(n), 0)::BIGINT FROM observation WHERE {about_.sql}"
        f" AND first_at IS NULL AND kind <> '{PUBLISHED}'",
        about_.parameters,
    )
    return int(str(found))


def hours_with_records(cells: Cells, request: Request) -> Counters:
    """Hours of the period in which a record was logged, by any of the request's sources."""
    evidence = cells.evidence
    query = population(request)
    within = cells.where(query)
    total = evidence.period.hours
    if not request.where:
        marks = ", ".join("?" for _ in request.sources)
        [(hours,)] = evidence.count(
            f"SELECT count(DISTINCT hour) FROM hours WHERE source_id IN ({marks}) AND n > 0",
            list(request.sources),
        )
        return _complete_count(cells, within, int(str(hours)), total)
    # the hours are counted without regard to what a criterion selects
    [(hours, records, first, last)] = evidence.count(
        "SELECT count(DISTINCT date_trunc('hour', observed_at)), count(*),"
        f" min(observed_at), max(observed_at) FROM record WHERE {query.sql}",
        query.parameters,
    )
    counted = _complete_count(cells, within, int(str(hours)), total)
    outcomes = {"records": int(str(records))}
    return replace(counted, outcomes=outcomes, first_at=utc(first), last_at=utc(last))


def unevaluated(cells: Cells, request: Request) -> Counters:
    """Records of production whose model version no decided evaluation record names."""
    within = about(cells, request)
    models = cells.tally("model", within)
    evaluated = {name for name, number in evaluated_models(cells).items() if name and number}
    strange = sum(number for name, number in models.items() if name not in evaluated)
    return _complete_count(cells, within, strange, sum(models.values()))


def _complete_count(cells: Cells, within: Flags, k: int, n: int) -> Counters:
    """`k` of `n`, of which nothing is a sample."""
    first_at, last_at = cells.span(within)
    return Counters(
        seen=(k, n),
        sums=ClusterSums(k, n, n, k, k, n),
        shapes=(),
        rates={},
        undecided=0,
        errors=0,
        outcomes={"records": sum(cells.tally("kind", within).values())},
        models=cells.tally("model", within),
        bases={},
        sources=cells.tally("source_id", within),
        suites=(),
        watch_bases=(),
        first_at=first_at,
        last_at=last_at,
    )


def model_shares(cells: Cells, kind: str) -> dict[str, int]:
    """Records by model version, after declared aliases; the empty name where none was recorded."""
    return cells.tally("model", cells.where(_of_kind(kind)))


def evaluated_models(cells: Cells) -> dict[str, int]:
    """Decided evaluation records by model version: a run in which all failed evaluates nothing."""
    query = _of_kind("evaluation")
    query.within("outcome", [outcome.value for outcome in DECIDED])
    return cells.tally("model", cells.where(query))


def records_by_file(cells: Cells, kind: str) -> dict[str, int]:
    """Records by the digest of their file."""
    return cells.tally("file_sha256", cells.where(_of_kind(kind)))


def _of_kind(kind: str) -> Query:
    query = Query()
    query.within("kind", (kind,))
    return query


def sliced(
    cells: Cells, request: Request, column: str, side: Side | None = None
) -> dict[str, tuple[int, int]]:
    """(numerator, denominator) by the values of one column, for breakdowns."""
    inside = about(cells, request, side) & cells.where(selected(request.indicator.denominator))
    hits = cells.tally(column, inside & cells.where(selected(request.indicator.numerator)))
    return {name: (hits.get(name, 0), n) for name, n in cells.tally(column, inside).items()}
