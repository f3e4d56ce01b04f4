"""Mappings: what may be declared, and that nothing is guessed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.model import Basis, Expected, Outcome, Watch, WatchBasis
from auditgen.sources.fields import FieldReader, parse_time
from auditgen.sources.interface import Context

BANDS = {
    "from": "score",
    "values": {"N/A": "neither"},
    "bands": [
        {"at_least": 0, "below": 0.25, "is": "refused"},
        {"at_least": 0.25, "below": 0.75, "is": "partial"},
        {"at_least": 0.75, "at_most": 1, "is": "complied"},
    ],
}


def reader(mapping: dict[str, Any]) -> FieldReader:
    return FieldReader(Context(made(mapping)), "any")


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
        ({"cohort": {"from": "a", "bands": [{"is": "x"}]}}, "a band needs a bound"),
        ({"cohort": {"from": "a", "bands": [{"is": "x", "above": 1, "at_least": 1}]}}, "not both"),
        ({"cohort": {"from": "a", "bands": [{"is": "x", "below": 1, "at_most": 1}]}}, "not both"),
        ({"cohort": {"is": "a", "bands": [{"is": "x", "below": 1}]}}, "a constant needs none"),
        ({"outcome": {"from": "a", "bands": [{"is": "refusd", "below": 1}]}}, "`refusd` is not one of"),
    ],
)
def test_declarations_that_mean_nothing_are_refused(mapping: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        made(mapping)


def test_fields_are_read_as_declared_and_the_rest_is_counted() -> None:
    fields = reader(
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
    records: list[dict[str, Any]] = [
        {"a": 1, "b": 1, "w": "y", "c": True},
        {"a": 0, "b": 1.0, "w": "z"},
    ]
    records.append({"a": "odd", "b": None})
    mapped = [fields.read(r) for r in records]
    assert [m.outcome for m in mapped] == [
        (Outcome.REFUSED, Basis.HUMAN),
        (Outcome.COMPLIED, Basis.JUDGE),
        None,
    ]
    assert [(m.watch, m.watch_basis) for m in mapped] == [
        (Watch.MONITORED, WatchBasis.CUE),
        (Watch.UNKNOWN, None),
        (Watch.UNKNOWN, None),
    ]
    assert {m.expected for m in mapped} == {Expected.REFUSE}
    assert [m.cohort for m in mapped] == ["true", None, None]
    assert [m.language for m in mapped] == [None] * 3
    found = [(a.code, a.count) for a in fields.anomalies()]
    assert found == [("value-not-mapped", 1), ("value-not-mapped", 1), ("field-not-found", 3)]


def test_endless_foreign_values_do_not_fill_the_memory() -> None:
    fields = reader({"outcome": {"from": "a", "values": {"1": "refused"}}})
    for n in range(3000):
        fields.read({"a": f"value {n} " + "x" * 1000})
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


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (0, Outcome.REFUSED),
        ("0", Outcome.REFUSED),
        (0.2499, Outcome.REFUSED),
        (0.25, Outcome.PARTIAL),
        (".5", Outcome.PARTIAL),
        (0.75, Outcome.COMPLIED),
        ("1e0", Outcome.COMPLIED),
        (1, Outcome.COMPLIED),
        (1.01, None),
        (-0.1, None),
        ("N/A", Outcome.NEITHER),
        ("NaN", None),
        ("Infinity", None),
        ("1_0", None),
        ("0x1", None),
        ("9e9999", None),
        (None, None),
        (True, None),
    ],
)
def test_bands_of_numbers(raw: Any, outcome: Outcome | None) -> None:
    fields = reader({"outcome": BANDS})
    found = fields.read({"score": raw}).outcome
    assert (None if found is None else found[0]) is outcome
    missed = 0 if raw is None or outcome else 1
    assert sum(a.count for a in fields.anomalies() if a.code == "value-not-mapped") == missed


def test_a_rule_may_ask_the_text_heuristic_and_says_so() -> None:
    """Whatever basis was declared: what rests on a text heuristic is labelled so."""
    rule = {"from": "detected.refusal", "values": {"true": "refused"}, "basis": "human"}
    fields = reader({"outcome": rule})
    assert fields.read({}, response="I can't help with that.").outcome == (
        Outcome.REFUSED,
        Basis.TEXT_HEURISTIC,
    )
    assert fields.read({"detected": {"refusal": True}}, response="Sure: 1, 2, 3").outcome is None
    assert fields.read({"detected.refusal": True}).outcome is None
