"""Charts of a process: limits by another way, states that can be stopped and taken up, what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditgen.indicators.inference import cusum
from auditgen.indicators.inference.charts import Ewma, Point, ewma_half_width, p_chart, p_limits
from auditgen.indicators.inference.cusum import (
    BernoulliCusum,
    Cusum,
    bernoulli_threshold,
    bernoulli_weights,
    run_length,
)

MANY = settings(deadline=None, max_examples=150)
FEW = settings(deadline=None, max_examples=40)
VALUES = st.lists(st.floats(-50, 50), max_size=30)


@MANY
@given(centre=st.floats(0, 1), n=st.integers(1, 400), width=st.sampled_from([2.0, 3.0]))
def test_limits_of_a_p_chart(centre: float, n: int, width: float) -> None:
    lower, upper, is_exact = p_limits(centre, n, width)
    assert 0 <= lower <= upper <= 1
    assert is_exact == (n * min(centre, 1 - centre) < 5)
    if not is_exact:
        half = width * math.sqrt(centre * (1 - centre) / n)
        assert (lower, upper) == pytest.approx((max(0, centre - half), min(1, centre + half)))
        return
    tail = stats.norm.sf(width)
    low, high = round(lower * n), round(upper * n)
    assert (lower, upper) == (low / n, high / n)
    # beyond the limits lies at most the tail; one closer would be too much
    assert stats.binom.sf(high, n, centre) <= tail + 1e-12
    assert high == 0 or stats.binom.sf(high - 1, n, centre) > tail - 1e-12
    assert stats.binom.cdf(low - 1, n, centre) <= tail + 1e-12
    assert low == n or stats.binom.cdf(low, n, centre) > tail - 1e-12


def test_the_normal_limits_start_at_five_expected() -> None:
    assert p_limits(0.25, 20)[2] is False
    assert p_limits(0.25, 19)[2] is True
    assert p_limits(0.75, 20)[2] is False
    assert p_limits(0.75, 19)[2] is True
    # where the usual limits would call one hit in 50 a signal
    assert p_limits(0.002, 50)[:2] == (0.0, 0.04)
    assert p_limits(0.0, 50) == (0.0, 0.0, True)
    assert p_limits(1.0, 50) == (1.0, 1.0, True)


def test_periods_have_limits_of_their_own_size() -> None:
    chart = p_chart([10, 5, 20], [100, 50, 200])
    assert chart.centre == pytest.approx(0.1)
    small, large = chart.judge(20, 100), chart.judge(200, 1000)
    assert (small.fraction, large.fraction) == (0.2, 0.2)
    assert (small.signal, large.signal) == ("above", "above")
    assert small.upper == pytest.approx(0.19)
    assert chart.judge(19, 100).signal == ""
    assert large.upper < small.upper
    assert chart.judge(5, 1000).signal == "below"
    assert chart.judge(0, 10) == Point(0.0, 0.0, 0.5, True)
    assert chart.judge(6, 10).signal == "above"
    assert p_chart([10], [100], 2.0).judge(17, 100).signal == "above"
    assert p_chart([10], [100]).judge(17, 100).signal == ""


def test_the_first_phase_stays_and_revisions_are_logged() -> None:
    chart = p_chart([1, 2, 30, 3], [100, 100, 100, 100])
    for k in (50, 0, 70):
        chart.judge(k, 100)
    assert chart.centre == 0.09
    once = chart.revised({2: "a wrong prompt was deployed"})
    twice = once.revised({3: "test traffic"})
    assert once.centre == pytest.approx(0.02)
    assert twice.centre == pytest.approx(0.015)
    assert twice.excluded == ((2, "a wrong prompt was deployed"), (3, "test traffic"))
    assert len(twice.points()) == 4
    assert twice.points()[2].signal == "above"
    assert chart.excluded == ()
    for reasons in ({2: "again"}, {4: "unknown"}, {-1: "unknown"}, {0: " "}):
        with pytest.raises(
            ValueError, match="cannot be excluded: unknown, already excluded or without a reason"
        ):
            once.revised(reasons)
    with pytest.raises(ValueError, match="at least one period must remain"):
        twice.revised({0: "x", 1: "y"})


def test_what_is_no_chart_is_refused() -> None:
    bad: list[tuple[Any, Any, float, str]] = [
        ([], [], 3.0, "need one size per count, got 0 for 0"),
        ([1], [2, 3], 3.0, "need one size per count, got 2 for 1"),
        ([3], [2], 3.0, "`k` must not exceed `n`"),
        ([1], [2], 0.0, "`width` must be a finite number above 0"),
    ]
    for counts, sizes, width, words in bad:
        with pytest.raises(ValueError, match=words):
            p_chart(counts, sizes, width)
    with pytest.raises(ValueError, match="`k` must be a whole number"):
        p_chart([1], [2]).judge(0.5, 2)  # type: ignore[arg-type]
    for arguments, words in (
        ((1.1, 5, 3.0), "`centre` must be from 0 to 1"),
        ((0.1, 0, 3.0), "`n` must be at least 1"),
        ((0.1, 5, -1.0), "`width` must be"),
    ):
        with pytest.raises(ValueError, match=words):
            p_limits(*arguments)


# averages


def stopped(state: Any) -> Any:
    """The same state after a night on disk."""
    return type(state)(**json.loads(json.dumps(asdict(state))))


@MANY
@given(values=VALUES, weight=st.floats(0.05, 1), width=st.sampled_from([2.5, 3.0]), cut=st.integers(0, 30))
def test_an_average_as_numpy_has_it(values: list[float], weight: float, width: float, cut: int) -> None:
    state = Ewma(1.0, 2.0, weight, width)
    assert (state.value, state.signal) == (1.0, "")
    assert state.limits == (1.0, 1.0)
    for number, x in enumerate(values):
        state = state.update(x)
        if number == cut:
            state = stopped(state)
    n = len(values)
    weights = weight * (1 - weight) ** np.arange(n)[::-1]
    wanted = float(weights @ np.array(values)) + (1 - weight) ** n * 1.0 if n else 1.0
    assert state.value == pytest.approx(wanted, abs=1e-9)
    assert state.seen == n
    deviation = 2.0 * math.sqrt(float(np.sum(weights**2)))
    assert state.limits == pytest.approx((1 - width * deviation, 1 + width * deviation), abs=1e-9)
    if n:
        lower, upper = state.limits
        assert state.signal == ("above" if state.value > upper else "below" if state.value < lower else "")


def test_limits_widen_towards_the_steady_ones() -> None:
    halves = [ewma_half_width(2.0, 0.2, 3.0, i) for i in range(60)]
    assert halves[0] == 0.0
    assert halves[1] == pytest.approx(0.2 * 2 * 3)
    assert halves == sorted(halves)
    assert halves[-1] == pytest.approx(ewma_half_width(2.0, 0.2))
    assert ewma_half_width(2.0, 0.2) == 3 * 2 * math.sqrt(0.2 / 1.8)
    assert Ewma(0, 1).update(3.1).signal == "above"
    assert Ewma(0, 1).update(-3.1).signal == "below"
    assert Ewma(0, 1).update(2.9).signal == ""


def test_what_is_no_average_is_refused() -> None:
    bad: list[tuple[dict[str, float], str]] = [
        ({"target": math.nan}, "`target` must be finite"),
        ({"sigma": 0.0}, "`sigma` must be"),
        ({"width": 0.0}, "`width` must be"),
        ({"weight": 0.0}, "`weight` must be above 0 and at most 1"),
        ({"weight": 1.1}, "`weight` must be above 0 and at most 1"),
        ({"value": math.inf, "seen": 3}, "`value` must be finite"),
    ]
    for change, words in bad:
        with pytest.raises(ValueError, match=words):
            Ewma(**{"target": 0.0, "sigma": 1.0, **change})
    with pytest.raises(ValueError, match="`x` must be finite"):
        Ewma(0, 1).update(math.nan)


# sums


@MANY
@given(values=VALUES, slack=st.sampled_from([0.0, 0.5]), cut=st.integers(0, 30))
def test_a_sum_by_its_largest_stretch(values: list[float], slack: float, cut: int) -> None:
    """C+ is the largest sum over any last stretch of x - target - slack, or 0."""
    state = Cusum(1.0, slack, 4.0)
    for number, x in enumerate(values):
        state = state.update(x)
        if number == cut:
            state = stopped(state)
    ups = [sum(x - 1 - slack for x in values[i:]) for i in range(len(values) + 1)]
    downs = [sum(1 - x - slack for x in values[i:]) for i in range(len(values) + 1)]
    assert state.high == pytest.approx(max(ups), abs=1e-9)
    assert state.low == pytest.approx(max(downs), abs=1e-9)
    assert state.seen == len(values)
    assert state.signal == ("above" if state.high > 4 else "below" if state.low > 4 else "")


def test_signals_are_beyond_the_threshold() -> None:
    assert Cusum(0, 0, 1).update(1).signal == ""
    assert Cusum(0, 0, 1).update(1.5).signal == "above"
    assert Cusum(0, 0, 1).update(-1.5).signal == "below"
    assert Cusum(0, 0, 1, high=1.1, low=1.1).signal == "above"


@MANY
@given(
    hits=st.lists(st.booleans(), max_size=60),
    rates=st.sampled_from([(0.03, 0.06), (0.2, 0.5), (0.3, 0.1)]),
    cut=st.integers(0, 60),
)
def test_zeros_and_ones_by_their_largest_stretch(
    hits: list[bool], rates: tuple[float, float], cut: int
) -> None:
    p0, p1 = rates
    state = BernoulliCusum(p0, p1, 1.5)
    for number, hit in enumerate(hits):
        state = state.update(hit)
        if number == cut:
            state = stopped(state)
    logs = [math.log((p1 if h else 1 - p1) / (p0 if h else 1 - p0)) for h in hits]
    wanted = max(sum(logs[i:]) for i in range(len(logs) + 1))
    assert state.value == pytest.approx(wanted, abs=1e-9)
    assert state.seen == len(hits)
    assert state.has_signal == (state.value > 1.5)


def test_what_is_no_sum_is_refused() -> None:
    for p0, p1, words in ((0.0, 0.1, "`p0`"), (0.1, 1.0, "`p1`"), (0.1, 0.1, "`p0` and `p1` must differ")):
        for call in (
            lambda a, b: BernoulliCusum(a, b, 2.0),
            bernoulli_weights,
            lambda a, b: run_length(a, b, 2.0),
        ):
            with pytest.raises(ValueError, match=words):
                call(p0, p1)
    for threshold in (0.0, -1.0, math.inf):
        for call in (
            lambda h: BernoulliCusum(0.1, 0.2, h),
            lambda h: Cusum(0, 0, h),
            lambda h: run_length(0.1, 0.2, h),
        ):
            with pytest.raises(ValueError, match="`threshold` must be a finite number above 0"):
                call(threshold)
    for slack in (-0.1, math.inf, math.nan):
        with pytest.raises(ValueError, match="`slack` must be a finite number from 0"):
            Cusum(0, slack, 1)
    with pytest.raises(ValueError, match="`target` must be finite"):
        Cusum(math.nan, 0, 1)
    with pytest.raises(ValueError, match="`x` must be finite"):
        Cusum(0, 0, 1).update(math.inf)
    with pytest.raises(ValueError, match="`rate` must be between"):
        run_length(0.1, 0.2, 2.0, 0.0)
    with pytest.raises(ValueError, match="`runs` must be at least 2"):
        run_length(0.1, 0.2, 2.0, runs=1)
    for run in (1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="`run` must be a finite number above 1"):
            bernoulli_threshold(0.1, 0.2, run)
    with pytest.raises(ValueError, match="`steps` must be at least 1"):
        bernoulli_threshold(0.1, 0.2, 10, steps=0)


def chain_run_length(up: int, chance: float, states: int) -> float:
    """The exact run length on a lattice: a rise adds `up` steps, anything else takes one away."""
    moves = np.zeros((states, states))
    for state in range(states):
        moves[state, max(0, state - 1)] += 1 - chance
        if state + up < states:
            moves[state, state + up] += chance
    return float(np.linalg.solve(np.eye(states) - moves, np.ones(states))[0])


def lattice(up: int, p0: float) -> float:
    """The p1 above p0 for which a hit weighs `up` times a miss."""
    low, high = p0 + 1e-9, 1 - 1e-9
    for _ in range(200):
        middle = (low + high) / 2
        on_hit, on_miss = bernoulli_weights(p0, middle)
        low, high = (middle, high) if on_hit / -on_miss > up else (low, middle)
    return low


@pytest.mark.parametrize(("up", "p0", "steps"), [(8, 0.05, 20), (4, 0.1, 15), (15, 0.03, 40), (1, 0.4, 12)])
def test_simulated_run_lengths_are_those_of_the_markov_chain(up: int, p0: float, steps: int) -> None:
    p1 = lattice(up, p0)
    unit = -bernoulli_weights(p0, p1)[1]
    for rate in (None, p1):
        found = run_length(p0, p1, (steps - 0.5) * unit, rate, runs=3000, seed=7)
        exact = chain_run_length(up, rate or p0, steps)
        assert abs(found.mean - exact) < 4 * found.error
        assert found.error < 0.05 * exact
        assert (found.runs, found.seed) == (3000, 7)
    # the same with hits and misses changed about: a fall
    fall = run_length(1 - p0, 1 - p1, (steps - 0.5) * unit, runs=3000, seed=7)
    assert abs(fall.mean - chain_run_length(up, p0, steps)) < 4 * fall.error


def test_run_lengths_that_are_known() -> None:
    # the first hit is beyond: the run length is geometric
    found = run_length(0.9, 0.95, 0.01, runs=4000)
    assert abs(found.mean - 1 / 0.9) < 4 * found.error
    assert found.error == pytest.approx(math.sqrt(0.1) / 0.9 / math.sqrt(4000), rel=0.15)
    # a sum that only reaches the threshold is not beyond it
    on_hit, _ = bernoulli_weights(0.9, 0.95)
    assert run_length(0.9, 0.95, on_hit, runs=50).mean > run_length(0.9, 0.95, on_hit * 0.999, runs=50).mean
    # of two runs the lengths are the mean -+ the error
    for seed in range(20):
        two = run_length(0.1, 0.3, 1.0, runs=2, seed=seed)
        shorter, longer = two.mean - two.error, two.mean + two.error
        assert round(shorter) >= 1
        assert (shorter, longer) == pytest.approx((round(shorter), round(longer)), abs=1e-9)


def test_the_same_seed_gives_the_same_run_length() -> None:
    first = run_length(0.05, 0.1, 2.0, runs=50, seed=3)
    assert run_length(0.05, 0.1, 2.0, runs=50, seed=3) == first
    assert run_length(0.05, 0.1, 2.0, runs=50, seed=4) != first
    assert run_length(0.05, 0.1, 2.5, runs=50, seed=3).mean >= first.mean
    assert run_length(0.05, 0.1, 2.0).runs == 1000
    assert run_length(0.05, 0.1, 2.0).seed == 1


def test_a_run_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cusum, "MAX_EVENTS", 50)
    with pytest.raises(ValueError, match="a run did not end within 50 rises"):
        run_length(0.05, 0.1, 30.0, runs=2)


@pytest.mark.parametrize("rates", [(0.05, 0.15), (0.3, 0.1)])
def test_a_threshold_for_a_run_length(rates: tuple[float, float]) -> None:
    threshold, found = bernoulli_threshold(*rates, 200, runs=400, seed=5, steps=8)
    assert 0 < threshold <= math.log(200)
    assert found == run_length(*rates, threshold, runs=400, seed=5)
    assert found.mean - 2 * found.error >= 200
    # not needlessly high: a little lower is not enough
    below = run_length(*rates, threshold - 2 * math.log(200) / 2**8, runs=400, seed=5)
    assert below.mean - 2 * below.error < 200
    # one step that does not suffice leaves what always does
    most, its = bernoulli_threshold(0.5, 0.95, 20, runs=300, seed=5, steps=1)
    assert most == math.log(20)
    assert its == run_length(0.5, 0.95, most, runs=300, seed=5)
    # what always suffices
    assert run_length(*rates, math.log(200), runs=400).mean > 200


def test_thresholds_below_one_and_usual_values() -> None:
    threshold, found = bernoulli_threshold(0.5, 0.6, 5, runs=300, seed=5, steps=8)
    assert threshold < 0.5
    assert found.mean - 2 * found.error >= 5
    assert bernoulli_threshold(0.5, 0.6, 1.5, runs=20)[0] < math.log(1.5)
    usual = bernoulli_threshold(0.5, 0.6, 3)
    assert usual == bernoulli_threshold(0.5, 0.6, 3, runs=1000, seed=1, steps=12)
