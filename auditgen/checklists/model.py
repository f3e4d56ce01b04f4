"""What a checklist file says: a framework, its groups, and controls with the evidence each one needs.

A control never carries a threshold: thresholds are declared by the organisation in `audit.yaml`,
because none of these laws sets one. A control says which *kind* of evidence would speak to it, by a
code of the evidence catalogue below.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

FROZEN = ConfigDict(
    frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
)

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=80)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
PARAPHRASE_MAX_CHARS = 400
"""Longest text field of a file whose licence allows paraphrase only: a cheap guard against pasting."""
IDS_ONLY_MAX_CHARS = 80
"""The same where only ids and own short titles are allowed."""


class EvidenceKind(StrEnum):
    """How a kind of evidence comes to be, which decides how it is judged."""

    INDICATOR = "indicator"
    """Measured by us from records, judged against a declared threshold."""
    DOCUMENT = "document"
    """Written by the organisation; alone it needs review, met needs a dated attestation."""
    ATTESTATION = "attestation"
    """A statement signed by a named person."""
    INTERVIEW = "interview"
    """What people said or showed; recorded as an attestation."""


EVIDENCE_CODES: dict[str, tuple[EvidenceKind, str]] = {
    "EV-ASR": (EvidenceKind.INDICATOR, "Attack success rate"),
    "EV-REF": (EvidenceKind.INDICATOR, "Refusal of what the policy disallows"),
    "EV-ORR": (EvidenceKind.INDICATOR, "Over-refusal of ordinary requests"),
    "EV-FCR": (EvidenceKind.INDICATOR, "Forced completion under pressure"),
    "EV-MUG": (EvidenceKind.INDICATOR, "Monitored-versus-unmonitored compliance gap"),
    "EV-AFR": (EvidenceKind.INDICATOR, "Alignment-faking reasoning"),
    "EV-EVA": (EvidenceKind.INDICATOR, "Evaluation awareness"),
    "EV-SBG": (EvidenceKind.INDICATOR, "Sandbagging gap"),
    "EV-DEC": (EvidenceKind.INDICATOR, "Deception or manipulation"),
    "EV-ACC": (EvidenceKind.INDICATOR, "Accuracy on the declared use"),
    "EV-ROB": (EvidenceKind.INDICATOR, "Degradation under perturbation"),
    "EV-BIA": (EvidenceKind.INDICATOR, "Group error gaps and impact ratios"),
    "EV-HAL": (EvidenceKind.INDICATOR, "Confabulated claims"),
    "EV-CAL": (EvidenceKind.INDICATOR, "Calibration error"),
    "EV-TOX": (EvidenceKind.INDICATOR, "Harmful content by category"),
    "EV-PII": (EvidenceKind.INDICATOR, "Leaked or memorised personal data"),
    "EV-CBR": (EvidenceKind.INDICATOR, "Dangerous-capability results"),
    "EV-AGT": (EvidenceKind.INDICATOR, "Agent hijack and tool misuse"),
    "EV-IPR": (EvidenceKind.INDICATOR, "Regurgitated protected content"),
    "EV-WMK": (EvidenceKind.INDICATOR, "Marking and label detection"),
    "EV-EXT": (EvidenceKind.INDICATOR, "Effect of safeguards, with against without"),
    "EV-JDG": (EvidenceKind.INDICATOR, "Grader agreement and error"),
    "EV-DIS": (EvidenceKind.INDICATOR, "Disclosure of being an AI"),
    "MO-DEV": (EvidenceKind.INDICATOR, "Deviations from a principle in production"),
    "MO-DRF": (EvidenceKind.INDICATOR, "Drift against the release baseline"),
    "MO-REF": (EvidenceKind.INDICATOR, "Refusals in production"),
    "MO-INC": (EvidenceKind.INDICATOR, "Incidents and reporting delays"),
    "MO-OVR": (EvidenceKind.INDICATOR, "Human override and stop"),
    "MO-ALR": (EvidenceKind.INDICATOR, "Delay of automatic responses"),
    "MO-COV": (EvidenceKind.INDICATOR, "Log coverage and gaps"),
    "MO-FBK": (EvidenceKind.INDICATOR, "Complaints and their handling"),
    "MO-ABU": (EvidenceKind.INDICATOR, "Misuse detections and enforcement"),
    "MO-AVL": (EvidenceKind.INDICATOR, "Consumption and rate limits"),
    "DO-POL": (EvidenceKind.DOCUMENT, "Policy"),
    "DO-RMF": (EvidenceKind.DOCUMENT, "Risk management file or register"),
    "DO-TD": (EvidenceKind.DOCUMENT, "Technical documentation"),
    "DO-MC": (EvidenceKind.DOCUMENT, "Model or system card"),
    "DO-IFU": (EvidenceKind.DOCUMENT, "Instructions for use"),
    "DO-DATA": (EvidenceKind.DOCUMENT, "Data sheets and data governance"),
    "DO-TEVV": (EvidenceKind.DOCUMENT, "Test plan and test report"),
    "DO-SEC": (EvidenceKind.DOCUMENT, "Security assessment"),
    "DO-PMM": (EvidenceKind.DOCUMENT, "Post-market monitoring plan"),
    "DO-IRP": (EvidenceKind.DOCUMENT, "Incident response plan and records"),
    "DO-QMS": (EvidenceKind.DOCUMENT, "Quality or AI management system manual"),
    "DO-LOG": (EvidenceKind.DOCUMENT, "Log and retention configuration"),
    "DO-ORG": (EvidenceKind.DOCUMENT, "Roles and organisation"),
    "DO-TRN": (EvidenceKind.DOCUMENT, "Training and competence records"),
    "DO-SUP": (EvidenceKind.DOCUMENT, "Supplier contracts and due diligence"),
    "DO-DPIA": (EvidenceKind.DOCUMENT, "Data-protection impact assessment"),
    "DO-FRIA": (EvidenceKind.DOCUMENT, "Fundamental-rights or AI impact assessment"),
    "DO-NOT": (EvidenceKind.DOCUMENT, "Notices shown to people"),
    "DO-REG": (EvidenceKind.DOCUMENT, "Filing or registration receipt"),
    "DO-DOC": (EvidenceKind.DOCUMENT, "Conformity assessment and declaration"),
    "DO-FWK": (EvidenceKind.DOCUMENT, "Safety and security framework"),
    "DO-MRP": (EvidenceKind.DOCUMENT, "Safety and security model report"),
    "DO-TRR": (EvidenceKind.DOCUMENT, "Published transparency report"),
    "DO-CPY": (EvidenceKind.DOCUMENT, "Copyright policy"),
    "DO-CLM": (EvidenceKind.DOCUMENT, "Claims register with substantiation"),
    "DO-CHG": (EvidenceKind.DOCUMENT, "Change records"),
    "DO-DEC": (EvidenceKind.DOCUMENT, "Go/no-go or classification decision"),
    "DO-INV": (EvidenceKind.DOCUMENT, "AI system inventory"),
    "DO-AUD": (EvidenceKind.DOCUMENT, "Internal audit report"),
    "DO-MRV": (EvidenceKind.DOCUMENT, "Management review minutes"),
    "DO-WBP": (EvidenceKind.DOCUMENT, "Whistleblower policy and statistics"),
    "AT-MGT": (EvidenceKind.ATTESTATION, "Signed management assertion"),
    "AT-IND": (EvidenceKind.ATTESTATION, "Independent third-party statement"),
    "AT-SGN": (EvidenceKind.ATTESTATION, "Signature of the person responsible for a test report"),
    "IN-OVS": (EvidenceKind.INTERVIEW, "Interview or observation of human overseers"),
    "IN-STF": (EvidenceKind.INTERVIEW, "Interview of staff"),
}
"""The evidence catalogue: every code a control may ask for."""


def _known_code(code: str) -> str:
    if code not in EVIDENCE_CODES:
        raise PydanticCustomError(
            "unknown_code", "unknown evidence code `{code}`", {"code": code, "known": EVIDENCE_CODES}
        )
    return code


EvidenceCode = Annotated[str, AfterValidator(_known_code)]


class Licence(BaseModel):
    """Under which terms the text behind a checklist may be used."""

    model_config = FROZEN
    text: Text
    policy: Literal["verbatim_ok", "paraphrase_only", "ids_only"]
    attribution: Text


class Review(BaseModel):
    """Who looked at this file, and when."""

    model_config = FROZEN
    legal_review: Text
    """`none`, or who reviewed it and when."""
    last_checked: date
    sources: tuple[Text, ...]


class Framework(BaseModel):
    """The law, standard or guidance a checklist paraphrases."""

    model_config = FROZEN
    id: Slug
    title: Text
    authority: Text
    citation: Text
    source_version: Text
    """Which edition of the text the controls were written from."""
    checklist_version: Text
    """Version of this file."""
    binding: Literal["law", "code", "standard", "guidance", "voluntary", "internal"]
    licence: Licence
    review: Review
    scope: Text
    """What of the framework this file covers, and what it leaves out."""


class Vocabulary(BaseModel):
    """The words `applies` may use."""

    model_config = FROZEN
    roles: tuple[Slug, ...] = ()
    risk_classes: tuple[Slug, ...] = ()


class Question(BaseModel):
    """A fact the user answers once; it drives applicability."""

    model_config = FROZEN
    id: Slug
    ask: Text
    values: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Allowed answers, as text (`yes`, `no`, ...)."""


class Group(BaseModel):
    """A heading of the framework."""

    model_config = FROZEN
    id: Slug
    title: Text
    cite: Text
    parent: Slug | None = None


class Expression(BaseModel):
    """A condition over the profile; exactly one key. Three-valued: true, false, unknown."""

    model_config = FROZEN
    all: Annotated[tuple[Expression, ...], Field(min_length=1)] | None = None
    any: Annotated[tuple[Expression, ...], Field(min_length=1)] | None = None
    none_of: Annotated[tuple[Expression, ...], Field(min_length=1)] | None = None
    role: Slug | None = None
    risk_class: Slug | None = None
    fact: Slug | None = None
    equals: str | None = None
    """Only beside `fact`."""
    always: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        written = [name for name in self.model_fields_set if name != "equals"]
        if len(written) != 1 or getattr(self, written[0]) is None:
            message = "a condition has exactly one of all, any, none_of, role, risk_class, fact, always"
            raise ValueError(message)
        if (self.equals is not None) != (self.fact is not None):
            message = "`fact` and `equals` are written together"
            raise ValueError(message)
        return self


class Effective(BaseModel):
    """From when a control bites, perhaps only under a condition."""

    model_config = FROZEN
    from_: Annotated[date, Field(alias="from")]
    when: Expression | None = None
    note: Text | None = None


class EvidenceNeed(BaseModel):
    """One kind of evidence a control needs. All needs of a control must be satisfied."""

    model_config = FROZEN
    id: Slug
    """Unique within the control."""
    any_of: Annotated[tuple[EvidenceCode, ...], Field(min_length=1)]
    """Evidence codes; one of them is enough."""
    max_age_days: Annotated[int, Field(gt=0, le=3660)] | None = None
    """Older evidence is stale. Our default, not the law's."""
    must_show: tuple[Text, ...] = ()
    """What a reviewer should look for in it."""


class Mapping(BaseModel):
    """A relation to a control of another framework (NIST IR 8477 set theory relationships)."""

    model_config = FROZEN
    to: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*:\S", max_length=200)]
    """`framework-id:control-id`."""
    rel: Literal["equal", "subset_of", "superset_of", "intersects_with", "no_relationship"]
    rationale: Literal["syntactic", "semantic", "functional"]
    strength: Annotated[int, Field(ge=1, le=10)] | None = None


class Control(BaseModel):
    """One requirement, in our own words, with the evidence that would speak to it."""

    model_config = FROZEN
    id: Text
    """As the framework counts it, e.g. `9(2)(a)` or `MEASURE 2.7`."""
    group: Slug
    title: Text
    requirement: Text
    cite: Text
    kind: Literal["obligation", "prohibition", "permission", "option", "principle", "risk"]
    duty_bearer: tuple[Slug, ...] = ()
    applies: Expression
    effective: tuple[Effective, ...] = ()
    severity: Literal["low", "medium", "high", "critical"]
    evidence: Annotated[tuple[EvidenceNeed, ...], Field(min_length=1)]
    independence: Literal["none", "internal_separate", "external"] = "none"
    """What the framework, as we read it, expects of who made the evidence."""
    frequency: Text | None = None
    maps: tuple[Mapping, ...] = ()
    notes: Text | None = None

    @model_validator(mode="after")
    def _unique_needs(self) -> Self:
        ids = [need.id for need in self.evidence]
        if len(set(ids)) != len(ids):
            message = "two evidence needs share one `id`"
            raise ValueError(message)
        return self


class Checklist(BaseModel):
    """A whole checklist file."""

    model_config = FROZEN
    schema_: Annotated[Literal["auditgen-checklist-1"], Field(alias="schema")]
    framework: Framework
    vocabulary: Vocabulary
    questions: tuple[Question, ...] = ()
    groups: Annotated[tuple[Group, ...], Field(min_length=1)]
    controls: Annotated[tuple[Control, ...], Field(min_length=1)]
