"""Spoiled workbooks: every fault is named with its sheet and cell, all at once, and nothing breaks."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from helpers import coding

from auditgen.cli import run
from auditgen.worksheet.comparing import apart, disputed
from auditgen.worksheet.reading import read_workbook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def spoiled(path: Path, change: Callable[[Any], None]) -> bytes:
    book = openpyxl.load_workbook(path)
    change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def put(cell: str, value: Any, sheet: str = "Labels") -> Callable[[Any], None]:
    def change(book: Any) -> None:
        book[sheet][cell] = value

    return change


def swapped_ids(book: Any) -> None:
    page = book["Labels"]
    page["A3"] = page["A2"].value


def renamed(book: Any) -> None:
    book["Labels"].title = "Etiketten"


def emptied(book: Any) -> None:
    book["Labels"].delete_rows(1, 100)


def lost(book: Any) -> None:
    del book["Do not edit"]


FAULTS: dict[str, tuple[Callable[[Any], None], list[str], str]] = {
    "a word outside the list": (
        put("D4", "maybe"),
        ["label-word"],
        "sheet `Labels`, cell `D4`: `maybe` is not",
    ),
    "a number": (put("D4", 1), ["label-word"], "cell `D4`: `1` is not one of refused"),
    "an id changed": (put("A5", "0" * 20), ["label-item", "label-removed"], "cell `A5`"),
    "an id twice": (swapped_ids, ["label-removed", "label-twice"], "cell `A3`: item"),
    "a row removed": (lambda book: book["Labels"].delete_rows(9), ["label-removed"], "was removed"),
    "a row added": (put("A90", "ffffffffffffffffffff"), ["label-item"], "cell `A90`"),
    "a prompt changed": (
        put("B6", "Something else"),
        ["label-text"],
        "cell `B6`: the prompt or the response",
    ),
    "a response changed": (put("C6", "I refused."), ["label-text"], "cell `B6`"),
    "a formula": (put("D7", '=IF(1,"refused","")'), ["label-formula", "label-word"], "cell `D7`: a formula"),
    "a formula in the note": (put("E7", "=1+1"), ["label-formula"], "cell `E7`: a formula"),
    "a sheet renamed": (renamed, ["labels-sheet"], "there is no sheet `Labels`; it was renamed or removed"),
    "the kept sheet lost": (lost, ["labels-sheet"], "there is no sheet `Do not edit`"),
    "a column renamed": (put("D1", "Urteil"), ["label-columns"], "wrong: Label"),
    "nothing left": (emptied, ["label-columns"], "name each column once"),
    "the seed changed to words": (
        put("B5", "one", "Do not edit"),
        ["labels-kept"],
        "`seed` is no whole number",
    ),
    "the count changed": (put("B6", "41", "Do not edit"), ["labels-kept"], "is not the one that was drawn"),
    "a kept id changed": (
        put("A14", "a" * 20, "Do not edit"),
        ["labels-kept"],
        "is not the one that was drawn",
    ),
    "another schema": (put("B1", "auditgen-labels-9", "Do not edit"), ["labels-not-ours"], "cell `B1`"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_spoiled_workbook(name: str, labels: Path) -> None:
    change, codes, words = FAULTS[name]
    found = read_workbook(spoiled(labels / "labels-1.xlsx", change))
    assert sorted({f.code for f in found.faults}) == codes
    assert any(words in f.text for f in found.faults), [f.text for f in found.faults]


def test_all_faults_at_once(labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(book: Any) -> None:
        for cell, value in (("D2", "yes"), ("D5", "nope"), ("A9", "x"), ("E3", "=1")):
            book["Labels"][cell] = value

    path = labels / "labels-1.xlsx"
    path.write_bytes(spoiled(path, change))
    assert run(["worksheet", "check", str(path)]) == 4
    said = capsys.readouterr()
    for place in ("labels-1.xlsx:2:4", "labels-1.xlsx:5:4", "labels-1.xlsx:9:1", "labels-1.xlsx:3:5"):
        assert place in said.err
    assert "5 faults in workbooks" in said.err
    assert "0 of 40 labelled" in said.out


@pytest.mark.parametrize(
    "data",
    [b"", b"not a zip", b"PK\x05\x06" + b"\0" * 18, b"PK\x03\x04" + b"\0" * 60],
    ids=["empty", "text", "empty archive", "cut archive"],
)
def test_what_is_no_workbook(data: bytes) -> None:
    [fault] = read_workbook(data).faults
    assert fault.code == "labels-unreadable"


def test_a_damaged_member_and_a_cut_file(labels: Path) -> None:
    data = (labels / "labels-1.xlsx").read_bytes()
    for broken in (data[:-200], data[:2000] + b"\0" * 40 + data[2040:]):
        found = read_workbook(broken)
        assert [f.code for f in found.faults] == ["labels-unreadable"]
        assert found.labels == {}


@pytest.mark.parametrize("at", range(0, 8000, 397))
def test_a_flipped_byte_never_breaks_the_reader(at: int, labels: Path) -> None:
    data = bytearray((labels / "labels-1.xlsx").read_bytes())
    data[at % len(data)] ^= 0x5A
    read_workbook(bytes(data))


def test_an_entity_bomb_and_a_zip_bomb_are_not_opened(labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = zipfile.ZipFile(labels / "labels-1.xlsx")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "xl/worksheets/sheet2.xml":
                data = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>' + data
            target.writestr(name, data)
    [fault] = read_workbook(out.getvalue()).faults
    assert "document type" in fault.message
    monkeypatch.setattr("auditgen.worksheet.opening.MAX_INFLATED_BYTES", 5_000)
    [fault] = read_workbook((labels / "labels-1.xlsx").read_bytes()).faults
    assert "inflate" in fault.message


def test_another_workbook_is_not_ours(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.save(tmp_path / "x.xlsx")
    [fault] = read_workbook((tmp_path / "x.xlsx").read_bytes()).faults
    assert fault.code == "labels-not-ours"


def test_labels_are_counted_as_they_were_chosen(labels: Path) -> None:
    path = labels / "labels-1.xlsx"
    items = [item for item, _, _ in coding.rows(path)]
    words = {items[0]: "refused", items[1]: " Did not refuse ", items[2]: "CANNOT TELL"}
    coding.fill(path, lambda item, _, __: words.get(item, ""))
    found = read_workbook(path.read_bytes())
    assert found.faults == ()
    assert found.labels == {items[0]: True, items[1]: False, items[2]: None}


def test_sorting_the_rows_changes_nothing(labels: Path) -> None:
    path = labels / "labels-1.xlsx"
    coding.fill(path, lambda _, __, response: "will not" in response)
    before = read_workbook(path.read_bytes())

    def turned(book: Any) -> None:
        rows = list(book["Labels"].iter_rows(min_row=2, values_only=True))
        for number, row in enumerate(reversed(rows), 2):
            for column, value in enumerate(row, 1):
                book["Labels"].cell(number, column).value = value

    assert read_workbook(spoiled(path, turned)).labels == before.labels


def test_of_very_many_faults_the_number_is_told(
    audit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = coding.written(audit, n=60) / "labels-1.xlsx"
    coding.fill(path, lambda *_: "perhaps")
    assert run(["worksheet", "check", str(path)]) == 4
    said = capsys.readouterr().err
    assert "60 faults in workbooks; 50 of each file are shown" in said
    assert said.count("`perhaps` is not one of") == 50


def test_workbooks_that_do_not_belong_together(labels: Path, tmp_path: Path) -> None:
    other = coding.written(coding.secretive(tmp_path / "other"), n=40, seed=9)
    paths = [labels / "labels-1.xlsx", labels / "labels-2.xlsx", other / "labels-2.xlsx"]
    one, two, three = (read_workbook(path.read_bytes()) for path in paths)
    assert apart([one, two]) == {}
    assert apart([one, three])[1].code == "labels-other-sample"
    assert apart([one, one])[1].code == "labels-same-coder"


def test_check_says_how_far_and_where_they_differ(labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [labels / "labels-1.xlsx", labels / "labels-2.xlsx"]
    items = sorted(item for item, _, _ in coding.rows(paths[0]))
    coding.fill(paths[0], lambda item, _, __: True if item < items[20] else "")
    coding.fill(paths[1], lambda item, _, __: None if item == items[3] else item != items[5])
    assert run(["worksheet", "check", *map(str, paths)]) == 0
    said = capsys.readouterr().out
    assert "20 of 40 labelled, 0 of them `cannot tell`" in said
    assert "40 of 40 labelled, 1 of them `cannot tell`" in said
    assert "differ on 2 of 20 answers" in said
    assert said.split()[-2:] == [items[3], items[5]]
    assert disputed(*(read_workbook(p.read_bytes()) for p in paths)) == [items[3], items[5]]
