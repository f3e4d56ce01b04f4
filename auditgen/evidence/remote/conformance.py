"""The check at every connection, that this engine reads and counts as the embedded one does.

A fixed table of values that engines disagree about goes to it as literals, in columns of the types that the
mapping in use will meet, through the very expressions that will count; no right to write is needed. Its
canonical rows and its counters must be those of the embedded engine, or the engine is not used.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis

from auditgen.errors import EnvironmentRefused
from auditgen.evidence.account import embedded_engine
from auditgen.evidence.engine import Period
from auditgen.evidence.remote.canonical import UnfitColumn, canonical
from auditgen.evidence.remote.counting import content_text, count_table
from auditgen.evidence.remote.embedded import Whole, counted_here, counted_there, digest_here, rows_here
from auditgen.evidence.remote.model import CONTENT, Check
from auditgen.evidence.remote.nasty import NAME, fill, table_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditgen.evidence.mapping import RecordMap, Rule
    from auditgen.evidence.remote.canonical import Source
    from auditgen.evidence.remote.connection import Connection

PERIOD = Period(date(2026, 6, 1), date(2026, 12, 31))
ROW = "auditgen_row"
SHOWN = 3
_MAX_VALUE = 60
_MADE_FROM_OTHER = {
    "time": ("at", "zone_written"),
    "prompt": ("prompt_key",),
    "outcome": ("outcome", "basis"),
    "watch": ("watch", "watch_basis"),
}
"""Fields of a mapping whose canonical columns have other names."""


def conform(connection: Connection, source: Source, mapping: RecordMap) -> Check:
    """Compare the engine with the embedded one. Raises EnvironmentRefused with what differs.

    Raises UnfitColumn where the mapping cannot be used with this table at all.
    """
    # a column that does not fit is told by its own name; the table itself is asked nothing yet
    canonical(replace(source, ask=lambda *_: [{"low": None, "high": None}]), mapping)
    names = sorted({r.from_ for rules in mapping.rules().values() for r in rules if r.from_ is not None})
    kinds = {name: source.column("", name).type() for name in names}
    first = len(connection.queries)
    try:
        return _compared(connection, source, mapping, kinds)
    except UnfitColumn as fault:  # after the line above it cannot be the mapping's
        message = f"cannot take the values of the check: {fault.message}"
        raise _refused(connection, [message]) from fault
    finally:
        del connection.queries[first:]


def _compared(
    connection: Connection, source: Source, mapping: RecordMap, kinds: Mapping[str, Any]
) -> Check:
    values = fill(mapping, kinds)
    short = {name: f"c{number}" for number, name in enumerate(kinds)}  # not every engine has every name
    renamed = _renamed(mapping, short)
    literal = _literal_source(connection, source, kinds, values, short)
    first = len(connection.queries)
    with tempfile.TemporaryDirectory(prefix="auditgen-") as folder:
        path = Path(folder) / "nasty.parquet"
        _write(path, kinds, source.clocks, {short[name]: values[name] for name in kinds}, short)
        expected_rows = rows_here(path, renamed)
        expected = counted_here(path, renamed, Path(folder), PERIOD)
    found_rows = _rows_there(connection, literal, renamed)
    differences = _row_differences(mapping, values, expected_rows, found_rows)
    if differences:
        raise _refused(connection, differences)
    counted = counted_there(count_table(connection, literal, renamed, (PERIOD.start, PERIOD.end)))
    differences = _count_differences(expected, counted)
    if differences:
        raise _refused(connection, differences)
    return Check(
        table=NAME,
        table_sha256=table_digest(),
        expected_by=embedded_engine(),
        rows=len(expected_rows),
        columns=len(kinds),
        values=len(expected_rows) * (len(CONTENT) + 1),
        lines=len(expected.lines) + len(expected.copies),
        queries=len(connection.queries) - first,
    )


def _literal_source(
    connection: Connection,
    source: Source,
    kinds: Mapping[str, Any],
    values: Mapping[str, Sequence[Any]],
    short: Mapping[str, str],
) -> Source:
    """The values as a relation of literals: a row number, and of each column which rows hold what."""
    count = max(map(len, values.values()), default=1)
    numbers = ibis.range(0, count).unnest().name(ROW).as_table()
    number = numbers[ROW].cast("int64")
    columns: dict[str, Any] = {}
    clocks: dict[str, bool] = {}
    for name, kind in kinds.items():
        rows: dict[str, list[int]] = {}
        for row, value in enumerate(values[name]):
            if value is not None:
                rows.setdefault(_text(value), []).append(row)
        text: Any = ibis.null("string")
        if rows:
            cases = [(number.isin(found), ibis.literal(value)) for value, found in rows.items()]
            text = ibis.cases(*cases, else_=ibis.null("string"))
        if kind.is_timestamp():
            clocks[short[name]] = source.clocks[name]
        is_moment = source.clocks.get(name, False)
        columns[short[name]] = (
            text if kind.is_string() else connection.dialect.typed(text, kind, is_moment)
        )
    return connection.relation(numbers.select(**{ROW: number}, **columns), clocks)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(repr(value), repr(value))
    return str(value)


def _write(
    path: Path,
    kinds: Mapping[str, Any],
    clocks: Mapping[str, bool],
    values: Mapping[str, Sequence[Any]],
    short: Mapping[str, str],
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for name, kind in kinds.items():
        arrow = kind.to_pyarrow()
        if kind.is_timestamp():
            arrow = pa.timestamp("us", "UTC" if clocks[name] else None)
        elif kind.is_decimal():
            arrow = pa.decimal128(kind.precision or 38, 9 if kind.scale is None else kind.scale)
        elif kind.is_uuid():
            arrow = pa.string()
        columns[short[name]] = pa.array(values[short[name]], arrow)
    pq.write_table(pa.table(columns) if columns else pa.table({"none": [None]}), path)


def _renamed(mapping: RecordMap, short: Mapping[str, str]) -> RecordMap:
    def renamed(rule: Rule) -> Rule:
        return rule if rule.from_ is None else rule.model_copy(update={"from_": short[rule.from_]})

    changed: dict[str, Any] = {}
    for field in mapping.rules():
        value = getattr(mapping, field)
        changed[field] = tuple(map(renamed, value)) if isinstance(value, tuple) else renamed(value)
    return mapping.model_copy(update=changed)


def _rows_there(connection: Connection, source: Source, mapping: RecordMap) -> list[dict[str, Any]]:
    """The canonical columns of every row, and the digest of its content, in order."""
    stages, fixed = canonical(source, mapping, keep=(ROW,))
    table = stages.table
    digest = source.dialect.md5(content_text(table, fixed))
    shown = [name for name in CONTENT if name not in fixed]
    found = connection.rows("rows of the check", table.select(ROW, *shown, digest=digest))
    constants = {name: value for name, value in fixed.items() if name in CONTENT}
    return sorted(({**constants, **row} for row in found), key=lambda row: row[ROW])


def _row_differences(
    mapping: RecordMap,
    values: Mapping[str, Sequence[Any]],
    expected: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
) -> list[str]:
    """What is read in another way, each once for a value."""
    if [row[ROW] for row in found] != list(range(len(expected))):
        return [f"of {len(expected)} rows of literals it gives {len(found)}"]
    rules = {_MADE_FROM_OTHER.get(field, (field,)): found for field, found in mapping.rules().items()}
    behind = {name: found for names, found in rules.items() for name in names}
    out: dict[str, None] = {}
    for number, (here, there) in enumerate(zip(expected, found, strict=True)):
        names = [name for name in CONTENT if here[name] != there[name]]
        for name in names:
            raw = {rule.from_: values[rule.from_][number] for rule in behind.get(name, ()) if rule.from_}
            what = " and ".join(f"{_shown(value)} in `{column}`" for column, value in raw.items())
            said = f"it makes {_shown(there[name])}, and {_shown(here[name])} is right"
            out.setdefault(f"`{name}` of {what or 'a constant'}: {said}")
        if not names and there["digest"] != digest_here(here):
            out.setdefault(f"the checksum of {_shown(digest_text(here))}: it makes {there['digest']}")
    return list(out)


def digest_text(row: Mapping[str, Any]) -> str:
    """What tells a row to a reader: its values that are there."""
    return ", ".join(f"{name} {row[name]}" for name in CONTENT if row[name] is not None)


def _count_differences(expected: Whole, found: Whole) -> list[str]:
    out = []
    for name in ("lines", "copies", "days"):
        here, there = getattr(expected, name), getattr(found, name)
        if here != there:
            only_here, only_there = (
                [line for line in one if line not in other] for one, other in ((here, there), (there, here))
            )
            said = f"it counts {_shown(only_there[:1])}, and {_shown(only_here[:1])} is right"
            out.append(f"{len(here)} {name} of counters: {said}")
    for name in ("repeats", "unmapped", "undated"):
        here, there = getattr(expected, name), getattr(found, name)
        if here != there:
            out.append(f"{name}: it counts {_shown(there)}, and {_shown(here)} is right")
    return out


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return f"`{text if len(text) <= _MAX_VALUE else text[:_MAX_VALUE] + '…'}`"


def _refused(connection: Connection, differences: Sequence[str]) -> EnvironmentRefused:
    more = f"; and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
    return EnvironmentRefused(
        f"the engine `{connection.name}` ({connection.backend} {connection.version}) does not read and count "
        f"as the embedded one does: {'; '.join(differences[:SHOWN])}{more}; nothing was written",
        hint="make a view in which these columns are plain text or whole numbers, or hand in files",
    )
