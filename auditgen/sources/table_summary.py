"""What a scan of a monitoring table amounts to: a reading, and whether the mapping fits its columns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from auditgen.evidence.columnar import holds
from auditgen.evidence.model import DECIDED, ERRORS, Anomaly, Counts, Presence, Reading

if TYPE_CHECKING:
    from auditgen.evidence.columnar import TableScan
    from auditgen.evidence.mapping import RecordMap
    from auditgen.evidence.tables import Table

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def summarised(base: Reading, found: TableScan, mapping: RecordMap) -> Reading:
    """The reading of a scanned table: counts, times, doubts, and what the table does not say."""
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
        models=found.models,
        first_at=_from_us(found.first_us),
        last_at=_from_us(found.last_us),
        anomalies=(*base.anomalies, *_anomalies(found)),
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


def _anomalies(found: TableScan) -> list[Anomaly]:
    out = []
    if found.rejected:
        lines = ", ".join(str(n) for n in found.rejected_lines)
        out.append(Anomaly("lines-unreadable", f"lines that are no record (line {lines})", found.rejected))
    if not found.rows:
        out.append(Anomaly("no-samples", "the table holds no rows", blocks=True))
    if found.undated:
        message = "rows without a readable time, left out of the period"
        if found.undated_values:
            shown = ", ".join(f"`{value}`" for value in found.undated_values)
            message += f"; not read as a time: {shown} (wanted: ISO 8601)"
        out.append(Anomaly("undated-rows", message, found.undated))
    if found.duplicates:
        message = "rows that repeat a record's id; each record counts once"
        out.append(Anomaly("duplicate-rows", message, found.duplicates))
    if found.zone_unknown:
        message = "times without a zone, read as UTC"
        out.append(Anomaly("time-zone-unknown", message, found.zone_unknown))
    for field, values in found.unmapped.items():
        shown = ", ".join(f"`{value}` ({count})" for value, count in values[:5])
        message = f"`{field}`: the mapping does not translate {shown}"
        out.append(Anomaly("value-not-mapped", message, sum(count for _, count in values)))
    return out


def _from_us(microseconds: int | None) -> datetime | None:
    try:
        return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:  # the engine's years go further than ours
        return None


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


