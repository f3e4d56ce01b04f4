"""Spoiled workbooks of an audit: every fault with its sheet and cell, all at once, exit 4, nothing written."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from helpers import audit_book
from helpers.audit_book import DAY, add, at

from auditgen.worksheet.bookreading import Came, cell_value, read_book
from auditgen.worksheet.faults import Unusable
from auditgen.worksheet.sheets import Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def put(sheet: str, cell: str, value: Any) -> Callable[[Any], None]:
    def change(book: Any) -> None:
        book[sheet][cell] = value

    return change


def row(sheet: str, *values: Any) -> Callable[[Any], None]:
    def change(book: Any) -> None:
        add(book[sheet], *values)

    return change


def key(sheet: str, name: str, title: str, value: Any) -> Callable[[Any], None]:
    def change(book: Any) -> None:
        at(book[sheet], name, title).value = value

    return change


def retitled(book: Any) -> None:
    book["Waivers"].title = "Ausnahmen"


def removed(book: Any) -> None:
    del book["Controls"]


def without_kept(book: Any) -> None:
    del book["Kept"]


def more(book: Any) -> None:
    book.create_sheet("Notes")["B2"] = "do not forget"


def merged(book: Any) -> None:
    book["Expected"].merge_cells("B2:C2")


def plain_number(book: Any) -> None:
    cell = at(book["Waivers"], "W1", "Last day")
    cell.value, cell.number_format = 46000, "General"


def swapped(book: Any) -> None:
    page = book["Criteria"]
    page["A3"] = page["A2"].value


FAULTS: dict[str, tuple[Callable[[Any], None], list[str]]] = {
    "a sheet renamed": (retitled, ["there is no sheet `Waivers`; it was renamed or removed", "sheet `Ausnahmen`: this sheet"]),
    "a sheet removed": (removed, ["there is no sheet `Controls`"]),
    "the hidden sheet removed": (without_kept, ["its hidden sheet `Kept` was removed"]),
    "a sheet of one's own": (more, ["sheet `Notes`: this sheet is not one of ours"]),
    "a heading changed": (put("Waivers", "C1", "Grund"), ["cell `A1`: the heading `Reason` is not there", "cell `C1`: `Grund` is no"]),
    "a heading twice": (put("Waivers", "C1", "Control"), ["`Control` stands there twice", "`Reason` is not there"]),
    "something beside the columns": (put("Waivers", "L3", "x"), ["cell `L3`: nothing is read from here"]),
    "cells merged": (merged, ["cell `B2`: the cells `B2:C2` are merged"]),
    "an id changed": (put("Waivers", "A2", "W9"), ["the row of `W1` is gone or its id was changed"]),
    "an id twice": (swapped, ["cell `A3`: `C1` stands here a second time", "the row of `C2` is gone"]),
    "a row removed": (lambda book: book["Remediation"].delete_rows(2), ["sheet `Remediation`: the row of `R1` is gone"]),
    "a row without an id": (put("Waivers", "C9", "why not"), ["cell `A9`: there is no `Id`"]),
    "a row where none can be": (put("Controls", "A9", "house:3"), ["cell `A9`: `house:3` is no row", "none can be added"]),
    "a read-only text changed": (put("Controls", "C2", "It may refuse."), ["cell `C2`: `Requirement` of `house:1` cannot"]),
    "a read-only cell as a formula": (put("Controls", "B2", '="Refuse harm"'), ["cell `B2`: `Title` of `house:1` cannot"]),
    "the principle of a criterion changed": (put("Criteria", "B2", "P2"), ["cell `B2`: `Principle` of `C1` cannot be changed"]),
    "a filter filled in": (row("Criteria", "C9", "P1", "refusal-rate", "lab", "category = x", "at_least", 0.5), ["cell `E5`: `Only"]),
    "a formula": (put("Criteria", "G2", "=1/2"), ["cell `G2`: a formula stands here"]),
    "an error value": (put("Criteria", "G2", "#DIV/0!"), ["cell `G2`: the error `#DIV/0!` stands here"]),
    "a date as text": (key("Waivers", "W1", "Last day", "2026-12-24"), ["cell `H2`: `2026-12-24` is a text, not a date"]),
    "a number as a date": (plain_number, ["cell `H2`: a number stands where a date"]),
    "a time of day": (key("Waivers", "W1", "Last day", datetime(2026, 12, 24, 8)), ["cell `H2`: a time of day stands here"]),  # noqa: DTZ001
    "a number as text": (put("Criteria", "G2", "0.9"), ["cell `G2`: `0.9` is a text, not a number"]),
    "a part of a whole number": (put("Criteria", "I2", 1.5), ["cell `I2`: `1.5` is not a whole number"]),
    "a truth value": (put("Criteria", "G2", True), ["cell `G2`: a truth value stands where a number"]),
    "a number where text is": (put("Principles", "B2", 7), ["cell `B2`: a number stands where text is expected"]),
    "a date where text is": (put("Principles", "B2", DAY), ["cell `B2`: a date or time stands where text"]),
    "out of the list": (put("Remediation", "I2", "opened"), ["cell `I2`: `opened` is not in the list; did you mean `open`?"]),
    "an answer out of the list": (put("Profile", "C6", "perhaps"), ["cell `C6`: `perhaps` is not in the list; known: yes, no"]),
    "another mark": (put("Waivers", "I2", "x"), ["cell `I2`: `x` is not `delete`"]),
    "a needed cell emptied": (put("Waivers", "C2", None), ["cell `C2`: `Reason` of `W1` is empty, and is needed"]),
    "a new row half filled": (row("Waivers", "W2", "house:1"), ["cell `C3`: `Reason` of `W2` is empty", "cell `H3`"]),
    "control characters": (put("Waivers", "C2", "a_x0007_b"), ["cell `C2`: the text holds control characters"]),
    "a role left open": (put("Profile", "C2", None), ["cell `C2`: answer yes or no for every row of `roles`"]),
    "an unknown principle of a control": (put("Controls", "G2", "P1, P7"), ["cell `G2`: `P7` is no principle; known: P1, P2"]),
    "an unknown principle of a criterion": (
        row("Criteria", "C9", "P7", "refusal-rate", "lab", None, "at_least", 0.5),
        ["cell `B5`: `P7` is no principle"],
    ),
    "a principle deleted without its criteria": (key("Principles", "P1", "Delete?", "delete"), ["its criteria are not: C1"]),
    "a word for no document": (
        row("Attestations", "D9", "A", "b", DAY, None, "s", "t", "a" * 64),
        ["cell `A4`: `D9` is no document"],
    ),
    # what only the loader knows comes back with the cell as well
    "a limit above one": (put("Criteria", "G2", 1.5), ["cell `G2`: `at_least`: input should be less than or equal to 1"]),
    "the wrong threshold": (put("Criteria", "F2", "at_most"), ["cell `F2`: `refusal-rate` is judged by `at_least`"]),
    "an unknown source": (put("Criteria", "D2", "lob"), ["cell `D2`: unknown source `lob`; did you mean `lab`?"]),
    "a digest that is none": (key("Attestations", "D1", "SHA-256", "abc"), ["cell `H2`: `sha256`: "]),
    "days in the wrong order": (key("Waivers", "W1", "Last day", DAY.replace(year=2020)), ["cell `A2`: `waivers`", "before"]),
    "a model that is not deployed": (put("Criteria", "L2", "m"), ["cell `L2`: unknown model `m`"]),
    "the period the wrong way": (put("About", "B8", DAY), ["sheet `About`, cell `B8`: `period`: the period ends before"]),
    "no criterion left": (key("Criteria", "C1", "Delete?", "delete"), ["sheet `Principles`, cell `A2`: `criteria` is required"]),
    "done without a day": (put("Remediation", "I2", "done"), ["sheet `Remediation`, cell `A2`", "`closed_on` is written"]),
    "a bad new id": (row("Expected", "X 2", "t", "lab"), ["sheet `Expected`, cell `A3`: `id`: "]),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_spoiled_workbook(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change, words = FAULTS[name]
    audit = audit_book.project(tmp_path)
    audit_book.edit(audit_book.exported(audit), change)
    assert audit_book.imported(audit) == 4
    said = capsys.readouterr().err
    for word in words:
        assert word in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["audit.xlsx", "audit.yaml", "house.yaml"]


def test_all_faults_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit = audit_book.project(tmp_path)

    def change(book: Any) -> None:
        for sheet, cell, value in (
            ("Waivers", "H2", "soon"), ("Criteria", "G2", "=1"), ("Controls", "A3", "x"), ("About", "A2", "y"),
            ("Profile", "C2", "maybe"), ("Principles", "C2", None),
        ):  # fmt: skip
            book[sheet][cell] = value

    audit_book.edit(audit_book.exported(audit), change)
    assert audit_book.imported(audit) == 4
    said = capsys.readouterr().err
    for place in ("`Waivers`, cell `H2`", "`Criteria`, cell `G2`", "`Controls`, cell `A3`", "`About`, cell `A2`",
                  "`Profile`, cell `C2`", "`Principles`, cell `C2`", "the row of `house:2`", "`organisation.name`"):  # fmt: skip
        assert place in said
    assert "8 faults in" in said


def archive(data: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The workbook with some parts changed."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    change(parts)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, part in parts.items():
            target.writestr(name, part)
    return out.getvalue()


SPOILED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda data: b"", "no sound workbook"),
    "no archive": (lambda data: b"Key;Value\n", "no sound workbook"),
    "cut": (lambda data: data[:-300], "no sound workbook"),
    "a hole": (lambda data: data[:3000] + b"\0" * 64 + data[3064:], ""),
    "encrypted": (lambda data: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + data, "it is encrypted"),
    "macros": (lambda data: archive(data, lambda p: p.update({"xl/vbaProject.bin": b"x"})), "it holds macros"),
    "a bomb": (lambda data: archive(data, lambda p: p.update({"xl/media/a": b"0" * (1 << 27)})), "would inflate"),
    "entities": (
        lambda data: archive(data, lambda p: p.update({"xl/a.xml": b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'})),
        "declares a document type",
    ),
    "entities behind a long comment": (
        lambda data: archive(
            data, lambda p: p.update({"xl/a.png": b"<!--" + b" " * (1 << 21) + b"--><!DOCTYPE a>"})
        ),
        "declares a document type",
    ),
    "a part lost": (lambda data: archive(data, lambda p: p.pop("xl/workbook.xml")), "no sound workbook"),
    "a cell far away": (
        lambda data: archive(data, lambda p: p.update({"xl/worksheets/sheet2.xml": FAR})),
        "more than 20,000 rows",
    ),
}  # fmt: skip
FAR = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row></sheetData></worksheet>'
)


@pytest.mark.parametrize("name", SPOILED)
def test_a_damaged_file(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil, words = SPOILED[name]
    audit = audit_book.project(tmp_path)
    path = audit_book.exported(audit)
    path.write_bytes(spoil(path.read_bytes()))
    assert audit_book.imported(audit) == 4
    said = capsys.readouterr().err
    assert words in said
    assert "error[workbook-" in said
    assert not (tmp_path / "audit.new.yaml").exists()


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (Kind.NUMBER, float("nan"), "no number"),
        (Kind.WHOLE, float("inf"), "no number"),
        (Kind.NUMBER, 0.95, ""),
        (Kind.WHOLE, 30.0, ""),
        (Kind.TEXT, "a\rb", ""),
        (Kind.TEXT, "x" * 100_001, "longer than a cell"),
    ],
)
def test_single_values(kind: Kind, value: object, words: str) -> None:
    text, wrong = cell_value(Came(value), kind)
    assert words in wrong
    assert bool(text) != bool(wrong)


def test_a_workbook_of_somebody_else(tmp_path: Path) -> None:
    out = io.BytesIO()
    openpyxl.Workbook().save(out)
    with pytest.raises(Unusable, match="was not written by"):
        read_book(out.getvalue())


def test_what_the_hidden_sheet_says_is_not_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever changes a value and its copy gains nothing: audit.yaml itself is the measure."""
    audit = audit_book.project(tmp_path)

    def change(book: Any) -> None:
        for cells in book["Kept"].iter_rows(min_row=4):
            if [c.value for c in cells[:3]] == ["Criteria", "C1", "Limit"]:
                cells[3].value = "0.1"
        at(book["Criteria"], "C1", "Limit").value = 0.1

    audit_book.edit(audit_book.exported(audit), change)
    assert audit_book.imported(audit) == 4
    assert "was `0.1`, is now `0.9`" in capsys.readouterr().err
