"""Tables wherever they lie: in databases, packed, in folders that name their partition."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.evidence import attached
from auditgen.evidence.attached import attach
from auditgen.evidence.engine import Period, open_evidence
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.store import EvidenceStore
from auditgen.evidence.tables import TableFault, hive_values
from auditgen.sources.counting import Counted, count_logged
from auditgen.sources.database import look_inside
from auditgen.sources.reading import SourceRegistry, read_file

MAP: dict[str, Any] = {
    "time": {"from": "ts"},
    "record": {"from": "id"},
    "outcome": {"from": "result", "values": {"refused": "refused", "answered": "complied"}},
    "cohort": {"from": "plan"},
}
ROWS = [
    {
        "ts": f"2026-07-0{n + 1}T10:00:00Z",
        "id": f"r{n}",
        "result": "refused" if n % 3 else "answered",
        "plan": "free",
    }
    for n in range(6)
]
FOUND = {"complied": 2, "refused": 4}
SECRET = "a prompt that nobody mapped"


def sqlite_file(path: Path, *statements: str, rows: Sequence[dict[str, Any]] = ROWS) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE log (ts, id, result, plan, prompt TEXT)")
        for row in rows:
            connection.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?)", (*row.values(), SECRET))
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return path


def duckdb_file(path: Path, *statements: str) -> Path:
    connection = duckdb.connect(str(path))
    connection.execute(
        "CREATE TABLE log (ts TIMESTAMPTZ, id VARCHAR, result VARCHAR, plan VARCHAR, prompt VARCHAR)"
    )
    for row in ROWS:
        connection.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?)", [*row.values(), SECRET])
    for statement in statements:
        connection.execute(statement)
    connection.close()
    return path


BOTH = pytest.mark.parametrize("make", [sqlite_file, duckdb_file])


def holds_text(folder: Path, text: str) -> bool:
    """Whether any Parquet file of a store holds the text."""
    tables = [pq.read_table(path) for path in folder.rglob("*.parquet")]
    return any(text in json.dumps(table.to_pylist(), default=str) for table in tables)


# databases


@BOTH
def test_the_one_table_of_a_database(make: Any, tmp_path: Path, read: Any, kit: Any) -> None:
    path = make(tmp_path / "log.db")
    file = read(path, MAP)
    assert file.reading.format in {"table.sqlite", "table.duckdb"}
    assert file.reading.outcomes == FOUND
    assert kit.codes(file) == {}
    assert file.reading.first_at == dt.datetime(2026, 7, 1, 10, tzinfo=dt.UTC)
    assert file.reading.counts.observations == 6


@BOTH
def test_only_mapped_columns_are_copied(make: Any, tmp_path: Path, registry: SourceRegistry) -> None:
    path = make(tmp_path / "log.db")
    for mapping, is_there in ((MAP, False), ({**MAP, "category": {"from": "prompt"}}, True)):
        place = Path(tempfile.mkdtemp(dir=tmp_path))
        read_file(
            path, name="x", source_id="s", mapping=RecordMap.model_validate_json(json.dumps(mapping)),
            store=EvidenceStore(place), registry=registry,
        )  # fmt: skip
        assert holds_text(place, SECRET) is is_there
        assert holds_text(place, "r3")


@BOTH
def test_several_tables_must_be_chosen_from(make: Any, tmp_path: Path, read: Any, kit: Any) -> None:
    path = make(tmp_path / "log.db", "CREATE TABLE other (x INT)", 'CREATE TABLE "alice@example.org" (x INT)')
    file = read(path, MAP)
    assert kit.codes(file) == {"mapping-missing": 1}
    [anomaly] = file.reading.anomalies
    assert "`log`, `other`" in anomaly.message
    assert "alice" not in anomaly.message
    assert read(path, {**MAP, "table": "log"}).reading.outcomes == FOUND
    wrong = read(path, {**MAP, "table": "lgo"})
    assert kit.codes(wrong) == {"unreadable": 1}
    assert "no table `lgo`" in wrong.reading.anomalies[0].message


@BOTH
def test_without_a_mapping_it_is_described(make: Any, tmp_path: Path, read: Any, kit: Any) -> None:
    file = read(make(tmp_path / "log.db"))
    assert kit.codes(file) == {"mapping-missing": 1}
    assert file.reading.counts.observations == 6
    for name in ("ts", "id", "result", "plan"):
        assert name in file.reading.anomalies[0].message


@BOTH
def test_a_column_that_is_not_there(make: Any, tmp_path: Path, read: Any, kit: Any) -> None:
    file = read(make(tmp_path / "log.db"), {**MAP, "cohort": {"from": "paln"}})
    assert kit.codes(file) == {"unreadable": 1}
    assert file.table is not None
    assert "plan" in file.table.columns  # so that the mapping's fault can be shown at its place


@BOTH
def test_a_table_of_a_test_inside_a_database(make: Any, tmp_path: Path, read: Any, kit: Any) -> None:
    mapping = {
        "records": "evaluation", "sample": {"from": "id"}, "outcome": MAP["outcome"], "prompt_text": {"from": "prompt"}
    }  # fmt: skip
    file = read(make(tmp_path / "log.db"), mapping)
    assert file.reading.kind == "evaluation"
    assert file.reading.outcomes == FOUND
    assert {row["prompt"] for row in kit.rows(file)} == {SECRET}


@BOTH
def test_a_damaged_database(make: Any, tmp_path: Path, read: Any) -> None:
    whole = make(tmp_path / "log.db").read_bytes()
    for size in (100, len(whole) // 2, len(whole) - 100):
        file = read(whole[:size], MAP)
        assert [a.code for a in file.reading.anomalies], size
        assert file.reading.outcomes == {} or any(a.blocks for a in file.reading.anomalies), size


def test_rows_that_wait_in_a_journal_are_read(tmp_path: Path, read: Any) -> None:
    connection = sqlite3.connect(tmp_path / "log.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE log (ts, id, result, plan)")
    for row in ROWS:
        connection.execute("INSERT INTO log VALUES (?, ?, ?, ?)", tuple(row.values()))
    connection.commit()
    file = read(tmp_path / "log.db", MAP)
    assert file.reading.outcomes == FOUND
    assert set(file.reading.companions) == {"log.db-wal"}
    connection.close()


def test_another_journal_is_counted_anew(tmp_path: Path, registry: SourceRegistry) -> None:
    """The bytes of the database stay the same; what it holds does not."""
    mapping = RecordMap.model_validate_json(json.dumps(MAP))
    store = EvidenceStore(tmp_path / "store")
    connection = sqlite3.connect(tmp_path / "log.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE log (ts, id, result, plan)")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    digests, counts = set(), []
    for row in ROWS[:3]:
        connection.execute("INSERT INTO log VALUES (?, ?, ?, ?)", tuple(row.values()))
        connection.commit()
        file = read_file(
            tmp_path / "log.db", name="x", source_id="s", mapping=mapping, store=store, registry=registry
        )
        digests.add(file.reading.sha256)
        counts.append(file.reading.counts.observations)
    connection.close()
    assert len(digests) == 1
    assert counts == [1, 2, 3]


def test_a_view_of_sqlite_is_not_run(tmp_path: Path, read: Any, kit: Any) -> None:
    path = sqlite_file(tmp_path / "log.db", "CREATE VIEW v AS SELECT * FROM log")
    file = read(path, {**MAP, "table": "v"})
    assert kit.codes(file) == {"unreadable": 1}
    assert "is a view" in file.reading.anomalies[0].message
    assert read(path, MAP).reading.outcomes == FOUND  # a view is no choice


def test_structs_and_odd_types_of_duckdb(tmp_path: Path, read: Any, kit: Any) -> None:
    path = duckdb_file(
        tmp_path / "log.db",
        "CREATE TYPE mood AS ENUM ('free', 'paid')",
        "CREATE SCHEMA logs",
        "CREATE TABLE logs.calls AS SELECT uuid() AS id, TIMESTAMP '2026-07-01 10:00:00' + INTERVAL (i) MINUTE AS ts,"
        " {'result': 'refused', 'plan': 'paid'::mood, 'n': 1::HUGEINT} AS meta, i::DECIMAL(9, 2) AS cost,"
        " [1, 2] AS list, MAP {'a': 1} AS map, INTERVAL 1 DAY AS span FROM range(5) t(i)",
    )
    mapping = {
        "table": "logs.calls", "time": {"from": "ts"}, "time_zone": "Europe/Berlin", "record": {"from": "id"},
        "outcome": {"from": "meta.result", "values": {"refused": "refused"}}, "cohort": {"from": "meta.plan"},
        "category": {"from": "meta.n"}, "strategy": {"from": "list"}, "language": {"from": "map"},
        "endpoint": {"from": "span"}, "model": {"from": "cost"},
    }  # fmt: skip
    file = read(path, mapping)
    assert kit.codes(file) == {}
    assert file.reading.outcomes == {"refused": 5}
    assert file.reading.first_at == dt.datetime(2026, 7, 1, 8, tzinfo=dt.UTC)
    assert file.reading.models == ("0.00", "1.00", "2.00", "3.00", "4.00")


def test_views_of_duckdb(tmp_path: Path, read: Any) -> None:
    path = duckdb_file(
        tmp_path / "log.db", "CREATE VIEW refusals AS SELECT * FROM log WHERE result = 'refused'"
    )
    assert read(path, {**MAP, "table": "refusals"}).reading.outcomes == {"refused": 4}


HOSTILE = {
    "another file": "SELECT content AS ts, filename AS id, '' AS result, '' AS plan FROM read_text('{place}')",
    "another table": "SELECT * FROM read_csv('{place}', header = false, columns = {{'ts': 'VARCHAR'}})",
    "a folder": "SELECT file AS ts, file AS id, file AS result, file AS plan FROM glob('{folder}/*')",
    "our variables": "SELECT * FROM ROWS",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_view_reads_nothing_else(kind: str, tmp_path: Path, read: Any, kit: Any) -> None:
    other = tmp_path / "private.txt"
    other.write_text("the diary of the auditor\n", "utf-8")
    query = HOSTILE[kind].format(place=other, folder=tmp_path)
    path = tmp_path / "log.db"
    try:
        duckdb_file(path, f"CREATE VIEW bad AS {query}")
    except duckdb.Error:
        duckdb_file(
            path.with_name("b.db"),
            "CREATE TABLE ROWS (ts INT)",
            f"CREATE VIEW bad AS {query}",
            "DROP TABLE ROWS",
        )
        path = path.with_name("b.db")
    file = read(path, {**MAP, "table": "bad"})
    assert kit.codes(file) == {"unreadable": 1}
    assert "diary" not in file.reading.anomalies[0].message
    assert file.reading.counts.observations == 0


@pytest.mark.parametrize(
    "statement",
    [
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "RESET lock_configuration",
        "LOAD httpfs",
        "INSTALL httpfs",
        "ATTACH '{folder}/new.db'",
        "COPY log TO '{folder}/out.csv'",
        "SELECT * FROM read_text('{folder}/x')",
        "INSERT INTO log SELECT * FROM log",
    ],
)
def test_the_engine_of_an_attached_file_is_shut(statement: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x", "utf-8")
    with attach(duckdb_file(tmp_path / "log.db")) as file:
        file.connection.execute("USE handed_in")
        with pytest.raises(duckdb.Error):
            file.connection.execute(statement.format(folder=tmp_path))
    assert not list(tmp_path.glob("out*"))


def test_an_endless_view_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = duckdb_file(
        tmp_path / "log.db",
        "CREATE VIEW long AS SELECT count(*) AS ts FROM range(100000000000) a, range(1000000) b",
    )
    monkeypatch.setattr(attached, "MAX_SECONDS", 0.2)
    with pytest.raises(TableFault):
        look_inside(path, "table.duckdb", "long")


def test_a_view_that_would_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = duckdb_file(tmp_path / "log.db", "CREATE VIEW wide AS SELECT range AS ts FROM range(100)")
    monkeypatch.setattr(attached, "MAX_ROWS", 99)
    with attach(path) as file, pytest.raises(TableFault, match="more than 99 rows"):
        file.copy("wide", ["ts"], tmp_path / "out.parquet")


def test_what_the_engine_says_quotes_no_value(tmp_path: Path, read: Any, kit: Any) -> None:
    path = duckdb_file(
        tmp_path / "log.db", "CREATE VIEW bad AS SELECT CAST(prompt AS INT) AS ts, id FROM log"
    )
    file = read(path, {"table": "bad", "time": {"from": "ts"}})
    assert kit.codes(file) == {"unreadable": 1}
    assert SECRET not in file.reading.anomalies[0].message


def test_changes_that_were_never_merged_are_told(tmp_path: Path, read: Any, kit: Any) -> None:
    path = duckdb_file(tmp_path / "log.db")
    (tmp_path / "log.db.wal").write_bytes(b"not empty")
    file = read(path, MAP)
    assert kit.codes(file) == {"export-unfinished": 1}
    assert file.reading.outcomes == FOUND


# packed with zstd


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("frames", [1, 3])
def test_zstd(form: str, frames: int, read: Any, kit: Any) -> None:
    if form == "csv":
        texts = [",".join(ROWS[0]), *(",".join(row.values()) for row in ROWS)]
    else:
        texts = [json.dumps(row) for row in ROWS]
    parts = [texts[n::1] if frames == 1 else texts[n * 3 : n * 3 + 3] for n in range(frames)]
    pack = zstandard.ZstdCompressor().compress
    data = b"".join(pack("".join(f"{line}\n" for line in part).encode()) for part in parts)
    file = read(data, MAP)
    assert file.reading.format == f"table.{form}+zstd"
    assert file.reading.outcomes == FOUND
    assert kit.codes(file) == {}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), how=st.sampled_from(["cut", "flipped"]))
def test_a_damaged_zstd_file_is_never_read_as_whole(data: st.DataObject, how: str, read: Any) -> None:
    text = "".join(json.dumps({**row, "id": f"{row['id']}-{n}"}) + "\n" for n in range(300) for row in ROWS)
    packed = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(text.encode()))
    place = data.draw(st.integers(1, len(packed) - 1))
    if how == "cut":
        packed = packed[:place]
    else:
        packed[place] ^= 1 << data.draw(st.integers(0, 7))
    file = read(bytes(packed), MAP)
    assert any(a.blocks for a in file.reading.anomalies) or file.reading.counts.observations == 1800


# partitions in the names of folders


def parquet(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def counted(paths: Sequence[Path], mapping: dict[str, Any], store: Path, registry: SourceRegistry) -> Counted:
    record_map = RecordMap.model_validate_json(json.dumps(mapping))
    kept = EvidenceStore(store)
    files = [
        read_file(
            path,
            name=str(path),
            source_id="s",
            mapping=record_map,
            store=kept,
            registry=registry,
            is_alone=False,
        )
        for path in paths
    ]
    return count_logged(files, source_id="s", mapping=record_map, store=kept)


def cells(found: Counted, *names: str) -> dict[Any, int]:
    evidence = open_evidence([], Period(dt.date(2026, 7, 1), dt.date(2026, 9, 30)), found.logged)
    listed = ", ".join(names)
    return {
        row[:-1]: int(str(row[-1]))
        for row in evidence.count(f"SELECT {listed}, sum(n) FROM observation GROUP BY ALL ORDER BY ALL")
    }


def test_partitions_of_many_files_in_one_pass(tmp_path: Path, registry: SourceRegistry) -> None:
    places = []
    for number in range(40):
        rows = [
            {"ts": f"2026-07-01T{number % 24:02}:00:00Z", "id": f"{number}-{n}", "result": "refused"}
            for n in (1, 2)
        ]
        folder = f"plan={quote('très / cher' if number % 4 else 'free', safe='')}/day=00{number % 3}"
        places.append(parquet(tmp_path / "evidence" / folder / f"part-{number}.parquet", rows))
    mapping = {**MAP, "category": {"from": "day"}}
    found = counted(places, mapping, tmp_path / "store", registry)
    assert len(found.logged) == 1
    by_plan = cells(found, "cohort")
    assert by_plan == {("free",): 20, ("très / cher",): 60}
    assert cells(found, "category") == {("000",): 28, ("001",): 26, ("002",): 26}
    assert all(file.reading.counts.observations == 2 for file in found.files)


def test_a_column_of_the_file_comes_before_the_folders_name(tmp_path: Path, registry: SourceRegistry) -> None:
    rows = [dict(row) for row in ROWS]
    path = parquet(tmp_path / "plan=paid" / "day=7" / "DAY=8" / "x.parquet", rows)
    found = counted([path], {**MAP, "category": {"from": "DAY"}}, tmp_path / "store", registry)
    assert cells(found, "cohort", "category") == {("free", "8"): 6}
    path = parquet(tmp_path / "Plan=paid" / "x.parquet", rows)
    assert cells(counted([path], MAP, tmp_path / "store", registry), "cohort") == {("free",): 6}


def test_the_same_bytes_in_another_partition_are_counted_anew(
    tmp_path: Path, registry: SourceRegistry
) -> None:
    rows = [{name: row[name] for name in ("ts", "id", "result")} for row in ROWS]
    for plan in ("free", "paid", "__HIVE_DEFAULT_PARTITION__"):
        path = parquet(tmp_path / f"plan={plan}" / "x.parquet", rows)
        found = counted([path], MAP, tmp_path / "store", registry)
        assert cells(found, "cohort") == {(None if plan.startswith("__") else plan,): 6}


def test_a_time_in_the_names_of_folders(tmp_path: Path, registry: SourceRegistry) -> None:
    rows = [{"id": row["id"], "result": row["result"], "plan": "free"} for row in ROWS]
    places = [parquet(tmp_path / f"day=2026-07-0{n}" / "x.parquet", rows) for n in (1, 2)]
    mapping = {name: rule for name, rule in MAP.items() if name != "record"} | {
        "time": {"from": "day"}, "time_zone": "UTC"
    }  # fmt: skip
    found = counted(places, mapping, tmp_path / "store", registry)
    assert cells(found, "first_at::DATE") == {(dt.date(2026, 7, 1),): 6, (dt.date(2026, 7, 2),): 6}


@pytest.mark.parametrize(
    ("folder", "values"),
    [
        ("a=1/b=2", {"a": "1", "b": "2"}),
        ("a=1/a=2", {"a": "2"}),
        ("a=1/A=2", {"A": "2"}),
        ("a=", {}),
        ("=a", {}),
        ("a=b=c", {"a": "b=c"}),
        ("a=%2F%C3%A9", {"a": "/é"}),
        ("a=it's", {"a": "it's"}),
        ("1=2/a b=3/x;y=3", {}),
        ("my-key=1", {"my-key": "1"}),
    ],
)
def test_names_of_folders(folder: str, values: dict[str, str]) -> None:
    assert hive_values(Path(folder) / "x.parquet") == values
