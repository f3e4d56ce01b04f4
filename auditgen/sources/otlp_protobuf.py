"""OTLP as protobuf: one export request, several that follow each other, or the frames of a file exporter.

A message is walked by hand only down to its resources, so that a large file is never in memory whole; each
resource is then decoded by the project's own generated classes (`opentelemetry-proto`). `TracesData` and
`ExportTraceServiceRequest` are the same bytes, and two requests one after the other are one request.

The collector's file exporter puts the length of each message before it (four bytes, big-endian), and with
`compression: zstd` it packs each message by itself, JSON or not: no `zstd` program can unpack such a file.
"""

from __future__ import annotations

import io
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import zstandard

from auditgen.sources.jsontext import loads
from auditgen.sources.lines import ZSTD_MAGIC
from auditgen.sources.otlp_spans import Event, LogRecord, Metric, Origin, Span, records_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from auditgen.sources.otlp_spans import Record

MAX_MESSAGE = 64 * 1024 * 1024
_RESOURCES = 0x0A
"""Field 1, a message: the only field of every export request."""
_FIXED64, _BYTES = 1, 2
_NONFINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}
"""As JSON has them: no reader takes these texts for numbers."""


@dataclass(slots=True)
class Faults:
    """What could not be read."""

    cut: str = ""
    broken: int = 0
    nonfinite: int = 0


def signal_of(head: bytes) -> str:
    """`traces`, `logs` or `metrics` when the bytes begin as such a message, else nothing.

    The head may be cut anywhere behind the first record.
    """
    resources = _first(head, 1)
    if resources is None or head[:1] != b"\x0a":
        return ""
    of_scope = _first(resources, 2)
    if of_scope is None:
        return ""
    fields = list(_fields(resources))
    if any(number not in {1, 2, 3, 1000} for number, _, _ in fields):
        return ""
    item = _first(of_scope, 2)
    if item is None:
        return ""
    found = {number: (wire, value) for number, wire, value in reversed(list(_fields(item)))}
    trace, span = found.get(1), found.get(2)
    if trace is not None and span is not None and len(trace[1]) == 16 and len(span[1]) == 8:
        return "traces"
    if any(number in found and found[number][0] == _FIXED64 for number in (1, 11)):
        return "logs"
    is_named = trace is not None and trace[0] == _BYTES and _is_word(trace[1])
    return "metrics" if is_named and found.keys() & {5, 7, 9, 10, 11} else ""


def _is_word(raw: bytes) -> bool:
    return raw.isascii() and raw.decode("ascii").isprintable()


def frame_of(head: bytes) -> bytes | None:
    """The beginning of the first framed message, None when the bytes do not begin with a length."""
    if len(head) < 12:
        return None
    (length,) = struct.unpack(">I", head[:4])
    if not 8 <= length <= MAX_MESSAGE:
        return None
    return head[4 : 4 + length]


def unpacked_frame(data: bytes) -> bytes:
    """A message without the packing of its own. Raises ValueError beyond `MAX_MESSAGE` or when damaged."""
    if not data.startswith(ZSTD_MAGIC):
        return data
    try:
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as reader:
            out = reader.read(MAX_MESSAGE + 1)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)[:100]) from error
    if len(out) > MAX_MESSAGE:
        message = f"a message of more than {MAX_MESSAGE:,} bytes"
        raise ValueError(message)
    return out


def framed(stream: BinaryIO, faults: Faults) -> Iterator[Record]:
    """The records of a file of frames."""
    offset, signal = 0, ""
    while prefix := stream.read(4):
        if len(prefix) < 4:
            faults.cut = "it ends within the length of a message"
            return
        (length,) = struct.unpack(">I", prefix)
        if length > MAX_MESSAGE:
            faults.cut = f"a message claims {length:,} bytes"
            return
        data = stream.read(length)
        if len(data) < length:
            faults.cut = "it ends within a message"
            return
        place = f"byte:{offset + 4}"
        offset += 4 + length
        try:
            data = unpacked_frame(data)
            if data[:1] == b"{":
                value, nonfinite = loads(data)
                faults.nonfinite += nonfinite
                yield from records_of(value, place)
                continue
        except ValueError:
            faults.broken += 1
            continue
        signal = signal_of(data) or signal
        yield from messages(io.BytesIO(data), signal, faults, place)


def messages(stream: BinaryIO, signal: str, faults: Faults, place: str = "") -> Iterator[Record]:
    """The records of one message, or of several that follow each other."""
    offset = 0
    while tag := stream.read(1):
        offset += 1
        if tag[0] != _RESOURCES:
            faults.cut = f"a field at byte {offset - 1:,} that no export request has"
            return
        length, used = _length(stream)
        offset += used
        if length < 0 or length > MAX_MESSAGE:
            faults.cut = f"the length of a message at byte {offset:,} is damaged or beyond {MAX_MESSAGE:,}"
            return
        data = stream.read(length)
        if len(data) < length:
            faults.cut = "it ends within a message"
            return
        here = f"{place}+{offset}" if place else f"byte:{offset}"
        offset += length
        yield from _decoded(data, signal, here, faults)


def _length(stream: BinaryIO) -> tuple[int, int]:
    value = shift = used = 0
    while used < 5:
        byte = stream.read(1)
        if not byte:
            return -1, used
        used += 1
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value, used
        shift += 7
    return -1, used


def _decoded(data: bytes, signal: str, place: str, faults: Faults) -> Iterator[Record]:
    from google.protobuf.message import DecodeError

    try:
        match signal:
            case "traces":
                from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

                yield from _spans(ResourceSpans.FromString(data), place)
            case "logs":
                from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs

                yield from _logs(ResourceLogs.FromString(data), place)
            case "metrics":
                from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

                yield from _metrics(ResourceMetrics.FromString(data), place)
            case _:
                faults.broken += 1
    except DecodeError:
        faults.broken += 1


def _origins(message: Any, scopes: str) -> Iterator[tuple[Origin, Any, str]]:
    resource = attributes_of(message.resource.attributes)
    for j, of_scope in enumerate(getattr(message, scopes)):
        origin = Origin(resource, of_scope.scope.name, of_scope.schema_url or message.schema_url)
        yield origin, of_scope, f"/{j}/"


def _spans(message: Any, place: str) -> Iterator[Span]:
    for origin, of_scope, scope in _origins(message, "scope_spans"):
        for k, span in enumerate(of_scope.spans):
            yield Span(
                f"{place}/scopeSpans{scope}spans/{k}",
                origin,
                _hex(span.trace_id, 16),
                _hex(span.span_id, 8),
                _hex(span.parent_span_id, 8),
                span.name,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                span.status.code,
                span.status.message,
                span.trace_state,
                attributes_of(span.attributes),
                [Event(event.name, attributes_of(event.attributes)) for event in span.events],
            )


def _logs(message: Any, place: str) -> Iterator[LogRecord]:
    for origin, of_scope, scope in _origins(message, "scope_logs"):
        for k, record in enumerate(of_scope.log_records):
            attributes = attributes_of(record.attributes)
            named = attributes.get("event.name")
            yield LogRecord(
                f"{place}/scopeLogs{scope}logRecords/{k}",
                origin,
                _hex(record.trace_id, 16),
                _hex(record.span_id, 8),
                record.event_name or (named if isinstance(named, str) else ""),
                record.time_unix_nano,
                record.observed_time_unix_nano,
                attributes,
                _value(record.body),
            )


def _metrics(message: Any, place: str) -> Iterator[Metric]:
    from google.protobuf.json_format import MessageToDict

    for origin, of_scope, scope in _origins(message, "scope_metrics"):
        for k, metric in enumerate(of_scope.metrics):
            yield Metric(f"{place}/scopeMetrics{scope}metrics/{k}", origin, MessageToDict(metric))


def attributes_of(pairs: Any) -> dict[str, Any]:
    """Key and value pairs as a dict; of a key that occurs twice the last one counts."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "bool_value":
            return value.bool_value
        case "double_value":
            number = value.double_value
            return number if math.isfinite(number) else _NONFINITE.get(number, "NaN")
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return attributes_of(value.kvlist_value.values)
        case "bytes_value":
            import base64

            return base64.b64encode(value.bytes_value).decode()
    return None


def _hex(raw: bytes, length: int) -> str:
    return raw.hex() if len(raw) == length and any(raw) else ""


def _first(data: bytes, wanted: int) -> bytes | None:
    """The first message at a field, as far as the bytes reach."""
    return next((value for number, wire, value in _fields(data) if (number, wire) == (wanted, _BYTES)), None)


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Field number, wire type and bytes, until the data end or are no protobuf."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if at < 0:
            return
        number, wire = tag >> 3, tag & 7
        if number == 0:
            yield 0, wire, b""
            return
        if wire == _BYTES:
            length, at = _varint(data, at)
            if at < 0:
                return
            yield number, wire, data[at : at + length]
            at += length
        elif wire in {1, 5}:
            size = 8 if wire == 1 else 4
            yield number, wire, data[at : at + size]
            at += size
        elif wire == 0:
            value, at = _varint(data, at)
            if at < 0:
                return
            yield number, wire, value.to_bytes(10, "little")
        else:
            yield 0, wire, b""
            return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (2**64 - 1), at
        shift += 7
    return 0, -1
