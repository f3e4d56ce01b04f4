"""OCSF findings: alerts and incidents by class; moments are milliseconds or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.cli.file_block import describe

DATA = Path(__file__).parents[1] / "data" / "ocsf"
Json = dict[str, Any]


def side(file: Any, table: str) -> list[Json]:
    rows: list[Json] = pq.read_table(file.records.with_name(f"{table}.parquet")).to_pylist()
    return rows


def finding(class_uid: Any = 2004, **more: Any) -> Json:
    return {
        "class_uid": class_uid, "activity_id": 1, "type_uid": 1, "time": 1789900800000, "severity_id": 3, "status_id": 1,
        "metadata": {"version": "1.9.0", "uid": "u"}, "finding_info": {"uid": "f", "title": "T"}, **more,
    }  # fmt: skip


def packed(*records: Any) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


class TestFindings:
    def test_the_sample(self, read: Any, kit: Any) -> None:
        file = read(DATA / "findings.jsonl")
        new, gone, seconds = side(file, "alerts")
        assert new["fingerprint"] == gone["fingerprint"] == "finding-1"
        assert (new["rule"], new["severity"]) == ("refusal-rate", "high")
        assert (new["state"], new["ended_at"]) == ("firing", None)
        assert gone["state"] == "resolved"
        assert (gone["ended_at"] - gone["started_at"]).total_seconds() == 4 * 3600
        assert dict(new["labels"])["model"] == "acme/model"
        assert seconds["started_at"] is None, "a time in seconds is not guessed at"
        (incident,) = side(file, "incidents")
        assert (incident["incident_id"], incident["severity"], incident["status"]) == ("incident-7", "critical", "in progress")
        assert incident["occurred_at"].isoformat() == "2026-09-20T09:40:00+00:00"
        # the event was made a day later: that tells nobody's awareness
        assert incident["aware_at"] is incident["reported_at"] is incident["closed_at"] is None
        assert kit.codes(file) == {"units-uncertain": 1, "value-unknown": 1, "undated-rows": 1}
        assert file.reading.tool_version == "schema 1.9.0-dev"

    def test_a_person_reads_both(self, read: Any) -> None:
        text = describe(read(DATA / "findings.jsonl").reading)
        assert "3 alerts, each time it changed its state" in text
        assert "1 incident, as reported" in text

    def test_an_array_and_times_as_text(self, read: Any) -> None:
        event = finding(finding_info={"uid": "f", "title": "T", "first_seen_time_dt": "2026-09-20T10:00:00+02:00"})
        (alert,) = side(read(json.dumps([event]).encode()), "alerts")
        assert alert["started_at"].isoformat() == "2026-09-20T08:00:00+00:00"
        assert alert["rule"] == "T"

    def test_a_closed_incident(self, read: Any) -> None:
        event = finding(2005, status_id=5, start_time=1789890000000, end_time=1789900000000, finding_info_list=[{"title": "X"}])
        (incident,) = side(read(packed(event)), "incidents")
        assert incident["closed_at"].isoformat() == "2026-09-20T10:26:40+00:00"
        assert (incident["title"], incident["status"]) == ("X", "closed")

    def test_an_unknown_state_is_named(self, read: Any, kit: Any) -> None:
        file = read(packed(finding(status_id=42), finding(status_id=None)))
        assert [a["state"] for a in side(file, "alerts")] == ["unknown", "unknown"]
        assert kit.codes(file) == {"value-unknown": 1}

    def test_nothing_but_other_classes(self, read: Any, kit: Any) -> None:
        file = read(packed(finding(6003), finding(4001)))
        assert kit.codes(file) == {"value-unknown": 2, "no-samples": 1}


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*finding(), "start_time", "end_time", "finding_info_list", "ai_model"]), JUNK), JUNK)
def test_any_types_are_survived(read: Any, kit: Any, broken: Json, other: Any) -> None:
    file = read(packed(finding(), finding() | broken, finding(2005) | {**broken, "class_uid": 2005}, other))
    assert "reader-failed" not in kit.codes(file)
    assert side(file, "alerts")[0]["fingerprint"] == "f"


def test_a_cut_file(read: Any, kit: Any) -> None:
    file = read((DATA / "findings.jsonl").read_bytes()[:1000])
    assert len(side(file, "alerts")) == 1
    assert kit.codes(file)["lines-unreadable"] == 1
