"""Pairs: Tango's interval against the numeric likelihood, exact McNemar against scipy."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar

from auditgen.indicators import difference_interval, mcnemar_exact, paired_difference_interval
from auditgen.indicators.inference import paired
from auditgen.indicators.inference.paired import (
    Table,
    mcnemar_statistic,
    newcombe_paired,
    paired_error,
    tango,
    tango_statistic,
)

MANY = settings(deadline=None, max_examples=150)
METHODS = ["tango", "newcombe"]
CELLS = st.tuples(*[st.integers(0, 120)] * 4).filter(any)


@pytest.mark.parametrize("method", METHODS)
@MANY
@given(table=CELLS, confidence=st.sampled_from([0.8, 0.95, 0.999]))
@example(table=(54, 0, 0, 0), confidence=0.95)
@example(table=(0, 5, 0, 0), confidence=0.95)
@example(table=(0, 0, 1, 0), confidence=0.95)
def test_an_interval_holds_its_estimate_and_turns_with_its_arms(
    method: str, table: Table, confidence: float
) -> None:
    a, b, c, d = table
    found = paired_difference_interval(a, b, c, d, method, confidence)
    assert -1 <= found.lower <= (b - c) / sum(table) <= found.upper <= 1
    assert found.lower < found.upper
    assert found.confidence == confidence
    turned = paired_difference_interval(a, c, b, d, method, confidence)
    assert (found.lower, found.upper) == pytest.approx((-turned.upper, -turned.lower), abs=1e-9)
    # what is called yes matters for the sign only
    relabelled = paired_difference_interval(d, c, b, a, method, confidence)
    assert (found.lower, found.upper) == pytest.approx((-relabelled.upper, -relabelled.lower), abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
@MANY
@given(table=CELLS, factor=st.integers(2, 20))
def test_more_pairs_of_the_same_kind_are_narrower(method: str, table: Table, factor: int) -> None:
    small = paired_difference_interval(*table, method)
    a, b, c, d = (factor * x for x in table)
    large = paired_difference_interval(a, b, c, d, method)
    assert large.upper - large.lower < small.upper - small.lower


def numeric_z(table: Table, difference: float) -> float:
    """Tango's statistic with P(second only) by numeric search of its likelihood."""
    a, b, c, d = table
    n = sum(table)

    def minus(q: float) -> float:
        cells = ((b, q + difference), (c, q), (a + d, 1 - 2 * q - difference))
        return -sum(k * math.log(p) if k else 0.0 for k, p in cells)

    low, high = max(0.0, -difference), (1 - difference) / 2
    margin = (high - low) * 1e-12
    q = optimize.minimize_scalar(
        minus, bounds=(low + margin, high - margin), method="bounded", options={"xatol": 1e-13}
    ).x
    return (b - c - n * difference) / math.sqrt(n * (2 * q + difference - difference**2))


@MANY
@given(table=CELLS, difference=st.floats(-0.95, 0.95))
@example(table=(0, 0, 0, 1), difference=-0.2)
@example(table=(0, 1, 0, 0), difference=-0.2)
@example(table=(1, 0, 1, 0), difference=0.3)
def test_the_statistic_is_that_of_the_likelihood(table: Table, difference: float) -> None:
    found = tango_statistic(table, difference)
    if abs(difference) > 1e-3:
        assert found == pytest.approx(numeric_z(table, difference), rel=2e-4, abs=2e-4)


@MANY
@given(table=CELLS)
def test_at_no_difference_it_is_mcnemars(table: Table) -> None:
    _, b, c, _ = table
    found = tango_statistic(table, 0.0)
    if b + c:
        assert found == pytest.approx((b - c) / math.sqrt(b + c), abs=1e-12)
        assert found**2 == pytest.approx(mcnemar_statistic(b, c), abs=1e-9)
    else:
        assert found == 0.0


@MANY
@given(table=CELLS, confidence=st.sampled_from([0.8, 0.95]))
def test_both_ends_are_rejected_exactly_at_the_level(table: Table, confidence: float) -> None:
    found = tango(table, confidence)
    z = stats.norm.ppf(0.5 + confidence / 2)
    for end, sign in ((found.lower, 1), (found.upper, -1)):
        if abs(end) < 1 - 1e-6:
            assert tango_statistic(table, end) == pytest.approx(sign * z, rel=1e-5)


def test_what_leaves_no_variance_is_contradicted_or_not() -> None:
    assert tango_statistic((0, 5, 0, 0), 1.0) == 0.0
    assert tango_statistic((1, 5, 0, 0), 1.0) == -math.inf
    assert tango_statistic((0, 0, 5, 1), -1.0) == math.inf


@MANY
@given(b=st.integers(0, 300), c=st.integers(0, 300))
def test_the_exact_test_as_others_have_it(b: int, c: int) -> None:
    found = mcnemar_exact(b, c)
    assert found == mcnemar_exact(c, b)
    wanted = mcnemar([[0, b], [c, 0]], exact=True).pvalue if b + c else 1.0
    assert found == pytest.approx(wanted, rel=1e-9)
    if b + c:
        assert found == pytest.approx(stats.binomtest(b, b + c).pvalue, rel=1e-9)
        for is_corrected in (False, True):
            by_others = mcnemar([[0, b], [c, 0]], exact=False, correction=is_corrected).statistic
            if abs(b - c) >= is_corrected:  # theirs counts |0 - 1| as 1
                assert mcnemar_statistic(b, c, is_corrected=is_corrected) == pytest.approx(by_others)


def test_many_pairs_are_summed_by_the_beta_function() -> None:
    most = paired.EXACT_PAIRS
    for b, c in ((most // 2 - 90, most // 2 + 90), (most // 2 - 90, most // 2 + 91), (50_000, 51_000)):
        wanted = 2 * stats.binom.cdf(min(b, c), b + c, 0.5)
        assert mcnemar_exact(b, c) == pytest.approx(wanted, rel=1e-6)
    assert mcnemar_exact(10_000, 10_000) == 1.0
    assert mcnemar_exact(0, most) == 0.0 or mcnemar_exact(0, most) < 1e-300


@pytest.mark.parametrize("n", [1, 7, 400])
def test_arms_that_could_not_differ_more_end_exactly(n: int) -> None:
    for method in METHODS:
        assert paired_difference_interval(0, n, 0, 0, method).upper == 1.0
        assert paired_difference_interval(0, 0, n, 0, method).lower == -1.0


def test_edges_of_the_tests() -> None:
    assert mcnemar_exact(0, 0) == 1.0
    assert mcnemar_exact(0, 5) == 2 / 32
    assert mcnemar_exact(5, 5) == 1.0
    assert mcnemar_statistic(4, 4, is_corrected=True) == 0.0
    assert mcnemar_statistic(9, 4, is_corrected=True) == 16 / 13
    with pytest.raises(ValueError, match="need a discordant pair"):
        mcnemar_statistic(0, 0)
    assert paired_error(10, 0, 0, 5) == 0.0
    assert paired_error(0, 1, 0, 0) == 0.0


@MANY
@given(table=CELLS)
def test_the_wald_error_is_that_of_the_differences(table: Table) -> None:
    a, b, c, d = table
    values = [0] * (a + d) + [1] * b + [-1] * c
    wanted = math.sqrt(sum((v - sum(values) / len(values)) ** 2 for v in values)) / len(values)
    assert paired_error(a, b, c, d) == pytest.approx(wanted, abs=1e-9)


def test_pairs_that_agree_narrow_the_interval() -> None:
    """The same margins, once with pairs that go together and once without."""
    together, apart = newcombe_paired((40, 10, 2, 48)), newcombe_paired((21, 29, 21, 29))
    independent = difference_interval(50, 100, 42, 100)
    assert (together.lower, together.upper) != (apart.lower, apart.upper)
    assert together.upper - together.lower < apart.upper - apart.lower
    assert together.upper - together.lower < independent.upper - independent.lower
    # cells that say nothing of each other leave the independent interval
    assert (apart.lower, apart.upper) == pytest.approx((independent.lower, independent.upper), abs=1e-12)


def test_the_correlation_is_taken_towards_none() -> None:
    """By hand: phi = (ad - bc - n/2) / sqrt of the margins where ad > bc, unchanged where ad < bc."""
    for table, numerator in (
        ((40, 10, 2, 48), 40 * 48 - 20 - 50),
        ((3, 2, 2, 3), 0),
        ((2, 30, 20, 3), 6 - 600),
        ((1, 1, 1, 2), 0),
    ):
        a, b, c, d = table
        n = sum(table)
        one = stats.binomtest(a + b, n).proportion_ci(method="wilson")
        two = stats.binomtest(a + c, n).proportion_ci(method="wilson")
        phi = numerator / math.sqrt((a + b) * (c + d) * (a + c) * (b + d))
        u, v = (a + b) / n - one.low, two.high - (a + c) / n
        lower = (b - c) / n - math.sqrt(u * u - 2 * phi * u * v + v * v)
        u, v = one.high - (a + b) / n, (a + c) / n - two.low
        upper = (b - c) / n + math.sqrt(u * u - 2 * phi * u * v + v * v)
        found = newcombe_paired(table)
        assert (found.lower, found.upper) == pytest.approx((max(-1, lower), min(1, upper)), abs=1e-9)


def test_the_names_that_are_printed() -> None:
    assert tango((1, 2, 3, 4)).method == "Tango"
    assert newcombe_paired((1, 2, 3, 4)).method == "Newcombe (paired)"
    assert paired_difference_interval(1, 2, 3, 4) == tango((1, 2, 3, 4), 0.95)
    assert newcombe_paired((1, 2, 3, 4)).confidence == 0.95


BAD: list[tuple[tuple[Any, Any, Any, Any], str]] = [
    ((-1, 1, 1, 1), "`a` must be at least 0, got -1"),
    ((1, 1.0, 1, 1), "`b` must be a whole number, got 1.0"),
    ((1, 1, math.nan, 1), "`c` must be a whole number, got nan"),
    ((1, 1, 1, None), "`d` must be a whole number, got None"),
    ((0, 0, 0, 0), "need at least one pair: all four cells are 0"),
]


@pytest.mark.parametrize(("table", "words"), BAD)
def test_what_is_no_table_is_refused(table: tuple[Any, Any, Any, Any], words: str) -> None:
    for method in METHODS:
        with pytest.raises(ValueError, match=f"^{words}$"):
            paired_difference_interval(*table, method)
    with pytest.raises(ValueError, match=f"^{words}$"):
        paired_error(*table)


def test_methods_levels_and_pairs_are_checked() -> None:
    with pytest.raises(ValueError, match="^`wald` is no method here; known: tango, newcombe$"):
        paired_difference_interval(1, 2, 3, 4, "wald")
    for method in METHODS:
        with pytest.raises(ValueError, match="`confidence` must be between 0 and 1"):
            paired_difference_interval(1, 2, 3, 4, method, 0.0)
    for call in (mcnemar_exact, mcnemar_statistic):
        with pytest.raises(ValueError, match="`b` must be at least 0, got -1"):
            call(-1, 2)
        with pytest.raises(ValueError, match="`c` must be a whole number, got 2.5"):
            call(1, 2.5)  # type: ignore[arg-type]
