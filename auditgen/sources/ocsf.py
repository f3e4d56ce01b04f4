"""OCSF: detection findings (class 2004) as alerts, incident findings (class 2005) as incidents.

Moments are milliseconds since 1970 (`timestamp_t`), or text in the fields that end in `_dt`. `time` is when
the event was made: nobody's awareness follows from it, so an incident has no `aware_at` here. Severity and
status are numbers of the schema with words beside them; the numbers decide (1.9.0-dev, `dictionary.json`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Alert, Anomaly, Incident
from auditgen.sources.clock import Clock
from auditgen.sources.exported_rows import ExportedRows
from auditgen.sources.fields import from_epoch
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_number, as_text
from auditgen.sources.side_records import SideRecords

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

DETECTION, INCIDENT = 2004, 2005
CLASSES: dict[str, str | None] = {str(DETECTION): "detection", str(INCIDENT): "incident"}
SEVERITIES = {0: "unknown", 1: "informational", 2: "low", 3: "medium", 4: "high", 5: "critical", 6: "fatal"}
DETECTION_STATES: dict[str, str | None] = {
    "0": "unknown", "1": "firing", "2": "firing", "3": "silenced", "4": "resolved", "5": "resolved",
    "6": "unknown", "99": "unknown",
}  # fmt: skip
"""New, in progress, suppressed, resolved, archived, deleted, other."""
INCIDENT_STATES: dict[str, str | None] = {"0": "unknown", "1": "new", "2": "in progress", "3": "on hold",
                                          "4": "resolved", "5": "closed", "99": "other"}  # fmt: skip
MARKS = frozenset({"finding_info", "finding_info_list", "activity_id", "type_uid"})
MAX_TEXT = 10_000
_EARLIEST = 10**11
"""Milliseconds: 1973. A smaller number is in another unit, and is not guessed at."""


class OcsfSource:
    """OCSF events as JSON, a JSON array, or JSON lines."""

    name: ClassVar[str] = "ocsf"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the class and the metadata of the first event."""
        head = probe.unpacked
        keys = head.top_keys | head.item_keys
        if keys >= {"class_uid", "metadata"} and keys & MARKS:
            return Recognition("ocsf.findings", "events with a class of OCSF")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """An alert or an incident for each finding; other classes are counted."""
        found, rows = _Found(context), ExportedRows(path)
        for locator, event in rows:
            yield from found.take(event, locator)
        yield from rows.anomalies()
        yield from found.closing()


class _Found:
    """What is known of a file of findings while its events go by."""

    def __init__(self, context: Context) -> None:
        self.beside = SideRecords()
        self.clock = Clock(context.mapping.time_zone)
        self.units = 0
        self.version = ""

    def take(self, event: dict[str, Any], locator: str) -> Iterator[Item]:
        """One event."""
        kind = self.beside.words.word("class_uid", as_text(event.get("class_uid")), CLASSES)
        if kind is None:
            return
        metadata = as_dict(event.get("metadata"))
        self.version = self.version or as_text(metadata.get("version"))[:40]
        made: Alert | Incident
        if kind == "detection":
            made = self._alert(event, metadata, locator)
            self.beside.undated += made.started_at is None
        else:
            made = self._incident(event, metadata, locator)
            self.beside.undated += made.occurred_at is None
        self.beside.count += 1
        yield made

    def _alert(self, event: dict[str, Any], metadata: dict[str, Any], locator: str) -> Alert:
        info = as_dict(event.get("finding_info"))
        state = self._state(event, DETECTION_STATES)
        ended = self._moment(event, "end_time") if state == "resolved" else None
        analytic = as_text(as_dict(info.get("analytic")).get("name"))
        return Alert(
            fingerprint=as_text(info.get("uid")) or as_text(metadata.get("uid")),
            rule=(analytic or as_text(info.get("title")))[:MAX_TEXT],
            state=state,
            locator=locator,
            started_at=self._moment(info, "first_seen_time")
            or self._moment(event, "start_time")
            or self._moment(event, "time"),
            ended_at=ended,
            severity=_severity(event),
            summary=_text(info.get("desc") or event.get("message") or info.get("title")),
            labels=_labels(event, metadata),
        )

    def _incident(self, event: dict[str, Any], metadata: dict[str, Any], locator: str) -> Incident:
        findings = [as_dict(entry) for entry in as_list(event.get("finding_info_list"))]
        first = findings[0] if findings else {}
        state = self._state(event, INCIDENT_STATES)
        return Incident(
            incident_id=as_text(metadata.get("uid")) or as_text(first.get("uid")),
            title=(_text(first.get("title")) or _text(event.get("message")) or "")[:MAX_TEXT],
            locator=locator,
            occurred_at=self._moment(event, "start_time") or self._moment(first, "first_seen_time"),
            closed_at=self._moment(event, "end_time") if state in {"closed", "resolved"} else None,
            severity=_severity(event),
            status=state,
            description=_text(event.get("desc") or first.get("desc")),
        )

    def _state(self, event: dict[str, Any], known: dict[str, str | None]) -> str:
        raw = event.get("status_id")
        if raw is None:
            return "unknown"
        return self.beside.words.word("status_id", as_text(raw), known) or "unknown"

    def _moment(self, record: dict[str, Any], name: str) -> datetime | None:
        text = record.get(f"{name}_dt")
        if isinstance(text, str):
            return self.clock.read(text)[0]
        number = as_number(record.get(name))
        if number is None or isinstance(record.get(name), bool):
            return None
        if number < _EARLIEST:
            self.units += 1
            return None
        return from_epoch(number / 1000)

    def closing(self) -> Iterator[Item]:
        """The doubts and the facts."""
        if self.units:
            message = "moments too small to be milliseconds since 1970; they were not read"
            yield Anomaly("units-uncertain", message, self.units)
        yield from self.clock.anomalies()
        version = f"schema {self.version}" if self.version else ""
        yield from self.beside.closing("OCSF", "findings", version=version, is_aggregate=False)


def _severity(event: dict[str, Any]) -> str | None:
    known = event.get("severity_id")
    if isinstance(known, int) and known in SEVERITIES:
        return SEVERITIES[known]
    return _text(event.get("severity"))


def _labels(event: dict[str, Any], metadata: dict[str, Any]) -> dict[str, str]:
    """What the finding is about, in the words of the schema."""
    product, model = as_dict(metadata.get("product")), as_dict(event.get("ai_model"))
    found = {
        "class": as_text(event.get("class_name")),
        "activity": as_text(event.get("activity_name")),
        "product": as_text(product.get("name")),
        "vendor": as_text(product.get("vendor_name")),
        "model": as_text(model.get("name")),
        "model_version": as_text(model.get("version")),
        "is_alert": as_text(event.get("is_alert")),
    }
    return {name: value[:200] for name, value in found.items() if value}


def _text(value: Any) -> str | None:
    return as_text(value).strip()[:MAX_TEXT] or None
