"""`auditgen standards`, as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from auditgen.checklists import available_checklists, load_checklist
from auditgen.cli import run

if TYPE_CHECKING:
    from pathlib import Path


def test_list_names_every_checklist(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["standards", "list"]) == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines() if not line.startswith(" ")]
    assert "    EU Artificial Intelligence Act" in out.splitlines()
    assert max(map(len, out.splitlines())) <= 100
    assert rows[0][0] == "id"
    assert [row[0] for row in rows[1:]] == sorted(available_checklists())
    listed = {row[0]: tuple(row[-4:]) for row in rows[1:]}
    assert listed["eu-ai-act"] == ("2026.11.0", "220", "law", "none")
    assert listed["eu-gpai-code"] == ("2026.11.0", "66", "code", "none")
    assert listed["nist-ai-rmf"] == ("2026.11.0", "72", "voluntary", "none")
    assert err == ""


def test_show_one_control(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["standards", "show", "eu-ai-act", "9(8)"]) == 0
    out, err = capsys.readouterr()
    flat = " ".join(out.split())
    for part in (
        "9(8) Metrics and thresholds are fixed before testing",
        "Art. 9(8) (Risk management system)",
        "obligation, severity critical, legal review: none",
        "role provider and (risk class high_risk_annex_iii or risk class high_risk_annex_i)",
        "2027-12-02 if risk class high_risk_annex_iii",
        "2028-08-02 if risk class high_risk_annex_i",
        "test-plan: DO-TEVV Test plan and test report, at most 180 days old",
        "intersects_with nist-ai-rmf:MEASURE 1.1 (functional, strength 5 of 10)",
        "Annex IV point 2(g)",
    ):
        assert part in flat
    assert err == ""
    assert max(len(line) for line in out.splitlines()) <= 100


def test_show_says_who_must_have_made_the_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["standards", "show", "nist-ai-rmf", "MEASURE 1.3"]) == 0
    out = capsys.readouterr().out
    assert "expected of who made the evidence: internal separate" in out
    assert "no date" in out
    assert "AT-IND Independent third-party statement or AT-SGN" in out


def test_every_control_that_ships_can_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUDITGEN_CHECKLIST_CACHE", str(tmp_path))  # a thousand times the same files
    for name, path in available_checklists().items():
        for control in load_checklist(path).controls:
            assert run(["standards", "show", name, control.id]) == 0
            assert capsys.readouterr().out.startswith(f"{control.id}  {control.title}\n")


def test_show_a_whole_checklist(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["standards", "show", "nist-ai-rmf"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n  MEASURE 2.") == 13
    assert "last checked 2026-11-20; legal review: none" in out
    assert out.index("Govern: culture") < out.index("GOVERN 1.1") < out.index("Map: the context")


def test_show_a_file_of_ones_own(
    sound: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(sound.replace("title: Keep logs", 'title: "Keep \\e[31mlogs"'))
    assert run(["standards", "show", str(path), "2"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "Keep \N{REPLACEMENT CHARACTER}[31mlogs" in out


@pytest.mark.parametrize(
    ("arguments", "says", "hint"),
    [
        (["eu-ai-akt"], "no checklist `eu-ai-akt` ships", "did you mean `eu-ai-act`?"),
        (["zzz"], "no checklist `zzz` ships", "known: ai-claims, assurance-report-elements, cn-labelling"),
        (
            ["nist-ai-rmf", "MEASURE 2.77"],
            "no control `MEASURE 2.77`",
            "did you mean `MEASURE 2.7`?",
        ),
        (["eu-ai-act", "xyz"], "no control `xyz` in `eu-ai-act`", "known: 4(1), 4a(1)"),
    ],
)
def test_show_something_that_is_not_there(
    arguments: list[str], says: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["standards", "show", *arguments]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert hint in err


def test_lint_a_sound_file(sound: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(sound)
    assert run(["standards", "lint", str(path)]) == 0
    out, err = capsys.readouterr()
    assert out == f"ok: 2 controls in {path}\n"
    assert err == ""


def test_lint_shows_every_fault_of_every_file(
    sound: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad, gone = (tmp_path / name for name in ("good.yaml", "bad.yaml", "gone.yaml"))
    good.write_text(sound)
    bad.write_text(sound.replace("severity: high", "severty: high"))
    assert run(["standards", "lint", str(good), str(bad), str(gone)]) == 4
    out, err = capsys.readouterr()
    assert out == f"ok: 2 controls in {good}\n"
    assert f"--> {bad}:37:5" in err
    assert "37 |     severty: high" in err
    assert "did you mean `severity`?" in err
    assert f"--> {gone}:1:1" in err
    assert "error: 2 faults in 2 of 3 files" in err


def test_lint_without_a_file_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["standards", "lint"]) == 2
    assert "FILE" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["list"], ["show"], ["lint"]])
def test_help_has_an_example(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["standards", *arguments, "--help"]) == 0
    assert "auditgen standards " in capsys.readouterr().out.split("Example")[1]


def test_the_module_imports_nothing_heavy() -> None:
    code = (
        "import sys, auditgen.cli.standards;"
        "print([m for m in ('pydantic', 'yaml', 'orjson') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
