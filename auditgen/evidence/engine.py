"""All records of an audit behind one view, wherever they lie: cached Parquet or a table in place.

The engine answers with integer counters only. Whoever asks for a rate computes it in Python.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditgen.evidence.columnar import canonical_sql
from auditgen.evidence.model import Basis, Outcome
from auditgen.evidence.repeats import LOGGED, Repeats, counted, row_repeats_sql, sample_repeats_sql
from auditgen.evidence.tables import connect, sql_file, sql_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    import duckdb

    from auditgen.evidence.mapping import RecordMap
    from auditgen.evidence.tables import Table

VIEW_COLUMNS = (
    "source_id", "file_sha256", "kind", "run_key", "locator", "suite", "model", "recorded_model",
    "prompt_key", "outcome", "basis", "expected", "watch", "watch_basis", "cohort", "category",
    "strategy", "language", "observed_at", "guardrail_verdict", "guardrail_action", "sample_id",
    "epoch", "prompt", "prompt_sha256", "prompt_state", "response",
)  # fmt: skip
"""Columns of the view `observation`."""


@dataclass(frozen=True, slots=True)
class Period:
    """The reporting period, both days included, in UTC."""

    start: date
    end: date

    @property
    def hours(self) -> int:
        """Hours in the period."""
        return ((self.end - self.start).days + 1) * 24


@dataclass(frozen=True, slots=True)
class Part:
    """One file's contribution to the view."""

    source_id: str
    file_sha256: str
    records: Path | None = None
    table: Table | None = None
    mapping: RecordMap | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Recorded model name to the version it stands for."""
    has_repeats: bool = True
    """False where it is known that every record of `records` has an id of its own."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The open view over all records."""

    connection: duckdb.DuckDBPyConnection
    period: Period
    repeated: Mapping[str, int] = field(default_factory=dict)
    """Rows left out because their record was logged before, by source."""
    shared: Mapping[str, Repeats] = field(default_factory=dict)
    """By digest of a table: its rows whose record's id stands elsewhere in the source too."""

    def count(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows of a counter query."""
        return self.connection.execute(sql, list(parameters)).fetchall()


def open_evidence(parts: Sequence[Part], period: Period) -> Evidence:
    """The view `observation` over all parts; monitoring rows outside the period are left out of it."""
    connection = connect()
    selects = [_records_sql(connection, number, part) for number, part in enumerate(parts) if part.records]
    tables = [part for part in parts if part.table and not part.records]
    repeats = _repeated(connection, tables, period)
    selects += [
        _rows_sql(part, period, number if number in repeats else None)
        for number, part in enumerate(tables)
    ]
    if not selects:
        nothing = ", ".join(f"NULL::VARCHAR AS {name}" for name in VIEW_COLUMNS)
        nothing = nothing.replace("NULL::VARCHAR AS observed_at", "NULL::TIMESTAMP AS observed_at")
        nothing = nothing.replace("NULL::VARCHAR AS epoch", "NULL::INTEGER AS epoch")
        selects = [f"SELECT {nothing} WHERE false"]
    connection.execute(f"CREATE VIEW observation AS {' UNION ALL '.join(selects)}")
    left_out: dict[str, int] = {}
    for number, found in repeats.items():
        source = tables[number].source_id
        if found.copies:
            left_out[source] = left_out.get(source, 0) + found.copies
    shared = {tables[number].file_sha256: found for number, found in repeats.items()}
    return Evidence(connection, period, left_out, shared)


def _constants(part: Part) -> dict[str, str]:
    model = "model"
    if part.aliases:
        cases = " ".join(f"WHEN {sql_text(k)} THEN {sql_text(v)}" for k, v in part.aliases.items())
        model = f"CASE model {cases} ELSE model END"
    return {
        "source_id": sql_text(part.source_id),
        "file_sha256": sql_text(part.file_sha256),
        "model": model,
        "recorded_model": "model",
    }


def _records_sql(connection: duckdb.DuckDBPyConnection, number: int, part: Part) -> str:
    """The records of one evaluation log.

    A sample that stands in it twice in the same way ran once; where the two contradict each other,
    nobody knows what became of either.
    """
    assert part.records is not None
    constants = _constants(part) | {
        "kind": "'evaluation'",
        "observed_at": "timezone('UTC', observed_at)",
    }
    origin = (
        f"SELECT * FROM read_parquet({sql_file(part.records)}, hive_partitioning = false,"
        " file_row_number = true)"
    )
    if part.has_repeats:
        found = sample_repeats_sql(origin)
        table = f"repeated_samples_{number}"
        connection.execute(
            f"CREATE TEMP TABLE {table} AS SELECT file_row_number AS place, is_copy, differs FROM ({found})"
        )
        constants |= {
            "outcome": f"CASE WHEN r.differs THEN {sql_text(Outcome.UNSCORED)} ELSE part.outcome END",
            "basis": f"CASE WHEN r.differs THEN {sql_text(Basis.NONE)} ELSE part.basis END",
        }
        origin = f"({origin}) AS part LEFT JOIN {table} AS r ON part.file_row_number = r.place"
        return f"SELECT {_columns(constants)} FROM {origin} WHERE r.is_copy IS NOT TRUE"
    return f"SELECT {_columns(constants)} FROM ({origin}) AS part"


def _rows_sql(part: Part, period: Period, repeats: int | None) -> str:
    """The rows of one table that lie in the period, without the repeats noted under that number."""
    assert part.table is not None
    assert part.mapping is not None
    row = sql_text(f"row:{part.file_sha256[:12]}:") + " || row"
    constants = _constants(part) | {
        "kind": "'monitoring'",
        "run_key": sql_text(part.file_sha256),
        "locator": "'row:' || row",
        "suite": "'production'",
        "prompt_key": f"coalesce(prompt_key, record, {row})",
        "sample_id": "coalesce(record, 'row:' || row)",
        "epoch": "1",
        "prompt": "NULL::VARCHAR",
        "prompt_sha256": "NULL::VARCHAR",
        "prompt_state": "'absent'",
        "response": "NULL::VARCHAR",
    }
    condition = in_period_sql(period)
    if repeats is not None:
        condition += f" AND row NOT IN (SELECT r.row FROM repeats AS r WHERE r.part = {repeats} AND is_copy)"
    origin = canonical_sql(part.table, part.mapping)
    return f"SELECT {_columns(constants)} FROM ({origin}) AS part WHERE {condition}"


def _repeated(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[Part], period: Period
) -> dict[int, Repeats]:
    """Note the rows in the period whose record's id is not their own: what they are, by the table's number.

    Exports overlap: a record that was logged twice, in one file of a source or in two, happened once.
    """
    mapped = {n: p for n, p in enumerate(tables) if p.table and p.mapping and p.mapping.record}
    if not mapped:
        return {}

    def rows(columns: Sequence[str], condition: str = "") -> str:
        return " UNION ALL ".join(
            f"SELECT {number} AS part, row, {sql_text(part.source_id)} AS source, {', '.join(columns)}"
            f" FROM ({canonical_sql(part.table, part.mapping)}) AS part"
            f" WHERE {in_period_sql(period)} AND record IS NOT NULL{condition.format(number)}"
            for number, part in mapped.items()
            if part.table and part.mapping
        )

    connection.execute(
        f"CREATE TEMP TABLE shared AS SELECT part, row FROM ({rows(['record'])})"
        " QUALIFY count(*) OVER (PARTITION BY source, record) > 1"
    )
    if not connection.execute("SELECT 1 FROM shared LIMIT 1").fetchall():
        return {}
    among = " AND row IN (SELECT s.row FROM shared AS s WHERE s.part = {})"
    relation = f"SELECT *, (part, row) AS place FROM ({rows(['record', 'observed_at', *LOGGED], among)})"
    found = row_repeats_sql(relation, ("source", "record"))
    connection.execute(
        f"CREATE TEMP TABLE repeats AS SELECT part, row, is_first, is_copy, differs FROM ({found})"
    )
    return {
        number: counted(connection, f"SELECT * FROM repeats WHERE part = {number}") for number in mapped
    }


def _columns(constants: Mapping[str, str]) -> str:
    return ", ".join(f"{constants.get(name, name)} AS {name}" for name in VIEW_COLUMNS)


def in_period_sql(period: Period) -> str:
    """The condition that `observed_at` lies in the period; undated rows do not."""
    return (
        f"part.observed_at >= TIMESTAMP '{period.start.isoformat()}'"
        f" AND part.observed_at < TIMESTAMP '{period.end.isoformat()}' + INTERVAL 1 DAY"
    )


def utc(value: object) -> datetime | None:
    """A TIMESTAMP from the engine as an aware UTC time."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None

