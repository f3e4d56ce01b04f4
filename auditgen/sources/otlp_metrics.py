"""OTLP's metrics as numbers that somebody else counted: one point for each data point, two for a histogram.

A cumulative sum that only grows is a counter; a delta is the count of its own window. Percentiles of
summaries and buckets of histograms are not read: of a histogram its count and its sum are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditgen.evidence.model import MetricPoint
from auditgen.sources.jsontext import as_dict, as_list, as_number, as_text, raw_text
from auditgen.sources.otlp_spans import attributes_of, moment, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditgen.sources.otlp_spans import Metric

MAX_TEXT = 200
MAX_LABELS = 100
_DELTA = ("1", "AGGREGATION_TEMPORALITY_DELTA")
_KINDS = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")


def points_of(metric: Metric) -> Iterator[MetricPoint]:
    """The points of one metric."""
    name = metric.value.get("name")
    series = name[:MAX_TEXT] if isinstance(name, str) and name else "(not named)"
    shared = {"service.name": metric.origin.resource.get("service.name"), "unit": metric.value.get("unit")}
    for shape in _KINDS:
        data = as_dict(metric.value.get(shape))
        is_delta = as_text(data.get("aggregationTemporality")) in _DELTA
        kind = "gauge"
        if shape not in {"gauge", "sum"} or (shape == "sum" and data.get("isMonotonic") is True):
            kind = "count" if is_delta else "counter"
        for number, point in enumerate(as_list(data.get("dataPoints"))):
            place = f"{metric.locator}/{shape}/dataPoints/{number}"
            yield from _points(as_dict(point), series, kind, place, shared)


def _points(
    point: dict[str, Any], series: str, kind: str, locator: str, shared: dict[str, Any]
) -> Iterator[MetricPoint]:
    labels = {
        key[:MAX_TEXT]: raw_text(value)[:MAX_TEXT]
        for key, value in list({**shared, **attributes_of(point.get("attributes"))}.items())[:MAX_LABELS]
        if value is not None and value != ""
    }
    window: dict[str, Any] = {
        "window_start": moment(whole(point.get("startTimeUnixNano"))),
        "window_end": moment(whole(point.get("timeUnixNano"))),
        "labels": labels,
        "kind": kind,
    }
    raw = point.get("asInt", point.get("asDouble"))
    if "count" not in point:
        value = float(whole(raw)) if "asInt" in point else as_number(raw)
        yield MetricPoint(series, locator, value, raw_text(raw)[:MAX_TEXT], **window)
        return
    count = whole(point["count"])
    yield MetricPoint(f"{series}.count", f"{locator}#count", float(count), str(count), n=count, **window)
    if "sum" in point:
        total = point["sum"]
        yield MetricPoint(
            f"{series}.sum", f"{locator}#sum", as_number(total), raw_text(total)[:MAX_TEXT], n=count, **window
        )
