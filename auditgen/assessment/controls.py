"""Controls of the checklists: whether each applies, and whether the evidence it needs is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.assessment.model import ControlResult, NeedResult, Verdict
from auditgen.checklists import EVIDENCE_CODES, Applicability, EvidenceKind, Profile, applicability
from auditgen.indicators import Quantity
from auditgen.project.terms import Independence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from auditgen.assessment.model import CriterionResult, DocumentRecord, PrincipleResult
    from auditgen.checklists import Checklist, Control, EvidenceNeed
    from auditgen.project.model import Audit

_WORST_FIRST = (
    Verdict.NOT_MET,
    Verdict.INSUFFICIENT,
    Verdict.STALE,
    Verdict.NEEDS_REVIEW,
    Verdict.MET,
)
_OUTSIDE = {
    Applicability.NOT_APPLICABLE: Verdict.NOT_APPLICABLE,
    Applicability.NOT_YET: Verdict.NOT_YET,
    Applicability.UNKNOWN: Verdict.NEEDS_LEGAL_VIEW,
}


def judge_controls(
    audit: Audit,
    checklists: Sequence[Checklist],
    principles: Sequence[PrincipleResult],
    documents: Sequence[DocumentRecord],
    as_of: date,
) -> tuple[ControlResult, ...]:
    """Every control of every checklist, in the checklists' own order."""
    profile = Profile(
        roles=None if audit.profile.roles is None else frozenset(audit.profile.roles),
        risk_classes=(
            None if audit.profile.risk_classes is None else frozenset(audit.profile.risk_classes)
        ),
        facts=audit.profile.facts,
    )
    return tuple(
        _judge(checklist.framework.id, control, audit, profile, principles, documents, as_of)
        for checklist in checklists
        for control in checklist.controls
    )


def _judge(
    framework_id: str,
    control: Control,
    audit: Audit,
    profile: Profile,
    principles: Sequence[PrincipleResult],
    documents: Sequence[DocumentRecord],
    as_of: date,
) -> ControlResult:
    answer, why = applicability(control, profile, as_of)
    name = f"{framework_id}:{control.id}"
    answering = tuple(p for p in principles if name in p.principle.answers)
    ids = tuple(p.principle.id for p in answering)
    if answer in _OUTSIDE:
        return ControlResult(framework_id, control, _OUTSIDE[answer], why, (), ids)
    criteria = [c for p in answering for c in p.criteria]
    unclaimed = [c for p in principles if p not in answering for c in p.criteria]
    wanted = Independence(control.independence) if control.independence != "none" else None
    distances = {source.id: source.provider.independence for source in audit.sources}
    needs = tuple(
        _need(need, _Claims(criteria, unclaimed, wanted, distances), documents, as_of)
        for need in control.evidence
    )
    verdict = min((n.verdict for n in needs), key=_WORST_FIRST.index)
    decisive = [n for n in needs if n.verdict is verdict]
    reason = f"{why}; " + "; ".join(n.reason for n in decisive)
    return ControlResult(framework_id, control, verdict, reason, needs, ids)


@dataclass(frozen=True, slots=True)
class _Claims:
    """Criteria that may speak to a control, and how far from the developers their makers must stand."""

    claimed: Sequence[CriterionResult]
    """Of principles that declare to answer it."""
    unclaimed: Sequence[CriterionResult]
    wanted: Independence | None
    distances: Mapping[str, Independence]
    """By source."""


def _need(
    need: EvidenceNeed, claims: _Claims, documents: Sequence[DocumentRecord], as_of: date
) -> NeedResult:
    measured: list[tuple[Verdict, str, str]] = []
    written: list[tuple[Verdict, str, str]] = []
    for code in need.any_of:
        if EVIDENCE_CODES[code][0] is EvidenceKind.INDICATOR:
            measured += [_claimed(c, need, claims, as_of) for c in claims.claimed if _gives(c, code)]
        else:
            written += [
                _document(d, need.max_age_days, as_of) for d in documents if d.block.kind == code
            ]
    found = [*measured, *written]
    wanted = " or ".join(f"{EVIDENCE_CODES[code][1]} ({code})" for code in need.any_of)
    if not found:
        others = sorted(
            {c.criterion.id for c in claims.unclaimed for code in need.any_of if _gives(c, code)}
        )
        hint = (
            f"; {', '.join(others)} measures this, but its principle does not declare to answer here"
            if others
            else ""
        )
        reason = f"nothing was handed in for: {wanted}{hint}"
        return NeedResult(need.id, need.any_of, Verdict.INSUFFICIENT, (), reason)
    # one document is enough; but what is to be measured stands together: neither a criterion that
    # holds nor a document hides one that is open or broken, or hiding its evidence would help
    worst_first = sorted((v for v, _, _ in measured or written), key=_WORST_FIRST.index)
    verdict = worst_first[0] if measured else worst_first[-1]
    reasons = dict.fromkeys(reason for v, _, reason in found if v is verdict)
    refs = dict.fromkeys(ref for _, ref, _ in found)
    return NeedResult(need.id, need.any_of, verdict, tuple(refs), "; ".join(reasons))


def _gives(result: CriterionResult, code: str) -> bool:
    return code in result.measured.request.indicator.codes


def _claimed(
    result: CriterionResult, need: EvidenceNeed, claims: _Claims, as_of: date
) -> tuple[Verdict, str, str]:
    """What a criterion gives a control. The control may ask for fresher or more distant evidence."""
    name, measured = result.criterion.id, result.measured
    said = f"criterion {name}: {result.reasons[0]}"
    if result.verdict is not Verdict.MET or not isinstance(measured, Quantity):
        return result.verdict, name, said
    age = None if measured.last_at is None else (as_of - measured.last_at.date()).days
    if need.max_age_days is not None and (age is None or age > need.max_age_days):
        spoken = "undated" if age is None else f"{age} days old"
        return Verdict.STALE, name, f"criterion {name} is {spoken}, at most {need.max_age_days} here"
    near = [s for s in measured.sources if claims.wanted and claims.distances[s].rank < claims.wanted.rank]
    if claims.wanted is not None and near:
        wanted = claims.wanted.value.replace("_", " ")
        reason = f"criterion {name} is met, but {', '.join(near)} is not {wanted} evidence"
        return Verdict.NEEDS_REVIEW, name, reason
    return Verdict.MET, name, said


def _document(
    document: DocumentRecord, max_age_days: int | None, as_of: date
) -> tuple[Verdict, str, str]:
    """A document alone needs review; met needs a dated attestation of exactly this version."""
    block = document.block
    if document.sha256 is None:
        return Verdict.INSUFFICIENT, block.id, f"{block.title}: {document.fault}"
    age = (as_of - block.dated).days
    if age < 0:
        reason = f"{block.title} is dated {block.dated.isoformat()}, after the day of judgement"
        return Verdict.INSUFFICIENT, block.id, reason
    if max_age_days is not None and age > max_age_days:
        reason = f"{block.title} is {age} days old, at most {max_age_days}"
        return Verdict.STALE, block.id, reason
    return _attested(document, as_of)


def _attested(document: DocumentRecord, as_of: date) -> tuple[Verdict, str, str]:
    block, attestation = document.block, document.block.attestation
    review = Verdict.NEEDS_REVIEW
    if attestation is None:
        return review, block.id, f"{block.title} was handed in; nobody attested what it satisfies"
    why = attestation_fault(document, as_of)
    if why:
        return review, block.id, f"{block.title}: the attestation does not count, {why}"
    reviewer = attestation.reviewer
    reason = (
        f"{block.title}, {attestation.passage}: attested by {reviewer.name} ({reviewer.role}) "
        f"on {attestation.date.isoformat()}"
    )
    return Verdict.MET, block.id, reason


def attestation_fault(document: DocumentRecord, as_of: date) -> str:
    """Why the attestation of a document does not count; empty when it does, or when there is none."""
    attestation = document.block.attestation
    if attestation is None:
        return ""
    if attestation.sha256 != document.sha256:
        return "it is for another version of the file"
    if attestation.date > as_of:
        return "it is dated in the future"
    if attestation.date < document.block.dated:
        return "it is older than the document"
    if attestation.expires is not None and attestation.expires < as_of:
        return f"it expired on {attestation.expires.isoformat()}"
    return ""
