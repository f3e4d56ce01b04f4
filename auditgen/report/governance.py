"""Waivers and remedies in the document: who decided what, and which weaknesses nobody cares for."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from auditgen.report import model, words

if TYPE_CHECKING:
    from typing import Literal

    from auditgen.assessment import Assessment
    from auditgen.assessment.model import Remediation
    from auditgen.project.governance import Waiver

NOBODY = "nobody"


def waiver_words(waiver: Waiver | None) -> str:
    """Who accepted it, until when, why, and what is done instead; empty without a waiver."""
    if waiver is None:
        return ""
    return (
        f"waived by {waiver.approver.name} ({waiver.approver.role}) on {waiver.approved_on.isoformat()}, "
        f"until the end of {waiver.last_day.isoformat()}: {waiver.reason.rstrip('.')}. "
        f"Instead: {waiver.compensating.rstrip('.')}"
    )


def remediation_views(assessment: Assessment) -> tuple[model.RemediationView, ...]:
    """Every weakness, those that nobody repairs first, then by due date."""
    waivers = {f"{c.framework_id}:{c.control.id}": waiver_words(c.waiver) for c in assessment.controls}
    order = {row: number for number, row in enumerate(assessment.remediations)}
    rows = sorted(
        assessment.remediations,
        key=lambda row: ("" if row.remedy is None else row.remedy.due.isoformat(), order[row]),
    )
    return tuple(_view(row, waivers.get(row.of, "")) for row in rows)


def _view(row: Remediation, waiver: str) -> model.RemediationView:
    remedy = row.remedy
    return model.RemediationView(
        kind=cast("Literal['criterion', 'control', 'finding']", row.kind),
        of=row.of,
        source_id=row.source_id,
        state=row.state.replace("_", " "),
        weakness=row.weakness,
        id="" if remedy is None else remedy.id,
        owner=NOBODY if remedy is None else f"{remedy.owner.name} ({remedy.owner.role})",
        action="" if remedy is None else remedy.action,
        opened_on="" if remedy is None else remedy.opened_on.isoformat(),
        due="" if remedy is None else remedy.due.isoformat(),
        status="" if remedy is None else remedy.status.replace("_", " "),
        closed_on="" if remedy is None or remedy.closed_on is None else remedy.closed_on.isoformat(),
        is_recurrent=row.is_recurrent,
        is_overdue=row.is_overdue,
        waiver=waiver,
    )


def remediation_sentence(rows: tuple[model.RemediationView, ...]) -> str:
    """How many weaknesses there are, and how many nobody repairs."""
    if not rows:
        return "Nothing to repair was found."
    taken = [row for row in rows if row.id]
    late = sum(1 for row in rows if row.is_overdue)
    again = sum(1 for row in rows if row.is_recurrent)
    parts = [f"{words.plural(len(rows), 'weakness', 'weaknesses')}; {len(taken)} with an owner"]
    if late:
        parts.append(f"{late} overdue")
    if again:
        parts.append(f"{again} also in the previous report")
    return f"{', '.join(parts)}. A repair that is done still stands here until the evidence shows it."
