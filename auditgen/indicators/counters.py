"""Integer counters over the cells of an audit. They leave this room as counts, never as rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from auditgen.evidence.engine import utc
from auditgen.evidence.model import DECIDED, ERRORS, UNDECIDED
from auditgen.indicators.cells import ALONE
from auditgen.indicators.inference.clusters import ClusterShape, ClusterSums
from auditgen.indicators.selection import Query, population, selected, undetermined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditgen.indicators.cells import Cells, Flags, Numbers
    from auditgen.indicators.definition import Side
    from auditgen.indicators.model import Request

_UNSURE, _DECIDED, _HIT = 1, 2, 3


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


def count(cells: Cells, request: Request, side: Side | None = None) -> Counters:
    """All counters of one arm."""
    indicator = request.indicator
    within = about(cells, request, side)
    inside = within & cells.where(selected(indicator.denominator))
    hit = inside & cells.where(selected(indicator.numerator))
    unsure = within & cells.where(undetermined(indicator.denominator))
    counted = _clusters(cells, inside, hit, unsure)
    shapes = _weighted(counted)
    outcomes = cells.tally("outcome", within)
    first_at, last_at = cells.span(within)
    counts_outcomes = indicator.counts_outcomes
    return Counters(
        seen=(sum(h * m for _, h, _, _, m in counted), sum(n * m for _, _, n, _, m in counted)),
        sums=ClusterSums.of(shapes),
        shapes=shapes,
        rates=_rates(cells, inside),
        undecided=sum(outcomes.get(o, 0) for o in UNDECIDED)
        if counts_outcomes
        else sum(u * m for _, _, _, u, m in counted),
        errors=sum(outcomes.get(o, 0) for o in ERRORS) if counts_outcomes else 0,
        outcomes=outcomes,
        models=cells.tally("model", inside),
        bases=_named(cells.tally("basis", inside)) if counts_outcomes else {},
        sources=cells.tally("source_id", inside),
        suites=tuple(_named(cells.tally("suite", inside))),
        watch_bases=tuple(_named(cells.tally("watch_basis", inside))),
        first_at=first_at,
        last_at=last_at,
    )


def about(cells: Cells, request: Request, side: Side | None = None) -> Flags:
    """The profiles a request is about, whatever their outcome."""
    return cells.where(population(request, side))


def _named(tally: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in tally.items() if name}


def _clusters(
    cells: Cells, inside: Flags, hit: Flags, unsure: Flags
) -> list[tuple[float, int, int, int, int]]:
    """(rate, hits, decided, undetermined, clusters): clusters that look alike, under what their log kept.

    A prompt's repeats share a cluster whichever run they stand in: a new seed is no new prompt.
    """
    import numpy as np

    kind = np.zeros(cells.profiles, dtype=np.int64)
    kind[unsure], kind[inside], kind[hit] = _UNSURE, _DECIDED, _HIT
    rows, profile = cells.rows(kind > 0)
    n, of, cluster = cells.n[rows], kind[profile], cells.cluster[rows]
    words, codes = cells.words["sampling_rate"], cells.codes["sampling_rate"]
    # mostly nothing was sampled, and then all rows are of one share
    shares = [(0, slice(None))]
    if len(words) > 1:
        rate = codes[profile]
        shares = [(code, rate == code) for code in np.unique(rate).tolist()]
    found: dict[tuple[float, int, int, int], int] = {}
    for code, chosen in shares:
        share = _rate(words[code]) if words else 1.0
        for shape, number in _shapes(cluster[chosen], n[chosen], of[chosen]):
            key = (share, *shape)
            found[key] = found.get(key, 0) + number
    return sorted((*key, number) for key, number in found.items() if number)


def _shapes(
    cluster: Numbers, n: Numbers, of: Numbers
) -> Iterator[tuple[tuple[int, int, int], int]]:
    """(hits, decided, undetermined) of a cluster, and how many look so."""
    import numpy as np

    alone = cluster == ALONE
    if alone.any():
        for which, shape in ((_HIT, (1, 1, 0)), (_DECIDED, (0, 1, 0)), (_UNSURE, (0, 0, 1))):
            yield shape, int(n[alone & (of == which)].sum())
        cluster, n, of = cluster[~alone], n[~alone], of[~alone]
    _, place = np.unique(cluster, return_inverse=True)
    place = place.reshape(-1)
    parts = [_added_up(place, n * which) for which in (of == _HIT, of != _UNSURE, of == _UNSURE)]
    for (h, d, u), number in zip(*_alike(np.stack(parts, axis=1)), strict=True):
        if d + u > 0:
            yield (h, d, u), number


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


def _rates(cells: Cells, inside: Flags) -> dict[float, int]:
    found = cells.tally("sampling_rate", inside)
    return dict(sorted((float(rate), number) for rate, number in _named(found).items() if float(rate) > 0))


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
