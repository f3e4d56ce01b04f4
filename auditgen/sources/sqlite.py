"""SQLite files of strangers, read from a private copy under limits.

Opening a database is not harmless: a journal beside it is replayed (and may name a further file, which
SQLite would delete), views, triggers, generated columns and checks are code, and a small file can ask
for endless work. So a copy is opened, only plain tables are selected from, every expression of the
file's own is left alone, and work is bounded by the file's size.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAGIC = b"SQLite format 3\x00"
JOURNALS = ("-wal", "-journal")
"""What lies beside a database that was not closed: rows not yet in it, or pages to put back."""
MAX_VALUE_BYTES = 64 * 1024 * 1024
BASE_WORK, WORK_PER_BYTE = 20_000_000, 4
"""Instructions of SQLite's machine that reading may take; a scan takes far less than one a byte."""
SPARSE_FROM, SPARSE_RATIO = 1 << 30, 16
MAX_FAULTS_SHOWN = 3
MAX_NAMES = 10_000
_TICK = 10_000
_PLAIN = re.compile(r"CREATE TABLE\b", re.IGNORECASE)
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_LIMITS = (
    (sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES),
    (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 1_000_000),
    (sqlite3.SQLITE_LIMIT_COLUMN, 500),
    (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100),
    (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 10),
    (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
    (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
)
_SETTINGS = (
    "cell_size_check=ON",
    "ignore_check_constraints=ON",  # a check is an expression of the file's
    "mmap_size=0",
    "synchronous=OFF",
    "cache_size=-4000",
)
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ}
_ALIASES = ("rowid", "_rowid_", "oid")

Row = tuple[int, dict[str, Any]]
"""The row's number and its columns; blobs arrive as text."""


class SqliteFault(Exception):
    """Why a database, or the rest of it, cannot be read."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def journals(path: Path) -> tuple[Path, ...]:
    """The files beside a database that belong to it and hold anything."""
    found = (path.with_name(path.name + ending) for ending in JOURNALS)
    return tuple(place for place in found if place.is_file() and place.stat().st_size)


def table_names(path: Path) -> frozenset[str]:
    """Names that can be selected from, views too; empty when they cannot be read. Never raises.

    Without a journal beside it the file itself is looked at, in a way that neither locks nor writes.
    """
    try:
        if journals(path):
            with open_copy(path) as database:
                return frozenset(database.kinds)
        with closing(_connect(path, "mode=ro&immutable=1", BASE_WORK)) as connection:
            return frozenset(_kinds(connection))
    except (SqliteFault, sqlite3.Error, OSError, ValueError, MemoryError):
        return frozenset()


@contextmanager
def open_copy(path: Path, *indexes: Mapping[str, Sequence[str]]) -> Iterator[Database]:
    """A private copy of the database, journals applied, readable only. Raises SqliteFault.

    `indexes` (each a table to its columns) are made in the copy before it is closed for writing: look-ups
    need them, and a stranger's file may have none.
    """
    sizes = [_copyable(place) for place in (path, *journals(path))]
    with tempfile.TemporaryDirectory(prefix="auditgen-") as folder:
        copy = Path(folder) / "copy.db"
        if shutil.disk_usage(folder).free < 2 * sum(sizes):
            message = f"no room for a private copy of {sum(sizes):,} bytes in `{tempfile.gettempdir()}`"
            raise SqliteFault(message)
        for place in (path, *journals(path)):
            shutil.copyfile(place, copy.with_name(copy.name + place.name[len(path.name) :]))
        _refuse_further_files(copy.with_name(copy.name + "-journal"))
        work = BASE_WORK + WORK_PER_BYTE * sum(sizes)
        try:
            connection = _connect(copy, "mode=rw", work)
        except sqlite3.Error as error:
            raise SqliteFault(_said(error)) from error
        with closing(connection):
            try:
                database = Database(connection)
                for index in indexes:
                    for table, columns in index.items():
                        database.index(table, columns)
                database.close_for_writing()
            except sqlite3.Error as error:
                raise SqliteFault(_said(error)) from error
            yield database


class Database:
    """Plain tables of an opened copy."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._columns: dict[str, frozenset[str]] = {}
        self._is_sealed = False
        self.kinds = _kinds(connection)
        """Name to what it is: `table`, `view` or `virtual table`."""
        self.oversized = 0
        """Rows passed over because a value in them is too long."""

    def close_for_writing(self) -> None:
        """From now on nothing but reading columns of tables is possible."""
        self._connection.execute("PRAGMA query_only=ON")
        self._connection.set_authorizer(_authorize)
        self._is_sealed = True

    def columns(self, table: str) -> frozenset[str]:
        """The table's columns. Raises SqliteFault when it is missing or no plain table."""
        if table not in self._columns:
            self._columns[table] = self._describe(table)
        return self._columns[table]

    def index(self, table: str, columns: Sequence[str]) -> None:
        """Make look-ups by these columns quick; only before the copy is closed for writing."""
        if table in self.kinds and self.columns(table).issuperset(columns):
            listed = ", ".join(_quoted(column) for column in columns)
            name = _quoted(f"auditgen {table} {' '.join(columns)} {os.urandom(8).hex()}")
            self._connection.execute(f"CREATE INDEX {name} ON {_quoted(table)} ({listed})")

    def faults(self, table: str) -> list[str]:
        """What a check of the table's pages finds, a few lines at most; empty when it is sound."""
        self.columns(table)
        try:
            found = self._pragma(f"quick_check({_quoted(table)})", MAX_FAULTS_SHOWN)
            said = [_text(row[0]) for row in found]
        except sqlite3.Error as error:
            said = [_said(error)]
        return [] if said == ["ok"] else [" ".join(line.split())[:160] for line in said]

    def rows(self, table: str, wanted: Sequence[str]) -> Iterator[Row]:
        """Every row in order of its number; of `wanted`, columns that do not exist are left out.

        Raises SqliteFault where the table breaks off.
        """
        alias, names, listed = self._selection(table, wanted)
        source = f"FROM {_quoted(table)} WHERE {alias} > ? ORDER BY {alias}"
        single = f"FROM {_quoted(table)} WHERE {alias} = ?"
        last = -(2**63)
        while True:
            try:
                for row in self._connection.execute(f"SELECT {alias}{listed} {source}", (last,)):
                    if row[0] <= last:
                        raise SqliteFault(f"`{table}`: its rows are out of order")
                    last = row[0]
                    yield last, _plain(names, row[1:])
                return
            except sqlite3.DataError:  # too long a value: go on row by row until behind it
                found = self._one(f"SELECT {alias} {source} LIMIT 1", (last,))
                if found is None:
                    return
                last = found[0]
                try:  # the row before the long one is lost with it: the driver reads ahead
                    alone = self._connection.execute(f"SELECT {alias}{listed} {single}", (last,)).fetchone()
                    yield last, _plain(names, alone[1:])
                except sqlite3.DataError:
                    self.oversized += 1
                except sqlite3.Error as error:
                    raise SqliteFault(f"`{table}`: {_said(error)}") from error
            except sqlite3.Error as error:
                raise SqliteFault(f"`{table}`: {_said(error)}") from error

    def find(
        self, table: str, wanted: Sequence[str], where: Mapping[str, Any], limit: int = 1
    ) -> list[Row]:
        """The first rows with these values, by row number. Raises SqliteFault."""
        alias, names, listed = self._selection(table, wanted)
        if not self.columns(table).issuperset(where):
            return []
        tests = " AND ".join(f"{_quoted(column)} = ?" for column in where)
        sql = f"SELECT {alias}{listed} FROM {_quoted(table)} WHERE {tests} ORDER BY {alias} LIMIT {limit}"
        try:
            rows = self._connection.execute(sql, tuple(where.values())).fetchall()
        except sqlite3.DataError:
            self.oversized += 1
            return []
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise SqliteFault(f"`{table}`: {_said(error)}") from error
        return [(row[0], _plain(names, row[1:])) for row in rows]

    def _one(self, sql: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        try:
            found: tuple[Any, ...] | None = self._connection.execute(sql, values).fetchone()
        except sqlite3.Error as error:
            raise SqliteFault(_said(error)) from error
        return found

    def _selection(self, table: str, wanted: Sequence[str]) -> tuple[str, list[str], str]:
        known = self.columns(table)
        taken = {name.casefold() for name in known}
        alias = next((name for name in _ALIASES if name not in taken), None)
        if alias is None:
            raise SqliteFault(f"`{table}`: its columns hide the row numbers")
        names = [name for name in wanted if name in known]
        return alias, names, "".join(f", {_quoted(name)}" for name in names)

    def _describe(self, table: str) -> frozenset[str]:
        kind = self.kinds.get(table)
        if kind is None:
            raise SqliteFault(f"there is no table `{table}`")
        if kind != "table":  # it could run whatever its author wrote
            raise SqliteFault(f"`{table}` is a {kind}, where the tool writes a plain table")
        self._connection.set_authorizer(None)
        try:
            rows = self._pragma(f"table_xinfo({_quoted(table)})", -1)
        except sqlite3.Error as error:
            raise SqliteFault(f"`{table}`: {_said(error)}") from error
        if any(row[6] for row in rows):
            raise SqliteFault(f"`{table}` has generated columns, where the tool writes plain ones")
        return frozenset(_text(row[1]) for row in rows)

    def _pragma(self, text: str, limit: int) -> list[tuple[Any, ...]]:
        """What a question about a plain table is answered with; the authorizer knows no such questions."""
        self._connection.set_authorizer(None)
        try:
            cursor = self._connection.execute(f"PRAGMA {text}")
            rows = cursor.fetchall() if limit < 0 else cursor.fetchmany(limit)
            cursor.close()
        finally:
            if self._is_sealed:
                self._connection.set_authorizer(_authorize)
        return rows


def _connect(path: Path, how: str, work: int) -> sqlite3.Connection:
    uri = f"file:{quote(os.fspath(path.resolve()))}?{how}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    left = work // _TICK

    def tick() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    try:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for limit, value in _LIMITS:
            connection.setlimit(limit, value)
        connection.set_progress_handler(tick, _TICK)
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
        _distrust(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _distrust(connection: sqlite3.Connection) -> None:
    """Let no function with side effects be called by the schema, where that does not cost the file.

    SQLite 3.40 counts `json_extract` among them, and then refuses promptfoo's own databases, which have
    it in an index. No expression of the schema is evaluated here in any case.
    """
    connection.execute("PRAGMA trusted_schema=OFF")
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.DatabaseError as error:
        if "unsafe use of json" not in str(error):
            raise
        connection.execute("PRAGMA trusted_schema=ON")


def _kinds(connection: sqlite3.Connection) -> dict[str, str]:
    """What can be selected from, by name. The text of the schema decides, not what it calls itself."""
    found: dict[str, str] = {}
    sql = "SELECT name, type, substr(sql, 1, 40) FROM sqlite_master WHERE type IN ('table', 'view')"
    for name, kind, text in connection.execute(sql):
        if len(found) >= MAX_NAMES:
            raise SqliteFault(f"more than {MAX_NAMES:,} tables")
        is_plain = kind == "table" and isinstance(text, str) and _PLAIN.match(text)
        found[_text(name)] = "table" if is_plain else "view" if kind == "view" else "virtual table"
    return found


def _copyable(path: Path) -> int:
    """The file's size. Raises SqliteFault when it promises far more bytes than it holds."""
    try:
        status = path.stat()
    except OSError as error:
        raise SqliteFault(f"cannot be read: {error.strerror or error}") from error
    held = status.st_blocks * 512
    if status.st_size > SPARSE_FROM and status.st_size > SPARSE_RATIO * held:
        message = f"the file claims {status.st_size:,} bytes and holds {held:,}: not copied"
        raise SqliteFault(message)
    return status.st_size


def _refuse_further_files(journal: Path) -> None:
    """A journal may end with the name of another file, which SQLite would read and delete."""
    with suppress(FileNotFoundError), journal.open("rb") as stream:
        stream.seek(max(0, journal.stat().st_size - len(_JOURNAL_MAGIC)))
        if stream.read() == _JOURNAL_MAGIC:
            message = "the journal beside it belongs to several databases and names another file"
            raise SqliteFault(message)


def _authorize(action: int, first: str | None, *_: Any) -> int:
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _plain(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    return {
        name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for name, value in zip(names, values, strict=True)
    }


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _said(error: Exception) -> str:
    if isinstance(error, sqlite3.OperationalError) and "interrupted" in str(error):
        return "reading it takes more work than its size explains"
    return f"damaged or no database: {str(error)[:120]}"
