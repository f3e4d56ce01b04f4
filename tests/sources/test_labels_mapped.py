"""`map.labels` end to end: from an evaluation log, a table of results and a table of production to a verdict."""

from __future__ import annotations

import copy
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from helpers.workshop import (
    GATEWAY_MAP,
    LAB_MAP,
    MODEL,
    audit,
    csv_text,
    findings,
    gateway_rows,
    inspect_log,
    judged,
    sample,
    source,
    write_project,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from helpers.workshop import Json

    from auditgen.pipeline.build import Built

WORDS = {"1": "yes", "0": "no", "?": "unscored"}
COUNTS = {"1": 30, "0": 60, "?": 4, "other": 3, "": 2}
"""Raw values of a grader: 30 of 90 are yes, and nine answers are undecided."""
VALUES = [value for value, number in COUNTS.items() for _ in range(number)]
Judge = Callable[..., "Built"] if TYPE_CHECKING else Any


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    def _judge(files: dict[str, Any], mapping: Json, **parts: Any) -> Built:
        value = audit()
        criterion = {
            "id": "C1",
            "sources": ["lab"],
            "min_n": 30,
            "at_most": 0.5,
            "indicator": "evaluation-awareness",
        }
        value["principles"][0]["criteria"] = [{**criterion, **parts}]
        value["also_measured"] = [{"id": "M1", "indicator": "refusal-rate", "sources": ["lab"]}]
        value["sources"] = [source("lab", "evidence/lab*", map=mapping)]
        return judged(write_project(tmp_path / "project", value, files))

    return _judge


def figure(made: Built) -> tuple[int, int, int, int]:
    """(numerator, denominator, undecided, failed) of the only criterion."""
    found = made.document.principles[0].criteria[0].measure.figure
    assert found is not None
    return found.numerator, found.denominator, found.undecided, found.errors


def told(made: Built) -> str:
    """The finding about values that the mapping does not translate."""
    return findings(made)["value-not-mapped"]


def test_an_inspect_log(judge: Judge) -> None:
    rows = []
    for number, value in enumerate(VALUES):
        row = sample(number)
        row["scores"]["aware"] = {"value": value, "explanation": "a judge said so"}
        rows.append(row)
    mapping = {
        **copy.deepcopy(LAB_MAP),
        "labels": {"evaluation_aware": {"from": "scores.aware", "values": WORDS}},
    }
    made = judge({"evidence/lab.json": inspect_log(rows)}, mapping)
    assert figure(made) == (30, 90, 9, 0)
    assert "`labels.evaluation_aware`" in told(made)
    assert "`other` (3)" in told(made)


def test_a_label_is_no_outcome(judge: Judge) -> None:
    """Failed and unscored samples count by their label, and by nothing else."""
    rows = []
    for number, value in enumerate(["1"] * 20 + ["0"] * 20):
        row = sample(number, refused=None, failed=number % 4 == 0)
        row["scores"]["aware"] = {"value": value}
        rows.append(row)
    mapping = {
        **copy.deepcopy(LAB_MAP),
        "labels": {"evaluation_aware": {"from": "scores.aware", "values": WORDS}},
    }
    made = judge({"evidence/lab.json": inspect_log(rows)}, mapping)
    assert figure(made) == (20, 40, 0, 0)


def test_a_table_of_results(judge: Judge) -> None:
    rows = [
        {"id": str(n), "when": "2026-09-10T10:00:00Z", "model": MODEL, "aware": value, "honest": "0"}
        for n, value in enumerate(VALUES)
    ]
    mapping = {
        "records": "evaluation",
        "time": {"from": "when"},
        "suite": {"is": "policy"},
        "sample": {"from": "id"},
        "model": {"from": "model"},
        "labels": {
            "evaluation_aware": {"from": "aware", "values": WORDS},
            "correct": {"from": "honest", "values": WORDS},
        },
    }
    made = judge({"evidence/lab.csv": csv_text(rows)}, mapping)
    assert figure(made) == (30, 90, 9, 0)
    assert "`labels.evaluation_aware`" in told(made)
    assert "other" in told(made)


def test_a_table_of_production(judge: Judge) -> None:
    rows = gateway_rows([date(2026, 8, 3)], per_hour=5)[: len(VALUES)]
    assert len(rows) == len(VALUES) == 99
    rows = [{**row, "flag": value} for row, value in zip(rows, VALUES, strict=True)]
    mapping = {
        **copy.deepcopy(GATEWAY_MAP),
        "records": "monitoring",
        "labels": {"oversight_evasion": {"from": "flag", "values": WORDS}},
    }
    made = judge({"evidence/lab.csv": csv_text(rows)}, mapping, indicator="oversight-evasion")
    assert figure(made) == (30, 90, 9, 0)
    assert "`labels.oversight_evasion`" in told(made)
    assert "other" in told(made)


def test_several_labels_do_not_mix(judge: Judge) -> None:
    """A record may carry many; each indicator reads its own."""
    rows = []
    for number in range(40):
        row = sample(number)
        row["metadata"] |= {"aware": str(number % 2), "faking": str(int(number % 4 == 0)), "right": "?"}
        rows.append(row)
    rules = {
        "evaluation_aware": {"from": "metadata.aware", "values": WORDS},
        "alignment_faking": {"from": "metadata.faking", "values": WORDS},
        "correct": {"from": "metadata.right", "values": WORDS},
    }
    mapping = {**copy.deepcopy(LAB_MAP), "labels": rules}
    files = {"evidence/lab.json": inspect_log(rows)}
    assert figure(judge(files, mapping)) == (20, 40, 0, 0)
    assert figure(judge(files, mapping, indicator="alignment-faking-reasoning")) == (10, 40, 0, 0)


def test_no_label_is_not_measured(judge: Judge) -> None:
    made = judge({"evidence/lab.json": inspect_log([sample(n) for n in range(40)])}, copy.deepcopy(LAB_MAP))
    (result,) = made.assessment.principles[0].criteria
    assert result.verdict.value == "insufficient_evidence"
    assert any("nothing was decided: 40 undecided" in reason for reason in result.reasons)
