"""The workbook of an audit: what may be edited is open, the rest is locked, every list is a dropdown."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from auditgen.drawing.cells import escaped, settle
from auditgen.worksheet.guide import guidance
from auditgen.worksheet.sheets import (
    DELETE,
    DELETE_TITLE,
    GUIDE,
    KEPT,
    LISTS,
    SCHEMA,
    Column,
    Kind,
    Row,
    Shown,
    day,
    lines_of,
    parse,
    plain,
)
from auditgen.worksheet.styling import FONT, LINE_POINTS, fit, height, text_cell

if TYPE_CHECKING:
    from auditgen.worksheet.sheets import Page

MAX_ROW_LINES = 12
HEAD, SHADE, INK, LINE = "E8ECF1", "F4F6F8", "46505E", "D5DAE1"
DELETE_COLUMN = Column(
    DELETE_TITLE, "Choose “delete” to take this entry out of audit.yaml. A row that is missing is a fault.",
    width=10, choices=(DELETE,),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """What a workbook was made from."""

    audit: str
    """SHA-256 of audit.yaml."""
    tool: str
    name: str
    """The report's id, for the title."""
    last_day: date
    """Of the period; the date that the file bears."""


@dataclass(slots=True)
class _Lists:
    """The words of all dropdowns: each list once, in a column of a hidden sheet."""

    page: Any
    places: dict[tuple[str, ...], str] = field(default_factory=dict)

    def place(self, words: tuple[str, ...]) -> str:
        from openpyxl.utils import get_column_letter

        if words not in self.places:
            number = len(self.places) + 1
            for row, word in enumerate(words, 1):
                text_cell(self.page, row, number, word)
            letter = get_column_letter(number)
            self.places[words] = f"{LISTS}!${letter}$1:${letter}${len(words)}"
        return self.places[words]


def write_book(pages: tuple[Page, ...], origin: Origin, out: BinaryIO) -> None:
    """Write the workbook; the same pages and origin give the same bytes."""
    from openpyxl import Workbook

    book = Workbook()
    guide = book.active
    guide.title = GUIDE
    _guide(guide, pages, origin)
    lists = _Lists(book.create_sheet(LISTS))
    for page in pages:
        _page(book.create_sheet(page.title, len(book.sheetnames) - 1), page, lists)
    lists.page.sheet_state = "hidden"
    lists.page.protection.sheet = True
    kept = book.create_sheet(KEPT)
    _kept(kept, pages, origin)
    kept.sheet_state = "veryHidden"
    moment = datetime.combine(origin.last_day, datetime.min.time())
    properties = book.properties
    properties.creator = "auditgen"
    properties.title = f"Audit {origin.name}"
    properties.created = properties.modified = moment
    raw = io.BytesIO()
    book.save(raw)
    settle(raw, out, moment.replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _guide(sheet: Any, pages: tuple[Page, ...], origin: Origin) -> None:
    from openpyxl.styles import Alignment, Font

    sheet.column_dimensions["A"].width = 100
    sheet.sheet_view.showGridLines = False
    for number, (text, is_heading) in enumerate(guidance(pages, origin.name), 1):
        cell = text_cell(sheet, number, 1, text)
        cell.font = Font(name=FONT, size=13 if is_heading else 11, bold=is_heading)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        sheet.row_dimensions[number].height = height(((text, 105),), 16.0)
    sheet.protection.sheet = True
    fit(sheet)


def _page(sheet: Any, page: Page, lists: _Lists) -> None:
    from openpyxl.utils import get_column_letter

    extra = (DELETE_COLUMN,) if page.can_delete else ()
    columns = (*page.columns, *extra)
    sheet.freeze_panes = "B2"
    sheet.sheet_view.showGridLines = False
    for number, column in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(number)].width = column.width
        _heading(sheet, number, column)
    empty = Row("", page.columns, tuple(Shown() for _ in page.columns))
    rules: dict[tuple[Kind, tuple[str, ...], bool], list[str]] = {}
    for number, row in enumerate((*page.rows, *[empty] * page.spare), 2):
        all_columns = (*row.columns, *extra)
        all_cells = (*row.cells, *(Shown() for _ in extra))
        for position, (column, shown) in enumerate(zip(all_columns, all_cells, strict=True), 1):
            is_locked = column.is_locked or shown.is_fixed
            _cell(sheet, number, position, column, shown, is_locked=is_locked)
            if not is_locked:
                name = f"{get_column_letter(position)}{number}"
                rules.setdefault((column.kind, column.choices, column.is_open), []).append(name)
        texts = tuple((c.text, col.width) for c, col in zip(row.cells, row.columns, strict=True))
        sheet.row_dimensions[number].height = height(texts, LINE_POINTS, MAX_ROW_LINES)
    for (kind, choices, is_open), names in rules.items():
        _validate(sheet, kind, lists.place(choices) if choices else "", names, is_open=is_open)
    last = len(page.rows) + page.spare + 1
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{last}"
    protection = sheet.protection
    protection.sheet = True
    protection.autoFilter = protection.formatColumns = protection.formatRows = False  # these are allowed
    sheet.page_setup.orientation = "landscape"
    sheet.print_title_rows = "1:1"
    fit(sheet)


def _heading(sheet: Any, number: int, column: Column) -> None:
    from openpyxl.comments import Comment
    from openpyxl.styles import Alignment, Font, PatternFill

    cell = text_cell(sheet, 1, number, column.title)
    cell.font = Font(name=FONT, size=11, bold=True)
    cell.fill = PatternFill("solid", fgColor=HEAD)
    cell.alignment = Alignment(vertical="center", wrap_text=True)
    words = [column.about.replace("`", "")]
    if column.is_needed:
        words.append("Needed.")
    if column.kind is Kind.LIST and not column.is_locked:
        words.append("Several: with commas between them, or each on its own line.")
    if column.is_locked:
        words.append("Read only.")
    text = escaped(plain(" ".join(words)))
    cell.comment = Comment(text, "auditgen", width=300, height=30 + 18 * (1 + len(text) // 42))
    sheet.row_dimensions[1].height = 22


def _cell(sheet: Any, row: int, number: int, column: Column, shown: Shown, *, is_locked: bool) -> None:
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side

    kind = Kind.TEXT if shown.is_fixed else column.kind
    if shown.text and kind in {Kind.NUMBER, Kind.WHOLE, Kind.DAY}:
        cell = sheet.cell(row, number)
        cell.value = day(shown.text) if kind is Kind.DAY else parse(shown.text, kind)
    else:
        cell = text_cell(sheet, row, number, shown.text)
    texts = "General" if is_locked else "@"  # what is typed stays text, whatever it looks like
    cell.number_format = {Kind.DAY: "yyyy-mm-dd", Kind.NUMBER: "General", Kind.WHOLE: "0"}.get(kind, texts)
    cell.font = Font(name=FONT, size=11, bold=number == 1, color=INK if is_locked else "000000")
    cell.alignment = Alignment(vertical="top", wrap_text=True, horizontal="left")
    cell.border = Border(bottom=Side(style="thin", color=LINE))
    cell.protection = Protection(locked=is_locked)
    if is_locked:
        cell.fill = PatternFill("solid", fgColor=SHADE)
    if shown.link:
        cell.hyperlink = shown.link
        cell.font = Font(name=FONT, size=11, color="1D5C8F", underline="single")


def _validate(sheet: Any, kind: Kind, place: str, names: list[str], *, is_open: bool) -> None:
    from openpyxl.worksheet.cell_range import MultiCellRange
    from openpyxl.worksheet.datavalidation import DataValidation

    if place and kind is not Kind.LIST:
        rule = DataValidation(type="list", formula1=place)
        rule.error = "Choose one of the words of the list."
        rule.showErrorMessage = not is_open
    elif kind is Kind.DAY:
        rule = DataValidation(
            type="date", operator="between", formula1="DATE(1901,1,1)", formula2="DATE(2199,12,31)"
        )
        rule.error = "Type a date, such as 2026-09-30."
    elif kind is Kind.NUMBER:
        rule = DataValidation(type="decimal", operator="between", formula1="0", formula2="100000")
        rule.error = "Type a number."
    elif kind is Kind.WHOLE:
        rule = DataValidation(type="whole", operator="between", formula1="1", formula2="999999999")
        rule.error = "Type a whole number, 1 or more."
    else:
        return
    if not place:
        rule.showErrorMessage = True
    rule.allow_blank = True
    rule.errorTitle = "Not possible here"
    rule.sqref = MultiCellRange(_ranges(names))
    sheet.add_data_validation(rule)


def _ranges(names: list[str]) -> str:
    """Cells as few ranges: those of one column that follow each other are one."""
    out: list[tuple[str, int, int]] = []
    for name in sorted(names, key=lambda n: (n[0], int(n[1:]))):
        letter, number = name[0], int(name[1:])
        if out and out[-1][0] == letter and out[-1][2] == number - 1:
            out[-1] = (letter, out[-1][1], number)
        else:
            out.append((letter, number, number))
    return " ".join(f"{letter}{a}:{letter}{b}" if a < b else f"{letter}{a}" for letter, a, b in out)


def _kept(sheet: Any, pages: tuple[Page, ...], origin: Origin) -> None:
    """What the reading needs: where it came from, then every value as it was written."""
    rows: list[tuple[str, ...]] = [("schema", SCHEMA), ("audit", origin.audit), ("tool", origin.tool)]
    rows += [(*place, text) for place, text in lines_of(pages).items()]
    for number, row in enumerate(rows, 1):
        for position, text in enumerate(row, 1):
            text_cell(sheet, number, position, text)
    sheet.protection.sheet = True
