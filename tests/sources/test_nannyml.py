"""NannyML: chunks of the analysis with the tool's own alerts; the reference is no evidence."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DATA = Path(__file__).parents[1] / "data" / "nannyml"
Json = dict[str, Any]
HEADER = (
    "chunk_key,chunk_index,chunk_start_index,chunk_end_index,chunk_start_date,chunk_end_date,chunk_period,"
    "a_value,a_upper_threshold,a_lower_threshold,a_alert\n"
)


def points(file: Any) -> list[Json]:
    rows: list[Json] = pq.read_table(file.records.with_name("metric_points.parquet")).to_pylist()
    return rows


def table(*rows: str) -> bytes:
    return (HEADER + "".join(row + "\n" for row in rows)).encode()


def chunk(value: str = "0.5", alert: str = "False", period: str = "analysis", start: str = "2026-07-01 00:00:00") -> str:
    return f"[0:9],0,0,9,{start},2026-07-02 00:00:00,{period},{value},0.9,,{alert}"


class TestGenuine:
    def test_drift(self, read: Any, kit: Any) -> None:
        file = read(DATA / "drift.csv")
        assert [(p["series"], p["verdict"], p["n"]) for p in points(file)] == [
            ("car_value_jensen_shannon", "fail", 25_000), ("salary_range_chi2", "pass", 25_000),
            ("car_value_jensen_shannon", "fail", 25_000), ("salary_range_chi2", "fail", 25_000),
        ]  # fmt: skip
        first = points(file)[0]
        assert (first["threshold_low"], first["threshold_high"]) == (None, 0.008017189430250267)
        assert first["window_start"].isoformat() == "2018-10-30T18:00:00+00:00"
        assert kit.codes(file) == {"evidence-outside-period": 2, "time-zone-unknown": 4, "aggregates-only": 4}

    def test_an_estimate_of_performance(self, read: Any) -> None:
        found = points(read(DATA / "estimate.csv"))
        assert [(p["series"], p["verdict"]) for p in found] == [("roc_auc", "pass"), ("roc_auc", "fail")]
        assert found[1]["value"] < found[1]["threshold_low"]

    def test_other_genuine_exports(self, read: Any, kit: Any, extra_exports: Path) -> None:
        """Ten chunks of the analysis, two columns; six alerts of the one, five of the other."""
        file = read(extra_exports / "monitoring" / "nannyml_univariate_drift.csv")
        verdicts = [(p["series"].split("_")[0], p["verdict"]) for p in points(file)]
        assert (verdicts.count(("car", "fail")), verdicts.count(("salary", "fail"))) == (6, 5)
        assert kit.codes(file)["evidence-outside-period"] == 10


class TestRules:
    def test_only_the_analysis_counts(self, read: Any, kit: Any) -> None:
        file = read(table(chunk(period="reference"), chunk("0.7"), chunk(period="reference")))
        assert [p["value"] for p in points(file)] == [0.7]
        assert kit.codes(file)["evidence-outside-period"] == 2

    def test_a_file_of_the_reference_alone_shows_nothing(self, read: Any, kit: Any) -> None:
        file = read(table(chunk(period="reference")))
        assert kit.codes(file) == {"evidence-outside-period": 1, "no-samples": 1}
        assert file.reading.is_vacuous

    def test_an_alert_that_is_missing_passes_nothing(self, read: Any, kit: Any) -> None:
        file = read(table(chunk(alert=""), chunk(alert="maybe")))
        assert [p["verdict"] for p in points(file)] == [None, None]
        assert kit.codes(file)["value-unknown"] == 1

    @pytest.mark.parametrize("raw", ["", "nan", "inf", "0x1"])
    def test_values_that_are_none(self, raw: str, read: Any, kit: Any) -> None:
        file = read(table(chunk(raw), chunk()))
        assert [p["value"] for p in points(file)] == [None, 0.5]
        assert kit.codes(file)["nonfinite-json"] == 1

    def test_zones(self, read: Any, kit: Any) -> None:
        data = table(chunk())
        assert kit.codes(read(data))["time-zone-unknown"] == 2
        placed = read(data, {"time_zone": "Asia/Tokyo"})
        assert "time-zone-unknown" not in kit.codes(placed)
        assert points(placed)[0]["window_end"].isoformat() == "2026-07-01T15:00:00+00:00"

    def test_packed_and_with_a_mark(self, read: Any) -> None:
        data = table(chunk(), chunk("0.6"))
        assert [p["value"] for p in points(read(gzip.compress(data)))] == [0.5, 0.6]
        assert points(read(b"\xef\xbb\xbf" + data))[1]["locator"] == f"line:3@{len(HEADER) + len(chunk()) + 4}"

    def test_locators(self, read: Any) -> None:
        data = table(chunk(), chunk("0.6"))
        offset = int(points(read(data))[1]["locator"].split("@")[1])
        assert data[offset:].decode().startswith("[0:9]")
        assert ",0.6," in data[offset:].decode()


class TestHostile:
    def test_rows_that_do_not_fit(self, read: Any, kit: Any) -> None:
        file = read(table(chunk(), "a,b", chunk() + ",more", "", chunk()))
        assert len(points(file)) == 2
        assert kit.codes(file)["lines-unreadable"] == 2

    def test_a_quote_that_never_ends(self, read: Any, kit: Any) -> None:
        data = table(chunk()) + b'"' + b"x" * (20 << 20)
        file = read(data)
        assert len(points(file)) == 1
        assert kit.codes(file)["truncated"] == 1

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.binary(max_size=200))
    def test_any_rest_is_survived(self, read: Any, kit: Any, rest: bytes) -> None:
        file = read(table(chunk()) + rest)
        if file.reading.format == "nannyml.csv":
            assert "reader-failed" not in kit.codes(file)
            assert points(file)[0]["value"] == 0.5
