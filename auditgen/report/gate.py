"""The document as a gate of continuous integration sees it: what holds, what blocks, and the exit code.

Nothing is judged here: verdicts, numbers and reasons are the report's own, only put in the order of a gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditgen.errors import Exit
from auditgen.report import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditgen.report.figures import Figure, Status
    from auditgen.report.model import ControlView, CriterionView, Document, FindingView, PrincipleView

SCHEMA = "auditgen-check-1"
VERDICT_WORDS = {
    "not_met": "not_met",
    "insufficient": "insufficient_evidence",
    "stale": "stale",
    "needs_review": "needs_review",
}
"""Words of `--fail-on` to the verdict each one names."""
FINDING_WORDS = ("findings:high", "findings:medium", "findings:low")
CONTROLS, NEVER = "controls", "never"
KNOWN = (*VERDICT_WORDS, CONTROLS, *FINDING_WORDS, NEVER)
_WORST_FIRST = ("not_met", "insufficient_evidence", "stale", "needs_review", "waived", "met")
_OUTSIDE = frozenset({"not_applicable", "not_yet_applicable"})
MAX_NAMED = 8
_WEIGHTS = ("high", "medium", "low", "note")


@dataclass(frozen=True, slots=True)
class Policy:
    """What makes the gate fail."""

    verdicts: frozenset[str] = frozenset(VERDICT_WORDS.values())
    """Codes of verdicts on criteria; with `controls` also on controls."""
    controls: bool = False
    least_finding: str = ""
    """The lightest weight of a finding that blocks; empty when none does."""

    @classmethod
    def of(cls, chosen: Iterable[str]) -> Policy:
        """The policy that words of `KNOWN` name.

        `controls` without a verdict beside it means all four verdicts. Raises ValueError, in words.
        """
        asked = set(chosen)
        unknown = sorted(asked.difference(KNOWN))
        if unknown or not asked:
            what = f"`{unknown[0]}` is not one of" if unknown else "name at least one of"
            message = f"{what} {', '.join(KNOWN)}"
            raise ValueError(message)
        if NEVER in asked:
            if len(asked) > 1:
                message = f"`{NEVER}` stands alone"
                raise ValueError(message)
            return cls(frozenset())
        verdicts = frozenset(code for word, code in VERDICT_WORDS.items() if word in asked)
        if CONTROLS in asked and not verdicts:
            verdicts = frozenset(VERDICT_WORDS.values())
        weights = [word.partition(":")[2] for word in FINDING_WORDS if word in asked]
        return cls(verdicts, CONTROLS in asked, weights[-1] if weights else "")

    def blocks_finding(self, severity: str) -> bool:
        """Whether a finding of this weight blocks: as heavy as the lightest that was named, or heavier."""
        return bool(self.least_finding) and _WEIGHTS.index(severity) <= _WEIGHTS.index(self.least_finding)


@dataclass(frozen=True, slots=True)
class Line:
    """A criterion or a control at the gate."""

    id: str
    principle: str
    """Of a criterion; of a control its checklist."""
    title: str
    rule: str
    status: Status
    underlying: Status | None
    """Of a waived control, how it stands without the waiver."""
    number: str
    """`x/n ..., p %, 95 % CI [a, b]`; empty where nothing was measured."""
    figure: Figure | None
    reason: str
    more: str
    digest: str
    files: tuple[str, ...]
    """Evidence it rests on, as the register names it."""
    blocks: bool


@dataclass(frozen=True, slots=True)
class Doubt:
    """A finding at the gate."""

    view: FindingView
    blocks: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """Everything that `check` says, in the order in which it says it."""

    meta: Mapping[str, str]
    principles: tuple[tuple[str, str, Status], ...]
    """(id, title, conclusion)."""
    criteria: tuple[Line, ...]
    """Worst first."""
    controls: tuple[Line, ...]
    """Those that apply, worst first."""
    control_tally: tuple[tuple[str, int], ...]
    """(word, count) over all controls, also those that do not apply."""
    findings: tuple[Doubt, ...]
    is_vacuous: bool
    exit_code: Exit
    result: str
    """One sentence."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, `auditgen-check-1`; every number is the one of report.json."""
        return {
            "schema": SCHEMA,
            **self.meta,
            "result": self.result,
            "exit_code": int(self.exit_code),
            "principles": [
                {"id": name, "title": title, "conclusion": status.code}
                for name, title, status in self.principles
            ],
            "criteria": [_line(line) for line in self.criteria],
            "controls": [_line(line) for line in self.controls],
            "controls_in_all": dict(self.control_tally),
            "findings": [
                {**found.view.model_dump(mode="json"), "blocks": found.blocks} for found in self.findings
            ],
        }


def _line(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "of": line.principle,
        "title": line.title,
        "rule": line.rule,
        "verdict": line.status.code,
        "without_waiver": None if line.underlying is None else line.underlying.code,
        "text": line.number,
        "figure": None if line.figure is None else line.figure.model_dump(mode="json"),
        "reason": line.reason,
        "more_needed": line.more,
        "declaration_sha256": line.digest,
        "files": list(line.files),
        "blocks": line.blocks,
    }


def gate(document: Document, policy: Policy) -> Gate:
    """What stands in the document, held against `policy`.

    A run that measured nothing, and in which no control is known to apply, is vacuous: it ends with 3 under
    any policy.
    """
    by_source = {s.id: tuple(f.path for f in s.files) for s in document.sources}
    criteria = [_criterion(p, c, by_source, policy) for p in document.principles for c in p.criteria]
    every = [(f.id, c) for f in document.frameworks for c in f.controls]
    controls = [_control(name, c, policy) for name, c in every if c.status.code not in _OUTSIDE]
    findings = tuple(Doubt(f, policy.blocks_finding(f.severity)) for f in document.findings)
    numbers = [line.figure for line in criteria] + [m.figure for m in document.also_measured]
    numbers += [m.figure for p in document.principles for m in p.beside]
    judged = any(line.status.code != "needs_legal_view" for line in controls)
    is_vacuous = all(number is None for number in numbers) and not judged
    lines = [*criteria, *controls]
    code = _exit_code(lines, findings, is_vacuous=is_vacuous)
    tally: dict[str, int] = {}
    for _, control in every:
        tally[control.status.word] = tally.get(control.status.word, 0) + 1
    meta = document.meta
    return Gate(
        meta={
            "report_id": meta.report_id,
            "organisation": meta.organisation,
            "system": meta.system,
            "period_start": meta.period_start,
            "period_end": meta.period_end,
            "as_of": meta.as_of,
            "declaration_sha256": meta.declaration_digest,
            "evidence_sha256": meta.evidence_digest,
            "tool": meta.tool,
        },
        principles=tuple((p.id, p.title, p.status) for p in document.principles),
        criteria=tuple(sorted(criteria, key=_rank)),
        controls=tuple(sorted(controls, key=_rank)),
        control_tally=tuple(tally.items()),
        findings=findings,
        is_vacuous=is_vacuous,
        exit_code=code,
        result=_sentence(criteria, controls, findings, code),
    )


def _criterion(
    principle: PrincipleView, view: CriterionView, by_source: Mapping[str, Sequence[str]], policy: Policy
) -> Line:
    figure = view.measure.figure
    return Line(
        id=view.measure.id,
        principle=principle.id,
        title=view.measure.indicator_title,
        rule=view.statement,
        status=view.status,
        underlying=None,
        number="" if figure is None else figure.text,
        figure=figure,
        reason="; ".join(view.reasons),
        more=view.more_needed,
        digest=view.digest,
        files=tuple(path for source in view.measure.sources for path in by_source.get(source, ())),
        blocks=view.status.code in policy.verdicts,
    )


def _control(framework: str, view: ControlView, policy: Policy) -> Line:
    return Line(
        id=view.ref,
        principle=framework,
        title=view.title,
        rule=view.requirement,
        status=view.status,
        underlying=view.underlying,
        number="",
        figure=None,
        reason=view.waiver or view.reason,
        more="",
        digest="",
        files=(),
        # a profile that does not say whether a control applies must not open the gate
        blocks=policy.controls
        and bool(policy.verdicts)
        and view.status.code in {*policy.verdicts, "needs_legal_view"},
    )


def _rank(line: Line) -> int:
    code = line.status.code
    return _WORST_FIRST.index(code) if code in _WORST_FIRST else len(_WORST_FIRST) - 2


def _exit_code(lines: Sequence[Line], findings: Sequence[Doubt], *, is_vacuous: bool) -> Exit:
    blocking = {line.status.code for line in lines if line.blocks}
    if is_vacuous:
        return Exit.NOTHING_TO_ASSESS
    if "not_met" in blocking:
        return Exit.NOT_MET
    if blocking or any(found.blocks for found in findings):
        return Exit.INSUFFICIENT
    return Exit.DONE


def _sentence(
    criteria: Sequence[Line], controls: Sequence[Line], findings: Sequence[Doubt], code: Exit
) -> str:
    """How everything stands, and what of it fails the gate."""
    if code is Exit.NOTHING_TO_ASSESS:
        return "nothing was assessed: no criterion was measured and no control is known to apply"
    parts = [_tally("criterion", "criteria", criteria)]
    blocking = [f"{line.id} ({line.status.word})" for line in _blocking(criteria, controls)]
    blocking += [f"{found.view.id} ({found.view.severity})" for found in findings if found.blocks]
    if not blocking:
        left = sum(1 for line in (*criteria, *controls) if line.status.code != "met")
        left += sum(1 for found in findings if found.view.severity in {"high", "medium"})
        parts.append("nothing of it was to fail this gate" if left else "nothing fails")
    else:
        shown = ", ".join(blocking[:MAX_NAMED])
        more = f" and {len(blocking) - MAX_NAMED} more" if len(blocking) > MAX_NAMED else ""
        verb = "fails" if len(blocking) == 1 else "fail"
        parts.append(f"{words.count(len(blocking))} {verb}: {shown}{more}")
    return "; ".join(parts)


def _blocking(*groups: Sequence[Line]) -> list[Line]:
    return sorted((line for lines in groups for line in lines if line.blocks), key=_rank)


def _tally(one: str, many: str, lines: Sequence[Line]) -> str:
    counts: dict[str, int] = {}
    for line in sorted(lines, key=_rank):
        counts[line.status.word] = counts.get(line.status.word, 0) + 1
    said = ", ".join(f"{number} {word}" for word, number in counts.items())
    return f"{words.plural(len(lines), one, many)}: {said}"
