"""Prometheus: text exposition, OpenMetrics, and answers of the HTTP API (queries, alerts, rules).

Everything here was counted by somebody else. A counter's number says how much since it was last reset, not
how much in a window; `increase` and `rate` extrapolate, so that even a count is no whole number. Numbers of
the API are texts. An exposition has no time of its own unless a sample writes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Anomaly, MetricPoint
from auditgen.sources.alertmanager import prometheus_alert
from auditgen.sources.clock import Clock
from auditgen.sources.exported_rows import ExportedRows
from auditgen.sources.fields import from_epoch
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_text
from auditgen.sources.lines import DAMAGED, open_unpacked
from auditgen.sources.prometheus_text import Exposition, _parsed, named_as_counter, number
from auditgen.sources.side_records import SideRecords
from auditgen.sources.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOOL = "Prometheus"
PLACES = ("status", "warnings.item", "infos.item", "data.resultType", "data.result.item", "data.alerts.item",
          "data.groups.item")  # fmt: skip
RESULT_TYPES: dict[str, str | None] = {name: name for name in ("vector", "matrix", "scalar", "string")}
MAX_SERIES = 1_000_000


class PrometheusSource:
    """Prometheus' files and answers, and those of the many tools that speak like it."""

    name: ClassVar[str] = "prometheus"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By `# TYPE` or `# HELP` and a sample, or by the envelope of the API's answers."""
        head = probe.unpacked
        if head.head.lstrip().startswith(b"{"):
            return _recognised_answer(head)
        if b"\0" in head.head or not head.head.lstrip().startswith(b"#"):
            return None
        lines = head.head.decode("utf-8", "replace").split("\n")
        has_meta = any(line.startswith(("# TYPE ", "# HELP ", "# UNIT ")) for line in lines)
        samples = (line.strip() for line in lines[:200] if line.strip() and not line.startswith("#"))
        if has_meta and any((found := _parsed(line)) and number(found[2])[1] for line in samples):
            return Recognition("prometheus.text", "descriptions of metrics and their samples")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Points as they stream by; alerts where the answer holds them."""
        with_braces = Probe(path).unpacked.head.lstrip().startswith(b"{")
        return _Answers(context).read(path) if with_braces else _exposition(path)


def _has_lines(path: Path) -> bool:
    """Whether the file holds a JSON object on each line, by its first two lines that hold anything."""
    with open_unpacked(path) as stream:
        try:
            lines = [line for line in stream.read(1 << 20).split(b"\n") if line.strip()][:2]
        except DAMAGED:
            return False
    return len(lines) == 2 and all(line.startswith(b"{") for line in lines)


def _recognised_answer(head: Probe) -> Recognition | None:
    if head.top_keys >= {"status", "errorType", "error"}:
        return Recognition("prometheus.api/error", "an answer of the HTTP API that failed")
    if not head.top_keys >= {"status", "data"}:
        return None
    for word, name in (("resultType", "query"), ("alerts", "alerts"), ("groups", "rules")):
        is_list = b'"' + word.encode() + b'"' in head.head
        if is_list and (name == "query" or b'"activeAt"' in head.head or b'"evaluationTime"' in head.head):
            return Recognition(f"prometheus.api/{name}", f"an answer of the HTTP API with `{word}`")
    return None


class _Resets:
    """The last number of each growing series: where it falls, the counter began anew."""

    def __init__(self) -> None:
        self._last: dict[int, float] = {}
        self.count = 0

    def take(self, point: MetricPoint) -> None:
        """Note a point of a counter."""
        if point.kind != "counter" or point.value is None:
            return
        key = hash((point.series, *sorted(point.labels.items())))
        if point.value < self._last.get(key, point.value):
            self.count += 1
        if key in self._last or len(self._last) < MAX_SERIES:
            self._last[key] = point.value

    @property
    def notes(self) -> list[str]:
        """What follows from counters that fell."""
        message = f"falls of counters that began anew: {self.count:,}, so the last number is no total"
        return [message] if self.count else []


def _exposition(path: Path) -> Iterator[Item]:
    beside, found, resets = SideRecords(), Exposition(), _Resets()
    try:
        for point in found.points(path):
            beside.count += 1
            beside.undated += point.window_end is None
            resets.take(point)
            yield point
    except DAMAGED as error:
        message = str(error)[:100] or type(error).__name__
        yield Anomaly("truncated", f"the file is damaged or cut off: {message}", blocks=True)
    for word, times in found.strange_types.items():
        for _ in range(min(times, 100)):
            beside.words.word("TYPE", word, {})
    if found.bad:
        shown = ", ".join(str(line) for line in found.shown)
        yield Anomaly("lines-unreadable", f"lines that are no sample (line {shown})", found.bad)
    if found.nonfinite:
        yield Anomaly("nonfinite-json", "numbers written as NaN or Inf", found.nonfinite)
    if found.scrapes > 1:
        message = "expositions follow one another in the file; nothing says when each was taken"
        yield Anomaly("repeated-times", message, found.scrapes)
    if found.is_cut:
        yield Anomaly("truncated", "the file is OpenMetrics and lacks its last line, `# EOF`")
    why = "numbers without a time: the file does not say when it was written"
    tool = "OpenMetrics" if found.is_open_metrics else TOOL
    yield from beside.closing(tool, "metric points", undated=why, notes=resets.notes)


class _Answers:
    """What is known of the API's answers while their series stream by."""

    def __init__(self, context: Context) -> None:
        self.clock = Clock(context.mapping.time_zone)
        self.points, self.alerts, self.resets = SideRecords(), SideRecords(), _Resets()
        self.nonfinite = self.failed = self.warned = 0
        self.kind = ""

    def read(self, path: Path) -> Iterator[Item]:
        """One answer of any size, or one on each line."""
        if _has_lines(path):
            rows = ExportedRows(path)
            for locator, answer in rows:
                yield from self._answer(answer, locator)
            yield from rows.anomalies()
        else:
            walk, index, place_before = Walk(path, *PLACES), 0, ""
            pending: list[Any] = []
            for place, value in walk.values():
                index = index + 1 if place == place_before else 0
                place_before = place
                if place == "data.result.item" and not isinstance(value, dict):
                    pending.append(value)  # a scalar is a pair without a name
                else:
                    yield from self._take(place, value, f"pointer:/{place[:-5].replace('.', '/')}/{index}")
            if pending:
                yield from self._series({"metric": {}, "value": pending}, "pointer:/data/result")
            yield from walk.anomalies()
        yield from self._closing()

    def _answer(self, answer: dict[str, Any], locator: str) -> Iterator[Item]:
        data = as_dict(answer.get("data"))
        yield from self._take("status", answer.get("status"), locator)
        for warning in as_list(answer.get("warnings")):
            yield from self._take("warnings.item", warning, locator)
        yield from self._take("data.resultType", data.get("resultType", ""), locator)
        result = as_list(data.get("result"))
        if result and not isinstance(result[0], dict):
            yield from self._series({"metric": {}, "value": result}, f"{locator}/data/result")
            result = []
        lists = {"result": result, "alerts": data.get("alerts"), "groups": data.get("groups")}
        for name, items in lists.items():
            for index, item in enumerate(as_list(items)):
                yield from self._take(f"data.{name}.item", item, f"{locator}/data/{name}/{index}")

    def _take(self, place: str, value: Any, locator: str) -> Iterator[Item]:
        if place == "status":
            self.failed += value != "success"
        elif place == "warnings.item":
            self.warned += 1
        elif place == "data.resultType":
            self.kind = as_text(value)
            if self.kind:
                self.points.words.word("resultType", self.kind, RESULT_TYPES)
        elif not isinstance(value, dict):
            (self.points if place == "data.result.item" else self.alerts).unread += 1
        elif place == "data.result.item":
            yield from self._series(value, locator)
        elif place == "data.alerts.item":
            yield self._alert(value, "", locator)
        elif place == "data.groups.item":
            for number_, rule in enumerate(as_list(value.get("rules"))):
                for index, alert in enumerate(as_list(as_dict(rule).get("alerts"))):
                    where = f"{locator}/rules/{number_}/alerts/{index}"
                    yield self._alert(as_dict(alert), as_text(as_dict(rule).get("name")), where)

    def _alert(self, alert: dict[str, Any], rule: str, locator: str) -> Item:
        made = prometheus_alert(alert, rule, locator, self.clock, self.alerts.words)
        self.alerts.count += 1
        self.alerts.undated += made.started_at is None
        return made

    def _series(self, series: dict[str, Any], locator: str) -> Iterator[MetricPoint]:
        labels = {str(k): as_text(v) for k, v in as_dict(series.get("metric")).items()}
        name = labels.pop("__name__", "")
        pairs = [(locator, series["value"])] if "value" in series else []
        pairs += [(f"{locator}/values/{n}", pair) for n, pair in enumerate(as_list(series.get("values")))]
        kind = "counter" if named_as_counter(name, labels) else "gauge"
        for where, pair in pairs:
            yield from self._point(name, labels, kind, pair, where)
        histograms = [series["histogram"]] if "histogram" in series else []
        for pair in (*histograms, *as_list(series.get("histograms"))):
            moment, body = (*as_list(pair), None, None)[:2]
            for part in ("count", "sum"):  # the buckets of a native histogram are not read
                whole = [moment, as_dict(body).get(part)]
                yield from self._point(f"{name}_{part}", labels, "counter", whole, locator)

    def _point(
        self, name: str, labels: dict[str, str], kind: str, pair: Any, locator: str
    ) -> Iterator[MetricPoint]:
        moment, raw = (*as_list(pair), None, None)[:2]
        value, is_number = number(raw) if isinstance(raw, str) else (None, False)
        if not is_number or not isinstance(raw, str):
            self.points.unread += 1
            return
        point = MetricPoint(
            series=name or "(expression)",
            locator=locator,
            value=value,
            raw=raw,
            labels=labels,
            window_end=from_epoch(moment),
            kind=kind,
        )
        self.points.count += 1
        self.points.undated += point.window_end is None
        self.nonfinite += value is None
        self.resets.take(point)
        yield point

    def _closing(self) -> Iterator[Item]:
        if self.failed:
            message = "answers that say that the query failed"
            yield Anomaly("export-unfinished", message, self.failed)
        if self.warned:
            message = "warnings of the server beside its answer: it may be a part of it"
            yield Anomaly("export-unfinished", message, self.warned)
        if self.nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Inf", self.nonfinite)
        yield from self.clock.anomalies()
        if self.alerts.count or (self.alerts.unread and not self.points.count):
            yield from self.points.words.anomalies()
            yield from self.alerts.closing(TOOL, "alerts", is_aggregate=False)
        else:
            yield from self.points.closing(TOOL, "metric points", notes=self.resets.notes)
