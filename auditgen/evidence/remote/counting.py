"""The cube of a table that stays where it is: two groupings, and what repeats.

Only whole numbers, times and words that rows are grouped by come back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from auditgen.errors import EnvironmentRefused
from auditgen.evidence.columnar import UNKNOWN_WORD, WORDS
from auditgen.evidence.cube import CELL, DIMENSIONS, HOUR, MEASURES
from auditgen.evidence.remote.canonical import (
    add_moment,
    canonical,
    first_translated,
    raw_moment,
    unmarked,
    untranslated,
)
from auditgen.evidence.remote.clocks import DAY, MINUTE
from auditgen.evidence.remote.model import CONTENT, Counted, Day, checksum_of, iso_day
from auditgen.evidence.repeats import JUDGED, LOGGED, Repeats
from auditgen.evidence.secret_forms import without

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from auditgen.evidence.mapping import RecordMap
    from auditgen.evidence.remote.canonical import Source
    from auditgen.evidence.remote.connection import Connection

SHOWN_VALUES, SHOWN_TIMES = 20, 3
MARKED = (*WORDS, "model", "prompt_key", "outcome", "watch")


def count_table(
    connection: Connection, source: Source, mapping: RecordMap, period: tuple[date, date]
) -> Counted:
    """Count a table. Raises UnfitColumn, EnvironmentRefused."""
    stages, fixed = canonical(source, mapping)
    rows = stages.table
    grouped = [name for name in DIMENSIONS if name not in fixed]
    cells = _lines(connection.rows("cells", _grouped(rows, fixed, ["day", *grouped])), CELL, fixed)
    digested = stages.keep(digest=source.dialect.md5(content_text(rows, fixed)))
    stages.keep(lane0=_lane(digested["digest"], 0), lane1=_lane(digested["digest"], 8))
    found = connection.rows("hours", _grouped(stages.table, fixed, ["hour"], lanes=True))
    hours = _lines(found, HOUR, {})
    days = _days(found)
    totals: dict[str, int] = {}
    for line in cells:
        key = iso_day(line["day"])
        totals[key] = totals.get(key, 0) + line["n"]
    if totals != {day.day: day.rows for day in days}:
        message = f"the table changed on `{connection.name}` while it was counted; nothing was written"
        raise EnvironmentRefused(message, hint="count a snapshot, or when nobody writes to it")
    repeats = Repeats()
    copies: list[dict[str, Any]] = []
    if mapping.record is not None:
        if "record" in fixed:
            rows = rows.mutate(record=ibis.literal(fixed["record"]))
        repeats, copies = _repeated(connection, source, rows, fixed, period)
    return Counted(
        cells=(*cells, *hours),
        copies=tuple(copies),
        repeats=repeats,
        days=days,
        unmapped=_unmapped(connection, source, mapping, cells),
        undated=_undated(connection, source, mapping) if "" in totals else (),
    )


def _grouped(
    rows: Any, fixed: Mapping[str, str | None], keys: Sequence[str], *, lanes: bool = False, weight: str = ""
) -> Any:
    """Whole numbers by the keys. `weight`: a column that says for how many records a row stands."""

    def number(condition: Any) -> Any:
        times = rows[weight] if weight else ibis.literal(1, type="int64")
        return condition.ifelse(times, ibis.literal(0, type="int64")).sum().cast("int64")

    def equals(name: str, word: str) -> Any:
        return None if name in fixed else (rows[name] == word).fill_null(False)

    late = received = None
    if "received" not in fixed:
        received = rows.received.notnull()
        late = (rows.received > rows["at"] + DAY).fill_null(False)
    measures = {
        "n": (rows[weight].sum() if weight else rows.count()).cast("int64"),
        "first_at": rows["at"].min(),
        "last_at": rows["at"].max(),
    }
    conditions = {
        "received": received,
        "late": late,
        "zoneless": ~rows.zone_written,
        "blocked": equals("guardrail_action", "block"),
        "transport_blocked": equals("transport", "blocked"),
    }
    measures |= {name: number(found) for name, found in conditions.items() if found is not None}
    if lanes:
        measures |= {f"lane{n}": rows[f"lane{n}"].sum().cast("int64") for n in (0, 1)}
    return rows.group_by([rows[key] for key in keys]).aggregate(**measures)


def _lines(
    found: Sequence[Mapping[str, Any]], level: int, fixed: Mapping[str, str | None]
) -> list[dict[str, Any]]:
    """Lines of the cube, in an order of their own."""
    lines = []
    for row in found:
        line: dict[str, Any] = {"level": level, "part": 0, "day": row.get("day"), "hour": row.get("hour")}
        line |= {name: row.get(name, fixed.get(name)) for name in DIMENSIONS}
        line |= {name: int(row.get(name, 0)) for name in MEASURES}
        line |= {name: row[name] for name in ("first_at", "last_at")}
        lines.append(line)
    lines.sort(key=_in_order)
    return lines


def _in_order(line: Mapping[str, Any]) -> tuple[tuple[bool, Any], ...]:
    return tuple((value is not None, "" if value is None else value) for value in line.values())


def _repeated(
    connection: Connection,
    source: Source,
    rows: Any,
    fixed: Mapping[str, str | None],
    period: tuple[date, date],
) -> tuple[Repeats, list[dict[str, Any]]]:
    """What rows of the period share a record's id: as `repeats.py` defines it, over rows counted by content.

    Of rows that are equal in time and in all that is judged, the one that is no copy is chosen by content.
    """
    start, end = (micros_of_day(day) for day in period)
    inside = (rows["at"] >= start) & (rows["at"] < end + DAY) & rows.record.notnull()
    # summed and not filtered: engines push a filter down to the table and read each time many times over
    counts = inside.fill_null(False).ifelse(1, 0).cast("int64")
    stages = source.stages(rows, "repeated")
    dated = stages.take(rows.mutate(inside=counts))
    twice = dated.group_by("record").aggregate(times=dated.inside.sum().cast("int64"))
    twice = stages.take(twice.filter(twice.times > 1).select(shared="record"))
    found = connection.rows("ids that occur more than once", twice.aggregate(n=twice.count()))
    if not found or not found[0]["n"]:
        return Repeats(), []
    shared = dated.join(twice, dated.record == twice.shared, how="inner").drop("shared")
    if "watch_basis" not in fixed:  # a word that is not translated has no basis
        none = ibis.null("string")
        basis = (shared.watch == UNKNOWN_WORD).ifelse(none, shared.watch_basis)
        shared = shared.mutate(watch_basis=basis)
    shared = stages.take(
        shared.mutate(**{n: unmarked(n, shared[n]) for n in MARKED if n in shared.columns})
    )
    content = [name for name in shared.columns if name not in {"day", "hour", "inside"}]
    alike = shared.group_by([*content, "day", "hour"]).aggregate(m=shared.inside.sum().cast("int64"))
    alike = stages.take(alike.filter(alike.m > 0))
    own = ["record"]
    judged = [*own, *(n for n in JUDGED if n not in fixed)]
    group = [*own, *(n for n in LOGGED if n not in fixed)]
    order = [alike["at"], *(alike[n] for n in content if n not in {*group, "at"})]
    alike = stages.keep(
        place=ibis.row_number().over(group_by=group, order_by=order),
        since=alike["at"] - alike["at"].min().over(group_by=group),
        all_own=alike.m.sum().over(group_by=own).cast("int64"),
        all_judged=alike.m.sum().over(group_by=judged).cast("int64"),
    )
    first = (alike.place == 0).ifelse(1, 0).cast("int64")
    alike = stages.keep(
        copies=(alike.since <= MINUTE).ifelse(alike.m - first, 0).cast("int64"),
        differs=alike.all_own != alike.all_judged,
    )
    kept = alike.m - alike.copies
    none = ibis.literal(0, type="int64")
    summed = alike.aggregate(
        copies=alike.copies.sum().cast("int64"),
        differing=ibis.ifelse(alike.differs, kept, none).sum().cast("int64"),
        agreeing=ibis.ifelse(alike.differs, none, kept).sum().cast("int64"),
        firsts=alike.record.nunique(where=~alike.differs),
    )
    [total] = connection.rows("rows that share an id", summed)
    repeats = Repeats(
        copies=int(total["copies"] or 0),
        reused=int(total["agreeing"] or 0) - int(total["firsts"] or 0),
        contradicting=int(total["differing"] or 0),
    )
    if not repeats.copies:
        return repeats, []
    copied = alike.filter(alike.copies > 0)
    grouped = [name for name in DIMENSIONS if name not in fixed]
    both = connection.rows("copies", _grouped(copied, fixed, ["day", "hour", *grouped], weight="copies"))
    by_day, by_hour = _summed(both, ["day", *grouped]), _summed(both, ["hour"])
    return repeats, [*_lines(by_day, CELL, fixed), *_lines(by_hour, HOUR, {})]


def _summed(found: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    """Lines by fewer keys."""
    out: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in found:
        own = tuple(row[key] for key in keys)
        total = out.setdefault(own, {**dict(zip(keys, own, strict=True)), **dict.fromkeys(MEASURES, 0)})
        for name in MEASURES:
            total[name] += int(row.get(name, 0))
        total["first_at"] = min(total.get("first_at", row["first_at"]), row["first_at"])
        total["last_at"] = max(total.get("last_at", row["last_at"]), row["last_at"])
    return list(out.values())


def _unmapped(
    connection: Connection, source: Source, mapping: RecordMap, cells: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[tuple[str, int], ...]]:
    """Of fields with a mark, the values that no rule translates, most frequent first."""
    marked = {name for name in MARKED if any(line[name] == UNKNOWN_WORD for line in cells)}
    out = {}
    for field, rules in mapping.rules().items():
        if field not in marked:
            continue
        rows = untranslated(source, field, rules)
        if rows is None:
            continue
        counted = rows.group_by("text").aggregate(n=rows.count())
        first = counted.order_by([counted.n.desc(), counted.text.asc()]).limit(SHOWN_VALUES)
        found = connection.rows(f"values of `{field}` that are not translated", first)
        if source.column(field, first_translated(rules).from_ or "").type().is_floating():
            for row in found:  # a number, as the embedded engine would write it
                row["text"] = repr(float(row["text"]))
        found.sort(key=lambda row: (-row["n"], row["text"]))
        if found:
            out[field] = tuple((without(row["text"])[:200], int(row["n"])) for row in found)
    return out


def _undated(connection: Connection, source: Source, mapping: RecordMap) -> tuple[str, ...]:
    """A few of the texts that were found where a time should be."""
    rule = mapping.time
    if rule is None or rule.from_ is None or rule.from_ in source.clocks:
        return ()
    text = source.text("time", rule.from_)
    stages = source.stages(name="times")
    stages.take(source.table.select(text=text, clock_time=raw_moment(source, "time", rule)))
    at, _ = add_moment(stages, source, "time", rule, mapping.time_zone)
    # no filter: engines push one down to the table and read each time many times over
    text = stages.table[at].isnull().ifelse(stages.table.text, ibis.null("string"))
    rows = stages.keep(found=text).select("found").distinct()
    found = connection.rows("texts that are no time", rows.order_by(rows.found.asc()).limit(SHOWN_TIMES + 1))
    texts = sorted(row["found"] for row in found if row["found"] is not None)
    return tuple(without(text)[:60] for text in texts[:SHOWN_TIMES])


def content_text(rows: Any, fixed: Mapping[str, str | None]) -> Any:
    """A row's canonical content as one text: of each column its length and its text, so none can shift."""
    parts: Any = ibis.literal("")
    for name in CONTENT:
        if name in fixed:
            value = fixed[name]
            text = ibis.literal("-" if value is None else f"{len(value)}:{value}")
        else:
            column = rows[name]
            if name == "sampling_rate":  # a share as billionths: a float is written differently everywhere
                column = (column * 1_000_000_000).round(0).cast("int64")
            if name == "zone_written":
                column = column.ifelse("1", "0")
            column = column if column.type().is_string() else column.cast("string")
            text = column.length().cast("string").concat(":", column).fill_null("-")
        parts = parts.concat(text)
    return parts


def _lane(digest: Any, start: int) -> Any:
    """Thirty-two bits of a digest as a whole number, from its hexadecimal digits."""
    number = ibis.literal("0").cast("int64")  # of a bare 0 PostgreSQL makes four bytes
    for place in range(8):
        digit = ibis.literal("0123456789abcdef").find(digest.substr(start + place, 1)).cast("int64")
        number = number * 16 + digit
    return number


def _days(found: Sequence[Mapping[str, Any]]) -> tuple[Day, ...]:
    sums: dict[str, list[int]] = {}
    for row in found:
        key = iso_day(row["hour"])
        total = sums.setdefault(key, [0, 0, 0])
        for place, name in enumerate(("n", "lane0", "lane1")):
            total[place] += int(row[name])
    return tuple(
        Day(day, n, checksum_of(first, second))
        for day, (n, first, second) in sorted(sums.items())
    )


def micros_of_day(day: date) -> int:
    """The beginning of a UTC day."""
    return (day.toordinal() - 719_163) * DAY
