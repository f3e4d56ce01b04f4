"""What was declared before the data against what is judged now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.indicators import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditgen.assessment.model import CriterionResult, SealedPlan
    from auditgen.project.model import Audit


def is_planned(digest: str, criterion_id: str, plan: SealedPlan | None) -> bool:
    """Whether a verified plan holds this criterion exactly as it is judged now."""
    return plan is not None and plan.is_verified and plan.digests.get(criterion_id) == digest


def planned_otherwise(
    audit: Audit, results: Sequence[CriterionResult], plan: SealedPlan | None
) -> Iterator[tuple[str, str]]:
    """Findings as (code, detail): changed or dropped since the plan, or declared when the data were there."""
    days = {p.id: p.declared_on for p in audit.principles}
    for result in results:
        name, measured = result.criterion.id, result.measured
        first = measured.first_at if isinstance(measured, Quantity) else None
        declared = days[result.principle_id]
        if first is not None and declared is not None and first.date() < declared:
            begin = first.date().isoformat()
            told = f"{name}: declared on {declared.isoformat()}, and its records begin on {begin}"
            yield "declared-after-data", told
    if plan is None:
        return
    if not plan.is_verified:
        yield "plan-not-relied-on", f"`{plan.pack}`: {plan.status}"
        return
    now = {result.criterion.id: result for result in results}
    for name, digest in plan.digests.items():
        if name not in now:
            yield "criterion-dropped", f"{name} stands in the sealed plan and is not judged now"
        elif now[name].digest != digest:
            yield "threshold-changed", f"{name} is judged otherwise than the sealed plan says"
    for name in sorted(plan.expected - {item.id for item in audit.expected}):
        yield "criterion-dropped", f"{name} was announced as expected evidence and is not expected now"
    for name, result in now.items():
        measured = result.measured
        first = measured.first_at if isinstance(measured, Quantity) else None
        if first is None or plan.signed_at is None or not is_planned(result.digest, name, plan):
            continue
        if first <= plan.signed_at:
            yield (
                "declared-after-data",
                f"{name}: the plan was sealed at {plan.signed_at:%Y-%m-%d %H:%M} UTC, "
                f"and its records begin at {first:%Y-%m-%d %H:%M} UTC",
            )
