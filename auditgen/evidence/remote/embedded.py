"""The same table as the embedded engine reads and counts it: what every other one is compared with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditgen.evidence.columnar import canonical_sql, fixed_columns, undated_values, unmapped_values
from auditgen.evidence.cube import CUBE_COLUMNS, DIMENSIONS, unknown_words, write_cube
from auditgen.evidence.engine import Period, count_copies, in_period_sql
from auditgen.evidence.logged import Logged, note_repeats
from auditgen.evidence.remote.model import CONTENT, Day, checksum_of, iso_day
from auditgen.evidence.repeats import Repeats
from auditgen.evidence.tables import connect, describe, sql_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from auditgen.evidence.mapping import RecordMap
    from auditgen.evidence.remote.model import Counted

_TIMES = {
    "day": "epoch_us(day::TIMESTAMP)", "hour": "epoch_us(hour)", "first_at": "epoch_us(first_at)",
    "last_at": "epoch_us(last_at)",
}  # fmt: skip
_ROW_TIMES = {"at": "epoch_us(observed_at)", "received": "epoch_us(received_at)"}
_OF_CELLS = {"day", *DIMENSIONS}


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything that is counted of one table, in an order of its own."""

    lines: tuple[tuple[Any, ...], ...]
    copies: tuple[tuple[Any, ...], ...]
    repeats: Repeats
    unmapped: Mapping[str, tuple[tuple[str, int], ...]]
    undated: tuple[str, ...]
    days: tuple[Day, ...]


def counted_here(path: Path, mapping: RecordMap, folder: Path, period: Period) -> Whole:
    """Count a Parquet file where it lies. Raises duckdb.Error, TableFault."""
    table, connection, cube = describe(path, "parquet"), connect(), folder / f"{path.stem}-cube.parquet"
    write_cube(connection, canonical_sql(table, mapping, mark=True), cube, fixed_columns(table, mapping))
    lines = _lines(connection, f"SELECT * FROM read_parquet({sql_text(str(cube))})")
    fields, has_undated = next(iter(unknown_words(connection, cube).values()), (frozenset(), False))
    group = Logged("s", cube, ("0" * 64,), tables=(table,), mapping=mapping)
    again = connect()
    found = note_repeats(again, [group], in_period_sql(period)) if group.has_ids else {}
    repeats = found.get((0, 0), Repeats())
    copies: tuple[tuple[Any, ...], ...] = ()
    if repeats.copies:
        count_copies(again, [group], {0})
        copies = _lines(again, "SELECT * FROM copies_0")
    return Whole(
        lines=lines,
        copies=copies,
        repeats=repeats,
        unmapped=_ordered(unmapped_values(connection, table, mapping, fields)),
        undated=undated_values(connection, table, mapping) if has_undated else (),
        days=_days(rows_here(path, mapping)),
    )


def counted_there(found: Counted) -> Whole:
    """What another engine counted, in the same order."""
    return Whole(
        lines=tuple(sorted((_plain(line) for line in found.cells), key=repr)),
        copies=tuple(sorted((_plain(line) for line in found.copies), key=repr)),
        repeats=found.repeats,
        unmapped=_ordered(found.unmapped),
        undated=found.undated,
        days=found.days,
    )


def rows_here(path: Path, mapping: RecordMap) -> list[dict[str, Any]]:
    """The canonical columns of every row, in order: times in microseconds, unknown words marked."""
    table = describe(path, "parquet")
    columns = ", ".join(f"{_ROW_TIMES.get(name, name)} AS {name}" for name in CONTENT)
    found = connect().execute(
        f"SELECT {columns} FROM ({canonical_sql(table, mapping, mark=True)}) ORDER BY row"
    )
    return [dict(zip(CONTENT, row, strict=True)) for row in found.fetchall()]


def digest_here(row: Mapping[str, Any]) -> str:
    """The MD5 of a row's canonical content, by Python: as docs/engines.md describes it."""
    parts = []
    for name in CONTENT:
        value = row[name]
        if name == "sampling_rate" and value is not None:
            value = round(value * 1_000_000_000)
        if name == "zone_written":
            value = "1" if value else "0"
        parts.append("-" if value is None else f"{len(str(value))}:{value}")
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()


def _days(rows: list[dict[str, Any]]) -> tuple[Day, ...]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(iso_day(row["at"]), []).append(digest_here(row))
    return tuple(
        Day(day, len(all_), checksum_of(*(sum(int(d[at : at + 8], 16) for d in all_) for at in (0, 8))))
        for day, all_ in sorted(found.items())
    )


def _ordered(found: Mapping[str, Any]) -> dict[str, tuple[tuple[str, int], ...]]:
    return {name: tuple(sorted(values)) for name, values in sorted(found.items())}


def _lines(connection: Any, relation: str) -> tuple[tuple[Any, ...], ...]:
    columns = ", ".join(_TIMES.get(name, name) for name in CUBE_COLUMNS)
    found = connection.execute(f"SELECT {columns} FROM ({relation})").fetchall()
    return tuple(sorted((_plain(dict(zip(CUBE_COLUMNS, row, strict=True))) for row in found), key=repr))


def _plain(line: Mapping[str, Any]) -> tuple[Any, ...]:
    # what is fixed stands in the lines of hours too; nothing reads it there
    is_hour = line["level"] == 0
    return tuple(None if is_hour and name in _OF_CELLS else line[name] for name in CUBE_COLUMNS)
