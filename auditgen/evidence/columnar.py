"""Monitoring tables, read where they lie: a mapping becomes SQL that yields canonical columns.

Every value is first taken as the text that was written, so that a declared vocabulary decides what it
means and a value nobody declared is found instead of being coerced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.evidence.mapping import NUMBER
from auditgen.evidence.model import Basis, Outcome, Watch
from auditgen.evidence.repeats import counted, row_repeats_sql
from auditgen.evidence.tables import (
    ROW,
    Columns,
    TableFault,
    check_text,
    connect,
    numbered_lines,
    reject_table,
    sql_name,
    sql_text,
)

if TYPE_CHECKING:
    import duckdb

    from auditgen.evidence.mapping import RecordMap, Rule
    from auditgen.evidence.tables import Table

CANONICAL = (
    "row", "record", "observed_at", "zone_written", "model", "outcome", "basis", "expected", "watch",
    "watch_basis", "cohort", "category", "strategy", "language", "guardrail_verdict",
    "guardrail_action", "prompt_key",
)  # fmt: skip
"""Columns of every table view; `observed_at` is TIMESTAMP in UTC, `row` counts records from 1."""
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
    """Rows that agree with an earlier one of the same record in everything that is mapped."""
    zone_unknown: int
    first_us: int | None
    """Microseconds since 1970, UTC."""
    last_us: int | None
    outcomes: dict[str, int]
    models: tuple[str, ...]
    unmapped: dict[str, tuple[tuple[str, int], ...]]
    guarded: int
    """Rows with a guardrail's verdict."""


def canonical_sql(table: Table, mapping: RecordMap) -> str:
    """A SELECT that yields `CANONICAL` columns, one row per readable record, duplicates included."""
    reader = Columns(table)
    time_sql, zone_sql = _time(reader, mapping)
    outcome, basis = _outcome(reader, mapping)
    watch = mapping.watch
    watch_value = _value(reader, watch) if watch else "NULL"
    selected = {
        "row": ROW,
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
    columns = ",\n  ".join(f"{selected[name]} AS {sql_name(name)}" for name in CANONICAL)
    return f"SELECT {columns}\nFROM ({reader.relation()})"


def count_rows(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    """Readable records of a table nobody has mapped. Raises TableFault when it cannot be read."""
    import duckdb

    try:
        row = connection.execute(f"SELECT count(*) FROM ({Columns(table).relation()})").fetchone()
    except duckdb.Error as error:
        message = f"the engine cannot read it: {str(error).splitlines()[0][:200]}"
        raise TableFault(message) from error
    return int(row[0]) if row else 0


def scan(connection: duckdb.DuckDBPyConnection, table: Table, mapping: RecordMap) -> TableScan:
    """Read the table once for its identity: counts, faults, times, what the mapping did not know.

    `connection` is used for this table alone. Raises TableFault when the engine cannot read it.
    """
    import duckdb

    check_text(table)
    sql = canonical_sql(table, mapping)
    try:
        # text is parsed once and only what is counted is kept; Parquet gives single columns cheaply
        kept = f"SELECT record, observed_at, zone_written, outcome, model, guardrail_verdict FROM ({sql})"
        kind = "VIEW" if table.format == "parquet" else "TABLE"
        connection.execute(f"CREATE OR REPLACE TEMP {kind} scanned AS {kept}")
        row = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE observed_at IS NULL),"
            " count(record) > count(DISTINCT record),"
            " count(*) FILTER (WHERE NOT zone_written AND observed_at IS NOT NULL),"
            " epoch_us(min(observed_at)), epoch_us(max(observed_at)), count(guardrail_verdict) FROM scanned"
        ).fetchone()
        assert row is not None
        outcomes = dict(
            connection.execute("SELECT outcome, count(*) FROM scanned GROUP BY 1 ORDER BY 1").fetchall()
        )
        models = connection.execute(
            "SELECT DISTINCT model FROM scanned WHERE model IS NOT NULL ORDER BY 1 LIMIT 50"
        ).fetchall()
        rejected, lines = rejected_lines(connection, table)
        unmapped = _unmapped(connection, table, mapping)
        undated = _undated(connection, table, mapping) if row[1] else ()
        copies = 0
        if row[2]:
            known = "record IS NOT NULL AND observed_at IS NOT NULL"
            with_id = f"SELECT *, row AS place FROM ({sql}) WHERE {known}"
            copies = counted(connection, row_repeats_sql(with_id, ("record",))).copies
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
        duplicates=copies,
        zone_unknown=row[3],
        first_us=row[4],
        last_us=row[5],
        outcomes=outcomes,
        models=tuple(m[0] for m in models),
        unmapped=unmapped,
        guarded=row[6],
    )


def holds(table: Table, name: str) -> bool:
    """Whether any record of a JSONL file has the key: rare keys need not stand in the first lines."""
    import duckdb

    if table.format != "jsonl":
        return name in table.columns
    reader = Columns(table)
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
    reader = Columns(table)
    text, (time_sql, _) = reader.text(mapping.time.from_), _time(reader, mapping)
    query = (
        f"SELECT DISTINCT {text} FROM ({reader.relation()})"
        f" WHERE {text} IS NOT NULL AND {time_sql} IS NULL ORDER BY 1 LIMIT 3"
    )
    return tuple(str(found)[:60] for (found,) in connection.execute(query).fetchall())


def rejected_lines(
    connection: duckdb.DuckDBPyConnection, table: Table
) -> tuple[int, tuple[int, ...]]:
    """How many lines could not be read, and the first few numbers.

    `connection` must have read the table to its end. Raises duckdb.Error when it cannot be read.
    """
    if table.format == "parquet":
        return 0, ()
    if table.format == "csv":
        query = f"SELECT DISTINCT line FROM {reject_table(table)} ORDER BY 1"
    else:
        query = (
            f"SELECT row FROM ({numbered_lines(table)}) WHERE line IS NOT NULL"
            " AND trim(line, ' \t\r') != '' AND TRY(json_type(line)) IS DISTINCT FROM 'OBJECT'"
            " ORDER BY 1"
        )
    lines = [r[0] for r in connection.execute(query).fetchall()]
    return len(lines), tuple(lines[:10])


def _unmapped(
    connection: duckdb.DuckDBPyConnection, table: Table, mapping: RecordMap
) -> dict[str, tuple[tuple[str, int], ...]]:
    """Values that no rule translates, by field, most frequent first."""
    reader = Columns(table)
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


def _value(reader: Columns, rule: Rule | None) -> str:
    if rule is None:
        return "NULL::VARCHAR"
    if rule.is_ is not None:
        return sql_text(rule.is_)
    raw = reader.text(rule.from_ or "")
    if not rule.translates:
        return raw
    named = {sql_text(k): sql_text(v) for k, v in (rule.values or {}).items()}
    if rule.bands is None:
        cases = " ".join(f"WHEN {k} THEN {v}" for k, v in named.items())
        return f"CASE {raw} {cases} END" if cases else "NULL::VARCHAR"
    is_number = f"regexp_full_match({raw}, {sql_text(NUMBER.pattern)})"
    number = f"CASE WHEN {is_number} THEN TRY_CAST({raw} AS DOUBLE) END"
    branches = [f"WHEN {raw} = {k} THEN {v}" for k, v in named.items()]
    for band in rule.bands:
        bounds = {">=": band.at_least, ">": band.above, "<=": band.at_most, "<": band.below}
        inside = [f"{number} {sign} {bound!r}::DOUBLE" for sign, bound in bounds.items() if bound is not None]
        inside.append(f"isfinite({number})")
        branches.append(f"WHEN {' AND '.join(inside)} THEN {sql_text(band.is_)}")
    return f"CASE {' '.join(branches)} END"


def _outcome(reader: Columns, mapping: RecordMap) -> tuple[str, str]:
    values = [(_value(reader, rule), rule.basis) for rule in mapping.outcomes]
    if not values:
        return sql_text(Outcome.UNSCORED), sql_text(Basis.NONE)
    outcome = f"coalesce({', '.join(v for v, _ in values)}, {sql_text(Outcome.UNSCORED)})"
    cases = " ".join(f"WHEN {value} IS NOT NULL THEN {sql_text(basis)}" for value, basis in values)
    return outcome, f"CASE {cases} ELSE {sql_text(Basis.NONE)} END"


def _time(reader: Columns, mapping: RecordMap) -> tuple[str, str]:
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
