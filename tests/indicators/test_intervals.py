"""Every interval against published numbers and against foreign implementations."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.api import OLS
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from auditgen.indicators.inference.clusters import ClusterShape, ClusterSums, effective_size, extremes
from auditgen.indicators.inference.differences import newcombe
from auditgen.indicators.inference.distributions import beta_cdf, beta_quantile, normal_quantile
from auditgen.indicators.inference.proportions import (
    Interval,
    clopper_pearson,
    trials_to_show,
    wilson,
    zero_event_upper,
)

MANY = settings(deadline=None, max_examples=300)
CONFIDENCE = st.sampled_from([0.8, 0.9, 0.95, 0.99, 0.999])


@st.composite
def counts(draw: st.DrawFn, largest: int = 20_000) -> tuple[int, int]:
    total = draw(st.integers(1, largest))
    return draw(st.integers(0, total)), total


@pytest.mark.parametrize(
    ("k", "n", "by_wilson", "exact"),
    [  # Newcombe 1998, Stat Med 17:857, table I
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_published_intervals_of_one_proportion(
    k: int, n: int, by_wilson: tuple[float, float], exact: tuple[float, float]
) -> None:
    a, b = wilson(k, n), clopper_pearson(k, n)
    assert (a.lower, a.upper) == pytest.approx(by_wilson, abs=5e-5)
    assert (b.lower, b.upper) == pytest.approx(exact, abs=5e-5)


@pytest.mark.parametrize(
    ("n", "bound"), [(20, 0.139), (100, 0.0295), (299, 0.00997), (2995, 0.00100)]
)
def test_published_bounds_after_zero_events(n: int, bound: float) -> None:
    assert zero_event_upper(n) == pytest.approx(bound, abs=6e-4 if n == 20 else 6e-5)
    assert zero_event_upper(n) == pytest.approx(stats.beta.ppf(0.95, 1, n))


@pytest.mark.parametrize(
    ("first", "second", "published"),
    [  # Newcombe 1998, Stat Med 17:873, method 10; the last one Fagerland
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
        ((7, 34), (1, 34), (0.0189, 0.3404)),
    ],
)
def test_published_intervals_of_a_difference(
    first: tuple[int, int], second: tuple[int, int], published: tuple[float, float]
) -> None:
    found = newcombe(first, second)
    assert (found.lower, found.upper) == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize(
    ("training", "unmonitored", "lower", "upper"),
    [  # Greenblatt et al. 2024, table 5: refusals of 400, difference in points
        (324, 381, 9.89, 18.71),
        (377, 398, 2.95, 8.00),
        (400, 400, -0.95, 0.95),
        (400, 395, -2.89, -0.06),
        (293, 284, -8.44, 3.96),
        (396, 399, -0.55, 2.31),
        (227, 227, -6.83, 6.83),
        (308, 306, -6.35, 5.35),
        (374, 396, 2.95, 8.42),
        (399, 400, -0.72, 1.40),
        (248, 332, 14.89, 26.90),
        (112, 364, 57.40, 67.83),
    ],
)
def test_published_refusals_of_twelve_set_ups(
    training: int, unmonitored: int, lower: float, upper: float
) -> None:
    found = newcombe((unmonitored, 400), (training, 400))
    assert (100 * found.lower, 100 * found.upper) == pytest.approx((lower, upper), abs=5e-3)


@MANY
@given(pair=counts(), confidence=CONFIDENCE)
def test_one_proportion_as_statsmodels_has_it(pair: tuple[int, int], confidence: float) -> None:
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "beta")):
        found = ours(*pair, confidence)
        theirs = proportion_confint(*pair, alpha=1 - confidence, method=method)
        assert (found.lower, found.upper) == pytest.approx(theirs, abs=1e-8)


@MANY
@given(a=counts(3000), b=counts(3000), confidence=CONFIDENCE)
def test_a_difference_as_statsmodels_has_it(
    a: tuple[int, int], b: tuple[int, int], confidence: float
) -> None:
    found = newcombe(a, b, confidence)
    theirs = confint_proportions_2indep(
        *a, *b, method="newcomb", compare="diff", alpha=1 - confidence
    )
    assert (found.lower, found.upper) == pytest.approx(theirs, abs=1e-9)


def _holds(interval: Interval, value: float) -> bool:
    return interval.lower - 1e-12 <= value <= interval.upper + 1e-12


@MANY
@given(pair=counts(), confidence=CONFIDENCE)
def test_the_interval_holds_the_estimate_and_is_never_a_point(
    pair: tuple[int, int], confidence: float
) -> None:
    k, n = pair
    for method in (wilson, clopper_pearson):
        found = method(k, n, confidence)
        assert 0 <= found.lower < found.upper <= 1
        assert _holds(found, k / n)
        assert (found.lower == 0) == (k == 0)
        assert (found.upper == 1) == (k == n)
        mirrored = method(n - k, n, confidence)
        assert (1 - mirrored.upper, 1 - mirrored.lower) == pytest.approx(
            (found.lower, found.upper), abs=1e-9
        )


@MANY
@given(pair=counts(2000), size=st.floats(1, 2000), more=st.floats(1, 2000))
def test_bounds_move_with_what_was_seen(pair: tuple[int, int], size: float, more: float) -> None:
    k, n = pair
    for method in (wilson, clopper_pearson):
        if k < n:
            assert method(k, n).lower <= method(k + 1, n).lower + 1e-12
            assert method(k, n).upper <= method(k + 1, n).upper + 1e-12
        p, (small, large) = k / n, sorted((size, size + more))
        a, b = method(p * small, small), method(p * large, large)
        assert a.lower <= b.lower + 1e-10
        assert a.upper >= b.upper - 1e-10


@MANY
@given(a=counts(3000), b=counts(3000))
def test_a_difference_is_antisymmetric(a: tuple[int, int], b: tuple[int, int]) -> None:
    one, other = newcombe(a, b), newcombe(b, a)
    assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower), abs=1e-12)
    assert _holds(one, a[0] / a[1] - b[0] / b[1])
    assert one.lower < one.upper


@pytest.mark.parametrize("pair", [(1, 0), (-1, 5), (6, 5), (0, 0), (math.nan, 5)])
def test_impossible_counts_are_refused(pair: tuple[float, float]) -> None:
    for method in (wilson, clopper_pearson):
        with pytest.raises(ValueError, match="need 0 <= successes <= total"):
            method(*pair)


@MANY
@given(n=st.integers(1, 120), k=st.integers(1, 120), x=st.fractions(0, 1, max_denominator=1000))
def test_the_beta_function_is_the_tail_of_a_binomial(n: int, k: int, x: Fraction) -> None:
    """P(at least k of n) = I_x(k, n - k + 1), DLMF 8.17.5: here summed in exact fractions."""
    k = min(k, n)
    tail = sum(math.comb(n, i) * x**i * (1 - x) ** (n - i) for i in range(k, n + 1))
    assert beta_cdf(float(x), k, n - k + 1) == pytest.approx(float(tail), rel=1e-9, abs=1e-13)


@settings(deadline=None, max_examples=150)
@given(a=st.floats(0.5, 1e4), b=st.floats(0.5, 1e4), x=st.floats(1e-3, 1 - 1e-3))
def test_the_beta_function_and_its_complement(a: float, b: float, x: float) -> None:
    assert beta_cdf(x, a, b) + beta_cdf(1 - x, b, a) == pytest.approx(1, abs=1e-7)
    assert beta_cdf(-x - 1e-9, a, b) == 0.0
    assert beta_cdf(1 + x + 1e-9, a, b) == 1.0


@settings(deadline=None, max_examples=60)
@given(p=st.floats(1e-4, 0.9999), a=st.floats(0.5, 1e5), b=st.floats(0.5, 1e5))
def test_beta_quantiles_turn_back(p: float, a: float, b: float) -> None:
    assert beta_cdf(beta_quantile(p, a, b), a, b) == pytest.approx(p, rel=1e-6, abs=1e-9)


def test_the_normal_quantile() -> None:
    assert normal_quantile(0.95) == pytest.approx(stats.norm.ppf(0.975))


@MANY
@given(limit=st.floats(1e-5, 0.9), confidence=CONFIDENCE)
def test_trials_to_show_is_the_least_number(limit: float, confidence: float) -> None:
    n = trials_to_show(limit, confidence)
    assert zero_event_upper(n, confidence) <= limit * (1 + 1e-9)
    assert n == 1 or zero_event_upper(n - 1, confidence) > limit * (1 - 1e-9)


@pytest.mark.parametrize(("limit", "trials"), [(0.01, 299), (0.001, 2995), (0.1, 29), (0.5, 5)])
def test_how_many_trials_are_needed(limit: float, trials: int) -> None:
    assert trials_to_show(limit) == trials


# repeats of a prompt

SHAPES = st.lists(
    st.tuples(st.integers(1, 6), st.integers(0, 6), st.integers(1, 4)).map(
        lambda t: ClusterShape(min(t[1], t[0]), t[0], 0, t[2])
    ),
    min_size=1,
    max_size=8,
)


def _rows(shapes: list[ClusterShape]) -> tuple[list[int], list[int]]:
    values: list[int] = []
    groups: list[int] = []
    group = 0
    for shape in shapes:
        for _ in range(shape.clusters):
            values += [1] * shape.hits + [0] * (shape.decided - shape.hits)
            groups += [group] * shape.decided
            group += 1
    return values, groups


def test_the_published_clustered_error() -> None:
    values, groups = [1, 1, 0, 0, 1, 0], [0, 0, 1, 1, 2, 2]
    sums = ClusterSums.of([ClusterShape(2, 2, 0), ClusterShape(0, 2, 0), ClusterShape(1, 2, 0)])
    assert sums == ClusterSums(3, 6, 3, 5, 6, 12)
    p = sums.successes / sums.total
    clustered = math.sqrt(sums.sum_kk - 2 * p * sums.sum_kn + p * p * sums.sum_nn) / sums.total
    assert clustered == pytest.approx(0.235702, abs=1e-6)
    fit = OLS(values, np.ones(6)).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    assert clustered == pytest.approx(float(fit.bse[0]))


@MANY
@given(shapes=SHAPES)
def test_the_effective_size_is_that_of_the_clustered_error(shapes: list[ClusterShape]) -> None:
    sums = ClusterSums.of(shapes)
    size = effective_size(sums)
    floor = sums.total**2 / sums.sum_nn
    assert floor - 1e-9 <= size <= sums.total + 1e-9
    assert floor <= sums.clusters + 1e-9
    if all(shape.decided == 1 for shape in shapes):
        assert size == sums.total
    values, groups = _rows(shapes)
    p = sums.successes / sums.total
    if sums.clusters > 1 and 0 < p < 1:
        fit = OLS(values, np.ones(len(values))).fit(
            cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
        )
        g = sums.clusters
        variance = float(fit.bse[0]) ** 2 * g / (g - 1)
        wanted = p * (1 - p) / variance if variance > 0 else math.inf
        assert size == pytest.approx(min(max(wanted, floor), sums.total))


def test_no_records_have_no_size() -> None:
    assert effective_size(ClusterSums.of([])) == 0


def test_identical_repeats_count_as_one() -> None:
    sums = ClusterSums.of([ClusterShape(5, 5, 0, 3), ClusterShape(0, 5, 0, 7)])
    assert effective_size(sums) == pytest.approx(10)


@MANY
@given(shapes=SHAPES, hits=st.booleans())
def test_with_nothing_unknown_the_extreme_is_the_plain_count(
    shapes: list[ClusterShape], hits: bool
) -> None:
    sums = ClusterSums.of(shapes)
    size = effective_size(sums)
    (successes, total), *others = extremes(shapes, 0, hits=hits)
    assert total == pytest.approx(size)
    assert successes == pytest.approx(sums.successes / sums.total * size)
    assert all(n <= total + 1e-9 and s == (0 if hits else n) for s, n in others)


@settings(deadline=None, max_examples=200)
@given(
    shapes=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)).map(
            lambda t: ClusterShape(t[0], t[0] + t[1], t[2])
        ),
        min_size=2,
        max_size=6,
    ).filter(
        lambda s: sum(x.decided for x in s) > 0 and all(x.decided + x.undetermined for x in s)
    ),
    absent=st.integers(0, 3),
    seed=st.integers(0, 2**32),
)
def test_no_completion_lies_outside_the_extremes(
    shapes: list[ClusterShape], absent: int, seed: int
) -> None:
    def bound(pairs: tuple[tuple[float, float], ...], low: bool) -> float:
        intervals = [wilson(min(s, n), n) for s, n in pairs]
        return min(i.lower for i in intervals) if low else max(i.upper for i in intervals)

    lower = bound(extremes(shapes, absent, hits=False), low=True)
    upper = bound(extremes(shapes, absent, hits=True), low=False)
    chance = random.Random(seed)
    for _ in range(20):
        rest = chance.randint(0, absent)
        completed = []
        for shape in shapes:
            joined = chance.randint(0, rest)
            rest -= joined
            more = shape.undetermined + joined
            completed.append(
                ClusterShape(shape.hits + chance.randint(0, more), shape.decided + more, 0)
            )
        completed += [ClusterShape(chance.randint(0, 1), 1, 0) for _ in range(rest)]
        sums = ClusterSums.of(completed)
        size = effective_size(sums)
        found = wilson(min(size, sums.successes / sums.total * size), size)
        assert lower <= found.lower + 1e-9
        assert upper >= found.upper - 1e-9


# less evidence never helps

Cluster = tuple[int, int, int]
"""Hits, misses and undetermined results of one prompt."""
CLUSTERS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=9
)


def _shapes(clusters: list[Cluster]) -> list[ClusterShape]:
    return [ClusterShape(h, h + m, u) for h, m, u in clusters if h + m + u]


def _worst(clusters: list[Cluster], absent: int, confidence: float) -> list[float]:
    """Negated lower and plain upper bounds: none may ever fall."""
    shapes = _shapes(clusters)
    low, high = extremes(shapes, absent, hits=False), extremes(shapes, absent, hits=True)
    out = []
    for method in (wilson, clopper_pearson):
        out.append(-min(method(min(s, n), n, confidence).lower for s, n in low))
        out.append(max(method(min(s, n), n, confidence).upper for s, n in high))
    return out


def _worst_gap(
    first: list[Cluster], second: list[Cluster], absent: int, confidence: float
) -> list[float]:
    ends = [
        (extremes(_shapes(c), absent, hits=False), extremes(_shapes(c), absent, hits=True))
        for c in (first, second)
    ]
    (low1, high1), (low2, high2) = ends
    return [
        -min(newcombe(a, b, confidence).lower for a in low1 for b in high2),
        max(newcombe(a, b, confidence).upper for a in high1 for b in low2),
    ]


@settings(deadline=None, max_examples=400)
@given(
    first=CLUSTERS.filter(lambda c: sum(h + m for h, m, _ in c) > 1),
    second=CLUSTERS.filter(lambda c: sum(h + m for h, m, _ in c) > 0),
    absent=st.integers(0, 4),
    confidence=CONFIDENCE,
    data=st.data(),
)
def test_taking_evidence_away_never_improves_a_bound(
    first: list[Cluster], second: list[Cluster], absent: int, confidence: float, data: st.DataObject
) -> None:
    """A decided result becomes undetermined, or absent, or one of the other arm becomes absent."""
    at = data.draw(st.sampled_from([i for i, (h, m, _) in enumerate(first) if h + m]))
    hits, misses, open_ = first[at]
    is_hit = data.draw(st.sampled_from([x for x in (True, False) if (hits if x else misses)]))
    vanishes = data.draw(st.booleans())
    less = [*first]
    less[at] = (hits - is_hit, misses - (not is_hit), open_ + (not vanishes))
    now_absent = absent + vanishes
    before = [
        *_worst(first, absent, confidence),
        *_worst(second, absent, confidence),
        *_worst_gap(first, second, absent, confidence),
        *_worst_gap(second, first, absent, confidence),
    ]
    after = [
        *_worst(less, now_absent, confidence),
        *_worst(second, now_absent, confidence),
        *_worst_gap(less, second, now_absent, confidence),
        *_worst_gap(second, less, now_absent, confidence),
    ]
    assert all(new >= old - 1e-9 for old, new in zip(before, after, strict=True))
