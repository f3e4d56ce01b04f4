"""What stands beside the responses: numbers that somebody else counted, with their times; incidents."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from auditgen.evidence.columnar import clock_sql
from auditgen.evidence.model import Incident
from auditgen.evidence.tables import Columns, TableFault, connect, said, sql_file, sql_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from auditgen.evidence.mapping import TimeRule
    from auditgen.evidence.tables import Table


def table_series(
    table: Table, time: TimeRule, time_zone: str | None, value: str, where: Mapping[str, str], limit: int
) -> list[tuple[Any, bool, Any]]:
    """(UTC time without zone, whether its zone is known, number as Decimal) of up to `limit` rows.

    None stands for what is no time or no number. Raises TableFault.
    """
    import duckdb

    reader = Columns(table)
    at, zone = clock_sql(reader, table, time, time_zone)
    conditions = [f"{reader.text(name)} = {sql_text(text)}" for name, text in sorted(where.items())]
    query = (
        f"SELECT {at}, {zone}, TRY_CAST({reader.text(value)} AS DECIMAL(38, 6))"
        f" FROM ({reader.relation()}) WHERE {' AND '.join(conditions) or 'true'} LIMIT {limit}"
    )
    try:
        return connect().execute(query).fetchall()
    except (duckdb.Error, RuntimeError, UnicodeError) as error:
        raise TableFault(said(error)) from error


def point_series(
    points: Path, series: str, labels: Mapping[str, str], limit: int
) -> list[tuple[str, Any, Any, Any]]:
    """(kind, start and end of the window as UTC times without zone, value) of stored points."""
    conditions = [f"series = {sql_text(series)}"]
    conditions += [
        f"element_at(labels, {sql_text(name)})[1] = {sql_text(text)}" for name, text in sorted(labels.items())
    ]
    return (
        connect()
        .execute(
            "SELECT kind, timezone('UTC', window_start), timezone('UTC', window_end), value"
            f" FROM {_stored(points)} WHERE {' AND '.join(conditions)} LIMIT {limit}"
        )
        .fetchall()
    )


def series_names(points: Path) -> set[str]:
    """Names of the series among stored points."""
    rows = connect().execute(f"SELECT DISTINCT series FROM {_stored(points)}").fetchall()
    return {str(name) for (name,) in rows}


def _stored(points: Path) -> str:
    return f"read_parquet({sql_file(points)}, hive_partitioning = false)"


def stored_incidents(table: Path) -> tuple[Incident, ...]:
    """Incidents of a stored table, in order."""
    names = [f.name for f in fields(Incident)]
    shown = ", ".join(f"timezone('UTC', {name})" if name.endswith("_at") else name for name in names)
    rows = connect().execute(f"SELECT {shown} FROM read_parquet({sql_file(table)})").fetchall()
    return tuple(Incident(**dict(zip(names, map(_aware, row), strict=True))) for row in rows)


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
