"""The walk-through of the README, walked: its audit.yaml and its commands, on the sample's evidence."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from typing import TYPE_CHECKING

from auditgen.cli import run
from auditgen.project import load_project
from tests.docs import pages

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

README = pages.ROOT / "README.md"


def _workplace(folder: Path) -> Path:
    evidence = folder / "evidence" / "lantern-rock"
    evidence.mkdir(parents=True)
    origin = pages.ROOT / "samples" / "quarter" / "evidence" / "lantern-rock"
    for path in origin.glob("*policy-behaviour*.eval"):
        shutil.copyfile(path, evidence / path.name)
    (example,) = pages.blocks(README, "yaml")
    audit = folder / "audit.yaml"
    audit.write_text(example, "utf-8")
    return audit


def test_the_example_makes_a_report(tmp_path: Path) -> None:
    audit = _workplace(tmp_path)
    project = load_project(audit, needs_signer=False)
    assert [p.id for p in project.audit.principles] == ["P1"]
    arguments = ["report", str(audit), "--unsigned", "--formats", "json", "--as-of", "2026-10-05", "-q"]
    assert run(arguments) == 0
    document = json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))
    (principle,) = document["principles"]
    assert principle["status"]["code"] == "supported_with_comments"
    assert principle["criteria"][0]["status"]["code"] == "met"


def test_the_numbers_that_the_guide_explains_are_those_of_the_sample(tmp_path: Path) -> None:
    audit = pages.ROOT / "samples" / "quarter" / "audit.yaml"
    out, store = str(tmp_path / "report"), str(tmp_path / "store")
    arguments = ["report", str(audit), "-o", out, "--store", store, "--as-of", "2026-10-05", "-q"]
    assert run([*arguments, "--unsigned", "--formats", "json"]) == 0
    document = json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))
    figures = [c["measure"]["figure"] for p in document["principles"] for c in p["criteria"]]
    shown = {text for figure in figures for text in (figure["text"], figure["left_out"])}
    guide = pages.sections(pages.DOCS / "report.md")["How numbers are written"]
    explained = re.findall(r"^`([^`]+)`: ", guide, re.MULTILINE)
    assert len(explained) == 4  # a rate, a gap, a complete count, what was left out
    assert set(explained) <= shown


def test_the_commands_of_the_walk_through_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _workplace(tmp_path)
    monkeypatch.chdir(tmp_path)
    lines = [line for block in pages.blocks(README, "sh") for line in block.splitlines()]
    commands = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("auditgen ")]
    assert [c[0] for c in commands] == ["inspect", "keys", "report", "verify"]
    for command in commands:
        if command[0] == "inspect":
            command[1] = "evidence"
        if command[0] == "report":
            command += ["--formats", "html,json"]  # the other two take long
        assert run(command) == 0, capsys.readouterr().err
    assert "INTACT" in capsys.readouterr().out
