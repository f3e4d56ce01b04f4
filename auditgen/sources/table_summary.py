"""What a scan of a monitoring table amounts to: a reading, and whether the mapping fits its columns."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditgen.diagnostics import shown_name, shown_value
from auditgen.evidence.columnar import holds
from auditgen.evidence.cube import FileTotals
from auditgen.evidence.model import DECIDED, ERRORS, Anomaly, Counts, Presence, Reading
from auditgen.evidence.secret_forms import without

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditgen.evidence.mapping import RecordMap
    from auditgen.evidence.tables import Table


EXPOSED_CELLS = (
    "cells of mapped columns that hold what looks like a credential (key, token, header); not shown"
)
_CLOCK = frozenset("0123456789-:.,+TZtz/ ")
NOTHING = FileTotals(0, 0, 0, 0, 0, 0, 0, None, None, {}, ())


def summarised(
    base: Reading, total: FileTotals | None, left_open: Mapping[str, Any], mapping: RecordMap
) -> Reading:
    """The reading of a counted table: counts, times, doubts, and what the table does not say.

    `left_open`: values that the mapping does not translate (`unmapped`), texts that are no time (`undated`),
    and how many cells hold a credential (`exposed`).
    """
    found = total or NOTHING
    decided = sum(n for k, n in found.outcomes.items() if k in {o.value for o in DECIDED})
    errored = sum(n for k, n in found.outcomes.items() if k in {o.value for o in ERRORS})
    return replace(
        base,
        counts=Counts(
            planned=None,
            observations=found.rows,
            executed=found.rows - errored,
            errored=errored,
            scored=decided,
            unscored=found.rows - errored - decided,
            guarded=found.guarded,
        ),
        outcomes=found.outcomes,
        models=tuple(dict.fromkeys(shown_name(without(name)) for name in found.models)),
        first_at=found.first_at,
        last_at=found.last_at,
        anomalies=(*base.anomalies, *_anomalies(found, left_open)),
        completeness={
            "denominator": Presence.PRESENT,
            "model": Presence.of(len(found.models)),
            "prompt": Presence.ABSENT if mapping.prompt is None else Presence.PRESENT,
            "response": Presence.ABSENT,
            "run": Presence.ABSENT,
            "threshold": Presence.ABSENT,
            "time": Presence.of(found.rows - found.undated),
            "version": Presence.ABSENT,
        },
    )


def _anomalies(found: FileTotals, left_open: Mapping[str, Any]) -> list[Anomaly]:
    out = []
    if not found.rows:
        out.append(Anomaly("no-samples", "the table holds no rows", blocks=True))
    if found.undated:
        message = "rows without a readable time, left out of the period"
        if left_open.get("undated"):
            # a long number may be a person's; of a time only its form matters
            forms = dict.fromkeys(
                re.sub("[0-9]{7,}", lambda m: "9" * len(m[0]), value) for value in left_open["undated"]
            )
            shown = ", ".join(
                f"`{form[:40]}`" if set(form[:40]) <= _CLOCK else shown_value(without(form)) for form in forms
            )
            message += f"; not read as a time: {shown} (wanted: ISO 8601)"
        out.append(Anomaly("undated-rows", message, found.undated))
    if found.zoneless:
        message = "times without a zone, read as UTC"
        out.append(Anomaly("time-zone-unknown", message, found.zoneless))
    if found.late:
        message = "rows that the log got more than a day after they happened"
        out.append(Anomaly("late-rows", message, found.late))
    if found.sampled:
        message = "rows stand for others: the log kept a declared share of the requests"
        out.append(Anomaly("sampled-log", message, found.sampled))
    if found.bad_rates:
        message = "`sampling_rate`: not a share above 0 and up to 1"
        out.append(Anomaly("value-not-mapped", message, found.bad_rates))
    if left_open.get("exposed"):
        out.append(Anomaly("secrets-in-log", EXPOSED_CELLS, left_open["exposed"]))
    for field, values in left_open.get("unmapped", {}).items():
        shown = ", ".join(f"{shown_value(without(value))} ({count})" for value, count in values[:5])
        message = f"`{field}`: the mapping does not translate {shown}"
        out.append(Anomaly("value-not-mapped", message, sum(count for _, count in values)))
    return out


def missing_columns(table: Table, mapping: RecordMap) -> dict[str, str]:
    """Declared fields whose column the table does not have: canonical field to column name."""
    known = set(table.columns)
    out = {}
    for field, rules in mapping.rules().items():
        for rule in rules:
            name = rule.from_
            if name is not None and name not in known and not holds(table, name):
                out[field] = name
    for column in (mapping.scores or {}).values():
        if column not in known and not holds(table, column):
            out["scores"] = column
    return out


