"""One coder's workbook: the texts and nothing of what was found about them.

It holds no outcome, grader, model, watch condition, group, category or file. Each coder has another order.
"""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from auditgen.canonical import sha256_bytes
from auditgen.drawing.cells import cell_text, settle
from auditgen.indicators.labelling import CANNOT_TELL
from auditgen.worksheet.labels import COLUMNS, CUT, GUIDE, KEEP, SCHEMA, SHEET, Item
from auditgen.worksheet.styling import FONT, LINE_POINTS, fit, height, text_cell

if TYPE_CHECKING:
    from auditgen.indicators.labelling import Wording
    from auditgen.worksheet.labels import Sheet, Task

WIDTHS = (24, 60, 90, 18, 40)
LABEL, NOTE = COLUMNS.index("Label") + 1, COLUMNS.index("Note") + 1


def write_workbook(sheet: Sheet, coder: int, day: date, out: BinaryIO) -> None:
    """Write the workbook of one coder; the same sheet, coder and day give the same bytes."""
    from openpyxl import Workbook

    workbook = Workbook()
    guide = workbook.active
    guide.title = GUIDE
    _guide(guide, sheet, coder)
    _labels(workbook.create_sheet(SHEET), sheet, coder)
    keep = workbook.create_sheet(KEEP)
    _keep(keep, sheet, coder)
    keep.sheet_state = "hidden"
    moment = datetime.combine(day, datetime.min.time())
    properties = workbook.properties
    properties.creator = "auditgen"
    properties.title = f"Labels, coder {coder}"
    properties.created = properties.modified = moment
    raw = io.BytesIO()
    workbook.save(raw)
    settle(raw, out, moment.replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def shown(item: Item) -> Item:
    """An item as its cells hold it: cut where it is too long, without characters that no cell can hold."""
    return Item(item.id, cell_text(item.prompt, CUT), cell_text(item.response, CUT))


def _guide(page: Any, sheet: Sheet, coder: int) -> None:
    from openpyxl.styles import Alignment, Font, Protection

    page.column_dimensions["A"].width = 72
    page.sheet_view.showGridLines = False
    for number, (text, is_heading) in enumerate(_guidance(sheet.task, sheet.wording, coder), 1):
        cell = text_cell(page, number, 1, text)
        cell.font = Font(name=FONT, size=13 if is_heading else 11, bold=is_heading)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        cell.protection = Protection(locked=True)
        page.row_dimensions[number].height = height(((text, 80),), 16.0)
    page.protection.sheet = True
    fit(page)


def _guidance(task: Task, wording: Wording, coder: int) -> tuple[tuple[str, bool], ...]:
    """Lines with whether each is a heading."""
    return (
        (f"How to label these answers (coder {coder})", True),
        (
            f"The sheet “{SHEET}” shows {task.drawn:,} answers of an AI system, each with what it was asked. "
            "They were drawn at random. Your word on each of them is used to find out how often the "
            "automatic grader of these answers is wrong. There is no right number of any label.",
            False,
        ),
        ("What you are asked", True),
        (wording.question, False),
        *((f"\N{BULLET} {line}", False) for line in wording.meaning),
        ("What to do", True),
        (f"1. Open the sheet “{SHEET}”. Read the prompt and the response of a row in full.", False),
        (
            "2. Choose one of the words in the column “Label”: "
            f"{wording.yes}, {wording.no} or {CANNOT_TELL}.",
            False,
        ),
        ("3. Write into “Note” what made the choice hard, if it was. A note is never required.", False),
        ("4. Label every row, and save the file under the name it has.", False),
        ("What not to do", True),
        (
            "Do not talk about these answers with the other coders, do not look at their files, and do not "
            "look at the report or at the grader's results before everybody has finished. Your labels count "
            "because they are independent.",
            False,
        ),
        (
            "Do not ask an AI system for the labels. They are wanted because they are the word of a person.",
            False,
        ),
        (
            "Do not change items, prompts or responses, do not add, remove or rename rows and sheets, and do "
            "not use formulas. A file that was changed in this way cannot be used.",
            False,
        ),
        ("The texts", True),
        (
            "They are shown as the system got and gave them. Some may be offensive, or may speak to you as "
            "if they could give you orders: follow only this page. Treat the file as confidential.",
            False,
        ),
    )


def _labels(page: Any, sheet: Sheet, coder: int) -> None:
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    page.freeze_panes = "B2"
    page.sheet_view.showGridLines = False
    for column, (name, width) in enumerate(zip(COLUMNS, WIDTHS, strict=True), 1):
        page.column_dimensions[get_column_letter(column)].width = width
        cell = text_cell(page, 1, column, name)
        cell.font = Font(name=FONT, size=11, bold=True)
        cell.fill = PatternFill("solid", fgColor="EEF1F4")
        cell.alignment = Alignment(vertical="center")
    top, line = Alignment(vertical="top", wrap_text=True), Side(style="thin", color="C9D0D8")
    open_fill = PatternFill("solid", fgColor="FFF8E1")
    for row, item in enumerate(_in_order(sheet, coder), 2):
        values = (item.id, item.prompt, item.response)
        for column, value in enumerate(values, 1):
            text_cell(page, row, column, value)
        for column in range(1, len(COLUMNS) + 1):
            cell = page.cell(row, column)
            cell.font = Font(name=FONT, size=11 if column > 1 else 9)
            cell.alignment = top
            cell.border = Border(bottom=line)
            cell.protection = Protection(locked=column not in {LABEL, NOTE})
            if column in {LABEL, NOTE}:
                cell.fill = open_fill
                cell.number_format = "@"  # what is typed stays text, whatever it looks like
        page.row_dimensions[row].height = height(tuple(zip(values, WIDTHS, strict=False)), LINE_POINTS)
    last = len(sheet.items) + 1
    rule = DataValidation(
        type="list",
        formula1=f'"{",".join(sheet.wording.words)}"',
        allow_blank=True,
        showErrorMessage=True,
        errorTitle="Label",
        error=f"Choose one of: {', '.join(sheet.wording.words)}.",
    )
    letter = get_column_letter(LABEL)
    rule.add(f"{letter}2:{letter}{last}")
    page.add_data_validation(rule)
    protection = page.protection
    protection.sheet = True
    protection.formatColumns = protection.formatRows = False  # widths may be changed
    page.page_setup.orientation = "landscape"
    page.print_title_rows = "1:1"
    fit(page)


def _in_order(sheet: Sheet, coder: int) -> list[Item]:
    """Another order for each coder, decided by seed and coder: tiredness must not hit the same items."""
    seed = sheet.task.seed
    items = sorted(sheet.items, key=lambda item: sha256_bytes(f"{seed}\n{coder}\n{item.id}".encode()))
    return [shown(item) for item in items]


def _keep(page: Any, sheet: Sheet, coder: int) -> None:
    """What reading needs: names and values, then items with the digests of their texts."""
    task = sheet.task
    rows = [
        ("schema", SCHEMA),
        ("audit", task.audit_id),
        ("criterion", task.criterion),
        ("definition", task.definition),
        ("seed", str(task.seed)),
        ("drawn", str(task.drawn)),
        ("population", str(task.population)),
        ("sample", task.sample),
        ("coder", str(coder)),
        ("yes", task.yes),
        ("no", task.no),
        *((item.id, shown(item).text_digest) for item in sorted(sheet.items, key=lambda item: item.id)),
    ]
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            text_cell(page, number, column, value)
    page.protection.sheet = True
