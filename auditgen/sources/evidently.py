"""Evidently: reports (`Report.json`) and snapshots (`Snapshot.dumps`) of version 0.7.

A report has no time, no model and no tags; only a snapshot does, and its time is that of the machine, without
a zone. A test says SUCCESS, FAIL, WARNING (a failure that was declared uncritical), ERROR or SKIPPED; whether
anybody was told of it is not in the file. How many records a number rests on is not, either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import ijson

from auditgen.evidence.model import Anomaly, MetricPoint
from auditgen.sources.clock import Clock
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import (
    FiniteStream,
    as_dict,
    as_list,
    as_number,
    as_text,
    build_object,
    is_irregular_file,
    parse_events,
    raw_text,
)
from auditgen.sources.side_records import SideRecords
from auditgen.sources.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

TOOL = "Evidently"
STATUS: dict[str, str | None] = {"SUCCESS": "pass", "FAIL": "fail", "WARNING": "fail", "ERROR": "error",
                                 "SKIPPED": None}  # fmt: skip
BELOW = ("LessThan", "LessOrEqual")
ABOVE = ("GreaterThan", "GreaterOrEqual")
MAX_PARTS = 2000
"""Numbers of one metric, such as the share of each category."""
MAX_TEXT = 500
RESULTS = "metric_results"


class EvidentlySource:
    """Evidently 0.7: JSON of a report, and dumps of a snapshot."""

    name: ClassVar[str] = "evidently"
    version: ClassVar[str] = "1"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the types that the tool's own classes write, and the keys around them."""
        head = probe.unpacked
        if b'"evidently:' not in head.head:
            return None
        if {"metrics"} <= head.top_keys:
            return Recognition("evidently.report", "JSON with metrics of Evidently's types")
        if RESULTS in head.top_keys:
            return Recognition("evidently.snapshot", "JSON with results of Evidently's types")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """A point for each number of each metric, and one for each test."""
        found = _Found(context)
        if RESULTS in Probe(path).unpacked.top_keys:
            yield from found.snapshot(path)
            yield from found.closing("numbers of a snapshot without a readable time")
        else:
            yield from found.report(path)
            yield from found.closing("numbers of a report, which has no time")


class _Found:
    """What is known of a file while its metrics stream by."""

    def __init__(self, context: Context) -> None:
        self.beside = SideRecords()
        self.clock = Clock(context.mapping.time_zone)
        self.at: datetime | None = None
        self.labels: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.tests = self.nonfinite = 0
        self.fault = ""

    def report(self, path: Path) -> Iterator[Item]:
        """Metrics, then tests, as they stand in the file."""
        walk = Walk(path, "metrics.item", "tests.item")
        places = {"metrics.item": 0, "tests.item": 0}
        for place, value in walk.values():
            locator = f"pointer:/{place[:-5]}/{places[place]}"
            places[place] += 1
            if not isinstance(value, dict):
                self.beside.unread += 1
            elif place == "tests.item":
                yield self._test(value, locator)
            else:
                if len(self.values) < 100_000:
                    self.values[as_text(value.get("id"))] = value.get("value")
                name, labels = as_text(value.get("metric_name")), _labels(as_dict(value.get("config")))
                yield from self._points(name, labels, value.get("value"), locator)
        yield from walk.anomalies()

    def snapshot(self, path: Path) -> Iterator[Item]:
        """Results as they stand, each with its tests; pictures are passed over."""
        with path.open("rb") as raw:
            finite = FiniteStream(raw) if is_irregular_file(path) else None
            events = parse_events(finite or raw)
            key = ""
            try:
                for place, event, value in events:
                    if event == "map_key" and place == RESULTS:
                        key = f"{RESULTS}.{value}"
                    elif place == "timestamp" and event == "string":
                        self.at, _ = self.clock.read(value)
                    elif place in {"metadata", "tags"} and event in {"start_map", "start_array"}:
                        self._describe(events, place)
                    elif key and place == key and event == "start_map":
                        result = build_object(events, key)
                        yield from self._result(result, "pointer:/" + key.replace(".", "/", 1))
            except (ijson.JSONError, ValueError, RecursionError) as error:
                self.fault = str(error)[:100]
            self.nonfinite += finite.count if finite is not None else 0

    def _describe(self, events: Iterator[tuple[str, str, Any]], place: str) -> None:
        """Tags and metadata as labels of every number."""
        key, tags = "", []
        for inner, event, value in events:
            if inner == place and event in {"end_map", "end_array"}:
                break
            if event == "map_key" and inner == place:
                key = str(value)
            elif event in {"string", "number", "boolean"}:
                if place == "tags":
                    tags.append(as_text(value))
                elif inner == f"{place}.{key}" and len(self.labels) < 100:
                    self.labels[f"metadata.{key}"[:MAX_TEXT]] = as_text(value)[:MAX_TEXT]
        if tags:
            self.labels["tags"] = ", ".join(tags)[:MAX_TEXT]

    def _result(self, result: dict[str, Any], locator: str) -> Iterator[Item]:
        params = as_dict(as_dict(as_dict(result.get("metric_value_location")).get("metric")).get("params"))
        labels = {**_labels(params), **self.labels}
        name = as_text(result.get("display_name"))
        kind = as_text(params.get("type")).rpartition(":")[2]
        series = f"{kind}: {name}" if kind else name
        value: Any = result.get("value")
        if value is None:  # composed of results of their own: count and share, mean and deviation
            value = {part: body["value"] for part, body in result.items()
                     if isinstance(body, dict) and "value" in body}  # fmt: skip
            for part in ("counts", "shares", "values"):
                inner = as_dict(result.get(part))
                if inner:
                    value[part] = {k: v["value"] if isinstance(v, dict) and "value" in v else v
                                   for k, v in inner.items()}  # fmt: skip
        yield from self._points(series, labels, value, locator)
        for index, test in enumerate(as_list(result.get("tests"))):
            yield self._test(as_dict(test), f"{locator}/tests/{index}", value)

    def _points(self, series: str, labels: dict[str, str], value: Any, locator: str) -> Iterator[MetricPoint]:
        for part, raw in _numbers(value, ""):
            number = as_number(raw)
            self.nonfinite += isinstance(raw, float) and number is None
            yield self._made(
                MetricPoint(
                    series=f"{series}/{part}" if part else series,
                    locator=locator,
                    value=number,
                    raw=raw_text(raw)[:MAX_TEXT],
                    labels=labels,
                    window_end=self.at,
                )
            )

    def _made(self, point: MetricPoint) -> MetricPoint:
        self.beside.count += 1
        self.beside.undated += point.window_end is None
        return point

    def _test(self, test: dict[str, Any], locator: str, value: Any = None) -> MetricPoint:
        about = as_dict(test.get("metric_config"))
        if value is None:
            value = self.values.get(as_text(about.get("metric_id")))
        config = as_dict(test.get("test_config"))
        bound = as_dict(test.get("bound_test"))
        if isinstance(value, dict) and "is_count" in bound:
            value = value.get("count" if bound.get("is_count") is True else "share")
        low, high = _bounds(config)
        self.tests += 1
        self.beside.with_threshold += (low, high) != (None, None)
        number = as_number(value) if not isinstance(value, dict | list) else None
        return self._made(
            MetricPoint(
                series=as_text(test.get("name"))[:MAX_TEXT],
                locator=locator,
                value=number,
                raw="" if number is None else raw_text(value),
                labels={**_labels(as_dict(about.get("params"))), **self.labels},
                window_end=self.at,
                threshold_low=low,
                threshold_high=high,
                verdict=self.beside.words.word("status", _status(test.get("status")), STATUS),
                kind="test",
            )
        )

    def closing(self, undated: str) -> Iterator[Item]:
        """The doubts and the facts."""
        if self.fault:
            yield Anomaly("truncated", f"the file breaks off or is damaged: {self.fault}", blocks=True)
        if self.nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", self.nonfinite)
        yield from self.clock.anomalies()
        yield from self.beside.closing(TOOL, "metric points", undated=undated)


def _status(status: Any) -> str | None:
    """`FAIL`, also where an enum was written by its full name (`TestStatus.FAIL`)."""
    return None if status is None else as_text(status).rpartition(".")[2]


def _bounds(config: dict[str, Any]) -> tuple[float | None, float | None]:
    """The lowest and the highest value that pass, as far as the test's class says which it is."""
    kind = as_text(config.get("type")).rpartition(":")[2]
    threshold = as_number(config.get("threshold"))
    if kind.startswith(BELOW):
        return None, threshold
    if kind.startswith(ABOVE):
        return threshold, None
    return None, None


def _labels(config: dict[str, Any]) -> dict[str, str]:
    """Plain settings of a metric, its type without the tool's name."""
    found = {}
    for name, value in list(config.items())[:50]:
        if value is None or isinstance(value, dict | list):
            continue
        text = raw_text(value)
        found[str(name)[:MAX_TEXT]] = (text.rpartition(":")[2] if name == "type" else text)[:MAX_TEXT]
    return found


def _numbers(value: Any, name: str, depth: int = 0) -> list[tuple[str, Any]]:
    """Every number in a value, by the way to it."""
    if isinstance(value, dict) and depth < 3:
        found: list[tuple[str, Any]] = []
        for key, inner in value.items():
            if len(found) >= MAX_PARTS:
                break
            found += _numbers(inner, f"{name}/{str(key)[:100]}" if name else str(key)[:100], depth + 1)
        return found[:MAX_PARTS]
    if isinstance(value, int | float) or value in ("NaN", "Infinity", "-Infinity"):
        return [(name, value)]
    return []
