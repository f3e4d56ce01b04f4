"""JSON as real tools write it: with NaN, Infinity and lone surrogates, which strict parsers refuse.

A non-finite number is an anomaly and never a value: it arrives as the text `NaN`, `Infinity` or
`-Infinity`, which no reader takes for a number. A lone surrogate arrives as U+FFFD.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal, DecimalException
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BytesIO
    from pathlib import Path
    from typing import BinaryIO

CHUNK_BYTES = 1 << 16
_LOW, _HIGH = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}", rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_TOKEN = re.compile(
    rb'(?P<pair>%b%b)|(?P<lone>%b|%b)|\\.|"|-?Infinity|NaN' % (_HIGH, _LOW, _HIGH, _LOW), re.DOTALL
)
_HOLD_BACK = 12  # the longest token
_IRREGULAR = (b"NaN", b"Infinity", b"\\ud", b"\\uD")
_SURROGATE = re.compile("[\ud800-\udfff]")
MAX_DEPTH = 500
"""How deep a streamed document may be nested."""
PLACE_DEPTH = 4
_DEEP = "\x00"  # no place of a key can be written so
PARSED_BYTES = 1 << 19
"""Handed to the parser at once: what it pays for a long text grows with the square of its pieces."""
MAX_TEXT_BYTES = 1 << 27
"""Of one text in a streamed document: it has to stand in memory whole."""
MAX_COUNT = 2**53


def loads(data: bytes) -> tuple[Any, int]:
    """A JSON value and how many non-finite numbers it held. Raises ValueError when it is not JSON."""
    try:
        return orjson.loads(data), 0
    except orjson.JSONDecodeError:
        pass
    count = 0

    def constant(name: str) -> str:
        nonlocal count
        count += 1
        return name

    try:
        text = data.decode("utf-8", "surrogatepass")
        value = json.loads(text, parse_constant=constant)
        if b"\\ud" in data or b"\\uD" in data or _SURROGATE.search(text):
            value = _without_surrogates(value)
        return value, count
    except RecursionError:
        message = "nested too deeply"
        raise ValueError(message) from None


def load_file(path: Path, limit: int) -> tuple[Any, int]:
    """A whole JSON file as `loads` gives it. Raises ValueError beyond `limit` bytes, OSError as `open`."""
    with path.open("rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        message = f"larger than {limit:,} bytes"
        raise ValueError(message)
    return loads(data)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    return value


def is_irregular(data: bytes) -> bool:
    """Whether a strict parser may stumble: over letters of a non-finite number, over surrogates."""
    return any(data.find(word) >= 0 for word in _IRREGULAR)


def is_irregular_file(path: Path) -> bool:
    """The same for a file, a piece at a time: a mapped file would count as memory of the process."""
    tail = b""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            piece = tail + chunk
            if is_irregular(piece):
                return True
            tail = piece[-_HOLD_BACK:]
    return False


class FiniteStream:
    """A byte stream in which bare NaN and Infinity have become quoted text; counts them.

    Escapes of lone surrogates have become U+FFFD.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._pending = b""
        self._ready = b""
        self._in_string = False
        self._at_end = False
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; empty at the end."""
        while not self._at_end and (size < 0 or len(self._ready) < size):
            chunk = self._stream.read(CHUNK_BYTES)
            self._at_end = not chunk
            self._ready += self._convert(chunk)
        if size < 0:
            size = len(self._ready)
        out, self._ready = self._ready[:size], self._ready[size:]
        return out

    def _convert(self, chunk: bytes) -> bytes:
        data = self._pending + chunk
        cut = len(data) if self._at_end else max(0, len(data) - _HOLD_BACK)
        out = []
        position = 0
        for match in _TOKEN.finditer(data):
            if match.start() >= cut:
                break
            token = match.group()
            if token == b'"':
                self._in_string = not self._in_string
            elif match["lone"]:
                out += [data[position : match.start()], b"\\ufffd"]
                position = match.end()
            elif not self._in_string and token[:1] != b"\\":
                self.count += 1
                out += [data[position : match.start()], b'"', token, b'"']
                position = match.end()
            cut = max(cut, match.end())
        out.append(data[position:cut])
        self._pending = data[cut:]
        return b"".join(out)


class _Counted:
    """A stream that counts what was taken from it since the parser last had something to say."""

    def __init__(self, stream: BinaryIO | FiniteStream | BytesIO) -> None:
        self._stream = stream
        self.silent = 0

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes. Raises ValueError when a text does not end."""
        if self.silent > MAX_TEXT_BYTES:
            message = f"a text or a gap of more than {MAX_TEXT_BYTES:,} bytes"
            raise ValueError(message)
        data = self._stream.read(size)
        self.silent += len(data)
        return data


def parse_events(
    stream: BinaryIO | FiniteStream | BytesIO, *, is_series: bool = False
) -> Iterator[tuple[str, str, Any]]:
    """(place, event, value) as `ijson.parse` gives them, in linear time whatever the nesting.

    `is_series`: whether values may follow each other without an array around them.
    Places deeper than readers look at are not spelled out. Raises ValueError beyond `MAX_DEPTH`
    and `MAX_TEXT_BYTES`.
    """
    stack: list[tuple[str, str | None]] = []  # place of each open container, place of an array's items
    here = ""
    counted = _Counted(stream)
    # with `use_float` large integers are refused
    for event, value in _basic(counted, is_series):
        counted.silent = 0
        if event == "map_key":
            place = stack[-1][0]
            yield place, event, value
            here = _inside(place, value, len(stack))
        elif event in {"start_map", "start_array"}:
            if len(stack) >= MAX_DEPTH:
                message = "nested too deeply"
                raise ValueError(message)
            yield here, event, value
            items = _inside(here, "item", len(stack)) if event == "start_array" else None
            stack.append((here, items))
            here = items if items is not None else here
        elif event in {"end_map", "end_array"}:
            yield stack.pop()[0], event, value
            if not stack:
                here = ""  # another value may follow
            elif stack[-1][1] is not None:
                here = stack[-1][1]
        else:
            yield here, event, float(value) if isinstance(value, Decimal) else value


def _basic(stream: _Counted, is_series: bool) -> Iterator[tuple[str, Any]]:
    """What ijson says; a number with an exponent beyond all reason is a fault of the file like any other."""
    import ijson

    try:
        yield from ijson.basic_parse(stream, buf_size=PARSED_BYTES, multiple_values=is_series)
    except DecimalException as error:
        message = "a number that nothing can hold"
        raise ValueError(message) from error


def _inside(place: str, name: str, depth: int) -> str:
    if depth > PLACE_DEPTH:
        return _DEEP
    return f"{place}.{name}" if place else name


def build_object(events: Iterator[tuple[str, str, Any]], prefix: str) -> dict[str, Any]:
    """The object whose `start_map` was just taken from ijson's `events` at `prefix`."""
    import ijson

    builder = ijson.ObjectBuilder()
    builder.event("start_map", None)
    for here, event, value in events:
        builder.event(event, value)
        if here == prefix and event == "end_map":
            break
    built: dict[str, Any] = builder.value
    return built


def as_dict(value: Any) -> dict[str, Any]:
    """`value` when it is an object, else an empty one: foreign files hold anything anywhere."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """`value` when it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def last_said(turns: list[Any], role: str) -> str | None:
    """The last text that one side of a conversation said; turns are `{role, content}`."""
    texts = [as_dict(turn).get("content") for turn in turns if as_dict(turn).get("role") == role]
    return next((text for text in reversed(texts) if isinstance(text, str)), None)


def as_count(value: Any) -> int | None:
    """`value` when it is a number of things, None for anything else."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_COUNT
    return value if is_count else None


def as_number(value: Any) -> float | None:
    """A finite number (true and false are 1 and 0), None for anything else."""
    if not isinstance(value, bool | int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def raw_text(value: Any) -> str:
    """A score's value verbatim, as JSON writes it: `null`, `true`, `0.5`, a text as itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return as_text(value)


def as_text(value: Any) -> str:
    """A scalar as the text that stands for it, a structure as JSON; empty for null."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        try:
            return orjson.dumps(value).decode("utf-8")
        except (TypeError, RecursionError):
            return "(a structure)"
    return str(value)
