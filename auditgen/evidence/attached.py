"""Tables and views of a stranger's DuckDB file, read from a private copy in an engine that is shut.

A view is a query of its author's: it could read any file of this machine, load code, or never end. So the
engine may open the copy and no other file, loads nothing, cannot be told otherwise any more, and is stopped
after a while.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditgen.evidence.tables import TableFault, connect, sql_name, sql_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

MAX_SECONDS = 900.0
"""So long may one question take."""
MAX_ROWS = 500_000_000
"""More than that no view may yield: it would fill the disk."""
MAX_COLUMNS = 1000
BATCH_ROWS = 20_000
_HANDED_IN = "handed_in"
_DEFAULT_SCHEMA = "main"
_QUOTED = re.compile(r"'.*'|\".*\"")
_KEPT = re.compile(
    r"BOOLEAN|U?(TINY|SMALL|BIG)?INT(EGER)?|UINTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\s?\d+\)|VARCHAR|DATE"
    r"|TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?"
)
"""Types that a copy keeps; all others become the text that the engine writes for them."""


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """An opened copy."""

    connection: duckdb.DuckDBPyConnection
    hidden: str
    """The place of the copy, which no message should tell."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Name (with its schema, where that is not `main`) to `table` or `view`."""

    def columns(self, name: str) -> tuple[str, ...]:
        """Names of columns, and dotted names of what lies inside structs. Raises TableFault."""
        return tuple(self._steps(name))

    def count(self, name: str) -> int:
        """Rows. Raises TableFault."""
        row = self._ask(f"SELECT count(*) FROM {self._relation(name)}").fetchone()
        return int(row[0]) if row else 0

    def copy(self, name: str, wanted: Sequence[str], out: Path, limit: int | None = None) -> None:
        """Write columns of a table or view as Parquet, under the names they are wanted by. Raises TableFault.

        With `limit`, only so many rows of the beginning.
        """
        import duckdb
        import pyarrow as pa
        import pyarrow.parquet as pq

        steps = self._steps(name)
        missing = sorted(set(wanted) - steps.keys())
        if missing:
            message = f"no column `{missing[0]}` in `{name}`"
            raise TableFault(message)
        selected = ", ".join(f"{_as_text(*steps[column])} AS {sql_name(column)}" for column in wanted)
        query = f"SELECT {selected} FROM {self._relation(name)} LIMIT {limit or MAX_ROWS + 1}"
        with self._limited():
            try:
                reader = self.connection.sql(query).to_arrow_reader(BATCH_ROWS)
                rows = 0
                with pq.ParquetWriter(out, reader.schema, compression="snappy") as writer:
                    for batch in reader:
                        rows += batch.num_rows
                        writer.write_batch(batch)
            except (duckdb.Error, pa.ArrowException, RuntimeError, UnicodeError, ValueError) as error:
                raise TableFault(self._said(error)) from error
        if rows > MAX_ROWS:
            message = f"`{name}` yields more than {MAX_ROWS:,} rows"
            raise TableFault(message)

    def _relation(self, name: str) -> str:
        if name not in self.kinds:
            message = f"there is no table `{name}`"
            raise TableFault(message)
        schema, dot, table = name.rpartition(".")
        if not dot or f"{_DEFAULT_SCHEMA}.{name}" in self.kinds:
            schema, table = _DEFAULT_SCHEMA, name
        return ".".join(map(sql_name, (_HANDED_IN, schema, table)))

    def _steps(self, name: str) -> dict[str, tuple[str, str]]:
        """Column, or dotted name inside a struct, to how SQL calls it and its type."""
        found = self._ask(f"DESCRIBE SELECT * FROM {self._relation(name)}").fetchall()
        out: dict[str, tuple[str, str]] = {}
        for column, kind, *_ in found:
            out.setdefault(column, (sql_name(column), kind))
        with self._limited():
            for column, *_ in found:
                one = self.connection.sql(f"SELECT {sql_name(column)} FROM {self._relation(name)}")
                _collect(one.types[0], column, sql_name(column), out)
        if len(out) > MAX_COLUMNS:
            message = f"`{name}` has more than {MAX_COLUMNS} columns"
            raise TableFault(message)
        if len({column.lower() for column in out}) < len(out):
            message = "two columns differ only in upper and lower case, or not at all"
            raise TableFault(message)
        return out

    def _ask(self, query: str) -> Any:
        import duckdb

        with self._limited():
            try:
                return self.connection.execute(query)
            except (duckdb.Error, RuntimeError, UnicodeError) as error:
                raise TableFault(self._said(error)) from error

    @contextmanager
    def _limited(self) -> Iterator[None]:
        timer = threading.Timer(MAX_SECONDS, self.connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _said(self, error: Exception) -> str:
        return said(error, self.hidden)


def said(error: Exception, hidden: str) -> str:
    """What the engine says, in one line and without our own paths."""
    first = (str(error).splitlines() or [""])[0].replace(hidden, "the file")
    # it quotes what it could not convert, and that may be anybody's text
    return f"the engine cannot read it: {_QUOTED.sub('...', first)[:200]}"


@contextmanager
def attach(path: Path) -> Iterator[AttachedFile]:
    """Open a private copy, and nothing else ever after. Raises TableFault."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="auditgen-") as folder:
        copy = Path(folder) / "copy.duckdb"
        size = path.stat().st_size
        if shutil.disk_usage(folder).free < 2 * size:
            message = f"no room for a private copy of {size:,} bytes in `{tempfile.gettempdir()}`"
            raise TableFault(message)
        shutil.copyfile(path, copy)
        with closing(connect(makes_pseudonyms=False)) as connection:
            try:
                for setting in (
                    "autoload_known_extensions = false",
                    "python_enable_replacements = false",  # a view may not name a variable of ours
                    f"allowed_paths = [{sql_text(str(copy))}, {sql_text(f'{copy}.wal')}]",
                    "enable_external_access = false",
                    "lock_configuration = true",
                ):
                    connection.execute(f"SET {setting}")
                connection.execute(f"ATTACH {sql_text(str(copy))} AS {_HANDED_IN} (READ_ONLY, TYPE duckdb)")
                found = connection.execute(
                    "SELECT schema_name, table_name, 'table' FROM duckdb_tables()"
                    f" WHERE database_name = '{_HANDED_IN}' AND NOT internal"
                    " UNION ALL SELECT schema_name, view_name, 'view' FROM duckdb_views()"
                    f" WHERE database_name = '{_HANDED_IN}' AND NOT internal ORDER BY ALL"
                ).fetchall()
            except (duckdb.Error, RuntimeError, UnicodeError) as error:
                raise TableFault(said(error, str(copy))) from error
            kinds = {
                table if schema == _DEFAULT_SCHEMA else f"{schema}.{table}": kind
                for schema, table, kind in found
            }
            yield AttachedFile(connection, str(copy), kinds)


def _collect(kind: Any, name: str, sql: str, out: dict[str, tuple[str, str]]) -> None:
    """Add what lies inside a struct; a column of the same name comes first."""
    if kind.id != "struct":
        return
    for child, inner in kind.children:
        dotted, way = f"{name}.{child}", f"({sql}).{sql_name(child)}"
        out.setdefault(dotted, (way, str(inner)))
        _collect(inner, dotted, way, out)


def _as_text(sql: str, kind: str) -> str:
    return sql if _KEPT.fullmatch(kind) else f"CAST({sql} AS VARCHAR)"
