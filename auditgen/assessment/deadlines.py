"""Incidents against the deadlines for reporting them. A clock runs only where a person said which one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from auditgen.checklists import Deadline
    from auditgen.evidence.model import Incident
    from auditgen.project.model import Audit


class Duty(StrEnum):
    """How an incident stands towards one deadline."""

    MET = "met"
    LATE = "late"
    """Reported after the deadline."""
    OVERDUE = "overdue"
    """Not reported, and the deadline is past."""
    OPEN = "open"
    """Not reported, and there is time left."""
    PERSON = "a person must decide"
    OUTSIDE = "not reportable"
    """A named person decided so."""


@dataclass(frozen=True, slots=True)
class IncidentDuty:
    """One incident and one deadline, or what somebody must decide about it."""

    source_id: str
    incident: Incident
    deadline: Deadline | None
    state: Duty
    starts: datetime | None
    due: datetime | None
    why: str


def incident_duties(
    audit: Audit,
    deadlines: Mapping[str, Deadline],
    incidents: Mapping[str, Sequence[Incident]],
    as_of: date,
) -> tuple[IncidentDuty, ...]:
    """Every incident with every deadline that a person put it under; the others wait for a person.

    Only incidents of the organisation's own registers: those that say when somebody became aware, or could.
    """
    out: list[IncidentDuty] = []
    # what an own checklist or a tailoring is about, its name does not say: then a person looks at all of them
    has_own = any(name.endswith((".yaml", ".yml")) for name in audit.standards)
    candidates = [d for d in deadlines.values() if has_own or d.framework in audit.standards]
    for source_id, listed in incidents.items():
        for incident in listed:
            duties = [
                d
                for d in audit.incident_duties
                if d.source == source_id
                and incident.incident_id in d.incidents
                and d.decided_on <= as_of  # what is decided later is not decided yet
            ]
            for duty in duties:
                if duty.deadline is None:
                    said = f"decided by {duty.decided_by.name} ({duty.decided_by.role}): {duty.reason}"
                    out.append(IncidentDuty(source_id, incident, None, Duty.OUTSIDE, None, None, said))
                else:
                    out.append(_clocked(source_id, incident, deadlines[duty.deadline], as_of))
            if not duties and candidates:
                cites = ", ".join(f"{d.framework} {d.cite}" for d in candidates)
                why = f"nobody said which deadline it falls under, or that it falls under none: {cites}"
                out.append(IncidentDuty(source_id, incident, None, Duty.PERSON, None, None, why))
    return tuple(out)


def _clocked(source_id: str, incident: Incident, deadline: Deadline, as_of: date) -> IncidentDuty:
    start, reported = incident.aware_at, incident.reported_at
    if reported is not None and reported.date() > as_of:
        reported = None  # a report of tomorrow is none today

    def stands(state: Duty, due: datetime | None, why: str) -> IncidentDuty:
        return IncidentDuty(source_id, incident, deadline, state, start, due, why)

    if start is None:
        return stands(Duty.PERSON, None, f"nobody wrote down when the time began ({deadline.clock})")
    if reported is not None and reported < start:
        return stands(Duty.PERSON, None, "the register says it was reported before anybody was aware of it")
    hours = None if reported is None else (reported - start).total_seconds() / 3600
    if deadline.within_hours is None:
        told = "not reported yet" if hours is None else f"reported after {hours:,.1f} hours"
        return stands(Duty.PERSON, None, f"{told}; {deadline.then or 'the text names no number'}")
    try:
        due = start + timedelta(hours=deadline.within_hours)
    except OverflowError:
        return stands(Duty.PERSON, None, "nobody can have become aware at the time that the register says")
    if hours is not None:
        state = Duty.MET if reported is not None and reported <= due else Duty.LATE
        return stands(state, due, f"reported after {hours:,.1f} of {deadline.within_hours:,} hours")
    if due.date() <= as_of:  # the day of judgement is over at its end
        return stands(Duty.OVERDUE, due, "no report is in the register")
    return stands(Duty.OPEN, due, "no report is in the register yet")


def missed(duties: Sequence[IncidentDuty]) -> Iterator[tuple[str, str]]:
    """Findings as (code, detail)."""
    for duty in duties:
        name = duty.incident.incident_id or duty.incident.title[:60]
        if duty.state in {Duty.LATE, Duty.OVERDUE} and duty.deadline is not None and duty.due is not None:
            yield (
                "deadline-missed",
                f"{duty.source_id} {name}: {duty.deadline.framework} {duty.deadline.cite}, due "
                f"{duty.due:%Y-%m-%d %H:%M} UTC, {duty.state.value}: {duty.why}",
            )
    waiting = [d for d in duties if d.state is Duty.PERSON]
    by_source: dict[str, list[str]] = {}
    for duty in waiting:
        by_source.setdefault(duty.source_id, []).append(duty.incident.incident_id or "one without an id")
    for source_id, names in by_source.items():
        shown = ", ".join(dict.fromkeys(names[:8]))
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        yield "incident-undecided", f"{source_id}: {shown}{more}"
