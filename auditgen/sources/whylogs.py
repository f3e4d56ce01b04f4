"""whylogs: profiles (`WHY1`, protobuf) and the table that `to_pandas` makes of one.

A profile holds counters, sums and sketches of each column, and no record. Counters and sums are read here;
sketches (quantiles, distinct values, frequent items) are bytes of a library of their own and are named, not
read. The layout is that of whylogs 1.6.4 (`core/view/dataset_profile_view.py`, `whylogs_messages.proto`); its
moments are milliseconds since 1970, UTC.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from auditgen.evidence.mapping import number_of
from auditgen.evidence.model import Anomaly, MetricPoint
from auditgen.sources.exported_rows import ExportedRows, shape_of
from auditgen.sources.fields import from_epoch
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.side_records import SideRecords

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

TOOL = "whylogs"
MAGIC = b"WHY1"
MAX_HEADER = 1 << 26
MAX_CHUNK = 1 << 28
MAX_LABELS = 100
SKETCHES = {4: "frequent items", 5: "distinct values", 6: "quantiles", 7: "distinct values",
            10: "bytes", 11: "a structure", 12: "a message"}  # fmt: skip
"""Numbers of the fields of `MetricComponentMessage` that are no plain number."""
VIEW_COLUMNS = frozenset({"column", "counts/n", "type", "cardinality/est"})
NOT_NUMBERS = frozenset({"column", "type", "frequent_items/frequent_strings"})
CUT = "the profile breaks off or is damaged: "


class WhylogsSource:
    """whylogs 1: a profile that was written locally, or its view as CSV."""

    name: ClassVar[str] = "whylogs"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the magic number, or by the columns of a view."""
        if probe.head.startswith(MAGIC):
            return Recognition("whylogs.profile", "magic number of a profile")
        shape = shape_of(probe)
        if shape.form == "csv" and shape.columns >= VIEW_COLUMNS:
            return Recognition("whylogs.view", "columns of a profile's view")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """A point for each counter and sum of each column."""
        with path.open("rb") as stream:
            if stream.read(4) == MAGIC:
                yield from _profile(stream)
                return
        yield from _view(path)


def _profile(stream: BinaryIO) -> Iterator[Item]:
    beside, sketches = SideRecords(), Counter[str]()
    version = ""
    try:
        segments = dict(_numbers(_delimited(stream, MAX_HEADER)))
        if segments.get(1):
            message = "the profile is divided into segments, which this reader does not take apart"
            yield Anomaly("unreadable", message, blocks=True)
        else:
            header = _Header(_delimited(stream, MAX_HEADER))
            version = header.metadata.get("whylogs.version", "")
            for name, offset, place, chunk in header.chunks(stream):
                yield from _points(header, name, f"byte:{offset + place}", chunk, beside, sketches)
    except (ValueError, struct.error, OverflowError) as error:
        yield Anomaly("truncated", f"{CUT}{str(error)[:100]}", blocks=True)
    shown = ", ".join(f"{name} ({number})" for name, number in sketches.most_common(5))
    notes = [f"sketches that were not read: {shown}"] if sketches else []
    why = "numbers of a profile without a time of its data"
    yield from beside.closing(TOOL, "metric points", version=version, undated=why, notes=notes)


class _Header:
    """`DatasetProfileHeader`: when, with which tags, and where each column stands."""

    def __init__(self, data: bytes) -> None:
        self.at: datetime | None = None
        self.labels: dict[str, str] = {}
        self.metadata: dict[str, str] = {}
        self.paths: dict[int, str] = {}
        self.columns: list[tuple[str, list[int]]] = []
        for number, value in _fields(data):
            if number == 1 and isinstance(value, bytes):
                self._properties(value)
            elif number == 2 and isinstance(value, bytes):
                self._column(value)
            elif number == 5 and isinstance(value, bytes):
                entry = dict(_fields(value))
                key = entry.get(1, 0)
                if isinstance(key, int):
                    self.paths[key] = _text(entry.get(2))

    def _properties(self, data: bytes) -> None:
        for number, value in _fields(data):
            if number == 5 and isinstance(value, int):
                self.at = from_epoch(value / 1000) if value else None
            elif number in {6, 7} and isinstance(value, bytes):
                entry = dict(_fields(value))
                target = self.labels if number == 6 else self.metadata
                if len(target) < MAX_LABELS:
                    target[_text(entry.get(1))] = _text(entry.get(2))

    def _column(self, data: bytes) -> None:
        entry = dict(_fields(data))
        offsets: list[int] = []
        places = entry.get(2)
        for number, value in _fields(places if isinstance(places, bytes) else b""):
            if number == 1 and isinstance(value, bytes):  # packed
                rest = value
                while rest:
                    one, size = _varint(rest, 0)
                    offsets.append(one)
                    rest = rest[size:]
            elif number == 1 and isinstance(value, int):
                offsets.append(value)
        self.columns.append((_text(entry.get(1)), offsets or [0]))

    def chunks(self, stream: BinaryIO) -> Iterator[tuple[str, int, int, bytes]]:
        """Column, start of the columns, its place in them, and its message."""
        start = stream.tell()
        for name, offsets in self.columns:
            for offset in offsets[:10_000]:
                stream.seek(start + offset)
                about = dict(_numbers(_delimited(stream, MAX_HEADER)))
                size = about.get(3, 0)
                if size > MAX_CHUNK:
                    message = "a column of more than 256 MiB"
                    raise ValueError(message)
                data = stream.read(size)
                if len(data) < size:
                    message = "a column ends too early"
                    raise ValueError(message)
                yield name, start, offset, data


def _points(
    header: _Header, name: str, locator: str, chunk: bytes, beside: SideRecords, sketches: Counter[str]
) -> Iterator[MetricPoint]:
    """The counters and sums of one column, by the path of the metric."""
    found: dict[str, float] = {}
    for number, value in _fields(chunk):
        if number != 1 or not isinstance(value, bytes):
            continue
        entry = dict(_fields(value))
        key, component = entry.get(1, 0), entry.get(2)
        path = header.paths.get(key, "") if isinstance(key, int) else ""
        for kind, inner in _fields(component if isinstance(component, bytes) else b""):
            if kind == 2 and isinstance(inner, int):
                found[path] = inner - (1 << 64) if inner >= 1 << 63 else inner
            elif kind == 3 and isinstance(inner, bytes):
                found[path] = struct.unpack("<d", inner)[0]
            elif kind in SKETCHES:
                sketches[SKETCHES[kind]] += 1
    total = found.get("counts/n")
    labels = {**header.labels, "column": name}
    for path, said in sorted(found.items()):
        yield _point(path, float(said), repr(said), labels, locator, header.at, total, beside)


def _point(
    path: str,
    value: float | None,
    raw: str,
    labels: dict[str, str],
    locator: str,
    at: datetime | None,
    total: float | None,
    beside: SideRecords,
) -> MetricPoint:
    beside.count += 1
    beside.undated += at is None
    is_count = path.startswith(("counts/", "types/"))
    return MetricPoint(
        series=path,
        locator=locator,
        value=value if value is not None and math.isfinite(value) else None,
        raw=raw,
        labels=labels,
        window_end=at,
        n=int(total) if total is not None and 0 <= total < 2**53 else None,
        kind="count" if is_count else "gauge",
    )


def _view(path: Path) -> Iterator[Item]:
    beside = SideRecords()
    rows = ExportedRows(path)
    for locator, row in rows:
        total = number_of(row.get("counts/n") or "")
        labels = {"column": row.get("column") or ""}
        for name, raw in row.items():
            if name in NOT_NUMBERS or not raw:
                continue
            yield _point(name, number_of(raw), raw[:100], labels, locator, None, total, beside)
    yield from rows.anomalies()
    why = "numbers of a profile's view, which has no time"
    yield from beside.closing(TOOL, "metric points", undated=why)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """The number that begins at `place`, and where it ends."""
    value = shift = 0
    while shift < 70:
        if place >= len(data):
            message = "a number ends too early"
            raise ValueError(message)
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, place
        shift += 7
    message = "a number without an end"
    raise ValueError(message)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a protobuf message: a number, or bytes as they stand."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        wire = tag & 7
        if wire == 0:
            number, place = _varint(data, place)
            yield tag >> 3, number
            continue
        if wire == 2:
            size, place = _varint(data, place)
        elif wire in {1, 5}:
            size = 8 if wire == 1 else 4
        else:
            message = f"a field of an unknown kind ({wire})"
            raise ValueError(message)
        if place + size > len(data):
            message = "a field ends too early"
            raise ValueError(message)
        yield tag >> 3, data[place : place + size]
        place += size


def _numbers(data: bytes) -> Iterator[tuple[int, int]]:
    return ((number, value) for number, value in _fields(data) if isinstance(value, int))


def _delimited(stream: BinaryIO, limit: int) -> bytes:
    """The message that begins here, after its length."""
    head = b""
    while not head or head[-1] >= 0x80:
        byte = stream.read(1)
        if not byte or len(head) > 9:
            message = "a message ends too early"
            raise ValueError(message)
        head += byte
    size, _ = _varint(head, 0)
    if size > limit:
        message = f"a header of {size:,} bytes"
        raise ValueError(message)
    data = stream.read(size)
    if len(data) < size:
        message = "a message ends too early"
        raise ValueError(message)
    return data


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace")[:2000] if isinstance(value, bytes) else ""
