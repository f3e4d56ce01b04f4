"""`Document`: what every renderer reads. Frozen and versioned; it leaves the program as report.json.

Every sentence and every number in words is composed once, here and in `compose`; a renderer lays out
and never computes. A document holds aggregates, exhibits and references to tables, no record rows.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from auditgen.report.comparing import Shift
from auditgen.report.figures import FROZEN, Measure, Status
from auditgen.report.monitored import CoverageView, VersionShare
from auditgen.report.relabelled import RelabelView


class Exhibit(BaseModel):
    """One record shown, with the place it stands at."""

    model_config = FROZEN
    id: str
    """E-number, unique in the document."""
    record_id: str
    source_id: str
    file_sha256: str
    locator: str
    sample: str
    category: str
    watch: str
    outcome: str
    prompt: str
    """First words, or why they are withheld."""
    prompt_sha256: str
    response: str


class CriterionView(BaseModel):
    """A criterion with its verdict."""

    model_config = FROZEN
    measure: Measure
    statement: str
    """The declared rule in one sentence."""
    operator: Literal["at_least", "at_most", "within"]
    threshold: float
    min_n: int
    max_age_days: int
    independence: str
    status: Status
    reasons: tuple[str, ...]
    comments: tuple[str, ...]
    more_needed: str
    """How many more samples would decide it, in words; empty when that does not apply."""
    digest: str
    declaration: str
    """Proven by an earlier pack, or declared and not proven."""
    previous: str
    """The same number in the previous period; empty when there is none."""


class RungView(BaseModel):
    """One rung of the claims ladder."""

    model_config = FROZEN
    number: int
    title: str
    status: Status
    reason: str


class LadderView(BaseModel):
    """How far the evidence reaches towards alignment faking, and what the next rung needs."""

    model_config = FROZEN
    highest: int
    """Rungs reached from below without a gap."""
    text: str
    rungs: tuple[RungView, ...]


class PrincipleView(BaseModel):
    """A promise and what the evidence says about it."""

    model_config = FROZEN
    id: str
    title: str
    promise: str
    promised_in: str
    declared_on: str
    status: Status
    summary: str
    """One sentence for the first page."""
    reason: str
    evidence: str
    """Who provided it and how independent they are."""
    criteria: tuple[CriterionView, ...]
    beside: tuple[Measure, ...]
    comments: tuple[str, ...]
    answers: tuple[str, ...]
    findings: tuple[str, ...]
    exhibits: tuple[Exhibit, ...]
    exhibits_note: str
    ladder: LadderView | None
    """How far the evidence reaches towards alignment faking; null where nobody asked."""
    previous: Status | None = None


class FindingView(BaseModel):
    """A reason to distrust."""

    model_config = FROZEN
    id: str
    code: str
    severity: Literal["high", "medium", "low", "note"]
    title: str
    detail: str
    ask: str
    source_id: str
    files: tuple[str, ...]
    principles: tuple[str, ...]
    count: int


class Untested(BaseModel):
    """Something the report cannot speak about."""

    model_config = FROZEN
    title: str
    detail: str
    principle_id: str = ""


class Change(BaseModel):
    """What became of a principle since the previous period."""

    model_config = FROZEN
    principle_id: str
    title: str
    was: Status | None
    now: Status
    word: str
    detail: str


class FileView(BaseModel):
    """One file of evidence."""

    model_config = FROZEN
    path: str
    sha256: str
    bytes: int
    format: str
    recognised_by: str
    tool: str
    reader: str
    runs: tuple[str, ...]
    models: tuple[str, ...]
    first_at: str
    last_at: str
    planned: int | None
    observations: int
    executed: int
    errored: int
    scored: int
    unscored: int
    grade: str
    """Completeness grade with its meaning, such as `B: traceable, not complete`; empty when not read."""
    completeness: dict[str, str]
    notes: tuple[str, ...]
    """What it was read with and by, and how separate refusal labels agree."""
    doubts: tuple[str, ...]
    status: Status


class SuiteView(BaseModel):
    """A suite by whose description records were read: what it asks, and how it can mislead."""

    model_config = FROZEN
    id: str
    title: str
    measures: str
    caveats: tuple[str, ...]


class SourceView(BaseModel):
    """Files of one origin: who made them, how they came here, how they were read."""

    model_config = FROZEN
    id: str
    title: str
    provider: str
    independence: str
    paid_by: str
    custody: str
    aliases: tuple[str, ...]
    mapping_digest: str
    mapping: tuple[str, ...]
    suites: tuple[SuiteView, ...]
    files: tuple[FileView, ...]


class DocumentView(BaseModel):
    """A policy or plan."""

    model_config = FROZEN
    id: str
    kind: str
    kind_title: str
    title: str
    file: str
    version: str
    dated: str
    owner: str
    sha256: str
    status: Status
    detail: str


class ExpectedView(BaseModel):
    """Expected evidence."""

    model_config = FROZEN
    id: str
    title: str
    status: Status
    detail: str


class NeedView(BaseModel):
    """One kind of evidence a control needs."""

    model_config = FROZEN
    wanted: str
    status: Status
    found: tuple[str, ...]
    reason: str
    must_show: tuple[str, ...]


class ControlView(BaseModel):
    """One control, judged."""

    model_config = FROZEN
    ref: str
    """`framework:control`, the same in every output."""
    id: str
    cite: str
    group: str
    title: str
    requirement: str
    basis: str
    """How the text behind it was known to the checklist's author, in words."""
    status: Status
    underlying: Status | None = None
    """Of a waived control, how it stands without the waiver."""
    waiver: str = ""
    """Who waived it, until when, why, and what is done instead."""
    notes: str = ""
    """Of the checklist's author; a tailoring says here what it weakened."""
    related: tuple[str, ...] = ()
    """What met and unmet controls of other frameworks say of it."""
    reason: str
    principles: tuple[str, ...]
    needs: tuple[NeedView, ...]


class FrameworkView(BaseModel):
    """A checklist and how its controls stand."""

    model_config = FROZEN
    id: str
    title: str
    citation: str
    source_version: str
    checklist_version: str
    binding: str
    scope: str
    review: str
    attribution: str
    tally: tuple[tuple[str, int], ...]
    """(word, count) for every verdict that occurs; the counts add up to `total`."""
    total: int
    groups: tuple[tuple[str, str], ...]
    """(id, title) in order."""
    controls: tuple[ControlView, ...]


class IncidentView(BaseModel):
    """An incident against one deadline for reporting it."""

    model_config = FROZEN
    source_id: str
    incident: str
    """Its id in the register."""
    title: str
    deadline: str
    """Framework and place; empty where nobody named one."""
    trigger: str
    clock: str
    to: str
    basis: str
    starts: str
    due: str
    reported: str
    status: Status
    why: str


class ConfigurationView(BaseModel):
    """A system prompt with safeguards, while both were in use."""

    model_config = FROZEN
    first_day: str
    last_day: str
    system_prompt: str
    safeguards: str
    records: int
    share: str
    evaluated: str


class RemediationView(BaseModel):
    """A weakness, and who repairs it."""

    model_config = FROZEN
    kind: Literal["criterion", "control", "finding"]
    of: str
    source_id: str
    state: str
    """Verdict, or weight of the finding."""
    weakness: str
    id: str
    """Of the remedy; empty where nobody took it on."""
    owner: str
    action: str
    opened_on: str
    due: str
    status: str
    closed_on: str
    is_recurrent: bool
    is_overdue: bool
    waiver: str


class IndicatorView(BaseModel):
    """A definition, for readers who want to know what was counted."""

    model_config = FROZEN
    id: str
    version: str
    digest: str
    """Of everything that decides the number."""
    is_own: bool
    """Whether the organisation defined it, rather than this tool."""
    title: str
    question: str
    counts: str
    interval: str
    caveats: tuple[str, ...]
    misleads: tuple[str, ...]
    references: tuple[str, ...]


class TableRef(BaseModel):
    """A table that renderers may carry in full."""

    model_config = FROZEN
    name: str
    title: str
    columns: tuple[str, ...]
    rows: int
    digest: str
    """SHA-256 over the canonical JSON of all rows in order."""
    note: str


class SignatureBlock(BaseModel):
    """Who signs, with what kind of key, and what that proves."""

    model_config = FROZEN
    state: Literal["draft", "development", "signed"]
    words: str
    """For the foot of every page."""
    person: str
    role: str
    certificate: str
    proves: tuple[str, ...]
    does_not_prove: tuple[str, ...]
    verify: tuple[str, ...]
    """Commands, one per line."""


class Meta(BaseModel):
    """Identity of the report."""

    model_config = FROZEN
    report_id: str
    version: str
    title: str
    subtitle: str
    mode: str
    mode_words: str
    """E.g. `management report, no assurance given`."""
    practitioner: tuple[str, ...]
    classification: str
    prepared_for: str
    prepared_by: str
    approved_by: str = ""
    organisation: str
    system: str
    system_name: str = ""
    """The same without its version, to tell it from a system whose name begins alike."""
    models: tuple[str, ...]
    period_start: str
    period_end: str
    period_words: str
    as_of: str
    page_size: Literal["A4", "Letter"]
    language: str
    tool: str
    plugins: tuple[str, ...]
    """Third-party extensions that took part."""
    evidence_digest: str
    """Over the digests of every file and document read."""
    declaration_digest: str
    declaration_words: str


class Document(BaseModel):
    """The whole report."""

    model_config = FROZEN
    schema_: Annotated[Literal["auditgen-report-1"], Field(alias="schema")] = "auditgen-report-1"
    meta: Meta
    headline: str
    """The worst news, in one sentence."""
    lead: tuple[str, ...]
    """The sentences after it."""
    principles: tuple[PrincipleView, ...]
    tally: tuple[tuple[str, int], ...]
    untested: tuple[Untested, ...]
    changes: tuple[Change, ...]
    changes_note: str
    shifts: tuple[Shift, ...] = ()
    """Criteria, controls and checklists that changed since the previous report, newly failing first, and
    principles that are no longer there."""
    findings: tuple[FindingView, ...]
    sources: tuple[SourceView, ...]
    documents: tuple[DocumentView, ...]
    expected: tuple[ExpectedView, ...]
    frameworks: tuple[FrameworkView, ...]
    remediation: tuple[RemediationView, ...] = ()
    """Every weakness, with who repairs it or with nobody."""
    remediation_note: str = ""
    incidents: tuple[IncidentView, ...] = ()
    """Incidents of the period against the deadlines for reporting them."""
    configurations: tuple[ConfigurationView, ...] = ()
    coverage: tuple[CoverageView, ...]
    versions: tuple[VersionShare, ...]
    versions_note: str
    also_measured: tuple[Measure, ...]
    indicators: tuple[IndicatorView, ...]
    method: tuple[str, ...]
    limitations: tuple[str, ...]
    glossary: tuple[tuple[str, str], ...]
    tables: tuple[TableRef, ...]
    signature: SignatureBlock
    relabelled: tuple[RelabelView, ...] = ()
    """Labels by people, each beside the measure that it is about."""
