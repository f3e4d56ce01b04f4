"""What a workbook keeps from whoever opens it: hidden rows and columns of a sheet.

They are read and counted like any others. But a person who checks the report against the open workbook
sees another table, and a filter is the easiest way to show somebody only the good answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Any
from xml.parsers import expat

CHUNK_BYTES = 1 << 16
MAX_INDEX = 16_384
"""Columns a sheet can have."""
MIN_SIZE = 0.5
"""Points of height, or letters of width, below which nothing can be seen."""


@dataclass(slots=True)
class Hidden:
    """Counts of what is not shown."""

    rows: int = 0
    columns: int = 0


class _Refused(Exception):
    """The XML declares entities, which no sheet needs."""


def hidden_parts(sheet: IO[bytes]) -> Hidden:
    """Hidden rows and columns of a worksheet's XML, the row of the column names not counted.

    Streams. XML that cannot be read to its end gives what was seen: whoever reads the cells will say so.
    """
    found = Hidden()
    parser = expat.ParserCreate()
    row = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal row
        match name.rpartition(":")[2]:
            case "row":
                row = _number(attributes.get("r")) or row + 1
                # a height of next to nothing hides as well
                is_hidden = _is_true(attributes, "hidden") or _is_nothing(attributes.get("ht"))
                found.rows += is_hidden and row > 1
            case "col":
                first, last = (_number(attributes.get(end)) for end in ("min", "max"))
                if _is_true(attributes, "hidden") or _is_nothing(attributes.get("width")):
                    found.columns += max(0, min(last, MAX_INDEX) - first + 1) if first else 0

    def refuse(*_: Any) -> None:
        raise _Refused

    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse
    try:
        while chunk := sheet.read(CHUNK_BYTES):
            parser.Parse(chunk, False)
    except (expat.ExpatError, _Refused, ValueError):
        pass
    return found


def _is_true(attributes: dict[str, str], name: str) -> bool:
    return attributes.get(name, "").strip().lower() in {"1", "true", "on"}


def _is_nothing(size: str | None) -> bool:
    if size is None:
        return False
    try:
        return float(size) < MIN_SIZE
    except ValueError:
        return False


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
