"""A reader in a package of its own, installed as anybody would install it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.workshop import audit, write_project

READER = '''
"""Reads files that begin with ACME-EVAL, one answer a line: `id<TAB>verdict<TAB>text`."""

from datetime import UTC, datetime

from auditgen.evidence.model import Basis, Expected, Outcome
from auditgen.sources.fields import FieldReader
from auditgen.sources.interface import Facts, Recognition

WORDS = {"no": Outcome.REFUSED, "yes": Outcome.COMPLIED}


class AcmeSource:
    name = "acme-eval"
    version = "7"

    def recognise(self, probe):
        if probe.head.startswith(b"ACME-EVAL"):
            return Recognition("acme.eval", "first word is ACME-EVAL")
        return None

    def read(self, path, context):
        fields = FieldReader(context, self.name)
        with path.open(encoding="utf-8") as stream:
            next(stream)
            for number, line in enumerate(stream, 2):
                name, word, text = line.rstrip("\\n").split("\\t")
                mapped = fields.read({"word": word}, suite="acme", response=text)
                yield mapped.observation(
                    run_key="acme", sample_id=name, locator=f"line:{number}",
                    outcome=mapped.outcome or (WORDS[word], Basis.NATIVE_FIELD),
                    expected=Expected.REFUSE, model="model-1", suite="acme", response=text,
                    observed_at=datetime(2026, 9, 1, tzinfo=UTC),
                )
        yield from fields.anomalies()
        yield Facts(tool="Acme Eval", tool_version="1.0", suites=fields.suites)
'''
PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "acme-auditgen-reader"
version = "3.1"
[project.entry-points."auditgen.sources"]
acme-eval = "acme_reader:AcmeSource"
{more}
[tool.hatch.build.targets.wheel]
packages = ["acme_reader"]
"""


def install(folder: Path, *, more: str = "") -> Path:
    """The package, built and installed beside the environment; the directory it stands in."""
    package = folder / "package"
    (package / "acme_reader").mkdir(parents=True)
    (package / "acme_reader" / "__init__.py").write_text(READER)
    (package / "pyproject.toml").write_text(PYPROJECT.format(more=more))
    target = folder / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
         "--disable-pip-version-check", "--target", str(target), str(package)],
        check=True,
    )  # fmt: skip
    return target


def auditgen(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, "-m", "auditgen", *words], capture_output=True, text=True, env=env, check=False
    )


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "answers.txt"
    rows = [f"s{n}\t{'yes' if n % 10 == 0 else 'no'}\ttext {n}" for n in range(100)]
    path.write_text("\n".join(["ACME-EVAL 1", *rows]) + "\n")
    return path


def test_it_reads_and_the_report_names_it(tmp_path: Path, export: Path) -> None:
    site = install(tmp_path)
    seen = auditgen(site, "inspect", "-q", "--format", "json", str(export))
    assert seen.returncode == 0, seen.stderr
    (reading,) = json.loads(seen.stdout)
    assert (reading["format"], reading["reader"], reading["reader_version"]) == ("acme.eval", "acme-eval", "7")
    assert reading["outcomes"] == {"complied": 10, "refused": 90}
    project = write_project(tmp_path / "project", audit(), {"evidence/lab.txt": export.read_bytes()})
    out = tmp_path / "out"
    made = auditgen(site, "report", str(project), "-o", str(out), "--unsigned", "-q")
    assert made.returncode == 0, made.stderr
    assert "acme-auditgen-reader 3.1: acme-eval" in (out / "report.json").read_text()
    html = (out / "report.html").read_text()
    assert "acme-auditgen-reader 3.1" in html


def test_a_broken_one_is_told_and_stops_nobody(tmp_path: Path, export: Path) -> None:
    site = install(tmp_path, more='broken = "acme_reader.missing:Reader"')
    seen = auditgen(site, "inspect", "-q", str(export))
    assert seen.returncode == 0, seen.stderr
    assert "acme.eval" in seen.stdout
    assert "warning: reader `broken` could not be loaded: ModuleNotFoundError" in seen.stderr


def test_without_it_the_file_is_unrecognised(tmp_path: Path, export: Path) -> None:
    seen = auditgen(tmp_path, "inspect", "-q", str(export))
    assert seen.returncode == 3
    assert "unrecognised" in seen.stdout
