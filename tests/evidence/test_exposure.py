"""Credentials in tables of monitoring: counted, and shown nowhere; what nobody shows is not touched."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditgen.evidence.exposure import key_without, register
from auditgen.evidence.tables import connect

TOKEN = "ghp_" + "a1B2c3" * 6
OTHER = "ghp_" + "Z9y8X7" * 6
MAP: dict[str, Any] = {
    "time": {"from": "t"}, "record": {"from": "id"}, "model": {"from": "model"}, "cohort": {"from": "team"},
    "category": {"from": "kind"}, "endpoint": {"from": "path"}, "prompt": {"from": "p"},
    "outcome": {"from": "r", "values": {"answered": "complied", "refused": "refused"}},
}  # fmt: skip
Rows = list[dict[str, str]]


def rows() -> Rows:
    return [
        {"t": f"2026-07-0{n + 1}T10:00:00Z", "id": f"r{n}", "model": "acme-1", "team": "free", "kind": "chat", "path": "/v1", "p": f"p{n % 2}", "r": "answered"}
        for n in range(6)
    ]


def as_csv(made: Rows) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(made[0]))
    writer.writeheader()
    writer.writerows(made)
    return out.getvalue().encode()


def as_jsonl(made: Rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in made)


def as_parquet(made: Rows) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(made), out)
    return out.getvalue()


FORMATS = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet}
FORMAT = pytest.mark.parametrize("form", FORMATS)


def everything(kit: Any, file: Any) -> str:
    """All that any report could draw on: the reading, the rows and the counters of the views."""
    evidence = kit.view(file, mapping=MAP)
    seen = [evidence.count(f"SELECT * FROM {name}") for name in ("record", "observation", "hours")]
    return repr(file.reading) + repr(seen)


@FORMAT
@pytest.mark.parametrize("column", ["id", "model", "team", "kind", "path", "p", "r", "t"])
def test_no_view_and_no_message_has_it_and_its_cells_are_counted(form: str, column: str, kit: Any) -> None:
    made = rows()
    made[1][column] = made[4][column] = f"x {TOKEN}"
    file = kit.read(kit.file(FORMATS[form](made)), MAP)
    assert TOKEN not in everything(kit, file)
    assert kit.codes(file)["secrets-in-log"] == 2
    assert file.reading.counts.observations == 6


@FORMAT
def test_clean_tables_have_no_such_finding(form: str, kit: Any) -> None:
    file = kit.read(kit.file(FORMATS[form](rows())), MAP)
    assert kit.codes(file) == {}
    assert kit.logged(file, mapping=MAP)[0].exposed == ()


@FORMAT
def test_records_whose_ids_are_credentials_stay_apart(form: str, kit: Any) -> None:
    made = rows()
    made[0]["id"], made[1]["id"], made[2]["id"] = f"Bearer {TOKEN}", f"Bearer {OTHER}", f"Bearer {TOKEN}"
    made[2] = {**made[0]}  # logged twice
    file = kit.read(kit.file(FORMATS[form](made)), MAP)
    evidence = kit.view(file, mapping=MAP)
    assert kit.copies(evidence) == 1
    ids = [name for (name,) in evidence.count("SELECT sample_id FROM record ORDER BY locator")]
    assert len(set(ids)) == len(ids) == 5
    assert {"row:1", "row:2"} < set(ids)


@FORMAT
def test_prompts_whose_keys_hold_credentials_stay_apart(form: str, kit: Any) -> None:
    made = rows()
    for row in made:
        row["p"] = f"use {TOKEN if row['p'] == 'p0' else OTHER}"
    file = kit.read(kit.file(FORMATS[form](made)), MAP)
    evidence = kit.view(file, mapping=MAP)
    assert len(evidence.count("SELECT DISTINCT prompt_key FROM observation")) == 2
    assert TOKEN not in everything(kit, file)
    assert OTHER not in everything(kit, file)


def test_copies_are_taken_away_under_the_name_they_were_counted_by(kit: Any) -> None:
    made = rows()
    for row in made:
        row["team"] = f"team {TOKEN}"
    made.append({**made[0]})
    file = kit.read(kit.file(as_csv(made)), MAP)
    evidence = kit.view(file, mapping=MAP)  # it compares the sums of both views
    assert evidence.count("SELECT cohort, sum(n) FROM observation GROUP BY 1 HAVING sum(n) <> 0") == [
        ("team [credential removed]", 6)
    ]


def test_of_two_files_each_has_its_own_count(kit: Any) -> None:
    one, other = rows(), rows()
    for row in other:
        row["id"] = f"o{row['id']}"
    other[0]["team"] = other[1]["kind"] = TOKEN
    files = [kit.read(kit.file(as_parquet(made)), MAP) for made in (one, other)]
    assert [kit.codes(file).get("secrets-in-log", 0) for file in files] == [0, 2]


def test_a_pseudonym_is_made_of_the_whole(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITGEN_PSEUDONYM_KEY", "k" * 32)
    made = rows()
    made[0]["team"], made[1]["team"] = f"t {TOKEN}", f"t {OTHER}"
    mapping = {**MAP, "cohort": {"from": "team", "pseudonym": True}}
    file = kit.read(kit.file(as_parquet(made)), mapping)
    evidence = kit.view(file, mapping=mapping)
    assert len(evidence.count("SELECT DISTINCT cohort FROM observation")) == 3
    assert "secrets-in-log" not in kit.codes(file)


def test_a_first_row_that_is_no_header_is_not_told(kit: Any) -> None:
    file = kit.read(kit.file(f"2026-07-01,{TOKEN},x\n2026-07-02,b,y\n"), None)
    assert TOKEN not in repr(file.reading)
    assert "[credential removed]" in repr(file.reading.anomalies)


def test_keys_without_credentials_are_the_same_keys() -> None:
    assert key_without("p1") == "p1"
    assert key_without(f"a {TOKEN}") != key_without(f"a {OTHER}")
    assert TOKEN not in key_without(f"a {TOKEN}")


def test_the_engine_knows_the_function_once_it_is_told() -> None:
    connection = connect()
    query = f"SELECT auditgen_without_credentials('{TOKEN}')"
    with pytest.raises(duckdb.Error):
        connection.execute(query)
    for _ in range(2):
        register(connection)
        assert connection.execute(query).fetchall() == [("[credential removed]",)]
