"""Credentials in columns of tables: where they stand, how many cells hold one, and how they are left out.

A table is not copied, so nothing can be taken out of it. Only what is shown is looked through: the distinct
words of a cube, ids of records, and words that no rule translates. A column in which anything was found goes
through a function from then on; of all others nothing is asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditgen.canonical import sha256_bytes
from auditgen.evidence.secret_forms import SUSPECT, without

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    import duckdb

    from auditgen.evidence.mapping import RecordMap
    from auditgen.evidence.tables import Table

FUNCTION = "auditgen_without_credentials"
KEY_FUNCTION = "auditgen_key_without_credentials"
KEY_DIGITS = 12
_SUSPECT_SQL = "'" + SUSPECT.replace("'", "''") + "'"


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the engine take credentials out of texts; once for a connection, and only where there are any.

    The engine loads a whole array library for a function of ours.
    """
    known = f"SELECT 1 FROM duckdb_functions() WHERE function_name = '{FUNCTION}' LIMIT 1"
    if connection.execute(known).fetchall():
        return
    create: Any = connection.create_function  # its types are written for enumerations alone
    for name, function in ((FUNCTION, _texts), (KEY_FUNCTION, _keys)):
        create(name, function, ["VARCHAR"], "VARCHAR", type="arrow", null_handling="special")


def key_without(text: str) -> str:
    """A key without credentials. Different keys stay different: a digest follows what is left."""
    left = without(text)
    if left == text:
        return text
    return f"{left} #{sha256_bytes(text.encode('utf-8', 'surrogatepass'))[:KEY_DIGITS]}"


def _texts(values: Any) -> Any:
    return _each(values, without)


def _keys(values: Any) -> Any:
    return _each(values, key_without)


def _each(values: Any, change: Any) -> Any:
    """An Arrow column with each text changed, equal ones once."""
    import pyarrow as pa

    coded = values.dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    made = pa.array([None if v is None else change(v) for v in coded.dictionary.to_pylist()], pa.string())
    return made.take(coded.indices)


def holds_sql(text: str) -> str:
    """Whether a text has a credential, as SQL; the function is asked only where there may be one."""
    is_suspect = f"regexp_matches({text}, {_SUSPECT_SQL})"
    return f"(CASE WHEN {is_suspect} THEN {FUNCTION}({text}) <> {text} ELSE false END)"


def shown_sql(relation: str, fields: Iterable[str]) -> str:
    """A relation with the canonical columns, some of them without credentials.

    A record's id that holds one is none: such a record is known by its place alone.
    """
    changed = []
    for name in fields:
        if name == "record":
            changed.append(f"CASE WHEN {holds_sql(name)} THEN NULL ELSE {name} END AS {name}")
            continue
        function = KEY_FUNCTION if name == "prompt_key" else FUNCTION
        is_suspect = f"regexp_matches({name}, {_SUSPECT_SQL})"
        changed.append(f"CASE WHEN {is_suspect} THEN {function}({name}) ELSE {name} END AS {name}")
    return f"SELECT * REPLACE ({', '.join(changed)}) FROM ({relation})" if changed else relation


def exposed_words(
    connection: duckdb.DuckDBPyConnection, cells: str, names: Iterable[str]
) -> dict[str, dict[int, int]]:
    """Of columns of a cube's cells: how many rows of which file hold a credential. Raises duckdb.Error."""
    out = {}
    for name in names:
        if not _may_hold(connection, cells, name):
            continue
        query = f"SELECT part, sum(n) FROM ({cells}) WHERE {holds_sql(name)} GROUP BY part ORDER BY part"
        found = {int(part): int(number) for part, number in connection.execute(query).fetchall()}
        if found:
            out[name] = found
    return out


def exposed_rows(
    connection: duckdb.DuckDBPyConnection, relation: str, text: str
) -> dict[int, int]:
    """How many rows of which file hold a credential in one text of a relation. Raises duckdb.Error."""
    if not _may_hold(connection, relation, text):
        return {}
    query = f"SELECT part, count(*) FROM ({relation}) WHERE {holds_sql(text)} GROUP BY part ORDER BY part"
    return {int(part): int(number) for part, number in connection.execute(query).fetchall()}


def exposed_texts(
    connection: duckdb.DuckDBPyConnection, table: Table, mapping: RecordMap, fields: Collection[str]
) -> int:
    """Cells of a table's columns that hold a credential where the mapping translates words, or reads times.

    Raises duckdb.Error.
    """
    from auditgen.evidence.tables import Columns

    reader = Columns(table)
    columns = {
        rule.from_
        for field, rules in mapping.rules().items()
        if field in fields
        for rule in rules
        if rule.from_ is not None and rule.from_ not in table.clocks
        and (rule.translates or field in {"time", "received"})
    }
    total = 0
    for column in sorted(columns):
        if not _may_hold(connection, reader.relation(), reader.text(column)):
            continue
        query = f"SELECT count(*) FROM ({reader.relation()}) WHERE {holds_sql(reader.text(column))}"
        row = connection.execute(query).fetchone()
        total += int(row[0]) if row else 0
    return total


def _may_hold(connection: duckdb.DuckDBPyConnection, relation: str, text: str) -> bool:
    """Whether any text is worth a closer look; then the engine is taught to take one."""
    query = f"SELECT 1 FROM ({relation}) WHERE regexp_matches({text}, {_SUSPECT_SQL}) LIMIT 1"
    if not connection.execute(query).fetchall():
        return False
    register(connection)
    return True


def clear_cube(
    connection: duckdb.DuckDBPyConnection, path: Path, relation: str, fields: Collection[str]
) -> None:
    """Write a cube again without the credentials in some of its columns. Raises duckdb.Error."""
    register(connection)
    beside = path.with_name(path.name + ".clear")
    written = "'" + str(beside).replace("'", "''") + "'"
    connection.execute(f"COPY ({shown_sql(relation, fields)}) TO {written} (FORMAT parquet)")
    beside.replace(path)


def hidden_fields(exposed: Mapping[str, Mapping[int, int]]) -> list[str]:
    """Names of the columns in which anything was found, sorted."""
    return sorted(name for name, found in exposed.items() if found)
