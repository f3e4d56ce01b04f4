"""Values of the judgement. A verdict always carries its reasons in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from auditgen.assessment.deadlines import IncidentDuty
from auditgen.assessment.deployed import Configuration
from auditgen.assessment.ladder import Ladder
from auditgen.assessment.relabelled import RelabelRecord
from auditgen.checklists import Control
from auditgen.evidence.model import Incident, Reading
from auditgen.indicators import Measured
from auditgen.indicators.drift import Drift
from auditgen.indicators.ledger import Ledger
from auditgen.indicators.slicing import Breakdown
from auditgen.indicators.together import NO_FAMILY, Together
from auditgen.project.governance import Remedy, Waiver
from auditgen.project.model import Criterion, DocumentBlock, ExpectedItem, Principle


class Verdict(StrEnum):
    """On a criterion or a control."""

    MET = "met"
    NOT_MET = "not_met"
    INSUFFICIENT = "insufficient_evidence"
    STALE = "stale"
    NOT_APPLICABLE = "not_applicable"
    NOT_YET = "not_yet_applicable"
    NEEDS_LEGAL_VIEW = "needs_legal_view"
    NEEDS_REVIEW = "needs_review"
    WAIVED = "waived"


class Conclusion(StrEnum):
    """On a principle, worst first."""

    CONTRADICTED = "contradicted"
    NOT_CONCLUDED = "not_concluded"
    WITH_COMMENTS = "supported_with_comments"
    SUPPORTED = "supported"


class Rule(StrEnum):
    """What decides on a criterion: the first that applies, in this order."""

    UNMEASURED = "unmeasured"
    BROKEN = "broken"
    SHORT = "short"
    OLD = "old"
    UNCONFIRMED = "unconfirmed"
    HOLDS = "holds"
    OPEN = "open"


class Severity(StrEnum):
    """How much a finding weighs, heaviest first."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A document as found: its digest, or why there is none."""

    block: DocumentBlock
    sha256: str | None
    bytes: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class PreviousReport:
    """What the previous pack said, and whether its seal held."""

    pack: str
    sha256: str | None
    is_verified: bool
    status: str
    """In words: why it counts, or why it does not."""
    report_id: str = ""
    period: str = ""
    signed_at: datetime | None = None
    conclusions: Mapping[str, str] = field(default_factory=dict)
    """By principle id."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """The deciding number's text, by criterion id."""
    criterion_digests: frozenset[str] = frozenset()
    weaknesses: frozenset[str] = frozenset()
    """What was unmet or found then: criteria, controls, and findings as `code@source`."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """The whole sealed report.json, for whoever compares the two."""
    trends: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """By criterion or also-measured id: its points in earlier periods, as the report held them."""


@dataclass(frozen=True, slots=True)
class SealedPlan:
    """What was sealed before the data, and whether the seal held."""

    pack: str
    sha256: str | None
    is_verified: bool
    status: str
    """In words: why it counts, or why it does not."""
    signed_at: datetime | None = None
    """By its signer's own clock."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Of the declarations, by criterion id."""
    principles: Mapping[str, str] = field(default_factory=dict)
    """By criterion: its principle."""
    expected: frozenset[str] = frozenset()
    """Ids of the evidence that it announced."""
    changed_expected: frozenset[str] = frozenset()
    """Of these, the ones that are announced otherwise now."""
    changed_sources: frozenset[str] = frozenset()
    """Sources that are read otherwise now, or said to be made by somebody else, or gone."""


@dataclass(frozen=True, slots=True)
class SignedExports:
    """Whether the provider of a source signed its files."""

    source_id: str
    files: int
    signed: int
    """Whose signature holds and leads to the provider's certificate."""
    signer: str
    """Subject of the signing certificate."""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SilentWindow:
    """Consecutive hours without any record of a monitoring source."""

    source_id: str
    start: datetime
    hours: int


@dataclass(frozen=True, slots=True)
class Register:
    """What was read, found and not found."""

    readings: tuple[Reading, ...]
    documents: tuple[DocumentRecord, ...]
    empty_sources: tuple[str, ...]
    """Sources whose globs match no file."""
    production_models: Mapping[str, int]
    """Production records by model version."""
    evaluated_models: Mapping[str, int]
    """Decided evaluation records by model version."""
    criterion_models: Mapping[str, Mapping[str, int]]
    """Decided records by model version that a criterion would count but for its model binding."""
    silent_windows: tuple[SilentWindow, ...]
    in_period: Mapping[str, int] = field(default_factory=dict)
    """Monitoring records within the period, by file digest; each record once."""
    ledgers: tuple[Ledger, ...] = ()
    """What each log of monitoring holds, hour by hour, and what does not fit."""
    unplaced: Mapping[str, int] = field(default_factory=dict)
    """By criterion: records that do not say whether it is about them."""
    breakdowns: Mapping[str, tuple[Breakdown, ...]] = field(default_factory=dict)
    """By criterion or also-measured id."""
    undated: Mapping[str, int] = field(default_factory=dict)
    """By criterion: records that do not say when they were made."""
    drifts: Mapping[str, Drift] = field(default_factory=dict)
    """The same, day by day, of rates in production."""
    together: Together = NO_FAMILY
    """The criteria as one family."""
    relabelled: tuple[RelabelRecord, ...] = ()
    """Labels by people, as audit.yaml declares them."""
    previous: PreviousReport | None = None
    plan: SealedPlan | None = None
    signed: tuple[SignedExports, ...] = ()
    """Of the sources whose provider is said to sign."""
    incidents: Mapping[str, tuple[Incident, ...]] = field(default_factory=dict)
    """Of the period, by source."""
    void_attestations: tuple[str, ...] = ()
    """Attestation files that do not count, each with the reason."""
    broken_plugins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """One criterion, judged."""

    criterion: Criterion
    principle_id: str
    verdict: Verdict
    reasons: tuple[str, ...]
    measured: Measured
    digest: str
    """Of the declaration."""
    is_declaration_proven: bool
    comments: tuple[str, ...] = ()
    """What a reader must know although the verdict stands."""
    more_needed: int | None = None
    """Roughly how many more samples at the observed rate would decide it."""
    rule: Rule | None = None
    """What decided."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason to distrust, with what to ask."""

    id: str
    code: str
    severity: Severity
    title: str
    detail: str
    ask: str
    source_id: str = ""
    files: tuple[str, ...] = ()
    principles: tuple[str, ...] = ()
    count: int = 1


@dataclass(frozen=True, slots=True)
class ExpectedResult:
    """An expected item and what came."""

    item: ExpectedItem
    is_received: bool
    detail: str
    found_n: int = 0


@dataclass(frozen=True, slots=True)
class PrincipleResult:
    """One principle, concluded."""

    principle: Principle
    conclusion: Conclusion
    reason: str
    criteria: tuple[CriterionResult, ...]
    comments: tuple[str, ...]
    ladder: Ladder | None = None
    """How far the evidence reaches towards alignment faking, where the principle asks."""


@dataclass(frozen=True, slots=True)
class NeedResult:
    """One kind of evidence a control needs, and what was found."""

    need_id: str
    codes: tuple[str, ...]
    verdict: Verdict
    found: tuple[str, ...]
    """References: criterion ids and document ids."""
    reason: str


@dataclass(frozen=True, slots=True)
class ControlResult:
    """One control of one checklist, judged."""

    framework_id: str
    control: Control
    verdict: Verdict
    reason: str
    needs: tuple[NeedResult, ...]
    principles: tuple[str, ...]
    """Principles that declare to answer it."""
    underlying: Verdict | None = None
    """Of a waived control, what it would be without the waiver."""
    waiver: Waiver | None = None
    related: tuple[str, ...] = ()
    """What met and unmet controls of other frameworks say of it, in words."""


@dataclass(frozen=True, slots=True)
class Remediation:
    """A weakness, and who repairs it."""

    kind: str
    """`criterion`, `control` or `finding`."""
    of: str
    source_id: str
    state: str
    weakness: str
    remedy: Remedy | None
    is_recurrent: bool
    """Whether the previous report had it too."""
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything the report says."""

    as_of: date
    principles: tuple[PrincipleResult, ...]
    """Worst first."""
    controls: tuple[ControlResult, ...]
    """In the checklists' own order."""
    findings: tuple[Finding, ...]
    """Heaviest first."""
    expected: tuple[ExpectedResult, ...]
    also_measured: Mapping[str, Measured]
    register: Register
    remediations: tuple[Remediation, ...] = ()
    incident_duties: tuple[IncidentDuty, ...] = ()
    configurations: tuple[Configuration, ...] = ()
    """System prompts and safeguards in use, by day."""

    @property
    def is_vacuous(self) -> bool:
        """Whether nothing at all was measured and no document was found: empty paper."""
        measured = any(not hasattr(c.measured, "reason") for p in self.principles for c in p.criteria)
        also = any(not hasattr(m, "reason") for m in self.also_measured.values())
        return not measured and not also and not any(d.sha256 for d in self.register.documents)
