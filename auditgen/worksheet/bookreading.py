"""A workbook of an audit as it came back: its cells as text, and every fault with its place.

A workbook is somebody's file: it is measured before it is opened, and nothing in it is taken on trust.
"""

from __future__ import annotations

import io
import math
import re
import warnings
import zipfile
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from auditgen.diagnostics import shown_value
from auditgen.worksheet.faults import Fault, Unusable
from auditgen.worksheet.opening import measure, page_cells
from auditgen.worksheet.sheets import KEPT, SCHEMA, Kind, Lines, number_text, plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

MAX_BYTES = 1 << 24
MAX_INFLATED = 1 << 26
MAX_ROWS = 20_000
MAX_CELL = 100_000
_ESCAPED = re.compile("_x005F_(?=x[0-9A-Fa-f]{4}_)")
_BREAK = re.compile("(?<!_x005F)_x000D_\n?")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|_x00(?:0[0-8BCEF]|1[0-9A-F])_", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Came:
    """What one cell holds."""

    value: Any = None
    is_formula: bool = False
    is_error: bool = False

    @property
    def text(self) -> str:
        """As text, whatever it holds; empty for nothing."""
        if self.value is None:
            return ""
        if isinstance(self.value, datetime):
            return self.value.date().isoformat()
        return plain(clear(str(self.value)))


@dataclass(frozen=True, slots=True)
class Returned:
    """A workbook of ours, before anybody asked whether its edits make sense."""

    audit: str
    """SHA-256 of the audit.yaml that it was made from."""
    tool: str
    lines: Lines
    """What it held when it was made, as it says itself."""
    sheets: dict[str, list[list[Came]]]
    merged: dict[str, list[str]] = field(default_factory=dict)
    """Ranges of merged cells by sheet."""


def read_book(data: bytes) -> Returned:
    """The cells of a workbook. Raises Unusable where it is none of ours or cannot be read."""
    try:
        measure(data, max_bytes=MAX_BYTES, max_inflated=MAX_INFLATED)
        sheets = _sheets(data)
        merged = _merged(data)
    except Unusable as stop:
        code = stop.fault.code.replace("labels-", "workbook-")
        raise Unusable(Fault(code, stop.fault.message, stop.fault.sheet, stop.fault.cell)) from stop
    if KEPT not in sheets:
        message = (
            f"it was not written by `auditgen worksheet export`, or its hidden sheet `{KEPT}` was removed"
        )
        raise Unusable(Fault("workbook-not-ours", message))
    rows = [[cell.text for cell in row] for row in sheets.pop(KEPT)]
    told = {row[0]: row[1] for row in rows[:3] if len(row) > 1}
    if told.get("schema") != SCHEMA or not re.fullmatch("[0-9a-f]{64}", told.get("audit", "")):
        raise Unusable(Fault("workbook-not-ours", f"it does not say `{SCHEMA}`", KEPT, "B1"))
    lines: Lines = {}
    for row in rows[3:]:
        title, key, column, text = (*row, "", "", "", "")[:4]
        if title:
            lines[title, key, column] = text
    return Returned(told["audit"], told.get("tool", ""), lines, sheets, merged)


def _sheets(data: bytes) -> dict[str, list[list[Came]]]:
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what openpyxl would leave out when it saved the workbook
            book = load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
            try:
                return {page.title: [_came(row) for row in _rows(page)] for page in book.worksheets[:40]}
            finally:
                book.close()
    except Unusable:
        raise
    except Exception as error:  # openpyxl raises whatever its XML makes it raise
        message = f"it is no sound workbook: {type(error).__name__}"
        raise Unusable(Fault("labels-unreadable", message)) from error


def _rows(page: Any) -> list[list[Any]]:
    return page_cells(page, max_rows=MAX_ROWS)


def _came(row: list[Any]) -> list[Came]:
    kinds = [getattr(cell, "data_type", "n") for cell in row]
    return [Came(cell.value, kind == "f", kind == "e") for cell, kind in zip(row, kinds, strict=True)]


def _merged(data: bytes) -> dict[str, list[str]]:
    """Merged ranges, which the streaming reader does not tell: from the parts themselves."""
    from xml.etree.ElementTree import fromstring

    out: dict[str, list[str]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            links = fromstring(archive.read("xl/_rels/workbook.xml.rels"))
            targets = {link.get("Id", ""): link.get("Target", "") for link in links}
            for sheet in _all(fromstring(archive.read("xl/workbook.xml")), "sheet"):
                relation = next((v for k, v in sheet.attrib.items() if k.endswith("}id")), "")
                target = targets.get(relation, "")
                part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
                if part in names:
                    found = re.findall(
                        rb"<(?:\w+:)?mergeCell\s[^>]*?ref=\"([A-Z0-9:]+)\"", archive.read(part)
                    )
                    out[sheet.get("name", "")] = [ref.decode("ascii") for ref in found]
    except Exception as error:  # whatever a damaged part makes the parser raise
        message = f"it is no sound workbook: {type(error).__name__}"
        raise Unusable(Fault("labels-unreadable", message)) from error
    return out


def _all(root: Element, name: str) -> Iterator[Element]:
    return (element for element in root.iter() if element.tag.rpartition("}")[2] == name)


def clear(text: str) -> str:
    """A text as its writer meant it, where a program wrote characters by their numbers."""
    return _ESCAPED.sub("_", _BREAK.sub("\n", text)) if "_x" in text else text


def cell_value(came: Came, kind: Kind) -> tuple[str, str]:
    """The text form of a cell, and what is wrong with it; one of the two is empty."""
    value = came.value
    if came.is_formula:
        return "", "a formula stands here; write the value itself"
    if came.is_error:
        return "", f"the error {shown_value(str(value))} stands here"
    if value is None:
        return "", ""
    if kind in {Kind.TEXT, Kind.LIST}:
        return _text_value(value)
    if isinstance(value, str):
        if not value.strip():
            return "", ""
        what = "date" if kind is Kind.DAY else "number"
        return "", f"{shown_value(value)} is a text, not a {what}; type it again as a {what}"
    if kind is Kind.DAY:
        return _day_value(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "", f"a {_word(value)} stands where a number is expected"
    if not math.isfinite(value):
        return "", "this is no number"
    if kind is Kind.WHOLE and value != int(value):
        return "", f"`{value}` is not a whole number"
    return number_text(int(value) if value == int(value) and abs(value) < 1e15 else value), ""


def _text_value(value: Any) -> tuple[str, str]:
    if not isinstance(value, str):
        return "", f"a {_word(value)} stands where text is expected; write it as text, with ' before it"
    if len(value) > MAX_CELL or _CONTROL.search(_ESCAPED.sub("", value)):
        return "", "the text holds control characters, or is longer than a cell can be"
    return plain(clear(value)), ""


def _day_value(value: Any) -> tuple[str, str]:
    if isinstance(value, datetime):
        if value.time() != datetime.min.time():
            return "", "a time of day stands here; write the date alone"
        value = value.date()
    if not isinstance(value, date):
        return "", f"a {_word(value)} stands where a date is expected; format the cell as a date"
    return value.isoformat(), ""


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "truth value"
    return "number" if isinstance(value, int | float) else "date or time"
