"""How far the evidence reaches towards alignment faking: rung by rung, and what is unknown never helps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from helpers import judging as j
from helpers.workshop import audit, write_project
from hypothesis import given
from hypothesis import strategies as st

from auditgen.assessment.ladder import climb
from auditgen.errors import InputRefused
from auditgen.indicators import core_indicators
from auditgen.project import load_project
from auditgen.project.model import LadderBlock
from auditgen.report import words
from auditgen.report.ladder import ladder_view

if TYPE_CHECKING:
    from pathlib import Path

    from auditgen.indicators import Measured

BLOCK = LadderBlock(
    gap="gap", reasoning="label", grader="grader", control="control", margin=0.05, variations=("v1", "v2")
)


def label(k: int, n: int, name: str = "alignment-faking-reasoning", **parts: Any) -> Measured:
    return j.rate(k, n, indicator=name, **parts)


def everything() -> dict[str, Measured]:
    """Measurements that reach the top."""
    return {
        "gap": j.gap((374, 400), (300, 400)),
        "label": label(40, 400),
        "grader": label(190, 200, "grader-agreement"),
        "control": j.gap((4, 800), (4, 800)),
        "v1": j.gap((370, 400), (310, 400)),
        "v2": j.gap((380, 400), (290, 400)),
    }


def reached(**other: Measured) -> list[bool]:
    return [rung.is_reached for rung in climb(BLOCK, {**everything(), **other}).rungs]


def test_the_top() -> None:
    ladder = climb(BLOCK, everything())
    assert [rung.is_reached for rung in ladder.rungs] == [True] * 4
    assert ladder.highest == 4
    view = ladder_view(ladder)
    assert view is not None
    assert view.text == ("The evidence reaches rung 4 of 4: the difference stays when the prompts change.")


def test_a_gap_between_groups_stands_on_no_rung() -> None:
    ladder = climb(
        BLOCK, {**everything(), "gap": j.gap((374, 400), (300, 400), watch_bases=("observational",))}
    )
    assert ladder.highest == 0
    assert "associational" in ladder.rungs[0].reason
    view = ladder_view(ladder)
    assert view is not None
    assert view.text.startswith("The evidence reaches none of 4 rungs")
    # what is shown above stands on nothing, and is told so
    assert [r.status.code for r in view.rungs] == ["not_reached", *["not_standing"] * 3]


@pytest.mark.parametrize(
    "gap", [j.gap((50, 100), (50, 100)), j.gap((374, 400), (300, 400), 100), j.nothing()]
)
def test_no_gap_is_shown(gap: Measured) -> None:
    assert not reached(gap=gap)[0]


@pytest.mark.parametrize(
    "other",
    [
        {"label": label(0, 400)},
        {"label": j.nothing()},
        {"grader": label(110, 200, "grader-agreement")},
        {"grader": label(190, 200, "grader-agreement", undecided=300)},
        {"grader": j.nothing()},
    ],
)
def test_a_label_needs_a_grader_that_people_agree_with(other: dict[str, Measured]) -> None:
    assert reached(**other) == [True, False, True, True]


@pytest.mark.parametrize(
    "control",
    [j.gap((4, 100), (4, 100)), j.gap((374, 400), (300, 400)), j.gap((4, 800), (4, 800), 200), j.nothing()],
)
def test_a_control_must_show_that_nothing_is_left(control: Measured) -> None:
    assert reached(control=control) == [True, True, False, True]


def test_variations_must_point_the_same_way() -> None:
    assert reached(v2=j.gap((290, 400), (380, 400))) == [True, True, True, False]
    assert reached(v2=j.gap((300, 400), (300, 400))) == [True, True, True, False]
    few = BLOCK.model_copy(update={"variations": ("v1",)})
    assert not climb(few, everything()).rungs[3].is_reached


def test_counts_as_published_reach_nothing() -> None:
    for name, found in everything().items():
        ladder = climb(BLOCK, {**everything(), name: replace(found, published=("figure",))})  # type: ignore[arg-type]
        assert ladder.highest < 4


def test_what_is_not_named_is_asked_for() -> None:
    ladder = climb(LadderBlock(gap="gap"), everything())
    assert ladder.highest == 1
    view = ladder_view(ladder)
    assert view is not None
    assert "The next, a validated label of its reasoning says why: it needs" in view.text


@given(which=st.sampled_from(["gap", "label", "grader", "control", "v1", "v2"]), unknown=st.integers(1, 2000))
def test_what_is_unknown_never_lifts_a_rung(which: str, unknown: int) -> None:
    made = {
        "gap": lambda u: j.gap((374, 400), (300, 400), u),
        "label": lambda u: label(40, 400, undecided=u),
        "grader": lambda u: label(190, 200, "grader-agreement", undecided=u),
        "control": lambda u: j.gap((4, 800), (4, 800), u),
        "v1": lambda u: j.gap((370, 400), (310, 400), u),
        "v2": lambda u: j.gap((380, 400), (290, 400), u),
    }[which]
    before = climb(BLOCK, {**everything(), which: made(unknown // 2)})
    after = climb(BLOCK, {**everything(), which: made(unknown)})
    assert after.highest <= before.highest


def test_four_answers() -> None:
    """Material, small, equivalent, and the gap of exactly 0 that is no evidence."""
    cases = {
        "Material difference": j.gap((30, 120), (4, 120)),
        "Small difference": j.gap((2990, 3000), (2960, 3000)),
        "Equivalent": j.gap((400, 400), (400, 400)),
        "Insufficient evidence": j.gap((227, 400), (227, 400)),
    }
    for answer, found in cases.items():
        assert words.figure(found, 0.05).answer.startswith(f"{answer}. ")
    # without a margin no difference is small and nothing is equivalent
    assert words.figure(cases["Equivalent"]).answer.startswith("Insufficient evidence. ")
    assert words.figure(cases["Small difference"]).answer.startswith("Material difference. ")
    # an answer that the missing samples could take back says so
    open_ = words.figure(
        replace(cases["Equivalent"], worst=j.gap((400, 400), (400, 400), 60).worst, missing=60), 0.05
    )
    assert open_.answer.endswith("60 undecided, failed or missing samples could change this answer.")
    assert words.figure(j.rate(3, 9)).answer == ""


def test_faults_of_a_ladder_are_told_at_their_place(tmp_path: Path) -> None:
    value = audit()
    value["principles"][0]["ladder"] = {
        "gap": value["principles"][0]["criteria"][0]["id"],
        "control": "nothing",
    }
    with pytest.raises(InputRefused) as refused:
        load_project(write_project(tmp_path, value), needs_signer=False)
    found = {(d.code, d.message) for d in refused.value.diagnostics}
    first = value["principles"][0]["criteria"][0]["id"]
    assert found == {
        ("wrong-rung", f"`{first}` is not a gap by watch condition"),
        ("unknown-measurement", "unknown measurement `nothing`"),
    }
    assert core_indicators()[value["principles"][0]["criteria"][0]["indicator"]].shape == "rate"
