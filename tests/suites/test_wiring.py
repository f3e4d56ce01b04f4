"""From `suites:` in audit.yaml and `--suites` on the command line to what is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from auditgen.cli import run as auditgen
from auditgen.errors import InputRefused
from auditgen.evidence.store import EvidenceStore
from auditgen.pipeline.read import read_inputs
from auditgen.project.load import load_project
from auditgen.resources import resource_dir

OWN = """schema: auditgen-suites-1
id: own
title: Own suites
suites:
  - id: own/probe
    title: Own probe
    tool: garak
    names: [snowball.Primes]
    measures: Questions on primes.
    map:
      expected: {is: comply}
    read_from: our own notes
"""


@pytest.fixture
def project(tmp_path: Path, quarter: Path) -> Path:
    """The sample quarter, to be changed."""
    shutil.copytree(quarter.parent, tmp_path / "quarter")
    return tmp_path / "quarter" / "audit.yaml"


def add(audit: Path, text: str) -> None:
    audit.write_text(audit.read_text() + text)


def suites_of(audit: Path, tmp_path: Path) -> dict[str, str]:
    project = load_project(audit, needs_signer=False)
    inputs = read_inputs(project, EvidenceStore(tmp_path / "store"))
    out: dict[str, str] = {}
    for reading in inputs.readings:
        assert not any(a.code == "suite-undescribed" for a in reading.anomalies), reading.path
        out |= reading.suites
    return out


def test_the_sample_quarter_is_described_throughout(project: Path, tmp_path: Path) -> None:
    found = suites_of(project, tmp_path)
    assert found["snowball.Primes"] == "garak/snowball"
    assert found["encoding.InjectBase64"] == "garak/encoding"
    assert found["goodside.Tag"] == "garak/injection"
    assert found["pii:direct"] == "promptfoo/disclosure"
    assert found["overreliance"] == "promptfoo/accuracy"
    assert "" not in found.values()


def test_own_suites_come_first(project: Path, tmp_path: Path) -> None:
    (project.parent / "own.yaml").write_text(OWN)
    add(project, "\nsuites: [own.yaml]\n")
    found = suites_of(project, tmp_path)
    assert found["snowball.Primes"] == "own/probe"
    assert found["goodside.Tag"] == "garak/injection"


def test_faults_of_suite_files_come_with_the_others(project: Path) -> None:
    (project.parent / "own.yaml").write_text(OWN.replace("comply", "perhaps"))
    add(project, "\nsuites: [own.yaml, absent.yaml, own.yaml]\nexpected: [{id: e, title: t, source: nowhere}]\n")
    text = project.read_text().split("expected:")[0] + project.read_text()[project.read_text().index("\nsuites:") :]
    project.write_text(text)
    with pytest.raises(InputRefused) as caught:
        load_project(project, needs_signer=False)
    found = {(d.code, Path(d.file).name): d.span for d in caught.value.diagnostics}
    assert ("missing-file", "audit.yaml") in found
    assert ("duplicate-id", "audit.yaml") in found
    assert ("unknown-source", "audit.yaml") in found
    assert found["value-error", "own.yaml"].line == OWN.splitlines().index("    map:") + 2


def test_inspect_uses_the_shipped_descriptions_and_own_ones(
    tmp_path: Path, quarter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = str(quarter / "safety-team" / "garak.report.jsonl")
    own = tmp_path / "own.yaml"
    own.write_text(OWN)

    def run(*options: str) -> Any:
        assert auditgen(["inspect", "--quiet", "--format", "json", *options, report]) == 0
        return json.loads(capsys.readouterr().out)[0]

    plain, with_own = run(), run("--suites", str(own))
    assert plain["suites"]["snowball.Primes"] == "garak/snowball"
    assert with_own["suites"]["snowball.Primes"] == "own/probe"
    assert not any(a["code"] == "suite-undescribed" for a in plain["anomalies"])


def test_inspect_refuses_a_faulty_suite_file(
    tmp_path: Path, quarter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN.replace("garak", "garrak"))
    report = str(quarter / "safety-team" / "garak.report.jsonl")
    assert auditgen(["inspect", "--suites", str(own), report]) == 4
    shown = capsys.readouterr().err
    assert "own.yaml:7:11" in shown
    assert "did you mean `garak`?" in shown


def test_the_wheel_carries_the_descriptions() -> None:
    import tomllib

    root = Path(__file__).resolve().parents[2]
    built = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    assert built["wheel"]["force-include"]["suites"] == "auditgen/_data/suites"
    assert "suites" in built["sdist"]["include"]
    assert resource_dir("suites").is_dir()
