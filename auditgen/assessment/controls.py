"""Controls of the checklists: whether each applies, and whether the evidence it needs is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.assessment.independence import shown_distances
from auditgen.assessment.model import ControlResult, Verdict
from auditgen.assessment.needs import WORST_FIRST, Claims, judge_need
from auditgen.checklists import Applicability, Profile, applicability
from auditgen.project.terms import Independence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from auditgen.assessment.model import CriterionResult, Register
    from auditgen.checklists import Checklist, Control
    from auditgen.project.model import Audit, Principle

    Judged = tuple[Principle, Sequence[CriterionResult]]
    """A principle with its criteria, judged."""

_OUTSIDE = {
    Applicability.NOT_APPLICABLE: Verdict.NOT_APPLICABLE,
    Applicability.NOT_YET: Verdict.NOT_YET,
    Applicability.UNKNOWN: Verdict.NEEDS_LEGAL_VIEW,
}


@dataclass(frozen=True, slots=True)
class _Context:
    """What is the same for every control, looked up once."""

    profile: Profile
    answering: Mapping[str, Sequence[Judged]]
    """Principles by the control they declare to answer."""
    by_code: Mapping[str, tuple[str, ...]]
    distances: Mapping[str, Independence]
    deployed: tuple[str, ...]
    register: Register
    as_of: date


def judge_controls(
    audit: Audit,
    checklists: Sequence[Checklist],
    judged: Sequence[Judged],
    register: Register,
    as_of: date,
) -> tuple[ControlResult, ...]:
    """Every control of every checklist, in the checklists' own order, before any waiver."""
    written = audit.profile
    answering: dict[str, list[Judged]] = {}
    by_code: dict[str, list[str]] = {}
    for principle, results in judged:
        for name in dict.fromkeys(principle.answers):
            answering.setdefault(name, []).append((principle, results))
        for criterion in results:
            for code in criterion.measured.request.indicator.codes:
                by_code.setdefault(code, []).append(criterion.criterion.id)
    context = _Context(
        profile=Profile(
            roles=None if written.roles is None else frozenset(written.roles),
            risk_classes=None if written.risk_classes is None else frozenset(written.risk_classes),
            facts=written.facts,
        ),
        answering=answering,
        by_code={code: tuple(ids) for code, ids in by_code.items()},
        distances=shown_distances(audit, register),
        deployed=audit.system.models,
        register=register,
        as_of=as_of,
    )
    return tuple(
        _judge(checklist.framework.id, control, context)
        for checklist in checklists
        for control in checklist.controls
    )


def _judge(framework_id: str, control: Control, context: _Context) -> ControlResult:
    answer, why = applicability(control, context.profile, context.as_of)
    answering = context.answering.get(f"{framework_id}:{control.id}", ())
    ids = tuple(principle.id for principle, _ in answering)
    if answer in _OUTSIDE:
        return ControlResult(framework_id, control, _OUTSIDE[answer], why, (), ids)
    claims = Claims(
        claimed=[c for _, results in answering for c in results],
        by_code=context.by_code,
        wanted=None if control.independence == "none" else Independence(control.independence),
        distances=context.distances,
        every_days=control.every_days,
        deployed=context.deployed,
        breakdowns=context.register.breakdowns,
    )
    documents = context.register.documents
    needs = tuple(judge_need(need, claims, documents, context.as_of) for need in control.evidence)
    if not needs:  # a catalogue that names no evidence: nobody can say that it was given
        reason = f"{why}; the checklist does not say which evidence would show it"
        return ControlResult(framework_id, control, Verdict.INSUFFICIENT, reason, (), ids)
    verdict = min((n.verdict for n in needs), key=WORST_FIRST.index)
    decisive = [n for n in needs if n.verdict is verdict]
    reason = f"{why}; " + "; ".join(n.reason for n in decisive)
    return ControlResult(framework_id, control, verdict, reason, needs, ids)
