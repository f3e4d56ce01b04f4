"""What a workbook of labels holds: the task that all coders share, the items, and what was filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from auditgen.canonical import sha256_bytes
from auditgen.indicators.labelling import Wording
from auditgen.worksheet.faults import Fault

SCHEMA = "auditgen-labels-1"
GUIDE, SHEET, KEEP = "How to", "Labels", "Do not edit"
"""The sheets."""
COLUMNS = ("Item", "Prompt", "Response", "Label", "Note")
CUT = " [cut here: the text goes on, but a cell cannot hold more]"
_ESCAPES = re.compile(r"_(?:x[0-9A-Fa-f]{4}_)+")
"""Characters written by their numbers: see `auditgen.drawing.cells.escaped`."""


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


def text_digest(prompt: str, response: str) -> str:
    """SHA-256 over the letters and digits of both texts, 16 digits of it."""
    plain = (_ESCAPES.sub("", text) for text in (prompt, response))
    parts = ("".join(c for c in text if c.isalnum()) for text in plain)
    return sha256_bytes("\n".join(parts).encode("utf-8", "replace"))[:16]
