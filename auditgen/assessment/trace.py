"""How a verdict came about: what was looked at and what was left out, what decided, what would change it.

A trace judges nothing: it tells what `assess` decided. Pure; it holds numbers, and whoever prints it puts
them into words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditgen.assessment.doubts import DAMAGE
from auditgen.assessment.model import Conclusion, Verdict
from auditgen.assessment.trace_criterion import changes_of, trace_criterion, trace_file
from auditgen.assessment.trace_values import (
    CONTROL_RULES,
    PRINCIPLE_RULES,
    Considered,
    Kind,
    LeftOut,
    Step,
    Trace,
    word,
)
from auditgen.checklists import EVIDENCE_CODES, EvidenceKind
from auditgen.indicators import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditgen.assessment.model import (
        Assessment,
        ControlResult,
        CriterionResult,
        Finding,
        NeedResult,
        PrincipleResult,
    )
    from auditgen.project.model import Audit


def names_of(assessment: Assessment) -> dict[str, tuple[Kind, ...]]:
    """Everything that can be traced, by every name it may be asked for."""
    out: dict[str, list[Kind]] = {}

    def add(name: str, kind: Kind) -> None:
        out.setdefault(name, []).append(kind)

    for principle in assessment.principles:
        add(principle.principle.id, "principle")
        for criterion in principle.criteria:
            add(criterion.criterion.id, "criterion")
    for control in assessment.controls:
        add(f"{control.framework_id}:{control.control.id}", "control")
        add(control.control.id, "control")
    for finding in assessment.findings:
        add(finding.id, "finding")
    for code in {f.code for f in assessment.findings}:
        add(code, "finding")
    return {name: tuple(kinds) for name, kinds in out.items()}


def traces(assessment: Assessment, audit: Audit, name: str) -> tuple[Trace, ...]:
    """Everything that `name` means: several findings may share a code, several checklists a control's id."""
    out: list[Trace] = []
    for principle in assessment.principles:
        if principle.principle.id == name:
            out.append(_principle(principle, assessment, audit))
        out += [trace_criterion(c, assessment, audit) for c in principle.criteria if c.criterion.id == name]
    for control in assessment.controls:
        if name in {f"{control.framework_id}:{control.control.id}", control.control.id}:
            out.append(_control(control, assessment))
    out += [_finding(f, assessment) for f in assessment.findings if name in {f.id, f.code}]
    return tuple(out)


def _principle(result: PrincipleResult, assessment: Assessment, audit: Audit) -> Trace:
    principle = result.principle
    changes = {
        Conclusion.CONTRADICTED: (Verdict.NOT_MET,),
        Conclusion.NOT_CONCLUDED: (Verdict.INSUFFICIENT, Verdict.STALE, Verdict.NEEDS_REVIEW),
    }.get(result.conclusion, ())
    deciding = [c for c in result.criteria if c.verdict in changes]
    moves = [f"another verdict on {c.criterion.id}, which is {word(c.verdict.value)}" for c in deciding]
    moves += [f"{c.criterion.id}: {text}" for c in deciding for text in changes_of(c, assessment, audit)]
    if result.conclusion is Conclusion.WITH_COMMENTS:
        moves = [f"an answer to the comment: {text}" for text in result.comments]
    if result.conclusion is Conclusion.SUPPORTED:
        moves = ["any criterion that is no longer met, any comment, and any finding above note"]
    findings = [f for f in assessment.findings if principle.id in f.principles]
    return Trace(
        kind="principle",
        id=principle.id,
        title=principle.title,
        verdict=result.conclusion.value,
        underlying="",
        declared=(("promise", principle.promise), ("answers", ", ".join(principle.answers))),
        digest="",
        considered=(
            *(
                Considered(
                    "criterion",
                    c.criterion.id,
                    "",
                    c.digest,
                    _size(c),
                    f"{word(c.verdict.value)}: {c.reasons[0]}",
                )
                for c in result.criteria
            ),
            *(
                Considered("finding", f.id, f.code, "", f.count, f"{f.severity.value}: {f.detail}")
                for f in findings
            ),
        ),
        left_out=(),
        numbers=(),
        reasons=(result.reason,),
        comments=result.comments,
        precedence=tuple(Step(text, code is result.conclusion) for code, text in PRINCIPLE_RULES.items()),
        changes=tuple(moves),
        keeps=("a waiver: it never changes a conclusion", "a mean over the criteria: the worst one decides"),
    )


def _size(result: CriterionResult) -> int | None:
    return result.measured.denominator if isinstance(result.measured, Quantity) else None


def _control(result: ControlResult, assessment: Assessment) -> Trace:
    control = result.control
    judged = result.underlying or result.verdict
    is_outside = not result.needs and judged is not Verdict.INSUFFICIENT
    decided = (is_outside, not result.needs and not is_outside, bool(result.needs), result.waiver is not None)
    declared = [
        ("asks", control.statement),
        ("cite", control.cite),
        ("answered by", ", ".join(result.principles)),
    ]
    if result.waiver is not None:
        waiver = result.waiver
        declared.append(
            (
                "waiver",
                f"{waiver.id}, by {waiver.approver.name}, until {waiver.last_day}: {waiver.reason}",
            )
        )
    return Trace(
        kind="control",
        id=f"{result.framework_id}:{control.id}",
        title=control.title,
        verdict=result.verdict.value,
        underlying="" if result.underlying is None else result.underlying.value,
        declared=tuple((name, text) for name, text in declared if text),
        digest="",
        considered=tuple(_found(result.needs, assessment)),
        left_out=tuple(
            LeftOut(" or ".join(need.codes), need.reason, None) for need in result.needs if not need.found
        ),
        numbers=(),
        reasons=(
            result.reason,
            *(f"{n.need_id}: {word(n.verdict.value)}: {n.reason}" for n in result.needs),
        ),
        comments=(),
        precedence=tuple(Step(text, done) for text, done in zip(CONTROL_RULES, decided, strict=True)),
        changes=tuple(_moves(result, assessment)),
        keeps=()
        if judged in {Verdict.NOT_APPLICABLE, Verdict.NOT_YET}
        else ("an owner's waiver: what stands underneath stays as it is",),
    )


def _found(needs: Sequence[NeedResult], assessment: Assessment) -> Iterator[Considered]:
    criteria = {c.criterion.id: c for p in assessment.principles for c in p.criteria}
    documents = {d.block.id: d for d in assessment.register.documents}
    for ref in dict.fromkeys(ref for need in needs for ref in need.found):
        if ref in criteria:
            c = criteria[ref]
            detail = f"{word(c.verdict.value)}: {c.reasons[0]}"
            yield Considered("criterion", ref, c.principle_id, c.digest, _size(c), detail)
        elif ref in documents:
            found = documents[ref]
            block = found.block
            detail = f"{block.title}, dated {block.dated.isoformat()}" + (
                f"; {found.fault}" if found.fault else ""
            )
            yield Considered("document", block.file, block.kind, found.sha256 or "", None, detail)


def _moves(result: ControlResult, assessment: Assessment) -> Iterator[str]:
    judged = result.underlying or result.verdict
    if result.waiver is not None:
        last = result.waiver.last_day.isoformat()
        yield f"the waiver ends with {last}; then it is {word(judged.value)} again"
    if judged is Verdict.NEEDS_LEGAL_VIEW:
        yield f"an answer in `profile` of audit.yaml, by somebody who may say it: {result.reason}"
    elif judged is Verdict.NOT_YET:
        yield f"the day from which it applies: {result.reason}"
    elif judged is Verdict.NOT_APPLICABLE:
        yield f"another `profile` in audit.yaml: {result.reason}"
    elif not result.needs:
        yield "a checklist that says which evidence would show it"
    documents = {d.block.id: d for d in assessment.register.documents}
    for need in result.needs:
        if need.verdict is Verdict.MET:
            continue
        if not need.found:
            yield from _wanting(need, result)
        for ref in need.found:
            if ref not in documents:
                yield f"what would change criterion {ref} (explain it by its id): {need.reason}"
            elif need.verdict is Verdict.NEEDS_REVIEW:
                digest = documents[ref].sha256 or "its digest"
                yield (
                    f"an attestation of this version of `{ref}` (SHA-256 {digest}) by a named person, with"
                    " the passage and a date"
                )
            else:
                yield f"a document in the place of `{ref}`: {need.reason}"


def _wanting(need: NeedResult, result: ControlResult) -> Iterator[str]:
    for code in need.codes:
        kind, title = EVIDENCE_CODES[code][0], EVIDENCE_CODES[code][1]
        if kind is EvidenceKind.METRIC:
            name = f"{result.framework_id}:{result.control.id}"
            yield f"a criterion that measures {title} ({code}), of a principle whose `answers` name {name}"
        else:
            yield f"a document of kind {code} ({title}), attested by a named person"


def _finding(finding: Finding, assessment: Assessment) -> Trace:
    readings = {r.path: r for r in assessment.register.readings}
    is_damage = finding.code in DAMAGE
    return Trace(
        kind="finding",
        id=finding.id,
        title=finding.title,
        verdict=finding.severity.value,
        underlying="",
        declared=(("code", finding.code), ("ask", finding.ask)),
        digest="",
        considered=tuple(
            trace_file(readings[name])
            if name in readings
            else Considered("file", name, finding.source_id, "", None, "")
            for name in finding.files
            if not re.fullmatch(r"and \d+ more", name)  # the rest of a long list, no file
        ),
        left_out=(),
        numbers=(),
        reasons=(finding.detail,),
        comments=(f"touches {', '.join(finding.principles)}",) if finding.principles else (),
        precedence=(
            Step("the file was not read in full: criteria that use its source cannot be met", is_damage),
            Step(
                "above note: the principle is at best supported, with comments",
                finding.severity.value != "note",
            ),
        ),
        changes=(f"an answer that can be checked: {finding.ask}",),
        keeps=("leaving the file out: what is missing never helps",) if finding.files else (),
    )
