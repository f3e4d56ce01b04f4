"""A few rows of a table that stays where it is, drawn so that nobody can choose them.

Never more rows come here than are shown. Which combinations of values speak against a promise is known from
the counters; the engine is asked for rows of these, in the order of the MD5 of their canonical content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from auditgen.evidence.remote.canonical import canonical, unmarked
from auditgen.evidence.remote.clocks import DAY
from auditgen.evidence.remote.counting import MARKED, content_text, micros_of_day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from auditgen.evidence.mapping import RecordMap
    from auditgen.evidence.remote.canonical import Source
    from auditgen.evidence.remote.connection import Connection

SHOWN = (
    "record", "at", "model", "outcome", "basis", "expected", "watch", "watch_basis", "cohort", "category",
    "strategy", "language", "guardrail_verdict", "guardrail_action", "endpoint", "transport",
)  # fmt: skip
"""What comes of a row, with the digest of its content. Never a prompt, an answer or what identifies one."""
VALUES = tuple(name for name in SHOWN if name not in {"record", "at"})
"""What a combination of values may name."""
MAX_COMBINATIONS = 200


def draw_rows(
    connection: Connection,
    source: Source,
    mapping: RecordMap,
    combinations: Sequence[Mapping[str, str | None]],
    period: tuple[date, date],
    limit: int,
    *,
    aliases: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Up to `limit` rows of the period with one of these combinations of values, a category in turn.

    `aliases`: recorded model names and what they stand for. Rows with one id are one; `digest` is the MD5 of
    a row's canonical content. Raises EnvironmentRefused.
    """
    stages, fixed = canonical(source, mapping)
    rows = stages.table
    start, end = (micros_of_day(day) for day in period)
    digest = source.dialect.md5(content_text(rows, fixed))
    names = [name for name in SHOWN if name not in fixed]
    plain = {name: unmarked(name, rows[name]) if name in MARKED else rows[name] for name in names}
    if "watch_basis" in plain:
        is_known = plain["watch"] != "unknown"
        plain["watch_basis"] = is_known.ifelse(rows.watch_basis, ibis.null("string"))
    if "model" in plain:
        plain["recorded_model"] = plain["model"]
        cases = [(ibis.literal(name), model) for name, model in aliases.items()]
        plain["model"] = plain["model"].cases(*cases, else_=plain["model"]) if cases else plain["model"]
    inside = ((rows["at"] >= start) & (rows["at"] < end + DAY)).fill_null(False)
    rows = stages.take(rows.select(**plain, digest=digest, inside=inside.ifelse(1, 0).cast("int64")))
    wanted: Any = ibis.literal(False)
    for one in combinations[:MAX_COMBINATIONS]:
        alike: Any = ibis.literal(True)
        for name, value in one.items():
            if name in fixed:
                continue
            alike = alike & (rows[name].isnull() if value is None else (rows[name] == value).fill_null(False))
        wanted = wanted | alike
    # the time is no part of a filter: engines push one down to the table and read each time many times over
    rows = stages.take(rows.filter(wanted))
    own = rows.digest if "record" in fixed else ibis.coalesce(rows.record, rows.digest)
    place = ibis.literal("") if "category" in fixed else rows.category.fill_null("")
    rows = stages.keep(own=own, place=place)
    order = [rows.inside.desc(), rows.digest]
    rows = stages.keep(number=ibis.row_number().over(group_by=rows.own, order_by=order))
    rows = stages.take(rows.filter(rows.number == 0).drop("number", "own"))
    turn = ibis.row_number().over(group_by=[rows.inside, rows.place], order_by=rows.digest)
    rows = stages.keep(turn=turn)
    first = rows.order_by([rows.inside.desc(), rows.turn, rows.digest]).limit(limit).drop("turn", "place")
    found = [row for row in connection.rows("rows to be shown", first) if row.pop("inside")]
    constants = {name: fixed.get(name) for name in (*SHOWN, "recorded_model")}
    if "model" in fixed:
        constants["recorded_model"] = fixed["model"]
        constants["model"] = aliases.get(fixed["model"] or "", fixed["model"])
    drawn = [{**constants, **row} for row in found]
    return sorted(drawn, key=lambda row: str(row["digest"]))
