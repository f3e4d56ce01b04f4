"""The same table counted by the embedded engine, which every other one is compared with."""

from __future__ import annotations

import json
from typing import Any

from auditgen.evidence.engine import Period
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.remote.conformance import PERIOD
from auditgen.evidence.remote.embedded import Whole, counted_here, counted_there


def mapping_of(**rules: Any) -> RecordMap:
    """A mapping as audit.yaml would give it."""
    return RecordMap.model_validate_json(json.dumps(rules))


def embedded(path, mapping: RecordMap, folder, period: Period = PERIOD) -> Whole:
    """Count a Parquet file where it lies."""
    return counted_here(path, mapping, folder, period)


def elsewhere(connection, name: str, mapping: RecordMap, period: Period = PERIOD) -> Whole:
    """Count the same on another engine."""
    from auditgen.evidence.remote.counting import count_table

    return counted_there(
        count_table(connection, connection.source(name), mapping, (period.start, period.end))
    )


def assert_equal(one: Whole, other: Whole) -> None:
    """Both counted the same, to the last row, and every day has the same checksum."""
    for name in ("lines", "copies", "days"):
        first, second = getattr(one, name), getattr(other, name)
        only = [line for line in first if line not in second], [line for line in second if line not in first]
        assert only == ([], []), f"{name}: only embedded {only[0][:4]}, only elsewhere {only[1][:4]}"
        assert len(first) == len(second)
    assert one.repeats == other.repeats
    assert one.unmapped == other.unmapped
    assert one.undated == other.undated
