"""Times as logs write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditgen.sources.clock import Clock

AT = datetime(2026, 9, 1, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "raw",
    [
        "2026-09-01T10:00:00Z", "2026-09-01T12:00:00+02:00", " 2026-09-01 10:00:00 UTC ", "20260901T100000Z", 1788256800,
        1788256800.0, "1788256800", "1788256800.0", AT, AT.astimezone(timezone(timedelta(hours=2))),
    ],
)  # fmt: skip
def test_a_written_zone_is_kept(raw: Any) -> None:
    clock = Clock("Asia/Tokyo")
    assert clock.read(raw) == (AT, True)
    assert list(clock.anomalies()) == []


@pytest.mark.parametrize("raw", ["2026-09-01T10:00:00", "2026-09-01 10:00", AT.replace(tzinfo=None)])
def test_a_zone_that_is_not_written(raw: Any) -> None:
    clock = Clock()
    assert clock.read(raw) == (AT, False)
    assert clock.when(raw) == (AT, False)
    assert clock.read(raw, is_utc=True) == (AT, True)
    assert [(a.code, a.count) for a in clock.anomalies()] == [("time-zone-unknown", 1)]
    declared = Clock("Europe/Paris")
    assert declared.read(raw, is_utc=True) == (AT - timedelta(hours=2), True)


def test_a_day_in_eight_digits_is_no_number_of_seconds() -> None:
    assert Clock().read("20260901") == (datetime(2026, 9, 1, tzinfo=UTC), False)


@pytest.mark.parametrize(
    "raw",
    [
        None, "", "soon", 0, "0", 12.5, "12.5", -1, True, False, "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", 1788256800000, "NaN",
        float("nan"), float("inf"), [], {}, "9999-12-31T23:59:59-23:59", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9))),
    ],
)  # fmt: skip
def test_what_is_no_time(raw: Any) -> None:
    clock = Clock("Asia/Tokyo")
    assert clock.read(raw) == (None, True)
    assert clock.unzoned == 0


@given(st.one_of(st.text(), st.integers(), st.floats(), st.datetimes(), st.none(), st.binary()))
def test_any_value_is_a_time_in_utc_or_none(raw: Any) -> None:
    for zone in (None, "America/New_York"):
        at, _ = Clock(zone).read(raw)
        assert at is None or (at.utcoffset() == timedelta(0) and at.year >= 1970)
