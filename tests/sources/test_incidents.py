"""Registers of incidents: what a column says, and no clock that nobody started."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.cli.file_block import describe

DATA = Path(__file__).parents[1] / "data" / "incidents"
Json = dict[str, Any]


def incidents(file: Any) -> list[Json]:
    rows: list[Json] = pq.read_table(file.records.with_name("incidents.parquet")).to_pylist()
    return rows


def table(*rows: str) -> bytes:
    return ("incident_id,title,occurred_at,aware_at\n" + "".join(row + "\n" for row in rows)).encode()


def workbook(rows: list[list[Any]], change: Any = None) -> bytes:
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    if change is not None:
        change(made)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


class TestRegister:
    def test_a_table(self, read: Any, kit: Any) -> None:
        file = read(DATA / "register.csv")
        first, second, third, last = incidents(file)
        assert first["incident_id"] == "INC-2026-07"
        assert first["occurred_at"].isoformat() == "2026-07-14T07:30:00+00:00"
        assert first["aware_at"].isoformat() == "2026-07-15T06:00:00+00:00"
        assert first["reported_at"].isoformat() == "2026-07-28T00:00:00+00:00"
        assert first["authority"] == "Example Market Surveillance Authority"
        assert second["reported_at"] is None
        assert second["closed_at"].isoformat() == "2026-08-09T00:00:00+00:00"
        assert third["developer"] is None
        assert last["occurred_at"] is None
        assert kit.codes(file) == {"time-zone-unknown": 2, "undated-rows": 1}

    def test_a_workbook_tells_the_same(self, read: Any, kit: Any) -> None:
        table, book = read(DATA / "register.csv"), read(DATA / "register.xlsx")
        assert book.reading.format == "incidents.xlsx"
        assert kit.codes(table) == kit.codes(book)
        bare = [[{**row, "locator": ""} for row in incidents(file)] for file in (table, book)]
        assert bare[0] == bare[1]
        assert [row["locator"] for row in incidents(book)] == ["row:2", "row:3", "row:4", "row:5"]

    def test_aware_is_never_derived(self, read: Any) -> None:
        (row,) = incidents(read(table("1,Title,2026-09-01,")))
        assert row["aware_at"] is None
        assert row["occurred_at"] is not None

    def test_what_a_person_reads(self, read: Any) -> None:
        reading = read(DATA / "register.csv").reading
        text = describe(reading)
        assert "holds        4 incidents, as reported" in text
        assert "NO EVIDENCE" not in text
        assert reading.grade is None
        assert not reading.is_vacuous

    def test_zones_and_times_that_are_none(self, read: Any, kit: Any) -> None:
        data = table("1,A,2026-09-01T10:00:00,", "2,B,yesterday,31.12.2026")
        assert kit.codes(read(data)) == {"time-zone-unknown": 1, "value-not-mapped": 2, "undated-rows": 1}
        placed = read(data, {"time_zone": "Asia/Tokyo"})
        assert incidents(placed)[0]["occurred_at"].isoformat() == "2026-09-01T01:00:00+00:00"

    def test_ids_that_are_reused_or_missing(self, read: Any, kit: Any) -> None:
        file = read(table("1,A,2026-09-01,", "1,B,2026-09-02,", ",C,2026-09-03,", ",,2026-09-04,"))
        assert [row["title"] for row in incidents(file)] == ["A", "B", "C"]
        assert kit.codes(file) == {"ids-reused": 1, "value-not-mapped": 1, "lines-unreadable": 1}

    def test_a_table_of_other_columns_is_no_register(self, read: Any) -> None:
        assert read(b"incident_id,title,when\n1,A,2026-09-01\n2,B,2026-09-01\n").reading.format == "table.csv"
        assert read(workbook([["incident_id", "label"], ["1", "aware_at title occurred_at"]])).reading.format == "table.xlsx"

    def test_days_of_a_workbook_and_hidden_rows(self, read: Any, kit: Any) -> None:
        from datetime import date

        def change(made: Any) -> None:
            made.active.row_dimensions[2].hidden = True
            made.create_sheet("notes").append(["more"])

        rows = [["incident_id", "title", "occurred_at", "aware_at"], ["1", "A", date(2026, 9, 1), None]]
        file = read(workbook(rows, change))
        assert incidents(file)[0]["occurred_at"].isoformat() == "2026-09-01T00:00:00+00:00"
        assert kit.codes(file) == {"cells-hidden": 1, "sheets-unread": 1, "time-zone-unknown": 1}

    def test_a_damaged_workbook(self, read: Any, kit: Any) -> None:
        data = (DATA / "register.xlsx").read_bytes()
        for broken in (data[:-400], data.replace(b"xl/worksheets", b"xl/workshirts")):
            assert "reader-failed" not in kit.codes(read(broken))

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.binary(max_size=200))
    def test_any_rest_is_survived(self, read: Any, kit: Any, rest: bytes) -> None:
        file = read(table("1,A,2026-09-01,2026-09-02") + rest)
        if file.reading.format == "incidents.csv":
            assert "reader-failed" not in kit.codes(file)
            assert incidents(file)[0]["title"] == "A"


class TestDatabase:
    def test_both_forms_tell_the_same(self, read: Any, kit: Any) -> None:
        csv, js = read(DATA / "aiid.csv"), read(DATA / "aiid.json")
        assert (csv.reading.format, js.reading.format) == ("aiid.csv", "aiid.json")
        bare = [[{**row, "locator": ""} for row in incidents(file)] for file in (csv, js)]
        assert bare[0] == bare[1]
        second = bare[0][1]
        assert second["harmed"] == "paying-customers, free-customers"
        assert second["occurred_at"].isoformat() == "2026-08-02T00:00:00+00:00"
        assert second["aware_at"] is second["reported_at"] is None
        assert kit.codes(csv) == kit.codes(js) == {}

    JUNK = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=6,
    )

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(JUNK, JUNK)
    def test_any_types_are_survived(self, read: Any, kit: Any, one: Any, two: Any) -> None:
        records = json.loads((DATA / "aiid.json").read_text())
        records += [dict.fromkeys(records[0], one), {**records[0], "date": two}, two]
        file = read(json.dumps(records).encode())
        assert "reader-failed" not in kit.codes(file)
        assert len(incidents(file)) >= 3

    @pytest.mark.parametrize("size", [300, 700])
    def test_cut(self, size: int, read: Any, kit: Any) -> None:
        file = read((DATA / "aiid.json").read_bytes()[:size])
        assert kit.codes(file)["truncated"] == 1
