"""Alerts: Alertmanager's webhook (version 4) and API (2), Grafana's superset, CloudEvents around them.

An alert is identified by its fingerprint and its start, and is told of again in each state. `resolved` says
that the condition went away, not that anybody mended the cause. A resolved notice keeps the annotations of
the firing one, so a summary's numbers are those of the start. While an alert fires, `endsAt` is the time at
which it would be given up, or a zero time; only a resolved alert has an end. A notification can leave alerts
out (`truncatedAlerts`, by `max_alerts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Alert, Anomaly
from auditgen.sources.clock import Clock
from auditgen.sources.exported_rows import ExportedRows
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_count, as_dict, as_list, as_text
from auditgen.sources.side_records import SideRecords

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from auditgen.sources.outcomes import Normaliser

WEBHOOK_KEYS = frozenset({"receiver", "status", "alerts"})
"""What stands first in a notification: behind its alerts nothing may fit into the head."""
API_KEYS = frozenset({"labels", "annotations", "startsAt", "fingerprint", "status"})
EVENT_KEYS = frozenset({"specversion", "type", "source", "id"})
STATES: dict[str, str | None] = {"firing": "firing", "pending": "pending", "resolved": "resolved",
          "active": "firing", "suppressed": "silenced", "unprocessed": "pending",
          "inactive": "resolved"}  # fmt: skip
"""The words of Prometheus (`/api/v1/alerts`), Alertmanager (webhook, `/api/v2/alerts`) and Grafana."""
VERSIONS: dict[str, str | None] = {"4": "4", "1": "1"}
"""Of a webhook's layout: Alertmanager writes 4, Grafana 1."""
MAX_LABELS, MAX_TEXT = 200, 2000


class AlertmanagerSource:
    """Alertmanager, Grafana alerting, and CloudEvents (structured JSON) that carry their alerts."""

    name: ClassVar[str] = "alertmanager"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the keys of the first record."""
        head = probe.unpacked
        keys = head.top_keys | head.item_keys
        if keys >= WEBHOOK_KEYS and ("groupKey" in keys or b'"labels"' in head.head):
            is_grafana = "orgId" in keys or b'"silenceURL"' in head.head
            tool = "grafana" if is_grafana else "alertmanager"
            return Recognition(f"{tool}.webhook", "notifications with a group of alerts")
        if keys >= API_KEYS and not head.top_keys >= EVENT_KEYS:
            return Recognition("alertmanager.api", "alerts with fingerprint and state")
        if keys >= EVENT_KEYS and "spans" not in keys:
            return Recognition("cloudevents.json", "events with a version of the specification")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Every state of every alert that is told."""
        found, rows = _Alerts(context), ExportedRows(path)
        for locator, record in rows:
            yield from found.take(record, locator)
        yield from rows.anomalies()
        yield from found.closing()


class _Alerts:
    """What is known of a file of alerts while its records stream by."""

    def __init__(self, context: Context) -> None:
        self.beside = SideRecords()
        self.clock = Clock(context.mapping.time_zone)
        self.left_out = 0
        self.tool = "Alertmanager"

    def take(self, record: dict[str, Any], locator: str) -> Iterator[Item]:
        """One notification, one alert, or one event; what is inside decides."""
        if record.keys() >= EVENT_KEYS and "alerts" not in record:
            yield from self._event(record, locator)
        elif "alerts" in record:
            if "orgId" in record:
                self.tool = "Grafana"
            self.beside.words.word("version", as_text(record.get("version", "4")), VERSIONS)
            self.left_out += as_count(record.get("truncatedAlerts")) or 0
            for index, alert in enumerate(as_list(record.get("alerts"))):
                yield from self._alert(alert, f"{locator}/alerts/{index}")
        else:
            yield from self._alert(record, locator)

    def _event(self, event: dict[str, Any], locator: str) -> Iterator[Item]:
        self.tool = "CloudEvents"
        data = as_dict(event.get("data"))
        if data.keys() >= {"alerts", "status"} or data.keys() >= {"labels", "startsAt"}:
            yield from self.take(data, f"{locator}/data")
            return
        self.beside.words.word("type", as_text(event.get("type"))[:200], {})

    def _alert(self, alert: Any, locator: str) -> Iterator[Item]:
        known = as_dict(alert)
        if not isinstance(known.get("labels"), dict) or not known.get("startsAt"):
            self.beside.unread += 1
            return
        status = known.get("status")
        word = as_text(as_dict(status).get("state") if isinstance(status, dict) else status)
        state = self.beside.words.word("status", word, STATES) or "unknown"
        labels = _texts(known["labels"])
        started, _ = self.clock.read(known.get("startsAt"))
        ended = self.clock.read(known.get("endsAt"))[0] if state == "resolved" else None
        self.beside.count += 1
        self.beside.undated += started is None
        yield Alert(
            fingerprint=as_text(known.get("fingerprint")) or fingerprint(labels),
            rule=labels.get("alertname", ""),
            state=state,
            locator=locator,
            started_at=started,
            ended_at=ended,
            severity=labels.get("severity"),
            summary=summary(known.get("annotations")),
            labels=labels,
        )

    def closing(self) -> Iterator[Item]:
        """The doubts and the facts."""
        if self.left_out:
            message = "alerts that notifications left out, by their own count"
            yield Anomaly("alerts-truncated", message, self.left_out)
        yield from self.clock.anomalies()
        yield from self.beside.closing(self.tool, "alerts", is_aggregate=False)


def prometheus_alert(
    alert: dict[str, Any], rule: str, locator: str, clock: Clock, words: Normaliser
) -> Alert:
    """An alert as Prometheus lists it: without a fingerprint, which follows from its labels."""
    labels = _texts(alert.get("labels"))
    return Alert(
        fingerprint=fingerprint(labels),
        rule=labels.get("alertname", rule),
        state=words.word("state", as_text(alert.get("state")), STATES) or "unknown",
        locator=locator,
        started_at=clock.read(alert.get("activeAt"))[0],
        severity=labels.get("severity"),
        summary=summary(alert.get("annotations")),
        labels=labels,
    )


def summary(annotations: Any) -> str | None:
    """What the rule's author wrote. Its numbers are those of the moment at which the alert began to fire."""
    known = as_dict(annotations)
    text = as_text(known.get("summary") or known.get("description") or known.get("message"))
    return text[:MAX_TEXT] or None


def fingerprint(labels: Mapping[str, str]) -> str:
    """The 64-bit FNV-1a digest by which Prometheus and Alertmanager know a set of labels, in hex."""
    digest = 0xCBF29CE484222325
    for name, value in sorted(labels.items()):
        for byte in b"%b\xff%b\xff" % (name.encode("utf-8", "replace"), value.encode("utf-8", "replace")):
            digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"


def _texts(labels: Any) -> dict[str, str]:
    pairs = list(as_dict(labels).items())[:MAX_LABELS]
    return {str(name)[:MAX_TEXT]: as_text(value)[:MAX_TEXT] for name, value in pairs}
