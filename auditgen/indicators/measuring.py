"""From counters to quantities: every rate, interval and rounding is computed here, once."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from auditgen.indicators.counters import Counters, count, hours_with_records, unevaluated
from auditgen.indicators.inference.clusters import ClusterShape, ClusterSums, effective_size, extremes
from auditgen.indicators.inference.differences import newcombe
from auditgen.indicators.inference.paired import tango
from auditgen.indicators.inference.proportions import Interval, clopper_pearson, wilson
from auditgen.indicators.model import Arm, Measured, Quantity, Stratum, Unmeasured
from auditgen.indicators.pairing import Conditional, conditional, design
from auditgen.indicators.published import pooled, with_figures

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from auditgen.evidence.model import Incident
    from auditgen.indicators.cells import Cells
    from auditgen.indicators.definition import Side
    from auditgen.indicators.model import Request

Key = TypeVar("Key", str, float)
NOWHERE: Mapping[str, int] = {}


def measure(
    cells: Cells,
    requests: Sequence[Request],
    missing: Mapping[str, int] | None = None,
    incidents: Mapping[str, Sequence[Incident]] | None = None,
) -> dict[str, Measured]:
    """Each request's quantity, by its id.

    `missing`: planned samples that are absent from a source's files, by source id. They count against
    the promise in the worst case. `incidents`: by source id.
    """
    return {
        request.id: measure_one(cells, request, missing or NOWHERE, incidents or {}) for request in requests
    }


def measure_one(
    cells: Cells,
    request: Request,
    missing: Mapping[str, int],
    incidents: Mapping[str, Sequence[Incident]],
) -> Measured:
    """One request. Published counts are never counted together with records."""
    return pooled(cells, request) or with_figures(cells, _measured(cells, request, missing, incidents))


def _measured(
    cells: Cells,
    request: Request,
    missing: Mapping[str, int],
    incidents: Mapping[str, Sequence[Incident]],
) -> Measured:
    absent = sum(missing.get(source, 0) for source in request.sources)
    match request.indicator.shape:
        case "rate":
            return _rate(request, count(cells, request), absent)
        case "gap":
            return _gap(cells, request, absent)
        case "conditional":
            return _conditional(cells, request, absent)
        case "standardised-gap":
            return _standardised(cells, request, absent)
        case "coverage":
            return _complete(request, hours_with_records(cells, request))
        case "unevaluated":
            return _complete(request, unevaluated(cells, request))
        case "delay":
            listed = [(source, i) for source in request.sources for i in incidents.get(source, ())]
            return _delay(request, listed, absent)


def _rate(request: Request, counters: Counters, absent: int) -> Measured:
    if counters.sums.total == 0:
        return _unmeasured(request, [counters])
    arm = _arm("all", request, counters)
    high = _extreme(request, counters, absent, hits=True)
    low = _extreme(request, counters, absent, hits=False)
    worst, best = (low, high) if request.indicator.better == "higher" else (high, low)
    quantity = _quantity(request, (arm,), arm.estimate, arm.interval, worst, best, [counters], absent)
    return replace(quantity, by_prompt=_by_prompt(request, counters, absent))


def _by_prompt(request: Request, counters: Counters, absent: int) -> tuple[float, int] | None:
    """The mean over prompts of their own rates in the worst case; None where all were asked equally often.

    A missing sample is a prompt of its own here: nobody knows of which it was a repeat.
    """
    shapes = counters.shapes
    is_uneven = len({shape.decided + shape.undetermined for shape in shapes}) > 1
    # records of a sampled log weigh unlike for another reason
    if request.indicator.unit != "prompt" or counters.heaviest != 1.0 or not is_uneven:
        return None
    is_bad_a_hit = request.indicator.better == "lower"
    total = float(absent if is_bad_a_hit else 0)
    for shape in shapes:
        hits = shape.hits + (shape.undetermined if is_bad_a_hit else 0)
        total += shape.clusters * hits / (shape.decided + shape.undetermined)
    prompts = sum(shape.clusters for shape in shapes) + absent
    return total / prompts, prompts


def _sides(request: Request) -> tuple[Side, Side]:
    arms = request.indicator.arms
    assert arms is not None
    return arms.first, arms.second


def _gap(cells: Cells, request: Request, absent: int) -> Measured:
    sides = _sides(request)
    first, second = (count(cells, request, side) for side in sides)
    if not first.sums.total or not second.sums.total:
        return _unmeasured(request, [first, second])
    arms = (_arm(sides[0].name, request, first), _arm(sides[1].name, request, second))
    found = design(cells, request)
    level = _two_one_sided(request)
    outer = _unpaired_extreme(request, first, second, absent)
    # records that are missing, or undecided, must not choose the interval: both count where they could
    if found.may_be_paired(absent):
        outer = _hull(outer, found.extreme(absent, request.confidence))
    if found.is_paired:
        pairs = found.pairs
        complete = (pairs.both, pairs.first_only, pairs.second_only, pairs.neither)
        if sum(complete):
            both = (
                _arm_of_pairs(arms[0], request, pairs.both + pairs.first_only, complete),
                _arm_of_pairs(arms[1], request, pairs.both + pairs.second_only, complete),
            )
            interval = tango(complete, request.confidence)
            narrow = None if level <= 0 else tango(complete, level)
            worst = _hull(interval, outer if absent else found.extreme(0, request.confidence))
            difference = (pairs.first_only - pairs.second_only) / sum(complete)
            quantity = _quantity(
                request, both, difference, interval, worst, interval, [first, second], absent
            )
            outside = arms[0].denominator + arms[1].denominator - 2 * sum(complete)
            return replace(quantity, pairs=pairs, outside=outside, narrow=narrow)
    difference = arms[0].estimate - arms[1].estimate
    interval = newcombe(_effective(arms[0]), _effective(arms[1]), request.confidence)
    quantity = _quantity(
        request, arms, difference, interval, _hull(interval, outer), interval, [first, second], absent
    )
    narrow = None if level <= 0 else newcombe(_effective(arms[0]), _effective(arms[1]), level)
    return replace(quantity, narrow=narrow)


def _unpaired_extreme(request: Request, first: Counters, second: Counters, absent: int) -> Interval:
    """Of independent arms; a missing sample could belong to either, so both extremes take all of them."""
    highest = [
        newcombe(one, two, request.confidence).upper
        for one in extremes(first.shapes, absent * first.heaviest, hits=True)
        for two in extremes(second.shapes, absent * second.heaviest, hits=False)
    ]
    lowest = [
        newcombe(one, two, request.confidence).lower
        for one in extremes(first.shapes, absent * first.heaviest, hits=False)
        for two in extremes(second.shapes, absent * second.heaviest, hits=True)
    ]
    return Interval(min(lowest), max(highest), request.confidence, "Newcombe over both extremes")


def _two_one_sided(request: Request) -> float:
    """The level 1 - 2 alpha where the request's is 1 - alpha; none is left where alpha is half or more."""
    return 2 * request.confidence - 1


def _arm_of_pairs(arm: Arm, request: Request, hits: int, table: tuple[int, int, int, int]) -> Arm:
    """One side of the complete pairs: what has no partner stands in neither numerator nor denominator."""
    n = sum(table)
    return replace(
        arm,
        numerator=hits,
        denominator=n,
        weighted=None,
        clusters=n,
        effective_size=float(n),
        interval=_interval(request, hits, n),
    )


def _hull(inner: Interval, outer: Interval) -> Interval:
    lower, upper = min(inner.lower, outer.lower), max(inner.upper, outer.upper)
    return replace(outer, lower=lower, upper=upper)


def _conditional(cells: Cells, request: Request, absent: int) -> Measured:
    sides = _sides(request)
    pressed = count(cells, request, sides[0])
    found = conditional(cells, request)
    decided = [s for s in found.shapes if s.decided]
    counters = replace(
        pressed,
        seen=(
            round(sum(s.clusters * s.hits for s in decided)),
            round(sum(s.clusters * s.decided for s in decided)),
        ),
        sums=ClusterSums.of(found.shapes),
        shapes=found.shapes,
        rates={},
        undecided=round(sum(s.clusters * s.undetermined for s in found.shapes)),
        errors=0,
    )
    if not counters.sums.total:
        return Unmeasured(
            request,
            _why_not_conditional(request, found, pressed, counters.undecided),
            f"the same prompts both {sides[1].name} and {sides[0].name}, the former withheld",
            counters.undecided,
        )
    # a prompt under pressure that nobody asked plainly says nothing either way
    quantity = _rate(request, counters, absent)
    assert isinstance(quantity, Quantity)
    is_low = request.indicator.better == "higher"
    worst, best = (
        _outermost(
            request,
            [replace(counters, shapes=way) for way in found.ways(absent, hits=hits)],
            absent,
            hits=hits,
        )
        for hits in (not is_low, is_low)
    )
    return replace(quantity, worst=worst, best=best, outside=found.unpaired + found.excluded)


def _outermost(request: Request, ways: Sequence[Counters], absent: int, *, hits: bool) -> Interval:
    """Of several sets of clusters the interval that lies farthest, as wide as the widest of them."""
    found = [_extreme(request, way, absent, hits=hits) for way in ways if way.shapes]
    return max(found, key=lambda i: i.upper) if hits else min(found, key=lambda i: i.lower)


def _why_not_conditional(request: Request, found: Conditional, pressed: Counters, undecided: int) -> str:
    """Why no prompt that counts is decided on both sides."""
    hard, plain = (side.name for side in _sides(request))
    if not sum(pressed.outcomes.values()):
        return f"no record was {hard}"
    if found.excluded and not found.unpaired and not undecided:
        return f"no prompt was withheld when {plain}: {found.excluded} were answered even so"
    if not (found.excluded or undecided or found.undecided):
        return (
            f"no prompt stands on both sides: {found.unpaired} were only {hard},"
            " so nobody knows which of them are withheld by themselves"
        )
    parts = [
        f"{number} {words}"
        for number, words in (
            (found.excluded, f"prompts were answered even when {plain}"),
            (undecided, f"records {hard} are undecided, or their prompt is when {plain}"),
            (found.unpaired, f"prompts were only {hard}"),
        )
        if number
    ]
    return f"no prompt that was withheld when {plain} is decided when {hard}: {'; '.join(parts)}"


def _standardised(cells: Cells, request: Request, absent: int) -> Measured:
    """Difference of rates with the second arm's mix (direct standardisation).

    Square-and-add of the strata's limits (Yan and Su 2010; Zou and Donner 2008).
    """
    sides = _sides(request)
    by = request.indicator.standardise_by
    assert by is not None
    whole = [count(cells, request, side) for side in sides]
    if not all(c.sums.total for c in whole):
        return _unmeasured(request, whole)
    strata = {}
    chosen = request.where.get(by)
    for name in cells.words[by]:
        if name is None or not str(name) or (chosen is not None and str(name) not in chosen):
            continue
        narrowed = replace(request, where={**request.where, by: (str(name),)})
        strata[str(name)] = tuple(count(cells, narrowed, side) for side in sides)
    shared = {
        name: (first, second)
        for name, (first, second) in strata.items()
        if first.sums.total and second.sums.total
    }
    if not shared:
        reason = f"no {by} holds decided records of both {sides[0].name} and {sides[1].name}"
        return Unmeasured(request, reason, f"records whose `{by}` has the same names on both sides")
    sizes = {name: _size(second) for name, (_, second) in shared.items()}
    total = sum(sizes.values())
    weights = {name: size / total for name, size in sizes.items()}
    arms = tuple(
        _standardised_arm(
            side.name, request, {name: found[number] for name, found in shared.items()}, weights
        )
        for number, side in enumerate(sides)
    )
    interval = _square_and_add(arms[0], arms[1], request.confidence)
    worst = _widest(request, strata, set(shared), absent)
    quantity = _quantity(
        request,
        arms,
        arms[0].estimate - arms[1].estimate,
        interval,
        _hull(interval, worst),
        interval,
        whole,
        absent,
    )
    inside = sum(c.seen[1] for found in shared.values() for c in found)
    return replace(
        quantity,
        outside=sum(c.seen[1] for c in whole) - inside,
        strata=tuple(
            Stratum(name, weights[name], first.seen, second.seen)
            for name, (first, second) in sorted(shared.items())
        ),
    )


def _size(counters: Counters) -> float:
    """All records of an arm, decided or not: what they turn out to be must not change their weight."""
    return sum(s.clusters * (s.decided + s.undetermined) for s in counters.shapes)


def _standardised_arm(
    name: str, request: Request, strata: Mapping[str, Counters], weights: Mapping[str, float]
) -> Arm:
    parts = {stratum: _arm(stratum, request, counters) for stratum, counters in strata.items()}
    estimate = sum(weights[s] * arm.estimate for s, arm in parts.items())
    down = math.sqrt(sum((weights[s] * (a.estimate - a.interval.lower)) ** 2 for s, a in parts.items()))
    up = math.sqrt(sum((weights[s] * (a.interval.upper - a.estimate)) ** 2 for s, a in parts.items()))
    interval = Interval(
        max(0.0, estimate - down), min(1.0, estimate + up), request.confidence, "Wilson by stratum"
    )
    return Arm(
        name=name,
        numerator=sum(arm.numerator for arm in parts.values()),
        denominator=sum(arm.denominator for arm in parts.values()),
        weighted=estimate,
        clusters=sum(arm.clusters for arm in parts.values()),
        effective_size=sum(arm.effective_size for arm in parts.values()),
        interval=interval,
        undecided=sum(arm.undecided for arm in parts.values()),
        errors=sum(arm.errors for arm in parts.values()),
    )


def _square_and_add(first: Arm, second: Arm, confidence: float) -> Interval:
    difference = first.estimate - second.estimate
    one, two = first.interval, second.interval
    down = math.hypot(first.estimate - one.lower, two.upper - second.estimate)
    up = math.hypot(one.upper - first.estimate, second.estimate - two.lower)
    method = "Newcombe by stratum, standardised"
    return Interval(max(-1.0, difference - down), min(1.0, difference + up), confidence, method)


def _widest(
    request: Request, strata: Mapping[str, tuple[Counters, ...]], shared: Collection[str], absent: int
) -> Interval:
    """Every open record gone the way that moves the difference most, in every stratum it could lie in.

    The sum of the strata's own extremes: wider than any completion. A stratum that one arm does not decide
    counts where that moves the difference; missing records could lie in one where it is all or nothing.
    """
    known = {name: found for name, found in strata.items() if _size(found[1]) and (_size(found[0]) or absent)}
    ends = []
    for hits, sign in ((False, -1.0), (True, 1.0)):
        found = {
            name: _bound(request, first, absent, hits=hits) - _bound(request, second, absent, hits=not hits)
            for name, (first, second) in known.items()
        }
        size = absent + sum(_size(known[name][1]) for name in shared)
        moved = absent * sign + sum(_size(known[name][1]) * found[name] for name in shared)
        for name in sorted(found.keys() - set(shared), key=lambda name: -sign * found[name]):
            if sign * found[name] * size <= sign * moved:
                break
            size += _size(known[name][1])
            moved += _size(known[name][1]) * found[name]
        ends.append(moved / size)
    lower, upper = max(-1.0, ends[0]), min(1.0, ends[1])
    return Interval(lower, upper, request.confidence, "sum of the strata's extremes")


def _bound(request: Request, counters: Counters, absent: int, *, hits: bool) -> float:
    if not counters.shapes:
        return float(hits)
    ends = extremes(counters.shapes, absent * counters.heaviest, hits=hits)
    found = [_interval(request, k, n) for k, n in ends]
    return max(i.upper for i in found) if hits else min(i.lower for i in found)


def _complete(request: Request, counters: Counters) -> Measured:
    """A complete count: no sampling error, no interval."""
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


def _delay(request: Request, incidents: Sequence[tuple[str, Incident]], absent: int) -> Measured:
    """Incidents (with their sources) that took no longer than the limit. Without both times: undecided."""
    rule, limit = request.indicator.delay, request.limit_hours
    assert rule is not None
    if limit is None or not incidents:
        reason = "no time limit was declared" if limit is None else "no incident was handed in"
        wanted = "`limit_hours` in the criterion" if limit is None else "an incident list, even an empty one"
        return Unmeasured(request, reason, wanted)
    known = [
        (source, start, end)
        for source, incident in incidents
        if (start := getattr(incident, rule.from_)) is not None
        and (end := getattr(incident, rule.to)) is not None
        and end >= start
    ]
    hits = sum(1 for _, start, end in known if end - start <= timedelta(hours=limit))
    unsure = len(incidents) - len(known)
    shapes = tuple(
        shape
        for shape in (
            ClusterShape(1, 1, 0, hits),
            ClusterShape(0, 1, 0, len(known) - hits),
            ClusterShape(0, 0, 1, unsure),
        )
        if shape.clusters
    )
    times: list[datetime] = [start for _, start, _ in known]
    counters = Counters(
        seen=(hits, len(known)),
        sums=ClusterSums.of(shapes),
        shapes=shapes,
        rates={},
        undecided=unsure,
        errors=0,
        outcomes={"incidents": len(incidents)},
        models={},
        bases={},
        sources=dict(sorted(Counter(source for source, _, _ in known).items())),
        suites=(),
        watch_bases=(),
        first_at=min(times, default=None),
        last_at=max(times, default=None),
    )
    if not known:
        return Unmeasured(
            request,
            f"none of {len(incidents)} incidents has both `{rule.from_}` and `{rule.to}`",
            "incidents with both times",
            unsure,
        )
    return _rate(request, counters, absent)


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
    pairs = extremes(counters.shapes, absent * counters.heaviest, hits=hits)
    main, *others = [_interval(request, successes, size) for successes, size in pairs]
    lower = main.lower if hits else min([main.lower, *(i.lower for i in others)])
    upper = max([main.upper, *(i.upper for i in others)]) if hits else main.upper
    return Interval(lower, upper, main.confidence, main.method)


def _effective(arm: Arm) -> tuple[float, float]:
    return arm.estimate * arm.effective_size, arm.effective_size


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
    if indicator.arms is not None and any(c.sums.total for c in counters):
        empty, *_ = (s for s, c in zip(_sides(request), counters, strict=True) if not c.sums.total)
        reason = f"no decided record in the {empty.name} arm"
        condition = "watch condition" if indicator.arms.by == "watch" else f"`{indicator.arms.by}`"
        wanted = f"records with {condition} {' or '.join(empty.values)}"
    elif undecided or errors:
        reason = f"nothing was decided: {undecided} undecided, {errors} failed"
        wanted = "samples that ran, with scores that a declared rule reads as outcomes"
        if indicator.denominator.labels:
            told = " and ".join(f"`{name}`" for name in indicator.denominator.labelled)
            wanted = f"records with the label {told}, mapped in `map.labels`"
    else:
        reason = "no record fits: none of these sources holds what this indicator counts"
        wanted = f"{indicator.records if indicator.records != 'any' else ''} records".strip()
        expected = indicator.filters.get("expected")
        if expected is not None:
            wanted += f" whose expected behaviour is {' or '.join(expected)}"
        if indicator.filters.get("attack") == ("yes",):
            wanted += " with an attack strategy"
        labels = indicator.denominator.labelled
        if labels:
            wanted += f" with the label {' and '.join(f'`{name}`' for name in labels)}"
    return Unmeasured(request, reason, wanted, undecided, errors)
