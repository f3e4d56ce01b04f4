"""All records of an audit behind one view, wherever they lie: cached Parquet or a table in place.

The engine answers with integer counters only. Whoever asks for a rate computes it in Python.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditgen.evidence.cube import CELL, HOUR, MEASURES, cube_of, cube_sql
from auditgen.evidence.exposure import register
from auditgen.evidence.logged import Logged, note_repeats
from auditgen.evidence.model import Basis, Outcome
from auditgen.evidence.published import PublishedFigure, gather, load_published
from auditgen.evidence.repeats import Repeats, sample_repeats_sql
from auditgen.evidence.tables import connect, sql_file, sql_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    import duckdb

    from auditgen.evidence.published import PublishedPart


RECORD_COLUMNS = (
    "source_id", "file_sha256", "kind", "run_key", "locator", "suite", "model", "recorded_model",
    "prompt_key", "outcome", "basis", "expected", "watch", "watch_basis", "cohort", "category",
    "strategy", "language", "labels", "observed_at", "guardrail_verdict", "guardrail_action", "endpoint",
    "transport", "sampling_rate", "sample_id", "epoch", "prompt", "prompt_sha256", "prompt_state", "response",
)  # fmt: skip
"""Columns of the view `record`: one row for each record."""
COUNTED_COLUMNS = (
    "source_id", "file_sha256", "kind", "suite", "model", "prompt_key", "outcome", "basis", "expected",
    "watch", "watch_basis", "cohort", "category", "strategy", "language", "labels", "guardrail_verdict",
    "guardrail_action", "endpoint", "transport", "sampling_rate", "first_at", "last_at", "n",
)  # fmt: skip
"""Columns of the view `observation`: `n` records that are alike in all of these. Where `prompt_key` is NULL
each of them is a prompt of its own."""
HOUR_COLUMNS = (
    "source_id", "file_sha256", "hour", "n", "received", "late", "zoneless", "blocked", "transport_blocked",
    "copies",
)  # fmt: skip
"""Columns of the table `hours`: what a file holds of each hour of the period, copies left out and told."""


ELSEWHERE_SQL = "locator LIKE 'engine:%'"
"""The condition that a record is one of the few that were drawn from a table on another engine."""
EDGE_HOURS = 14
"""No zone is farther from UTC than this."""


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
    """One evaluation log's contribution to the views."""

    source_id: str
    file_sha256: str
    records: Path
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Recorded model name to the version it stands for."""
    has_repeats: bool = True
    """False where it is known that every record has an id of its own."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The open views over all records."""

    connection: duckdb.DuckDBPyConnection
    period: Period
    shared: Mapping[str, Repeats] = field(default_factory=dict)
    """By digest of a file of monitoring: its rows whose record's id stands elsewhere in the source too."""
    published: Sequence[PublishedFigure] = ()
    """By its number in the table `published`: every published count, whose records nobody has seen."""

    def count(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows of a counter query."""
        return self.connection.execute(sql, list(parameters)).fetchall()


def open_evidence(
    parts: Sequence[Part],
    period: Period,
    logged: Sequence[Logged] = (),
    published: Sequence[PublishedPart] = (),
) -> Evidence:
    """The views `record` and `observation` over everything, and the table `hours`.

    Of rows that stayed on another engine `record` has none; a few that were drawn are in `candidate`. Of
    published counts neither has any: `observation` has them under a kind of their own.

    Monitoring rows outside the period are left out of them, and so are copies.
    """
    connection = connect()
    if any(group.exposed for group in logged):
        register(connection)
    nothing = _nothing(RECORD_COLUMNS)
    evaluated = [_records_sql(connection, number, part) for number, part in enumerate(parts)]
    connection.execute(f"CREATE VIEW evaluated AS {' UNION ALL '.join(evaluated or [nothing])}")
    repeats = note_repeats(connection, logged, in_period_sql(period))
    rows = [
        _rows_sql(number, group, period, is_checked=bool(repeats))
        for number, group in enumerate(logged)
        if not group.is_elsewhere
    ]
    repeats |= {(number, 0): group.repeats for number, group in enumerate(logged) if group.repeats}
    connection.execute(f"CREATE VIEW logged AS {' UNION ALL '.join(rows or [nothing])}")
    connection.execute("CREATE VIEW record AS SELECT * FROM evaluated UNION ALL SELECT * FROM logged")
    drawn = [f"SELECT * FROM read_parquet({sql_file(g.drawn)})" for g in logged if g.drawn is not None]
    connection.execute(f"CREATE VIEW drawn AS {' UNION ALL '.join(drawn or [nothing])}")
    connection.execute("CREATE VIEW candidate AS SELECT * FROM record UNION ALL SELECT * FROM drawn")
    copied = {number for (number, _), found in repeats.items() if found.copies}
    count_copies(connection, logged, copied)
    _load_cubes(connection, logged, copied, period)
    _load_everything(connection, logged, period)
    alone = {"n": "1::HUGEINT", "first_at": "observed_at", "last_at": "observed_at"}
    columns = ", ".join(f"{alone.get(name, name)} AS {name}" for name in COUNTED_COLUMNS)
    figures = gather(published)
    load_published(connection, figures, COUNTED_COLUMNS)
    connection.execute(
        f"CREATE VIEW observation AS SELECT {columns} FROM evaluated UNION ALL SELECT * FROM cells"
        " UNION ALL SELECT * EXCLUDE (figure) FROM published"
    )
    shared = {logged[number].digests[part]: found for (number, part), found in repeats.items()}
    return Evidence(connection, period, shared, figures)


def _nothing(names: Sequence[str]) -> str:
    types = dict.fromkeys(("observed_at", "first_at", "last_at", "hour"), "TIMESTAMP")
    types |= {"epoch": "INTEGER", "sampling_rate": "DOUBLE"}
    types |= dict.fromkeys((*MEASURES, "copies"), "HUGEINT")
    nulls = ", ".join(f"NULL::{types.get(name, 'VARCHAR')} AS {name}" for name in names)
    return f"SELECT {nulls} WHERE false"


def count_copies(
    connection: duckdb.DuckDBPyConnection, logged: Sequence[Logged], numbers: Collection[int]
) -> None:
    """The cubes of what was logged twice: counted like everything else, to be taken away again."""
    for number in numbers:
        copies = logged[number].copies
        if copies is not None:
            connection.execute(f"CREATE TEMP TABLE copies_{number} AS {cube_of(copies)}")
            continue
        relation = (
            f"SELECT * FROM ({logged[number].shown_rows}) AS logged WHERE EXISTS (SELECT 1 FROM repeats AS r"
            f" WHERE r.number = {number} AND r.part = logged.part AND r.row = logged.row AND is_copy)"
        )
        connection.execute(f"CREATE TEMP TABLE copies_{number} AS {cube_sql(relation)}")


def _load_cubes(
    connection: duckdb.DuckDBPyConnection,
    logged: Sequence[Logged],
    copied: Collection[int],
    period: Period,
) -> None:
    cells, hours = [_nothing(COUNTED_COLUMNS)], []
    start, end = period.start.isoformat(), period.end.isoformat()
    inside = f"level = {CELL} AND day BETWEEN DATE '{start}' AND DATE '{end}'"
    inside_hour = (
        f"level = {HOUR} AND hour >= TIMESTAMP '{start}' AND hour < TIMESTAMP '{end}' + INTERVAL 1 DAY"
    )
    for number, group in enumerate(logged):
        constants = _constants(group.source_id, _digest_sql(group), group.aliases)
        constants |= {"kind": "'monitoring'", "suite": "'production'"}
        own = f"{constants['source_id']} AS source_id, {constants['file_sha256']} AS file_sha256"
        origins = [(f"({cube_of(group.cube)})", "")]
        if number in copied:
            origins.append((f"copies_{number}", "-"))
        for origin, sign in origins:
            columns = ", ".join(
                f"{constants.get(name, f'{sign}n' if name == 'n' else name)} AS {name}"
                for name in COUNTED_COLUMNS
            )
            cells.append(f"SELECT {columns} FROM {origin} AS part WHERE {inside}")
            measures = ", ".join(f"{sign}{name} AS {name}" for name in MEASURES)
            copies = "n" if sign else "0"
            hours.append(
                f"SELECT {own}, hour, {measures}, {copies} AS copies FROM {origin} AS part"
                f" WHERE {inside_hour}"
            )
    connection.execute(f"CREATE TEMP TABLE cells AS {' UNION ALL '.join(cells)}")
    if not hours:
        connection.execute(f"CREATE TEMP TABLE hours AS {_nothing(HOUR_COLUMNS)}")
        return
    sums = ", ".join(f"sum({name}) AS {name}" for name in (*MEASURES, "copies"))
    connection.execute(
        f"CREATE TEMP TABLE hours AS SELECT source_id, file_sha256, hour, {sums}"
        f" FROM ({' UNION ALL '.join(hours)}) GROUP BY ALL ORDER BY ALL"
    )


def _load_everything(
    connection: duckdb.DuckDBPyConnection, logged: Sequence[Logged], period: Period
) -> None:
    """Tables for the ledger: all rows by day, and rows without a zone near the ends of the period."""
    everything, edges = [], []
    start, end = period.start.isoformat(), period.end.isoformat()
    near = " OR ".join(
        f"hour BETWEEN {at} - INTERVAL {EDGE_HOURS} HOUR AND {at} + INTERVAL {EDGE_HOURS - 1} HOUR"
        for at in (f"TIMESTAMP '{start}'", f"(TIMESTAMP '{end}' + INTERVAL 1 DAY)")
    )
    for group in logged:
        source, cube = sql_text(group.source_id), cube_of(group.cube)
        everything.append(
            f"SELECT {source} AS source_id, day, n,"
            f" coalesce(day BETWEEN DATE '{start}' AND DATE '{end}', false) AS inside"
            f" FROM ({cube}) WHERE level = {CELL}"
        )
        edges.append(
            f"SELECT {source} AS source_id, zoneless FROM ({cube}) WHERE level = {HOUR} AND ({near})"
        )
    nothing = "SELECT NULL::VARCHAR AS source_id, NULL::DATE AS day, 0 AS n, false AS inside WHERE false"
    connection.execute(f"CREATE TEMP TABLE everything AS {' UNION ALL '.join(everything or [nothing])}")
    nothing = "SELECT NULL::VARCHAR AS source_id, 0 AS zoneless WHERE false"
    connection.execute(f"CREATE TEMP TABLE edges AS {' UNION ALL '.join(edges or [nothing])}")


def _digest_sql(group: Logged) -> str:
    """The digest of a row's file, by its number."""
    if len(group.digests) == 1:
        return sql_text(group.digests[0])
    listed = ", ".join(sql_text(digest) for digest in group.digests)
    return f"([{listed}])[part.part + 1]"


def _constants(source_id: str, digest: str, aliases: Mapping[str, str]) -> dict[str, str]:
    model = "model"
    if aliases:
        cases = " ".join(f"WHEN {sql_text(k)} THEN {sql_text(v)}" for k, v in aliases.items())
        model = f"CASE model {cases} ELSE model END"
    return {
        "source_id": sql_text(source_id),
        "file_sha256": digest,
        "model": model,
        "recorded_model": "model",
    }


def _records_sql(connection: duckdb.DuckDBPyConnection, number: int, part: Part) -> str:
    """The records of one evaluation log.

    A sample that stands in it twice in the same way ran once; where the two contradict each other,
    nobody knows what became of either.
    """
    constants = _constants(part.source_id, sql_text(part.file_sha256), part.aliases) | {
        "kind": "'evaluation'",
        "observed_at": "timezone('UTC', observed_at)",
        "endpoint": "NULL::VARCHAR",
        "transport": "NULL::VARCHAR",
        "sampling_rate": "NULL::DOUBLE",
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
            "labels": "CASE WHEN r.differs THEN NULL ELSE part.labels END",
        }
        origin = f"({origin}) AS part LEFT JOIN {table} AS r ON part.file_row_number = r.place"
        return f"SELECT {_columns(constants)} FROM {origin} WHERE r.is_copy IS NOT TRUE"
    return f"SELECT {_columns(constants)} FROM ({origin}) AS part"


def _rows_sql(number: int, group: Logged, period: Period, *, is_checked: bool) -> str:
    """The rows of one group that lie in the period, without the copies that were noted."""
    digest = _digest_sql(group)
    row = f"'row:' || left({digest}, 12) || ':' || row"
    constants = _constants(group.source_id, digest, group.aliases) | {
        "kind": "'monitoring'",
        "run_key": digest,
        "suite": "'production'",
        "epoch": "1",
        "prompt_key": f"coalesce(prompt_key, record, {row})",
        "sample_id": "coalesce(record, locator)",
    }
    if not group.records:
        constants |= {
            "locator": "'row:' || row",
            "sample_id": "coalesce(record, 'row:' || row)",
            "prompt": "NULL::VARCHAR",
            "prompt_sha256": "NULL::VARCHAR",
            "prompt_state": "'absent'",
            "response": "NULL::VARCHAR",
        }
    condition = in_period_sql(period)
    if is_checked:
        condition += (
            f" AND NOT EXISTS (SELECT 1 FROM repeats AS r WHERE r.number = {number}"
            " AND r.part = part.part AND r.row = part.row AND r.is_copy)"
        )
    return f"SELECT {_columns(constants)} FROM ({group.shown_rows}) AS part WHERE {condition}"


def _columns(constants: Mapping[str, str]) -> str:
    return ", ".join(f"{constants.get(name, name)} AS {name}" for name in RECORD_COLUMNS)


def in_period_sql(period: Period) -> str:
    """The condition that `observed_at` lies in the period; undated rows do not."""
    return (
        f"part.observed_at >= TIMESTAMP '{period.start.isoformat()}'"
        f" AND part.observed_at < TIMESTAMP '{period.end.isoformat()}' + INTERVAL 1 DAY"
    )


def utc(value: object) -> datetime | None:
    """A TIMESTAMP from the engine as an aware UTC time."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None

