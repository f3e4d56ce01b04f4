"""The difference of two independent rates: closed form against numeric likelihood; a library that errs."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.proportion import confint_proportions_2indep

from auditgen.indicators import difference_interval
from auditgen.indicators.inference.differences import (
    mee,
    miettinen_nurminen,
    newcombe,
    restricted_rates,
    score_statistic,
)

MANY = settings(deadline=None, max_examples=150)
METHODS = ["newcombe", "miettinen-nurminen", "mee"]
SCORES = {"miettinen-nurminen": True, "mee": False}
Tables = tuple[int, int, int, int]


@st.composite
def tables(draw: st.DrawFn, largest: int = 300) -> Tables:
    n1, n2 = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    return draw(st.integers(0, n1)), n1, draw(st.integers(0, n2)), n2


def likelihood(table: Tables, p2: float, d: float) -> float:
    k1, n1, k2, n2 = table
    return sum(
        k * math.log(p) if k else 0.0
        for k, p in ((k1, p2 + d), (n1 - k1, 1 - p2 - d), (k2, p2), (n2 - k2, 1 - p2))
    )


def numeric_rates(table: Tables, d: float) -> tuple[float, float]:
    """The restricted maximum by search, without the cubic."""
    low, high = max(0.0, -d), min(1.0, 1 - d)
    found = optimize.minimize_scalar(
        lambda p2: -likelihood(table, p2, d),
        bounds=(low + 1e-13, high - 1e-13),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return found.x + d, found.x


@MANY
@given(table=tables(), d=st.floats(-0.99, 0.99))
@example(table=(11, 11, 79, 79), d=-1e-6)  # where the cubic alone is 3e-12 beyond
@example(table=(73, 73, 19, 19), d=-1e-8)
@example(table=(0, 11, 0, 79), d=1e-8)
def test_the_restricted_rates_are_the_likeliest(table: Tables, d: float) -> None:
    k1, n1, k2, n2 = table
    p1, p2 = restricted_rates((k1, n1), (k2, n2), d)
    assert 0 <= p1 <= 1
    assert 0 <= p2 <= 1
    assert p1 - p2 == pytest.approx(d, abs=1e-15)
    q1, q2 = numeric_rates(table, d)
    inside = min(max(p2, max(0.0, -d) + 1e-13), min(1.0, 1 - d) - 1e-13)
    assert likelihood(table, inside, d) >= likelihood(table, q2, d) - 1e-5
    assert (p1, p2) == pytest.approx((q1, q2), abs=2e-5)


def test_at_no_difference_the_rates_are_pooled() -> None:
    assert restricted_rates((3, 10), (9, 20), 0.0) == pytest.approx((0.4, 0.4))
    # far from the data, where the likelihood is steep
    assert restricted_rates((1, 50), (49, 50), 0.9) == pytest.approx(
        numeric_rates((1, 50, 49, 50), 0.9), abs=1e-6
    )


def numeric_end(table: Tables, confidence: float, upward: bool, is_corrected: bool) -> float:
    """One end of the score interval, with the numeric likelihood and scipy's root search."""
    k1, n1, k2, n2 = table
    z = stats.norm.ppf(0.5 + confidence / 2)
    observed = k1 / n1 - k2 / n2
    factor = (n1 + n2) / (n1 + n2 - 1) if is_corrected else 1.0

    def excess(d: float) -> float:
        p1, p2 = numeric_rates(table, d)
        variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * factor
        return (observed - d) ** 2 - z * z * variance

    limit = (1 - 1e-9) if upward else -(1 - 1e-9)
    if excess(limit) <= 0:
        return math.copysign(1.0, limit)
    return float(optimize.brentq(excess, observed, limit, xtol=1e-10))


@pytest.mark.parametrize("method", SCORES)
@pytest.mark.parametrize(
    "table",
    [
        (56, 70, 48, 80),
        (9, 10, 3, 10),
        (6, 7, 2, 7),
        (5, 56, 1, 29),
        (1, 30, 29, 30),
        (40, 400, 30, 100),
        (3, 7, 200, 900),
    ],
)
def test_the_score_intervals_by_another_way(table: Tables, method: str) -> None:
    for confidence in (0.8, 0.95, 0.99):
        found = difference_interval(*table, method, confidence)
        wanted = [numeric_end(table, confidence, up, SCORES[method]) for up in (False, True)]
        assert [found.lower, found.upper] == pytest.approx(wanted, abs=2e-6)
        assert found.confidence == confidence


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_library_that_is_wrong() -> None:
    """statsmodels' score interval solves another cubic (statsmodels/statsmodels#10269); ours beside it."""
    table = (56, 70, 48, 80)
    ours = difference_interval(*table, "miettinen-nurminen")
    true = [numeric_end(table, 0.95, up, is_corrected=True) for up in (False, True)]
    assert [ours.lower, ours.upper] == pytest.approx(true, abs=1e-6)
    assert [round(ours.lower, 4), round(ours.upper, 4)] == [0.0528, 0.3382]
    theirs = confint_proportions_2indep(*table, method="score", compare="diff")
    is_mended = theirs == pytest.approx(true, abs=1e-6)
    assert is_mended or [round(end, 4) for end in theirs] == [0.0526, 0.3440]
    if not is_mended:
        with pytest.raises(ValueError, match="sign"):
            confint_proportions_2indep(9, 10, 3, 10, method="score", compare="diff")


@pytest.mark.parametrize("method", METHODS)
@MANY
@given(table=tables(), confidence=st.sampled_from([0.8, 0.95, 0.999]))
@example(table=(400, 400, 400, 400), confidence=0.95)
@example(table=(0, 1, 0, 1), confidence=0.95)
@example(table=(1, 1, 0, 1), confidence=0.95)
def test_an_interval_holds_its_estimate_and_turns_with_its_arms(
    method: str, table: Tables, confidence: float
) -> None:
    k1, n1, k2, n2 = table
    found = difference_interval(*table, method, confidence)
    assert -1 <= found.lower <= k1 / n1 - k2 / n2 <= found.upper <= 1
    assert found.lower < found.upper
    assert found.confidence == confidence
    turned = difference_interval(k2, n2, k1, n1, method, confidence)
    assert (found.lower, found.upper) == pytest.approx((-turned.upper, -turned.lower), abs=1e-9)
    mirrored = difference_interval(n1 - k1, n1, n2 - k2, n2, method, confidence)
    assert (found.lower, found.upper) == pytest.approx((-mirrored.upper, -mirrored.lower), abs=1e-9)


@MANY
@given(table=tables(), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_the_factor_makes_the_score_interval_wider(table: Tables, confidence: float) -> None:
    k1, n1, k2, n2 = table
    wide = miettinen_nurminen((k1, n1), (k2, n2), confidence)
    narrow = mee((k1, n1), (k2, n2), confidence)
    assert wide.lower <= narrow.lower
    assert narrow.upper <= wide.upper


@pytest.mark.parametrize("method", METHODS)
@MANY
@given(table=tables(60), factor=st.integers(2, 20))
def test_more_records_at_the_same_rates_are_narrower(method: str, table: Tables, factor: int) -> None:
    small = difference_interval(*table, method)
    k1, n1, k2, n2 = (factor * x for x in table)
    large = difference_interval(k1, n1, k2, n2, method)
    assert large.upper - large.lower < small.upper - small.lower


@MANY
@given(table=tables())
def test_the_score_statistic_at_no_difference_is_pearsons(table: Tables) -> None:
    k1, n1, k2, n2 = table
    z = score_statistic((k1, n1), (k2, n2), 0.0, is_corrected=False)
    if 0 < k1 + k2 < n1 + n2:
        cells = [[k1, n1 - k1], [k2, n2 - k2]]
        wanted = stats.chi2_contingency(cells, correction=False).statistic
        assert z * z == pytest.approx(wanted, rel=1e-8, abs=1e-10)
        corrected = score_statistic((k1, n1), (k2, n2), 0.0)
        assert corrected == pytest.approx(z * math.sqrt((n1 + n2 - 1) / (n1 + n2)), rel=1e-10)
    else:
        assert z == 0.0


@MANY
@given(table=tables(), confidence=st.sampled_from([0.8, 0.95]))
def test_the_statistic_falls_and_is_the_quantile_at_both_ends(table: Tables, confidence: float) -> None:
    k1, n1, k2, n2 = table
    found = miettinen_nurminen((k1, n1), (k2, n2), confidence)
    z = stats.norm.ppf(0.5 + confidence / 2)
    for end, sign in ((found.lower, 1), (found.upper, -1)):
        if abs(end) < 1 - 1e-6:
            assert score_statistic((k1, n1), (k2, n2), end) == pytest.approx(sign * z, rel=1e-5)
    grid = [score_statistic((k1, n1), (k2, n2), d / 20) for d in range(-19, 20)]
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(grid))


def test_what_leaves_no_variance_is_contradicted_or_not() -> None:
    assert score_statistic((9, 10), (0, 10), 1.0) == -math.inf
    assert score_statistic((1, 10), (10, 10), -1.0) == math.inf
    assert score_statistic((10, 10), (0, 10), 1.0) == 0.0


@pytest.mark.parametrize("sizes", [(1, 1), (3, 7), (10, 20), (400, 400)])
def test_arms_that_could_not_differ_more_end_exactly(sizes: tuple[int, int]) -> None:
    n1, n2 = sizes
    for method in METHODS:
        assert difference_interval(n1, n1, 0, n2, method).upper == 1.0
        assert difference_interval(0, n1, n2, n2, method).lower == -1.0


def test_the_names_that_are_printed() -> None:
    for method in (newcombe, miettinen_nurminen, mee):
        assert method((1, 5), (2, 5)) == method((1, 5), (2, 5), 0.95)
    assert [difference_interval(1, 5, 2, 5, m).method for m in METHODS] == [
        "Newcombe (Wilson)",
        "Miettinen-Nurminen",
        "Mee",
    ]
    assert difference_interval(56, 70, 48, 80) == difference_interval(56, 70, 48, 80, "newcombe", 0.95)


BAD: list[tuple[tuple[Any, Any, Any, Any], str]] = [
    ((5, 4, 1, 4), "`k1` must not exceed `n1`, got 5 of 4"),
    ((1, 4, 5, 4), "`k2` must not exceed `n2`, got 5 of 4"),
    ((0, 0, 1, 4), "`n1` must be at least 1, got 0"),
    ((1, 4, 0, 0), "`n2` must be at least 1, got 0"),
    ((-1, 4, 1, 4), "`k1` must be at least 0, got -1"),
    ((1, 4, 1.5, 4), "`k2` must be a whole number, got 1.5"),
    ((1, 4, math.nan, 4), "`k2` must be a whole number, got nan"),
]


@pytest.mark.parametrize(("table", "words"), BAD)
def test_what_is_no_count_is_refused(table: tuple[Any, Any, Any, Any], words: str) -> None:
    for method in METHODS:
        with pytest.raises(ValueError, match=f"^{words}$"):
            difference_interval(*table, method)


def test_methods_levels_and_effective_sizes_are_checked() -> None:
    with pytest.raises(
        ValueError, match="^`score` is no method here; known: newcombe, miettinen-nurminen, mee$"
    ):
        difference_interval(1, 4, 1, 4, "score")
    for method in METHODS:
        with pytest.raises(ValueError, match="`confidence` must be between 0 and 1"):
            difference_interval(1, 4, 1, 4, method, 1.0)
    for sample in ((0.1, 0.5), (3.0, 2.0), (1.0, math.inf), (-1.0, 4.0), (math.nan, 4.0)):
        for first, second in ((sample, (1, 4)), ((1, 4), sample)):
            with pytest.raises(ValueError, match="need 0 <= successes <= total and total >= 1"):
                mee(first, second)
    assert mee((0.5, 1), (1.5, 3)).lower < 0 < mee((0.5, 1), (1.5, 3)).upper
