"""whylogs: counters and sums of a profile without its library; sketches are named, not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.sources.whylogs import _fields

DATA = Path(__file__).parents[1] / "data" / "whylogs"
Json = dict[str, Any]
HOSTILE = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def points(file: Any) -> list[Json]:
    rows: list[Json] = pq.read_table(file.records.with_name("metric_points.parquet")).to_pylist()
    return [{**row, "labels": dict(row["labels"])} for row in rows]


def values(file: Any) -> dict[tuple[str, str], float]:
    return {(p["labels"]["column"], p["series"]): p["value"] for p in points(file)}


class TestGenuine:
    def test_a_profile(self, read: Any, kit: Any) -> None:
        """Twenty rows: two without a toxicity, seventeen refused."""
        file = read(DATA / "profile.bin")
        found = values(file)
        assert found["toxicity", "counts/n"] == found["refused", "counts/n"] == 20
        assert found["toxicity", "counts/null"] == 2
        assert found["refused", "distribution/mean"] == 0.85
        assert (found["refused", "ints/min"], found["refused", "ints/max"]) == (0, 1)
        assert found["category", "types/string"] == 20
        assert {p["window_end"].isoformat() for p in points(file)} == {"2026-09-15T12:00:00+00:00"}
        assert {p["labels"]["whylogs.tag.model"] for p in points(file)} == {"acme/model"}
        assert file.reading.tool_version == "1.6.4"
        assert kit.codes(file) == {"aggregates-only": 41}
        told = file.reading.anomalies[0].message
        assert "quantiles (3), distinct values (3), frequent items (2)" in told

    def test_kinds(self, read: Any) -> None:
        kinds = {p["series"]: p["kind"] for p in points(read(DATA / "profile.bin"))}
        assert kinds["counts/n"] == kinds["types/string"] == "count"
        assert kinds["distribution/mean"] == "gauge"

    def test_the_view_agrees_with_the_profile(self, read: Any, kit: Any) -> None:
        view, profile = read(DATA / "view.csv"), values(read(DATA / "profile.bin"))
        shared = {key: value for key, value in values(view).items() if key in profile}
        assert len(shared) > 30
        assert shared == {key: profile[key] for key in shared}
        assert values(view)["toxicity", "distribution/q_95"] == 0.1997
        assert kit.codes(view) == {"aggregates-only": 75, "undated-rows": 75}

    def test_other_genuine_exports(self, read: Any, extra_exports: Path) -> None:
        found = values(read(extra_exports / "monitoring" / "whylogs_profile.bin"))
        assert found["refused", "counts/n"] == 500
        assert found["refused", "distribution/mean"] == 0.884
        assert values(read(extra_exports / "monitoring" / "whylogs_profile_view.csv"))["refused", "counts/n"] == 500


class TestHostile:
    @HOSTILE
    @given(st.integers(4, 1697), st.integers(0, 255))
    def test_any_byte_may_be_another(self, read: Any, kit: Any, place: int, byte: int) -> None:
        data = bytearray((DATA / "profile.bin").read_bytes())
        data[place] = byte
        assert "reader-failed" not in kit.codes(read(bytes(data)))

    @HOSTILE
    @given(st.integers(4, 1697))
    def test_cut_anywhere(self, read: Any, kit: Any, size: int) -> None:
        file = read((DATA / "profile.bin").read_bytes()[:size])
        assert kit.codes(file)["truncated"] == 1

    @HOSTILE
    @given(st.binary(max_size=80))
    def test_any_bytes_are_fields_or_refused(self, data: bytes) -> None:
        try:
            found = list(_fields(data))
        except ValueError:
            return
        assert sum(len(value) for _, value in found if isinstance(value, bytes)) <= len(data)

    def test_segments_are_said_not_to_be_read(self, read: Any, kit: Any) -> None:
        file = read(b"WHY1\x02\x08\x01" + (DATA / "profile.bin").read_bytes()[5:])
        assert kit.codes(file) == {"unreadable": 1, "no-samples": 1}

    def test_lengths_that_are_lies(self, read: Any, kit: Any) -> None:
        for head in (b"WHY1\x00\xff\xff\xff\xff\xff\x7f", b"WHY1" + b"\xff" * 30, b"WHY1"):
            assert "truncated" in kit.codes(read(head + b"x" * 40))
