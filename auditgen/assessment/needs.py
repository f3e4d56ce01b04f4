"""One kind of evidence a control needs: which criteria and documents give it, and what they give."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditgen.assessment.model import NeedResult, Verdict
from auditgen.checklists import EVIDENCE_CODES, EvidenceKind
from auditgen.indicators import Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from auditgen.assessment.model import CriterionResult, DocumentRecord
    from auditgen.checklists import EvidenceNeed, Predicate, Sampling
    from auditgen.indicators.slicing import Breakdown
    from auditgen.project.terms import Independence

WORST_FIRST = (
    Verdict.NOT_MET,
    Verdict.INSUFFICIENT,
    Verdict.STALE,
    Verdict.NEEDS_REVIEW,
    Verdict.MET,
)


@dataclass(frozen=True, slots=True)
class Claims:
    """Criteria that may speak to a control, and how far from the developers their makers must stand."""

    claimed: Sequence[CriterionResult]
    """Of principles that declare to answer it."""
    by_code: Mapping[str, tuple[str, ...]]
    """Ids of all criteria of the audit, by the evidence code they measure."""
    wanted: Independence | None
    distances: Mapping[str, Independence]
    """By source."""
    every_days: int | None = None
    """How often the control is to be done; older evidence of any kind is stale."""
    deployed: tuple[str, ...] = ()
    """Model versions that the audit says were in use."""
    breakdowns: Mapping[str, Sequence[Breakdown]] = field(default_factory=dict)
    """By criterion."""


def judge_need(
    need: EvidenceNeed, claims: Claims, documents: Sequence[DocumentRecord], as_of: date
) -> NeedResult:
    """One need, judged."""
    oldest = min((n for n in (need.max_age_days, claims.every_days) if n is not None), default=None)
    measured: list[tuple[Verdict, str, str]] = []
    written: list[tuple[Verdict, str, str]] = []
    for code in need.any_of:
        if EVIDENCE_CODES[code][0] is EvidenceKind.METRIC:
            measured += [_claimed(c, need, claims, oldest, as_of) for c in claims.claimed if _gives(c, code)]
        else:
            written += [_document(d, oldest, as_of) for d in documents if d.block.kind == code]
    found = [*measured, *written]
    wanted = " or ".join(f"{EVIDENCE_CODES[code][1]} ({code})" for code in need.any_of)
    mine = {c.criterion.id for c in claims.claimed}
    others = sorted({i for code in need.any_of for i in claims.by_code.get(code, ())} - mine)
    if not found:
        hint = (
            f"; {', '.join(others)} measures this, but its principle does not declare to answer here"
            if others
            else ""
        )
        reason = f"nothing was handed in for: {wanted}{hint}"
        return NeedResult(need.id, need.any_of, Verdict.INSUFFICIENT, (), reason)
    # one document is enough; but what is to be measured stands together: neither a criterion that
    # holds nor a document hides one that is open or broken, or hiding its evidence would help
    worst_first = sorted((v for v, _, _ in measured or written), key=WORST_FIRST.index)
    verdict = worst_first[0] if measured else worst_first[-1]
    reasons = dict.fromkeys(reason for v, _, reason in found if v is verdict)
    if verdict is Verdict.MET and not measured and others:
        # a document does not stand in for a measurement that nobody wants to be held against it
        verdict = Verdict.NEEDS_REVIEW
        told = f"{'; '.join(reasons)}; yet {', '.join(others)} measures this and does not answer here"
        reasons = {told: None}
    refs = dict.fromkeys(ref for _, ref, _ in found)
    return NeedResult(need.id, need.any_of, verdict, tuple(refs), "; ".join(reasons))


def _gives(result: CriterionResult, code: str) -> bool:
    return code in result.measured.request.indicator.codes


def _claimed(
    result: CriterionResult, need: EvidenceNeed, claims: Claims, oldest: int | None, as_of: date
) -> tuple[Verdict, str, str]:
    """What a criterion gives a control. The control may ask for fresher or more distant evidence."""
    name, measured = result.criterion.id, result.measured
    said = f"criterion {name}: {result.reasons[0]}"
    if result.verdict is not Verdict.MET or not isinstance(measured, Quantity):
        return result.verdict, name, said
    age = None if measured.last_at is None else (as_of - measured.last_at.date()).days
    if oldest is not None and (age is None or age > oldest):
        spoken = "undated" if age is None else f"{age} days old"
        return Verdict.STALE, name, f"criterion {name} is {spoken}, at most {oldest} here"
    if "model_version" in need.bind_to:
        untested = [version for version in claims.deployed if not measured.models.get(version)]
        if untested:
            reason = f"criterion {name} holds no record of {', '.join(untested)}, which was in use"
            return Verdict.STALE, name, reason
    short = need.sampling and _too_small(need.sampling, measured, claims.breakdowns.get(name, ()))
    if short:
        return Verdict.INSUFFICIENT, name, f"criterion {name}: {short}"
    if need.predicate is not None:
        verdict, why = _shows(need.predicate, measured)
        if verdict is not Verdict.MET:
            return verdict, name, f"criterion {name}: {why}"
    near = [s for s in measured.sources if claims.wanted and claims.distances[s].rank < claims.wanted.rank]
    if claims.wanted is not None and near:
        wanted = claims.wanted.value.replace("_", " ")
        reason = f"criterion {name} is met, but {', '.join(near)} is not {wanted} evidence"
        return Verdict.NEEDS_REVIEW, name, reason
    return Verdict.MET, name, said


def _too_small(sampling: Sampling, measured: Quantity, breakdowns: Sequence[Breakdown]) -> str:
    """Why too little was looked at; empty when it was enough."""
    smallest = min(arm.denominator for arm in measured.arms)
    if sampling.min_n is not None and smallest < sampling.min_n:
        return f"{smallest} decided samples, at least {sampling.min_n} here"
    clusters = min(arm.clusters for arm in measured.arms)
    if sampling.min_clusters is not None and clusters < sampling.min_clusters:
        return f"{clusters} distinct prompts, at least {sampling.min_clusters} here"
    if sampling.strata is None or sampling.min_per_stratum is None:
        return ""
    table = next((b for b in breakdowns if b.by == sampling.strata), None)
    if table is None or table.uncounted:
        return f"there is no breakdown by `{sampling.strata}`, which this control asks for"
    thin = [
        f"{row.value} ({row.quantity.denominator})"
        for row in table.rows
        if row.quantity.denominator < sampling.min_per_stratum
    ]
    thin += [f"{value} (0)" for value in table.empty]
    if thin:
        return f"too few decided samples, at least {sampling.min_per_stratum} each, of: {', '.join(thin)}"
    return ""


def _shows(predicate: Predicate, measured: Quantity) -> tuple[Verdict, str]:
    """Whether the interval, with everything undecided counted the bad way, lies where it must."""
    confidence = measured.request.confidence
    if confidence < predicate.confidence:
        wanted = f"{predicate.confidence * 100:g} %"
        return Verdict.INSUFFICIENT, f"its interval has {confidence * 100:g} % confidence, {wanted} here"
    seen, worst = measured.interval or measured.worst, measured.worst
    if predicate.at_least is not None:
        limit, holds = f"at least {predicate.at_least * 100:g} %", worst.lower >= predicate.at_least
        broken = seen.upper < predicate.at_least
    elif predicate.at_most is not None:
        limit, holds = f"at most {predicate.at_most * 100:g} %", worst.upper <= predicate.at_most
        broken = seen.lower > predicate.at_most
    else:
        margin = predicate.within or 0.0
        limit = f"within plus and minus {margin * 100:g} points"
        holds = -margin <= worst.lower and worst.upper <= margin
        broken = seen.lower > margin or seen.upper < -margin
    if holds:
        return Verdict.MET, ""
    if broken:
        return Verdict.NOT_MET, f"the whole interval lies outside {limit}, which this control asks for"
    return Verdict.INSUFFICIENT, f"the interval does not lie wholly {limit}, which this control asks for"


def _document(document: DocumentRecord, max_age_days: int | None, as_of: date) -> tuple[Verdict, str, str]:
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
