"""How cells, rows and pages of our workbooks look, and text that stays text."""

from __future__ import annotations

from typing import Any

from auditgen.drawing.cells import FORMULA_STARTS, cell_text, escaped
from auditgen.worksheet.labels import CUT

FONT = "Calibri"
MAX_LINES = 25
LINE_POINTS = 14.5


def text_cell(page: Any, row: int, column: int, value: str) -> Any:
    """A cell marked as text, so that no beginning can make it a formula."""
    cell = page.cell(row, column)
    cell.value = escaped(cell_text(value, CUT)) or None
    if cell.value is not None:
        cell.data_type = "s"
        cell.quotePrefix = value.startswith(FORMULA_STARTS)
        cell.number_format = "@"
    return cell


def fit(page: Any) -> None:
    """Printed as wide as the paper, on as many sheets as it takes."""
    page.page_setup.fitToWidth, page.page_setup.fitToHeight = 1, 0
    page.page_setup.paperSize = page.PAPERSIZE_A4
    page.sheet_properties.pageSetUpPr.fitToPage = True


def height(texts: tuple[tuple[str, int], ...], points: float, most: int = MAX_LINES) -> float:
    """Points for the tallest of some wrapped texts, each with the width of its column."""
    lines = 1
    for text, width in texts:
        lines = max(lines, sum(1 + len(part) // width for part in text[:5000].split("\n")))
    return points * min(lines, most) + 4
