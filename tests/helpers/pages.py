"""Reading the outputs back: HTML as a browser parses it, the PDF's text, the workbook's cells."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import tinyhtml5  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

VOID = {"style", "script"}


def plain(text: str) -> str:
    """Text with every run of white space as one space."""
    return " ".join(text.split())


def squeezed(text: str) -> str:
    """Text without white space: where lines break differs between outputs."""
    return re.sub(r"\s+", "", text)


@dataclass(frozen=True)
class Page:
    """An HTML file."""

    text: str

    @cached_property
    def root(self) -> Element:
        """The tree that a browser would build."""
        root: Element = tinyhtml5.parse(self.text, namespace_html_elements=False)
        return root

    def all(self, *tags: str) -> list[Element]:
        """Every element of these kinds, SVG included, in order; without a kind, every element."""
        every = [e for e in self.root.iter() if not callable(e.tag)]  # comments have no name
        return [e for e in every if not tags or tag(e) in tags]

    @cached_property
    def words(self) -> str:
        """Everything a reader sees."""
        return plain(" ".join(shown(self.root)))

    def by_id(self, name: str) -> Element:
        """The element with this id."""
        (found,) = [e for e in self.all() if e.get("id") == name]
        return found


def tag(element: Element) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def shown(element: Element) -> Iterator[str]:
    """Text nodes, without style sheets."""
    if callable(element.tag) or tag(element) in VOID:
        yield element.tail or ""
        return
    yield element.text or ""
    for child in element:
        yield from shown(child)
    yield element.tail or ""


def pdf_text(path: Path) -> str:
    """The text of a PDF as poppler reads it, without the lines that stand on every page.

    Skips where poppler's tools are not at hand.
    """
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext (Debian package poppler-utils)")
    body = ["-x", "0", "-y", "40", "-W", "600", "-H", "755"]
    command = ["pdftotext", "-raw", "-enc", "UTF-8", *body, str(path), "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode(
        "utf-8", "replace"
    )


@dataclass(frozen=True)
class Book:
    """A workbook: rows as dictionaries, by sheet."""

    path: Path

    @cached_property
    def sheets(self) -> dict[str, list[dict[str, Any]]]:
        """Every sheet's rows by heading. A sheet with a note has its headings in the third row."""
        book = openpyxl.load_workbook(self.path)
        out = {}
        for sheet in book.worksheets:
            rows = list(sheet.iter_rows(values_only=True))
            top = int(str(sheet.freeze_panes)[1:]) - 2
            heads = [str(cell) for cell in rows[top] if cell is not None]
            out[sheet.title] = [dict(zip(heads, row, strict=False)) for row in rows[top + 1 :]]
        return out
