"""Rows that a tool exported, whatever the file: CSV, JSON Lines, a JSON array, JSON objects, Parquet.

CSV and JSON may be packed (gzip, zstd); byte offsets are those of the unpacked text. Every row is a record by
name of column; columns that hold JSON as text stay text, because only the reader knows which they are
(`nested`).
"""

from __future__ import annotations

import codecs
import csv
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import ijson
import orjson

from auditgen.evidence.model import Anomaly
from auditgen.sources.interface import HEAD_BYTES, Probe
from auditgen.sources.jsontext import FiniteStream, build_object, loads, parse_events
from auditgen.sources.lines import DAMAGED, SHOWN_LINES, Lines, open_unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

JSON_FORMS = frozenset({"jsonl", "json", "object"})
PARQUET_MAGIC = b"PAR1"
MAX_CELL = 64 * 1024 * 1024
MAX_LINE = 256 * 1024 * 1024
MAX_WIDTH = 5000
MAX_OBJECT = 64 * 1024 * 1024
"""Of one object over several lines, before it is read a piece at a time."""
BATCH_ROWS = 512
MAX_HELD = 1 << 20
_BLANK = b"\xef\xbb\xbf \t\r\n"
_LOOKED_AT = 20
_OPENINGS = frozenset('{["')
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the zone is the column's, or nobody's
_SHAPES: WeakKeyDictionary[Probe, Shape] = WeakKeyDictionary()


class Shape:
    """How a file holds its rows, and what the columns of the first row are called."""

    __slots__ = ("columns", "first", "form")

    def __init__(self, form: str, columns: frozenset[str], first: dict[str, Any] | None = None) -> None:
        self.form = form
        """csv, jsonl, json, object or parquet; empty for anything else."""
        self.columns = columns
        self.first = first or {}
        """The first row, where it is whole in the beginning of a file of JSON lines."""


def shape_of(probe: Probe) -> Shape:
    """The form and the columns, as far as the beginning of the file tells. Never raises."""
    known = _SHAPES.get(probe)
    if known is None:
        known = _SHAPES[probe] = _shape(probe)
    return known


def _shape(probe: Probe) -> Shape:
    if probe.head.startswith(PARQUET_MAGIC):
        return Shape("parquet", frozenset(_parquet_names(probe.path)))
    inner = probe.unpacked
    if inner.head.startswith(codecs.BOM_UTF8):
        inner = Probe(inner.path, inner.head[len(codecs.BOM_UTF8) :])
    start = inner.head.lstrip()[:1]
    if start == b"{":
        if isinstance(inner.first_line, dict):
            return Shape("jsonl", frozenset(map(str, inner.first_line)), inner.first_line)
        return Shape("jsonl" if _are_lines(inner) else "object", inner.top_keys)
    if start == b"[":
        return Shape("json", inner.item_keys)
    if b"\x00" in inner.head:
        return Shape("", frozenset())
    names, _ = _header(inner.head)
    return Shape("csv" if len(names) > 1 else "", frozenset(names))


def _are_lines(inner: Probe) -> bool:
    """Whether each line is an object, although the first one cannot be read: too long, or damaged."""
    lines = inner.head.split(b"\n")
    if len(lines) == 1:
        return inner.size > len(inner.head)
    # inside of one printed object, objects on lines of their own are indented
    return any(line.startswith(b"{") and _is_object(line) for line in lines[1:_LOOKED_AT])


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(loads(line)[0], dict)
    except (ValueError, RecursionError):
        return False


def _parquet_names(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return [str(name) for name in file.schema_arrow.names[:MAX_WIDTH]]
    except (pa.ArrowException, OSError, ValueError, MemoryError):
        return []


def _header(head: bytes) -> tuple[list[str], str]:
    """The names in the first line and what separates them."""
    line = head.partition(b"\n")[0].decode("utf-8-sig", "replace").rstrip("\r")
    best: tuple[list[str], str] = ([], ",")
    for delimiter in ",;\t":
        try:
            names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:
            continue
        if len(names) > len(best[0]):
            best = (names, delimiter)
    return best


def nested(value: Any) -> Any:
    """What a text of JSON stands for, also where it was written as text twice; anything else as it is."""
    if type(value) is not str:  # as nearly always
        return value
    for _ in range(3):
        if not isinstance(value, str) or value.lstrip()[:1] not in _OPENINGS:
            break
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            try:
                value = loads(value.encode("utf-8", "surrogatepass"))[0]
            except ValueError:
                break
    return value


class ExportedRows:
    """The rows of one file. Damage ends them and is remembered; no fault of the file is raised."""

    def __init__(
        self, path: Path, *, repair: Callable[[str], str] | None = None, trailing_comma: bool = False
    ) -> None:
        self._path = path
        self._repair = repair
        """What is done to each cell of a CSV, where its writer escapes it twice."""
        self._trailing_comma = trailing_comma
        """Whether the tool is known to leave a comma behind the last item of an array."""
        self._lines = Lines()
        self._nonfinite = 0
        self._fault = ""
        self._ragged = 0
        self._shown: list[str] = []
        self.shape = shape_of(Probe(path))

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        match self.shape.form:
            case "jsonl":
                for number, offset, row in self._lines.objects(self._path):
                    yield f"line:{number}@{offset}", row
            case "json":
                yield from self._array()
            case "object":
                yield from self._object()
            case "csv":
                yield from self._csv()
            case "parquet":
                yield from self._parquet()

    def anomalies(self) -> Iterator[Anomaly]:
        """Why rows are missing, where they are."""
        yield from self._lines.anomalies()
        if self._fault:
            message = f"the file breaks off or is damaged: {self._fault}"
            yield Anomaly("truncated", message, blocks=True)
        if self._ragged:
            shown = ", ".join(self._shown)
            message = f"rows that do not have the header's width, or are no object: {shown}"
            yield Anomaly("lines-unreadable", message, self._ragged)
        if self._nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", self._nonfinite)

    def _array(self) -> Iterator[tuple[str, dict[str, Any]]]:
        return self._parsed("item")

    def _object(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """One object over several lines, or several that follow each other."""
        with open_unpacked(self._path) as raw:
            try:
                data = raw.read(MAX_OBJECT + 1)
            except DAMAGED:
                data = b""  # what stands before the damage is read below
        value: Any = None
        if 0 < len(data) <= MAX_OBJECT:
            try:
                value, self._nonfinite = loads(data.lstrip(_BLANK))
            except ValueError:
                value = None
        if isinstance(value, dict):
            yield "pointer:", value
        else:
            yield from self._parsed("")

    def _parsed(self, wanted: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The objects at one place, a piece of the file at a time: `item` of an array, or the outermost."""
        number = -1
        with open_unpacked(self._path) as raw:
            finite = FiniteStream(raw)
            bounded = _Bounded(_Trimmed(finite) if self._trailing_comma else finite)
            try:
                if raw.peek(len(codecs.BOM_UTF8)).startswith(codecs.BOM_UTF8):  # type: ignore[attr-defined]
                    raw.read(len(codecs.BOM_UTF8))
                events = parse_events(bounded, is_series=not wanted)  # type: ignore[arg-type]
                for place, event, _ in events:
                    if place != wanted or event in {"end_map", "end_array", "map_key"}:
                        continue
                    bounded.taken = 0
                    number += 1
                    where = f"pointer:/{number}" if wanted else f"document:{number + 1}"
                    if event == "start_map":
                        yield where, build_object(events, place)
                    else:
                        self._reject(where)
            except (ijson.JSONError, ValueError, RecursionError, *DAMAGED) as error:
                self._fault = str(error).split("\n")[0][:100] or type(error).__name__
            self._nonfinite = finite.count

    def _reject(self, where: str) -> None:
        self._ragged += 1
        if len(self._shown) < SHOWN_LINES:
            self._shown.append(f"`{where}`")

    def _csv(self) -> Iterator[tuple[str, dict[str, Any]]]:
        csv.field_size_limit(MAX_CELL)  # of the whole process: there is no other
        with open_unpacked(self._path) as stream:
            places = _Places(stream)
            try:
                rows = csv.reader(places, delimiter=_header(_beginning(self._path))[1])
                header = [name.strip() for name in next(rows, [])[:MAX_WIDTH]]
                where = (places.number, places.offset)
                for row in rows:
                    if places.is_ended:  # a whole row asks for nothing beyond it
                        self._fault = f"the quote that opens in line {where[0]} is never closed"
                    elif len(row) == len(header):
                        yield f"line:{where[0]}@{where[1]}", self._cells(header, row)
                    elif row:
                        self._reject(f"line:{where[0]}")
                    where = (places.number, places.offset)
            except (csv.Error, *DAMAGED) as error:
                self._fault = str(error)[:100] or type(error).__name__

    def _cells(self, header: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
        if self._repair is None:
            return {name: cell or None for name, cell in zip(header, row, strict=True)}
        return {name: self._repair(cell) if cell else None for name, cell in zip(header, row, strict=True)}

    def _parquet(self) -> Iterator[tuple[str, dict[str, Any]]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        number = 0
        try:
            with pq.ParquetFile(self._path) as file:
                for batch in file.iter_batches(batch_size=BATCH_ROWS):
                    names = batch.schema.names
                    columns = [_values(column) for column in batch.columns]
                    for cells in zip(*columns, strict=True):
                        number += 1
                        yield f"row:{number}", dict(zip(names, cells, strict=True))
        except (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
            self._fault = str(error).split("\n")[0][:100] or type(error).__name__


class _Places:
    """Lines of a file as text, and where the next one begins."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.offset = 0
        self.number = 1
        self.is_ended = False

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(MAX_LINE):
            self.offset += len(line)
            self.number += 1
            encoding = "utf-8-sig" if self.number == 2 else "utf-8"
            yield line.decode(encoding, "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
        self.is_ended = True


class _Bounded:
    """A stream that ends with ValueError where one object does not."""

    def __init__(self, stream: FiniteStream | _Trimmed) -> None:
        self._stream = stream
        self.taken = 0
        """Bytes since the last object began."""

    def read(self, size: int = -1) -> bytes:
        """Up to about `size` bytes."""
        data = self._stream.read(size)
        self.taken += len(data)
        if self.taken > MAX_OBJECT:
            message = f"one object of more than {MAX_OBJECT:,} bytes"
            raise ValueError(message)
        return data


class _Trimmed:
    """A stream of a JSON array without the comma that some tools leave behind its last item."""

    def __init__(self, stream: FiniteStream) -> None:
        self._stream = stream
        self._held = b""
        self._at_end = False

    def read(self, size: int = -1) -> bytes:
        """Up to about `size` bytes; the end is held back until it is known to be the end."""
        if size == 0:  # the parser asks what kind of stream this is
            return b""
        while not self._at_end:
            piece = self._stream.read(size if size > 0 else HEAD_BYTES)
            self._at_end = not piece
            data = self._held + piece
            if self._at_end:
                self._held = b""
                body, bracket, rest = data.rpartition(b"]")
                if bracket and not rest.strip() and body.rstrip().endswith(b","):
                    data = body.rstrip()[:-1] + b"]"
                return data
            cut = len(data.rstrip(b",] \t\r\n"))
            if len(data) - cut > MAX_HELD:  # no tool ends a file so
                cut = len(data)
            self._held = data[cut:]
            if cut:
                return data[:cut]
        return b""


def _beginning(path: Path) -> bytes:
    with open_unpacked(path) as stream:
        return stream.read(HEAD_BYTES)


def _values(column: Any) -> list[Any]:
    """A column's values as Python has them; times survive whatever their unit and year."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind):
        moments = column.cast(pa.int64()).to_pylist()
        return [_moment(value, kind.unit, kind.tz is not None) for value in moments]
    try:
        values: list[Any] = column.to_pylist()
    except (UnicodeDecodeError, pa.ArrowException, ValueError, OverflowError):
        values = []
        for cell in column:
            try:
                values.append(cell.as_py())
            except (UnicodeDecodeError, pa.ArrowException, ValueError, OverflowError):
                values.append(None)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [None if value is None else value.decode("utf-8", "replace") for value in values]
    if pa.types.is_map(kind):
        return [None if value is None else {str(k): v for k, v in value} for value in values]
    return values


_PER_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}


def _moment(value: int | None, unit: str, has_zone: bool) -> datetime | None:
    if value is None:
        return None
    try:
        at = _EPOCH + timedelta(microseconds=value * 1_000_000 // _PER_SECOND[unit])
    except OverflowError:
        return None
    return at.replace(tzinfo=UTC) if has_zone else at
