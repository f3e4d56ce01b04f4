"""What a checklist file says: a framework, its groups, and controls with the evidence each one needs.

A control never carries a threshold: thresholds are declared by the organisation in `audit.yaml`,
because none of these laws sets one. A control says which *kind* of evidence would speak to it, by a
code of the evidence catalogue.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from auditgen.checklists.catalogue import EVIDENCE_CODES, EvidenceCode, EvidenceKind

FROZEN = ConfigDict(
    frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
)

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=80)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
"""Catalogues that may be carried over word for word have statements of several pages."""
TextBasis = Literal["read", "secondary", "memory"]
"""How the text behind a control was known to its author: read in a copy, from others' accounts of it,
or from memory. Printed beside every control; only `read` can be relied on without looking."""
TEXT_BASIS: dict[TextBasis, str] = {
    "read": "written from a copy of the text",
    "secondary": "written from others' accounts; the text itself was not read",
    "memory": "written from memory; check it against the text before use",
}
PARAPHRASE_MAX_CHARS = 400
"""Longest text field of a file whose licence allows paraphrase only: a cheap guard against pasting."""
PLACEHOLDER = re.compile(r"\{\{ *([A-Za-z0-9][A-Za-z0-9_.-]*) *\}\}")
"""A parameter's place in a requirement: `{{ id }}`."""
IDS_ONLY_MAX_CHARS = 80
"""The same where only ids and own short titles are allowed."""


LicencePolicy = Literal["verbatim_ok", "paraphrase_only", "ids_only"]
"""What of the framework's own text a file may hold."""
MAX_STATEMENT = 100_000
"""Characters of a requirement with everything filled in; what is longer keeps its blanks."""
STATEMENT_DEPTH = 5
"""How deep a choice of a parameter may name other parameters."""


def exactly_one(*names: str) -> ConfigDict:
    """The same rule for the published schema that a validator here enforces."""
    return ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in names]})


class Licence(BaseModel):
    """Under which terms the text behind a checklist may be used."""

    model_config = FROZEN
    text: Text
    policy: LicencePolicy
    attribution: Text


class Review(BaseModel):
    """Who looked at this file, and when."""

    model_config = FROZEN
    legal_review: Text
    """`none`, or who reviewed it and when."""
    last_checked: date
    text_basis: TextBasis
    """For every control that does not say otherwise."""
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
    scope: LongText
    """What of the framework this file covers, and what it leaves out."""
    superseded_by: Text | None = None
    """The text that replaces it, where one does; the file stays for reports on the past."""


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

    model_config = FROZEN | exactly_one("all", "any", "none_of", "role", "risk_class", "fact", "always")
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
    """The operative date: from then on somebody can fail to do it. It decides."""
    literal: date | None = None
    """The date written in the text, where it is another one; for reading."""
    when: Expression | None = None
    note: Text | None = None


class Predicate(BaseModel):
    """What the interval of a measurement must show, whatever else the organisation declared.

    For rules of one's own: no law here sets such a number.
    """

    model_config = FROZEN | exactly_one("at_least", "at_most", "within")
    at_least: Annotated[float, Field(ge=0, le=1)] | None = None
    """The lower end of the interval must reach it."""
    at_most: Annotated[float, Field(ge=0, le=1)] | None = None
    """The upper end must not exceed it."""
    within: Annotated[float, Field(gt=0, lt=1)] | None = None
    """For gaps: the whole interval lies within plus and minus this margin."""
    confidence: Annotated[float, Field(ge=0.8, le=0.999)] = 0.95
    """At least this much; an interval with less cannot show it."""

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if sum(getattr(self, n) is not None for n in ("at_least", "at_most", "within")) != 1:
            message = "a predicate has exactly one of `at_least`, `at_most`, `within`"
            raise ValueError(message)
        return self


class Sampling(BaseModel):
    """How much must have been looked at before a measurement speaks to a control."""

    model_config = FROZEN
    min_n: Annotated[int, Field(ge=1)] | None = None
    """Decided records, in the smaller arm of a gap."""
    min_clusters: Annotated[int, Field(ge=2)] | None = None
    """Distinct prompts, where prompts were repeated."""
    strata: Slug | None = None
    """A field of the breakdowns, such as `category`."""
    min_per_stratum: Annotated[int, Field(ge=1)] | None = None
    """Decided records for every value of `strata` that was seen."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if (self.strata is None) != (self.min_per_stratum is None):
            message = "`strata` and `min_per_stratum` are written together"
            raise ValueError(message)
        if not self.model_fields_set:
            message = "`sampling` says nothing; leave it out"
            raise ValueError(message)
        return self


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
    predicate: Predicate | None = None
    """Only where a code of `any_of` is measured."""
    sampling: Sampling | None = None
    """Only where a code of `any_of` is measured."""
    bind_to: tuple[Literal["model_version"], ...] = ()
    """What must not have changed since: evidence on another model version is stale."""

    @model_validator(mode="after")
    def _measured(self) -> Self:
        kinds = {EVIDENCE_CODES[code][0] for code in self.any_of}
        asks = [n for n in ("predicate", "sampling", "bind_to") if n in self.model_fields_set]
        if asks and EvidenceKind.METRIC not in kinds:
            message = f"`{asks[0]}` asks for a measurement, and no code of `any_of` is one"
            raise ValueError(message)
        return self


ControlKind = Literal[
    "obligation",
    "prohibition",
    "permission",
    "option",
    "principle",
    "risk",
    "control",
    "action",
    "commitment",
    "measure",
    "mitigation",
    "criterion",
    "documentation",
    "element",
]
"""What sort of sentence it is: only the first two can be broken by law."""


class Mapping(BaseModel):
    """A relation to a control of another framework (NIST IR 8477 set theory relationships)."""

    model_config = FROZEN
    to: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*:\S", max_length=200)]
    """`framework-id:control-id`."""
    rel: Literal["equal", "subset_of", "superset_of", "intersects_with", "no_relationship"]
    rationale: Literal["syntactic", "semantic", "functional"]
    strength: Annotated[int, Field(ge=1, le=10)] | None = None


class Parameter(BaseModel):
    """A blank the framework leaves to the organisation, as catalogues for tailoring have them."""

    model_config = FROZEN
    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80)]
    label: Text
    choices: tuple[Text, ...] = ()
    """May name other parameters, as `{{ id }}`."""
    how_many: Literal["one", "one_or_more"] = "one"
    """How many of the choices the value may be; several are written with `; ` between them."""
    value: Text | None = None
    """Filled in by a tailoring; until then the requirement shows the label in brackets."""

    @property
    def chosen(self) -> tuple[str, ...]:
        """The value, or the several choices it is made of."""
        if self.value is None:
            return ()
        if self.how_many == "one" or self.value in self.choices:
            return (self.value,)
        return tuple(part.strip() for part in self.value.split(";"))


class Control(BaseModel):
    """One requirement, in our own words, with the evidence that would speak to it."""

    model_config = FROZEN
    id: Text
    """As the framework counts it, e.g. `9(2)(a)` or `MEASURE 2.7`."""
    group: Slug
    title: Text
    requirement: LongText
    cite: Text
    kind: ControlKind
    parent: Text | None = None
    """The control it refines, as an enhancement does."""
    duty_bearer: tuple[Slug, ...] = ()
    applies: Expression
    effective: tuple[Effective, ...] = ()
    severity: Literal["low", "medium", "high", "critical"]
    evidence: tuple[EvidenceNeed, ...]
    """May be empty in a catalogue that names none; such a control is never met."""
    independence: Literal["none", "internal_separate", "external", "external_accredited"] = "none"
    """What the framework, as we read it, expects of who made the evidence."""
    frequency: Text | None = None
    """In words."""
    every_days: Annotated[int, Field(gt=0, le=3660)] | None = None
    """The same as a number: older evidence of any kind is stale."""
    methods: tuple[Literal["examine", "interview", "test"], ...] = ()
    """How an assessor would look at it (NIST SP 800-53A); for reading."""
    text_basis: TextBasis | None = None
    """Where it differs from the file's `review.text_basis`."""
    parameters: tuple[Parameter, ...] = ()
    maps: tuple[Mapping, ...] = ()
    notes: LongText | None = None

    @model_validator(mode="after")
    def _unique_needs(self) -> Self:
        ids = [need.id for need in self.evidence]
        if len(set(ids)) != len(ids):
            message = "two evidence needs share one `id`"
            raise ValueError(message)
        return self

    @property
    def statement(self) -> str:
        """The requirement with its parameters filled in; a blank stays visible, by its label."""
        shown = {p.id: f"[{p.label}]" if p.value is None else p.value for p in self.parameters}
        text = self.requirement
        for _ in range(STATEMENT_DEPTH):  # a choice may name another parameter; circles stop here
            filled = PLACEHOLDER.sub(lambda found: shown.get(found[1], found[0]), text)
            if filled == text or len(filled) > MAX_STATEMENT:
                break
            text = filled
        return text


class Checklist(BaseModel):
    """A whole checklist file."""

    model_config = FROZEN
    schema_: Annotated[Literal["auditgen-checklist-1"], Field(alias="schema")]
    framework: Framework
    vocabulary: Vocabulary
    questions: tuple[Question, ...] = ()
    groups: Annotated[tuple[Group, ...], Field(min_length=1)]
    controls: Annotated[tuple[Control, ...], Field(min_length=1)]

    def basis_of(self, control: Control) -> TextBasis:
        """How the text behind a control of this file was known."""
        return control.text_basis or self.framework.review.text_basis
