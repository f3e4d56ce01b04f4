"""How the embedded engine counted what was handed in: its version, its queries, a digest of each day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.evidence.cube import CELL, CUBE_COLUMNS, cube_sql
from auditgen.evidence.tables import connect, sql_file, sql_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from auditgen.evidence.logged import Logged

DAY_DIGEST = (
    "SHA-256 over what was counted of the day: each line of the cube as JSON, its keys in the order of "
    "`columns`, sorted, one a line."
)


@dataclass(frozen=True, slots=True)
class CountedFile:
    """One file of a query, by the name that the report gives it; its number in the cube is its place."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class CountedDay:
    """One UTC day of a group of files."""

    day: str
    """ISO date; empty for rows without a time."""
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CountedHere:
    """How a group of files of one source was counted."""

    source_id: str
    files: tuple[CountedFile, ...]
    query: str
    """As the engine was asked it, with the names of the report in place of paths."""
    rows: int
    days: tuple[CountedDay, ...]
    columns: tuple[str, ...] = CUBE_COLUMNS


def embedded_engine() -> str:
    """Name and version of the embedded engine."""
    from importlib.metadata import version

    return f"DuckDB {version('duckdb')}"


def accounts(logged: Sequence[Logged], names: Mapping[str, str]) -> tuple[CountedHere, ...]:
    """How each group was counted. `names`: by digest of a file, what the report calls it."""
    return tuple(_account(group, names) for group in logged if not group.is_elsewhere)


def _account(group: Logged, names: Mapping[str, str]) -> CountedHere:
    files = tuple(CountedFile(names.get(sha256, sha256), sha256) for sha256 in group.digests)
    query = cube_sql(group.marked_rows, group.fixed)
    if group.records:
        paths, what = list(group.records), "what was read of "
    else:
        paths = [table.path for table in group.tables]
        what = "columns of " if group.tables[0].format == "copy" else ""
    for path, file in zip(paths, files, strict=True):
        query = query.replace(sql_file(path), sql_text(f"{what}{file.name}"))
    days = _days(group.cube)
    return CountedHere(group.source_id, files, query, sum(day.rows for day in days), days)


def _days(cube: Path) -> tuple[CountedDay, ...]:
    line = ", ".join(f"{name} := {name}" for name in CUBE_COLUMNS)
    rows = connect().execute(
        "SELECT coalesce(strftime(day, '%Y-%m-%d'), ''), sum(n),"
        " sha256(string_agg(line, chr(10) ORDER BY line)) FROM"
        f" (SELECT day, n, CAST(to_json(struct_pack({line})) AS VARCHAR) AS line"
        f" FROM read_parquet({sql_file(cube)}, hive_partitioning = false) WHERE level = {CELL})"
        " GROUP BY 1 ORDER BY 1"
    )
    return tuple(CountedDay(str(day), int(n), str(sha256)) for day, n, sha256 in rows.fetchall())
