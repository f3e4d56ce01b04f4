"""One pass over rows of monitoring: integers by day and everything that criteria select on.

A row is read once. What comes out is a table of cells (a day, a combination of values, how many rows) and of
hours (how many rows, how many of them late), a few thousand lines for any number of rows. Every indicator,
breakdown and coverage figure is a sum over it, so whichever engine counts, the answers are equal to the last
row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from auditgen.evidence.columnar import UNKNOWN_WORD, WORDS
from auditgen.evidence.mapping import LABELS
from auditgen.evidence.model import LATE_AFTER, Outcome, Watch
from auditgen.evidence.tables import sql_file, sql_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import duckdb

CUBE_VERSION = "6"
MAX_MODELS = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATE = f"INTERVAL {LATE_AFTER // timedelta(microseconds=1)} MICROSECOND"
"""`LATE_AFTER` for the engine."""
DIMENSIONS = (
    "model", "outcome", "basis", "expected", "watch", "watch_basis", "cohort", "category", "strategy",
    "language", "labels", "guardrail_verdict", "guardrail_action", "endpoint", "transport", "sampling_rate",
    "prompt_key",
)  # fmt: skip
"""What tells two cells of one day apart. A prompt's key is among them only where one is mapped: a row
without one stands alone."""
MEASURES = ("n", "received", "late", "zoneless", "blocked", "transport_blocked")
"""Rows; of them such that say when the log got them, late, timed without a zone, blocked by a guardrail's
record and by the transport."""
CELL, HOUR = 1, 0
"""The two levels of a cube's lines."""
CUBE_COLUMNS = ("level", "part", "day", "hour", *DIMENSIONS, *MEASURES, "first_at", "last_at")


def cube_sql(relation: str, fixed: Mapping[str, str] | None = None) -> str:
    """Cells and hours of a relation with the canonical columns: `CUBE_COLUMNS`.

    `fixed`: columns that have one value in every row, as SQL: nothing is grouped by them.
    """
    fixed = fixed or {}
    keys = ", ".join(("part", "day", *(name for name in DIMENSIONS if name not in fixed)))
    shown = ", ".join(f"{fixed[name]} AS {name}" if name in fixed else name for name in DIMENSIONS)

    def counted(name: str, condition: str, needed: str) -> str:
        value = "0" if needed in fixed else f"count(*) FILTER (WHERE {condition})"
        return f"{value} AS {name}"

    measures = ", ".join(
        (
            "count(*) AS n",
            counted("received", "received_at IS NOT NULL", "received_at"),
            counted("late", f"received_at > observed_at + {LATE}", "received_at"),
            counted("zoneless", "NOT zone_written", "zone_written"),
            counted("blocked", "guardrail_action = 'block'", "guardrail_action"),
            counted("transport_blocked", "transport = 'blocked'", "transport"),
        )
    )
    return (
        f"SELECT grouping(hour) AS level, part, day, hour, {shown}, {measures},"
        " min(observed_at) AS first_at, max(observed_at) AS last_at"
        " FROM (SELECT *, observed_at::DATE AS day, date_trunc('hour', observed_at) AS hour"
        f" FROM ({relation}))"
        f" GROUP BY GROUPING SETS (({keys}), (part, hour))"
    )


def write_cube(
    connection: duckdb.DuckDBPyConnection, relation: str, out: Path, fixed: Mapping[str, str]
) -> None:
    """The cube of a relation as Parquet. Raises duckdb.Error."""
    connection.execute(f"COPY ({cube_sql(relation, fixed)}) TO {sql_text(str(out))} (FORMAT parquet)")


def cube_of(path: Path) -> str:
    """A cube as a relation, its unknown words as what is not known."""
    marked = {name: f"nullif({name}, {sql_text(UNKNOWN_WORD)})" for name in (*WORDS, "model", "prompt_key")}
    marked |= {
        "outcome": f"replace(outcome, {sql_text(UNKNOWN_WORD)}, {sql_text(Outcome.UNSCORED)})",
        "watch": f"replace(watch, {sql_text(UNKNOWN_WORD)}, {sql_text(Watch.UNKNOWN)})",
        "watch_basis": f"CASE WHEN watch <> {sql_text(UNKNOWN_WORD)} THEN watch_basis END",
    }
    columns = ", ".join(f"{marked.get(name, name)} AS {name}" for name in CUBE_COLUMNS)
    return f"SELECT {columns} FROM read_parquet({sql_file(path)}, hive_partitioning = false)"


def unknown_words(
    connection: duckdb.DuckDBPyConnection, path: Path
) -> Mapping[int, tuple[frozenset[str], bool]]:
    """By file: fields with a value that the mapping does not translate, and whether rows have no time."""
    names: tuple[str, ...] = (*WORDS, "model", "prompt_key", "outcome", "watch")
    word = sql_text(UNKNOWN_WORD)
    found = [f"{name} = {word}" for name in names] + [f"contains({LABELS}, '=' || {word})"]
    names = (*names, LABELS)
    flags = ", ".join(f"bool_or(coalesce({condition}, false))" for condition in found)
    rows = connection.execute(
        f"SELECT part, bool_or(day IS NULL), {flags}"
        f" FROM read_parquet({sql_file(path)}, hive_partitioning = false)"
        f" WHERE level = {CELL} GROUP BY part ORDER BY part"
    ).fetchall()
    return {
        part: (frozenset(name for name, flag in zip(names, flags_, strict=True) if flag), undated)
        for part, undated, *flags_ in rows
    }


@dataclass(frozen=True, slots=True)
class FileTotals:
    """What one file holds, inside the period and outside."""

    rows: int
    undated: int
    zoneless: int
    late: int
    guarded: int
    """Rows with a guardrail's verdict."""
    sampled: int
    """Rows that say which share of requests was logged."""
    bad_rates: int
    """Rows whose sampling rate is no share."""
    first_at: datetime | None
    last_at: datetime | None
    outcomes: Mapping[str, int]
    models: tuple[str, ...]


_SUMMED = ("rows", "undated", "zoneless", "late", "guarded", "sampled", "bad_rates")


def file_totals(connection: duckdb.DuckDBPyConnection, path: Path) -> Mapping[int, FileTotals]:
    """The totals of every file of a cube."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE totals AS {cube_of(path)} WHERE level = {CELL}")
    rows = connection.execute(
        "SELECT part, sum(n), coalesce(sum(n) FILTER (WHERE day IS NULL), 0),"
        " coalesce(sum(zoneless) FILTER (WHERE day IS NOT NULL), 0), sum(late),"
        " coalesce(sum(n) FILTER (WHERE guardrail_verdict IS NOT NULL), 0),"
        " coalesce(sum(n) FILTER (WHERE sampling_rate IS NOT NULL), 0),"
        " coalesce(sum(n) FILTER (WHERE sampling_rate < 0), 0),"
        " epoch_us(min(first_at)), epoch_us(max(last_at))"
        " FROM totals GROUP BY part ORDER BY part"
    ).fetchall()
    outcomes: dict[int, dict[str, int]] = {}
    for part, outcome, number in connection.execute(
        "SELECT part, outcome, sum(n) FROM totals GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        outcomes.setdefault(part, {})[str(outcome)] = int(number)
    models: dict[int, list[str]] = {}
    for part, model in connection.execute(
        "SELECT DISTINCT part, model FROM totals WHERE model IS NOT NULL ORDER BY ALL"
    ).fetchall():
        models.setdefault(part, []).append(model)
    return {
        row[0]: FileTotals(
            **dict(zip(_SUMMED, map(int, row[1:8]), strict=True)),
            first_at=from_us(row[8]),
            last_at=from_us(row[9]),
            outcomes=outcomes.get(row[0], {}),
            models=tuple(models.get(row[0], [])[:MAX_MODELS]),
        )
        for row in rows
    }


def from_us(microseconds: int | None) -> datetime | None:
    """Microseconds since 1970 as UTC; None also for what lies beyond our calendar."""
    try:
        return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:  # the engine's years go further than ours
        return None
