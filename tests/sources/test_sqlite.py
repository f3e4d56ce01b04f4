"""Databases of strangers: read as they are, never executed, never written to, never endless."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.sources import sqlite
from auditgen.sources.interface import Probe
from auditgen.sources.sqlite import SqliteFault, open_copy, table_names

FUZZ = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def made(path: Path, *statements: str) -> Path:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


ROWS = ("CREATE TABLE t (id TEXT PRIMARY KEY, v)", "INSERT INTO t VALUES ('a', 1), ('b', 'two'), ('c', x'00ff')")


@pytest.fixture
def plain(workdir: Path) -> Path:
    return made(workdir / "plain.db", *ROWS)


@pytest.fixture
def lived_in(workdir: Path) -> Iterator[Path]:
    """A database in use: a row stands only in the journal beside it."""
    path = made(workdir / "live.db", "PRAGMA journal_mode=WAL", *ROWS)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("INSERT INTO t VALUES ('late', 9)")
        yield path


def tree(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_rows_in_order_with_their_numbers(plain: Path) -> None:
    with open_copy(plain) as database:
        rows = list(database.rows("t", ("id", "v", "not there")))
        assert rows[:2] == [(1, {"id": "a", "v": 1}), (2, {"id": "b", "v": "two"})]
        assert rows[2][1]["v"] == "\x00\N{REPLACEMENT CHARACTER}", "a blob arrives as text"
        assert database.find("t", ("v",), {"id": "b"}) == [(2, {"v": "two"})]
        assert database.find("t", ("v",), {"no column": "b"}) == []
        assert database.faults("t") == []


def test_the_folder_is_not_touched(lived_in: Path) -> None:
    before = tree(lived_in.parent)
    with open_copy(lived_in, {"t": ("v",)}) as database:
        assert len(list(database.rows("t", ("id",)))) == 4
    assert table_names(lived_in) == {"t"}
    assert tree(lived_in.parent) == before


def test_rows_that_stand_in_the_journal_are_read(lived_in: Path, workdir: Path) -> None:
    alone = workdir / "alone.db"
    shutil.copyfile(lived_in, alone)
    with open_copy(lived_in) as whole, open_copy(alone) as part:
        assert [row["id"] for _, row in whole.rows("t", ("id",))] == ["a", "b", "c", "late"]
        assert [row["id"] for _, row in part.rows("t", ("id",))] == ["a", "b", "c"]
    assert [p.name for p in sqlite.journals(lived_in)] == ["live.db-wal"]


def test_tables_that_stand_in_the_journal_are_recognised(workdir: Path) -> None:
    path = workdir / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0", *ROWS):
            writer.execute(statement)
        assert Probe(path).sqlite_tables == {"t"}


def test_nothing_can_be_written_or_asked(plain: Path) -> None:
    with open_copy(plain) as database:
        for sql in (
            "DELETE FROM t", "PRAGMA query_only=OFF", "ATTACH ':memory:' AS other",
            "SELECT load_extension('x')", "SELECT hex(randomblob(1000))", "CREATE TABLE n (x)",
        ):  # fmt: skip
            with pytest.raises(sqlite3.DatabaseError):
                database._connection.execute(sql)


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (("CREATE VIEW t AS SELECT 1 AS id, 2 AS v",), "`t` is a view"),
        (("CREATE VIRTUAL TABLE t USING fts5(id, v)",), "`t` is a virtual table"),
        (("CREATE TABLE t (id, v AS (hex(zeroblob(100000000))))",), "generated columns"),
        (("CREATE TABLE t (rowid, _rowid_, oid)",), "hide the row numbers"),
        (("CREATE TABLE t (id PRIMARY KEY, v) WITHOUT ROWID",), "no such column"),
        (("CREATE TABLE other (id)",), "there is no table `t`"),
    ],
)
def test_what_is_no_plain_table_is_refused(statements: tuple[str, ...], said: str, workdir: Path) -> None:
    path = made(workdir / "hostile.db", *statements)
    with open_copy(path) as database, pytest.raises(SqliteFault, match=said):
        list(database.rows("t", ("id", "v")))


def test_a_schema_that_calls_a_view_a_table_is_seen_through(workdir: Path) -> None:
    path = made(
        workdir / "liar.db",
        "CREATE VIEW t AS SELECT 1 AS id",
        "PRAGMA writable_schema=ON",
        "UPDATE sqlite_master SET type = 'table'",
    )
    with pytest.raises(SqliteFault), open_copy(path) as database:
        list(database.rows("t", ("id",)))


def test_triggers_do_not_run(workdir: Path) -> None:
    path = made(workdir / "t.db", *ROWS, "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t; END")
    with open_copy(path, {"t": ("v",)}) as database:
        assert len(list(database.rows("t", ("id",)))) == 3


def test_a_journal_that_names_another_file_is_refused(plain: Path, workdir: Path) -> None:
    """SQLite deletes such a file once the journal is played back."""
    victim = workdir / "victim.txt"
    victim.write_text("keep me")
    name = os.fsencode(victim)
    journal = (
        bytes(512) + (2**30).to_bytes(4, "big") + name + len(name).to_bytes(4, "big")
        + (sum(name) & 0xFFFFFFFF).to_bytes(4, "big") + bytes.fromhex("d9d505f920a163d7")
    )  # fmt: skip
    plain.with_name("plain.db-journal").write_bytes(journal)
    with pytest.raises(SqliteFault, match="names another file"), open_copy(plain):
        pass
    assert table_names(plain) == frozenset()
    assert victim.read_text() == "keep me"


def test_a_value_too_long_is_passed_over(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(workdir / "long.db", *ROWS, "INSERT INTO t VALUES ('d', zeroblob(5000)), ('e', 5)")
    limits = tuple((which, 4000 if which == sqlite3.SQLITE_LIMIT_LENGTH else n) for which, n in sqlite._LIMITS)
    monkeypatch.setattr(sqlite, "_LIMITS", limits)
    with open_copy(path) as database:
        assert [row["id"] for _, row in database.rows("t", ("id", "v"))] == ["a", "b", "c", "e"]
        assert database.oversized == 1


def test_work_is_bounded(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BASE_WORK", 20_000)
    many = ", ".join(f"('{n:04}')" for n in range(3000))
    path = made(workdir / "slow.db", "CREATE TABLE t (id)", f"INSERT INTO t VALUES {many}")

    def look_everything_up(*indexes: dict[str, tuple[str, ...]]) -> bool:
        with open_copy(path, *indexes) as database:
            return all(database.find("t", ("id",), {"id": f"{number:04}"}) for number in range(3000))

    with pytest.raises(SqliteFault, match="more work than its size explains"):
        look_everything_up()  # without an index each look-up reads the whole table
    assert look_everything_up({"t": ("id",)})


def test_a_sparse_file_is_not_copied(workdir: Path) -> None:
    path = workdir / "sparse.db"
    with path.open("wb") as stream:
        stream.write(b"SQLite format 3\x00")
        stream.truncate(1 << 40)
    with pytest.raises(SqliteFault, match="not copied"), open_copy(path):
        pass
    path.unlink()


def test_no_room_is_said(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    with pytest.raises(SqliteFault, match="no room"), open_copy(plain):
        pass


@FUZZ
@given(data=st.data())
def test_any_damage_ends_in_words(data: st.DataObject, workdir: Path) -> None:
    values = ", ".join(f"('{n}', '{'x' * (n % 90)}')" for n in range(300))
    whole = made(workdir / "whole.db", ROWS[0], f"INSERT INTO t VALUES {values}").read_bytes()
    raw = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 12))):
        raw[data.draw(st.integers(16, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = workdir / "damaged.db"
    path.write_bytes(raw[: data.draw(st.integers(16, len(raw)))])
    table_names(path)
    numbers: list[int] = []
    with suppress(SqliteFault), open_copy(path, {"t": ("v",)}) as database:
        database.faults("t")
        numbers += (number for number, _ in database.rows("t", ("id", "v")))
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00", b"SQLite format 3\x00" + bytes(4096), b"text"])
def test_no_database_has_no_tables(content: bytes, workdir: Path) -> None:
    path = workdir / "x"
    path.write_bytes(content)
    assert Probe(path).sqlite_tables == frozenset()


def test_names_that_need_care(workdir: Path) -> None:
    path = made(workdir / "odd ?#%.db", "CREATE TABLE t (\"a\"\"b\", [c d])", "INSERT INTO t VALUES (1, 2)")
    with open_copy(path) as database:
        assert list(database.rows("t", ('a"b', "c d"))) == [(1, {'a"b': 1, "c d": 2})]


