"""What people decided, held against what stands: waivers, remedies, and who did too many things at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from auditgen.assessment.model import Remediation, Severity, Verdict
from auditgen.project.terms import folded_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from auditgen.assessment.model import ControlResult, CriterionResult, Finding
    from auditgen.project.governance import Remedy, Waiver
    from auditgen.project.model import Audit
    from auditgen.project.terms import Person

WAIVABLE = frozenset({Verdict.NOT_MET, Verdict.INSUFFICIENT, Verdict.STALE, Verdict.NEEDS_REVIEW})
"""Met needs no waiver, and what does not apply, or nobody knows to apply, has nothing to waive."""

WEIGHTY = frozenset({Severity.HIGH, Severity.MEDIUM})


def waiver_fault(waiver: Waiver, result: ControlResult, as_of: date) -> str:
    """Why a waiver does not count; empty when it does."""
    if waiver.approved_on > as_of:
        return f"it is approved from {waiver.approved_on.isoformat()} only"
    if waiver.last_day < as_of:
        return f"its last day was {waiver.last_day.isoformat()}"
    if result.control.kind == "prohibition":
        return "a prohibition cannot be waived"
    if result.verdict not in WAIVABLE:
        return f"there is nothing to waive, the control is {result.verdict.value.replace('_', ' ')}"
    return ""


def waive(
    results: Sequence[ControlResult], waivers: Sequence[Waiver], as_of: date
) -> tuple[ControlResult, ...]:
    """The controls with the waivers that count; the verdict underneath stays in `underlying`."""
    by_control: dict[str, list[Waiver]] = defaultdict(list)
    for waiver in waivers:
        by_control[waiver.control].append(waiver)
    return tuple(_waived(result, by_control, as_of) for result in results)


def _waived(
    result: ControlResult, by_control: Mapping[str, Sequence[Waiver]], as_of: date
) -> ControlResult:
    name = f"{result.framework_id}:{result.control.id}"
    counts = [w for w in by_control.get(name, ()) if not waiver_fault(w, result, as_of)]
    if not counts:
        return result
    latest = max(counts, key=lambda w: w.last_day)
    return replace(result, verdict=Verdict.WAIVED, underlying=result.verdict, waiver=latest)


def void_waivers(
    results: Sequence[ControlResult], waivers: Sequence[Waiver], as_of: date
) -> Iterator[str]:
    """Waivers that do not count, each with the reason; `results` before any was applied."""
    known = {f"{r.framework_id}:{r.control.id}": r for r in results}
    for waiver in waivers:
        result = known.get(waiver.control)
        fault = "no such control" if result is None else waiver_fault(waiver, result, as_of)
        if fault:
            yield f"{waiver.id} for {waiver.control}: {fault}"


def is_overdue(remedy: Remedy, as_of: date) -> bool:
    """Whether it is due and not done; what will be done later is not done yet."""
    is_done = remedy.closed_on is not None and remedy.closed_on <= as_of
    return not is_done and remedy.due < as_of


def overdue_remedies(audit: Audit, as_of: date) -> Iterator[str]:
    """Remedies that are due and not done, in words."""
    for remedy in audit.remediation:
        if is_overdue(remedy, as_of):
            state = remedy.status.replace("_", " ")
            yield f"{remedy.id} for {remedy.of}: due {remedy.due.isoformat()}, {state}, {remedy.owner.name}"


def joined_duties(audit: Audit) -> Iterator[str]:
    """People who hold duties that should watch each other: who prepares does not approve, nor evaluate."""
    held: dict[str, dict[str, str]] = defaultdict(dict)

    def add(person: Person, duty: str, said: str) -> None:
        held[folded_name(person.name)].setdefault(duty, f"{person.name}: {said}")

    add(audit.report.prepared_by, "prepares", "prepared the report")
    if audit.report.approved_by is not None:
        add(audit.report.approved_by, "approves", "approved the report")
    for waiver in audit.waivers:
        add(waiver.approver, "approves", f"approved waiver {waiver.id}")
    for document in audit.documents:
        if document.attestation is not None:
            add(document.attestation.reviewer, "reviews", f"attested {document.id}")
    if audit.report.practitioner is not None:
        name = audit.report.practitioner.name
        held[folded_name(name)].setdefault("evaluates", f"{name}: gives independent assurance")
    for source in audit.sources:
        held[folded_name(source.provider.name)].setdefault(
            "evaluates", f"{source.provider.name}: made the evidence {source.id}"
        )
    for duties in held.values():
        if len(duties) > 1:
            first, *others = duties.values()
            yield " and ".join([first, *(text.partition(": ")[2] for text in others)])


def remediations(
    audit: Audit,
    criteria: Sequence[CriterionResult],
    controls: Sequence[ControlResult],
    findings: Sequence[Finding],
    as_of: date,
    earlier: frozenset[str],
) -> tuple[Remediation, ...]:
    """Every weakness with who repairs it: unmet criteria, unmet controls that apply, weighty findings.

    `controls`: before any waiver. `earlier`: the weaknesses of the previous report. A weakness without a
    remedy is listed without an owner: that nobody cares for it is what a reader must see.
    """
    rows = [
        ("criterion", r.criterion.id, "", r.verdict.value, r.reasons[0])
        for r in criteria
        if r.verdict is not Verdict.MET
    ]
    rows += [
        ("control", f"{r.framework_id}:{r.control.id}", "", r.verdict.value, r.control.title)
        for r in controls
        if r.verdict in WAIVABLE
    ]
    rows += [
        ("finding", f.code, f.source_id, f.severity.value, f.detail)
        for f in findings
        if f.severity in WEIGHTY
    ]
    out = []
    for kind, of, source, state, weakness in rows:
        fitting = (r for r in audit.remediation if r.of == of and r.source in {None, source or None})
        # of several the one that is latest: a new promise hides no broken one
        remedy = min(fitting, key=lambda r: (not is_overdue(r, as_of), r.due), default=None)
        late = remedy is not None and is_overdue(remedy, as_of)
        is_recurrent = weakness_key(of, source) in earlier
        out.append(Remediation(kind, of, source, state, weakness, remedy, is_recurrent, late))
    return tuple(dict.fromkeys(out))


def weakness_key(of: str, source: str) -> str:
    """How a weakness is recognised in the next report."""
    return f"{of}@{source}" if source else of
