"""The same table counted by the embedded engine, which every other one is compared with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from auditgen.evidence.columnar import canonical_sql, fixed_columns, undated_values, unmapped_values
from auditgen.evidence.cube import CUBE_COLUMNS, unknown_words, write_cube
from auditgen.evidence.engine import Period, _count_copies, in_period_sql
from auditgen.evidence.logged import Logged, note_repeats
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.repeats import Repeats
from auditgen.evidence.tables import connect, describe, sql_text

PERIOD = Period(date(2026, 6, 1), date(2026, 12, 31))
_TIMES = {
    "day": "epoch_us(day::TIMESTAMP)", "hour": "epoch_us(hour)", "first_at": "epoch_us(first_at)",
    "last_at": "epoch_us(last_at)",
}  # fmt: skip


@dataclass
class Whole:
    """Everything that is counted of one table."""

    lines: list[tuple[Any, ...]]
    copies: list[tuple[Any, ...]]
    repeats: Repeats
    unmapped: dict[str, Any]
    undated: tuple[str, ...]


def mapping_of(**rules: Any) -> RecordMap:
    """A mapping as audit.yaml would give it."""
    return RecordMap.model_validate_json(json.dumps(rules))


def embedded(path, mapping: RecordMap, folder, period: Period = PERIOD) -> Whole:
    """Count a Parquet file where it lies."""
    table, connection, cube = describe(path, "parquet"), connect(), folder / f"{path.stem}-cube.parquet"
    write_cube(connection, canonical_sql(table, mapping, mark=True), cube, fixed_columns(table, mapping))
    lines = _lines(connection, f"SELECT * FROM read_parquet({sql_text(str(cube))})")
    fields, has_undated = next(iter(unknown_words(connection, cube).values()), (frozenset(), False))
    group = Logged("s", cube, ("0" * 64,), tables=(table,), mapping=mapping)
    again = connect()
    found = note_repeats(again, [group], in_period_sql(period)) if group.has_ids else {}
    repeats = found.get((0, 0), Repeats())
    copies = []
    if repeats.copies:
        _count_copies(again, [group], {0})
        copies = _lines(again, "SELECT * FROM copies_0")
    return Whole(
        lines=lines,
        copies=copies,
        repeats=repeats,
        unmapped=unmapped_values(connection, table, mapping, fields),
        undated=undated_values(connection, table, mapping) if has_undated else (),
    )


def elsewhere(connection, name: str, mapping: RecordMap, period: Period = PERIOD) -> Whole:
    """Count the same on another engine."""
    from auditgen.evidence.remote.counting import count_table

    found = count_table(connection, connection.source(name), mapping, (period.start, period.end))
    return Whole(
        lines=sorted((_plain(line) for line in found.cells), key=repr),
        copies=sorted((_plain(line) for line in found.copies), key=repr),
        repeats=found.repeats,
        unmapped=dict(found.unmapped),
        undated=found.undated,
    )


def assert_equal(one: Whole, other: Whole) -> None:
    """Both counted the same, to the last row."""
    for name in ("lines", "copies"):
        first, second = getattr(one, name), getattr(other, name)
        only = [line for line in first if line not in second], [line for line in second if line not in first]
        assert only == ([], []), f"{name}: only embedded {only[0][:4]}, only elsewhere {only[1][:4]}"
        assert len(first) == len(second)
    assert one.repeats == other.repeats
    assert {k: sorted(v) for k, v in one.unmapped.items()} == {k: sorted(v) for k, v in other.unmapped.items()}
    assert one.undated == other.undated


def _lines(connection, relation: str) -> list[tuple[Any, ...]]:
    columns = ", ".join(_TIMES.get(name, name) for name in CUBE_COLUMNS)
    # what is fixed stands in the lines of hours too; nothing reads it there
    found = connection.execute(f"SELECT {columns} FROM ({relation})").fetchall()
    return sorted((_plain(dict(zip(CUBE_COLUMNS, row, strict=True))) for row in found), key=repr)


def _plain(line) -> tuple[Any, ...]:
    is_hour = line["level"] == 0
    of_cells = {"day", *CUBE_COLUMNS[CUBE_COLUMNS.index("model") : CUBE_COLUMNS.index("n")]}
    return tuple(None if is_hour and name in of_cells else line[name] for name in CUBE_COLUMNS)
