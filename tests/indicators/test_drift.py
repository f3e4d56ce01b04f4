"""A rate over its days: quiet when nothing moves, loud when it does, and honest about too little."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from helpers import judging as j
from hypothesis import given
from hypothesis import strategies as st

from auditgen.assessment.judge import judge
from auditgen.drawing import svg
from auditgen.indicators.drift import CHANCE, MIN_DAYS, chart
from auditgen.report.drift import drift_view

START = date(2026, 7, 1)


def days(rates: list[float], size: int = 1000) -> list[tuple[date, int, int]]:
    return [(START + timedelta(days=i), round(rate * size), size) for i, rate in enumerate(rates)]


def test_nothing_moves() -> None:
    found = chart(days([0.05] * 90))
    assert found is not None
    assert (found.base, found.centre, found.signals, found.moved) == (30, 0.05, (), {})
    view = drift_view(found)
    assert view is not None
    assert "None of the 60 later days lies outside" in view.text
    assert "1,500/30,000, 5.0 %" in view.text


def test_one_bad_day_in_a_good_quarter() -> None:
    rates = [0.01] * 90
    rates[70] = 0.06
    found = chart(days(rates))
    assert found is not None
    [bad] = found.signals
    assert (bad.day, bad.signal, bad.hits) == (START + timedelta(days=70), "above", 60)
    view = drift_view(found)
    assert view is not None
    assert "1 above what chance explains (2026-09-09 60/1,000)" in view.text
    done = judge(j.criterion("disallowed-completion", 0.05), "P1", j.rate(10, 1000), j.context(drift=found))
    assert "1 of 60 later days lie above what chance explains: 2026-09-09 60/1,000" in done.comments
    fine = judge(j.criterion("refusal-rate", 0.5), "P1", j.rate(900, 1000), j.context(drift=found))
    assert not any("chance explains" in text for text in fine.comments)  # to the good side


def test_a_slow_shift_is_seen_by_the_average_before_any_day_stands_out() -> None:
    found = chart(days([0.05] * 30 + [0.058] * 60))
    assert found is not None
    assert found.signals == ()
    assert set(found.moved) == {"above"}
    assert found.moved["above"] < START + timedelta(days=60)


def test_good_days_first_hide_no_bad_ones_later() -> None:
    """A rise is followed by a fall: both are told, each with its first day."""
    found = chart(days([0.5] * 30 + [0.545] * 30 + [0.462] * 30))
    assert found is not None
    assert set(found.moved) == {"above", "below"}
    done = judge(j.criterion("refusal-rate", 0.3), "P1", j.rate(900, 1000), j.context(drift=found))
    assert any(text.startswith("its moving average went below") for text in done.comments)


def test_too_few_days_say_nothing() -> None:
    assert chart(days([0.05] * (MIN_DAYS - 1))) is None
    assert chart([*days([0.05] * (MIN_DAYS - 1)), (date(2026, 9, 1), 0, 0)]) is None
    assert chart(days([0.05] * MIN_DAYS)) is not None


def test_no_hit_in_the_first_days_is_no_rate_of_zero() -> None:
    found = chart(days([0.0] * 30 + [0.001] * 60, size=1000))
    assert found is not None
    assert found.centre == pytest.approx(0.5 / 30_001)
    assert not found.is_smooth
    assert found.moved == {}


def test_false_alarms_are_as_rare_as_said() -> None:
    """Independent days, nothing moves: about 0.27 % of the later days beyond the limits."""
    draw = random.Random(20261121)
    beyond = later = 0
    for _ in range(60):
        hits = [sum(draw.random() < 0.2 for _ in range(400)) for _ in range(90)]
        found = chart([(START + timedelta(days=i), k, 400) for i, k in enumerate(hits)])
        assert found is not None
        beyond += len(found.signals)
        later += len(found.days) - found.base
    assert beyond / later < 3 * CHANCE


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=MIN_DAYS, max_size=60))
def test_whatever_the_counts(counts: list[tuple[int, int]]) -> None:
    given_ = [(START + timedelta(days=i), min(k, n), n) for i, (k, n) in enumerate(counts)]
    found = chart(given_)
    if found is None:
        assert sum(1 for _, n in counts if n) < MIN_DAYS
        return
    assert sum(d.decided for d in found.days) == sum(n for _, n in counts)
    for number, day in enumerate(found.days):
        assert 0 <= day.lower <= day.upper <= 1
        assert not (day.signal and number < found.base)
    view = drift_view(found)
    assert view is not None
    drawn = str(svg.p_chart(view))
    assert drawn.count("<circle") + drawn.count('class="t-bad"') == len(found.days)
    assert f"{len(found.signals)} of the" in drawn
