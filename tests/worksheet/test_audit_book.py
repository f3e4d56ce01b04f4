"""The audit as a workbook: open where it may be edited, locked elsewhere, safe to open, the same every time."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from helpers import audit_book

from auditgen.cli import run
from auditgen.drawing.cells import escaped
from auditgen.project.governance import Waiver
from auditgen.worksheet.pages import relative_link

if TYPE_CHECKING:
    from pathlib import Path

SHEETS = [
    "How to", "About", "Profile", "Principles", "Criteria", "Expected", "Documents", "Attestations", "Waivers",
    "Remediation", "Controls", "Sources", "Lists", "Kept",
]  # fmt: skip


@pytest.fixture
def book(tmp_path: Path) -> Any:
    return openpyxl.load_workbook(audit_book.exported(audit_book.project(tmp_path)))


def dropdown(book: Any, sheet: str, cell: str) -> tuple[list[str], bool]:
    """The words of a cell's list, and whether others are refused."""
    [rule] = [r for r in book[sheet].data_validations.dataValidation if cell in r.sqref and r.type == "list"]
    name, _, area = rule.formula1.partition("!")
    assert name == "Lists"
    return [
        c.value for row in book["Lists"][area.replace("$", "")] for c in row
    ] if ":" in area else [], bool(rule.showErrorMessage)


def test_sheets_and_their_states(book: Any) -> None:
    assert book.sheetnames == SHEETS
    assert all(page.protection.sheet and not page.protection.password for page in book)
    assert [page.sheet_state for page in book][-2:] == ["hidden", "veryHidden"]
    assert {page.sheet_state for page in book.worksheets[:-2]} == {"visible"}
    for page in book.worksheets[1:-2]:
        assert page.freeze_panes == "B2"
        assert page.auto_filter.ref.startswith("A1:")
        assert all(cell.comment and cell.comment.text for cell in page[1] if cell.value)


def test_what_is_open_and_what_is_locked(book: Any) -> None:
    for sheet, key, title, is_locked in (
        ("About", "organisation.name", "Value", False),
        ("About", "organisation.name", "Key", True),
        ("Profile", "facts.talks", "Answer", False),
        ("Profile", "facts.talks", "Question", True),
        ("Principles", "P1", "Promise", False),
        ("Principles", "P1", "Answers", True),
        ("Criteria", "C1", "Id", True),
        ("Criteria", "C1", "Limit", False),
        ("Criteria", "C2", "Only records with", True),
        ("Controls", "house:1", "Answered by", False),
        ("Controls", "house:1", "Requirement", True),
        ("Sources", "lab", "Files", True),
    ):
        assert audit_book.at(book[sheet], key, title).protection.locked is is_locked, (sheet, title)
    assert book["Criteria"]["A5"].value is None
    assert book["Criteria"]["A5"].protection.locked is False  # a row for a new criterion
    locked = {cell.protection.locked for row in book["Sources"].iter_rows(min_row=2) for cell in row}
    assert locked == {True}


def test_dropdowns_come_from_the_model_and_the_checklists(book: Any) -> None:
    assert dropdown(book, "Criteria", "F2") == (["at_least", "at_most", "within"], True)
    assert dropdown(book, "Criteria", "K2")[0] == [
        "self",
        "internal_separate",
        "external",
        "external_accredited",
    ]
    assert dropdown(book, "Remediation", "I2")[0] == ["open", "in_progress", "done"]
    assert dropdown(book, "Waivers", "B2") == (["house:1", "house:2"], True)
    assert dropdown(book, "Criteria", "B5") == (["P1", "P2"], False)  # a new principle is possible
    row = audit_book.at(book["Profile"], "facts.size", "Answer").row
    assert dropdown(book, "Profile", f"C{row}")[0] == ["small", "large, very"]
    assert dropdown(book, "Waivers", "I2")[0] == ["delete"]


def test_numbers_and_dates_are_real(book: Any) -> None:
    limit = audit_book.at(book["Criteria"], "C1", "Limit")
    assert (limit.value, limit.data_type) == (0.9, "n")
    assert audit_book.at(book["Waivers"], "W1", "Last day").value.date() == date(2026, 12, 31)
    assert audit_book.at(book["Criteria"], "C1", "Confidence").value is None  # a default is not a declaration


def test_notes_say_what_the_model_says(book: Any) -> None:
    heads = {cell.value: cell.comment.text for cell in book["Waivers"][1]}
    assert str(Waiver.model_fields["last_day"].description) in heads["Last day"]
    assert "Empty means 30." in {c.value: c.comment.text for c in book["Criteria"][1]}["Least n"]


def test_controls_with_what_applies_and_who_answers(book: Any) -> None:
    page = book["Controls"]
    assert audit_book.at(page, "house:1", "Applies?").value == "applies"
    assert audit_book.at(page, "house:1", "Answered by").value == "P1"
    assert audit_book.at(page, "house:1", "Evidence").value == "EV-REF or EV-ASR"
    assert audit_book.at(page, "house:2", "Answered by").value is None


def test_the_same_audit_gives_the_same_bytes(tmp_path: Path) -> None:
    audit = audit_book.project(tmp_path)
    first = audit_book.exported(audit).read_bytes()
    assert audit_book.exported(audit).read_bytes() == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_nothing_is_replaced_without_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit = audit_book.project(tmp_path)
    path = audit_book.exported(audit)
    path.write_bytes(b"mine")
    assert run(["worksheet", "export", str(audit)]) == 1
    assert "lies there already" in capsys.readouterr().err
    assert path.read_bytes() == b"mine"


HOSTILE = '=HYPERLINK("http://x","y") _x0041__x000D_ \x1b[31m'


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    title = "=1+1 _x0041_"
    audit = audit_book.project(tmp_path, remediation=[audit_book.remedy("R1", action=HOSTILE, of="@SUM(A1)")])
    text = audit.read_text("utf-8").replace("title: Refuses", f'title: "{title}"')
    audit.write_text(text, "utf-8")
    path = audit_book.exported(audit)
    book = openpyxl.load_workbook(path)
    cell = audit_book.at(book["Principles"], "P1", "Title")
    assert (cell.value, cell.data_type, cell.quotePrefix) == (escaped(title), "s", True)
    assert all(c.data_type != "f" for page in book for row in page.iter_rows() for c in row)
    action = audit_book.at(book["Remediation"], "R1", "Action")
    assert "\x1b" not in action.value
    assert action.protection.locked is True  # its text cannot be given back whole, so it is only shown
    assert audit_book.imported(audit) == 0
    assert (tmp_path / "audit.new.yaml").read_bytes() == audit.read_bytes()


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("evidence/a.json", "evidence/a.json"),
        ("evidence/*.json", "evidence"),
        ("evidence/a b#1.json", "evidence/a%20b%231.json"),
        ("*.json", ""),
        ("../a.json", ""),
        ("a/../../b", ""),
        ("/etc/passwd", ""),
        ("//host/share", ""),
        ("\\\\host\\share", ""),
        ("C:/x", ""),
        ("http://x/y", ""),
        ("javascript:alert(1)", ""),
        ("~/x", ""),
        ("a\nb", ""),
    ],
)
def test_a_link_leads_below_the_file_or_nowhere(name: str, link: str) -> None:
    assert relative_link(name) == link


def test_escapes_are_told_apart() -> None:
    """What a program decodes by the rule of ECMA-376 is the text that was written."""
    import re

    def decoded(text: str) -> str:
        return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)

    for text in (
        "_x0041_",
        "_x0041_x0042_",
        "_x005F_x0041_",
        "__x0041__",
        "x0041_",
        "_x41_",
        "_X0041_",
        "_x00e9_",
    ):
        assert decoded(escaped(text)) == text
    assert escaped("plain _x_ text") == "plain _x_ text"
