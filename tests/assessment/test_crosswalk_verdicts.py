"""Across frameworks a verdict travels rarely, one step, and never against evidence of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditgen.assessment.crosswalk import SAID, carry
from auditgen.assessment.model import ControlResult, NeedResult, Verdict
from auditgen.checklists import available_checklists, load_checklist
from auditgen.checklists.model import Mapping

BASE = next(c for c in load_checklist(available_checklists()["nist-ai-rmf"]).controls if c.evidence)
RELATIONS = ("equal", "subset_of", "superset_of", "intersects_with", "no_relationship")


def mapping(to: str, rel: str) -> Mapping:
    return Mapping.model_validate({"to": to, "rel": rel, "rationale": "semantic", "strength": 7})


def result(name: str, verdict: Verdict, *maps: Mapping, found: bool = False, **parts: Any) -> ControlResult:
    framework, _, control_id = name.partition(":")
    base = {"id": control_id, "maps": maps, "independence": "none", "every_days": None, **parts}
    control = BASE.model_copy(update=base)
    refs = ("C1",) if found else ()
    need = NeedResult("n", ("EV-REF",), verdict, refs, "because")
    return ControlResult(framework, control, verdict, "because", (need,), ())


def carried(rel: str, focal: Verdict, target: ControlResult | None = None, **parts: Any) -> Verdict:
    first = result("a:1", focal, mapping("b:1", rel), **parts)
    return carry([first, target or result("b:1", Verdict.INSUFFICIENT)])[1].verdict


@pytest.mark.parametrize("rel", RELATIONS)
def test_which_relations_carry(rel: str) -> None:
    assert carried(rel, Verdict.MET) is Verdict.INSUFFICIENT  # met travels nowhere
    assert carried(rel, Verdict.NOT_MET) is (Verdict.NOT_MET if rel == "equal" else Verdict.INSUFFICIENT)


@given(st.sampled_from(RELATIONS), st.sampled_from(list(Verdict)), st.sampled_from(list(Verdict)), st.booleans())
def test_own_evidence_always_decides(rel: str, focal: Verdict, own: Verdict, found: bool) -> None:
    target = result("b:1", own, found=found)
    after = carried(rel, focal, target)
    if own is not Verdict.INSUFFICIENT or found or focal not in SAID:
        assert after is own


def test_one_step_only() -> None:
    chain = [
        result("a:1", Verdict.NOT_MET, mapping("b:1", "equal")),
        result("b:1", Verdict.INSUFFICIENT, mapping("c:1", "equal")),
        result("c:1", Verdict.INSUFFICIENT),
    ]
    assert [r.verdict for r in carry(chain)] == [Verdict.NOT_MET, Verdict.NOT_MET, Verdict.INSUFFICIENT]


def test_what_speaks_against_it_weighs_more() -> None:
    rows = [
        result("a:1", Verdict.MET, mapping("c:1", "equal")),
        result("b:1", Verdict.NOT_MET, mapping("c:1", "equal")),
        result("c:1", Verdict.INSUFFICIENT),
    ]
    last = carry(rows)[-1]
    assert last.verdict is Verdict.NOT_MET
    assert "not met as b:1 is, which is equal to this one" in last.reason
    assert len(last.related) == 2


def test_the_relation_is_told_where_it_moves_nothing() -> None:
    rows = carry([result("a:1", Verdict.MET, mapping("b:1", "intersects_with")), result("b:1", Verdict.STALE)])
    assert rows[1].related == (
        "a:1 is met and intersects with this one (semantic, strength 7 of 10)",
    )
    assert rows[0].related == ()
    assert replace(rows[1], related=()) == result("b:1", Verdict.STALE)
