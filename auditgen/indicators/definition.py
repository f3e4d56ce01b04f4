"""What an indicator is: declared in YAML, one file each, with everything a reader needs to doubt it.

The shipped ones lie in `standards/indicators/`; users write their own in the same form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from auditgen.canonical import digest_of
from auditgen.diagnostics import Diagnostic
from auditgen.errors import InputRefused
from auditgen.evidence.model import DECIDED, Expected, Outcome
from auditgen.resources import resource_dir
from auditgen.yamlspan import KeyPath, YamlDocument, read_yaml, validation_diagnostics

FROZEN = ConfigDict(
    frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
)
SCHEMA = "auditgen-indicator-1"
FILTER_FIELDS = ("suite", "category", "cohort", "strategy", "language", "model", "watch", "expected")
"""What a criterion's `where` may select on."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Label = Literal["yes", "no"]
FilterField = Literal["category", "cohort", "strategy", "language", "watch", "expected", "attack", "kind"]
"""`attack`: yes where a record has an attack strategy, no where its strategy is declared to be none.
`kind`: evaluation or monitoring."""
Slice = Literal["category", "strategy", "cohort", "language", "model", "watch", "suite"]
Shape = Literal["rate", "gap", "conditional", "standardised-gap", "coverage", "unevaluated", "delay"]
_WORDS = {
    "expected": tuple(word.value for word in Expected),
    "watch": ("monitored", "unmonitored"),
    "attack": ("yes", "no"),
    "kind": ("evaluation", "monitoring"),
}
_TWO_ARMS = ("gap", "conditional", "standardised-gap")
_COUNTED = ("rate", *_TWO_ARMS)


class Selection(BaseModel):
    """Records by outcome, by what the guardrail said and did, by labels; all that is named must hold."""

    model_config = FROZEN
    outcomes: tuple[Outcome, ...] = ()
    guardrail_verdict: tuple[Word, ...] = ()
    guardrail_action: tuple[Word, ...] = ()
    labels: dict[LabelName, Label | tuple[Label, ...]] = Field(default_factory=dict)

    @property
    def labelled(self) -> Mapping[str, tuple[str, ...]]:
        """`labels` with every value as a tuple."""
        return {k: (v,) if isinstance(v, str) else v for k, v in sorted(self.labels.items())}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is selected on."""
        return not (self.outcomes or self.guardrail_verdict or self.guardrail_action or self.labels)


class Side(BaseModel):
    """One side of a comparison."""

    model_config = FROZEN
    name: Word
    values: Annotated[tuple[Word, ...], Field(min_length=1)]


class Arms(BaseModel):
    """The two sides that are compared, by the values of one field; the gap is first minus second."""

    model_config = FROZEN
    by: FilterField
    first: Side
    second: Side

    @model_validator(mode="after")
    def _apart(self) -> Self:
        both = sorted({*self.first.values} & {*self.second.values})
        if both:
            message = f"`{both[0]}` stands on both sides"
            raise ValueError(message)
        known = _WORDS.get(self.by)
        for value in (*self.first.values, *self.second.values):
            if known is not None and value not in known:
                message = f"`{value}` is no value of `{self.by}`; known: {', '.join(known)}"
                raise ValueError(message)
        return self


class Delay(BaseModel):
    """Between which two times of an incident."""

    model_config = FROZEN
    from_: Annotated[Literal["occurred_at", "aware_at", "reported_at"], Field(alias="from")]
    to: Literal["aware_at", "reported_at", "closed_at"]


class Indicator(BaseModel):
    """One declared indicator."""

    model_config = FROZEN
    schema_: Annotated[Literal["auditgen-indicator-1"], Field(alias="schema")] = "auditgen-indicator-1"
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
    version: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)*$")]
    """Raised whenever the same records would give another number; two versions are not compared."""
    title: Text
    question: Text
    codes: tuple[Word, ...] = ()
    """Codes of the evidence catalogue that it satisfies."""
    records: Literal["evaluation", "monitoring", "any", "incidents"]
    shape: Shape
    filter: dict[FilterField, Word | tuple[Word, ...]] = Field(default_factory=dict)
    """Only records with these values."""
    numerator: Selection = Selection()
    denominator: Selection = Selection()
    given: Selection = Selection()
    """Of a conditional rate: what every record of the second arm must be, for the prompt to count."""
    arms: Arms | None = None
    standardise_by: Literal["category", "cohort", "language"] | None = None
    delay: Delay | None = None
    unit: Literal["prompt", "record", "hour", "incident"]
    """What is independent of each other: repeats of a prompt are not."""
    interval: Literal["wilson", "clopper-pearson", "census"]
    better: Literal["higher", "lower", "zero"]
    noun: Word
    """What the numerator counts, for sentences: `12 of 400 withheld`."""
    slices: tuple[Slice, ...] = ()
    """Broken down by each of these."""
    crossed: bool = False
    """And by all of them together, as far as the records fill them in."""
    caveats: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Printed beside every number."""
    misleads: Annotated[tuple[Text, ...], Field(min_length=1)]
    """How it can mislead."""
    needs: Annotated[tuple[Text, ...], Field(min_length=1)]
    references: Annotated[tuple[Text, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        faults = list(self._faults())
        if faults:
            said = "; ".join(message for _, message in faults)
            raise PydanticCustomError("incoherent", "{said}", {"said": said, "faults": faults})
        return self

    def _faults(self) -> Iterator[tuple[KeyPath, str]]:
        """What contradicts itself, each with the place of what is wrong: a key, or a shape that lacks one."""
        for name, written in sorted(self.filter.items()):
            known = _WORDS.get(name)
            at: KeyPath = ("filter", name)
            values = (
                [(at, written)]
                if isinstance(written, str)
                else [((*at, n), v) for n, v in enumerate(written)]
            )
            for place, value in values:
                if known is not None and value not in known:
                    yield place, f"`{value}` is no value of `{name}`; known: {', '.join(known)}"
        counted, two = ", ".join(_COUNTED), ", ".join(_TWO_ARMS)
        belongings: tuple[tuple[str, bool, bool, str], ...] = (
            ("arms", self.arms is not None, self.shape in _TWO_ARMS, f"`arms` belong to {two}"),
            (
                "numerator",
                not self.numerator.is_empty,
                self.shape in _COUNTED,
                f"`numerator` belongs to {counted}",
            ),
            (
                "denominator",
                not self.denominator.is_empty,
                self.shape in _COUNTED,
                f"`denominator` belongs to {counted}",
            ),
            (
                "given",
                not self.given.is_empty,
                self.shape == "conditional",
                "`given` belongs to `conditional`",
            ),
            ("delay", self.delay is not None, self.shape == "delay", "`delay` belongs to the shape `delay`"),
            (
                "standardise_by",
                self.standardise_by is not None,
                self.shape == "standardised-gap",
                "`standardise_by` belongs to `standardised-gap`",
            ),
        )
        for key, is_there, is_wanted, message in belongings:
            if is_there != is_wanted:
                yield (key,) if is_there else ("shape",), f"{message}, and only there"
        words: tuple[tuple[str, bool, bool, str], ...] = (
            (
                "records",
                self.records == "incidents",
                self.shape == "delay",
                "`records: incidents` belongs to the shape `delay`",
            ),
            ("better", self.better == "zero", self.is_gap, "`better: zero` belongs to gaps"),
            (
                "interval",
                self.interval == "census",
                self.shape in {"coverage", "unevaluated"},
                "`interval: census` belongs to complete counts (coverage, unevaluated)",
            ),
        )
        for key, is_there, is_wanted, message in words:
            if is_there != is_wanted:
                yield (key,), f"{message}, and only there"
        yield from self._faults_of_selections()

    def _faults_of_selections(self) -> Iterator[tuple[KeyPath, str]]:
        inside = self.denominator
        for number, outcome in enumerate(inside.outcomes):
            if outcome not in DECIDED:  # what nobody knows is no result, whatever a definition says
                place: KeyPath = ("denominator", "outcomes", number)
                yield place, f"`{outcome}` is undecided or failed, and belongs in no denominator"
        for part, chosen in (("numerator", self.numerator), ("given", self.given)):
            for number, outcome in enumerate(chosen.outcomes):
                if outcome not in inside.outcomes:
                    place = (part, "outcomes", number)
                    yield place, f"every outcome of `{part}` must be in the denominator: `{outcome}` is not"
            for name, words in chosen.labelled.items():
                if not set(words) <= set(inside.labelled.get(name, ())):
                    place = (part, "labels", name)
                    yield place, f"the values of the label `{name}` in `{part}` must be in the denominator"
        if inside.outcomes and inside.labels:
            yield ("denominator", "labels"), "a denominator selects on `outcomes` or on `labels`"

    @property
    def filters(self) -> Mapping[str, tuple[str, ...]]:
        """`filter` with every value as a tuple."""
        return {k: (v,) if isinstance(v, str) else v for k, v in sorted(self.filter.items())}

    @property
    def counts_outcomes(self) -> bool:
        """Whether undecided outcomes matter to it."""
        return bool(self.denominator.outcomes)

    @property
    def is_gap(self) -> bool:
        """Whether it is a difference of two rates."""
        return self.shape in {"gap", "standardised-gap"}

    @property
    def is_complete_count(self) -> bool:
        """Whether it is no sample, and has no interval."""
        return self.interval == "census"

    @property
    def is_of_versions(self) -> bool:
        """Whether it is about declared model versions only; what counts hours or versions is not."""
        return self.shape in _COUNTED

    @property
    def takes_published(self) -> bool:
        """Whether published counts can speak to it: rates and gaps of what was asked in a test."""
        return self.shape in {"rate", "gap"} and self.records in {"evaluation", "any"}

    @property
    def digest(self) -> str:
        """Identity of everything that decides the number; titles and caveats are not part of it."""
        told = {"schema_", "title", "question", "codes", "noun", "slices", "crossed"}
        told |= {"caveats", "misleads", "needs", "references"}
        return digest_of(self.model_dump(mode="json", exclude=told))


def available_indicators() -> dict[str, Path]:
    """The definitions that ship, by id (the file's stem)."""
    return {path.stem: path for path in sorted(resource_dir("standards/indicators").glob("*.yaml"))}


@lru_cache(maxsize=1)
def core_indicators() -> Mapping[str, Indicator]:
    """The shipped indicators by id."""
    found = load_indicators(list(available_indicators().values()))
    return {indicator.id: indicator for indicator in found}


def load_indicators(paths: Sequence[Path]) -> tuple[Indicator, ...]:
    """Definitions from files. Raises InputRefused with the faults of all of them."""
    out: list[Indicator] = []
    diagnostics: list[Diagnostic] = []
    for path in paths:
        document = read_yaml(path)
        indicator, faults = check_indicator(document)
        diagnostics += faults
        if indicator is not None:
            if any(indicator.id == other.id for other in out):
                message = f"`{indicator.id}` is defined twice"
                diagnostics.append(document.fault("duplicate-id", message, ("id",)))
            out.append(indicator)
    if diagnostics:
        raise InputRefused(
            f"{len(diagnostics)} fault{'s' if len(diagnostics) != 1 else ''} in definitions of indicators",
            hint="`auditgen standards indicators refusal-rate --format yaml` shows one that works",
            diagnostics=diagnostics,
        )
    return tuple(out)


def check_indicator(document: YamlDocument) -> tuple[Indicator | None, list[Diagnostic]]:
    """Validate a parsed file; every fault at its place."""
    diagnostics = list(document.diagnostics)
    if document.value is None:
        return None, diagnostics or [document.fault("empty", "there is nothing in this file", ())]
    if not isinstance(document.value, dict):
        message = "a definition begins with keys such as `schema:`, `id:` and `title:`"
        return None, [*diagnostics, document.fault("not-a-mapping", message, ())]
    if "schema" not in document.value:
        message = f"`schema: {SCHEMA}` is required here"
        diagnostics.append(document.fault("missing", message, ()))
    try:
        return Indicator.model_validate_json(orjson.dumps(document.value)), diagnostics
    except ValidationError as error:
        faults = [
            f for item in error.errors(include_url=False) for f in item.get("ctx", {}).get("faults", ())
        ]
        if faults:
            return None, diagnostics + [document.fault("incoherent", said, place) for place, said in faults]
        return None, diagnostics + validation_diagnostics(document, error, Indicator)
