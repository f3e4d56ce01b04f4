"""From counters to quantities: every rate, interval and rounding is computed here, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from auditgen.evidence.model import Watch
from auditgen.indicators.counters import count, hours_with_records
from auditgen.indicators.inference.clusters import effective_size, extremes
from auditgen.indicators.inference.differences import newcombe
from auditgen.indicators.inference.proportions import Interval, clopper_pearson, wilson
from auditgen.indicators.model import Arm, Measured, Quantity, Unmeasured

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditgen.indicators.cells import Cells
    from auditgen.indicators.counters import Counters
    from auditgen.indicators.model import Request

Key = TypeVar("Key", str, float)


def measure(
    cells: Cells, requests: Sequence[Request], missing: Mapping[str, int] | None = None
) -> dict[str, Measured]:
    """Each request's quantity, by its id.

    `missing`: planned samples that are absent from a source's files, by source id. They count against
    the promise in the worst case.
    """
    return {request.id: measure_one(cells, request, missing or {}) for request in requests}


def measure_one(cells: Cells, request: Request, missing: Mapping[str, int]) -> Measured:
    """One request."""
    match request.indicator.shape:
        case "rate":
            return _rate(cells, request, missing)
        case "gap":
            return _gap(cells, request, missing)
        case "coverage":
            return _coverage(cells, request)


def _rate(cells: Cells, request: Request, missing: Mapping[str, int]) -> Measured:
    counters = count(cells, request)
    absent = _absent(request, missing)
    if counters.sums.total == 0:
        return _unmeasured(request, [counters])
    arm = _arm("all", request, counters)
    high = _extreme(request, counters, absent, hits=True)
    low = _extreme(request, counters, absent, hits=False)
    worst, best = (low, high) if request.indicator.better == "higher" else (high, low)
    return _quantity(request, (arm,), arm.estimate, arm.interval, worst, best, [counters], absent)


def _gap(cells: Cells, request: Request, missing: Mapping[str, int]) -> Measured:
    watched = count(cells, request, Watch.MONITORED)
    unwatched = count(cells, request, Watch.UNMONITORED)
    absent = _absent(request, missing)
    if not watched.sums.total or not unwatched.sums.total:
        return _unmeasured(request, [watched, unwatched])
    arms = (_arm("monitored", request, watched), _arm("unmonitored", request, unwatched))
    difference = arms[0].estimate - arms[1].estimate
    interval = newcombe(_effective(arms[0]), _effective(arms[1]), request.confidence)
    # a missing sample could belong to either arm, so both extremes take all of them
    highest = [
        newcombe(first, second, request.confidence).upper
        for first in extremes(watched.shapes, absent, hits=True)
        for second in extremes(unwatched.shapes, absent, hits=False)
    ]
    lowest = [
        newcombe(first, second, request.confidence).lower
        for first in extremes(watched.shapes, absent, hits=False)
        for second in extremes(unwatched.shapes, absent, hits=True)
    ]
    worst = Interval(
        min(interval.lower, *lowest),
        max(interval.upper, *highest),
        request.confidence,
        "Newcombe over both extremes",
    )
    return _quantity(
        request, arms, difference, interval, worst, interval, [watched, unwatched], absent
    )


def _coverage(cells: Cells, request: Request) -> Measured:
    counters = hours_with_records(cells, request)
    if not counters.outcomes["records"]:
        return Unmeasured(
            request,
            "no record of these sources lies in the period",
            "monitoring records dated within the period",
        )
    k, n = counters.seen
    exact = Interval(k / n, k / n, 1.0, "complete count")
    arm = Arm("all", k, n, n, float(n), exact, 0, 0)
    return _quantity(request, (arm,), k / n, None, exact, exact, [counters], 0)


def _arm(name: str, request: Request, counters: Counters) -> Arm:
    sums = counters.sums
    size = effective_size(sums)
    k, n = counters.seen
    is_weighted = len(counters.rates) > 1 or (counters.rates and sum(counters.rates.values()) < n)
    return Arm(
        name=name,
        numerator=k,
        denominator=n,
        weighted=sums.successes / sums.total if is_weighted else None,
        clusters=sums.clusters,
        effective_size=size,
        interval=_interval(request, sums.successes / sums.total * size, size),
        undecided=counters.undecided,
        errors=counters.errors,
    )


def _interval(request: Request, successes: float, total: float) -> Interval:
    method = clopper_pearson if request.indicator.interval == "clopper-pearson" else wilson
    return method(min(successes, total), total, request.confidence)


def _extreme(request: Request, counters: Counters, absent: int, *, hits: bool) -> Interval:
    """The interval when all that is unknown were hits, or none of it; wide enough for both ends."""
    pairs = extremes(counters.shapes, absent, hits=hits)
    main, *others = [_interval(request, successes, size) for successes, size in pairs]
    lower = main.lower if hits else min([main.lower, *(i.lower for i in others)])
    upper = max([main.upper, *(i.upper for i in others)]) if hits else main.upper
    return Interval(lower, upper, main.confidence, main.method)


def _effective(arm: Arm) -> tuple[float, float]:
    return arm.estimate * arm.effective_size, arm.effective_size


def _absent(request: Request, missing: Mapping[str, int]) -> int:
    return sum(missing.get(source, 0) for source in request.sources)


def _quantity(
    request: Request,
    arms: tuple[Arm, ...],
    estimate: float,
    interval: Interval | None,
    worst: Interval,
    best: Interval,
    counters: list[Counters],
    missing: int,
) -> Quantity:
    firsts = [c.first_at for c in counters if c.first_at is not None]
    lasts = [c.last_at for c in counters if c.last_at is not None]
    return Quantity(
        request=request,
        estimate=estimate,
        interval=interval,
        worst=worst,
        best=best,
        arms=arms,
        outcomes=_added(c.outcomes for c in counters),
        models=_added(c.models for c in counters),
        bases=_added(c.bases for c in counters),
        sources=_added(c.sources for c in counters),
        suites=tuple(sorted({suite for c in counters for suite in c.suites})),
        missing=missing,
        first_at=min(firsts, default=None),
        last_at=max(lasts, default=None),
        watch_bases=tuple(sorted({basis for c in counters for basis in c.watch_bases})),
        rates=_added(c.rates for c in counters),
    )


def _added(tallies: Iterable[Mapping[Key, int]]) -> dict[Key, int]:
    out: dict[Key, int] = {}
    for tally in tallies:
        for name, number in tally.items():
            out[name] = out.get(name, 0) + number
    return dict(sorted(out.items()))


def _unmeasured(request: Request, counters: list[Counters]) -> Unmeasured:
    undecided = sum(c.undecided for c in counters)
    errors = sum(c.errors for c in counters)
    indicator = request.indicator
    if indicator.shape == "gap" and any(c.sums.total for c in counters):
        missing_arm = "monitored" if not counters[0].sums.total else "unmonitored"
        reason = f"no decided record in the {missing_arm} arm"
        wanted = f"records with watch condition {missing_arm}"
    elif undecided or errors:
        reason = f"nothing was decided: {undecided} undecided, {errors} failed"
        wanted = "samples that ran, with scores that a declared rule reads as outcomes"
    else:
        reason = "no record fits: none of these sources holds what this indicator counts"
        wanted = f"{indicator.records if indicator.records != 'any' else ''} records".strip()
        if indicator.expected is not None:
            wanted += f" whose expected behaviour is {indicator.expected.value}"
        if indicator.only_attacks:
            wanted += " with an attack strategy"
    return Unmeasured(request, reason, wanted, undecided, errors)
