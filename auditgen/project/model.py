"""`audit.yaml`: who promises what, by which criteria, and which files speak to it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from auditgen.evidence.mapping import RecordMap
from auditgen.project.governance import Deployment, IncidentDuty, Remedy, Waiver
from auditgen.project.monitoring import CounterBlock, EngineBlock
from auditgen.project.relabelled import RelabelledBlock
from auditgen.project.terms import FROZEN, Day, Fraction, Id, Independence, Person, Provider, Text

DEFAULT_MIN_N = 30
DEFAULT_MAX_AGE_DAYS = 180
MAX_PERIOD_DAYS = 3 * 366


class Mode(StrEnum):
    """What kind of report this is; decides title, wording and signature block."""

    MANAGEMENT = "management_report"
    INTERNAL_AUDIT = "internal_audit"
    INDEPENDENT = "independent_assurance"


class Organisation(BaseModel):
    """Who makes the promises."""

    model_config = FROZEN
    name: Text
    contact: Text | None = None


class System(BaseModel):
    """What the promises are about."""

    model_config = FROZEN
    name: Text
    version: Text
    models: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Model versions that were deployed in the period."""
    description: Text | None = None
    deployments: tuple[Deployment, ...] = ()
    """System prompts and safeguards by the day on which they came into use."""


class PeriodBlock(BaseModel):
    """First and last day, UTC."""

    model_config = FROZEN
    start: date
    end: date

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.start:
            message = "the period ends before it starts"
            raise ValueError(message)
        days = (self.end - self.start).days + 1
        if days > MAX_PERIOD_DAYS:  # a slip of the pen in the year would cost hours and print nonsense
            message = f"the period has {days} days; at most {MAX_PERIOD_DAYS} are reported on"
            raise ValueError(message)
        return self


class Practitioner(BaseModel):
    """Who gives independent assurance; without all of it the word is not printed."""

    model_config = FROZEN
    name: Text
    firm: Text
    standard: Text
    level: Literal["limited", "reasonable"]
    independence_statement: Text


class ReportBlock(BaseModel):
    """How the report presents itself."""

    model_config = FROZEN
    id: Id
    version: Text = "1.0"
    mode: Mode = Mode.MANAGEMENT
    prepared_for: Text
    prepared_by: Person
    approved_by: Person | None = None
    """Who answers for it; a person other than the one who prepared it."""
    classification: Text = "Confidential"
    page_size: Literal["A4", "Letter"] = "A4"
    redaction: Literal["digests", "excerpts"] = "digests"
    """Whether exhibits show the first words of prompts and answers, or their digests only."""
    pack_evidence: Literal["digests", "include"] = "digests"
    """Whether the pack holds the evidence files themselves."""
    practitioner: Practitioner | None = None

    @model_validator(mode="after")
    def _named_practitioner(self) -> Self:
        if (self.mode is Mode.INDEPENDENT) != (self.practitioner is not None):
            message = "`practitioner` is required for `independent_assurance`, and only there"
            raise ValueError(message)
        return self


class ProfileBlock(BaseModel):
    """Facts that decide which controls apply. What is not answered stays open, and the report says so."""

    model_config = FROZEN
    roles: tuple[Text, ...] | None = None
    risk_classes: tuple[Text, ...] | None = None
    facts: dict[str, str] = Field(default_factory=dict)


class Criterion(BaseModel):
    """When a promise counts as kept: a bound of an indicator's interval against a threshold."""

    model_config = FROZEN
    id: Id
    indicator: Text
    sources: Annotated[tuple[Id, ...], Field(min_length=1)]
    where: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    """Only records with these values, e.g. `{category: cyber}`."""
    at_least: Fraction | None = None
    """The lower bound of the interval must reach it."""
    at_most: Fraction | None = None
    """The upper bound of the interval must not exceed it."""
    within: Annotated[float, Field(gt=0, lt=1)] | None = None
    """For gaps: the whole interval must lie within plus and minus this margin."""
    confidence: Annotated[float, Field(ge=0.8, le=0.999)] = 0.95
    min_n: Annotated[int, Field(ge=1)] = DEFAULT_MIN_N
    """Fewer decided records (in the smaller arm of a gap) are insufficient."""
    max_age_days: Annotated[int, Field(ge=1, le=3660)] = DEFAULT_MAX_AGE_DAYS
    independence: Independence = Independence.SELF
    """Evidence from nearer than this is insufficient."""
    models: tuple[Text, ...] | None = None
    """Versions it is bound to; every version of `system.models` when absent."""
    limit_hours: Annotated[float, Field(gt=0, le=87_600)] | None = None
    """For delays (`time-to-detect`): in time is what took no more hours than this."""
    min_coverage: Fraction | None = None
    """Share of the period's hours in which each of its logs must hold records; less is insufficient."""

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        written = [n for n in ("at_least", "at_most", "within") if getattr(self, n) is not None]
        if len(written) != 1:
            message = "a criterion has exactly one of `at_least`, `at_most`, `within`"
            raise ValueError(message)
        return self

    @property
    def operator(self) -> Literal["at_least", "at_most", "within"]:
        """Which of the three thresholds is declared."""
        if self.at_least is not None:
            return "at_least"
        return "at_most" if self.at_most is not None else "within"

    @property
    def threshold(self) -> float:
        """The declared number."""
        return float(getattr(self, self.operator))

    @property
    def limit(self) -> str:
        """The declared number as printed, with every digit that was declared: `95.0 %`, `±0.05 points`."""
        text = f"{(Decimal(repr(self.threshold)) * 100).normalize():f}"
        text += "" if "." in text else ".0"
        return f"\N{PLUS-MINUS SIGN}{text} points" if self.operator == "within" else f"{text} %"

    @property
    def filters(self) -> dict[str, tuple[str, ...]]:
        """`where` with every value as a tuple."""
        return {k: (v,) if isinstance(v, str) else v for k, v in sorted(self.where.items())}


class LadderBlock(BaseModel):
    """Which measurements speak to alignment faking, rung by rung; ids of criteria or of `also_measured`."""

    model_config = FROZEN
    gap: Id
    """A gap by watch condition."""
    reasoning: Id | None = None
    """A rate of labelled reasoning, such as `alignment-faking-reasoning`."""
    grader: Id | None = None
    """How often people agree with whoever made these labels."""
    control: Id | None = None
    """The same gap in a condition that gives no reason to fake."""
    margin: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Within which the control's gap counts as gone; declared beforehand."""
    variations: tuple[Id, ...] = ()
    """The same gap with other prompts."""


class Principle(BaseModel):
    """One declared safety principle: the promise in the organisation's own words."""

    model_config = FROZEN
    id: Id
    title: Text
    promise: Text
    promised_in: Text | None = None
    """Where the promise was made (document, version, section)."""
    declared_on: date | None = None
    """When promise and thresholds were fixed, as the organisation says."""
    answers: tuple[Text, ...] = ()
    """Controls this principle's evidence speaks to, as `framework:control`."""
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1)]
    ladder: LadderBlock | None = None
    """How far the evidence reaches towards alignment faking."""


class AlsoMeasured(BaseModel):
    """An indicator shown without a threshold; it decides nothing."""

    model_config = FROZEN
    id: Id
    indicator: Text
    sources: Annotated[tuple[Id, ...], Field(min_length=1)]
    where: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    limit_hours: Annotated[float, Field(gt=0, le=87_600)] | None = None
    beside: Id | None = None
    """The principle it is printed beside."""
    note: Text | None = None

    @property
    def filters(self) -> dict[str, tuple[str, ...]]:
        """`where` with every value as a tuple."""
        return {k: (v,) if isinstance(v, str) else v for k, v in sorted(self.where.items())}


class Custody(BaseModel):
    """How the files came here."""

    model_config = FROZEN
    received_from: Text
    received_on: date
    received_by: Text
    note: Text | None = None


class ModelAlias(BaseModel):
    """The log names the model differently; somebody vouches for what it was."""

    model_config = FROZEN
    recorded: Text
    is_: Annotated[Text, Field(alias="is")]
    basis: Text


class LabelsBlock(BaseModel):
    """Refusal labels that were made separately from the run."""

    model_config = FROZEN
    file: Text
    """Lines of `{"response_sha256": ..., "refused": true}`, relative to audit.yaml."""
    by: Text
    """Who labelled: a model with its version and prompt, or a person."""
    kind: Literal["judge", "human"]


class SourceBlock(BaseModel):
    """Files of one origin, with the mapping that reads them."""

    model_config = FROZEN
    id: Id
    title: Text
    files: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Paths or globs (`**` allowed), relative to audit.yaml."""
    table: Annotated[Text, Field(pattern=r"^[^.\x00-\x1f]+([.][^.\x00-\x1f]+){0,3}$")] | None = None
    """Instead of files, a table or view on the engine of audit.yaml, which stays there."""
    snapshot: Text | None = None
    """Of a table, the id of the version that was counted, as its owners name it."""
    provider: Provider
    custody: Custody
    model: ModelAlias | tuple[ModelAlias, ...] | None = None
    map: RecordMap = RecordMap()
    system_prompt: Text | None = None
    """Version of the system prompt that was evaluated, as its maker says."""
    safeguards: Text | None = None
    """Version of the safeguards that were evaluated, as its maker says."""
    labels: LabelsBlock | None = None
    """Rules ask for them with `from: judged.refusal`."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.files is None) == (self.table is None):
            message = "a source has either `files` or a `table` on the engine"
            raise ValueError(message)
        if self.table is None:
            if self.snapshot is not None:
                message = "`snapshot` is of a `table`; files have their digests"
                raise ValueError(message)
            return self
        if self.labels is not None or self.map.records == "evaluation":
            message = "a `table` on the engine holds monitoring; evaluations are handed in as files"
            raise ValueError(message)
        if self.map.labels:
            message = "`labels` are read from files; on an engine they are not counted yet"
            raise ValueError(message)
        if self.map.time is None:
            message = "a `table` on the engine needs `map.time`: which column says when it happened"
            raise ValueError(message)
        return self

    @property
    def aliases(self) -> tuple[ModelAlias, ...]:
        """Declared model aliases."""
        if self.model is None:
            return ()
        return self.model if isinstance(self.model, tuple) else (self.model,)


class Attestation(BaseModel):
    """A named reviewer's word on one version of a document."""

    model_config = FROZEN
    reviewer: Person
    date: Day
    method: Literal["examine", "interview", "test"] = "examine"
    """How the reviewer came to know."""
    passage: Text
    """Section or page that satisfies the control."""
    statement: Text
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Digest of the version that was reviewed."""
    expires: Day | None = None


class DocumentBlock(BaseModel):
    """A policy, plan or statement."""

    model_config = FROZEN
    id: Id
    kind: Text
    """A code of the evidence catalogue, e.g. `DO-IRP`."""
    title: Text
    file: Text
    version: Text
    dated: date
    owner: Text
    attestation: Attestation | None = None


class ExpectedItem(BaseModel):
    """Evidence that should exist. When it was not received, its criteria cannot be met."""

    model_config = FROZEN
    id: Id
    title: Text
    source: Id | None = None
    """The source whose files should hold it."""
    suite: Text | None = None
    model: Text | None = None
    min_n: Annotated[int, Field(ge=1)] = 1
    """Decided records."""
    provider: Text | None = None
    due: date | None = None
    criteria: tuple[Id, ...] = ()
    """Criteria that rest on it, beside those that use its source."""

    @model_validator(mode="after")
    def _findable(self) -> Self:
        if self.source is None and self.suite is None:
            message = "an expected item names a `source`, a `suite`, or both"
            raise ValueError(message)
        return self


class PlanBlock(BaseModel):
    """The plan that was sealed before the data."""

    model_config = FROZEN
    pack: Text
    trust: tuple[Text, ...] = ()
    """Certificates it is checked against."""


class PreviousBlock(BaseModel):
    """The pack of the period before."""

    model_config = FROZEN
    pack: Text
    trust: tuple[Text, ...] = ()
    """Certificates it is checked against."""
    model_changes: dict[Text, Text] = Field(default_factory=dict)
    """Model version then to model version now, where numbers of the two are to be compared."""


class SignerBlock(BaseModel):
    """The key that signs. A passphrase comes from an environment variable, never from here."""

    model_config = FROZEN
    certificate: Text
    key: Text
    chain: tuple[Text, ...] = ()
    passphrase_env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    person: Person


class Audit(BaseModel):
    """The whole file."""

    model_config = FROZEN
    schema_: Annotated[Literal["auditgen-audit-1"], Field(alias="schema")]
    organisation: Organisation
    system: System
    period: PeriodBlock
    report: ReportBlock
    profile: ProfileBlock = ProfileBlock()
    standards: tuple[Text, ...] = ()
    """Shipped ids (`eu-ai-act`) or paths of own checklist files."""
    principles: Annotated[tuple[Principle, ...], Field(min_length=1)]
    also_measured: tuple[AlsoMeasured, ...] = ()
    sources: Annotated[tuple[SourceBlock, ...], Field(min_length=1)]
    engine: EngineBlock | None = None
    """Where sources with a `table` are counted."""
    counters: tuple[CounterBlock, ...] = ()
    """Independent counts of what the logs should hold."""
    indicators: tuple[Text, ...] = ()
    """Own definitions of indicators, relative to audit.yaml."""
    suites: tuple[Text, ...] = ()
    """Own suite files, relative to audit.yaml; they come before the shipped ones, in this order."""
    relabelled: tuple[RelabelledBlock, ...] = ()
    """Labels by people, which show how often a judge errs."""
    documents: tuple[DocumentBlock, ...] = ()
    attestations: tuple[Text, ...] = ()
    """Files made by `auditgen attest`, or globs, relative to audit.yaml."""
    expected: tuple[ExpectedItem, ...] = ()
    incident_duties: tuple[IncidentDuty, ...] = ()
    """Which incidents fall under which deadline, as people decided."""
    waivers: tuple[Waiver, ...] = ()
    remediation: tuple[Remedy, ...] = ()
    plan: PlanBlock | None = None
    previous: PreviousBlock | None = None
    signer: SignerBlock | None = None
