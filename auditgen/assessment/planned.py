"""What was declared before the data against what is judged now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.indicators import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditgen.assessment.model import CriterionResult, SealedPlan
    from auditgen.project.model import Audit, Criterion

    Told = tuple[str, str, Sequence[str]]
    """Code, detail and the principles it touches."""


def is_planned(digest: str, criterion: Criterion, plan: SealedPlan | None) -> bool:
    """Whether a verified plan holds this criterion as it is judged now, over sources read as planned."""
    return (
        plan is not None
        and plan.is_verified
        and plan.digests.get(criterion.id) == digest
        and not plan.changed_sources.intersection(criterion.sources)
    )


def planned_otherwise(
    audit: Audit, results: Sequence[CriterionResult], plan: SealedPlan | None
) -> Iterator[Told]:
    """Findings: changed or dropped since the plan, or declared when the data were there."""
    days = {p.id: p.declared_on for p in audit.principles}
    for result in results:
        name, measured = result.criterion.id, result.measured
        first = measured.first_at if isinstance(measured, Quantity) else None
        declared = days[result.principle_id]
        if first is not None and declared is not None and first.date() < declared:
            begin = first.date().isoformat()
            told = f"{name}: declared on {declared.isoformat()}, and its records begin on {begin}"
            yield "declared-after-data", told, (result.principle_id,)
    if plan is not None and not plan.is_verified:
        yield "plan-not-relied-on", f"`{plan.pack}`: {plan.status}", [p.id for p in audit.principles]
    elif plan is not None:
        yield from _since(audit, results, plan)


def _since(audit: Audit, results: Sequence[CriterionResult], plan: SealedPlan) -> Iterator[Told]:
    everyone = [p.id for p in audit.principles]
    now = {result.criterion.id: result for result in results}
    for name, digest in plan.digests.items():
        if name not in now:
            own = plan.principles.get(name, "")
            touched = [own] if own in everyone else everyone
            yield "criterion-dropped", f"{name} stands in the sealed plan and is not judged now", touched
        elif now[name].digest != digest:
            touched = [now[name].principle_id]
            yield "threshold-changed", f"{name} is judged otherwise than the sealed plan says", touched
    users = {
        source: [r.principle_id for r in results if source in r.criterion.sources]
        for source in plan.changed_sources
    }
    for source in sorted(plan.changed_sources):
        detail = f"source {source} is read otherwise than the sealed plan says, or said to be somebody else's"
        yield "threshold-changed", detail, list(dict.fromkeys(users[source])) or everyone
    for name in sorted(plan.expected - {item.id for item in audit.expected}):
        detail = f"{name} was announced as expected evidence and is not expected now"
        yield "criterion-dropped", detail, everyone
    for name in sorted(plan.changed_expected):
        detail = f"expected evidence {name} is announced otherwise than in the plan"
        yield "threshold-changed", detail, everyone
    for name, result in now.items():
        measured = result.measured
        first = measured.first_at if isinstance(measured, Quantity) else None
        if first is None or plan.signed_at is None or not is_planned(result.digest, result.criterion, plan):
            continue
        if first <= plan.signed_at:
            detail = (
                f"{name}: the plan was sealed at {plan.signed_at:%Y-%m-%d %H:%M} UTC, "
                f"and its records begin at {first:%Y-%m-%d %H:%M} UTC"
            )
            yield "declared-after-data", detail, (result.principle_id,)
