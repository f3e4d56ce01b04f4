"""A table file as the embedded engine sees it: its columns, its rows as they were written.

Nothing is copied. A CSV, JSONL(.gz) or Parquet file is scanned in place, and every value is first taken
as the text that was written.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from dataclasses import field as default
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from auditgen.canonical import sha256_bytes
from auditgen.errors import AuditgenError
from auditgen.evidence.packed import DAMAGED, open_packed
from auditgen.evidence.pseudonym import SQL_FUNCTION, pseudonym, read_key
from auditgen.evidence.secret_forms import without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb

MEMORY = "640MiB"
MAX_LINE_BYTES = 64 * 1024 * 1024
SAMPLED_LINES = 200
MAX_KEY_PARTS = 5
FETCHED_ROWS = 1000
_HIVE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
ROW, PART = "auditgen_row", "auditgen_part"
"""The row number and the table's number inside a relation: names that no column of a file should have."""


class TableFault(AuditgenError):
    """The file is no table of its format, or the engine cannot read it."""


def said(error: Exception) -> str:
    """What the engine says of a table, in one line; it may quote the table."""
    return f"the engine cannot read it: {without((str(error).splitlines() or [''])[0])[:200]}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table file as recognised by content."""

    path: Path
    format: str
    """csv, jsonl, parquet, or copy for the columns that were copied out of one of the others."""
    packed: str = ""
    """gzip, zstd or nothing."""
    delimiter: str = ","
    columns: tuple[str, ...] = ()
    """Names in file order; for JSONL the keys (dotted) of its first lines."""
    steps: Mapping[str, tuple[str, ...]] = default(default_factory=dict)
    """Parquet: the way into a struct behind a dotted name."""
    clocks: Mapping[str, bool] = default(default_factory=dict)
    """Parquet: columns that are typed times, and whether their type says that they are UTC."""
    types: str = ""
    """Parquet: digest of names and types; tables that share it can be read as one."""
    hive: tuple[str, ...] = ()
    """Parquet: keys of the partition in the names of its folders (`day=2026-07-01`), that are no columns."""

    @property
    def is_numbered(self) -> bool:
        """Whether the engine can say of several such tables which one a row is from."""
        return not any(name.lower() == "file_index" for name in self.columns)


def connect(*, makes_pseudonyms: bool = True) -> duckdb.DuckDBPyConnection:
    """An engine that fetches nothing, keeps to `MEMORY` and spills the rest to disk; times in UTC.

    It can make pseudonyms where a key is set, unless somebody else's queries run in it.
    """
    import duckdb

    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "allow_community_extensions": "false",
            "memory_limit": MEMORY,
        }
    )
    # a folder of our own, made at once: a name that others could guess would be theirs to lay
    spill = tempfile.mkdtemp(prefix="auditgen-spill-")
    weakref.finalize(connection, shutil.rmtree, spill, ignore_errors=True)
    connection.execute(f"SET temp_directory = {sql_text(spill)}")
    connection.execute("SET enable_progress_bar = false")  # it would be printed among our results
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET preserve_insertion_order = true")
    if not makes_pseudonyms:
        return connection
    if read_key() is not None:
        register: Any = connection.create_function  # its types are written for enumerations alone
        register(SQL_FUNCTION, _pseudonyms, ["VARCHAR"], "VARCHAR", type="arrow", null_handling="special")
    return connection


def _pseudonyms(values: Any) -> Any:
    """An Arrow column with each text replaced, equal ones once."""
    import pyarrow as pa

    coded = values.dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):  # one array, however many the engine hands over
        coded = coded.combine_chunks()
    made = pa.array([None if v is None else pseudonym(v) for v in coded.dictionary.to_pylist()], pa.string())
    return made.take(coded.indices)


def describe(path: Path, table_format: str, *, packed: str = "", delimiter: str = ",") -> Table:
    """The table with its column names. Raises TableFault when it cannot be read as that format."""
    columns: tuple[str, ...]
    steps: dict[str, tuple[str, ...]] = {}
    clocks: dict[str, bool] = {}
    types = ""
    hive: tuple[str, ...] = ()
    try:
        if table_format == "parquet":
            schema = _parquet_schema(path)
            types = sha256_bytes(str(schema.remove_metadata()).encode("utf-8", "replace"))
            steps, clocks = _parquet_columns(schema)
            taken = {name.lower() for name in steps}
            hive = tuple(key for key in hive_values(path) if key.lower() not in taken)
            columns = (*steps, *hive)
        else:
            with open_packed(path, packed) as stream:
                text = io.TextIOWrapper(stream, "utf-8-sig", "replace", newline="")
                if table_format == "csv":
                    columns = tuple(next(csv.reader(text, delimiter=delimiter), []))
                else:
                    columns = _json_keys(text)
    except (*DAMAGED, ValueError, csv.Error) as error:
        message = f"not readable as {table_format}: {str(error)[:200]}"
        raise TableFault(message) from error
    if not columns:
        message = f"no columns found in this {table_format} file"
        raise TableFault(message)
    if table_format != "jsonl" and len({name.lower() for name in columns}) < len(columns):
        message = "two columns differ only in upper and lower case, or not at all"
        raise TableFault(message)  # the engine could not tell them apart
    return Table(path, table_format, packed, delimiter, columns, steps, clocks, types, hive)


def hive_values(path: Path) -> dict[str, str | None]:
    """What the names of a file's folders say of all its rows: `day` is `2026-07-01` in `day=2026-07-01`.

    The innermost folder wins. Keys that differ in upper and lower case only are one.
    """
    found: dict[str, tuple[str, str | None]] = {}
    for part in path.parent.parts:
        key, sign, value = part.partition("=")
        key = unquote(key)
        if sign and value and _HIVE_KEY.fullmatch(key):
            found[key.lower()] = key, None if value == _HIVE_NULL else unquote(value)
    return dict(found.values())


def _parquet_schema(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except (pa.ArrowException, RuntimeError) as error:
        message = f"not readable as parquet: {str(error)[:200]}"
        raise TableFault(message) from error


def _parquet_columns(schema: Any) -> tuple[dict[str, tuple[str, ...]], dict[str, bool]]:
    """Every column, and every field of a struct by its dotted name, with the way to it; typed times."""
    import pyarrow as pa

    out: dict[str, tuple[str, ...]] = {}
    clocks: dict[str, bool] = {}

    def collect(column: Any, above: tuple[str, ...]) -> None:
        steps = (*above, column.name)
        name = ".".join(steps)
        out.setdefault(name, steps)
        if out[name] == steps and pa.types.is_timestamp(column.type):
            clocks[name] = column.type.tz is not None
        if pa.types.is_struct(column.type):
            for child in column.type:
                collect(child, steps)

    for column in schema:
        out.setdefault(column.name, (column.name,))
    for column in schema:
        collect(column, ())
    return out, clocks


def _json_keys(text: io.TextIOWrapper) -> tuple[str, ...]:
    import orjson

    keys: dict[str, None] = {}

    def collect(value: Any, prefix: str, depth: int) -> None:
        for key, child in value.items():
            keys.setdefault(f"{prefix}{key}")
            if isinstance(child, dict) and depth < 4:
                collect(child, f"{prefix}{key}.", depth + 1)

    for _ in range(SAMPLED_LINES):
        line = text.readline(MAX_LINE_BYTES)
        if not line:
            break
        try:
            value = orjson.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            collect(value, "", 0)
    return tuple(keys)


def written_rows(
    connection: duckdb.DuckDBPyConnection, table: Table
) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Row number and values by column of every readable record; of JSONL the line itself.

    Streams. Raises TableFault when the engine cannot read on.
    """
    import duckdb
    import pyarrow as pa

    try:
        found = connection.sql(f"SELECT {_as_written(table)} FROM ({Columns(table).relation()})")
        for batch in found.to_arrow_reader(FETCHED_ROWS):
            for values in batch.to_pylist():
                row = int(values.pop(ROW))
                yield row, values["line"] if table.format == "jsonl" else values
    except (duckdb.Error, pa.ArrowException, RuntimeError, UnicodeError, OverflowError, ValueError) as error:
        raise TableFault(said(error)) from error


def _as_written(table: Table) -> str:
    """All columns, those of times and decimals as text: Python has no such day as the engine's last one."""
    if table.format != "parquet":
        return "*"
    casts = []
    for column in _parquet_schema(table.path):
        kind = _as_text_type(column.type)
        if kind is not None:
            name = sql_name(column.name)
            casts.append(f"CAST({name} AS {kind}) AS {name}")
    return f"* REPLACE ({', '.join(casts)})" if casts else "*"


def _as_text_type(kind: Any) -> str | None:
    """The engine's type for a column with its times and decimals as text; None where it has none of them."""
    import pyarrow as pa

    if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        return "VARCHAR"
    if pa.types.is_dictionary(kind):
        return _as_text_type(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _as_text_type(kind.value_type)
        return None if inner is None else f"{inner}[]"
    if pa.types.is_struct(kind):
        inside = [(child.name, _as_text_type(child.type)) for child in kind]
        if all(inner is None for _, inner in inside):
            return None
        pairs = zip(inside, kind, strict=True)
        types = [inner or _ENGINE_TYPES.get(str(child.type)) for (_, inner), child in pairs]
        if all(types):
            listed = zip(inside, types, strict=True)
            return f"STRUCT({', '.join(f'{sql_name(name)} {wanted}' for (name, _), wanted in listed)})"
    return None


_ENGINE_TYPES = {
    "bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
    "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER", "uint64": "UBIGINT", "float": "FLOAT",
    "double": "DOUBLE", "string": "VARCHAR", "large_string": "VARCHAR",
}  # fmt: skip
"""What stays as it is beside a time in a struct. A struct with anything else in it is left alone."""


def check_text(table: Table) -> None:
    """Read a text table to its end, because the engine is not strict enough.

    It does not compare the checksums of gzip, so damage would become data; and it looks for bytes that
    are no text only in the columns that a query needs, so two queries would count different rows.
    """
    if table.format in {"parquet", "copy"}:
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    try:
        with open_packed(table.path, table.packed) as stream:
            while chunk := stream.read(1 << 20):
                decoder.decode(chunk)
                line += chunk.count(b"\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object.count(b"\n", 0, error.start)
        message = f"line {line} is not UTF-8 text"
        raise TableFault(message) from error
    except DAMAGED as error:
        message = f"the file is damaged or cut off: {str(error)[:100]}"
        raise TableFault(message) from error


class Columns:
    """How a field of a record is written in SQL, for each table format."""

    def __init__(self, table: Table, also: Sequence[Table] = ()) -> None:
        self._table = table
        self._also = also

    def relation(self) -> str:
        """One row per readable record, with its number, its table's number and whatever `text` refers to."""
        table = self._table
        path = sql_file(table.path)
        if table.format in {"parquet", "copy"}:
            files = ", ".join([path, *(sql_file(other.path) for other in self._also)])
            row = f"file_row_number + 1 AS {ROW}, " if table.format == "parquet" else ""
            part = "CAST(file_index AS BIGINT)" if table.is_numbered else "0"
            return (
                f"SELECT {row}{part} AS {PART}, {self._partition()}* FROM read_parquet([{files}],"
                " file_row_number = true, hive_partitioning = false)"
            )
        if table.format == "csv":
            columns = ", ".join(f"{sql_text(name)}: 'VARCHAR'" for name in table.columns)
            rejects = reject_table(table)
            return (
                f"SELECT row_number() OVER () AS {ROW}, * FROM read_csv({path}, header = true,"
                f" columns = {{{columns}}}, auto_detect = false, hive_partitioning = false,"
                f" delim = {sql_text(table.delimiter)},"
                f" quote = '\"', escape = '\"', compression = '{table.packed or 'none'}',"
                f" max_line_size = {MAX_LINE_BYTES}, buffer_size = {2 * MAX_LINE_BYTES},"
                f" store_rejects = true, rejects_table = {sql_text(rejects)},"
                f" rejects_scan = {sql_text(rejects + '_scan')})"
            )
        return (
            f"SELECT row AS {ROW}, line FROM ({numbered_lines(table)})"
            " WHERE TRY(json_type(line)) = 'OBJECT'"
        )

    def _partition(self) -> str:
        """Columns from the names of the folders, each file's own value in its rows."""
        if not self._table.hive:
            return ""
        values = [hive_values(table.path) for table in (self._table, *self._also)]
        columns = []
        for key in self._table.hive:
            texts = [found.get(key) for found in values]
            listed = ", ".join("NULL" if text is None else sql_text(text) for text in texts)
            which = "CAST(file_index AS BIGINT) + 1" if self._table.is_numbered else "1"
            columns.append(f"([{listed}]::VARCHAR[])[{which}] AS {sql_name(key)}, ")
        return "".join(columns)

    def text(self, field: str) -> str:
        """The field as VARCHAR, NULL where absent."""
        if self._table.format == "jsonl":
            paths = pointers(field)
            # TRY: the planner may look into a broken line before the filter has dropped it
            values = ", ".join(f"TRY(json_extract_string(line, {sql_text(p)}))" for p in paths)
            return f"coalesce({values})" if len(paths) > 1 else values
        return f"CAST({self.column(field)} AS VARCHAR)"

    def column(self, field: str) -> str:
        """The column reference itself, for typed times in Parquet."""
        return ".".join(sql_name(step) for step in self._table.steps.get(field, (field,)))


def pointers(field: str) -> list[str]:
    """Every way a dotted name can lead into an object, as JSON Pointers; keys may hold dots themselves.

    The undivided name comes first and then longer heads before shorter ones, so that the key as
    written wins. A name with very many dots is taken whole or fully divided.
    """
    parts = field.split(".")
    inner = range(1, len(parts))
    cuts: list[tuple[int, ...]] = [(), tuple(inner)]
    if len(parts) <= MAX_KEY_PARTS:
        cuts = [c for size in range(len(parts)) for c in combinations(reversed(inner), size)]
    out = []
    for cut in cuts:
        ends = [0, *sorted(cut), len(parts)]
        steps = [".".join(parts[a:b]) for a, b in pairwise(ends)]
        out.append("".join("/" + s.replace("~", "~0").replace("/", "~1") for s in steps))
    return list(dict.fromkeys(out))


def reject_table(table: Table) -> str:
    """The name under which the engine keeps a file's unreadable lines."""
    return "rejects_" + sha256_bytes(str(table.path).encode("utf-8", "surrogateescape"))[:16]


def numbered_lines(table: Table) -> str:
    r"""A JSONL file as numbered lines; \\x01 cannot stand unescaped in JSON, so it splits nothing."""
    return (
        "SELECT row_number() OVER () AS row, line FROM read_csv("
        f"{sql_file(table.path)}, columns = {{'line': 'VARCHAR'}}, header = false,"
        f" auto_detect = false, hive_partitioning = false, delim = '\x01', quote = '', escape = '',"
        f" null_padding = true,"
        f" compression = '{table.packed or 'none'}', max_line_size = {MAX_LINE_BYTES},"
        f" buffer_size = {2 * MAX_LINE_BYTES})"  # by itself the engine takes sixteen lines of room
    )


def sql_file(path: Path) -> str:
    """The path of one file as a SQL literal: `*`, `?` and `[` in it are letters, not wildcards."""
    return sql_text("".join(f"[{char}]" if char in "*?[" else char for char in str(path)))


def sql_text(value: str) -> str:
    """A SQL text literal. NUL cannot occur in one, and in no name we accept."""
    return "'" + value.replace("\0", "").replace("'", "''") + "'"


def sql_name(value: str) -> str:
    """A quoted SQL identifier."""
    return '"' + value.replace("\0", "").replace('"', '""') + '"'
