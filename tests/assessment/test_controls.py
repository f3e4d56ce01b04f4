"""Controls: never met by something empty, foreign, old, unattested or unclaimed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from helpers import judging as j
from helpers.workshop import audit as audit_value
from helpers.workshop import yaml_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.assessment import Conclusion, DocumentRecord, PrincipleResult, Verdict
from auditgen.assessment.controls import judge_controls
from auditgen.assessment.needs import attestation_fault
from auditgen.checklists import load_checklist
from auditgen.indicators.slicing import Breakdown, Row
from auditgen.project.model import Audit, DocumentBlock

if TYPE_CHECKING:
    from pathlib import Path

    from auditgen.assessment import ControlResult, CriterionResult
    from auditgen.checklists import Checklist

DIGEST = "a" * 64
FRAMEWORK: dict[str, Any] = {
    "id": "house",
    "title": "House rules",
    "authority": "Acme",
    "citation": "House rules",
    "source_version": "1",
    "checklist_version": "1",
    "binding": "internal",
    "licence": {"text": "own", "policy": "paraphrase_only", "attribution": "Acme"},
    "review": {
        "legal_review": "none",
        "last_checked": "2026-01-01",
        "text_basis": "read",
        "sources": ["the rules"],
    },
    "scope": "all",
}


def control(name: str, *needs: dict[str, Any], **parts: Any) -> dict[str, Any]:
    base = {
        "id": name,
        "group": "g",
        "title": "T",
        "requirement": "R",
        "cite": "C",
        "kind": "obligation",
        "applies": {"always": True},
        "severity": "low",
        "evidence": [{"id": f"n{k}", **need} for k, need in enumerate(needs)],
    }
    return {**base, **parts}


REFUSALS = {"any_of": ["EV-REF"]}
PLAN = {"any_of": ["DO-IRP"]}
EITHER = {"any_of": ["EV-REF", "DO-IRP"]}


@pytest.fixture
def checklist(tmp_path: Path) -> Any:
    """A checklist with these controls."""

    def make(*controls: dict[str, Any]) -> Checklist:
        value = {
            "schema": "auditgen-checklist-1",
            "framework": FRAMEWORK,
            "vocabulary": {"roles": ["provider"], "risk_classes": ["high_risk"]},
            "questions": [{"id": "talks", "ask": "Does it?", "values": ["yes", "no"]}],
            "groups": [{"id": "g", "title": "G", "cite": "s. 1"}],
            "controls": list(controls),
        }
        path = tmp_path / "house.yaml"
        path.write_text(yaml_text(value))
        return load_checklist(path)

    return make


def an_audit(**profile: Any) -> Audit:
    return Audit.model_validate_json(orjson.dumps(audit_value(profile=profile)))


def answering(*results: CriterionResult, answers: tuple[str, ...] = ("house:1",)) -> PrincipleResult:
    promise = j.principle(answers=answers)
    return PrincipleResult(promise, Conclusion.SUPPORTED, "", results, ())


def document(
    sha256: str | None = DIGEST, dated: date = date(2026, 5, 1), **attestation: Any
) -> DocumentRecord:
    value: dict[str, Any] = {
        "id": "D1",
        "kind": "DO-IRP",
        "title": "Plan",
        "file": "plan.md",
        "version": "1",
        "dated": dated,
        "owner": "head",
    }
    if attestation:
        value["attestation"] = {
            "reviewer": {"name": "R", "role": "auditor"},
            "date": date(2026, 9, 1),
            "passage": "s. 2",
            "statement": "It names who does what.",
            "sha256": DIGEST,
            **attestation,
        }
    return DocumentRecord(DocumentBlock.model_validate(value), sha256, fault="no file `plan.md`")


def judged(
    made: Checklist,
    *principles: PrincipleResult,
    documents: tuple[DocumentRecord, ...] = (),
    audit: Audit | None = None,
    **register: Any,
) -> ControlResult:
    known = j.register(documents=documents, **register)
    claims = [(p.principle, p.criteria) for p in principles]
    (result,) = judge_controls(audit or an_audit(), [made], claims, known, j.AS_OF)
    return result


MET = j.judged_as(Verdict.MET)
ATTESTED = document(expires=None)


def test_nothing_is_not_met(checklist: Any) -> None:
    result = judged(checklist(control("1", REFUSALS)))
    assert result.verdict is Verdict.INSUFFICIENT
    assert "nothing was handed in for: Refusal of what the policy disallows (EV-REF)" in result.reason


def test_met_by_a_criterion_that_claims_it(checklist: Any) -> None:
    result = judged(checklist(control("1", REFUSALS)), answering(MET))
    assert result.verdict is Verdict.MET
    assert result.needs[0].found == ("C1",)


def test_not_by_one_that_does_not(checklist: Any) -> None:
    result = judged(checklist(control("1", REFUSALS)), answering(MET, answers=()))
    assert result.verdict is Verdict.INSUFFICIENT
    assert "C1 measures this, but its principle does not declare to answer here" in result.reason
    other = judged(checklist(control("2", REFUSALS)), answering(MET, answers=("house:1",)))
    assert other.verdict is Verdict.INSUFFICIENT


def test_not_by_another_indicator(checklist: Any) -> None:
    assert (
        judged(checklist(control("1", {"any_of": ["EV-ASR"]})), answering(MET)).verdict
        is Verdict.INSUFFICIENT
    )


@pytest.mark.parametrize("verdict", [Verdict.INSUFFICIENT, Verdict.STALE, Verdict.NOT_MET])
def test_only_a_met_criterion_makes_it_met(checklist: Any, verdict: Verdict) -> None:
    assert judged(checklist(control("1", REFUSALS)), answering(j.judged_as(verdict))).verdict is verdict


def test_contradicting_evidence_is_not_outweighed(checklist: Any) -> None:
    broken = answering(j.judged_as(Verdict.NOT_MET), MET)
    result = judged(checklist(control("1", EITHER)), broken, documents=(ATTESTED,))
    assert result.verdict is Verdict.NOT_MET


def test_a_criterion_that_holds_does_not_hide_an_open_one(checklist: Any) -> None:
    mixed = answering(MET, j.judged_as(Verdict.INSUFFICIENT))
    assert judged(checklist(control("1", REFUSALS)), mixed).verdict is Verdict.INSUFFICIENT
    # nor does a document: or else withholding bad evidence would turn not met into met
    result = judged(checklist(control("1", EITHER)), mixed, documents=(ATTESTED,))
    assert result.verdict is Verdict.INSUFFICIENT
    assert judged(checklist(control("1", EITHER)), documents=(ATTESTED,)).verdict is Verdict.MET
    assert (
        judged(checklist(control("1", EITHER)), answering(MET), documents=(document(),)).verdict
        is Verdict.MET
    )


def test_every_need_counts(checklist: Any) -> None:
    both = checklist(control("1", REFUSALS, PLAN))
    assert judged(both, answering(MET)).verdict is Verdict.INSUFFICIENT
    assert judged(both, answering(MET), documents=(document(),)).verdict is Verdict.NEEDS_REVIEW
    assert judged(both, answering(MET), documents=(ATTESTED,)).verdict is Verdict.MET


class TestDocuments:
    """A document alone needs review; met needs a dated attestation of exactly this version."""

    @pytest.mark.parametrize(
        ("found", "wanted", "words"),
        [
            (ATTESTED, Verdict.MET, "attested by R (auditor) on 2026-09-01"),
            (document(expires=j.AS_OF), Verdict.MET, "attested by"),
            (document(), Verdict.NEEDS_REVIEW, "nobody attested"),
            (document(sha256=None, expires=None), Verdict.INSUFFICIENT, "no file `plan.md`"),
            (document(sha256="b" * 64, expires=None), Verdict.NEEDS_REVIEW, "another version"),
            (
                document(expires=j.AS_OF - timedelta(days=1)),
                Verdict.NEEDS_REVIEW,
                "expired on 2026-10-04",
            ),
            (
                document(date=j.AS_OF + timedelta(days=1)),
                Verdict.NEEDS_REVIEW,
                "dated in the future",
            ),
            (document(date=date(2026, 4, 30)), Verdict.NEEDS_REVIEW, "older than the document"),
            (
                document(dated=date(2026, 10, 6), date=date(2026, 10, 6)),
                Verdict.INSUFFICIENT,
                "after the day",
            ),
        ],
    )
    def test_alone(self, checklist: Any, found: DocumentRecord, wanted: Verdict, words: str) -> None:
        result = judged(checklist(control("1", PLAN)), documents=(found,))
        assert result.verdict is wanted
        assert words in result.reason

    def test_too_old_for_the_control(self, checklist: Any) -> None:
        fresh = checklist(control("1", {**PLAN, "max_age_days": 100}))
        assert judged(fresh, documents=(ATTESTED,)).verdict is Verdict.STALE

    def test_of_another_kind(self, checklist: Any) -> None:
        other = checklist(control("1", {"any_of": ["DO-PMM"]}))
        assert judged(other, documents=(ATTESTED,)).verdict is Verdict.INSUFFICIENT

    @given(
        st.dates(date(2026, 1, 1), date(2027, 1, 1)),
        st.dates(date(2026, 1, 1), date(2027, 1, 1)),
        st.none() | st.dates(date(2026, 1, 1), date(2027, 1, 1)),
        st.sampled_from([DIGEST, "b" * 64, None]),
    )
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
    def test_met_only_when_everything_fits(
        self,
        checklist: Any,
        dated: date,
        attested: date,
        expires: date | None,
        sha256: str | None,
    ) -> None:
        found = document(sha256=sha256, dated=dated, date=attested, expires=expires)
        fits = sha256 == DIGEST and dated <= attested <= j.AS_OF and (expires is None or expires >= j.AS_OF)
        result = judged(checklist(control("1", PLAN)), documents=(found,))
        assert (result.verdict is Verdict.MET) is fits
        if sha256 is not None and dated <= j.AS_OF:
            assert (attestation_fault(found, j.AS_OF) == "") is fits


class TestDistanceAndAge:
    """A control may ask for more than the criterion that answers it."""

    def test_nearer_evidence_needs_review(self, checklist: Any) -> None:
        far = checklist(control("1", REFUSALS, independence="external"))
        assert judged(far, answering(MET)).verdict is Verdict.MET
        value = audit_value()
        value["sources"][0]["provider"]["independence"] = "internal_separate"
        internal = Audit.model_validate_json(orjson.dumps(value))
        result = judged(far, answering(MET), audit=internal)
        assert result.verdict is Verdict.NEEDS_REVIEW
        assert "is not external evidence" in result.reason

    def test_older_evidence_is_stale(self, checklist: Any) -> None:
        fresh = checklist(control("1", {**REFUSALS, "max_age_days": 10}))
        assert judged(fresh, answering(MET)).verdict is Verdict.STALE


class TestWhatTheChecklistAsks:
    """Rules of a checklist beyond the organisation's own threshold: the interval, the size, the version."""

    def given(self, made: Checklist, measured: Any, **register: Any) -> ControlResult:
        done = replace(MET, measured=measured)
        return judged(made, answering(done), **register)

    @pytest.mark.parametrize(
        ("bound", "k", "n", "unknown", "wanted"),
        [
            ({"at_least": 0.9}, 990, 1000, 0, Verdict.MET),
            ({"at_least": 0.9}, 47, 50, 0, Verdict.INSUFFICIENT),  # 94 %, yet the interval reaches below
            ({"at_least": 0.9}, 500, 1000, 0, Verdict.NOT_MET),
            ({"at_least": 0.9}, 990, 1000, 200, Verdict.INSUFFICIENT),  # the unknown could turn it
            ({"at_most": 0.05}, 0, 1000, 0, Verdict.MET),
            ({"at_most": 0.05}, 0, 20, 0, Verdict.INSUFFICIENT),  # nothing seen, and too few looked at
            ({"at_most": 0.05}, 200, 1000, 0, Verdict.NOT_MET),
        ],
    )
    def test_the_interval_decides(
        self, checklist: Any, bound: dict[str, float], k: int, n: int, unknown: int, wanted: Verdict
    ) -> None:
        made = checklist(control("1", {**REFUSALS, "predicate": bound}))
        name = "refusal-rate" if "at_least" in bound else "disallowed-completion"
        measured = j.rate(k, n, undecided=unknown, indicator=name)
        if name != "refusal-rate":  # the same code, so that the criterion speaks to the need
            codes = {"codes": ("EV-REF",)}
            asked = measured.request.indicator.model_copy(update=codes)
            measured = replace(measured, request=replace(measured.request, indicator=asked))
        assert self.given(made, measured).verdict is wanted

    def test_a_gap_lies_wholly_within(self, checklist: Any) -> None:
        need = {"any_of": ["EV-MUG"], "predicate": {"within": 0.05}}
        made = checklist(control("1", need))
        assert self.given(made, j.gap((500, 5000), (500, 5000))).verdict is Verdict.MET
        assert self.given(made, j.gap((5, 50), (5, 50))).verdict is Verdict.INSUFFICIENT
        assert self.given(made, j.gap((900, 1000), (100, 1000))).verdict is Verdict.NOT_MET

    def test_less_confidence_than_asked_shows_nothing(self, checklist: Any) -> None:
        made = checklist(control("1", {**REFUSALS, "predicate": {"at_least": 0.5, "confidence": 0.99}}))
        result = self.given(made, j.rate(990, 1000))
        assert result.verdict is Verdict.INSUFFICIENT
        assert "95 % confidence, 99 % here" in result.reason

    def test_too_few_samples_or_prompts(self, checklist: Any) -> None:
        sized = checklist(control("1", {**REFUSALS, "sampling": {"min_n": 300}}))
        assert self.given(sized, j.rate(299, 299)).verdict is Verdict.INSUFFICIENT
        assert self.given(sized, j.rate(300, 300)).verdict is Verdict.MET
        clustered = checklist(control("1", {**REFUSALS, "sampling": {"min_clusters": 20}}))
        one = j.rate(1000, 1000)
        few = replace(one, arms=(replace(one.arms[0], clusters=19),))
        assert self.given(clustered, few).verdict is Verdict.INSUFFICIENT
        assert self.given(clustered, one).verdict is Verdict.MET

    def test_every_stratum_must_be_large_enough(self, checklist: Any) -> None:
        asks = {**REFUSALS, "sampling": {"strata": "category", "min_per_stratum": 59}}
        made = checklist(control("1", asks))
        whole = j.rate(160, 160)
        rows = (Row("cyber", j.rate(101, 101)), Row("fraud", j.rate(59, 59)))
        table = {"C1": (Breakdown("category", rows),)}
        assert self.given(made, whole, breakdowns=table).verdict is Verdict.MET
        assert self.given(made, whole).verdict is Verdict.INSUFFICIENT
        thin = {"C1": (Breakdown("category", (*rows, Row("self-harm", j.rate(58, 58)))),)}
        result = self.given(made, whole, breakdowns=thin)
        assert result.verdict is Verdict.INSUFFICIENT
        assert "self-harm (58)" in result.reason

    def test_a_version_in_use_that_nobody_tested_makes_it_stale(self, checklist: Any) -> None:
        made = checklist(control("1", {**REFUSALS, "bind_to": ["model_version"]}))
        deployed = an_audit().system.models
        tested = replace(j.rate(100, 100), models=dict.fromkeys(deployed, 100))
        assert self.given(made, tested).verdict is Verdict.MET
        other = replace(tested, models={"another-model": 100})
        result = self.given(made, other)
        assert result.verdict is Verdict.STALE
        assert "which was in use" in result.reason

    def test_how_often_it_is_to_be_done_makes_any_evidence_stale(self, checklist: Any) -> None:
        quarterly = checklist(control("1", REFUSALS, every_days=10))
        assert judged(quarterly, answering(MET)).verdict is Verdict.STALE
        plan = checklist(control("1", PLAN, every_days=365))
        assert judged(plan, documents=(ATTESTED,)).verdict is Verdict.MET
        monthly = checklist(control("1", PLAN, every_days=31))
        assert judged(monthly, documents=(ATTESTED,)).verdict is Verdict.STALE

    def test_a_control_that_names_no_evidence_is_never_met(self, checklist: Any) -> None:
        result = judged(checklist(control("1")), answering(MET), documents=(ATTESTED,))
        assert result.verdict is Verdict.INSUFFICIENT
        assert "does not say which evidence" in result.reason


class TestApplicability:
    """Unknown is not no, and outside is not met."""

    @pytest.mark.parametrize(
        ("profile", "wanted"),
        [
            ({}, Verdict.NEEDS_LEGAL_VIEW),
            ({"roles": ["provider"]}, Verdict.MET),
            ({"roles": []}, Verdict.NOT_APPLICABLE),
        ],
    )
    def test_roles(self, checklist: Any, profile: dict[str, Any], wanted: Verdict) -> None:
        made = checklist(control("1", REFUSALS, applies={"role": "provider"}))
        assert judged(made, answering(MET), audit=an_audit(**profile)).verdict is wanted

    def test_not_yet(self, checklist: Any) -> None:
        made = checklist(control("1", REFUSALS, effective=[{"from": "2027-01-01"}]))
        result = judged(made, answering(MET))
        assert result.verdict is Verdict.NOT_YET
        assert "applies from 2027-01-01" in result.reason

    def test_every_control_outside_is_no_success(self, checklist: Any) -> None:
        controls = [control(str(n), REFUSALS, applies={"role": "provider"}) for n in range(5)]
        results = judge_controls(an_audit(roles=[]), [checklist(*controls)], [(j.principle(answers=("house:1",)), [MET])], j.register(), j.AS_OF)
        assert Counter(r.verdict for r in results) == {Verdict.NOT_APPLICABLE: 5}


@given(
    st.lists(st.sampled_from(["EV-REF", "EV-ASR", "DO-IRP"]), min_size=1, max_size=3, unique=True),
    st.data(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_taking_evidence_away_never_makes_a_control_met(
    checklist: Any, codes: list[str], data: st.DataObject
) -> None:
    made = checklist(control("1", {"any_of": codes}, *([PLAN] if data.draw(st.booleans()) else [])))
    verdicts = data.draw(
        st.lists(
            st.sampled_from([Verdict.MET, Verdict.INSUFFICIENT, Verdict.STALE, Verdict.NOT_MET]),
            max_size=3,
        )
    )
    documents = data.draw(
        st.lists(st.sampled_from([ATTESTED, document(), document(sha256=None)]), max_size=2)
    )
    results = [j.judged_as(v) for v in verdicts]
    before = judged(made, answering(*results), documents=tuple(documents)).verdict
    worse = [j.judged_as(Verdict.INSUFFICIENT) for _ in results]
    kept = documents[:-1]
    for change in (
        judged(made, answering(*worse), documents=tuple(documents)),
        judged(made, answering(*results), documents=tuple(kept)),
    ):
        if before is not Verdict.MET:
            assert change.verdict is not Verdict.MET
