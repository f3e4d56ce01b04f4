"""JSON Lines as files of any size hold them: one value at a time, with its place."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from auditgen.evidence.model import Anomaly
from auditgen.evidence.packed import DAMAGED, ZSTD_MAGIC, is_packed, open_unpacked, packing
from auditgen.sources.jsontext import loads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["DAMAGED", "ZSTD_MAGIC", "Lines", "is_packed", "open_unpacked", "packing"]
MAX_LINE_BYTES = 64 * 1024 * 1024
SHOWN_LINES = 5


@dataclass(slots=True)
class Lines:
    """What was met while a file's lines went by."""

    bad: int = 0
    cut: str = ""
    """Why reading stopped before the end, where it did."""
    partial: int = 0
    """The number of a last line that has no end and is no JSON: it was still being written."""
    shown: list[int] = field(default_factory=list)
    nonfinite: int = 0

    def objects(self, path: Path) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Line number, byte offset and value of every line that holds a JSON object.

        Packed files are unpacked; the offsets are those of the unpacked text. Damage ends the reading.
        """
        with open_unpacked(path) as stream:
            try:
                yield from self.of(stream)
            except DAMAGED as error:
                self.cut = str(error)[:100] or type(error).__name__

    def of(
        self, stream: BinaryIO, offset: int = 0, number: int = 0
    ) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """The same for an open stream that stands at `offset`, behind line `number`."""
        while line := stream.readline(MAX_LINE_BYTES):
            number += 1
            here, offset = offset, offset + len(line)
            if not line.strip():
                continue
            try:
                value, nonfinite = loads(line if here else line.removeprefix(codecs.BOM_UTF8))
            except ValueError:
                value, nonfinite = None, 0
            self.nonfinite += nonfinite
            if isinstance(value, dict):
                yield number, here, value
                continue
            if not line.endswith(b"\n") and value is None and len(line) < MAX_LINE_BYTES:
                self.partial = number
            self.bad += 1
            if len(self.shown) < SHOWN_LINES:
                self.shown.append(number)

    def anomalies(self) -> Iterator[Anomaly]:
        """Lines that were no object, numbers that were none, an end that is missing."""
        if self.cut:
            yield Anomaly("truncated", f"the file is damaged or cut off: {self.cut}", blocks=True)
        if self.bad:
            shown = ", ".join(str(number) for number in self.shown)
            more = ", ..." if self.bad > len(self.shown) else ""
            more += f"; line {self.partial}, the last one, was not finished" if self.partial else ""
            yield Anomaly(
                "lines-unreadable", f"lines that are not a JSON object: {shown}{more}", self.bad
            )
        if self.nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", self.nonfinite)
