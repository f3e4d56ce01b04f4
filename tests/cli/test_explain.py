"""`auditgen explain`: ids, slips of the pen, hostile names, and codes without an audit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from helpers.workshop import audit, inspect_log, judged, samples, source, write_project

from auditgen.assessment.doubts import CODES
from auditgen.cli import run

if TYPE_CHECKING:
    from pathlib import Path

DAY = ["--as-of", "2026-10-05", "-q"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    value = audit(
        standards=["nist-ai-rmf"],
        expected=[{"id": "X", "title": "\x1b[2J\u202eevil\nline", "suite": "z", "min_n": 1}],
    )
    return write_project(tmp_path, value, {"evidence/lab.json": inspect_log(samples(93, 7))})


def test_text_has_the_number_of_the_report(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", str(project), "C1", *DAY]) == 0
    said = capsys.readouterr().out
    [view] = judged(project).document.principles[0].criteria
    assert view.measure.figure is not None
    assert view.measure.figure.text in " ".join(said.split())
    assert "would decide it" in said
    assert max(map(len, said.splitlines())) <= 100


def test_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", str(project), "C1", "--format", "json", *DAY]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["schema"] == "auditgen-explain-1"
    [found] = said["traces"]
    assert found["numbers"][0]["numerator"] == 93
    assert found["numbers"][0]["denominator"] == 100
    assert sum(step["decided"] for step in found["precedence"]) == 1


@pytest.mark.parametrize("name", ["F01", "expected-missing", "P1", "nist-ai-rmf:GOVERN 1.1"])
def test_other_ids(name: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", str(project), name, *DAY]) == 0
    said = capsys.readouterr().out
    assert "What would change it:" in said
    assert not set(said) & {"\x1b", "\u202e"}


def test_a_slip_of_the_pen(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", str(project), "GOVERN 1.11", *DAY]) == 4
    assert "did you mean `GOVERN 1.1`?" in capsys.readouterr().err


def test_a_bare_control_of_two_checklists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = audit(standards=["iso-42001", "eu-ai-act"], sources=[source("lab", "evidence/lab*")])
    path = write_project(tmp_path, value, {"evidence/lab.json": inspect_log(samples(93, 7))})
    ids: dict[str, list[str]] = {}
    for framework in judged(path).document.frameworks:
        for control in framework.controls:
            ids.setdefault(control.id, []).append(control.ref)
    shared = [(name, refs) for name, refs in ids.items() if len(refs) > 1]
    for name, refs in shared[:1]:
        assert run(["explain", str(path), name, *DAY]) == 4
        assert all(ref in capsys.readouterr().err for ref in refs[:1])


@pytest.mark.parametrize("code", CODES)
def test_a_code_needs_no_audit(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", code]) == 0
    said = capsys.readouterr().out
    severity, title, ask = CODES[code]
    assert f"{code}: {title}" in said
    assert ask in said
    assert f"Weight: {severity.value}" in said
    assert run(["explain", code, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["severity"] == severity.value


def test_usage(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "no-such-code"]) == 4
    assert run(["explain", str(project)]) == 4
    assert run(["explain", "no.yaml", "C1"]) == 2
    assert run(["explain", str(project), "C1", "C2"]) == 2
    assert run(["explain"]) == 2
    capsys.readouterr()
