"""Monitoring tables, read where they lie: a mapping becomes SQL that yields canonical columns.

Every value is first taken as the text that was written, so that a declared vocabulary decides what it
means and a value nobody declared is found instead of being coerced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.evidence.mapping import GUARDED, LABELS, NUMBER
from auditgen.evidence.model import Basis, Outcome, Watch
from auditgen.evidence.pseudonym import SQL_FUNCTION
from auditgen.evidence.secret_forms import without
from auditgen.evidence.tables import (
    PART,
    ROW,
    Columns,
    TableFault,
    connect,
    numbered_lines,
    reject_table,
    said,
    sql_file,
    sql_name,
    sql_text,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import duckdb

    from auditgen.evidence.mapping import RecordMap, Rule, TimeRule
    from auditgen.evidence.tables import Table

CANONICAL = (
    "row", "record", "observed_at", "zone_written", "received_at", "model", "outcome", "basis", "expected",
    "watch", "watch_basis", "cohort", "category", "strategy", "language", "labels", "guardrail_verdict",
    "guardrail_action", "endpoint", "transport", "sampling_rate", "prompt_key", "part",
)  # fmt: skip
"""Columns of every table view; times are TIMESTAMP in UTC, `row` counts the records of one table from 1,
`part` the tables from 0."""
UNKNOWN_WORD = "\x01"
"""Stands, on demand, where a mapping does not translate what was written; no text of a record is it."""
WORDS = (
    "expected", "cohort", "category", "strategy", "language", "guardrail_verdict", "guardrail_action",
    "endpoint", "transport",
)  # fmt: skip
"""Canonical columns that hold one word each."""
_TO_MICROS = {"s": "1000000", "ms": "1000", "us": "1", "ns": "0.001"}
COPIED_TIME, COPIED_ZONE, COPIED_RECEIVED = "auditgen_time", "auditgen_zone", "auditgen_received"
"""Columns of a copy: its times were read when it was made."""


def canonical_sql(
    table: Table, mapping: RecordMap, *, also: Sequence[Table] = (), mark: bool = False
) -> str:
    """A SELECT that yields `CANONICAL` columns, one row per readable record, duplicates included.

    `also`: tables of the same types to be read behind it. With `mark`, a value that the mapping does not
    translate is `UNKNOWN_WORD` instead of NULL.
    """
    reader = Columns(table, also)
    time_sql, zone_sql = time_columns(reader, table, mapping)
    received, _ = clock_sql(reader, table, mapping.received, mapping.time_zone)
    if table.format == "copy" and mapping.received is not None:
        received = sql_name(COPIED_RECEIVED)
    outcome, basis = _outcome(reader, mapping, mark=mark)
    watch = mapping.watch
    watch_value = _value(reader, watch, mark=mark) if watch else "NULL"
    selected = {
        "row": ROW,
        "part": PART if table.format in {"parquet", "copy"} else "0",
        "record": _value(reader, mapping.record),
        "observed_at": time_sql,
        "zone_written": zone_sql,
        "received_at": received,
        "model": _value(reader, mapping.model, mark=mark),
        "outcome": outcome,
        "basis": basis,
        "watch": f"coalesce({watch_value}, {sql_text(Watch.UNKNOWN)})",
        "watch_basis": f"CASE WHEN {watch_value} IS NOT NULL THEN {sql_text(watch.basis)} END"
        if watch
        else "NULL::VARCHAR",
        "labels": _labels(reader, mapping, mark=mark),
        "sampling_rate": _rate(reader, mapping),
        "prompt_key": _value(reader, mapping.prompt, mark=mark),
    }
    for name in WORDS:
        rule = mapping.guardrail(name) if name in GUARDED else getattr(mapping, name)
        selected[name] = _value(reader, rule, mark=mark)
    columns = ",\n  ".join(f"{selected[name]} AS {sql_name(name)}" for name in CANONICAL)
    return f"SELECT {columns}\nFROM ({reader.relation()})"


def fixed_columns(table: Table, mapping: RecordMap) -> dict[str, str]:
    """Canonical columns of a table that have one value in every row, as SQL."""
    fixed = {}
    for name in (*WORDS, "model", "prompt_key"):
        rule: Rule | None = getattr(mapping, "prompt" if name == "prompt_key" else name)
        if rule is None:
            fixed[name] = "NULL::VARCHAR"
        elif rule.is_ is not None:
            fixed[name] = sql_text(rule.is_)
    if not mapping.outcomes:
        fixed |= {"outcome": sql_text(Outcome.UNSCORED), "basis": sql_text(Basis.NONE)}
    if mapping.watch is None:
        fixed |= {"watch": sql_text(Watch.UNKNOWN), "watch_basis": "NULL::VARCHAR"}
    if not mapping.labels:
        fixed["labels"] = "NULL::VARCHAR"
    if mapping.sampling_rate is None:
        fixed["sampling_rate"] = "NULL::DOUBLE"
    if mapping.received is None:
        fixed["received_at"] = "NULL::TIMESTAMP"
    time = mapping.time
    if time is not None and (time.unit or mapping.time_zone or table.clocks.get(time.from_ or "")):
        fixed["zone_written"] = "true"
    return fixed


def stored_rows_sql(files: Sequence[Path]) -> str:
    """The same columns of monitoring records that a reader wrote into the store, and their texts.

    A prompt's key that is only the record's own id is none: such a record stands alone.
    """
    listed = ", ".join(sql_file(path) for path in files)
    own = {
        "row": "file_row_number + 1",
        "part": "CAST(file_index AS BIGINT)",
        "record": "nullif(sample_id, '')",
        "observed_at": "timezone('UTC', observed_at)",
        "received_at": "timezone('UTC', received_at)",
        "prompt_key": "CASE WHEN prompt_key NOT IN (sample_id, locator) THEN prompt_key END",
    }
    texts = ("locator", "prompt", "prompt_sha256", "prompt_state", "response")
    columns = ", ".join(f"{own.get(name, name)} AS {name}" for name in (*CANONICAL, *texts))
    return (
        f"SELECT {columns} FROM (SELECT *, file_index FROM read_parquet([{listed}],"
        " hive_partitioning = false, file_row_number = true))"
    )


def count_rows(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    """Readable records of a table nobody has mapped. Raises TableFault when it cannot be read."""
    import duckdb

    try:
        row = connection.execute(f"SELECT count(*) FROM ({Columns(table).relation()})").fetchone()
    except duckdb.Error as error:
        raise TableFault(said(error)) from error
    return int(row[0]) if row else 0


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


def undated_values(
    connection: duckdb.DuckDBPyConnection, table: Table, mapping: RecordMap
) -> tuple[str, ...]:
    """A few of the texts that were found where a time should be."""
    if mapping.time is None or mapping.time.from_ is None or mapping.time.from_ in table.clocks:
        return ()
    reader = Columns(table)
    text, (time_sql, _) = reader.text(mapping.time.from_), time_columns(reader, table, mapping)
    query = (
        f"SELECT DISTINCT {text} FROM ({reader.relation()})"
        f" WHERE {text} IS NOT NULL AND {time_sql} IS NULL ORDER BY 1 LIMIT 3"
    )
    return tuple(without(str(found))[:60] for (found,) in connection.execute(query).fetchall())


def rejected_lines(
    connection: duckdb.DuckDBPyConnection, table: Table
) -> tuple[int, tuple[int, ...]]:
    """How many lines could not be read, and the first few numbers.

    `connection` must have read the table to its end. Raises duckdb.Error when it cannot be read.
    """
    if table.format in {"parquet", "copy"}:
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


def unmapped_values(
    connection: duckdb.DuckDBPyConnection, table: Table, mapping: RecordMap, fields: Collection[str]
) -> dict[str, tuple[tuple[str, int], ...]]:
    """Of some fields, values that no rule translates, most frequent first."""
    reader = Columns(table)
    out = {}
    for field, rules in mapping.rules().items():
        if field not in fields and not (LABELS in fields and field.startswith(f"{LABELS}.")):
            continue
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
            out[field] = tuple((without(str(value))[:200], int(count)) for value, count in found)
    return out


def _value(reader: Columns, rule: Rule | None, *, mark: bool = False) -> str:
    if rule is None:
        return "NULL::VARCHAR"
    if rule.is_ is not None:
        return sql_text(rule.is_)
    raw = reader.text(rule.from_ or "")
    if not rule.translates:
        return f"{SQL_FUNCTION}({raw})" if rule.pseudonym else raw
    named = {sql_text(k): sql_text(v) for k, v in (rule.values or {}).items()}
    otherwise = f"CASE WHEN {raw} IS NOT NULL THEN {sql_text(UNKNOWN_WORD)} END" if mark else "NULL::VARCHAR"
    if rule.bands is None:
        cases = " ".join(f"WHEN {k} THEN {v}" for k, v in named.items())
        return f"CASE {raw} {cases} ELSE {otherwise} END" if cases else otherwise
    is_number = f"regexp_full_match({raw}, {sql_text(NUMBER.pattern)})"
    number = f"CASE WHEN {is_number} THEN TRY_CAST({raw} AS DOUBLE) END"
    branches = [f"WHEN {raw} = {k} THEN {v}" for k, v in named.items()]
    for band in rule.bands:
        bounds = {">=": band.at_least, ">": band.above, "<=": band.at_most, "<": band.below}
        inside = [f"{number} {sign} {bound!r}::DOUBLE" for sign, bound in bounds.items() if bound is not None]
        inside.append(f"isfinite({number})")
        branches.append(f"WHEN {' AND '.join(inside)} THEN {sql_text(band.is_)}")
    return f"CASE {' '.join(branches)} ELSE {otherwise} END"


def _labels(reader: Columns, mapping: RecordMap, *, mark: bool) -> str:
    """Lines `name=word`; with `mark`, a value that no rule translates is `UNKNOWN_WORD`."""
    lines = [
        f"CASE WHEN {value} IS NOT NULL THEN {sql_text(f'{name}=')} || {value} END"
        for name, value in ((n, _value(reader, rule, mark=mark)) for n, rule in mapping.label_rules.items())
    ]
    return f"nullif(concat_ws(chr(10), {', '.join(lines)}), '')" if lines else "NULL::VARCHAR"


def _rate(reader: Columns, mapping: RecordMap) -> str:
    """The share of requests that the log kept; -1 where what is written is no such share."""
    rule = mapping.sampling_rate
    if rule is None:
        return "NULL::DOUBLE"
    text = _value(reader, rule)
    number = f"TRY_CAST({text} AS DOUBLE)"
    is_share = f"{number} > 0 AND {number} <= 1"
    return f"CASE WHEN {is_share} THEN {number} WHEN {text} IS NOT NULL THEN -1.0::DOUBLE END"


def _outcome(reader: Columns, mapping: RecordMap, *, mark: bool = False) -> tuple[str, str]:
    values = [(_value(reader, rule), rule.basis) for rule in mapping.outcomes]
    if not values:
        return sql_text(Outcome.UNSCORED), sql_text(Basis.NONE)
    cases = " ".join(f"WHEN {value} IS NOT NULL THEN {sql_text(basis)}" for value, basis in values)
    translated = [rule for rule in mapping.outcomes if rule.translates]
    found = [value for value, _ in values]
    if mark and translated:  # the first rule's column tells whether there was anything to translate
        raw = reader.text(translated[0].from_ or "")
        found.append(f"CASE WHEN {raw} IS NOT NULL THEN {sql_text(UNKNOWN_WORD)} END")
    outcome = f"coalesce({', '.join(found)}, {sql_text(Outcome.UNSCORED)})"
    return outcome, f"CASE {cases} ELSE {sql_text(Basis.NONE)} END"


def time_columns(reader: Columns, table: Table, mapping: RecordMap) -> tuple[str, str]:
    """When it happened as a UTC TIMESTAMP, and whether its zone was written beside it."""
    if table.format == "copy":
        return sql_name(COPIED_TIME), sql_name(COPIED_ZONE)
    return clock_sql(reader, table, mapping.time, mapping.time_zone)


def clock_sql(reader: Columns, table: Table, rule: TimeRule | None, zone_name: str | None) -> tuple[str, str]:
    """A declared time as a UTC TIMESTAMP, and whether its zone is known."""
    if rule is None:
        return "NULL::TIMESTAMP", "true"
    zone = sql_text(zone_name or "UTC")
    if rule.from_ is not None and rule.from_ in table.clocks:
        column = reader.column(rule.from_)
        if table.clocks[rule.from_]:
            return f"CAST(timezone('UTC', CAST({column} AS TIMESTAMPTZ)) AS TIMESTAMP)", "true"
        bare_time = f"CAST({column} AS TIMESTAMP)"
        is_known = "true" if zone_name is not None else "false"
        if zone_name in {None, "UTC"}:
            return bare_time, is_known
        return f"timezone('UTC', timezone({zone}, {bare_time}))", is_known
    text = reader.text(rule.from_ or "") if rule.is_ is None else sql_text(rule.is_)
    if rule.unit is not None:
        number = f"TRY_CAST({text} AS DECIMAL(38, 9))"
        micros = f"TRY_CAST({number} * {_TO_MICROS[rule.unit]} AS BIGINT)"
        return f"TRY(make_timestamp({micros}))", "true"
    # most logs write one of these; whether the digits are digits, the cast decides
    usual = " OR ".join(f"{text} LIKE '____-__-__T__:__:__{rest}Z'" for rest in ("", ".___", ".______"))
    upper = f"upper({text})"  # RFC 3339 allows `t` and `z`
    # the engine ignores what it does not know after a time (`10:00 PM`, `10:00 Europe/Paris`)
    day, time = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}", "[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
    offset = f"regexp_full_match({upper}, '{day}[T ]{time} ?(Z|UTC|GMT|[+-][0-9]{{2}}(:?[0-9]{{2}})?)')"
    bare = f"regexp_full_match({upper}, '{day}([T ]{time})?')"
    with_offset = f"timezone('UTC', TRY_CAST({upper} AS TIMESTAMPTZ))"
    without = f"timezone('UTC', timezone({zone}, TRY_CAST({upper} AS TIMESTAMP)))"
    known = f"CASE WHEN {usual} THEN true ELSE {offset} END" if zone_name is None else "true"
    return (
        f"CASE WHEN {usual} THEN TRY_CAST({text} AS TIMESTAMP)"
        f" WHEN {offset} THEN {with_offset} WHEN {bare} THEN {without} END",
        f"coalesce({known}, true)",
    )
