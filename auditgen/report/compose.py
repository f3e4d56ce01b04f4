"""`compose`: from the assessment to the document. Pure: same input, same document, same bytes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from auditgen import __version__
from auditgen.assessment import Conclusion, Verdict
from auditgen.checklists import EVIDENCE_CODES, TEXT_BASIS
from auditgen.indicators import Quantity
from auditgen.project.model import Mode
from auditgen.project.terms import Independence
from auditgen.report import figures, model, prose, words
from auditgen.report.comparing import compare, principle_word, snapshot
from auditgen.report.coverage import coverage_views
from auditgen.report.governance import (
    configuration_views,
    incident_views,
    remediation_sentence,
    remediation_views,
    waiver_words,
)
from auditgen.report.ladder import ladder_view
from auditgen.report.measures import Details, indicator_view, measure_view, version_shares
from auditgen.report.registers import document_views, source_views
from auditgen.report.relabelling import relabel_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.assessment import Assessment, CriterionResult, Finding, PrincipleResult
    from auditgen.indicators.exhibits import AdverseRecord
    from auditgen.project import Project

EXHIBIT_CHARS = 280
PROVEN = "sealed before the data, in the plan or the previous pack (by its signer's own clock)"
MODE_TITLES = {
    Mode.MANAGEMENT: ("Evidence report", "management report, no assurance given"),
    Mode.INTERNAL_AUDIT: ("Internal audit report", "internal audit, not independent assurance"),
    Mode.INDEPENDENT: ("Assurance report", "independent assurance"),
}


def compose(project: Project, assessment: Assessment, details: Details) -> model.Document:
    """The whole document."""
    audit = project.audit
    numbering = _Exhibits(project, details)
    principles = tuple(
        _principle(project, result, assessment, details, numbering) for result in assessment.principles
    )
    tally = Counter(p.conclusion for p in assessment.principles)
    changes, changes_note = _changes(assessment)
    results = [c.measured for p in assessment.principles for c in p.criteria]
    results += assessment.also_measured.values()
    used = {measured.request.indicator.id: measured.request.indicator for measured in results}
    beside = {m.id for p in principles for m in p.beside}
    repairs = remediation_views(assessment)
    document = model.Document(
        meta=_meta(project, assessment, details),
        headline=prose.headline(assessment),
        lead=prose.lead(assessment),
        principles=principles,
        tally=tuple((words.CONCLUSIONS[c].word, tally[c]) for c in Conclusion if tally[c]),
        untested=_untested(assessment),
        changes=changes,
        changes_note=changes_note,
        findings=tuple(_finding(f) for f in assessment.findings),
        sources=source_views(project, assessment.register, details.mapping_digests, details.file_digests),
        documents=document_views(assessment),
        expected=tuple(
            model.ExpectedView(
                id=e.item.id,
                title=e.item.title,
                status=figures.Status(code="received", word="received", tone="good")
                if e.is_received
                else figures.Status(code="not_received", word="not received", tone="bad"),
                detail=e.detail,
            )
            for e in assessment.expected
        ),
        frameworks=_frameworks(project, assessment),
        incidents=incident_views(assessment),
        configurations=configuration_views(assessment),
        remediation=repairs,
        remediation_note=remediation_sentence(repairs),
        coverage=coverage_views(audit, assessment),
        versions=version_shares(assessment),
        versions_note=prose.versions_note(assessment),
        also_measured=tuple(
            measure_view(item.id, assessment.also_measured[item.id], assessment, details, item.note or "")
            for item in audit.also_measured
            if item.id not in beside
        ),
        relabelled=relabel_views(assessment),
        indicators=tuple(
            indicator_view(used[name], own=name in project.own_indicators) for name in sorted(used)
        ),
        method=(*prose.METHOD, *_family(assessment), *_plan(assessment), *details.engines),
        limitations=prose.limitations(audit),
        glossary=prose.GLOSSARY,
        tables=tuple(details.tables),
        signature=_signature(project, details),
    )
    return _compared(document, assessment)


def _compared(document: model.Document, assessment: Assessment) -> model.Document:
    """With what became of criteria and controls since the previous report, if that one is relied on."""
    previous = assessment.register.previous
    if previous is None or not previous.is_verified or not previous.report:
        return document
    now = snapshot(document.model_dump(mode="json", by_alias=True))
    try:
        then = snapshot(previous.report)
    except (KeyError, TypeError, ValueError):  # made by another version of this program
        note = "Its criteria and controls are written in another way; they are not compared."
        return document.model_copy(update={"changes_note": f"{document.changes_note} {note}"})
    changed = compare(then, now).changed
    shifts = [s for s in changed if s.kind in {"criterion", "control", "checklist"}]
    shifts += [s for s in changed if s.kind == "principle" and s.now is None]  # `changes` has the others
    return document.model_copy(update={"shifts": tuple(shifts)})


def _plan(assessment: Assessment) -> tuple[str, ...]:
    """What the report knows of a plan sealed before the data; nothing where none is named."""
    plan = assessment.register.plan
    if plan is None:
        return ()
    if not plan.is_verified:
        return (f"The plan {plan.pack} was named but not relied on: {plan.status}.",)
    when = f" at {plan.signed_at:%Y-%m-%d %H:%M} UTC by its signer's own clock" if plan.signed_at else ""
    return (
        f"The plan {plan.pack} (SHA-256 {plan.sha256}) was sealed{when}, with "
        f"{words.plural(len(plan.digests), 'criterion', 'criteria')}; {plan.status}.",
    )


def _family(assessment: Assessment) -> tuple[str, ...]:
    """The criteria as one family, in words; nothing where there is only one."""
    together = assessment.register.together
    met = [
        c.criterion.id
        for p in assessment.principles
        for c in p.criteria
        if c.verdict is Verdict.MET and not (isinstance(c.measured, Quantity) and c.measured.interval is None)
    ]
    held = sum(1 for name in met if name in together.held)
    sentence = prose.family_sentence(together.size, len(met), held)
    return (sentence,) if sentence else ()


def _meta(project: Project, assessment: Assessment, details: Details) -> model.Meta:
    audit = project.audit
    title, mode_words = MODE_TITLES[audit.report.mode]
    practitioner = audit.report.practitioner
    people: tuple[str, ...] = ()
    if practitioner is not None:
        mode_words = f"{practitioner.level} assurance under {practitioner.standard}"
        people = (
            f"{practitioner.name}, {practitioner.firm}",
            practitioner.standard,
            practitioner.independence_statement,
        )
    count = len(audit.principles)
    proven = all(c.is_declaration_proven for p in assessment.principles for c in p.criteria)
    return model.Meta(
        report_id=audit.report.id,
        version=audit.report.version,
        title=f"{title} {audit.report.id}",
        subtitle=f"What the evidence says about {words.small_number(count)} "
        f"{'promise' if count == 1 else 'promises'}",
        mode=audit.report.mode.value,
        mode_words=mode_words,
        practitioner=people,
        classification=audit.report.classification,
        prepared_for=audit.report.prepared_for,
        prepared_by=f"{audit.report.prepared_by.name}, {audit.report.prepared_by.role}",
        approved_by=""
        if audit.report.approved_by is None
        else f"{audit.report.approved_by.name}, {audit.report.approved_by.role}",
        organisation=audit.organisation.name,
        system=f"{audit.system.name} {audit.system.version}",
        system_name=audit.system.name,
        models=audit.system.models,
        period_start=audit.period.start.isoformat(),
        period_end=audit.period.end.isoformat(),
        period_words=words.period_words(audit.period.start, audit.period.end, assessment.as_of),
        as_of=assessment.as_of.isoformat(),
        page_size=audit.report.page_size,
        language="en",
        tool=f"auditgen {__version__}",
        plugins=tuple(details.plugins),
        evidence_digest=details.evidence_digest,
        declaration_digest=project.declaration_digest,
        declaration_words=PROVEN
        if proven
        else "declared, not proven to precede the data",
    )


class _Exhibits:
    """Numbers exhibits through the document and applies the redaction profile."""

    def __init__(self, project: Project, details: Details) -> None:
        self._project = project
        self._details = details
        self._count = 0

    def of(self, principle_id: str) -> tuple[model.Exhibit, ...]:
        return tuple(self._one(r) for r in self._details.exhibits.get(principle_id, ()))

    def _one(self, record: AdverseRecord) -> model.Exhibit:
        from auditgen.canonical import record_id

        self._count += 1
        return model.Exhibit(
            id=f"E{self._count:02d}",
            record_id=record_id(record.file_sha256, record.locator),
            source_id=record.source_id,
            file_sha256=record.file_sha256,
            locator=record.locator,
            sample=f"{record.sample_id} (repeat {record.epoch})",
            category=record.category,
            watch="" if record.watch == "unknown" else record.watch,
            outcome=record.outcome.replace("_", " "),
            prompt=self._excerpt(record.prompt, record.prompt_state),
            prompt_sha256=record.prompt_sha256 or "",
            response=self._excerpt(record.response, "full"),
        )

    def _excerpt(self, text: str | None, state: str) -> str:
        if state == "redacted_by_tool":
            return "(withheld by the tool that exported it)"
        if text is None:
            return "(not in the export)"
        if self._project.audit.report.redaction == "digests":
            return "(withheld by the redaction profile; see the digest)"
        short = " ".join(text.split())
        return short if len(short) <= EXHIBIT_CHARS else short[:EXHIBIT_CHARS] + " [...]"


def _principle(
    project: Project,
    result: PrincipleResult,
    assessment: Assessment,
    details: Details,
    exhibits: _Exhibits,
) -> model.PrincipleView:
    principle, audit = result.principle, project.audit
    previous = assessment.register.previous
    was = None
    if previous is not None and previous.is_verified:
        code = previous.conclusions.get(principle.id)
        was = next((s for s in words.CONCLUSIONS.values() if s.code == code), None)
    shown = exhibits.of(principle.id)
    return model.PrincipleView(
        id=principle.id,
        title=principle.title,
        promise=principle.promise,
        promised_in=principle.promised_in or "",
        declared_on="" if principle.declared_on is None else principle.declared_on.isoformat(),
        status=words.CONCLUSIONS[result.conclusion],
        summary=prose.summary(result),
        reason=result.reason,
        evidence=prose.evidence_line(
            audit, result, {s.source_id for s in assessment.register.signed if not s.faults}
        ),
        criteria=tuple(_criterion(c, assessment, details) for c in result.criteria),
        beside=tuple(
            measure_view(item.id, assessment.also_measured[item.id], assessment, details, item.note or "")
            for item in audit.also_measured
            if item.beside == principle.id
        ),
        comments=result.comments,
        answers=principle.answers,
        findings=tuple(f.id for f in assessment.findings if principle.id in f.principles),
        exhibits=shown,
        exhibits_note=prose.exhibits_note(result, len(shown), audit.report.redaction),
        ladder=ladder_view(result.ladder),
        previous=was,
    )


def _criterion(result: CriterionResult, assessment: Assessment, details: Details) -> model.CriterionView:
    criterion = result.criterion
    previous = assessment.register.previous
    return model.CriterionView(
        measure=measure_view(criterion.id, result.measured, assessment, details, "", criterion),
        statement=words.rule_sentence(criterion, result.measured.request.indicator),
        operator=criterion.operator,
        threshold=criterion.threshold,
        min_n=criterion.min_n,
        max_age_days=criterion.max_age_days,
        independence={
            Independence.SELF: "from anybody",
            Independence.INTERNAL_SEPARATE: "from outside the development line",
            Independence.EXTERNAL: "from another organisation",
            Independence.EXTERNAL_ACCREDITED: "from another, accredited organisation",
        }[criterion.independence],
        status=words.VERDICTS[result.verdict],
        reasons=result.reasons,
        comments=result.comments,
        more_needed=""
        if result.more_needed is None
        else f"about {words.plural(result.more_needed, 'more sample')} at the observed rate would decide it",
        digest=result.digest,
        declaration=PROVEN
        if result.is_declaration_proven
        else "declared, not proven",
        previous=""
        if previous is None or not previous.is_verified
        else previous.figures.get(criterion.id, ""),
    )


def _finding(finding: Finding) -> model.FindingView:
    return model.FindingView(
        id=finding.id,
        code=finding.code,
        severity=finding.severity.value,
        title=finding.title,
        detail=finding.detail,
        ask=finding.ask,
        source_id=finding.source_id,
        files=finding.files,
        principles=finding.principles,
        count=finding.count,
    )


def _untested(assessment: Assessment) -> tuple[model.Untested, ...]:
    """What could not be tested, by name: undecided criteria, then what no criterion names already."""
    grouped: dict[tuple[str, str], list[CriterionResult]] = {}
    for result in assessment.principles:
        for criterion in result.criteria:
            if criterion.verdict not in {Verdict.MET, Verdict.NOT_MET}:
                verdict = words.VERDICTS[criterion.verdict].word
                detail = f"{verdict}: {criterion.reasons[0]}"
                grouped.setdefault((result.principle.id, detail), []).append(criterion)
    out = [
        model.Untested(title=_named(criteria), detail=detail, principle_id=principle)
        for (principle, detail), criteria in grouped.items()
    ]
    told = {s for criteria in grouped.values() for c in criteria for s in c.criterion.sources}
    for expected in assessment.expected:
        if not expected.is_received and expected.item.source not in told:
            out.append(model.Untested(title=expected.item.title, detail=expected.detail))
            told.add(expected.item.source or "")
    out += [
        model.Untested(title=f"{f.source_id}: {f.title.lower()}", detail=f.detail)
        for f in assessment.findings
        if f.code in {"all-samples-failed", "no-samples", "source-empty"} and f.source_id not in told
    ]
    return tuple(out)


def _named(criteria: Sequence[CriterionResult]) -> str:
    titles = dict.fromkeys(c.measured.request.indicator.title for c in criteria)
    return f"{', '.join(c.criterion.id for c in criteria)} {' and '.join(titles)}"


def _changes(assessment: Assessment) -> tuple[tuple[model.Change, ...], str]:
    previous = assessment.register.previous
    if previous is None:
        return (), "No previous report was named, so nothing can be said about change."
    if not previous.is_verified:
        return (), (f"The previous pack {previous.pack} was named but not relied on: {previous.status}.")
    out = []
    for result in assessment.principles:
        code = previous.conclusions.get(result.principle.id)
        was = next((s for s in words.CONCLUSIONS.values() if s.code == code), None)
        now = words.CONCLUSIONS[result.conclusion]
        figures = [
            f"{c.criterion.id} was {previous.figures[c.criterion.id]}"
            for c in result.criteria
            if previous.figures.get(c.criterion.id)
        ]
        out.append(
            model.Change(
                principle_id=result.principle.id,
                title=result.principle.title,
                was=was,
                now=now,
                word=principle_word(was, now),
                detail="; ".join(figures),
            )
        )
    note = f"Compared with {previous.report_id} ({previous.period}); {previous.status}."
    return tuple(out), note


def _frameworks(project: Project, assessment: Assessment) -> tuple[model.FrameworkView, ...]:
    out = []
    for checklist in project.checklists:
        framework = checklist.framework
        results = [c for c in assessment.controls if c.framework_id == framework.id]
        tally = Counter(c.verdict for c in results)
        groups = {g.id: g for g in checklist.groups}
        needs = {k.id: {n.id: n for n in k.evidence} for k in checklist.controls}
        controls = tuple(
            model.ControlView(
                ref=f"{framework.id}:{c.control.id}",
                id=c.control.id,
                cite=c.control.cite,
                group=c.control.group,
                title=c.control.title,
                requirement=c.control.statement,
                basis=TEXT_BASIS[checklist.basis_of(c.control)],
                status=words.VERDICTS[c.verdict],
                underlying=None if c.underlying is None else words.VERDICTS[c.underlying],
                waiver=waiver_words(c.waiver),
                notes=c.control.notes or "",
                related=c.related,
                reason=c.reason,
                principles=c.principles,
                needs=tuple(
                    model.NeedView(
                        wanted=" or ".join(f"{EVIDENCE_CODES[code][1]} ({code})" for code in need.codes),
                        status=words.VERDICTS[need.verdict],
                        found=need.found,
                        reason=need.reason,
                        must_show=needs[c.control.id][need.need_id].must_show,
                    )
                    for need in c.needs
                ),
            )
            for c in results
        )
        out.append(
            model.FrameworkView(
                id=framework.id,
                title=framework.title,
                citation=framework.citation,
                source_version=framework.source_version,
                checklist_version=framework.checklist_version,
                binding=framework.binding,
                scope=framework.scope,
                review="no legal review"
                if framework.review.legal_review == "none"
                else framework.review.legal_review,
                attribution=framework.licence.attribution,
                tally=tuple((words.VERDICTS[v].word, tally[v]) for v in Verdict if tally[v]),
                total=len(results),
                groups=tuple((g.id, g.title) for g in groups.values()),
                controls=controls,
            )
        )
    return tuple(out)


def _signature(project: Project, details: Details) -> model.SignatureBlock:
    signer = project.audit.signer
    state: Literal["draft", "development", "signed"]
    if not details.signer_certificate or signer is None:
        state, foot = "draft", "unsigned draft"
    elif details.is_development_key:
        state, foot = "development", "development key \N{EN DASH} not for publication"
    else:
        state, foot = "signed", "signed: see the signature panel"
    return model.SignatureBlock(
        state=state,
        words=foot,
        person="" if signer is None or state == "draft" else signer.person.name,
        role="" if signer is None or state == "draft" else signer.person.role,
        certificate=details.signer_certificate,
        proves=prose.PROVES if state != "draft" else (),
        does_not_prove=prose.does_not_prove(state),
        verify=prose.verify_commands(state),
    )
