"""What people decided, in the document: waivers, repairs, incidents, and what was in use when."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from auditgen.assessment.deadlines import Duty
from auditgen.checklists import TEXT_BASIS
from auditgen.diagnostics import printable
from auditgen.report import figures, model, words

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Literal

    from auditgen.assessment import Assessment
    from auditgen.assessment.deadlines import IncidentDuty
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


DUTIES = {
    Duty.MET: figures.Status(code="met", word="reported in time", tone="good"),
    Duty.LATE: figures.Status(code="late", word="reported late", tone="bad"),
    Duty.OVERDUE: figures.Status(code="overdue", word="overdue", tone="bad"),
    Duty.OPEN: figures.Status(code="open", word="open", tone="gap"),
    Duty.PERSON: figures.Status(code="person", word="a person must decide", tone="gap"),
    Duty.OUTSIDE: figures.Status(code="outside", word="not reportable", tone="none"),
}
MAX_TITLE = 120


def incident_views(assessment: Assessment) -> tuple[model.IncidentView, ...]:
    """What was missed first, then what waits for a person."""
    order = [Duty.OVERDUE, Duty.LATE, Duty.PERSON, Duty.OPEN, Duty.MET, Duty.OUTSIDE]
    rows = sorted(
        assessment.incident_duties,
        key=lambda d: (order.index(d.state), d.source_id, d.incident.incident_id),
    )
    return tuple(_incident(duty) for duty in rows)


def _incident(duty: IncidentDuty) -> model.IncidentView:
    deadline, incident = duty.deadline, duty.incident
    title = printable(incident.title).replace("\n", " ")
    return model.IncidentView(
        source_id=duty.source_id,
        incident=printable(incident.incident_id),
        title=title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 3] + "...",
        deadline="" if deadline is None else f"{deadline.framework} {deadline.cite}",
        trigger="" if deadline is None else deadline.trigger,
        clock="" if deadline is None else deadline.clock,
        to="" if deadline is None else deadline.to,
        basis="" if deadline is None else TEXT_BASIS[deadline.text_basis],
        starts=_minute(duty.starts),
        due=_minute(duty.due),
        reported=_minute(incident.reported_at),
        status=DUTIES[duty.state],
        why=duty.why,
    )


def _minute(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def configuration_views(assessment: Assessment) -> tuple[model.ConfigurationView, ...]:
    """In the order of days, with the share of production traffic on each."""
    total = sum(one.records for one in assessment.configurations)
    return tuple(
        model.ConfigurationView(
            first_day=one.first_day.isoformat(),
            last_day=one.last_day.isoformat(),
            system_prompt=one.system_prompt,
            safeguards=one.safeguards,
            records=one.records,
            share=f"{words.count(one.records)}/{words.count(total)}, {words.percent(one.records / total)}"
            if total
            else "no production records",
            evaluated=", ".join(one.evaluated_by) or "no evaluation names it",
        )
        for one in assessment.configurations
    )
