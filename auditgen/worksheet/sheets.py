"""What a workbook of an audit holds, before it is cells: sheets, columns, and values as text.

Every value has one text form (`Shown`), the same for the workbook that is written, for the one that comes
back and for audit.yaml. Two values are equal when their texts are. A value that its text could not give back
is shown and locked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from auditgen.canonical import sha256_bytes
from auditgen.drawing.cells import cell_text

SCHEMA = "auditgen-audit-sheet-1"
GUIDE, LISTS, KEPT = "How to", "Lists", "Kept"
DELETE_TITLE, DELETE = "Delete?", "delete"
CUT = " [cut here: a cell cannot hold more]"
MAX_WHOLE = 10**15
"""A workbook holds numbers with 15 digits."""
FIRST_YEAR = 1901
"""Before it, programs do not agree about dates."""
_BREAK = re.compile("_x000D_\n?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Kind(StrEnum):
    """What a cell holds."""

    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole number"
    DAY = "date"
    LIST = "list"
    """Several texts: with commas between them, or each on its own line."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, or one cell's rules where the cells of a column differ."""

    title: str
    about: str
    """What it means, in a sentence or two; the note of the heading."""
    path: tuple[str, ...] = ()
    """Keys inside the entry; empty for what is no key of its own."""
    kind: Kind = Kind.TEXT
    width: int = 20
    choices: tuple[str, ...] = ()
    is_open: bool = False
    """Whether words outside `choices` are allowed too."""
    is_locked: bool = False
    is_needed: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as its cell shows it."""

    text: str = ""
    is_fixed: bool = False
    """It cannot be edited here: its text does not say all of it."""
    link: str = ""
    """A relative address that the cell leads to."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `key` is the text of its first cell."""

    key: str
    columns: tuple[Column, ...]
    cells: tuple[Shown, ...]

    def is_locked(self, number: int) -> bool:
        """Whether the cell may not be changed."""
        return self.columns[number].is_locked or self.cells[number].is_fixed


@dataclass(frozen=True, slots=True)
class Page:
    """One sheet."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    spare: int = 0
    """Empty rows for new entries."""
    can_delete: bool = False

    @property
    def is_read_only(self) -> bool:
        """Whether nothing on it may be changed."""
        return not self.spare and all(row.is_locked(n) for row in self.rows for n in range(len(row.cells)))

    @property
    def titles(self) -> tuple[str, ...]:
        """The headings, with that of the mark for deleting."""
        return (*(c.title for c in self.columns), *((DELETE_TITLE,) if self.can_delete else ()))


def plain(text: str) -> str:
    """A text as a cell holds it and gives it back: line ends of one kind, no control characters, no rim."""
    return cell_text(text.replace("\r\n", "\n").replace("\r", "\n"), CUT).strip()


def same(one: str, other: str) -> bool:
    """Whether two texts are equal, whatever a program did to what looks like a character's number."""
    return one == other or _without_numbers(one) == _without_numbers(other)


def _without_numbers(text: str) -> str:
    """A text with what a library or program may have decoded, or not, made alike."""
    return _BREAK.sub("\n", text.replace("x005F_", ""))


def show(value: Any, kind: Kind) -> Shown:
    """A value of audit.yaml as text; fixed where the text would not give it back."""
    if value is None:
        return Shown()
    text = _text(value, kind)
    if (
        text is not None
        and (text or value in ("", []))
        and plain(text) == text
        and _is_whole(value, text, kind)
    ):
        return Shown(text)
    shown = ", ".join(str(v) for v in value) if isinstance(value, list) else str(value)
    return Shown(plain(shown), is_fixed=True)


def _text(value: Any, kind: Kind) -> str | None:
    """None where the value is not of the kind."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in {Kind.TEXT, Kind.DAY}:
        return plain(value) if isinstance(value, str) else None
    if kind is Kind.LIST:
        is_texts = isinstance(value, list) and all(isinstance(v, str) for v in value)
        return joined([plain(v) for v in value]) if is_texts else None
    if not is_number or (kind is Kind.WHOLE and not isinstance(value, int)):
        return None
    return number_text(value)


def _is_whole(value: Any, text: str, kind: Kind) -> bool:
    given = parse(text, kind)
    if kind is Kind.DAY:
        return day(text) is not None
    if kind is Kind.LIST:
        return (given or []) == [v.strip() for v in value]
    if kind is Kind.TEXT:
        return bool((given or "") == value.strip())
    return bool(given == value) and abs(value) < MAX_WHOLE


def parse(text: str, kind: Kind) -> Any:
    """What audit.yaml holds for a text; None where the text is empty. The text must be of the kind."""
    if not text:
        return None
    if kind is Kind.LIST:
        return items(text)
    if kind is Kind.NUMBER:
        return int(text) if re.fullmatch(r"-?[0-9]{1,15}", text) else float(text)
    return int(text) if kind is Kind.WHOLE else text


def number_text(value: float) -> str:
    """A number with the 15 digits that every spreadsheet keeps."""
    return str(value) if isinstance(value, int) else f"{value:.15g}"


def day(text: str) -> date | None:
    """The day that a text names; None where it names none that a spreadsheet can hold."""
    try:
        found = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None
    return found if found is not None and found.year >= FIRST_YEAR else None


def joined(values: list[str]) -> str:
    """Several texts as one: by commas, or by lines where a text has a comma itself."""
    return ("\n" if any("," in value for value in values) else ", ").join(values)


def items(text: str) -> list[str]:
    """The texts of a list as it is written in a cell."""
    parts = text.split("\n") if "\n" in text else text.split(",")
    return [part.strip() for part in parts if part.strip()]


Lines = dict[tuple[str, str, str], str]
"""By sheet, key and heading: the text of a cell, or a digest where it may not be changed."""


def lines_of(pages: tuple[Page, ...]) -> Lines:
    """Everything that is shown, to be compared with what comes back."""
    return {
        (page.title, row.key, column.title): digest(cell.text) if row.is_locked(number) else cell.text
        for page in pages
        for row in page.rows
        for number, (column, cell) in enumerate(zip(row.columns, row.cells, strict=True))
    }


def digest(text: str) -> str:
    """Identity of a text that may not be changed: of its letters and digits, 16 digits of SHA-256."""
    letters = "".join(c for c in _without_numbers(text) if c.isalnum())
    return sha256_bytes(letters.encode("utf-8", "replace"))[:16]


def locked(column: Column) -> Column:
    """The same column, not to be changed."""
    return replace(column, is_locked=True)
