"""JSON Lines as files of any size hold them: one value at a time, with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditgen.evidence.model import Anomaly
from auditgen.sources.jsontext import loads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

MAX_LINE_BYTES = 64 * 1024 * 1024
SHOWN_LINES = 5


@dataclass(slots=True)
class Lines:
    """What was met while a file's lines went by."""

    bad: int = 0
    shown: list[int] = field(default_factory=list)
    nonfinite: int = 0

    def objects(self, path: Path) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Line number, byte offset and value of every line that holds a JSON object."""
        with path.open("rb") as stream:
            yield from self.of(stream)

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
                value, nonfinite = loads(line)
            except ValueError:
                value, nonfinite = None, 0
            self.nonfinite += nonfinite
            if isinstance(value, dict):
                yield number, here, value
                continue
            self.bad += 1
            if len(self.shown) < SHOWN_LINES:
                self.shown.append(number)

    def anomalies(self) -> Iterator[Anomaly]:
        """Lines that were no object, numbers that were none."""
        if self.bad:
            shown = ", ".join(str(number) for number in self.shown)
            more = ", ..." if self.bad > len(self.shown) else ""
            yield Anomaly(
                "lines-unreadable", f"lines that are not a JSON object: {shown}{more}", self.bad
            )
        if self.nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", self.nonfinite)
