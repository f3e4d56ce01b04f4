"""One proportion: what must hold for every interval and bound, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditgen.indicators import proportion_interval
from auditgen.indicators.inference import checks
from auditgen.indicators.inference.distributions import (
    beta_quantile,
    binomial_cdf,
    log_beta,
    normal_quantile,
    normal_tail,
    one_sided_quantile,
    student_quantile,
    student_tails,
)
from auditgen.indicators.inference.proportions import (
    clopper_pearson,
    one_sided_bounds,
    trials_to_show,
    wilson,
    zero_event_upper,
)
from auditgen.indicators.inference.search import edge

MANY = settings(deadline=None, max_examples=150)
METHODS = ["wilson", "clopper-pearson"]


@st.composite
def counts(draw: st.DrawFn, largest: int = 5_000) -> tuple[int, int]:
    total = draw(st.integers(1, largest))
    return draw(st.integers(0, total)), total


@pytest.mark.parametrize("method", METHODS)
@MANY
@given(pair=counts(), confidence=st.sampled_from([0.5, 0.8, 0.95, 0.999]))
def test_an_interval_holds_its_estimate_and_ends_exactly(
    method: str, pair: tuple[int, int], confidence: float
) -> None:
    k, n = pair
    found = proportion_interval(k, n, method, confidence)
    assert 0.0 <= found.lower <= k / n <= found.upper <= 1.0
    assert found.lower < found.upper
    assert (found.lower == 0.0) == (k == 0)
    assert (found.upper == 1.0) == (k == n)
    assert found.confidence == confidence


def test_the_ends_are_exact_however_many_records() -> None:
    """Rounded as it stands, Wilson's formula misses 0 for 236 of the first thousand sizes."""
    for n in (*range(1, 1001), 10**6, 10**12):
        assert proportion_interval(0, n).lower == 0.0
        assert proportion_interval(n, n).upper == 1.0
        assert wilson(1, n).lower <= 1 / n <= wilson(1, n).upper
    for n in (1, 7, 10**6):
        assert proportion_interval(0, n, "clopper-pearson").lower == 0.0
        assert proportion_interval(n, n, "clopper-pearson").upper == 1.0


def test_the_names_and_levels_that_are_usual() -> None:
    assert [proportion_interval(1, 4, m).method for m in METHODS] == ["Wilson", "Clopper-Pearson"]
    assert clopper_pearson(1, 4) == proportion_interval(1, 4, "clopper-pearson", 0.95)
    assert wilson(1, 4) == proportion_interval(1, 4, "wilson", 0.95)
    assert trials_to_show(0.01) == trials_to_show(0.01, 0.95) == 299
    assert zero_event_upper(1) == pytest.approx(0.95)


@pytest.mark.parametrize("method", METHODS)
@MANY
@given(pair=counts(500), factor=st.integers(2, 30))
def test_more_records_at_the_same_rate_are_narrower(method: str, pair: tuple[int, int], factor: int) -> None:
    k, n = pair
    small = proportion_interval(k, n, method)
    large = proportion_interval(factor * k, factor * n, method)
    assert large.upper - large.lower < small.upper - small.lower


@MANY
@given(pair=counts(2000), confidence=st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_exact_interval_is_wider_in_all_and_never_less_sure(
    pair: tuple[int, int], confidence: float
) -> None:
    k, n = pair
    exact = proportion_interval(k, n, "clopper-pearson", confidence)
    surer = proportion_interval(k, n, "clopper-pearson", (1 + confidence) / 2)
    assert surer.lower <= exact.lower
    assert exact.upper <= surer.upper
    assert surer.upper - surer.lower > exact.upper - exact.lower
    # each end leaves exactly its tail to the data
    tail = (1 - confidence) / 2
    if k:
        assert stats.binom.sf(k - 1, n, exact.lower) == pytest.approx(tail, rel=1e-6)
    if k < n:
        assert stats.binom.cdf(k, n, exact.upper) == pytest.approx(tail, rel=1e-6)


@MANY
@given(pair=counts(3000), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_the_ends_of_wilson_are_rejected_exactly_at_the_level(
    pair: tuple[int, int], confidence: float
) -> None:
    k, n = pair
    found = proportion_interval(k, n, confidence=confidence)
    z = stats.norm.ppf(0.5 + confidence / 2)
    for end, sign in ((found.lower, 1), (found.upper, -1)):
        if 0 < end < 1:
            assert (k / n - end) / math.sqrt(end * (1 - end) / n) == pytest.approx(sign * z, rel=1e-7)


@MANY
@given(pair=counts(1000), confidence=st.sampled_from([0.6, 0.9, 0.95]))
def test_one_sided_bounds_are_ends_of_a_wider_promise(pair: tuple[int, int], confidence: float) -> None:
    for method in METHODS:
        lower, upper = one_sided_bounds(*pair, method, confidence)
        double = proportion_interval(*pair, method, 2 * confidence - 1)
        assert (lower, upper) == pytest.approx((double.lower, double.upper), abs=1e-12)


def test_one_sided_bounds_say_what_zero_events_say() -> None:
    assert one_sided_bounds(0, 299, "clopper-pearson")[1] == pytest.approx(zero_event_upper(299), rel=1e-12)
    assert one_sided_bounds(0, 299, "clopper-pearson")[0] == 0.0
    wanted = stats.binomtest(5, 20, alternative="greater").proportion_ci(0.95, "wilson").low
    assert one_sided_bounds(5, 20)[0] == pytest.approx(wanted, rel=1e-9)
    assert one_sided_bounds(5, 20, confidence=0.5) == pytest.approx((0.25, 0.25))
    with pytest.raises(ValueError, match="`confidence` must be at least 0.5, got 0.49"):
        one_sided_bounds(5, 20, confidence=0.49)


def test_numbers_of_other_libraries_are_counts_too() -> None:
    assert proportion_interval(np.int64(5), np.int32(9)) == proportion_interval(5, 9)


BAD_COUNTS: list[tuple[Any, Any, str]] = [
    (5, 4, "`k` must not exceed `n`, got 5 of 4"),
    (0, 0, "`n` must be at least 1, got 0"),
    (-1, 4, "`k` must be at least 0, got -1"),
    (1, -4, "`n` must be at least 1, got -4"),
    (1.0, 4, "`k` must be a whole number, got 1.0"),
    (1, 4.5, "`n` must be a whole number, got 4.5"),
    (math.nan, 4, "`k` must be a whole number, got nan"),
    (True, 4, "`k` must be a whole number, got True"),
    ("1", 4, "`k` must be a whole number, got '1'"),
    (None, 4, "`k` must be a whole number, got None"),
]


@pytest.mark.parametrize(("k", "n", "words"), BAD_COUNTS)
def test_what_is_no_count_is_refused(k: Any, n: Any, words: str) -> None:
    for method in METHODS:
        with pytest.raises(ValueError, match=f"^{words}$"):
            proportion_interval(k, n, method)
        with pytest.raises(ValueError, match=f"^{words}$"):
            one_sided_bounds(k, n, method)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 1.5, 95, math.nan, math.inf])
def test_what_is_no_level_is_refused(confidence: float) -> None:
    for call in (
        lambda: proportion_interval(1, 4, "wilson", confidence),
        lambda: proportion_interval(1, 4, "clopper-pearson", confidence),
        lambda: one_sided_bounds(1, 4, "wilson", confidence),
        lambda: normal_quantile(confidence),
        lambda: student_quantile(confidence, 3),
        lambda: zero_event_upper(4, confidence),
        lambda: trials_to_show(0.1, confidence),
    ):
        with pytest.raises(ValueError, match="`confidence` must be between 0 and 1, got"):
            call()


def test_an_unknown_method_names_the_known_ones() -> None:
    for call in (proportion_interval, one_sided_bounds):
        with pytest.raises(ValueError, match="^`wald` is no method here; known: wilson, clopper-pearson$"):
            call(1, 4, "wald")


@pytest.mark.parametrize("total", [0, -3, 2.5])
def test_bounds_after_nothing_need_trials(total: Any) -> None:
    with pytest.raises(ValueError, match="`total` must be"):
        zero_event_upper(total)


@pytest.mark.parametrize("limit", [0.0, 1.0, math.nan])
def test_a_limit_lies_between(limit: float) -> None:
    with pytest.raises(ValueError, match="`limit` must be between 0 and 1"):
        trials_to_show(limit)


@pytest.mark.parametrize(("successes", "total"), [(1, math.inf), (1, math.nan), (0, 0), (2, 1)])
def test_effective_sizes_are_finite(successes: float, total: float) -> None:
    for method in (wilson, clopper_pearson):
        with pytest.raises(ValueError, match="need 0 <= successes <= total and total > 0"):
            method(successes, total)


def test_checks_of_numbers() -> None:
    assert checks.fraction("x", 0) == 0.0
    assert checks.fraction("x", 1) == 1.0
    assert checks.positive("x", 2) == 2.0
    assert checks.finite("x", -2) == -2.0
    assert checks.whole("x", 0) == 0
    for bad in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="^`x` must be from 0 to 1, got"):
            checks.fraction("x", bad)
    for bad in (0, 1):
        with pytest.raises(ValueError, match="^`x` must be between 0 and 1, got"):
            checks.fraction("x", bad, open_=True)
    for bad in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="^`x` must be a finite number above 0, got"):
            checks.positive("x", bad)
    for bad in (math.inf, -math.inf, math.nan):
        with pytest.raises(ValueError, match="^`x` must be finite, got"):
            checks.finite("x", bad)


# distributions


@MANY
@given(p=st.floats(0.001, 0.9999), degrees=st.floats(1, 5000))
def test_student_as_scipy_has_it(p: float, degrees: float) -> None:
    t = student_quantile(p, degrees)
    assert t == pytest.approx(stats.t.ppf(0.5 + p / 2, degrees), rel=1e-6)
    assert student_tails(t, degrees) == pytest.approx(1 - p, rel=1e-5)
    assert student_tails(-t, degrees) == student_tails(t, degrees)


def test_student_far_out_and_refused() -> None:
    assert student_tails(math.inf, 3) == 0.0
    assert student_tails(-math.inf, 3) == 0.0
    assert student_tails(0.0, 3) == 1.0
    assert student_tails(40.0, 30) == pytest.approx(2 * stats.t.sf(40, 30), rel=1e-6)
    for call in (student_quantile, student_tails):
        with pytest.raises(ValueError, match="`degrees` must be a finite number above 0"):
            call(0.5, 0)


@MANY
@given(n=st.integers(1, 400), k=st.integers(-2, 402), p=st.floats(0, 1))
def test_the_binomial_as_scipy_has_it(n: int, k: int, p: float) -> None:
    assert binomial_cdf(k, n, p) == pytest.approx(stats.binom.cdf(k, n, p), rel=1e-7, abs=1e-14)


def test_the_normal_and_the_beta_as_scipy_has_them() -> None:
    for z in (-40.0, -3.0, 0.0, 1.0, 3.0, 9.0, 37.0):
        assert normal_tail(z) == pytest.approx(stats.norm.sf(z), rel=1e-9)
    for p in (0.001, 0.3, 0.5, 0.95, 0.9999):
        assert one_sided_quantile(p) == pytest.approx(stats.norm.ppf(p), abs=1e-9)
    for p in (0.0, 1.0):
        with pytest.raises(ValueError, match="`probability` must be between 0 and 1"):
            one_sided_quantile(p)
    assert log_beta(3, 4) == pytest.approx(
        math.log(math.factorial(2) * math.factorial(3) / math.factorial(6))
    )
    for a in (1e-3, 0.02, 0.5):  # far down, where an absolute tolerance would see 0
        assert beta_quantile(1e-3, a * 100, 1e6) == pytest.approx(
            stats.beta.ppf(1e-3, a * 100, 1e6), rel=1e-9
        )


def test_the_edge_of_a_condition() -> None:
    assert edge(lambda x: x <= 0.3, 0.0, 1.0) == 0.3
    assert edge(lambda x: x >= 0.3, 1.0, 0.0) == 0.3
    assert edge(lambda x: x <= 2, 0.0, 1.0) == 1.0
    assert edge(lambda x: x <= 1e-30, 0.0, 1.0) == 1e-30
    asked: list[float] = []
    edge(lambda x: bool(asked.append(x)) or x < 1e-300, 0.0, 1.0)
    assert len(asked) <= 201
