"""The columns of a text table that a mapping names, copied once into Parquet.

What was written stays text, so that a changed vocabulary needs no second copy; only times are read, because
reading a time costs more than everything else. A file whose every line is one JSON object goes through the
engine's fast reader; any doubt about one line, and each line is taken on its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from auditgen.evidence.columnar import (
    COPIED_RECEIVED,
    COPIED_TIME,
    COPIED_ZONE,
    clock_sql,
    rejected_lines,
)
from auditgen.evidence.packed import DAMAGED, open_packed
from auditgen.evidence.tables import (
    MAX_LINE_BYTES,
    ROW,
    Columns,
    Table,
    TableFault,
    check_text,
    connect,
    pointers,
    said,
    sql_file,
    sql_name,
    sql_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from auditgen.evidence.mapping import RecordMap

COPY_VERSION = "2"
_CHUNK = 1 << 20


def copied_fields(mapping: RecordMap) -> tuple[str, ...]:
    """Names of the columns that a mapping reads, sorted."""
    named = {rule.from_ for rules in mapping.rules().values() for rule in rules if rule.from_ is not None}
    return tuple(sorted(named))


def copy_key(mapping: RecordMap) -> dict[str, Any]:
    """What a copy depends on beside the bytes of the file."""
    times = [
        None if rule is None else rule.model_dump(mode="json", by_alias=True)
        for rule in (mapping.time, mapping.received)
    ]
    return {"fields": copied_fields(mapping), "times": times, "zone": mapping.time_zone}


def copy_table(table: Table, mapping: RecordMap, out: Path, lines: int) -> dict[str, Any]:
    """Write the copy of a text table; what could not be read, as JSON. Raises TableFault.

    `lines` is how many the file has, where it is not packed. The copy has `ROW`, one VARCHAR column for
    each field, and the times as UTC TIMESTAMP.
    """
    import duckdb

    try:
        if table.format == "jsonl":
            return _copy_json(table, mapping, out, lines)
        check_text(table)
        connection = connect()
        _copy(connection, table, mapping, Columns(table), Columns(table).relation(), out)
        rejected, shown = rejected_lines(connection, table)
    except duckdb.Error as error:
        raise TableFault(said(error)) from error
    except (RuntimeError, UnicodeError) as error:  # a file name that is no Unicode text
        message = f"the engine cannot take it: {str(error)[:100]}; is its name plain text?"
        raise TableFault(message) from error
    return {"rejected": rejected, "lines": list(shown)}


def _copy_json(table: Table, mapping: RecordMap, out: Path, lines: int) -> dict[str, Any]:
    import duckdb

    if table.packed:
        lines = _checked_lines(table)
    try:
        connection = connect()
        reader = _Fast(table)
        _copy(connection, table, mapping, reader, reader.relation_of(copied_fields(mapping)), out)
        found = connection.execute(f"SELECT count(*) FROM read_parquet({sql_file(out)})").fetchone()
        if found is not None and found[0] == lines:
            return {"rejected": 0, "lines": []}
    except duckdb.Error:
        pass  # a line is no object, or names a key twice: then every line is looked at on its own
    check_text(table)
    connection = connect()
    _copy(connection, table, mapping, Columns(table), Columns(table).relation(), out)
    rejected, shown = rejected_lines(connection, table)
    return {"rejected": rejected, "lines": list(shown)}


def _copy(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    mapping: RecordMap,
    reader: Columns,
    relation: str,
    out: Path,
) -> None:
    time, zone = clock_sql(reader, table, mapping.time, mapping.time_zone)
    received, _ = clock_sql(reader, table, mapping.received, mapping.time_zone)
    selected = [
        f"CAST({ROW} AS BIGINT) AS {ROW}",
        f"{time} AS {COPIED_TIME}",
        f"{zone} AS {COPIED_ZONE}",
        f"{received} AS {COPIED_RECEIVED}",
    ]
    clocks = {rule.from_ for rule in (mapping.time, mapping.received) if rule is not None}
    for number, name in enumerate(copied_fields(mapping)):
        text = reader.text(name)
        if name in clocks and not _is_used_beside_time(mapping, name):
            text = f"CASE WHEN {time} IS NULL THEN {text} END"  # kept to be shown, where it is no time
        selected.append(f"CAST({text} AS VARCHAR) AS c{number}")
    connection.execute(
        f"COPY (SELECT {', '.join(selected)} FROM ({relation})) TO {sql_text(str(out))}"
        " (FORMAT parquet, COMPRESSION lz4_raw, PARQUET_VERSION v2)"
    )


def _is_used_beside_time(mapping: RecordMap, name: str) -> bool:
    return any(
        rule.from_ == name
        for field, rules in mapping.rules().items()
        if field not in {"time", "received"}
        for rule in rules
    )


class _Fast(Columns):
    """JSON Lines through the engine's own reader: strict, and much faster than line by line."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self._json: frozenset[str] = frozenset()

    def relation_of(self, fields: Sequence[str]) -> str:
        """One row per line; keys that lead further inside as JSON, the others as text."""
        heads: set[str] = set()
        for field in fields:
            heads.update(_steps(pointer)[0] for pointer in pointers(field) if len(_steps(pointer)) > 1)
        self._json = frozenset(heads)
        roots = sorted({_steps(pointer)[0] for field in fields for pointer in pointers(field)})
        columns = ", ".join(
            f"{sql_text(name)}: {sql_text('JSON' if name in heads else 'VARCHAR')}" for name in roots
        )
        return (
            f"SELECT row_number() OVER () AS {ROW}, * FROM read_json({sql_file(self._table.path)},"
            f" columns = {{{columns}}}, format = 'newline_delimited', records = true, auto_detect = false,"
            f" hive_partitioning = false, maximum_object_size = {MAX_LINE_BYTES // 4},"
            f" compression = '{self._table.packed or 'none'}')"
        )

    def text(self, field: str) -> str:
        """The field as VARCHAR, NULL where absent."""
        values = []
        for pointer in pointers(field):
            first, *rest = _steps(pointer)
            column = sql_name(first)
            if not rest:
                values.append(f"json_extract_string({column}, '')" if first in self._json else column)
                continue
            inner = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in rest)
            values.append(f"json_extract_string({column}, {sql_text(inner)})")
        return f"coalesce({', '.join(values)})" if len(values) > 1 else values[0]


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _inflated(table: Table) -> BinaryIO:
    if table.packed != "gzip":
        return open_packed(table.path, table.packed)
    from isal import igzip

    return cast("BinaryIO", igzip.open(table.path))  # type: ignore[no-untyped-call]


def _checked_lines(table: Table) -> int:
    """How many lines a packed file has. Raises TableFault where it is damaged.

    The engine does not compare the checksums of gzip, so damage would become data.
    """
    lines, last = 0, b"\n"
    try:
        with _inflated(table) as packed:
            while chunk := packed.read(_CHUNK):
                lines += chunk.count(b"\n")
                last = chunk[-1:]
    except DAMAGED as error:
        message = f"the file is damaged or cut off: {str(error)[:100]}"
        raise TableFault(message) from error
    return lines + (last != b"\n")


def table_of_copy(copy: Path, mapping: RecordMap) -> Table:
    """The copy as a table; its columns have numbers, because two names may differ in case only."""
    names = copied_fields(mapping)
    steps = {name: (f"c{number}",) for number, name in enumerate(names)}
    return Table(copy, "copy", columns=names, steps=steps)
