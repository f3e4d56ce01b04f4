"""The workbook: real numbers, filters, frozen headers; text from logs can never become a formula."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from auditgen.drawing.cells import FORMULA_STARTS, cell_text, escaped, settle
from auditgen.drawing.sheets import Toned, sheets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditgen.drawing.sheets import Row, Sheet
    from auditgen.report import Document

FILE_NAME = "report.xlsx"
MAX_LINES = 12
FONT = "Calibri"
CUT = " [cut; see report.json]"
TONES = {"bad": "A11D2B", "good": "0F6B4F", "comment": "1D5C8F", "gap": "8A5A00", "none": "46505E"}


def render(
    document: Document, tables: Mapping[str, Sequence[tuple[object, ...]]], out: BinaryIO
) -> None:
    """Write the workbook; the same document gives the same bytes."""
    from openpyxl import Workbook

    workbook = Workbook(write_only=True)
    for sheet in sheets(document, tables):
        _write(workbook, sheet)
    moment = datetime.combine(date.fromisoformat(document.meta.as_of), datetime.min.time())
    properties = workbook.properties
    properties.creator = document.meta.tool
    properties.title = document.meta.title
    properties.created = properties.modified = moment
    raw = io.BytesIO()
    workbook.save(raw)
    settle(raw, out, moment.replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _write(workbook: Any, sheet: Sheet) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    page = workbook.create_sheet(sheet.title[:31])
    header = 3 if sheet.note else 1
    page.freeze_panes = f"A{header + 1}"
    page.sheet_view.showGridLines = False
    page.page_setup.orientation = "landscape"
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr.fitToPage = True
    page.print_title_rows = f"{header}:{header}"
    for index, (_, width, _) in enumerate(sheet.columns, 1):
        page.column_dimensions[get_column_letter(index)].width = width
    last = get_column_letter(len(sheet.columns))
    page.auto_filter.ref = f"A{header}:{last}{max(header + len(sheet.rows), header + 1)}"
    if sheet.note:
        note = _cell(WriteOnlyCell, page, sheet.note, "")
        note.font = Font(name=FONT, size=10, italic=True, color="5B6470")
        page.append([note])
        page.append([])
    headings = []
    for heading, _, _ in sheet.columns:
        cell = _cell(WriteOnlyCell, page, heading, "")
        cell.font = Font(name=FONT, size=10, bold=True)
        cell.fill = PatternFill("solid", fgColor="EEF1F4")
        cell.alignment = Alignment(vertical="center", wrap_text=True)
        headings.append(cell)
    page.append(headings)
    top = Alignment(vertical="top", wrap_text=True)
    plain = Font(name=FONT, size=10)
    for row_number, row in enumerate(sheet.rows, header + 1):
        cells: list[Any] = []
        for value, (_, _, number_format) in zip(row, sheet.columns, strict=True):
            if value is None or value == "":
                cells.append(None)
                continue
            if isinstance(value, Toned):
                cell = _cell(WriteOnlyCell, page, value.status.word, "")
                cell.font = Font(name=FONT, size=10, bold=True, color=TONES[value.status.tone])
            else:
                cell = _cell(WriteOnlyCell, page, value, number_format)
                cell.font = plain
            cell.alignment = top
            cells.append(cell)
        page.row_dimensions[row_number].height = _height(row, sheet.columns)
        page.append(cells)


def _height(row: Row, columns: tuple[tuple[str, int, str], ...]) -> float:
    """Points for the tallest wrapped cell, up to twelve lines: no program measures rows it did not write."""
    lines = 1
    for value, (_, width, _) in zip(row, columns, strict=True):
        text = value.status.word if isinstance(value, Toned) else str(value)
        needed = sum(1 + len(part) // max(1, int(width * 1.05)) for part in text[:2000].split("\n"))
        lines = max(lines, needed)
    return 14.5 * min(lines, MAX_LINES) + 2


def _cell(cell_type: Any, page: Any, value: object, number_format: str) -> Any:
    """A typed cell. Text is marked as text, so that no beginning can make it a formula."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = cell_text(str(value), CUT)
        cell = cell_type(page, escaped(text))
        cell.data_type = "s"
        cell.quotePrefix = text.startswith(FORMULA_STARTS)
        return cell
    cell = cell_type(page, value)
    if number_format:
        cell.number_format = number_format
    return cell
