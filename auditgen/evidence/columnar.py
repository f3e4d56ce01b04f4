"""Monitoring tables, read where they lie: a mapping becomes SQL that yields canonical columns.

Nothing is copied. A CSV, JSONL(.gz) or Parquet file is scanned by the embedded engine; every value is
first taken as the text that was written, so that a declared vocabulary decides what it means and a
value nobody declared is found instead of being coerced.
"""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditgen.errors import AuditgenError
from auditgen.evidence.model import Basis, Outcome, Watch

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from auditgen.evidence.mapping import RecordMap, Rule

MAX_LINE_BYTES = 64 * 1024 * 1024
SAMPLED_LINES = 200
CANONICAL = (
    "row", "record", "observed_at", "zone_written", "model", "outcome", "basis", "expected", "watch",
    "watch_basis", "cohort", "category", "strategy", "language", "guardrail_verdict",
    "guardrail_action", "prompt_key",
)  # fmt: skip
"""Columns of every table view; `observed_at` is TIMESTAMP in UTC, `row` counts records from 1."""


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


@dataclass(frozen=True, slots=True)
class TableScan:
    """What one pass over a mapped table found."""

    rows: int
    rejected: int
    rejected_lines: tuple[int, ...]
    undated: int
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
    try:
        if table_format == "parquet":
            import pyarrow.parquet as pq

            names: list[str] = []
            for field in pq.read_schema(path):
                names += _struct_names(field, "")
            columns = tuple(names)
        else:
            with (gzip.open(path) if is_gzip else path.open("rb")) as stream:
                text = io.TextIOWrapper(stream, "utf-8-sig", "replace", newline="")
                if table_format == "csv":
                    columns = tuple(next(csv.reader(text, delimiter=delimiter), []))
                else:
                    columns = _json_keys(text)
    except (OSError, ValueError, EOFError, csv.Error) as error:
        message = f"not readable as {table_format}: {str(error)[:200]}"
        raise TableFault(message) from error
    if not columns:
        message = f"no columns found in this {table_format} file"
        raise TableFault(message)
    return Table(path, table_format, is_gzip, delimiter, columns)


def _struct_names(field: Any, prefix: str) -> list[str]:
    import pyarrow as pa

    name = f"{prefix}{field.name}"
    if pa.types.is_struct(field.type):
        return [name] + [n for child in field.type for n in _struct_names(child, f"{name}.")]
    return [name]


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
        "row": "row",
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
        "guardrail_verdict": _value(reader, mapping.guardrail_verdict),
        "guardrail_action": _value(reader, mapping.guardrail_action),
        "prompt_key": _value(reader, mapping.prompt),
    }
    columns = ",\n  ".join(f"{selected[name]} AS {_name(name)}" for name in CANONICAL)
    return f"SELECT {columns}\nFROM ({reader.relation()})"


def scan(connection: duckdb.DuckDBPyConnection, table: Table, mapping: RecordMap) -> TableScan:
    """Read the table once for its identity: counts, faults, times, what the mapping did not know."""
    import duckdb

    sql = canonical_sql(table, mapping)
    try:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE scanned AS {sql}")
        row = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE observed_at IS NULL),"
            " count(record) - count(DISTINCT record), count(*) FILTER (WHERE NOT zone_written),"
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
    except duckdb.Error as error:
        message = f"the engine cannot read it: {str(error).splitlines()[0][:200]}"
        raise TableFault(message) from error
    finally:
        connection.execute("DROP TABLE IF EXISTS scanned")
    return TableScan(
        rows=row[0],
        rejected=rejected,
        rejected_lines=lines,
        undated=row[1],
        duplicates=row[2],
        zone_unknown=row[3],
        first_us=row[4],
        last_us=row[5],
        outcomes=outcomes,
        models=tuple(m[0] for m in models),
        unmapped=unmapped,
    )


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
            " AND TRY(json_type(line)) IS DISTINCT FROM 'OBJECT' ORDER BY 1"
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
        translated = [rule for rule in rules if rule.values is not None]
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
        path = sql_text(str(table.path))
        if table.format == "parquet":
            return (
                f"SELECT file_row_number + 1 AS row, * "
                f"FROM read_parquet({path}, file_row_number = true)"
            )
        if table.format == "csv":
            columns = ", ".join(f"{sql_text(name)}: 'VARCHAR'" for name in table.columns)
            rejects = _reject_table(table)
            return (
                f"SELECT row_number() OVER () AS row, * FROM read_csv({path}, header = true,"
                f" columns = {{{columns}}}, auto_detect = false, delim = {sql_text(table.delimiter)},"
                f" quote = '\"', escape = '\"', compression = '{_compression(table)}',"
                f" max_line_size = {MAX_LINE_BYTES}, store_rejects = true,"
                f" rejects_table = {sql_text(rejects)}, rejects_scan = {sql_text(rejects + '_scan')})"
            )
        return (
            f"SELECT row, line FROM ({_lines(table)})"
            " WHERE TRY(json_type(line)) = 'OBJECT'"
        )

    def text(self, field: str) -> str:
        """The field as VARCHAR, NULL where absent."""
        if self._table.format == "jsonl":
            paths = [f'$."{field}"']
            if "." in field:
                paths.append("$." + ".".join(f'"{part}"' for part in field.split(".")))
            # TRY: the planner may look into a broken line before the filter has dropped it
            values = ", ".join(f"TRY(json_extract_string(line, {sql_text(p)}))" for p in paths)
            return f"coalesce({values})" if len(paths) > 1 else values
        return f"CAST({self.column(field)} AS VARCHAR)"

    def column(self, field: str) -> str:
        """The column reference itself, for typed times in Parquet."""
        top = {name for name in self._table.columns if "." not in name}
        if field in top or self._table.format == "csv":
            return _name(field)
        head, _, rest = field.partition(".")
        return f"{_name(head)}" + "".join(f".{_name(part)}" for part in rest.split(".") if part)


def _compression(table: Table) -> str:
    return "gzip" if table.is_gzip else "none"


def _reject_table(table: Table) -> str:
    from auditgen.canonical import sha256_bytes

    return "rejects_" + sha256_bytes(str(table.path).encode("utf-8", "surrogateescape"))[:16]


def _lines(table: Table) -> str:
    r"""A JSONL file as numbered lines; \\x01 cannot stand unescaped in JSON, so it splits nothing."""
    return (
        "SELECT row_number() OVER () AS row, line FROM read_csv("
        f"{sql_text(str(table.path))}, columns = {{'line': 'VARCHAR'}}, header = false,"
        f" auto_detect = false, delim = '\x01', quote = '', escape = '', null_padding = true,"
        f" compression = '{_compression(table)}', max_line_size = {MAX_LINE_BYTES})"
    )


def _value(reader: _Columns, rule: Rule | None) -> str:
    if rule is None:
        return "NULL::VARCHAR"
    if rule.is_ is not None:
        return sql_text(rule.is_)
    raw = reader.text(rule.from_ or "")
    if rule.values is None:
        return raw
    cases = " ".join(f"WHEN {sql_text(k)} THEN {sql_text(v)}" for k, v in rule.values.items())
    return f"CASE {raw} {cases} END"


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
    offset = f"regexp_matches({text}, '(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$')"
    zone = sql_text(mapping.time_zone or "UTC")
    with_offset = f"timezone('UTC', TRY_CAST({text} AS TIMESTAMPTZ))"
    without = f"timezone('UTC', timezone({zone}, TRY_CAST({text} AS TIMESTAMP)))"
    known = offset if mapping.time_zone is None else "true"
    return (
        f"CASE WHEN {offset} THEN {with_offset} ELSE {without} END",
        f"coalesce({known}, true)",
    )


def sql_text(value: str) -> str:
    """A SQL text literal. NUL cannot occur in one, and in no name we accept."""
    return "'" + value.replace("\0", "").replace("'", "''") + "'"


def _name(value: str) -> str:
    """A quoted SQL identifier."""
    return '"' + value.replace("\0", "").replace('"', '""') + '"'
