"""Prometheus' text exposition and OpenMetrics, line by line.

A line that cannot be read costs itself and nothing else, whatever its length. The two formats differ in the
unit of a written time: milliseconds in the one, seconds in the other. Only the last line, `# EOF`, tells them
apart. An exemplar's time is that of one request, not of the number.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditgen.evidence.model import MetricPoint
from auditgen.sources.lines import DAMAGED, open_unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

MAX_LINE_BYTES = 1 << 20
MAX_LABELS = 200
MAX_FAMILIES = 100_000
EOF = b"# EOF"
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_HEAD = re.compile(rf"({NAME})?[ \t]*(\{{)?")
_LABEL = re.compile(
    r'[ \t]*(?:([a-zA-Z_:][a-zA-Z0-9_:.]*)|"((?:[^"\\\n]|\\.)*)")'
    r'[ \t]*(?:=[ \t]*"((?:[^"\\\n]|\\.)*)")?[ \t]*(,|\})'
)
_CLOSED = re.compile(r"[ \t]*\}")
_REST = re.compile(r"[ \t]*(\S+)(?:[ \t]+(\S+))?[ \t]*")
_META = re.compile(rf'#[ \t]+TYPE[ \t]+(?:({NAME})|"((?:[^"\\]|\\.)*)")[ \t]+([a-z]+)[ \t]*')
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ESCAPE = re.compile(r"\\(.)")
_GROWING = {
    "counter": ("_total", ""),
    "histogram": ("_bucket", "_count", "_sum"),
    "summary": ("_count", "_sum"),
}
"""Suffixes of the samples of a family that only grow, by its type."""
KNOWN_TYPES = frozenset(
    {"counter", "gauge", "histogram", "summary", "untyped", "unknown", "info", "stateset", "gaugehistogram"}
)


def number(text: str) -> tuple[float | None, bool]:
    """A number as Prometheus writes it, None where it is not finite; and whether it is one at all."""
    if _DECIMAL.fullmatch(text) and len(text) < 400:
        value = float(text)
        return (value, True) if math.isfinite(value) else (None, True)
    return None, text.lstrip("+-").lower() in {"nan", "inf", "infinity"}


@dataclass(slots=True)
class Exposition:
    """What was met while the lines of an exposition went by."""

    bad: int = 0
    shown: list[int] = field(default_factory=list)
    nonfinite: int = 0
    scrapes: int = 1
    is_open_metrics: bool = False
    is_cut: bool = False
    """Whether the file has what only OpenMetrics has, and not its end."""
    strange_types: dict[str, int] = field(default_factory=dict)
    _kinds: dict[str, str] = field(default_factory=dict)

    def points(self, path: Path) -> Iterator[MetricPoint]:
        """Every sample. Raises DAMAGED where a packed file breaks off."""
        self.is_open_metrics = _ends_with_eof(path)
        ended = False
        with open_unpacked(path) as stream:
            for count, offset, line in _lines(stream):
                if line is None:
                    self._miss(count)
                    continue
                text = line.strip(b" \t\r\n")
                if not text:
                    continue
                if ended:  # what follows an end was written later
                    self.scrapes += 1
                    ended = False
                if text.startswith(b"#"):
                    ended = text == EOF
                    self.is_cut = self.is_cut or (text.startswith(b"# UNIT ") and not self.is_open_metrics)
                    self._note_type(text)
                    continue
                point = self._sample(text, f"line:{count}@{offset}")
                if point is None:
                    self._miss(count)
                    continue
                self.is_cut = self.is_cut or (b" # {" in text and not self.is_open_metrics)
                yield point

    def _miss(self, count: int) -> None:
        self.bad += 1
        if len(self.shown) < 5:
            self.shown.append(count)

    def _note_type(self, text: bytes) -> None:
        found = _META.fullmatch(text.decode("utf-8", "replace"))
        if found is None:
            return
        name, kind = found[1] or _unescaped(found[2] or ""), found[3]
        if kind not in KNOWN_TYPES and len(self.strange_types) < 100:
            self.strange_types[kind[:40]] = self.strange_types.get(kind[:40], 0) + 1
        if len(self._kinds) < MAX_FAMILIES:
            self._kinds[name] = kind

    def _sample(self, line: bytes, locator: str) -> MetricPoint | None:
        parsed = _parsed(line.decode("utf-8", "replace"))
        if parsed is None:
            return None
        name, labels, raw, moment = parsed
        value, is_number = number(raw)
        if not is_number:
            return None
        at = None if moment is None else _moment(moment, is_seconds=self.is_open_metrics)
        if moment is not None and at is None:
            return None
        self.nonfinite += value is None
        return MetricPoint(
            series=name,
            locator=locator,
            value=value,
            raw=raw,
            labels=labels,
            window_end=at,
            kind="counter" if self._grows(name) else "gauge",
        )

    def _grows(self, name: str) -> bool:
        """Whether the sample's family, by its declared type, only grows until it is reset."""
        for suffix in ("_total", "_bucket", "_count", "_sum", ""):
            if not name.endswith(suffix):
                continue
            kind = self._kinds.get(name.removesuffix(suffix) if suffix else name)
            if kind is not None and suffix in _GROWING.get(kind, ()):
                return True
        return False


def named_as_counter(name: str, labels: dict[str, str]) -> bool:
    """Whether a series without a type has a name that only counters have, by the naming rules."""
    return name.endswith("_total") or (name.endswith("_bucket") and "le" in labels)


def _lines(stream: BinaryIO) -> Iterator[tuple[int, int, bytes | None]]:
    """Number, offset and text of each line; None in place of one that is too long to be one."""
    count = offset = 0
    while line := stream.readline(MAX_LINE_BYTES):
        count += 1
        here = offset
        offset += len(line)
        if line.endswith(b"\n") or len(line) < MAX_LINE_BYTES:
            yield count, here, line
            continue
        while (more := stream.readline(MAX_LINE_BYTES)) and not more.endswith(b"\n"):
            offset += len(more)
        offset += len(more)
        yield count, here, None


def _parsed(text: str) -> tuple[str, dict[str, str], str, str | None] | None:
    """Name, labels, number and time of a sample; None when the line is none."""
    head = _HEAD.match(text)
    if head is None:
        return None
    name, place = head[1], head.end()
    labels: dict[str, str] = {}
    if head[2]:
        while True:
            closed = _CLOSED.match(text, place)
            if closed is not None:
                place = closed.end()
                break
            label = _LABEL.match(text, place)
            if label is None or len(labels) >= MAX_LABELS:
                return None
            place = label.end()
            key = label[1] if label[1] is not None else _unescaped(label[2])
            if label[3] is not None:
                if key in labels:
                    return None
                labels[key] = _unescaped(label[3])
            elif name is None and label[2] is not None:
                name = key  # a quoted name stands among the labels
            else:
                return None
            if label[4] == "}":
                break
    if not name:
        return None
    rest = text[place:].split(" # ", 1)[0] if " # " in text[place:] else text[place:]
    found = _REST.fullmatch(rest)
    return None if found is None else (name, labels, found[1], found[2])


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: {"n": "\n"}.get(found[1], found[1]), text)


def _moment(text: str, *, is_seconds: bool) -> datetime | None:
    value, _ = number(text)
    if value is None:
        return None
    try:
        return datetime.fromtimestamp(value if is_seconds else value / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _ends_with_eof(path: Path) -> bool:
    """Whether the last words are those that OpenMetrics demands. A packed file is read through."""
    tail = b""
    try:
        with open_unpacked(path) as stream:
            while piece := stream.read(1 << 20):
                tail = (tail + piece)[-64:]
    except DAMAGED:
        return False
    return tail.rstrip().endswith(EOF)
