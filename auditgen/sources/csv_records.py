"""Rows of CSV files by their header, one at a time, each with its place."""

from __future__ import annotations

import codecs
import csv
from typing import TYPE_CHECKING

from auditgen.evidence.model import Anomaly
from auditgen.sources.lines import MAX_LINE_BYTES, open_unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

MAX_CELL = 1 << 24
_BOM = codecs.BOM_UTF8
_SHOWN = 5
DELIMITERS = ",;\t"


def header_of(head: bytes) -> list[str]:
    """The names in the first line of what may be a CSV file; empty where it is none."""
    line, newline, _ = head.removeprefix(_BOM).partition(b"\n")
    if not newline or b"\0" in line or line.lstrip().startswith((b"{", b"[")):
        return []
    text = line.decode("utf-8", "replace").rstrip("\r")
    try:
        rows = [next(csv.reader([text], delimiter=delimiter), []) for delimiter in DELIMITERS]
    except csv.Error:
        return []
    return [name.strip() for name in max(rows, key=len)]


class Records:
    """Locator (`line:N@BYTE`) and cells by column of each row. Raises DAMAGED, csv.Error at damage."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.ragged = 0
        self._lines: list[int] = []

    def __iter__(self) -> Iterator[tuple[str, dict[str, str]]]:
        with open_unpacked(self._path) as stream:
            lines = _Numbered(stream)
            first = next(lines, "")
            header = header_of(first.encode("utf-8") + b"\n")
            delimiter = max(DELIMITERS, key=lambda d: len(next(csv.reader([first], delimiter=d), [])))
            before = csv.field_size_limit(MAX_CELL)
            try:
                reader = csv.reader(lines, delimiter=delimiter)
                while True:
                    number, offset = lines.number + 1, lines.offset
                    row = next(reader, None)
                    if row is None:
                        return
                    if not any(row):
                        continue
                    if len(row) != len(header):
                        self.ragged += 1
                        if len(self._lines) < _SHOWN:
                            self._lines.append(number)
                        continue
                    yield f"line:{number}@{offset}", dict(zip(header, row, strict=True))
            finally:
                csv.field_size_limit(before)

    def anomalies(self) -> Iterator[Anomaly]:
        """Rows that do not fit the header."""
        if self.ragged:
            shown = ", ".join(str(number) for number in self._lines)
            message = f"rows with other cells than the header (line {shown})"
            yield Anomaly("lines-unreadable", message, self.ragged)


class _Numbered:
    """Lines of a stream as text, and where the next one begins."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.number = 0
        self.offset = 0

    def __iter__(self) -> _Numbered:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(MAX_LINE_BYTES)
        if not line:
            raise StopIteration
        if not self.number:
            self.offset = 0
        self.number += 1
        self.offset += len(line)
        return line.removeprefix(_BOM).decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
