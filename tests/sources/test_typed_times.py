"""Times with a type of their own, in every kind of table: with a zone, without, and beside a declared unit."""

from __future__ import annotations

import datetime as dt
import io
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditgen.sources.clock import counted_time

WHEN = dt.datetime.fromisoformat("2026-09-01T10:30:15.250000")
MIDNIGHT = dt.datetime.fromisoformat("2026-09-01")
UTC = dt.UTC
BERLIN = dt.timedelta(hours=2)
MAP: dict[str, Any] = {
    "records": "evaluation", "time": {"from": "at"}, "suite": {"is": "policy"}, "sample": {"from": "id"}, "model": {"is": "acme-1"},
    "outcome": {"from": "label", "values": {"refused": "refused"}}, "cohort": {"from": "day"}, "scores": {"harm": "harm"},
}  # fmt: skip


def parquet(kind: Any, value: Any) -> bytes:
    out = io.BytesIO()
    table = pa.table(
        {
            "id": ["s1"], "label": ["refused"], "at": pa.array([value], kind), "day": pa.array([dt.date(2026, 9, 1)]),
            "harm": pa.array([Decimal("0.50")], pa.decimal128(5, 2)),
        }
    )  # fmt: skip
    pq.write_table(table, out)
    return out.getvalue()


def read_one(read: Any, kit: Any, data: Any, mapping: dict[str, Any]) -> tuple[Any, dict[str, int], Any]:
    file = read(data, mapping)
    [row] = kit.rows(file)
    return row["observed_at"], kit.codes(file), file


MICROS = {"s": "2026-09-01T10:30:15", "ms": "2026-09-01T10:30:15.250000", "us": "2026-09-01T10:30:15.250000", "ns": "2026-09-01T10:30:15.250000"}


@pytest.mark.parametrize("unit", ["", "s", "ms", "ns"])
@pytest.mark.parametrize("step", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_timestamps_of_parquet(step: str, zone: str | None, unit: str, read: Any, kit: Any) -> None:
    value = WHEN.replace(microsecond=0) if step == "s" else WHEN
    if zone is not None:
        value = value.replace(tzinfo=UTC)
    time = {"from": "at", "unit": unit} if unit else {"from": "at"}
    at, codes, file = read_one(read, kit, parquet(pa.timestamp(step, zone), value), {**MAP, "time": time})
    assert at == dt.datetime.fromisoformat(MICROS[step]).replace(tzinfo=UTC)
    assert codes == ({} if zone else {"time-zone-unknown": 1})
    assert kit.rows(file)[0]["cohort"] == "2026-09-01"
    assert [s["value"] for s in kit.scores(file)] == [0.5]


def test_a_timestamp_with_nanoseconds_keeps_its_microseconds(read: Any, kit: Any) -> None:
    data = parquet(pa.timestamp("ns"), 1_788_258_615_250_000_789)
    at, _, _ = read_one(read, kit, data, MAP)
    assert at == WHEN.replace(tzinfo=UTC)


def test_a_declared_zone_holds_for_times_without_one_and_for_no_other(read: Any, kit: Any) -> None:
    mapping = {**MAP, "time_zone": "Europe/Berlin"}
    at, codes, _ = read_one(read, kit, parquet(pa.timestamp("us"), WHEN), mapping)
    assert (at, codes) == (WHEN.replace(tzinfo=UTC) - BERLIN, {})
    at, codes, _ = read_one(read, kit, parquet(pa.timestamp("us", "UTC"), WHEN), mapping)
    assert (at, codes) == (WHEN.replace(tzinfo=UTC), {})


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
def test_a_day_is_its_first_moment(kind: Any, read: Any, kit: Any) -> None:
    at, codes, _ = read_one(read, kit, parquet(kind, WHEN.date()), MAP)
    assert at == dt.datetime(2026, 9, 1, tzinfo=UTC)
    assert codes == {"time-zone-unknown": 1}


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63) + 1, 2**60])
def test_a_time_beyond_every_calendar_is_undated_and_no_fault(value: int, read: Any, kit: Any) -> None:
    at, codes, _ = read_one(read, kit, parquet(pa.timestamp("us", "UTC"), value), MAP)
    assert at is None
    assert codes == {"undated-rows": 1}


def test_a_time_in_a_struct_and_beside_other_types(read: Any, kit: Any) -> None:
    out = io.BytesIO()
    inner = pa.struct([("at", pa.timestamp("us", "UTC")), ("n", pa.int64()), ("ok", pa.bool_()), ("t", pa.string())])
    meta = pa.array([{"at": WHEN.replace(tzinfo=UTC), "n": 3, "ok": True, "t": "free"}], inner)
    pq.write_table(pa.table({"id": ["s1"], "label": ["refused"], "meta": meta}), out)
    mapping = {**MAP, "time": {"from": "meta.at"}, "cohort": {"from": "meta.ok"}, "category": {"from": "meta.n"}}
    del mapping["scores"]
    at, codes, file = read_one(read, kit, out.getvalue(), mapping)
    assert (at, codes) == (WHEN.replace(tzinfo=UTC), {})
    assert (kit.rows(file)[0]["cohort"], kit.rows(file)[0]["category"]) == ("true", "3")


@pytest.mark.parametrize(
    ("kind", "expected", "codes"),
    [
        ("TIMESTAMP", WHEN, {"time-zone-unknown": 1}), ("TIMESTAMPTZ", WHEN, {}), ("TIMESTAMP_MS", WHEN, {"time-zone-unknown": 1}),
        ("TIMESTAMP_NS", WHEN, {"time-zone-unknown": 1}), ("TIMESTAMP_S", WHEN.replace(microsecond=0), {"time-zone-unknown": 1}),
        ("DATE", MIDNIGHT, {"time-zone-unknown": 1}), ("VARCHAR", WHEN, {"time-zone-unknown": 1}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("unit", ["", "ms"])
def test_times_of_duckdb(kind: str, expected: dt.datetime, codes: dict[str, int], unit: str, tmp_path: Path, read: Any, kit: Any) -> None:
    path = tmp_path / "results.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE results (id VARCHAR, label VARCHAR, \"at\" {kind}, day DATE, harm DECIMAL(5, 2))")
        floor = WHEN.replace(microsecond=0) if kind == "TIMESTAMP_S" else WHEN
        connection.execute(f"INSERT INTO results VALUES ('s1', 'refused', '{floor.isoformat(' ')}', '2026-09-01', 0.5)")
    time = {"from": "at", "unit": unit} if unit else {"from": "at"}
    at, found, file = read_one(read, kit, path, {**MAP, "time": time})
    assert at == expected.replace(tzinfo=UTC)
    assert found == codes
    assert kit.rows(file)[0]["cohort"] == "2026-09-01"
    assert [s["value"] for s in kit.scores(file)] == [0.5]


@pytest.mark.parametrize("cell", [WHEN.replace(microsecond=0), dt.date(2026, 9, 1)])
@pytest.mark.parametrize("unit", ["", "s"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_dates_of_a_workbook(cell: Any, unit: str, zone: str | None, read: Any, kit: Any) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append(["id", "label", "at", "day", "harm"])
    workbook.active.append(["s1", "refused", cell, dt.date(2026, 9, 1), 0.5])
    out = io.BytesIO()
    workbook.save(out)
    mapping: dict[str, Any] = {**MAP, "time": {"from": "at", "unit": unit} if unit else {"from": "at"}}
    if zone:
        mapping["time_zone"] = zone
    at, codes, _ = read_one(read, kit, out.getvalue(), mapping)
    wanted = cell if isinstance(cell, dt.datetime) else MIDNIGHT
    assert at == wanted.replace(tzinfo=UTC) - (BERLIN if zone else dt.timedelta())
    assert codes == ({} if zone else {"time-zone-unknown": 1})


STAMP = int(WHEN.replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(("unit", "number"), [("s", STAMP / 1000), ("ms", STAMP), ("us", STAMP * 1000), ("ns", STAMP * 10**6)])
def test_numbers_are_times_where_their_unit_is_declared(unit: str, number: float, tmp_path: Path, read: Any, kit: Any) -> None:
    path = tmp_path / "r.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE results (id, label, at, day, harm)")
        db.execute("INSERT INTO results VALUES ('s1', 'refused', ?, '2026-09-01', 0.5)", (number,))
    db.close()
    kind = pa.float64() if unit == "s" else pa.int64()
    rows = [path, parquet(kind, number), f"id,label,at,day,harm\ns1,refused,{number},d,0.5\n".encode()]
    for data in rows:
        at, codes, _ = read_one(read, kit, data, {**MAP, "time": {"from": "at", "unit": unit}})
        assert (at, codes) == (WHEN.replace(tzinfo=UTC), {})
        at, codes, _ = read_one(read, kit, data, MAP)
        assert (at, codes) == (None, {"undated-rows": 1})


@pytest.mark.parametrize("text", ["1e999", "-1e20", "9" * 300, "nan", "", "ten"])
def test_what_is_no_number_of_a_unit_is_no_time(text: str) -> None:
    assert all(counted_time(text, unit) is None for unit in ("s", "ms", "us", "ns"))
