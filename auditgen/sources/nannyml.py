"""NannyML: results as a flat table, a row for each chunk of the data.

Chunks of the `reference` are what the monitor was fitted on: they say nothing about any period and are left
out, counted. `<column>_<method>_alert` is the tool's own word on a value; a missing threshold is none.
Dates are written as the data had them, mostly without a zone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from auditgen.evidence.mapping import number_of
from auditgen.evidence.model import Anomaly, MetricPoint
from auditgen.sources.clock import Clock
from auditgen.sources.exported_rows import ExportedRows, shape_of
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.side_records import SideRecords

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK = frozenset({"chunk_key", "chunk_index", "chunk_start_date", "chunk_end_date", "chunk_period"})
PERIODS: dict[str, str | None] = {"reference": "reference", "analysis": "analysis"}
VERDICTS: dict[str, str | None] = {"True": "fail", "False": "pass", "true": "fail", "false": "pass",
                                   "1": "fail", "0": "pass", "": None}  # fmt: skip
LOW, HIGH, ALERT, VALUE = "_lower_threshold", "_upper_threshold", "_alert", "_value"


class NannymlSource:
    """NannyML: `to_df(multilevel=False)` as CSV."""

    name: ClassVar[str] = "nannyml"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the columns that describe a chunk."""
        shape = shape_of(probe)
        columns = shape.columns
        if shape.form == "csv" and columns >= CHUNK and any(name.endswith(ALERT) for name in columns):
            return Recognition("nannyml.csv", "columns of chunks and their alerts")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """A point for each value of each chunk of the analysis."""
        beside, clock, rows = SideRecords(), Clock(context.mapping.time_zone), ExportedRows(path)
        reference = empty = 0
        for locator, cells in rows:
            if not any(cells.values()):  # a line of separators
                continue
            row = {name: cell or "" for name, cell in cells.items()}
            period = beside.words.word("chunk_period", row["chunk_period"], PERIODS)
            if period == "reference":
                reference += 1
                continue
            for point in _points(row, locator, clock, beside):
                beside.count += 1
                beside.undated += point.window_end is None
                empty += point.value is None
                beside.with_threshold += (point.threshold_low, point.threshold_high) != (None, None)
                yield point
        yield from rows.anomalies()
        if reference:
            message = "chunks of the reference: what the monitor was fitted on, no evidence of any period"
            yield Anomaly("evidence-outside-period", message, reference)
        if empty:
            yield Anomaly("nonfinite-json", "values of chunks that are no number", empty)
        yield from clock.anomalies()
        yield from beside.closing("NannyML", "metric points")


def _points(row: dict[str, str], locator: str, clock: Clock, beside: SideRecords) -> Iterator[MetricPoint]:
    start, _ = clock.read(row["chunk_start_date"])
    end, _ = clock.read(row["chunk_end_date"])
    labels = {name: row[name] for name in ("chunk_key", "chunk_period")}
    first, last = (number_of(row.get(f"chunk_{edge}_index", "")) for edge in ("start", "end"))
    size = None if first is None or last is None or last < first else int(last - first) + 1
    for name, raw in row.items():
        base = name.removesuffix(VALUE)
        if base == name or f"{base}{ALERT}" not in row:
            continue
        yield MetricPoint(
            series=base,
            locator=locator,
            value=number_of(raw),
            raw=raw[:100],
            labels=labels,
            window_start=start,
            window_end=end,
            n=size,
            threshold_low=number_of(row.get(f"{base}{LOW}", "")),
            threshold_high=number_of(row.get(f"{base}{HIGH}", "")),
            verdict=beside.words.word("alert", row[f"{base}{ALERT}"], VERDICTS),
        )
