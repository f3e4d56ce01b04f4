"""Alerts: identity, states and ends, what was left out, and annotations that stay those of the start."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.cli.file_block import describe
from auditgen.sources.alertmanager import fingerprint

DATA = Path(__file__).parents[1] / "data" / "alertmanager"
Json = dict[str, Any]
LABELS = {"alertname": "ComplianceGap", "control_id": "P-3.1", "model": "gpt-4o", "severity": "critical"}


def alerts(file: Any) -> list[Json]:
    rows: list[Json] = pq.read_table(file.records.with_name("alerts.parquet")).to_pylist()
    return rows


def notice(*states: str, **more: Any) -> Json:
    told = [{"status": state, "labels": {"alertname": "Gap"}, "annotations": {"summary": "gap 0.85"},
             "startsAt": "2026-09-20T10:00:00Z", "endsAt": "2026-09-20T11:00:00Z", "fingerprint": "f"}
            for state in states]  # fmt: skip
    return {"receiver": "hook", "status": "firing", "alerts": told, "version": "4", "groupKey": "{}", **more}


def packed(*records: Json) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


class TestGenuine:
    def test_notifications(self, read: Any, kit: Any) -> None:
        """One group of two alerts through a receiver that takes one at a time: firing, then resolved."""
        file = read(DATA / "webhook.jsonl")
        firing, resolved = alerts(file)
        identity = ("0633fbaf38bc41e2", "RefusalGap")
        assert (firing["fingerprint"], firing["rule"]) == (resolved["fingerprint"], resolved["rule"]) == identity
        assert firing["started_at"] == resolved["started_at"]
        assert (firing["state"], firing["ended_at"]) == ("firing", None)
        assert resolved["state"] == "resolved"
        assert (resolved["ended_at"] - resolved["started_at"]).total_seconds() == 3
        # the gap was closed, and the notice still tells the number of the start
        assert firing["summary"] == resolved["summary"] == "gap 0.85 for fraud"
        assert kit.codes(file) == {"alerts-truncated": 2}

    def test_the_listing_of_the_api(self, read: Any, kit: Any) -> None:
        file = read(DATA / "api-v2.json")
        assert file.reading.format == "alertmanager.api"
        assert [(a["state"], a["ended_at"]) for a in alerts(file)] == [("firing", None)] * 2
        native = json.loads((DATA / "api-v2.json").read_text())
        assert all(entry["endsAt"] > entry["startsAt"] for entry in native), "a time to give up, and no end"
        assert kit.codes(file) == {}

    def test_fingerprints_follow_from_labels(self) -> None:
        native = json.loads((DATA / "api-v2.json").read_text())
        assert [fingerprint(entry["labels"]) for entry in native] == [entry["fingerprint"] for entry in native]
        assert fingerprint(LABELS) == "e3d9df35997c28c1"

    def test_other_genuine_exports(self, read: Any, kit: Any, extra_exports: Path) -> None:
        folder = extra_exports / "monitoring"
        told = alerts(read(folder / "alertmanager_webhook.jsonl"))
        assert [a["state"] for a in told] == ["firing", "resolved"]
        assert {a["fingerprint"] for a in told} == {"e3d9df35997c28c1"}
        assert len(alerts(read(folder / "alertmanager_api_v2_alerts.json"))) == 1
        event = read(folder / "cloudevents_structured.json")
        assert kit.codes(event) == {"value-unknown": 1, "no-samples": 1}


class TestShapes:
    def test_grafana(self, read: Any, kit: Any) -> None:
        file = read(DATA / "grafana.json")
        assert (file.reading.format, file.reading.tool) == ("grafana.webhook", "Grafana")
        gap, silent = alerts(file)
        assert gap["started_at"].isoformat() == "2026-09-20T08:00:00+00:00"
        assert (silent["rule"], silent["summary"]) == ("DatasourceNoData", "no data")
        assert gap["locator"] == "pointer:/alerts/0"
        assert kit.codes(file) == {}

    def test_events_carry_what_is_inside(self, read: Any, kit: Any) -> None:
        file = read(DATA / "cloudevents.json")
        (alert,) = alerts(file)
        assert alert["locator"] == "pointer:/0/data/alerts/0"
        assert kit.codes(file) == {"value-unknown": 1}

    def test_an_event_around_a_single_alert(self, read: Any) -> None:
        inside = notice("firing")["alerts"][0]
        event = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": inside}
        assert [a["rule"] for a in alerts(read(packed(event)))] == ["Gap"]

    def test_packed(self, read: Any) -> None:
        assert len(alerts(read(gzip.compress((DATA / "webhook.jsonl").read_bytes())))) == 2

    def test_one_printed_notification_is_not_taken_for_lines(self, read: Any, kit: Any) -> None:
        lines = ",\n".join("  " + json.dumps(alert) for alert in notice("firing", "resolved")["alerts"])
        text = '{"receiver": "a", "status": "firing", "groupKey": "{}", "version": "4", "alerts": [\n' + lines + "\n]}\n"
        file = read(text.encode())
        assert len(alerts(file)) == 2
        assert kit.codes(file) == {}


class TestStates:
    @pytest.mark.parametrize(
        ("word", "wanted"),
        [("firing", "firing"), ("resolved", "resolved"), ("suppressed", "silenced"), ("unprocessed", "pending")],
    )
    def test_words(self, word: str, wanted: str, read: Any, kit: Any) -> None:
        file = read(packed(notice(word)))
        (alert,) = alerts(file)
        assert alert["state"] == wanted
        assert (alert["ended_at"] is None) == (wanted != "resolved")
        assert kit.codes(file) == {}

    def test_an_unknown_word_is_named(self, read: Any, kit: Any) -> None:
        file = read(packed(notice("snoozed")))
        assert [a["state"] for a in alerts(file)] == ["unknown"]
        assert kit.codes(file) == {"value-unknown": 1}

    def test_what_was_left_out_is_added_up(self, read: Any, kit: Any) -> None:
        file = read(packed(notice("firing", truncatedAlerts=3), notice("firing", truncatedAlerts=4), notice("firing")))
        assert kit.codes(file) == {"alerts-truncated": 7}

    def test_an_alert_without_a_start_is_none(self, read: Any, kit: Any) -> None:
        record = notice("firing", "firing")
        del record["alerts"][0]["startsAt"]
        file = read(packed(record))
        assert len(alerts(file)) == 1
        assert kit.codes(file) == {"lines-unreadable": 1}

    def test_a_time_without_a_zone(self, read: Any, kit: Any) -> None:
        record = notice("firing")
        record["alerts"][0]["startsAt"] = "2026-09-20T10:00:00"
        assert kit.codes(read(packed(record))) == {"time-zone-unknown": 1}

    def test_no_alert_at_all(self, read: Any, kit: Any) -> None:
        file = read(packed(notice()))
        assert kit.codes(file) == {"no-samples": 1}
        assert file.reading.is_vacuous

    def test_what_a_person_reads(self, read: Any) -> None:
        text = describe(read(DATA / "webhook.jsonl").reading)
        assert "holds        2 alerts, each time it changed its state" in text
        assert "planned unknown" not in text
        assert "NO EVIDENCE" not in text
        assert "completeness" not in text


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("status", "labels", "annotations", "startsAt", "endsAt", "fingerprint")


class TestHostile:
    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.dictionaries(st.sampled_from(KEYS), JUNK), JUNK, JUNK)
    def test_any_types_are_survived(self, read: Any, kit: Any, broken: Json, other: Any, count: Any) -> None:
        record = notice("firing", truncatedAlerts=count)
        record["alerts"] += [record["alerts"][0] | broken, other]
        event = {"specversion": "1.0", "id": other, "source": other, "type": other, "data": other}
        file = read(packed(record, {**record, "alerts": other}, event))
        assert "reader-failed" not in kit.codes(file)
        assert alerts(file)[0]["rule"] == "Gap"

    def test_huge_labels_are_kept_short(self, read: Any) -> None:
        record = notice("firing")
        record["alerts"][0]["labels"] = {f"l{n}": "x" * 10_000 for n in range(300)}
        (alert,) = alerts(read(packed(record)))
        assert len(alert["labels"]) == 200
        assert max(len(value) for _, value in alert["labels"]) == 2000

    def test_a_cut_file(self, read: Any, kit: Any) -> None:
        file = read((DATA / "webhook.jsonl").read_bytes()[:-100])
        assert len(alerts(file)) == 1
        assert kit.codes(file)["lines-unreadable"] == 1
