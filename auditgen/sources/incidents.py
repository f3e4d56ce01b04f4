"""Registers of incidents: our own table (CSV or workbook) and the AI Incident Database's exports.

Nothing here starts or stops a legal clock: `aware_at` comes from a column of that name and from nowhere else.
A day is its first moment, UTC; a time without a zone is read as UTC and counted.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Anomaly, Incident
from auditgen.evidence.tables import TableFault
from auditgen.sources import spreadsheet
from auditgen.sources.clock import Clock
from auditgen.sources.exported_rows import JSON_FORMS, ExportedRows, shape_of
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_text, loads
from auditgen.sources.side_records import SideRecords

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from auditgen.sources.interface import Recognition as Claim

REGISTER = frozenset({"incident_id", "title", "occurred_at", "aware_at"})
"""Columns that a register must have; the others may be missing."""
DATABASE = frozenset({"incident_id", "title", "date", "Alleged deployer of AI system"})
TEXTS = ("severity", "status", "description", "deployer", "developer", "harmed", "authority")
MOMENTS = ("occurred_at", "aware_at", "reported_at", "closed_at")
OF_DATABASE = {
    "deployer": "Alleged deployer of AI system",
    "developer": "Alleged developer of AI system",
    "harmed": "Alleged harmed or nearly harmed parties",
    "description": "description",
}
MAX_TEXT = 10_000
DAY = 10
"""Characters of a date without a time."""


class IncidentsSource:
    """Incident registers as CSV or XLSX, and the AI Incident Database as CSV or JSON."""

    name: ClassVar[str] = "incidents"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Claim | None:
        """By the names of the columns."""
        if probe.zip_names >= spreadsheet.MEMBERS:
            if set(spreadsheet.column_names(probe.path, REGISTER)) >= REGISTER:
                return Recognition("incidents.xlsx", "workbook with the columns of a register")
            return None
        shape = shape_of(probe)
        if shape.form == "csv" and shape.columns >= REGISTER:
            return Recognition("incidents.csv", "columns of a register")
        if shape.form == "csv" and shape.columns >= DATABASE:
            return Recognition("aiid.csv", "columns of the AI Incident Database")
        if shape.form in JSON_FORMS and shape.columns >= DATABASE:
            return Recognition("aiid.json", "records of the AI Incident Database")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Every incident, in the order of the file."""
        found = _Found(context)
        if Probe(path).zip_names:
            yield from _of_workbook(path, context, found)
        else:
            rows = ExportedRows(path)
            for locator, row in rows:
                yield from found.take(row, locator)
            yield from rows.anomalies()
        yield from found.closing()


def _of_workbook(path: Path, context: Context, found: _Found) -> Iterator[Item]:
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory(prefix="auditgen-") as folder:
        copy = Path(folder) / "sheet.parquet"
        try:
            left_out = spreadsheet.copy_sheet(path, context.mapping.sheet, copy)
        except TableFault as fault:
            yield Anomaly("unreadable", fault.message, blocks=True)
            return
        number = 1
        with pq.ParquetFile(copy) as table:
            for batch in table.iter_batches(512):
                for row in batch.to_pylist():
                    number += 1
                    yield from found.take(row, f"row:{number}")
        yield from left_out


class _Found:
    """What is known of a register while its incidents go by."""

    def __init__(self, context: Context) -> None:
        self.beside = SideRecords()
        self.clock = Clock(context.mapping.time_zone)
        self.tool = "incident register"
        self.unread_times = 0
        self.unnamed = 0
        self.seen: dict[str, int] = {}

    def take(self, row: dict[str, Any], locator: str) -> Iterator[Incident]:
        """One row; an empty one is none."""
        if not any(as_text(value).strip() for value in row.values()):
            return
        title = _text(row.get("title")) or ""
        incident_id = _text(row.get("incident_id")) or ""
        if not title and not incident_id:
            self.beside.unread += 1
            return
        is_database = "occurred_at" not in row
        if is_database:
            self.tool = "AI Incident Database"
            texts = {name: _names(row.get(column)) for name, column in OF_DATABASE.items()}
            moments = {"occurred_at": self._moment(row.get("date"))}
        else:
            texts = {name: _text(row.get(name)) for name in TEXTS}
            moments = {name: self._moment(row.get(name)) for name in MOMENTS}
        self.beside.count += 1
        self.beside.undated += moments["occurred_at"] is None
        self.unnamed += not incident_id
        if incident_id and (incident_id in self.seen or len(self.seen) < 100_000):
            self.seen[incident_id] = self.seen.get(incident_id, 0) + 1
        yield Incident(
            incident_id=incident_id,
            title=title,
            locator=locator,
            occurred_at=moments.get("occurred_at"),
            aware_at=moments.get("aware_at"),
            reported_at=moments.get("reported_at"),
            closed_at=moments.get("closed_at"),
            severity=texts.get("severity"),
            status=texts.get("status"),
            description=texts.get("description"),
            deployer=texts.get("deployer"),
            developer=texts.get("developer"),
            harmed=texts.get("harmed"),
            authority=texts.get("authority"),
        )

    def _moment(self, value: Any) -> datetime | None:
        text = _text(as_dict(value).get("$date") if isinstance(value, dict) else value)
        if text is None:
            return None
        if len(text) == DAY:  # a day has no zone to be known
            text += "T00:00:00+00:00"
        at, _ = self.clock.read(text)
        self.unread_times += at is None
        return at

    def closing(self) -> Iterator[Item]:
        """The doubts and the facts."""
        yield from self.clock.anomalies()
        if self.unread_times:
            message = "times of incidents that are not read (wanted: ISO 8601, such as 2026-09-01)"
            yield Anomaly("value-not-mapped", message, self.unread_times)
        if self.unnamed:
            yield Anomaly("value-not-mapped", "incidents without an id", self.unnamed)
        repeated = sum(count - 1 for count in self.seen.values())
        if repeated:
            yield Anomaly("ids-reused", "incidents under the id of another one; each is kept", repeated)
        why = "incidents that do not say when they happened"
        yield from self.beside.closing(self.tool, "incidents", undated=why, is_aggregate=False)


def _names(value: Any) -> str | None:
    """Names as text; in a table their list is JSON."""
    if isinstance(value, str) and value.startswith("["):
        try:
            return _text(loads(value.encode("utf-8", "surrogatepass"))[0])
        except (ValueError, RecursionError):
            pass
    return _text(value)


def _text(value: Any) -> str | None:
    """A cell as text; a list as its entries."""
    if isinstance(value, list):
        value = ", ".join(as_text(item) for item in value)
    return as_text(value).strip()[:MAX_TEXT] or None
