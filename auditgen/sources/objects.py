"""The objects of a JSON file, however its tool strings them together: lines, an array, one after another.

Files packed with gzip or zstd are unpacked as they are read; byte offsets are those of the unpacked text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ijson

from auditgen.evidence.model import Anomaly
from auditgen.sources.jsontext import FiniteStream, as_dict, build_object, loads, parse_events
from auditgen.sources.lines import DAMAGED, MAX_LINE_BYTES, Lines, open_unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditgen.sources.interface import Probe

_LOOKED_AT = 20
_BLANK = b" \t\r\n\xef\xbb\xbf"


def first_object(probe: Probe) -> dict[str, Any]:
    """The first object of the file where it fits into the head, else an empty one."""
    head = probe.unpacked
    if isinstance(head.first_line, dict):
        return head.first_line
    text = head.head.lstrip(_BLANK)
    try:
        if head.size <= len(head.head):
            whole = loads(text)[0]
            return as_dict(whole[0] if isinstance(whole, list) and whole else whole)
        if isinstance(head.first_line, list) and head.first_line:
            return as_dict(head.first_line[0])
        return _first_in(text)
    except (ValueError, RecursionError, ijson.JSONError):
        return {}


def _first_in(text: bytes) -> dict[str, Any]:
    """The first object of a head that ends somewhere in the middle."""
    from io import BytesIO

    wanted = "item" if text.startswith(b"[") else ""
    events = parse_events(FiniteStream(BytesIO(text)))
    for place, event, _ in events:
        if place == wanted and event == "start_map":
            found: dict[str, Any] = {}
            for inner, kind, value in events:
                # what the head cuts off is not known; names and plain values before it are
                if kind in {"string", "number", "boolean", "null"}:
                    found[inner[len(wanted) + 1 :] if wanted else inner] = value
                elif kind == "map_key" and inner == wanted:
                    found.setdefault(str(value), None)
                elif kind == "end_map" and inner == wanted:
                    break
            return found
    return {}


class Objects:
    """One pass over a file's objects. What was met on the way is told by `anomalies`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = Lines()
        self._fault = ""
        self._nonfinite = 0
        self._strange = 0

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Locator and value of each object: `line:N@BYTE`, `pointer:/N`, or `pointer:` for a single one."""
        try:
            shape = self._shape()
        except DAMAGED as error:
            self._fault = str(error)[:100] or type(error).__name__
            return
        if shape == "lines":
            for number, offset, value in self._lines.objects(self._path):
                yield f"line:{number}@{offset}", value
        else:
            yield from self._document("item" if shape == "array" else "")

    def _shape(self) -> str:
        """`lines`, `array` or `single`."""
        with open_unpacked(self._path) as stream:
            seen = 0
            while seen < _LOOKED_AT and (line := stream.readline(MAX_LINE_BYTES)):
                text = line.strip(_BLANK)
                if not text:
                    continue
                if not seen and text.startswith(b"["):
                    return "array"
                # inside of one printed object, objects on lines of their own are indented
                if (not seen or line.startswith(b"{")) and _is_object(text):
                    return "lines"
                seen += 1
        return "single"

    def _document(self, wanted: str) -> Iterator[tuple[str, dict[str, Any]]]:
        with open_unpacked(self._path) as raw:
            finite = FiniteStream(raw)
            index = 0
            try:
                events = parse_events(finite)
                for place, event, _ in events:
                    if place != wanted:
                        continue
                    if event == "start_map":
                        yield (f"pointer:/{index}" if wanted else "pointer:"), build_object(events, wanted)
                        index += 1
                    elif event not in {"map_key", "end_map", "end_array"}:
                        self._strange += 1
                        index += 1
            except (ijson.JSONError, ValueError, RecursionError, *DAMAGED) as error:
                self._fault = str(error)[:100] or type(error).__name__
            self._nonfinite = finite.count

    def anomalies(self) -> Iterator[Anomaly]:
        """Damage, entries that are no objects, numbers that are none."""
        yield from self._lines.anomalies()
        if self._fault:
            yield Anomaly("truncated", f"the file breaks off or is damaged: {self._fault}", blocks=True)
        if self._strange:
            yield Anomaly("lines-unreadable", "entries that are not a JSON object", self._strange)
        if self._nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", self._nonfinite)


def _is_object(text: bytes) -> bool:
    if not (text.startswith(b"{") and text.endswith(b"}")):
        return False
    try:
        return isinstance(loads(text)[0], dict)
    except (ValueError, RecursionError):
        return False


def has_lines(path: Path) -> bool:
    """Whether the file holds a JSON object on each line, by its first two lines that hold anything."""
    with open_unpacked(path) as stream:
        try:
            lines = [line for line in stream.read(1 << 20).split(b"\n") if line.strip(_BLANK)][:2]
        except DAMAGED:
            return False
    return len(lines) == 2 and all(line.strip(_BLANK).startswith(b"{") for line in lines)
