"""Mappings: what may be declared, and that nothing is guessed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.model import Basis, Expected, Outcome, Watch, WatchBasis
from auditgen.sources.fields import FieldReader, parse_time


def made(mapping: dict[str, Any]) -> RecordMap:
    return RecordMap.model_validate_json(json.dumps(mapping))


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"cohort": {}}, "either `from`"),
        ({"cohort": {"from": "a", "is": "b"}}, "either `from`"),
        ({"cohort": {"from": ""}}, "at least 1 character"),
        ({"cohort": {"is": "b", "values": {"x": "y"}}}, "a constant needs none"),
        ({"outcome": {"from": "a"}}, "needs `values`"),
        ({"outcome": {"from": "a", "values": {"x": "refusd"}}}, "`refusd` is not one of"),
        ({"outcome": [{"from": "a", "values": {"x": "no"}}]}, "`no` is not one of"),
        ({"expected": {"is": "maybe"}}, "`maybe` is not one of"),
        ({"watch": {"from": "a", "values": {"x": "monitored"}}}, "Field required"),
        ({"colour": {"from": "a"}}, "Extra inputs"),
    ],
)
def test_declarations_that_mean_nothing_are_refused(mapping: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        made(mapping)


def test_fields_are_read_as_declared_and_the_rest_is_counted() -> None:
    fields = FieldReader(
        made(
            {
                "outcome": [
                    {"from": "a", "values": {"1": "refused"}, "basis": "human"},
                    {"from": "b", "values": {"1": "complied"}, "basis": "judge"},
                ],
                "expected": {"is": "refuse"},
                "watch": {"from": "w", "values": {"y": "monitored"}, "basis": "cue"},
                "cohort": {"from": "c"},
                "language": {"from": "l"},
            }
        )
    )
    records: list[dict[str, Any]] = [
        {"a": 1, "b": 1, "w": "y", "c": True},
        {"a": 0, "b": 1.0, "w": "z"},
    ]
    records.append({"a": "odd", "b": None})
    assert [fields.outcome(r) for r in records] == [
        (Outcome.REFUSED, Basis.HUMAN),
        (Outcome.COMPLIED, Basis.JUDGE),
        None,
    ]
    assert [fields.watch(r) for r in records] == [
        (Watch.MONITORED, WatchBasis.CUE),
        (Watch.UNKNOWN, None),
        (Watch.UNKNOWN, None),
    ]
    assert {fields.expected(r) for r in records} == {Expected.REFUSE}
    assert [fields.text("cohort", r) for r in records] == ["true", None, None]
    assert [fields.text("language", r) for r in records] == [None] * 3
    found = [(a.code, a.count) for a in fields.anomalies()]
    assert found == [("value-not-mapped", 1), ("value-not-mapped", 1), ("field-not-found", 3)]


def test_endless_foreign_values_do_not_fill_the_memory() -> None:
    fields = FieldReader(made({"outcome": {"from": "a", "values": {"1": "refused"}}}))
    for n in range(3000):
        fields.outcome({"a": f"value {n} " + "x" * 1000})
    (anomaly,) = fields.anomalies()
    assert anomaly.count == 3000
    assert len(anomaly.message) < 2000


@pytest.mark.parametrize(
    ("text", "iso", "known"),
    [
        ("2026-07-01T00:00:00+02:00", "2026-06-30T22:00:00+00:00", True),
        ("2026-07-01T00:00:00Z", "2026-07-01T00:00:00+00:00", True),
        ("2026-07-01T00:00:00", "2026-07-01T00:00:00+00:00", False),
        ("0001-01-01T00:00:00+14:00", None, True),
        ("9999-12-31T23:59:59-14:00", None, True),
        ("soon", None, True),
        ("\ud800", None, True),
        (5, None, True),
        (None, None, True),
    ],
)
def test_times_of_logs(text: Any, iso: str | None, known: bool) -> None:
    at, is_known = parse_time(text)
    assert (at.isoformat() if at else None, is_known) == (iso, known)
