"""Monitoring tables, read where they lie: a mapping becomes SQL that yields canonical columns.

Nothing is copied. A CSV, JSONL(.gz) or Parquet file is scanned by the embedded engine; every value is
first taken as the text that was written, so that a declared vocabulary decides what it means and a
value nobody declared is found instead of being coerced.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from dataclasses import field as default
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

from auditgen.errors import AuditgenError
from auditgen.evidence.mapping import NUMBER
from auditgen.evidence.model import Basis, Outcome, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import duckdb

    from auditgen.evidence.mapping import RecordMap, Rule

MAX_LINE_BYTES = 64 * 1024 * 1024
SAMPLED_LINES = 200
MAX_KEY_PARTS = 5
CANONICAL = (
    "row", "record", "observed_at", "zone_written", "model", "outcome", "basis", "expected", "watch",
    "watch_basis", "cohort", "category", "strategy", "language", "guardrail_verdict",
    "guardrail_action", "prompt_key",
)  # fmt: skip
"""Columns of every table view; `observed_at` is TIMESTAMP in UTC, `row` counts records from 1."""
_ROW = "auditgen_row"
"""The row number inside a relation: a name that no column of the file should have."""


class TableFault(AuditgenError):
    """The file is no table of its format, or the engine cannot read it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table file as recognised by content."""

    path: Path
    format: str
    """csv, jsonl or parquet."""
    is_gzip: bool = False
    delimiter: str = ","
    columns: tuple[str, ...] = ()
    """Names in file order; for JSONL the keys (dotted) of its first lines."""
    steps: Mapping[str, tuple[str, ...]] = default(default_factory=dict)
    """Parquet: the way into a struct behind a dotted name."""


@dataclass(frozen=True, slots=True)
class TableScan:
    """What one pass over a mapped table found."""

    rows: int
    rejected: int
    rejected_lines: tuple[int, ...]
    undated: int
    undated_values: tuple[str, ...]
    """The first few texts that are no time."""
    duplicates: int
    zone_unknown: int
    first_us: int | None
    """Microseconds since 1970, UTC."""
    last_us: int | None
    outcomes: dict[str, int]
    models: tuple[str, ...]
    unmapped: dict[str, tuple[tuple[str, int], ...]]


def connect() -> duckdb.DuckDBPyConnection:
    """An in-memory engine that fetches nothing: no extension downloads, times in UTC."""
    import duckdb

    connection = duckdb.connect(
        config={"autoinstall_known_extensions": "false", "allow_community_extensions": "false"}
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET preserve_insertion_order = true")
    return connection


def describe(path: Path, table_format: str, *, is_gzip: bool, delimiter: str = ",") -> Table:
    """The table with its column names. Raises TableFault when it cannot be read as that format."""
    columns: tuple[str, ...]
    steps: dict[str, tuple[str, ...]] = {}
    try:
        if table_format == "parquet":
            steps = _parquet_columns(path)
            columns = tuple(steps)
        else:
            with (gzip.open(path) if is_gzip else path.open("rb")) as stream:
                text = io.TextIOWrapper(stream, "utf-8-sig", "replace", newline="")
                if table_format == "csv":
                    columns = tuple(next(csv.reader(text, delimiter=delimiter), []))
                else:
                    columns = _json_keys(text)
    except (OSError, ValueError, EOFError, zlib.error, csv.Error) as error:
        message = f"not readable as {table_format}: {str(error)[:200]}"
        raise TableFault(message) from error
    if not columns:
        message = f"no columns found in this {table_format} file"
        raise TableFault(message)
    if table_format != "jsonl" and len({name.lower() for name in columns}) < len(columns):
        message = "two columns differ only in upper and lower case, or not at all"
        raise TableFault(message)  # the engine could not tell them apart
    return Table(path, table_format, is_gzip, delimiter, columns, steps)


def _parquet_columns(path: Path) -> dict[str, tuple[str, ...]]:
    """Every column, and every field of a struct by its dotted name, with the way to it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out: dict[str, tuple[str, ...]] = {}

    def collect(column: Any, above: tuple[str, ...]) -> None:
        steps = (*above, column.name)
        out.setdefault(".".join(steps), steps)
        if pa.types.is_struct(column.type):
            for child in column.type:
                collect(child, steps)

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, RuntimeError) as error:
        message = f"not readable as parquet: {str(error)[:200]}"
        raise TableFault(message) from error
    for column in schema:
        out.setdefault(column.name, (column.name,))
    for column in schema:
        collect(column, ())
    return out


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


def canonical_sql(table: Table, mapping: RecordMap) -> str:
    """A SELECT that yields `CANONICAL` columns, one row per readable record, duplicates included."""
    reader = _Columns(table)
    time_sql, zone_sql = _time(reader, mapping)
    outcome, basis = _outcome(reader, mapping)
    watch = mapping.watch
    watch_value = _value(reader, watch) if watch else "NULL"
    selected = {
        "row": _ROW,
        "record": _value(reader, mapping.record),
        "observed_at": time_sql,
        "zone_written": zone_sql,
        "model": _value(reader, mapping.model),
        "outcome": outcome,
        "basis": basis,
        "expected": _value(reader, mapping.expected),
        "watch": f"coalesce({watch_value}, {sql_text(Watch.UNKNOWN)})",
        "watch_basis": f"CASE WHEN {watch_value} IS NOT NULL THEN {sql_text(watch.basis)} END"
        if watch
        else "NULL::VARCHAR",
        "cohort": _value(reader, mapping.cohort),
        "category": _value(reader, mapping.category),
        "strategy": _value(reader, mapping.strategy),
        "language": _value(reader, mapping.language),
        "guardrail_verdict": _value(reader, mapping.guardrail("guardrail_verdict")),
        "guardrail_action": _value(reader, mapping.guardrail("guardrail_action")),
        "prompt_key": _value(reader, mapping.prompt),
    }
    columns = ",\n  ".join(f"{selected[name]} AS {_name(name)}" for name in CANONICAL)
    return f"SELECT {columns}\nFROM ({reader.relation()})"


def count_rows(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    """Readable records of a table nobody has mapped. Raises TableFault when it cannot be read."""
    import duckdb

    try:
        row = connection.execute(f"SELECT count(*) FROM ({_Columns(table).relation()})").fetchone()
    except duckdb.Error as error:
        message = f"the engine cannot read it: {str(error).splitlines()[0][:200]}"
        raise TableFault(message) from error
    return int(row[0]) if row else 0


def scan(connection: duckdb.DuckDBPyConnection, table: Table, mapping: RecordMap) -> TableScan:
    """Read the table once for its identity: counts, faults, times, what the mapping did not know.

    `connection` is used for this table alone. Raises TableFault when the engine cannot read it.
    """
    import duckdb

    _check_text(table)
    sql = canonical_sql(table, mapping)
    try:
        # text is parsed once and only what is counted is kept; Parquet gives single columns cheaply
        kept = f"SELECT record, observed_at, zone_written, outcome, model FROM ({sql})"
        kind = "VIEW" if table.format == "parquet" else "TABLE"
        connection.execute(f"CREATE OR REPLACE TEMP {kind} scanned AS {kept}")
        row = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE observed_at IS NULL),"
            " count(record) - count(DISTINCT record),"
            " count(*) FILTER (WHERE NOT zone_written AND observed_at IS NOT NULL),"
            " epoch_us(min(observed_at)), epoch_us(max(observed_at)) FROM scanned"
        ).fetchone()
        assert row is not None
        outcomes = dict(
            connection.execute("SELECT outcome, count(*) FROM scanned GROUP BY 1 ORDER BY 1").fetchall()
        )
        models = connection.execute(
            "SELECT DISTINCT model FROM scanned WHERE model IS NOT NULL ORDER BY 1 LIMIT 50"
        ).fetchall()
        rejected, lines = _rejected(connection, table)
        unmapped = _unmapped(connection, table, mapping)
        undated = _undated(connection, table, mapping) if row[1] else ()
    except duckdb.Error as error:
        message = f"the engine cannot read it: {str(error).splitlines()[0][:200]}"
        raise TableFault(message) from error
    except (RuntimeError, UnicodeError) as error:  # a file name that is no Unicode text
        message = f"the engine cannot take it: {str(error)[:100]}; is its name plain text?"
        raise TableFault(message) from error
    return TableScan(
        rows=row[0],
        rejected=rejected,
        rejected_lines=lines,
        undated=row[1],
        undated_values=undated,
        duplicates=row[2],
        zone_unknown=row[3],
        first_us=row[4],
        last_us=row[5],
        outcomes=outcomes,
        models=tuple(m[0] for m in models),
        unmapped=unmapped,
    )


def _check_text(table: Table) -> None:
    """Read a text table to its end, because the engine is not strict enough.

    It does not compare the checksums of gzip, so damage would become data; and it looks for bytes that
    are no text only in the columns that a query needs, so two queries would count different rows.
    """
    if table.format == "parquet":
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    try:
        with gzip.open(table.path) if table.is_gzip else table.path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                decoder.decode(chunk)
                line += chunk.count(b"\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object.count(b"\n", 0, error.start)
        message = f"line {line} is not UTF-8 text"
        raise TableFault(message) from error
    except (OSError, EOFError, zlib.error) as error:
        message = f"the file is damaged or cut off: {str(error)[:100]}"
        raise TableFault(message) from error


def holds(table: Table, name: str) -> bool:
    """Whether any record of a JSONL file has the key: rare keys need not stand in the first lines."""
    import duckdb

    if table.format != "jsonl":
        return name in table.columns
    reader = _Columns(table)
    query = f"SELECT 1 FROM ({reader.relation()}) WHERE {reader.text(name)} IS NOT NULL LIMIT 1"
    try:
        return connect().execute(query).fetchone() is not None
    except (duckdb.Error, RuntimeError, UnicodeError):
        return False


def _undated(
    connection: duckdb.DuckDBPyConnection, table: Table, mapping: RecordMap
) -> tuple[str, ...]:
    """A few of the texts that were found where a time should be."""
    if mapping.time is None or mapping.time.from_ is None:
        return ()
    reader = _Columns(table)
    text, (time_sql, _) = reader.text(mapping.time.from_), _time(reader, mapping)
    query = (
        f"SELECT DISTINCT {text} FROM ({reader.relation()})"
        f" WHERE {text} IS NOT NULL AND {time_sql} IS NULL ORDER BY 1 LIMIT 3"
    )
    return tuple(str(found)[:60] for (found,) in connection.execute(query).fetchall())


def _rejected(
    connection: duckdb.DuckDBPyConnection, table: Table
) -> tuple[int, tuple[int, ...]]:
    """How many lines could not be read, and the first few line numbers."""
    if table.format == "parquet":
        return 0, ()
    if table.format == "csv":
        query = f"SELECT DISTINCT line FROM {_reject_table(table)} ORDER BY 1"
    else:
        query = (
            f"SELECT row FROM ({_lines(table)}) WHERE line IS NOT NULL"
            " AND trim(line, ' \t\r') != '' AND TRY(json_type(line)) IS DISTINCT FROM 'OBJECT'"
            " ORDER BY 1"
        )
    lines = [r[0] for r in connection.execute(query).fetchall()]
    return len(lines), tuple(lines[:10])


def _unmapped(
    connection: duckdb.DuckDBPyConnection, table: Table, mapping: RecordMap
) -> dict[str, tuple[tuple[str, int], ...]]:
    """Values that no rule translates, by field, most frequent first."""
    reader = _Columns(table)
    out = {}
    for field, rules in mapping.rules().items():
        translated = [rule for rule in rules if rule.translates]
        if not translated:
            continue
        raw = reader.text(translated[0].from_ or "")
        known = " AND ".join(f"{_value(reader, rule)} IS NULL" for rule in translated)
        found = connection.execute(
            f"SELECT {raw}, count(*) FROM ({reader.relation()})"
            f" WHERE {raw} IS NOT NULL AND {known} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20"
        ).fetchall()
        if found:
            out[field] = tuple((str(value)[:200], int(count)) for value, count in found)
    return out


class _Columns:
    """How a field of a record is written in SQL, for each table format."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def relation(self) -> str:
        """One row per readable record, with `row` and whatever `text` refers to."""
        table = self._table
        path = sql_file(table.path)
        if table.format == "parquet":
            return (
                f"SELECT file_row_number + 1 AS {_ROW}, * "
                f"FROM read_parquet({path}, file_row_number = true, hive_partitioning = false)"
            )
        if table.format == "csv":
            columns = ", ".join(f"{sql_text(name)}: 'VARCHAR'" for name in table.columns)
            rejects = _reject_table(table)
            return (
                f"SELECT row_number() OVER () AS {_ROW}, * FROM read_csv({path}, header = true,"
                f" columns = {{{columns}}}, auto_detect = false, hive_partitioning = false,"
                f" delim = {sql_text(table.delimiter)},"
                f" quote = '\"', escape = '\"', compression = '{_compression(table)}',"
                f" max_line_size = {MAX_LINE_BYTES}, store_rejects = true,"
                f" rejects_table = {sql_text(rejects)}, rejects_scan = {sql_text(rejects + '_scan')})"
            )
        return (
            f"SELECT row AS {_ROW}, line FROM ({_lines(table)})"
            " WHERE TRY(json_type(line)) = 'OBJECT'"
        )

    def text(self, field: str) -> str:
        """The field as VARCHAR, NULL where absent."""
        if self._table.format == "jsonl":
            paths = _pointers(field)
            # TRY: the planner may look into a broken line before the filter has dropped it
            values = ", ".join(f"TRY(json_extract_string(line, {sql_text(p)}))" for p in paths)
            return f"coalesce({values})" if len(paths) > 1 else values
        return f"CAST({self.column(field)} AS VARCHAR)"

    def column(self, field: str) -> str:
        """The column reference itself, for typed times in Parquet."""
        return ".".join(_name(step) for step in self._table.steps.get(field, (field,)))


def _pointers(field: str) -> list[str]:
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


def _compression(table: Table) -> str:
    return "gzip" if table.is_gzip else "none"


def _reject_table(table: Table) -> str:
    from auditgen.canonical import sha256_bytes

    return "rejects_" + sha256_bytes(str(table.path).encode("utf-8", "surrogateescape"))[:16]


def _lines(table: Table) -> str:
    r"""A JSONL file as numbered lines; \\x01 cannot stand unescaped in JSON, so it splits nothing."""
    return (
        "SELECT row_number() OVER () AS row, line FROM read_csv("
        f"{sql_file(table.path)}, columns = {{'line': 'VARCHAR'}}, header = false,"
        f" auto_detect = false, hive_partitioning = false, delim = '\x01', quote = '', escape = '',"
        f" null_padding = true,"
        f" compression = '{_compression(table)}', max_line_size = {MAX_LINE_BYTES})"
    )


def _value(reader: _Columns, rule: Rule | None) -> str:
    if rule is None:
        return "NULL::VARCHAR"
    if rule.is_ is not None:
        return sql_text(rule.is_)
    raw = reader.text(rule.from_ or "")
    if not rule.translates:
        return raw
    cases = "".join(f" WHEN {raw} = {sql_text(k)} THEN {sql_text(v)}" for k, v in (rule.values or {}).items())
    number = f"CASE WHEN regexp_full_match({raw}, {sql_text(NUMBER.pattern)}) THEN TRY_CAST({raw} AS DOUBLE) END"
    for band in rule.bands or ():
        bounds = {">=": band.at_least, ">": band.above, "<=": band.at_most, "<": band.below}
        inside = " AND ".join(
            f"{number} {sign} {bound!r}::DOUBLE" for sign, bound in bounds.items() if bound is not None
        )
        cases += f" WHEN isfinite({number}) AND {inside} THEN {sql_text(band.is_)}"
    return f"CASE{cases} END" if cases else "NULL::VARCHAR"


def _outcome(reader: _Columns, mapping: RecordMap) -> tuple[str, str]:
    values = [(_value(reader, rule), rule.basis) for rule in mapping.outcomes]
    if not values:
        return sql_text(Outcome.UNSCORED), sql_text(Basis.NONE)
    outcome = f"coalesce({', '.join(v for v, _ in values)}, {sql_text(Outcome.UNSCORED)})"
    cases = " ".join(f"WHEN {value} IS NOT NULL THEN {sql_text(basis)}" for value, basis in values)
    return outcome, f"CASE {cases} ELSE {sql_text(Basis.NONE)} END"


def _time(reader: _Columns, mapping: RecordMap) -> tuple[str, str]:
    """The time as a UTC TIMESTAMP, and whether its zone was written beside it."""
    if mapping.time is None:
        return "NULL::TIMESTAMP", "true"
    text = reader.text(mapping.time.from_ or "")
    if mapping.time.is_ is not None:
        text = sql_text(mapping.time.is_)
    text = f"upper({text})"  # RFC 3339 allows `t` and `z`
    # the engine ignores what it does not know after a time (`10:00 PM`, `10:00 Europe/Paris`)
    day, time = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}", "[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
    offset = f"regexp_full_match({text}, '{day}[T ]{time} ?(Z|UTC|GMT|[+-][0-9]{{2}}(:?[0-9]{{2}})?)')"
    bare = f"regexp_full_match({text}, '{day}([T ]{time})?')"
    zone = sql_text(mapping.time_zone or "UTC")
    with_offset = f"timezone('UTC', TRY_CAST({text} AS TIMESTAMPTZ))"
    without = f"timezone('UTC', timezone({zone}, TRY_CAST({text} AS TIMESTAMP)))"
    known = offset if mapping.time_zone is None else "true"
    return (
        f"CASE WHEN {offset} THEN {with_offset} WHEN {bare} THEN {without} END",
        f"coalesce({known}, true)",
    )


def sql_file(path: Path) -> str:
    """The path of one file as a SQL literal: `*`, `?` and `[` in it are letters, not wildcards."""
    return sql_text("".join(f"[{char}]" if char in "*?[" else char for char in str(path)))


def sql_text(value: str) -> str:
    """A SQL text literal. NUL cannot occur in one, and in no name we accept."""
    return "'" + value.replace("\0", "").replace("'", "''") + "'"


def _name(value: str) -> str:
    """A quoted SQL identifier."""
    return '"' + value.replace("\0", "").replace('"', '""') + '"'
