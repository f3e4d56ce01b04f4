"""Faults in `relabelled`, each at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from helpers import coding, workshop

from auditgen.errors import InputRefused
from auditgen.project import load_project

if TYPE_CHECKING:
    from pathlib import Path

D = {"file": "labels/labels-3.xlsx", "by": {"name": "D. Reader", "role": "judge"}}


def faults(folder: Path, *blocks: dict[str, Any], **changes: Any) -> list[tuple[str, str]]:
    path = workshop.write_project(folder, workshop.audit(relabelled=list(blocks), **changes))
    with pytest.raises(InputRefused) as refusal:
        load_project(path, needs_signer=False)
    lines = path.read_text().splitlines()
    return [(d.code, lines[d.span.line - 1].strip()) for d in refusal.value.diagnostics]


def test_a_sound_block(tmp_path: Path) -> None:
    value = workshop.audit(relabelled=[coding.block(adjudicated=D)])
    loaded = load_project(workshop.write_project(tmp_path, value), needs_signer=False)
    assert [name for name, _ in loaded.audit.relabelled[0].named] == [
        "labels/labels-1.xlsx",
        "labels/labels-2.xlsx",
        "labels/labels-3.xlsx",
    ]


def test_an_unknown_criterion_is_guessed(tmp_path: Path) -> None:
    assert faults(tmp_path, coding.block("C11")) == [("unknown-criterion", "criterion: C11")]
    path = tmp_path / "audit.yaml"
    with pytest.raises(InputRefused) as refusal:
        load_project(path, needs_signer=False)
    assert refusal.value.diagnostics[0].helps == ("did you mean `C1`?",)


def test_a_gap_cannot_be_labelled(tmp_path: Path) -> None:
    gap = {"id": "G1", "indicator": "compliance-gap", "sources": ["lab"]}
    found = faults(tmp_path, coding.block("G1"), also_measured=[gap])
    assert found == [("not-labelled", "criterion: G1")]


def test_people_and_files_must_be_different(tmp_path: Path) -> None:
    same = {"name": "b.  READER", "role": "another"}
    twice = coding.block(
        files=["a.xlsx", "a.xlsx"],
        coders=[coding.PEOPLE[0], same],
        adjudicated={"file": "a.xlsx", "by": same},
    )
    assert [code for code, _ in faults(tmp_path, twice)] == [
        "duplicate-file",
        "duplicate-person",
        "duplicate-file",
        "duplicate-person",
    ]


def test_ids_and_numbers_of_files(tmp_path: Path) -> None:
    assert faults(tmp_path / "a", coding.block(), coding.block()) == [("duplicate-id", "- id: R1")]
    found = faults(tmp_path / "b", coding.block(files=["a.xlsx"]), coding.block(coders=coding.PEOPLE * 2))
    assert len(found) == 2
