"""What a workbook of labels holds: the task that all coders share, the items, and what was filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from auditgen.canonical import sha256_bytes
from auditgen.indicators.labelling import Wording

SCHEMA = "auditgen-labels-1"
GUIDE, SHEET, KEEP = "How to", "Labels", "Do not edit"
"""The sheets."""
COLUMNS = ("Item", "Prompt", "Response", "Label", "Note")
CUT = " [cut here: the text goes on, but a cell cannot hold more]"
_ESCAPE = re.compile(r"_x[0-9A-Fa-f]{4}_")
"""How a workbook writes a character by its number (ECMA-376, ST_Xstring); `_x005F_` is the underscore."""
_ESCAPES = re.compile(r"_(?:x[0-9A-Fa-f]{4}_)+")


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked, of which sample. It is the same in every coder's workbook."""

    audit_id: str
    criterion: str
    definition: str
    """Digest of the indicator, which decides what is asked."""
    seed: int
    drawn: int
    population: int
    """Records that the sample was drawn from."""
    sample: str
    """Digest over the items."""
    yes: str
    no: str


@dataclass(frozen=True, slots=True)
class Item:
    """One answer to label."""

    id: str
    prompt: str
    response: str

    @property
    def text_digest(self) -> str:
        """Identity of the two texts, whatever a program did to spaces, line ends and quotes."""
        return text_digest(self.prompt, self.response)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything that is written into the workbooks."""

    task: Task
    wording: Wording
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a workbook cannot be used, and where that stands in it."""

    code: str
    message: str
    sheet: str = ""
    cell: str = ""

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the cell, from 1; the first where the fault is of a whole sheet."""
        found = re.fullmatch(r"([A-Z])([0-9]+)", self.cell)
        return (1, 1) if found is None else (int(found[2]), ord(found[1]) - ord("A") + 1)

    @property
    def text(self) -> str:
        """In one line, with the place."""
        place = ""
        if self.sheet:
            place = f"sheet `{self.sheet}`" + (f", cell `{self.cell}`" if self.cell else "") + ": "
        return f"{place}{self.message}"


@dataclass(frozen=True, slots=True)
class Filled:
    """What was read from one workbook. With faults nothing in it counts."""

    task: Task | None
    """None where it is no workbook of ours."""
    coder: int
    labels: Mapping[str, bool | None]
    """By item; None is `cannot tell`. Items that were not labelled are not there."""
    texts: Mapping[str, str]
    """By item: the digest of its texts as the cells hold them now."""
    faults: tuple[Fault, ...]


def escaped(text: str) -> str:
    """A text of which no part reads as a character's number, so that every program shows what was written."""
    return _ESCAPE.sub(lambda found: f"_x005F_{found[0][1:]}", text)


def text_digest(prompt: str, response: str) -> str:
    """SHA-256 over the letters and digits of both texts, 16 digits of it."""
    plain = (_ESCAPES.sub("", text) for text in (prompt, response))
    parts = ("".join(c for c in text if c.isalnum()) for text in plain)
    return sha256_bytes("\n".join(parts).encode("utf-8", "replace"))[:16]
