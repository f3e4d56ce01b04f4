"""Incidents in time: limits are inclusive, and what lacks a time is undecided and late in the worst case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditgen.evidence.engine import Evidence, Period, open_evidence
from auditgen.evidence.model import Incident
from auditgen.indicators import Quantity, Request, Unmeasured, core_indicators, measure, proportion_interval
from auditgen.indicators.cells import read_cells

START = datetime(2026, 7, 10, 12, tzinfo=UTC)
LIMIT = 72.0
EXACT = timedelta(hours=LIMIT)
MOMENT = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def empty() -> Evidence:
    return open_evidence([], Period(START.date(), START.date()))


def incident(took: timedelta | None, **parts: Any) -> Incident:
    """One that was noticed so long after it happened; None: nobody knows when."""
    times = {"occurred_at": START, "aware_at": None if took is None else START + took}
    return Incident(**{"incident_id": "i", "title": "t", "locator": "row:1", **times, **parts})


def measured(
    evidence: Evidence,
    incidents: dict[str, list[Incident]],
    limit: float | None = LIMIT,
    name: str = "time-to-detect",
) -> Any:
    request = Request("q", core_indicators()[name], tuple(incidents) or ("s",), limit_hours=limit)
    return measure(read_cells(evidence), [request], {}, incidents)["q"]


@pytest.mark.parametrize(
    ("took", "counted"),
    [
        (timedelta(0), (1, 1, 0)),
        (EXACT - MOMENT, (1, 1, 0)),
        (EXACT, (1, 1, 0)),
        (EXACT + MOMENT, (0, 1, 0)),
        (None, (0, 0, 1)),
        (-MOMENT, (0, 0, 1)),
    ],
)
def test_limits_are_inclusive(took: timedelta | None, counted: tuple[int, int, int], empty: Evidence) -> None:
    """(in time, decided, undecided) beside one that took twice as long."""
    found = measured(empty, {"s": [incident(took), incident(2 * EXACT)]})
    (arm,) = found.arms
    assert (arm.numerator, arm.denominator - 1, arm.undecided) == counted
    assert found.outcomes == {"incidents": 2}


@pytest.mark.parametrize("lacking", ["occurred_at", "aware_at"])
def test_what_lacks_a_time_is_late_in_the_worst_case(lacking: str, empty: Evidence) -> None:
    known = [incident(EXACT) for _ in range(9)]
    found = measured(empty, {"s": [*known, incident(EXACT, **{lacking: None})]})
    assert (found.numerator, found.denominator, found.arms[0].undecided) == (9, 9, 1)
    assert found.worst.lower == pytest.approx(proportion_interval(9, 10, "clopper-pearson").lower)
    assert found.best.upper == pytest.approx(1)


def test_each_delay_has_its_own_times(empty: Evidence) -> None:
    quick = incident(EXACT * 3, closed_at=START + EXACT * 3 + timedelta(hours=1))
    assert measured(empty, {"s": [quick]}).numerator == 0
    assert measured(empty, {"s": [quick]}, name="time-to-respond").numerator == 1


def test_sources_are_counted_apart(empty: Evidence) -> None:
    found = measured(empty, {"a": [incident(EXACT)] * 3, "b": [incident(EXACT * 2), incident(None)]})
    assert found.sources == {"a": 3, "b": 1}
    assert (found.numerator, found.denominator) == (3, 4)


@pytest.mark.parametrize(
    ("incidents", "limit", "reason", "undecided"),
    [
        ([], LIMIT, "no incident was handed in", 0),
        ([incident(EXACT)], None, "no time limit was declared", 0),
        (
            [incident(None), incident(-MOMENT)],
            LIMIT,
            "none of 2 incidents has both `occurred_at` and `aware_at`",
            2,
        ),
    ],
)
def test_nothing_to_say(
    incidents: list[Incident], limit: float | None, reason: str, undecided: int, empty: Evidence
) -> None:
    found = measured(empty, {"s": incidents}, limit)
    assert isinstance(found, Unmeasured)
    assert (found.reason, found.undecided) == (reason, undecided)


TOOK = st.one_of(st.none(), st.integers(-3, 200).map(lambda hours: timedelta(hours=hours)))


@settings(deadline=None, max_examples=60)
@given(took=st.lists(TOOK, min_size=1, max_size=12), pick=st.integers(0, 99))
def test_a_lost_time_never_helps(took: list[timedelta | None], pick: int, empty: Evidence) -> None:
    before = measured(empty, {"s": [incident(each) for each in took]})
    known = [each for each in took if each is not None and each >= timedelta(0)]
    if isinstance(before, Unmeasured):
        assert not known
        return
    assert before.numerator == sum(each <= EXACT for each in known)
    assert before.denominator == len(known)
    at = pick % len(took)
    after = measured(empty, {"s": [incident(None if n == at else each) for n, each in enumerate(took)]})
    if isinstance(after, Quantity):
        assert after.worst.lower <= before.worst.lower + 1e-9
