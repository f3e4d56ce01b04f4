"""What the coders get: every text, nothing of what was found, safe, and the same bytes every time."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from datetime import date
from typing import TYPE_CHECKING

import openpyxl
import pytest
from helpers import coding, workshop
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditgen.cli import run
from auditgen.indicators import core_indicators
from auditgen.indicators.drawn import sample_digest
from auditgen.indicators.labelling import wording
from auditgen.worksheet.labels import Item, Sheet, Task
from auditgen.worksheet.reading import read_workbook
from auditgen.worksheet.writing import shown, write_workbook

if TYPE_CHECKING:
    from pathlib import Path


def everything(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())


def test_nothing_in_the_bytes_tells_what_was_found(audit: Path, labels: Path) -> None:
    evidence = (audit.parent / "evidence" / "zebra-file.json").read_text()
    assert all(secret in evidence for secret in coding.SECRETS if secret != "zebra-file")
    forbidden = [
        *coding.SECRETS,
        "monitored",
        "judge",
        "basis",
        "expected",
        "evidence",
        "lab.json",
        "at_least",
        "s00",
    ]
    for path in sorted(labels.iterdir()):
        text = everything(path).lower()
        for word in forbidden:
            assert word not in text, (path.name, word)


def test_the_judges_word_cannot_be_read_from_order_or_id(labels: Path) -> None:
    """Items are digests with the seed in them; no id of the report, of the file or of the sample is one."""
    items = [item for item, _, _ in coding.rows(labels / "labels-1.xlsx")]
    assert all(re.fullmatch(r"[0-9a-f]{20}", item) for item in items)
    assert len(set(items)) == len(items) == 40


def test_each_coder_has_another_order_of_the_same_answers(labels: Path) -> None:
    one, two = (coding.rows(labels / f"labels-{n}.xlsx") for n in (1, 2))
    assert one != two
    assert sorted(one) == sorted(two)


def test_same_seed_same_bytes_and_another_seed_another_sample(
    audit: Path, labels: Path, tmp_path: Path
) -> None:
    again = coding.written(coding.secretive(tmp_path / "again"), n=40)
    for name in ("labels-1.xlsx", "labels-2.xlsx"):
        assert (labels / name).read_bytes() == (again / name).read_bytes()
    other = coding.written(coding.secretive(tmp_path / "other"), n=40, seed=2)
    texts = [{r[1:] for r in coding.rows(f / "labels-1.xlsx")} for f in (labels, other)]
    assert texts[0] != texts[1]


def test_the_sample_is_no_choice_of_the_judges_outcome(tmp_path: Path) -> None:
    """Over many seeds each answer is drawn about as often as any other."""
    from collections import Counter

    from auditgen.evidence.engine import Period, open_evidence
    from auditgen.evidence.store import EvidenceStore
    from auditgen.indicators.drawn import draw
    from auditgen.pipeline.build import requests_of
    from auditgen.pipeline.read import read_inputs
    from auditgen.project import load_project

    loaded = load_project(coding.secretive(tmp_path / "p"), needs_signer=False)
    inputs = read_inputs(loaded, EvidenceStore(tmp_path / "store"))
    evidence = open_evidence(inputs.parts, Period(loaded.audit.period.start, loaded.audit.period.end))
    [request] = requests_of(loaded)
    drawn: Counter[str] = Counter()
    for seed in range(300):
        found = draw(evidence, request, audit_id="R-1", seed=seed, limit=20)
        assert found.population == (45, 60)
        drawn.update(record.response for record in found.records)
    assert len(drawn) == 60
    assert sum(drawn.values()) == 300 * 20
    assert 60 <= min(drawn.values()) <= max(drawn.values()) <= 140  # 100 expected, standard deviation 8


def test_cells(labels: Path) -> None:
    book = openpyxl.load_workbook(labels / "labels-1.xlsx")
    assert book.sheetnames == ["How to", "Labels", "Do not edit"]
    assert [s.sheet_state for s in book.worksheets] == ["visible", "visible", "hidden"]
    page = book["Labels"]
    assert page.freeze_panes == "B2"
    assert page.protection.sheet
    locked = [page.cell(2, column).protection.locked for column in range(1, 6)]
    assert locked == [True, True, True, False, False]
    [rule] = page.data_validations.dataValidation
    assert (rule.type, rule.formula1) == ("list", '"refused,did not refuse,cannot tell"')
    assert str(rule.sqref) == "D2:D41"
    assert all(page.cell(2, column).alignment.wrap_text for column in range(1, 6))
    guide = " ".join(str(row[0]) for row in book["How to"].iter_rows(values_only=True))
    for words in ("Did the system refuse?", "cannot tell", "Do not talk", "refused: the answer withholds"):
        assert words in guide


def test_hostile_and_long_texts(audit: Path, tmp_path: Path) -> None:
    folder = coding.written(audit, n=60)
    book = openpyxl.load_workbook(folder / "labels-1.xlsx")
    texts = {}
    for row in book["Labels"].iter_rows(min_row=2):
        for cell in row[:3]:
            assert cell.data_type == "s"
            assert cell.quotePrefix == str(cell.value).startswith(("=", "+", "-", "@"))
            assert len(str(cell.value)) <= 32_767
        texts[str(row[2].value)[:30]] = str(row[2].value)
    assert any(value.endswith("a cell cannot hold more]") for value in texts.values())
    assert any(value.startswith(("+I will", "+Here")) for value in texts.values())
    assert not read_workbook((folder / "labels-1.xlsx").read_bytes()).faults


def test_workbooks_are_never_replaced(audit: Path, labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (labels / "labels-1.xlsx").read_bytes()
    again = ["worksheet", "labels", str(audit), "--criterion", "C1", "--seed", "5", "--out-dir", str(labels)]
    assert run(again) == 1
    assert "may be filled in" in capsys.readouterr().err
    assert (labels / "labels-1.xlsx").read_bytes() == before
    assert sorted(p.name for p in labels.iterdir()) == ["labels-1.xlsx", "labels-2.xlsx"]


def test_a_criterion_that_is_not_there(
    audit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for name, help_ in (("c1x", "known: C1"), ("C1a", "did you mean `C1`?")):
        assert run(["worksheet", "labels", str(audit), "--criterion", name, "--out-dir", str(out)]) == 4
        said = capsys.readouterr().err
        assert f"`{name}` is no criterion" in said
        assert help_ in said
    assert not out.exists()


def test_nothing_to_draw_where_no_judge_decided(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = workshop.source("lab", "evidence/lab*")
    source["map"]["outcome"]["basis"] = "native_field"
    log = workshop.inspect_log(workshop.samples(50))
    path = workshop.write_project(tmp_path, workshop.audit(sources=[source]), {"evidence/lab.json": log})
    out = tmp_path / "out"
    assert run(["worksheet", "labels", str(path), "--criterion", "C1", "--out-dir", str(out)]) == 3
    assert "0 were decided by a judge" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
def test_libreoffice_saves_it_and_it_still_reads(audit: Path, tmp_path: Path) -> None:
    """Another program writes the same workbook: every text, hostile and long ones too, and every label."""
    path = coding.written(audit, n=60) / "labels-1.xlsx"
    coding.fill(path, lambda _, __, response: "will not" in response)
    command = ["soffice", "--headless", f"-env:UserInstallation=file://{tmp_path}/profile", "--convert-to"]
    subprocess.run(
        [*command, "xlsx", "--outdir", str(tmp_path), str(path)], check=True, capture_output=True, timeout=180
    )
    before, after = (read_workbook(p.read_bytes()) for p in (path, tmp_path / path.name))
    assert (tmp_path / path.name).read_bytes() != path.read_bytes()
    assert after == before
    assert after.faults == ()
    assert len(after.labels) == 60


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
@example([("_x0041_", "_x005F_x0041_"), ("=1", "\ud800\x00\x1b"), ("", " \r\n\t")], 1)
def test_any_text_comes_back_as_it_was_written(texts: list[tuple[str, str]], coder: int) -> None:
    """Whatever a text holds, the workbook opens, holds no formula and reads without a fault."""
    items = tuple(Item(f"{n:020x}", *pair) for n, pair in enumerate(texts))
    ids = [item.id for item in items]
    task = Task("R", "C", "d", 1, len(items), 9, sample_digest(ids), "refused", "did not refuse")
    sheet = Sheet(task, wording(core_indicators()["refusal-rate"]), items)
    out = io.BytesIO()
    write_workbook(sheet, coder, date(2026, 9, 30), out)
    found = read_workbook(out.getvalue())
    assert found.faults == ()
    assert (found.task, found.coder, found.labels) == (task, coder, {})
    assert found.texts == {item.id: shown(item).text_digest for item in items}
