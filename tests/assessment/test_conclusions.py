"""From verdicts to a conclusion: the first rule that matches, and findings that cap it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers import judging as j
from hypothesis import given
from hypothesis import strategies as st

from auditgen.assessment import Conclusion, Finding, Severity, Verdict
from auditgen.assessment.assess import conclude

ON_CRITERIA = (
    Verdict.MET,
    Verdict.NOT_MET,
    Verdict.INSUFFICIENT,
    Verdict.STALE,
    Verdict.NEEDS_REVIEW,
)
SUPPORTS = {Conclusion.SUPPORTED, Conclusion.WITH_COMMENTS}


def concluded(*verdicts: Verdict, findings: tuple[Finding, ...] = ()) -> Conclusion:
    return conclude(j.principle(), [j.judged_as(v) for v in verdicts], findings).conclusion


def finding(severity: Severity, *principles: str) -> Finding:
    return Finding("F01", "repeated-run", severity, "Title", "detail", "ask?", principles=principles)


@pytest.mark.parametrize(
    ("verdicts", "wanted"),
    [
        ((Verdict.MET,), Conclusion.SUPPORTED),
        ((Verdict.MET, Verdict.MET), Conclusion.SUPPORTED),
        ((Verdict.MET, Verdict.INSUFFICIENT), Conclusion.NOT_CONCLUDED),
        ((Verdict.MET, Verdict.STALE), Conclusion.NOT_CONCLUDED),
        ((Verdict.MET, Verdict.NEEDS_REVIEW), Conclusion.NOT_CONCLUDED),
        ((Verdict.INSUFFICIENT, Verdict.NOT_MET), Conclusion.CONTRADICTED),
        ((Verdict.MET, Verdict.MET, Verdict.NOT_MET), Conclusion.CONTRADICTED),
    ],
)
def test_first_match(verdicts: tuple[Verdict, ...], wanted: Conclusion) -> None:
    assert concluded(*verdicts) is wanted


@given(st.lists(st.sampled_from(ON_CRITERIA), min_size=1, max_size=6), st.data())
def test_one_criterion_that_gets_worse_never_helps(verdicts: list[Verdict], data: st.DataObject) -> None:
    """Average never outranks: whatever the others say, one open or broken criterion decides."""
    before = concluded(*verdicts)
    at = data.draw(st.integers(0, len(verdicts) - 1))
    worse = data.draw(st.sampled_from([v for v in ON_CRITERIA if v is not Verdict.MET]))
    after = concluded(*[*verdicts[:at], worse, *verdicts[at + 1 :]])
    assert after not in SUPPORTS
    if Verdict.NOT_MET in verdicts and verdicts[at] is not Verdict.NOT_MET:
        assert before is after is Conclusion.CONTRADICTED


@pytest.mark.parametrize("severity", Severity)
def test_a_finding_that_touches_it_caps_it(severity: Severity) -> None:
    wanted = Conclusion.SUPPORTED if severity is Severity.NOTE else Conclusion.WITH_COMMENTS
    assert concluded(Verdict.MET, findings=(finding(severity, "P1"),)) is wanted
    assert concluded(Verdict.MET, findings=(finding(severity, "P2"),)) is Conclusion.SUPPORTED
    assert concluded(Verdict.MET, findings=(finding(severity),)) is Conclusion.SUPPORTED


def test_a_comment_caps_it_and_is_printed() -> None:
    commented = replace(j.judged_as(Verdict.MET), comments=("declared, not proven",))
    done = conclude(j.principle(), [j.judged_as(Verdict.MET), commented], ())
    assert done.conclusion is Conclusion.WITH_COMMENTS
    assert done.comments == ("C1: declared, not proven",)


def test_a_finding_lifts_nothing() -> None:
    for verdict in (Verdict.NOT_MET, Verdict.INSUFFICIENT, Verdict.STALE):
        assert concluded(verdict, findings=(finding(Severity.LOW, "P1"),)) not in SUPPORTS


def test_the_reason_names_every_criterion_that_decides() -> None:
    results = [j.judged_as(Verdict.NOT_MET), j.judged_as(Verdict.MET), j.judged_as(Verdict.NOT_MET)]
    done = conclude(j.principle(), results, ())
    assert done.reason == "C1: because not_met; C1: because not_met"
