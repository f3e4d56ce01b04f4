"""Spans and log records of OpenTelemetry as plain values, whatever form they were written in.

Three forms of one number: 64-bit integers are texts in OTLP/JSON, objects of two halves from older
JavaScript, numbers elsewhere. Three forms of an id: hex, `0x` and hex, base64 (protobuf's own JSON).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from auditgen.sources.fields import parse_time
from auditgen.sources.jsontext import as_dict, as_list

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 32
"""Of values in values; what is nested deeper is left out."""
_TEXT = frozenset((str,))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{16}|[0-9a-fA-F]{32})")
_BASE64_CHARS = {12: 8, 24: 16}
"""Length of a text in base64 to the bytes of the id."""
STATUS = {
    "STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2, "UNSET": 0, "OK": 1, "ERROR": 2,
}  # fmt: skip
OK, ERROR = 1, 2
SCOPES = ("scopeSpans", "instrumentationLibrarySpans")
"""The second is what versions before 0.15 wrote."""
_STATE = re.compile(r"\{key=([^,{}]{1,256}), value=([^{}]{1,256})\}")


@dataclass(frozen=True, slots=True)
class Origin:
    """What the spans of one scope share."""

    resource: dict[str, Any] = field(default_factory=dict)
    scope: str = ""
    schema_url: str = ""


@dataclass(slots=True)
class Event:
    """An event of a span."""

    name: str
    attributes: dict[str, Any]


@dataclass(slots=True)
class Span:
    """One operation. Ids are lower-case hex and empty where there is none; times are nanoseconds."""

    locator: str
    origin: Origin
    trace_id: str = ""
    span_id: str = ""
    parent_id: str = ""
    name: str = ""
    start: int = 0
    end: int = 0
    status: int = 0
    status_message: str = ""
    trace_state: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    zone_written: bool = True
    """Protocols have UTC; tables may hold times without a zone."""


@dataclass(slots=True)
class LogRecord:
    """One log record; `attributes` of an event hold what it says."""

    locator: str
    origin: Origin
    trace_id: str = ""
    span_id: str = ""
    event: str = ""
    at: int = 0
    observed: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    body: Any = None


@dataclass(slots=True)
class Metric:
    """One metric as OTLP/JSON has it, with all its points."""

    locator: str
    origin: Origin
    value: dict[str, Any]


Record = Span | LogRecord | Metric


def moment(nanoseconds: int) -> datetime | None:
    """Nanoseconds since 1970 as UTC, to the microsecond; None for zero, which means not set."""
    if nanoseconds <= 0:
        return None
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return None


def nanoseconds_of(at: datetime | None) -> int:
    """The reverse; 0 for None."""
    return 0 if at is None else ((at - _EPOCH) // timedelta(microseconds=1)) * 1000


def clean_id(raw: Any) -> str:
    """A trace or span id as lower-case hex, empty when it is none or all zeros."""
    if type(raw) is not str or not raw:
        return ""
    found = _HEX.fullmatch(raw)
    if found is not None:
        text = found[1].lower()
        return text if text.strip("0") else ""
    if len(raw) in _BASE64_CHARS:
        try:
            data = base64.b64decode(raw, validate=True)
        except (binascii.Error, ValueError):
            return ""
        if len(data) == _BASE64_CHARS[len(raw)] and any(data):
            return data.hex()
    return ""


def whole(raw: Any) -> int:
    """An integer of 64 bits in any of its forms, 0 when it is none."""
    if type(raw) is str:
        if len(raw) > 20 or not raw.isascii():
            return 0
        try:
            number = int(raw)
        except ValueError:
            return 0
        return number if -(2**63) <= number < 2**64 else 0
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw if -(2**63) <= raw < 2**64 else 0
    if type(raw) is float:
        return int(raw) if raw.is_integer() and abs(raw) < 2**63 else 0
    if isinstance(raw, dict):
        low, high = raw.get("low"), raw.get("high")
        if not isinstance(low, int) or not isinstance(high, int):
            return 0
        value: int = ((high & 0xFFFFFFFF) << 32) | (low & 0xFFFFFFFF)
        return value - 2**64 if value >= 2**63 and raw.get("unsigned") is not True else value
    return 0


def value_of(raw: Any, depth: int = 0) -> Any:
    """What an `AnyValue` of OTLP/JSON stands for."""
    if type(raw) is not dict or not raw or depth > MAX_DEPTH:
        return None
    if "stringValue" in raw:
        text = raw["stringValue"]
        return text if type(text) is str else None
    if "intValue" in raw:
        return whole(raw["intValue"])
    if "boolValue" in raw:
        return raw["boolValue"] if type(raw["boolValue"]) is bool else None
    if "doubleValue" in raw:
        number = raw["doubleValue"]
        return number if type(number) in {float, int, str} else None  # `NaN` is a text
    if "arrayValue" in raw:
        return [value_of(item, depth + 1) for item in as_list(as_dict(raw["arrayValue"]).get("values"))]
    if "kvlistValue" in raw:
        return attributes_of(as_dict(raw["kvlistValue"]).get("values"), depth + 1)
    return raw["bytesValue"] if type(raw.get("bytesValue")) is str else None


def attributes_of(raw: Any, depth: int = 0) -> dict[str, Any]:
    """Key and value pairs of OTLP/JSON as a dict; of a key that occurs twice the last one counts."""
    out: dict[str, Any] = {}
    if type(raw) is not list:
        return out
    for pair in raw:
        try:
            key, value = pair.get("key", ""), pair.get("value")  # what is empty is not written
            if type(value) is dict and "stringValue" in value:
                value = value["stringValue"]
                out[key] = value if type(value) is str else None
            else:
                out[key] = value_of(value, depth)
        except (TypeError, KeyError, AttributeError):
            continue
    return out if _TEXT.issuperset(map(type, out)) else {k: v for k, v in out.items() if type(k) is str}


def records_of(value: dict[str, Any], locator: str) -> Iterator[Record]:
    """Everything in one OTLP/JSON object: an export request, or a line of the collector's file exporter."""
    for i, of_resource in enumerate(as_list(value.get("resourceSpans"))):
        yield from spans_of(of_resource, f"{locator}/resourceSpans/{i}")
    for i, of_resource in enumerate(as_list(value.get("resourceLogs"))):
        yield from _logs_of(of_resource, f"{locator}/resourceLogs/{i}")
    for i, of_resource in enumerate(as_list(value.get("resourceMetrics"))):
        yield from _metrics_of(of_resource, f"{locator}/resourceMetrics/{i}")


def spans_of(of_resource: Any, locator: str) -> Iterator[Span]:
    """The spans of one resource."""
    for origin, item, place in _items(of_resource, locator, SCOPES, "spans"):
        yield span_of(item, origin, place)


def span_of(item: dict[str, Any], origin: Origin, locator: str) -> Span:
    """One span of OTLP/JSON."""
    status = item.get("status")
    code, message = 0, ""
    if type(status) is dict and status:
        raw = status.get("code")
        code = STATUS.get(raw, 0) if type(raw) is str else raw if type(raw) is int else 0
        message = _text(status.get("message"))
    events = item.get("events")
    return Span(
        locator,
        origin,
        clean_id(item.get("traceId")),
        clean_id(item.get("spanId")),
        clean_id(item.get("parentSpanId")),
        _text(item.get("name")),
        whole(item.get("startTimeUnixNano")),
        whole(item.get("endTimeUnixNano")),
        code,
        message,
        _text(item.get("traceState")),
        attributes_of(item.get("attributes")),
        [
            Event(_text(as_dict(event).get("name")), attributes_of(as_dict(event).get("attributes")))
            for event in events
        ]
        if type(events) is list
        else [],
    )


def _logs_of(of_resource: Any, locator: str) -> Iterator[LogRecord]:
    for origin, item, place in _items(of_resource, locator, ("scopeLogs",), "logRecords"):
        attributes = attributes_of(item.get("attributes"))
        yield LogRecord(
            place,
            origin,
            clean_id(item.get("traceId")),
            clean_id(item.get("spanId")),
            _text(item.get("eventName")) or _text(attributes.get("event.name")),
            whole(item.get("timeUnixNano")),
            whole(item.get("observedTimeUnixNano")),
            attributes,
            value_of(item.get("body")),
        )


def _metrics_of(of_resource: Any, locator: str) -> Iterator[Metric]:
    for origin, item, place in _items(of_resource, locator, ("scopeMetrics",), "metrics"):
        yield Metric(place, origin, item)


def _items(
    of_resource: Any, locator: str, scopes: tuple[str, ...], items: str
) -> Iterator[tuple[Origin, dict[str, Any], str]]:
    of_resource = as_dict(of_resource)
    resource = attributes_of(as_dict(of_resource.get("resource")).get("attributes"))
    for name in scopes:
        for j, scope in enumerate(as_list(of_resource.get(name))):
            of_scope = as_dict(scope)
            schema = _text(of_scope.get("schemaUrl")) or _text(of_resource.get("schemaUrl"))
            origin = Origin(resource, _text(as_dict(of_scope.get("scope")).get("name")), schema)
            place = f"{locator}/{name}/{j}/{items}/"
            for k, item in enumerate(as_list(of_scope.get(items))):
                if type(item) is dict:
                    yield origin, item, f"{place}{k}"


def is_console_span(value: dict[str, Any]) -> bool:
    """Whether this is a span as the Python SDK's console exporter writes it."""
    context = value.get("context")
    return (
        isinstance(context, dict)
        and {"trace_id", "span_id"} <= context.keys()
        and {"name", "start_time", "attributes"} <= value.keys()
    )


def console_span(value: dict[str, Any], locator: str) -> Span:
    """One span of the console exporter: attributes are plain, times are ISO texts with `Z`."""
    context, status = as_dict(value.get("context")), as_dict(value.get("status"))
    resource = as_dict(value.get("resource"))
    origin = Origin(as_dict(resource.get("attributes")), "", _text(resource.get("schema_url")))
    return Span(
        locator,
        origin,
        clean_id(context.get("trace_id")),
        clean_id(context.get("span_id")),
        clean_id(value.get("parent_id")),
        _text(value.get("name")),
        nanoseconds_of(parse_time(value.get("start_time"))[0]),
        nanoseconds_of(parse_time(value.get("end_time"))[0]),
        STATUS.get(_text(status.get("status_code")), 0),
        _text(status.get("description")),
        _console_state(context.get("trace_state")),
        as_dict(value.get("attributes")),
        [
            Event(_text(as_dict(event).get("name")), as_dict(as_dict(event).get("attributes")))
            for event in as_list(value.get("events"))
        ],
    )


def _console_state(raw: Any) -> str:
    """The trace state: the exporter writes a list of pairs as Python shows it."""
    return ",".join(f"{key}={value}" for key, value in _STATE.findall(_text(raw)))


def _text(raw: Any) -> str:
    return raw if type(raw) is str else ""
