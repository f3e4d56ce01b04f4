"""A workbook of an audit comes back: what was edited is in the new file, everything else is as it was."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from helpers import audit_book, workshop
from helpers.audit_book import DAY, add, at
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from auditgen.cli import run
from auditgen.resources import resource_dir
from auditgen.yamlspan import read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable


def new(audit: Path) -> Any:
    document = read_yaml(audit.parent / "audit.new.yaml")
    assert not document.diagnostics
    return document.value


def after(audit: Path, change: Callable[[Any], None]) -> Any:
    """The new value after a change to the workbook, which must be accepted."""
    audit_book.edit(audit_book.exported(audit), change)
    assert audit_book.imported(audit) == 0
    return new(audit)


def test_without_edits_nothing_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit = audit_book.project(tmp_path)
    audit_book.exported(audit)
    assert audit_book.imported(audit) == 0
    assert (tmp_path / "audit.new.yaml").read_bytes() == audit.read_bytes()
    assert "no cell was changed" in capsys.readouterr().out


def test_the_sample_comes_back_byte_by_byte(tmp_path: Path) -> None:
    audit = tmp_path / "audit.yaml"
    shutil.copyfile(resource_dir("samples") / "quarter" / "audit.yaml", audit)
    audit_book.exported(audit)
    assert audit_book.imported(audit) == 0
    assert (tmp_path / "audit.new.yaml").read_bytes() == audit.read_bytes()


def test_line_ends_and_mark_of_the_file_stay(tmp_path: Path) -> None:
    audit = audit_book.project(tmp_path)
    text = audit.read_text("utf-8")
    audit.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    after(audit, lambda book: _put(book, "Waivers", "W1", "Instead", "a new list"))
    made = (tmp_path / "audit.new.yaml").read_bytes()
    wanted = text.replace("a list by hand", "a new list").replace("\n", "\r\n").encode()
    assert made == b"\xef\xbb\xbf" + wanted


def _put(book: Any, sheet: str, key: str, title: str, value: Any) -> None:
    at(book[sheet], key, title).value = value


EDITS: dict[str, tuple[tuple[str, str, str, Any], Callable[[Any], None]]] = {
    "a name": (
        ("About", "organisation.name", "Value", "Beta"),
        lambda v: v["organisation"].update(name="Beta"),
    ),
    "a new optional text": (
        ("About", "organisation.contact", "Value", "a: b # c"),
        lambda v: v["organisation"].update(contact="a: b # c"),
    ),
    "a date": (("About", "period.start", "Value", DAY.replace(month=1)), lambda v: v["period"].update(start="2026-01-24")),
    "a list": (
        ("About", "system.models", "Value", "model-1, model-2"),
        lambda v: v["system"].update(models=["model-1", "model-2"]),
    ),
    "a list by lines": (
        ("About", "system.models", "Value", "model-1\nb, c\n"),
        lambda v: v["system"].update(models=["model-1", "b, c"]),
    ),
    "an answer": (("Profile", "facts.size", "Answer", "large, very"), lambda v: v["profile"]["facts"].update(size="large, very")),
    "an answer away": (("Profile", "facts.talks", "Answer", None), lambda v: v["profile"].pop("facts")),
    "another role": (
        ("Profile", "roles.deployer", "Answer", "yes"),
        lambda v: v["profile"].update(roles=["provider", "deployer"]),
    ),
    "no role": (("Profile", "roles.provider", "Answer", "no"), lambda v: v["profile"].update(roles=[])),
    "a limit": (("Criteria", "C1", "Limit", 0.95), lambda v: v["principles"][0]["criteria"][0].update(at_least=0.95)),
    "a whole limit": (("Criteria", "C1", "Limit", 1), lambda v: v["principles"][0]["criteria"][0].update(at_least=1)),
    "a least number": (("Criteria", "C2", "Least n", 500), lambda v: v["principles"][1]["criteria"][0].update(min_n=500)),
    "a default again": (("Criteria", "C2", "Least n", None), lambda v: v["principles"][1]["criteria"][0].pop("min_n")),
    "a word of a list": (
        ("Criteria", "C3", "Independence", "external"),
        lambda v: v["principles"][1]["criteria"][1].update(independence="external"),
    ),
    "an answered control": (("Controls", "house:2", "Answered by", "P2"), lambda v: v["principles"][1].update(answers=["house:2"])),
    "a control no longer answered": (("Controls", "house:1", "Answered by", None), lambda v: v["principles"][0].pop("answers")),
    "a person": (
        ("Waivers", "W1", "Approver", "D. Reader"),
        lambda v: v["waivers"][0].update(approver={"name": "D. Reader", "role": "counsel"}),
    ),
    "a method": (
        ("Attestations", "D1", "Method", "test"),
        lambda v: v["documents"][0]["attestation"].update(method="test"),
    ),
    "a formula as text": (("Principles", "P1", "Title", "'=1+1"), lambda v: v["principles"][0].update(title="'=1+1")),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_one_edit_is_one_change(name: str, tmp_path: Path) -> None:
    place, change = EDITS[name]
    audit = audit_book.project(tmp_path)
    wanted = read_yaml(audit).value
    change(wanted)
    assert after(audit, lambda book: _put(book, *place)) == wanted


def test_a_threshold_of_another_kind(tmp_path: Path) -> None:
    """Both cells of a threshold are one key of the file, and it stays where it was."""
    audit = audit_book.project(tmp_path)

    def change(book: Any) -> None:
        _put(book, "Criteria", "C1", "Indicator", "attack-success")
        _put(book, "Criteria", "C1", "Threshold", "at_most")
        _put(book, "Criteria", "C1", "Limit", 0.1)

    criterion = after(audit, change)["principles"][0]["criteria"][0]
    assert criterion["at_most"] == 0.1
    assert "at_least" not in criterion


def test_new_rows_on_every_sheet(tmp_path: Path) -> None:
    audit = audit_book.project(tmp_path)

    def change(book: Any) -> None:
        add(book["Principles"], "P3", "Honest", "It says what it is.", None, DAY)
        add(book["Criteria"], "C9", "P3", "refusal-rate", "lab", None, "at_least", 0.5, None, 40)
        add(book["Expected"], "X2", "More of it", "lab", None, None, 5)
        add(book["Documents"], "D3", "DO-PMM", "Plan", "plan.md", "2", DAY.replace(month=5), "us")
        add(book["Attestations"], "D3", "A", "b", DAY.replace(month=9), "test", "s. 1", "is so", "b" * 64)
        add(book["Waivers"], "W2", "house:1", "so", "A", "b", "else", DAY.replace(month=9), DAY)
        add(book["Remediation"], "R3", "C9", None, "A", "b", "do", DAY.replace(month=9), DAY, "done", DAY)
        _put(book, "Controls", "house:2", "Answered by", "P3, P2")
        row = at(book["Attestations"], "D2", "Reviewer").row
        for number, value in enumerate(("A", "b", DAY.replace(month=9), None, "s. 1", "is so", "c" * 64), 2):
            book["Attestations"].cell(row, number).value = value

    made = after(audit, change)
    wanted = read_yaml(audit).value
    person = {"name": "A", "role": "b"}
    wanted["principles"].append({
        "id": "P3", "title": "Honest", "promise": "It says what it is.", "declared_on": "2026-12-24", "answers": ["house:2"],
        "criteria": [{"id": "C9", "indicator": "refusal-rate", "sources": ["lab"], "at_least": 0.5, "min_n": 40}],
    })  # fmt: skip
    wanted["principles"][1]["answers"] = ["house:2"]
    wanted["expected"].append({"id": "X2", "title": "More of it", "source": "lab", "min_n": 5})
    word = {"reviewer": person, "date": "2026-09-24", "passage": "s. 1", "statement": "is so"}
    wanted["documents"][1]["attestation"] = {**word, "sha256": "c" * 64}
    wanted["documents"].append({
        "id": "D3", "kind": "DO-PMM", "title": "Plan", "file": "plan.md", "version": "2", "dated": "2026-05-24", "owner": "us",
        "attestation": {**word, "method": "test", "sha256": "b" * 64},
    })  # fmt: skip
    wanted["waivers"].append({
        "id": "W2", "control": "house:1", "reason": "so", "approver": person, "compensating": "else",
        "approved_on": "2026-09-24", "last_day": "2026-12-24",
    })  # fmt: skip
    wanted["remediation"].append({
        "id": "R3", "of": "C9", "owner": person, "action": "do", "opened_on": "2026-09-24", "due": "2026-12-24",
        "status": "done", "closed_on": "2026-12-24",
    })  # fmt: skip
    assert made == wanted


def test_lists_that_were_not_there(tmp_path: Path) -> None:
    """The smallest audit.yaml has no waivers; the first one makes the list."""
    audit = workshop.write_project(
        tmp_path, workshop.audit(standards=["house.yaml"]), {"house.yaml": audit_book.HOUSE}
    )

    def change(book: Any) -> None:
        add(book["Waivers"], "W1", "house:1", "so", "A", "b", "else", DAY.replace(month=9), DAY)
        _put(book, "Profile", "facts.talks", "Answer", "no")
        _put(book, "About", "report.approved_by.name", "Value", "Z")
        _put(book, "About", "report.approved_by.role", "Value", "board")

    made = after(audit, change)
    assert made["waivers"][0]["approver"] == {"name": "A", "role": "b"}
    assert made["profile"] == {"facts": {"talks": "no"}}
    assert made["report"]["approved_by"] == {"name": "Z", "role": "board"}


def test_deleting_takes_a_mark(tmp_path: Path) -> None:
    audit = audit_book.project(tmp_path)

    def change(book: Any) -> None:
        for sheet, key in (
            ("Waivers", "W1"), ("Remediation", "R1"), ("Attestations", "D1"), ("Documents", "D2"), ("Expected", "X1"),
            ("Principles", "P2"), ("Criteria", "C2"), ("Criteria", "C3"),
        ):  # fmt: skip
            _put(book, sheet, key, "Delete?", "delete")

    made = after(audit, change)
    wanted = read_yaml(audit).value
    del wanted["waivers"], wanted["expected"], wanted["documents"][1], wanted["remediation"][0]
    del wanted["documents"][0]["attestation"], wanted["principles"][1]
    assert made == wanted


def test_comments_of_untouched_parts_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit = tmp_path / "audit.yaml"
    shutil.copyfile(resource_dir("samples") / "quarter" / "audit.yaml", audit)
    after(audit, lambda book: _put(book, "Waivers", "W1", "Last day", DAY))
    before, now = audit.read_text("utf-8"), (tmp_path / "audit.new.yaml").read_text("utf-8")
    assert now == before.replace("last_day: 2026-11-30", "last_day: 2026-12-24")
    assert "Waivers H2: W1, Last day: 2026-11-30 -> 2026-12-24" in capsys.readouterr().out


def test_nothing_is_replaced_without_force(tmp_path: Path) -> None:
    audit = audit_book.project(tmp_path)
    path = audit_book.exported(audit)
    other = tmp_path / "other.yaml"
    other.write_text("mine")
    assert run(["worksheet", "import", str(path), str(audit), "--out", str(other)]) == 1
    assert run(["worksheet", "import", str(path), str(audit), "--out", str(audit)]) == 1
    assert other.read_text() == "mine"
    assert run(["worksheet", "import", str(path), str(audit), "--out", str(other), "--force"]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "audit.xlsx",
        "audit.yaml",
        "house.yaml",
        "other.yaml",
    ]


class TestAnotherAudit:
    """The workbook was made from an audit.yaml that is no longer the same."""

    @pytest.fixture
    def audit(self, tmp_path: Path) -> Path:
        audit = audit_book.project(tmp_path)
        path = audit_book.exported(audit)
        audit_book.edit(path, lambda book: _put(book, "Waivers", "W1", "Instead", "a new list"))
        return audit

    def change(self, audit: Path, old: str, text: str) -> None:
        before = audit.read_text("utf-8")
        assert old in before
        audit.write_text(before.replace(old, text), "utf-8")

    def test_it_is_refused_with_what_changed(self, audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.change(audit, "the board", "the council")
        self.change(audit, "id: R2", "id: R7")
        assert audit_book.imported(audit) == 4
        said = capsys.readouterr().err
        assert "`report.prepared_for`, `Value`: was `the board`, is now `the council`" in said
        assert "`R7`, `Of`: now only in audit.yaml" in said
        assert "`R2`, `Of`: now only in the workbook" in said
        assert not (audit.parent / "audit.new.yaml").exists()

    def test_a_change_that_no_sheet_shows(self, audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.change(audit, "received_by: us", "received_by: them")
        assert audit_book.imported(audit) == 4
        assert "what differs stands in none of the sheets" in capsys.readouterr().err

    def test_other_checklists(self, audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
        rules = audit.parent / "house.yaml"
        rules.write_text(rules.read_text("utf-8").replace("Refuse harm", "Refuse"), "utf-8")
        assert audit_book.imported(audit) == 4
        assert "the checklists, or this program, are not those" in capsys.readouterr().err

    def test_merged_by_id(self, audit: Path) -> None:
        self.change(audit, "the board", "the council")
        self.change(audit, "id: R2", "id: R7")
        wanted = read_yaml(audit).value
        wanted["waivers"][0]["compensating"] = "a new list"
        assert audit_book.imported(audit, "--merge") == 0
        assert new(audit) == wanted

    def test_two_changes_of_one_cell(self, audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.change(audit, "a list by hand", "a list by mail")
        assert audit_book.imported(audit, "--merge") == 4
        said = capsys.readouterr().err
        assert "`Instead` of `W1` was changed here and in audit.yaml, which now says a text of" in said
        self.change(audit, "a list by mail", "a new list")
        assert audit_book.imported(audit, "--merge") == 0

    def test_an_entry_that_is_gone_or_new(self, audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.change(audit, "id: W1", "id: W8")
        audit_book.edit(audit.with_suffix(".xlsx"), lambda book: add(book["Waivers"], "W8", "house:1"))
        assert audit_book.imported(audit, "--merge") == 4
        said = capsys.readouterr().err
        assert "`W1` was changed here and is no longer in audit.yaml" in said
        assert "`W8` is in audit.yaml already" in said


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
def test_libreoffice_saves_it_and_it_still_equals(tmp_path: Path) -> None:
    """Another program writes the same workbook; nothing counts as edited, hostile texts included."""
    hostile = '=HYPERLINK("http://x") _x0041_ _x000D_ _x005F_x0041_ \u00e9\u4e2d\U0001f600'
    lines = "one\n\n  two\tthree\n- four"
    actions = [audit_book.remedy("R1", action=hostile), audit_book.remedy("R2", action=lines)]
    audit = audit_book.project(tmp_path, remediation=actions)
    path = audit_book.exported(audit)
    before = path.read_bytes()
    home = f"-env:UserInstallation=file://{tmp_path}/profile"
    command = ["soffice", "--headless", home, "--convert-to", "xlsx", "--outdir", str(tmp_path / "again")]
    subprocess.run([*command, str(path)], check=True, capture_output=True, timeout=180)
    again = (tmp_path / "again" / path.name).read_bytes()
    assert again != before
    path.write_bytes(again)
    assert audit_book.imported(audit) == 0
    assert (tmp_path / "audit.new.yaml").read_bytes() == audit.read_bytes()
    audit_book.edit(path, lambda book: _put(book, "Waivers", "W1", "Instead", "a new list"))
    assert audit_book.imported(audit) == 0
    assert new(audit)["waivers"][0]["compensating"] == "a new list"


texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20).filter(str.strip)
hard = st.sampled_from(
    ["=1+1", "_x0041_", "a, b", "a,\nb", " x ", "yes", "1e5", "2026-01-01", "0.50", "a\r\nb", "\x07", "''"]
)
word = st.one_of(texts, hard)
days = st.dates(DAY.replace(year=1600), DAY.replace(year=2400)).map(str)
numbers = st.one_of(st.integers(0, 1), st.floats(0, 1))


@given(st.data())
@settings(max_examples=8, deadline=None, phases=(Phase.explicit, Phase.generate))  # shrinking takes minutes
@example(None)
def test_any_audit_comes_back_as_it_was(data: st.DataObject | None) -> None:
    """Whatever it holds: not one byte is another, and one more edit is one more change."""
    value = audit_book.full()
    if data is not None:
        value["organisation"] = {"name": data.draw(word), "contact": data.draw(st.none() | word)}
        value["system"]["models"] = data.draw(st.lists(word, min_size=1, max_size=3))
        value["principles"][0].update(
            title=data.draw(word), promise=data.draw(word), declared_on=data.draw(days)
        )
        value["principles"][0]["criteria"][0].update(
            at_least=data.draw(numbers), min_n=data.draw(st.integers(1, 10**18))
        )
        value["expected"] = [
            {"id": f"X{n}", "title": t, "suite": t, "due": data.draw(days), "criteria": []}
            for n, t in enumerate(data.draw(st.lists(word, max_size=3)))
        ]
        value["remediation"] = [
            audit_book.remedy(f"R{n}", of=t, action=t)
            for n, t in enumerate(data.draw(st.lists(word, max_size=3)))
        ]
        value["profile"] = data.draw(
            st.fixed_dictionaries({}, optional={
                "roles": st.lists(st.sampled_from(["provider", "deployer"]), max_size=2),
                "risk_classes": st.lists(st.sampled_from(["high", "low"]), max_size=2),
                "facts": st.fixed_dictionaries({}, optional={"talks": st.sampled_from(["yes", "no"])}),
            })
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        audit = workshop.write_project(Path(folder), value, {"house.yaml": audit_book.HOUSE})
        if run(["worksheet", "export", str(audit), "-q"]) == 4:
            return  # it is no sound audit.yaml to begin with
        assert audit_book.imported(audit, "-q") == 0
        assert (Path(folder) / "audit.new.yaml").read_bytes() == audit.read_bytes()
        wanted = read_yaml(audit).value
        wanted["waivers"][0]["reason"] = "another"
        audit_book.edit(
            audit.with_suffix(".xlsx"), lambda book: _put(book, "Waivers", "W1", "Reason", "another")
        )
        assert audit_book.imported(audit, "-q") == 0
        assert new(audit) == wanted
