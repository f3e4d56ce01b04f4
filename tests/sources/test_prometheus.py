"""Prometheus: numbers that somebody else counted, read tolerantly and never taken for more than that."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.sources.prometheus_text import MAX_LINE_BYTES, Exposition, number

DATA = Path(__file__).parents[1] / "data" / "prometheus"
Json = dict[str, Any]
HOSTILE = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HEAD = b"# TYPE up gauge\nup 1\n"


def side(file: Any, table: str) -> list[Json]:
    """Points or alerts of a file, labels as a mapping."""
    rows: list[Json] = pq.read_table(file.records.with_name(f"{table}.parquet")).to_pylist()
    return [{**row, "labels": dict(row["labels"])} for row in rows]


def points(file: Any) -> list[Json]:
    return side(file, "metric_points")


def answer(kind: str, result: Any, **more: Any) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more}).encode()


class TestGenuineText:
    def test_an_exposition(self, read: Any, kit: Any) -> None:
        file = read(DATA / "exposition.txt")
        found = {(p["series"], tuple(sorted(p["labels"].items()))): p for p in points(file)}
        assert len(found) == 13 == file.reading.beside["metric_points"]
        blocked = found["sample_guardrail_actions_total", (("action", "block"),)]
        assert (blocked["value"], blocked["raw"], blocked["kind"]) == (41.0, "41.0", "counter")
        assert {p["kind"] for p in found.values() if p["series"].endswith(("_bucket", "_count", "_sum"))} == {"counter"}
        assert found["sample_guardrail_actions_created", (("action", "block"),)]["kind"] == "gauge"
        odd = next(p for p in found.values() if p["value"] is None)
        assert (odd["raw"], odd["labels"]["category"]) == ("NaN", 'a "quoted"\\ one\nin two lines')
        assert kit.codes(file) == {"nonfinite-json": 1, "aggregates-only": 13, "undated-rows": 13}
        assert file.reading.counts.observations == 0
        assert file.reading.kind == "monitoring"

    def test_locators_lead_to_the_line(self, read: Any) -> None:
        data = (DATA / "exposition.txt").read_bytes()
        for point in points(read(DATA / "exposition.txt")):
            count, offset = map(int, point["locator"].removeprefix("line:").split("@"))
            assert data[:offset].count(b"\n") == count - 1
            assert data[offset:].startswith(point["series"].encode())

    def test_open_metrics_tells_the_same(self, read: Any, kit: Any) -> None:
        plain, strict = points(read(DATA / "exposition.txt")), points(read(DATA / "openmetrics.txt"))

        def bare(found: list[Json]) -> set[tuple[Any, ...]]:
            return {(p["series"], str(sorted(p["labels"].items())), p["raw"], p["kind"]) for p in found}

        assert bare(plain) == bare(strict)
        assert read(DATA / "openmetrics.txt").reading.tool == "OpenMetrics"
        # the time of an exemplar is that of one request
        assert all(p["window_end"] is None for p in strict)

    def test_an_end_that_is_missing(self, read: Any, kit: Any) -> None:
        data = (DATA / "openmetrics.txt").read_bytes().removesuffix(b"# EOF\n")
        assert kit.codes(read(data))["truncated"] == 1
        assert "truncated" not in kit.codes(read(DATA / "openmetrics.txt"))
        assert "truncated" not in kit.codes(read(DATA / "exposition.txt"))

    def test_packed(self, read: Any, kit: Any) -> None:
        data = (DATA / "openmetrics.txt").read_bytes()
        file = read(gzip.compress(data))
        assert len(points(file)) == 13
        assert file.reading.tool == "OpenMetrics"
        many = gzip.compress(data.replace(b"# EOF\n", b"".join(b"n%d %d\n" % (n, n) for n in range(50_000))))
        cut = read(many[:-2000])
        assert kit.codes(cut)["truncated"] >= 1
        assert len(points(cut)) > 10_000

    def test_other_genuine_exports(self, read: Any, extra_exports: Path) -> None:
        for name in ("prom_exposition.txt", "openmetrics.txt"):
            found = points(read(extra_exports / "monitoring" / name))
            assert len(found) == 12
            assert [p["value"] for p in found[:3]] == [0.12, 0.97, 41.0]


class TestText:
    def test_the_unit_of_a_time_depends_on_the_format(self, read: Any) -> None:
        at = datetime(2026, 9, 1, tzinfo=UTC)
        plain = HEAD + f"up 2 {int(at.timestamp() * 1000)}\n".encode()
        strict = HEAD + f"up 2 {at.timestamp()}\n# EOF\n".encode()
        assert points(read(plain))[1]["window_end"] == at == points(read(strict))[1]["window_end"]

    @pytest.mark.parametrize(
        ("text", "value", "is_number"),
        [
            ("1", 1.0, True), ("-0.5e3", -500.0, True), ("+.5", 0.5, True), ("NaN", None, True), ("+Inf", None, True),
            ("-inf", None, True), ("1_000", None, False), ("0x10", None, False), ("١", None, False), ("", None, False),
            ("1e999", None, True), ("9" * 500, None, False), ("1 ", None, False), ("nanny", None, False),
        ],
    )  # fmt: skip
    def test_numbers(self, text: str, value: float | None, is_number: bool) -> None:
        assert number(text) == (value, is_number)

    @pytest.mark.parametrize(
        "line",
        [
            b"up", b"up 1 2 3 4", b'up{a="1" 1', b'up{a=1} 1', b'up{a="1",a="2"} 1', b"{} 1", b"1up 1", b"up one", b'up{="x"} 1',
            b"up 1 soon", b'up{a="1"}}', b'up{a="1""} 1',
        ],
    )  # fmt: skip
    def test_a_bad_line_costs_itself(self, line: bytes, read: Any, kit: Any) -> None:
        file = read(HEAD + line + b"\nup 3\n")
        assert [p["value"] for p in points(file)] == [1.0, 3.0]
        assert kit.codes(file)["lines-unreadable"] == 1

    def test_quoted_names_and_odd_spaces(self, read: Any) -> None:
        file = read(HEAD + b'{"refusals.share", "a b"="x\\\\\\"y"} 0.5\n  up { c = "1" , } 2 \r\n')
        assert [(p["series"], p["labels"], p["value"]) for p in points(file)][1:] == [
            ("refusals.share", {"a b": 'x\\"y'}, 0.5), ("up", {"c": "1"}, 2.0),
        ]  # fmt: skip

    def test_a_line_without_an_end(self, read: Any, kit: Any) -> None:
        file = read(HEAD + b"up{x=\"" + b"y" * (3 * MAX_LINE_BYTES) + b"\"} 1\nup 5\n")
        assert [p["value"] for p in points(file)] == [1.0, 5.0]
        assert kit.codes(file)["lines-unreadable"] == 1

    def test_types_decide_what_a_counter_is(self, read: Any) -> None:
        text = b"# TYPE a_total gauge\na_total 1\n# TYPE b counter\nb 2\n# TYPE c untyped\nc_total 3\n"
        assert [p["kind"] for p in points(read(text))] == ["gauge", "counter", "gauge"]

    def test_an_unknown_type_is_named(self, read: Any, kit: Any) -> None:
        assert kit.codes(read(HEAD + b"# TYPE z meter\nz 1\n"))["value-unknown"] == 1

    def test_expositions_one_after_another(self, read: Any, kit: Any) -> None:
        one = b"# TYPE n counter\nn_total 41\n# EOF\n"
        file = read(one + one.replace(b"41", b"2"))
        assert kit.codes(file)["repeated-times"] == 2
        told = next(a.message for a in file.reading.anomalies if a.code == "aggregates-only")
        assert "began anew: 1," in told

    def test_prose_is_no_exposition(self, read: Any) -> None:
        for text in (b"# TYPE\nhello there\n", b"# HELP me\nplease do\n", b"# a title\n\nup 1\n", b"# TYPE a gauge\n"):
            assert read(text).reading.format != "prometheus.text"

    @HOSTILE
    @given(st.lists(st.binary(max_size=60) | st.sampled_from([b"# EOF", b'a{b="c"} 1 # {x="y"} 1 2', b"# TYPE a counter"]), max_size=12))
    def test_any_lines_are_survived(self, read: Any, kit: Any, lines: list[bytes]) -> None:
        file = read(HEAD + b"\n".join(lines) + b"\nup 7\n")
        if file.reading.format == "prometheus.text":  # a zero byte says that it is no text
            assert "reader-failed" not in kit.codes(file)
            assert points(file)[0]["value"] == 1.0

    @HOSTILE
    @given(
        st.from_regex(r"[a-z_:][a-z0-9_:]{0,8}", fullmatch=True),
        st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True), st.text(max_size=20), max_size=4),
        st.floats(allow_nan=False, allow_infinity=False),
    )
    def test_what_is_written_is_read(self, workdir: Path, name: str, labels: dict[str, str], value: float) -> None:
        def quoted(text: str) -> str:
            return '"' + text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') + '"'

        inside = ",".join(f"{key}={quoted(text)}" for key, text in labels.items())
        path = workdir / "written"
        path.write_bytes(f"{name}{{{inside}}} {value!r}\n".encode("utf-8", "replace"))
        (point,) = Exposition().points(path)
        clean = {k: v.encode("utf-8", "replace").decode() for k, v in labels.items()}
        assert (point.series, dict(point.labels), point.value) == (name, clean, value)


class TestGenuineAnswers:
    def test_a_vector(self, read: Any, kit: Any) -> None:
        file = read(DATA / "vector.json")
        found = points(file)
        assert [p["value"] for p in found] == [None, 0.12, 0.97, 0.12, 0.97]
        assert {p["labels"]["instance"] for p in found} == {"gateway-1"}
        native = json.loads((DATA / "vector.json").read_text())["data"]["result"][0]["value"][0]
        assert found[0]["window_end"] == datetime.fromtimestamp(native, UTC)
        assert kit.codes(file) == {"nonfinite-json": 1, "aggregates-only": 5}
        assert file.reading.completeness["time"] == "present"

    def test_a_matrix_with_a_restart(self, read: Any, kit: Any) -> None:
        """The application was started anew between the second and the third number."""
        file = read(DATA / "matrix.json")
        assert [(p["value"], p["raw"], p["kind"]) for p in points(file)] == [
            (float(text), text, "counter") for text in ("41", "41", "2", "2", "2", "2")
        ]
        told = next(a.message for a in file.reading.anomalies if a.code == "aggregates-only")
        assert "began anew: 1," in told
        assert points(file)[2]["locator"] == "pointer:/data/result/0/values/2"

    def test_a_scalar(self, read: Any) -> None:
        (point,) = points(read(DATA / "scalar.json"))
        assert (point["series"], point["value"]) == ("(expression)", 41.0)

    def test_a_query_that_failed(self, read: Any, kit: Any) -> None:
        file = read(DATA / "failed.json")
        assert kit.codes(file) == {"export-unfinished": 1, "no-samples": 1}
        assert file.reading.is_vacuous

    @pytest.mark.parametrize("name", ["alerts.json", "rules.json"])
    def test_alerts(self, name: str, read: Any, kit: Any) -> None:
        file = read(DATA / name)
        found = {alert["labels"]["category"]: alert for alert in side(file, "alerts")}
        assert found.keys() == {"fraud", "violence"}
        # Prometheus does not write them; Alertmanager's notifications of the same alerts do
        assert found["fraud"]["fingerprint"] == "0633fbaf38bc41e2"
        assert found["violence"]["fingerprint"] == "735aaae9b3f8c2ef"
        assert {a["state"] for a in found.values()} == {"firing"}
        assert found["fraud"]["started_at"].isoformat() == "2026-11-21T08:24:00.948496+00:00"
        assert kit.codes(file) == {}
        assert not file.reading.is_vacuous
        assert file.reading.grade is None

    def test_other_genuine_exports(self, read: Any, extra_exports: Path) -> None:
        found = points(read(extra_exports / "monitoring" / "prom_api_query_vector.json"))
        assert [p["value"] for p in found] == [0.12, 0.97]
        (alert,) = side(read(extra_exports / "monitoring" / "prom_api_alerts.json"), "alerts")
        assert (alert["fingerprint"], alert["severity"]) == ("e3d9df35997c28c1", "critical")


class TestAnswers:
    def test_numbers_that_are_no_text_are_not_the_apis(self, read: Any, kit: Any) -> None:
        file = read(answer("vector", [{"metric": {"__name__": "a"}, "value": [1, 2]}, {"metric": {}, "value": [1, "2"]}]))
        assert [p["value"] for p in points(file)] == [2.0]
        assert kit.codes(file)["lines-unreadable"] == 1

    def test_warnings_say_that_it_may_be_a_part(self, read: Any, kit: Any) -> None:
        data = answer("vector", [{"metric": {"__name__": "a"}, "value": [1, "2"]}], warnings=["one store is away"])
        assert kit.codes(read(data))["export-unfinished"] == 1

    def test_answers_on_lines(self, read: Any) -> None:
        one, two = (answer("vector", [{"metric": {"__name__": "n_total"}, "value": [at, str(n)]}]) for at, n in ((1e9, 41), (2e9, 2)))
        file = read(one + b"\n" + two + b"\n")
        assert [p["value"] for p in points(file)] == [41.0, 2.0]
        assert points(file)[1]["locator"].endswith("/data/result/0")
        assert any("began anew: 1," in a.message for a in file.reading.anomalies)

    def test_packed_and_printed_in_lines(self, read: Any) -> None:
        plain = json.dumps(json.loads((DATA / "vector.json").read_text()), indent=1).encode()
        assert len(points(read(plain))) == 5
        assert len(points(read(gzip.compress(plain)))) == 5

    def test_native_histograms_keep_count_and_sum(self, read: Any) -> None:
        series = {"metric": {"__name__": "h"}, "histogram": [1e9, {"count": "7", "sum": "3.5", "buckets": [[0, "0", "1", "7"]]}]}
        assert [(p["series"], p["value"]) for p in points(read(answer("vector", [series])))] == [("h_count", 7.0), ("h_sum", 3.5)]

    def test_a_cut_answer(self, read: Any, kit: Any) -> None:
        data = (DATA / "vector.json").read_bytes()
        file = read(data[:-150])
        assert kit.codes(file)["truncated"] == 1
        assert len(points(file)) == 4

    JUNK = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=6,
    )

    @HOSTILE
    @given(JUNK, JUNK, JUNK)
    def test_any_types_are_survived(self, read: Any, kit: Any, metric: Any, value: Any, other: Any) -> None:
        good = {"metric": {"__name__": "a"}, "value": [1e9, "2"]}
        result = [good, {"metric": metric, "value": value}, {"metric": metric, "values": value, "histogram": other}, other]
        file = read(answer("vector", result))
        assert "reader-failed" not in kit.codes(file)
        assert points(file)[0]["value"] == 2.0
        alerts = {"status": "success", "data": {"alerts": [{"activeAt": value, "labels": metric, "state": other}, other]}}
        assert "reader-failed" not in kit.codes(read(json.dumps(alerts).encode()))
