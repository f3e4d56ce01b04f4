"""Evidently: numbers and tests as the tool judged them; a report has no time, a snapshot no zone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.cli.file_block import describe
from auditgen.evidence.model import Grade

DATA = Path(__file__).parents[1] / "data" / "evidently"
Json = dict[str, Any]


def points(file: Any) -> list[Json]:
    rows: list[Json] = pq.read_table(file.records.with_name("metric_points.parquet")).to_pylist()
    return [{**row, "labels": dict(row["labels"])} for row in rows]


def report(*, status: Any = "FAIL", test: str = "LessOrEqualMetricTest", value: Any = 0.1, **more: Any) -> bytes:
    params = {"type": "evidently:metric_v2:MeanValue", "column": "toxicity"}
    body = {
        "metrics": [{"id": "m", "metric_name": "MeanValue(column=toxicity)", "config": params, "value": value}],
        "tests": [{"id": "t", "name": "Mean", "metric_config": {"metric_id": "m", "params": params}, "status": status,
                   "test_config": {"type": f"evidently:test_v2:{test}", "threshold": 0.06}, "bound_test": {}}],
    }  # fmt: skip
    return json.dumps(body | more).encode()


class TestGenuine:
    def test_a_report(self, read: Any, kit: Any) -> None:
        file = read(DATA / "report.json")
        numbers = {p["series"]: p["value"] for p in points(file) if p["kind"] == "gauge"}
        native = json.loads((DATA / "report.json").read_text())
        assert numbers["MeanValue(column=toxicity)"] == native["metrics"][0]["value"]
        assert numbers["CategoryCount(column=refused,categories=True)/share"] == 0.895
        assert numbers["UniqueValueCount(column=category)/counts/fraud"] == 67.0
        assert len(numbers) == 10
        tests = [p for p in points(file) if p["kind"] == "test"]
        # the last one failed and was declared uncritical, which the tool calls a warning
        assert [t["status"] for t in native["tests"]] == ["FAIL", "SUCCESS", "WARNING"]
        assert [t["verdict"] for t in tests] == ["fail", "pass", "fail"]
        assert [(t["threshold_low"], t["threshold_high"]) for t in tests] == [(None, 0.06), (None, 0.5), (0.95, None)]
        assert tests[2]["value"] == 0.895, "the share was tested, not the count"
        assert kit.codes(file) == {"aggregates-only": 13, "undated-rows": 13}

    def test_a_snapshot_tells_the_same_and_when(self, read: Any, kit: Any) -> None:
        file = read(DATA / "snapshot.json")
        report = points(read(DATA / "report.json"))
        found = points(file)
        assert sorted(p["value"] for p in found) == sorted(p["value"] for p in report)
        assert [p["verdict"] for p in found if p["kind"] == "test"] == ["fail", "pass", "fail"]
        assert {p["labels"]["metadata.model"] for p in found} == {"acme/model"}
        assert {p["labels"]["tags"] for p in found} == {"third quarter"}
        native = json.loads((DATA / "snapshot.json").read_text())["timestamp"]
        assert {p["window_end"] for p in found} == {datetime.fromisoformat(native).replace(tzinfo=UTC)}
        assert kit.codes(file) == {"aggregates-only": 13, "time-zone-unknown": 1}

    def test_a_declared_zone(self, read: Any, kit: Any) -> None:
        file = read(DATA / "snapshot.json")
        placed = read(DATA / "snapshot.json", {"time_zone": "Asia/Tokyo"})
        assert (points(file)[0]["window_end"] - points(placed)[0]["window_end"]).total_seconds() == 9 * 3600
        assert "time-zone-unknown" not in kit.codes(placed)

    def test_what_a_person_reads(self, read: Any) -> None:
        reading = read(DATA / "report.json").reading
        text = describe(reading)
        assert "holds        13 metric points, counted by somebody else" in text
        assert "planned unknown" not in text
        assert reading.grade is Grade.BARE
        assert not reading.is_vacuous

    def test_other_genuine_exports(self, read: Any, extra_exports: Path) -> None:
        for name in ("evidently_report.json", "evidently_snapshot_dump.json"):
            tests = [p for p in points(read(extra_exports / "monitoring" / name)) if p["kind"] == "test"]
            assert sorted(t["verdict"] for t in tests) == ["fail"] * 5 + ["pass"]


class TestRules:
    @pytest.mark.parametrize(
        ("status", "wanted"),
        [("SUCCESS", "pass"), ("FAIL", "fail"), ("WARNING", "fail"), ("ERROR", "error"), ("SKIPPED", None),
         ("TestStatus.FAIL", "fail")],
    )  # fmt: skip
    def test_words(self, status: str, wanted: str | None, read: Any, kit: Any) -> None:
        file = read(report(status=status))
        assert points(file)[1]["verdict"] == wanted
        assert "value-unknown" not in kit.codes(file)

    def test_an_unknown_word_passes_nothing(self, read: Any, kit: Any) -> None:
        file = read(report(status="FINE"))
        assert points(file)[1]["verdict"] is None
        assert kit.codes(file)["value-unknown"] == 1

    def test_a_bound_of_another_kind_is_not_guessed(self, read: Any) -> None:
        (_, test) = points(read(report(test="EqualMetricTest")))
        assert (test["threshold_low"], test["threshold_high"]) == (None, None)

    def test_a_number_that_is_none(self, read: Any, kit: Any) -> None:
        file = read(report(value=float("nan")))
        assert points(file)[0]["value"] is None
        assert points(file)[0]["raw"] == "NaN"
        assert kit.codes(file)["nonfinite-json"] == 1


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


class TestHostile:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(JUNK, JUNK, JUNK)
    def test_any_types_are_survived(self, read: Any, kit: Any, one: Any, two: Any, three: Any) -> None:
        body = json.loads(report())
        body["metrics"] += [one, {"id": two, "metric_name": one, "config": two, "value": three}]
        body["tests"] += [three, {"name": one, "metric_config": two, "test_config": three, "status": one, "bound_test": two}]
        file = read(json.dumps(body).encode())
        assert "reader-failed" not in kit.codes(file)
        assert points(file)[0]["value"] == 0.1
        results = {"a": {"type": "evidently:x", "value": one, "tests": two}, "b": three, "c": {"counts": one, "x": {"value": two}}}
        dump = {"timestamp": one, "metadata": two, "tags": three, "metric_results": results}
        assert "reader-failed" not in kit.codes(read(json.dumps(dump).encode()))

    def test_a_metric_of_very_many_parts(self, read: Any) -> None:
        file = read(report(value={"counts": {str(n): n for n in range(9000)}}))
        assert file.reading.beside["metric_points"] == 2001

    def test_a_number_that_nothing_can_hold(self, read: Any, kit: Any) -> None:
        """Its exponent is beyond what `decimal` takes: once that was an exception of every recogniser."""
        data = report().replace(b'"value": 0.1', b'"value": 0.1e99999999999999999999')
        assert set(kit.codes(read(data))) == {"truncated", "no-samples"}

    @pytest.mark.parametrize("name", ["report.json", "snapshot.json"])
    def test_cut_files(self, name: str, read: Any, kit: Any) -> None:
        data = (DATA / name).read_bytes()
        file = read(data[: len(data) * 2 // 3])
        assert kit.codes(file)["truncated"] == 1
        assert points(file)
