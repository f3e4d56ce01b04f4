"""The files in which OpenTelemetry data are handed over, and the records in them.

OTLP/JSON as one document or as lines (the collector's file exporter), protobuf plain or in frames, and
what the Python SDK prints: pretty JSON objects one after the other. JSON and protobuf may be packed whole.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import ijson
import zstandard

from auditgen.evidence.model import Anomaly
from auditgen.sources.interface import HEAD_BYTES, Probe
from auditgen.sources.jsontext import FiniteStream, as_dict, loads, parse_events
from auditgen.sources.lines import DAMAGED, ZSTD_MAGIC, open_unpacked
from auditgen.sources.otlp_protobuf import Faults, frame_of, framed, messages, signal_of
from auditgen.sources.otlp_spans import (
    LogRecord,
    Metric,
    Origin,
    Span,
    attributes_of,
    console_span,
    is_console_span,
    records_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from auditgen.sources.otlp_spans import Record

MAX_OBJECT = 16 * 1024 * 1024
"""Of one JSON object in memory: larger ones are read a span at a time."""
SHOWN = 5
_TOP = {"resourceSpans": "traces", "resourceLogs": "logs", "resourceMetrics": "metrics"}
_ITEMS = {
    "resourceSpans": (("scopeSpans", "instrumentationLibrarySpans"), "spans"),
    "resourceLogs": (("scopeLogs",), "logRecords"),
    "resourceMetrics": (("scopeMetrics",), "metrics"),
}
_CONSOLE = {"name", "context", "start_time", "parent_id", "attributes"}
SEARCHED = 1 << 20


@dataclass(frozen=True, slots=True)
class Form:
    """How a file holds its records."""

    kind: str
    """json, console, protobuf or frames."""
    signals: frozenset[str]
    """What begins within the head: traces, logs, metrics."""


def form_of(probe: Probe) -> Form | None:
    """The form, by content, None for anything else. Never raises."""
    inner = probe.unpacked
    head = inner.head
    start = head[:64].lstrip()[:1]
    if start == b"{":
        keys = frozenset(inner.first_line) if isinstance(inner.first_line, dict) else inner.top_keys
        if keys & _TOP.keys():
            found = {signal for key, signal in _TOP.items() if f'"{key}"'.encode() in head}
            return Form("json", frozenset(found))
        if keys >= _CONSOLE and b'"trace_id"' in head and b'"span_id"' in head:
            return Form("console", frozenset({"traces"}))
        return None
    signal = signal_of(head)
    if signal:
        return Form("protobuf", frozenset({signal}))
    frame = frame_of(head)
    signal = "" if frame is None else _framed_signal(frame)
    return Form("frames", frozenset({signal})) if signal else None


def _framed_signal(frame: bytes) -> str:
    if frame.startswith(ZSTD_MAGIC):
        try:
            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(frame)) as reader:
                frame = reader.read(HEAD_BYTES)
        except zstandard.ZstdError:
            return ""
    if frame[:1] == b"{":
        return next((signal for key, signal in _TOP.items() if frame.startswith(b'{"%b"' % key.encode())), "")
    return signal_of(frame)


def known_form(path: Path) -> Form | None:
    """The form of another file; remembered while the file stays as it is. None when it cannot be read."""
    try:
        status = path.stat()
        return _known(path, status.st_size, status.st_mtime_ns, status.st_ino)
    except OSError:
        return None


@lru_cache(maxsize=4096)
def _known(path: Path, size: int, changed: int, inode: int) -> Form | None:
    del size, changed, inode
    return form_of(Probe(path))


def stamps_of(paths: tuple[Path, ...]) -> tuple[tuple[int, int], ...]:
    """Size and time of change of files, by which what is remembered of them is known to be of these."""
    found = [path.stat() for path in paths]
    return tuple((status.st_size, status.st_mtime_ns) for status in found)


class Export:
    """One pass over the records of a file. Damage ends it and is remembered; nothing is raised."""

    def __init__(self, path: Path, form: Form) -> None:
        self._path = path
        self._form = form
        self._faults = Faults()
        self._bad = 0
        self._shown: list[int] = []

    def records(self) -> Iterator[Record]:
        """Every span, log record and metric, in file order."""
        with open_unpacked(self._path) as stream:
            try:
                match self._form.kind:
                    case "json" | "console":
                        yield from self._json(stream)
                    case "frames":
                        yield from framed(stream, self._faults)
                    case _:
                        (signal,) = self._form.signals
                        yield from messages(stream, signal, self._faults)
            except DAMAGED as error:
                self._faults.cut = str(error)[:100] or type(error).__name__

    def _json(self, stream: BinaryIO) -> Iterator[Record]:
        for piece in _pieces(stream):
            value: Any = None
            try:
                if piece.data:
                    value, nonfinite = loads(piece.data)
                    self._faults.nonfinite += nonfinite
            except ValueError:
                pass
            place = f"line:{piece.number}@{piece.offset}"
            if isinstance(value, dict):
                if is_console_span(value):
                    yield console_span(value, place)
                else:
                    yield from records_of(value, place)
            elif piece.is_open:
                yield from self._streamed(piece)
            else:
                self._bad += 1
                if len(self._shown) < SHOWN:
                    self._shown.append(piece.number)

    def _streamed(self, piece: _Piece) -> Iterator[Record]:
        """One object that is too large, or that is cut off: whatever is whole in it, a record at a time."""
        with open_unpacked(self._path) as stream:
            _skip(stream, piece.offset)
            finite = FiniteStream(cast("BinaryIO", _Part(stream, piece.length)))
            try:
                yield from _walk(parse_events(finite), f"byte:{piece.offset}")
            except (ijson.JSONError, ValueError, RecursionError, *DAMAGED) as error:
                self._faults.cut = str(error)[:100] or type(error).__name__
            self._faults.nonfinite += finite.count

    def anomalies(self) -> Iterator[Anomaly]:
        """Why records are missing, where they are."""
        faults = self._faults
        if faults.cut:
            yield Anomaly("truncated", f"the file breaks off or is damaged: {faults.cut}", blocks=True)
        if faults.broken:
            yield Anomaly("truncated", "messages that cannot be decoded", faults.broken, blocks=True)
        if self._bad:
            shown = ", ".join(map(str, self._shown)) + (", ..." if self._bad > len(self._shown) else "")
            yield Anomaly("lines-unreadable", f"lines that are not a JSON object: {shown}", self._bad)
        if faults.nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", faults.nonfinite)


@dataclass(frozen=True, slots=True)
class _Piece:
    """What should be one JSON object: a line, or several of which the last begins with a bracket."""

    number: int
    offset: int
    data: bytes
    """Empty when it is too large to be held."""
    length: int
    is_open: bool
    """Whether it is too large, or the file ends within it."""


def _pieces(stream: BinaryIO) -> Iterator[_Piece]:
    number = offset = 0
    line = stream.readline(MAX_OBJECT)
    while line:
        here, first = offset, number + 1
        lines, size = [line], len(line)
        is_whole = line[:1] != b"{" or line[-4:].rstrip().endswith(b"}")
        ends = line.endswith(b"\n")
        number += ends
        is_closed = is_whole and (ends or size < MAX_OBJECT)
        line = stream.readline(MAX_OBJECT)
        while line and not is_closed and not (ends and line[:1] == b"{"):  # which begins another one
            size += len(line)
            if size < MAX_OBJECT:
                lines.append(line)
            is_closed = ends and line[:1] == b"}"
            ends = line.endswith(b"\n")
            number += ends
            if ends and len(lines) == 1 and size > MAX_OBJECT and line[-4:].rstrip().endswith(b"}"):
                is_closed = True  # a single line of more than fits
            line = stream.readline(MAX_OBJECT)
        offset += size
        data = b"".join(lines) if size < MAX_OBJECT else b""
        if not data or data.strip():
            is_open = lines[0][:1] == b"{" and (not data or (not is_closed and not line))
            yield _Piece(first, here, data, size, is_open)


class _Part:
    """The next `length` bytes of a stream."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream = stream
        self._left = length

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes."""
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


def _skip(stream: BinaryIO, number: int) -> None:
    while number > 0:
        piece = stream.read(min(number, SEARCHED))
        if not piece:
            return
        number -= len(piece)


def _walk(events: Iterator[tuple[str, str, Any]], place: str) -> Iterator[Record]:
    """Records out of the events of one export request of any size.

    What stands behind the spans of its scope (a schema URL) or of its resource comes too late for them.
    """
    path: list[Any] = []
    resource: dict[str, Any] = {}
    scope = schema = ""
    for _, event, value in events:
        if path and isinstance(path[-1], int) and event not in {"end_array", "map_key", "end_map"}:
            path[-1] += 1
        if event == "map_key":
            path[-1] = value
        elif event == "start_array":
            path.append(-1)
        elif event == "start_map":
            if len(path) == 2:
                resource, scope, schema = {}, "", ""
            elif len(path) == 4:
                scope = schema = ""
            if len(path) == 3 and path[2] == "resource":
                resource = attributes_of(_built(events).get("attributes"))
            elif len(path) == 5 and path[4] == "scope":
                name = _built(events).get("name")
                scope = name if isinstance(name, str) else ""
            elif len(path) == 6 and _is_item(path):
                where = "/".join(map(str, path))
                yield from _one(path[0], _built(events), Origin(resource, scope, schema), f"{place}/{where}")
            else:
                path.append("")
        elif event in {"end_array", "end_map"}:
            path.pop()
        elif len(path) == 5 and path[4] == "schemaUrl" and isinstance(value, str):
            schema = value


def _is_item(path: list[Any]) -> bool:
    scopes, items = _ITEMS.get(path[0], ((), ""))
    return path[2] in scopes and path[4] == items and isinstance(path[1], int) and isinstance(path[5], int)


def _one(top: str, item: dict[str, Any], origin: Origin, place: str) -> Iterator[Record]:
    scopes, items = _ITEMS[top]
    made = {top: [{scopes[0]: [{items: [item]}]}]}
    for record in records_of(made, ""):
        record.origin, record.locator = origin, place
        yield record


def _built(events: Iterator[tuple[str, str, Any]]) -> dict[str, Any]:
    """The object whose `start_map` was just taken."""
    builder = ijson.ObjectBuilder()
    builder.event("start_map", None)
    depth = 1
    for _, event, value in events:
        builder.event(event, value)
        depth += (event in {"start_map", "start_array"}) - (event in {"end_map", "end_array"})
        if not depth:
            break
    return as_dict(builder.value)


def holds_any(path: Path, needles: tuple[bytes, ...], is_hidden: Callable[[bytes], object]) -> bool:
    """Whether a text occurs anywhere in what the file holds, or `is_hidden` says it may be escaped.

    Damage ends the search: what was not read then has no records either.
    """
    longest = max(map(len, needles))
    try:
        with open_unpacked(path) as stream:
            tail = b""
            while chunk := stream.read(SEARCHED):
                data = tail + chunk
                if any(needle in data for needle in needles) or is_hidden(data):
                    return True
                tail = data[-longest:]
    except DAMAGED:
        return False
    return False


__all__ = ["Export", "Form", "LogRecord", "Metric", "Span", "form_of", "holds_any", "known_form", "stamps_of"]
