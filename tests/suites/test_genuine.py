"""Descriptions on files that the tools themselves made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from auditgen.evidence.store import EvidenceStore
from auditgen.sources.reading import ReadFile, SourceRegistry, read_file
from auditgen.sources.suites import SuiteLibrary


@pytest.fixture
def read(registry: SourceRegistry, library: SuiteLibrary, tmp_path: Path) -> Any:
    def read(path: Path) -> ReadFile:
        return read_file(
            path,
            name=path.name,
            source_id="s",
            mapping=None,
            store=EvidenceStore(tmp_path / "store"),
            registry=registry,
            suites=library,
        )

    return read


def test_a_petri_log(read: Any, look: Any, extra_exports: Path) -> None:
    (path,) = (extra_exports / "evaluation" / "petri").glob("*.eval")
    file = read(path)
    assert file.reading.suites == {"inspect_petri/audit": "petri/audit"}
    assert "suite-undescribed" not in look.codes(file)
    scores = [s for s in look.scores(file) if s["metric"].startswith("audit_judge.")]
    assert len({s["metric"] for s in scores}) == 38
    assert all(s["judge"] for s in scores)
    assert all(s["direction"] for s in scores)
    assert set(look.outcomes(file)) == {"unscored"}


def test_a_garak_report(read: Any, look: Any, extra_exports: Path) -> None:
    file = read(extra_exports / "evaluation" / "garak" / "gr1.report.jsonl")
    assert file.reading.suites
    assert all(name.startswith("garak/") for name in file.reading.suites.values())
    assert "suite-undescribed" not in look.codes(file)
    assert {s["direction"] for s in look.scores(file)} == {"lower"}


def test_a_red_team_of_promptfoo(read: Any, look: Any, extra_exports: Path) -> None:
    file = read(extra_exports / "evaluation" / "promptfoo" / "rt.json")
    assert len(file.reading.suites) == 12
    assert all(name.startswith("promptfoo/") for name in file.reading.suites.values())
    assert "suite-undescribed" not in look.codes(file)
    assert {s["direction"] for s in look.scores(file)} == {"higher"}
    assert file.records is not None


def test_the_sample_red_team_and_probes(read: Any, look: Any, quarter: Path) -> None:
    for name, prefix in (("redteam.json", "promptfoo/"), ("garak.report.jsonl", "garak/")):
        file = read(quarter / "safety-team" / name)
        assert all(found.startswith(prefix) for found in file.reading.suites.values())
        assert "suite-undescribed" not in look.codes(file)


def test_a_log_of_ones_own_task_stays_undescribed(read: Any, look: Any, quarter: Path) -> None:
    (path,) = (quarter / "lantern-rock").glob("*watch-cue*.json")
    assert look.codes(read(path))["suite-undescribed"] > 0
