"""Which obligations have evidence named for them, before any evidence is there: orphans in both directions.

Named is not shown: a control with a criterion for each of its needs may still be broken. A control
without one cannot be met, whatever the evidence says, and that can be known beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from auditgen.checklists.applicability import Applicability, applicability
from auditgen.checklists.catalogue import EVIDENCE_CODES, EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from auditgen.checklists.applicability import Profile
    from auditgen.checklists.model import Checklist, Control, EvidenceNeed
    from auditgen.indicators import Indicator

Status = Literal["named", "partly", "nothing", "asks for nothing", "does not apply"]


@dataclass(frozen=True, slots=True)
class NamedCriterion:
    """A criterion of an audit, and the codes its indicator measures."""

    id: str
    indicator: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamedPrinciple:
    """A principle of an audit, the controls it declares to answer, and its criteria."""

    id: str
    answers: tuple[str, ...]
    criteria: tuple[NamedCriterion, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an audit says it will hand in."""

    principles: tuple[NamedPrinciple, ...] = ()
    documents: tuple[tuple[str, str], ...] = ()
    """Id and evidence code."""
    profile: Profile | None = None
    """Without one nothing is left out as not applicable."""


@dataclass(frozen=True, slots=True)
class NeedCoverage:
    """One need of a control, and what was named for it."""

    id: str
    any_of: tuple[str, ...]
    criteria: tuple[str, ...]
    """Of principles that answer the control."""
    documents: tuple[str, ...]
    elsewhere: tuple[str, ...]
    """Criteria that measure it, of principles that do not declare to answer here."""
    indicators: tuple[str, ...]
    """Known definitions that measure one of its codes."""

    @property
    def is_named(self) -> bool:
        """Whether anything was named for it."""
        return bool(self.criteria or self.documents)


@dataclass(frozen=True, slots=True)
class ControlCoverage:
    """One control."""

    framework: str
    control: str
    title: str
    applies: str
    principles: tuple[str, ...]
    needs: tuple[NeedCoverage, ...]

    @property
    def ref(self) -> str:
        """`framework:control`."""
        return f"{self.framework}:{self.control}"

    @property
    def status(self) -> Status:
        """How far evidence was named for it."""
        if self.applies in {Applicability.NOT_APPLICABLE, Applicability.NOT_YET}:
            return "does not apply"
        if not self.needs:
            return "asks for nothing"
        named = sum(need.is_named for need in self.needs)
        if named == len(self.needs):
            return "named"
        return "partly" if named else "nothing"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Everything, and the orphans of both sides."""

    controls: tuple[ControlCoverage, ...]
    idle_principles: tuple[str, ...]
    """Answer no control of these checklists."""
    unknown_answers: tuple[tuple[str, str], ...]
    """Principle and what it answers, where no such control is at hand."""
    idle_criteria: tuple[str, ...]
    """Serve no need of a control that their principle answers."""
    idle_documents: tuple[str, ...]
    """Of a kind that no control asks for."""
    unmeasured: tuple[tuple[str, int], ...]
    """Metric codes that controls ask for and no known indicator measures, and by how many controls."""
    idle_indicators: tuple[str, ...]
    """Known definitions that measure nothing any control asks for."""


def coverage(
    checklists: Sequence[Checklist],
    plan: Plan,
    indicators: Iterable[Indicator],
    as_of: date,
) -> Coverage:
    """What is named for what. `indicators` are the definitions at hand, shipped and own."""
    known = tuple(indicators)
    measuring: dict[str, list[str]] = {}
    for indicator in known:
        for code in indicator.codes:
            measuring.setdefault(code, []).append(indicator.id)
    answering: dict[str, list[NamedPrinciple]] = {}
    for principle in plan.principles:
        for ref in dict.fromkeys(principle.answers):
            answering.setdefault(ref, []).append(principle)
    rows = tuple(
        _control(checklist, control, answering, plan, measuring, as_of)
        for checklist in checklists
        for control in checklist.controls
    )
    refs = {row.ref for row in rows}
    asked = {code for row in rows for need in row.needs for code in need.any_of}
    serving = {name for row in rows for need in row.needs for name in need.criteria}
    return Coverage(
        controls=rows,
        idle_principles=tuple(p.id for p in plan.principles if not refs & {*p.answers}),
        unknown_answers=tuple((p.id, ref) for p in plan.principles for ref in p.answers if ref not in refs),
        idle_criteria=tuple(c.id for p in plan.principles for c in p.criteria if c.id not in serving),
        idle_documents=tuple(name for name, kind in plan.documents if kind not in asked),
        unmeasured=tuple(_unmeasured(rows, asked, measuring)),
        idle_indicators=tuple(i.id for i in known if not asked & {*i.codes}),
    )


def _unmeasured(
    rows: Sequence[ControlCoverage], asked: set[str], measuring: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, int]]:
    for code in EVIDENCE_CODES:
        if code in asked and EVIDENCE_CODES[code][0] is EvidenceKind.METRIC and code not in measuring:
            yield code, sum(any(code in need.any_of for need in row.needs) for row in rows)


def _control(
    checklist: Checklist,
    control: Control,
    answering: Mapping[str, Sequence[NamedPrinciple]],
    plan: Plan,
    measuring: Mapping[str, Sequence[str]],
    as_of: date,
) -> ControlCoverage:
    framework = checklist.framework.id
    mine = answering.get(f"{framework}:{control.id}", ())
    applies = Applicability.UNKNOWN
    if plan.profile is not None:
        applies = applicability(control, plan.profile, as_of)[0]
    claimed = {c.id for p in mine for c in p.criteria}
    return ControlCoverage(
        framework=framework,
        control=control.id,
        title=control.title,
        applies=applies.value,
        principles=tuple(p.id for p in mine),
        needs=tuple(_need(need, claimed, plan, measuring) for need in control.evidence),
    )


def _need(
    need: EvidenceNeed, claimed: set[str], plan: Plan, measuring: Mapping[str, Sequence[str]]
) -> NeedCoverage:
    wanted = {*need.any_of}
    # the same door as a verdict: a metric speaks through a criterion of a principle that answers, anything
    # else through a document of its kind
    metrics = {code for code in wanted if EVIDENCE_CODES[code][0] is EvidenceKind.METRIC}
    giving = [c.id for p in plan.principles for c in p.criteria if metrics & {*c.codes}]
    return NeedCoverage(
        id=need.id,
        any_of=need.any_of,
        criteria=tuple(name for name in giving if name in claimed),
        documents=tuple(name for name, kind in plan.documents if kind in wanted - metrics),
        elsewhere=tuple(name for name in giving if name not in claimed),
        indicators=tuple(dict.fromkeys(i for code in need.any_of for i in measuring.get(code, ()))),
    )
