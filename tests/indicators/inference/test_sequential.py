"""What holds at every look: the formula by integration, nesting, states that can be stopped and taken up."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from auditgen.indicators import confidence_sequence, proportion_interval
from auditgen.indicators.inference.sequential import (
    EProcess,
    RunningSequence,
    e_value,
    log_e_value,
)

MANY = settings(deadline=None, max_examples=150)
LEVELS = st.sampled_from([0.5, 0.9, 0.95, 0.999])


@st.composite
def counts(draw: st.DrawFn, largest: int = 3000) -> tuple[int, int]:
    t = draw(st.integers(1, largest))
    return draw(st.integers(0, t)), t


def stopped(state: Any) -> Any:
    return type(state)(**json.loads(json.dumps(asdict(state))))


@settings(deadline=None, max_examples=50)
@given(pair=counts(60), p0=st.floats(0.02, 0.98))
def test_the_e_value_is_the_mean_likelihood_ratio(pair: tuple[int, int], p0: float) -> None:
    s, t = pair
    ratio, _ = integrate.quad(
        lambda p: (p / p0) ** s * ((1 - p) / (1 - p0)) ** (t - s), 0, 1, epsabs=0, epsrel=1e-9, limit=200
    )
    assert e_value(s, t, p0) == pytest.approx(ratio, rel=1e-6)
    assert log_e_value(s, t, p0) == pytest.approx(math.log(ratio), abs=1e-6)


@MANY
@given(t=st.integers(0, 40), p0=st.floats(0.01, 0.99))
def test_the_e_value_is_one_on_average_if_the_rate_is_true(t: int, p0: float) -> None:
    mean = sum(stats.binom.pmf(s, t, p0) * e_value(s, t, p0) for s in range(t + 1))
    assert mean == pytest.approx(1.0, rel=1e-9)


def test_e_values_at_the_ends() -> None:
    assert e_value(0, 0, 0.3) == pytest.approx(1.0)
    assert log_e_value(1, 5, 0.0) == math.inf
    assert log_e_value(4, 5, 1.0) == math.inf
    assert e_value(0, 9, 0.0) == pytest.approx(1 / 10)
    assert e_value(9, 9, 1.0) == pytest.approx(1 / 10)
    assert e_value(5000, 5000, 0.1) == math.inf
    assert log_e_value(5000, 5000, 0.1) == pytest.approx(-5000 * math.log(0.1) - math.log(5001))
    s = next(s for s in range(500) if log_e_value(s, s, 0.01) > math.log(sys.float_info.max))
    assert 1e300 < e_value(s - 1, s - 1, 0.01) < math.inf
    assert e_value(s, s, 0.01) == math.inf


@MANY
@given(pair=counts(), confidence=LEVELS)
def test_the_sequence_holds_its_estimate_and_ends_where_the_evidence_does(
    pair: tuple[int, int], confidence: float
) -> None:
    s, t = pair
    found = confidence_sequence(s, t, confidence)
    assert 0 <= found.lower <= s / t <= found.upper <= 1
    assert (found.lower == 0.0) == (s == 0)
    assert (found.upper == 1.0) == (s == t)
    limit = 1 / (1 - confidence)
    for end in (found.lower, found.upper):
        if 0 < end < 1:
            assert e_value(s, t, end) == pytest.approx(limit, rel=1e-6)
    assert (found.confidence, found.method) == (confidence, "beta-mixture confidence sequence")
    mirrored = confidence_sequence(t - s, t, confidence)
    assert (found.lower, found.upper) == pytest.approx((1 - mirrored.upper, 1 - mirrored.lower), abs=1e-12)


@MANY
@given(pair=counts(), confidence=st.sampled_from([0.9, 0.95, 0.99]), factor=st.integers(2, 10))
def test_looking_always_costs_width_and_more_records_give_it_back(
    pair: tuple[int, int], confidence: float, factor: int
) -> None:
    s, t = pair
    always = confidence_sequence(s, t, confidence)
    once = proportion_interval(s, t, "clopper-pearson", confidence)
    surer = confidence_sequence(s, t, (1 + confidence) / 2)
    later = confidence_sequence(factor * s, factor * t, confidence)
    assert always.upper - always.lower > once.upper - once.lower or t == 1
    assert surer.lower <= always.lower
    assert always.upper <= surer.upper
    assert later.upper - later.lower < always.upper - always.lower


STREAM = st.lists(st.booleans(), max_size=80)


@MANY
@given(hits=STREAM, confidence=LEVELS, cut=st.integers(0, 80))
def test_a_running_sequence_only_narrows(hits: list[bool], confidence: float, cut: int) -> None:
    state = RunningSequence(confidence)
    lower, upper = 0.0, 1.0
    for number, hit in enumerate(hits):
        before, state = state, state.update(hit)
        if number == cut:
            state = stopped(state)
        assert before.lower <= state.lower
        assert state.upper <= before.upper
        now = confidence_sequence(sum(hits[: number + 1]), number + 1, confidence)
        lower, upper = max(lower, now.lower), min(upper, now.upper)
        assert (state.lower, state.upper) == (lower, upper)
    assert (state.hits, state.seen) == (sum(hits), len(hits))
    assert state.is_empty == (lower > upper)
    if hits and not state.is_empty:
        found = state.interval()
        assert (found.lower, found.upper, found.confidence) == (lower, upper, confidence)
        assert found.method == "beta-mixture confidence sequence"


def test_a_rate_that_changes_leaves_no_rate() -> None:
    state = RunningSequence()
    assert state.confidence == 0.95
    with pytest.raises(ValueError, match="^no interval: no result yet$"):
        state.interval()
    for hit in [False] * 60 + [True] * 60:
        state = state.update(hit)
    assert state.is_empty
    with pytest.raises(ValueError, match="^no interval: no rate fits all results$"):
        state.interval()
    assert not RunningSequence(lower=0.5, upper=0.5).is_empty


@MANY
@given(hits=STREAM, p0=st.floats(0.05, 0.95), cut=st.integers(0, 80))
def test_evidence_that_was_shown_stays_shown(hits: list[bool], p0: float, cut: int) -> None:
    state = EProcess(p0)
    assert (state.p_value, state.is_rejected()) == (1.0, False)
    logs = [0.0]
    for number, hit in enumerate(hits):
        state = state.update(hit)
        if number == cut:
            state = stopped(state)
        logs.append(log_e_value(sum(hits[: number + 1]), number + 1, p0))
        assert state.highest == max(logs)
    assert (state.hits, state.seen) == (sum(hits), len(hits))
    assert state.p_value == pytest.approx(math.exp(-max(logs)))
    for alpha in (0.01, 0.05, 0.5):
        assert state.is_rejected(alpha) == (max(logs) >= -math.log(alpha))
    assert state.is_rejected() == state.is_rejected(0.05)


def test_the_process_and_the_sequence_say_the_same() -> None:
    state, p0 = EProcess(0.1), 0.1
    for number, hit in enumerate([True] * 4 + [False] * 6, 1):
        state = state.update(hit)
        sequence = confidence_sequence(state.hits, number)
        outside = not sequence.lower <= p0 <= sequence.upper
        assert outside == (log_e_value(state.hits, number, p0) > math.log(20))
    assert state.is_rejected()
    assert EProcess(0.5, highest=math.log(20)).is_rejected(0.05)


BAD: list[tuple[Any, Any, str]] = [
    (5, 4, "`s` must not exceed `t`, got 5 of 4"),
    (-1, 4, "`s` must be at least 0, got -1"),
    (0.5, 4, "`s` must be a whole number, got 0.5"),
    (1, math.nan, "`t` must be a whole number, got nan"),
    (0, -1, "`t` must be at least"),
]


@pytest.mark.parametrize(("s", "t", "words"), BAD)
def test_what_is_no_count_is_refused(s: Any, t: Any, words: str) -> None:
    for call in (
        lambda: confidence_sequence(s, t),
        lambda: e_value(s, t, 0.5),
        lambda: log_e_value(s, t, 0.5),
        lambda: EProcess(0.5, s, t),
        lambda: RunningSequence(0.95, s, t),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_levels_and_rates_are_checked() -> None:
    with pytest.raises(ValueError, match="`t` must be at least 1, got 0"):
        confidence_sequence(0, 0)
    for confidence in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match="`confidence` must be"):
            confidence_sequence(1, 2, confidence)
        with pytest.raises(ValueError, match="`confidence` must be"):
            RunningSequence(confidence)
    for p0 in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match="`p0` must be between 0 and 1"):
            EProcess(p0)
    for p0 in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="`p0` must be from 0 to 1"):
            e_value(1, 2, p0)
    for alpha in (0.0, 1.0):
        with pytest.raises(ValueError, match="`alpha` must be"):
            EProcess(0.5).is_rejected(alpha)
