"""Counts of the shipped checklists, typed from inventories made apart from the YAML files.

For the AI Act the inventory has 159 obligations, of which our reading calls two options and one a
permission, 11 prohibitions, 2 permissions and 48 annex items.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from auditgen.checklists import available_checklists, load_checklist

COUNTED = {
    row["file"]: row
    for row in csv.DictReader(
        Path(__file__).with_name("framework_counts.csv").read_text("utf-8").splitlines()
    )
}
SHIPPED = tuple(available_checklists())


@pytest.mark.parametrize("name", sorted(COUNTED))
def test_a_file_has_as_many_controls_groups_and_kinds_as_were_counted(name: str) -> None:
    checklist = load_checklist(available_checklists()[name])
    row = COUNTED[name]
    kinds = Counter(control.kind for control in checklist.controls)
    assert len(checklist.controls) == int(row["controls"])
    assert len(checklist.groups) == int(row["groups"])
    assert "; ".join(f"{kind}={kinds[kind]}" for kind in sorted(kinds)) == row["kinds"]
    assert checklist.framework.id == name


def test_every_file_that_ships_was_counted_and_no_other() -> None:
    assert set(COUNTED) == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_heading_leads_to_a_control(name: str) -> None:
    checklist = load_checklist(available_checklists()[name])
    parents = {group.id: group.parent for group in checklist.groups}
    reached = set()
    for control in checklist.controls:
        above: str | None = control.group
        while above is not None:
            reached.add(above)
            above = parents[above]
    assert reached == set(parents)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_header_says_what_was_not_done_and_how_the_text_was_known(name: str) -> None:
    framework = load_checklist(available_checklists()[name]).framework
    assert framework.id == name
    assert framework.review.legal_review == "none"
    assert framework.review.sources
    assert re.search(r"\bnot\b|\bneither\b|\bnobody\b|\bnone\b", framework.scope, re.IGNORECASE)


def test_one_question_has_one_wording_in_every_file() -> None:
    """Answers are given once for all checklists, so the same id must ask the same thing."""
    asked = defaultdict(set)
    for path in available_checklists().values():
        for question in load_checklist(path).questions:
            asked[question.id].add((question.ask, question.values))
    assert {one for one, wordings in asked.items() if len(wordings) > 1} == set()


@pytest.mark.parametrize("name", SHIPPED)
def test_every_question_is_asked_because_a_control_needs_the_answer(name: str) -> None:
    checklist = load_checklist(available_checklists()[name])
    used = set(re.findall(r"fact='(\w+)'", repr(checklist.controls)))
    assert used == {question.id for question in checklist.questions}


@pytest.mark.parametrize("name", SHIPPED)
def test_lines_are_short_and_no_machine_is_named(name: str) -> None:
    text = available_checklists()[name].read_text("utf-8")
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "\t" not in text
    assert not re.search(r"/(work|home|tmp|root|Users)/", text)
    assert not re.search(r"\bnon-?compliant\b|\bcompliant\b", text, re.IGNORECASE)
