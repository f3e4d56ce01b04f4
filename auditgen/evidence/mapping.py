"""How the fields of a foreign record become canonical ones, as declared in `audit.yaml`.

Nothing is guessed: a field nobody mapped is absent, and a value nobody translated is counted and
named. The same rules serve evaluation logs (paths into a sample) and tables (column names).
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from auditgen.diagnostics import shown_value
from auditgen.evidence.model import (
    GUARDRAIL_ACTIONS,
    GUARDRAIL_VERDICTS,
    TRANSPORT,
    Basis,
    Expected,
    Outcome,
    Watch,
    WatchBasis,
)

FROZEN = ConfigDict(
    frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
)


UNFINISHED, MAX_LEFT = "TODO", 5
"""What a suggested mapping has where only a person knows; no record is ever called so."""


class Band(BaseModel):
    """A range of numbers and the canonical value it stands for."""

    model_config = FROZEN
    is_: Annotated[str, Field(alias="is", min_length=1)]
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is not None and self.above is not None:
            message = "a band has `at_least` or `above`, not both"
            raise ValueError(message)
        if self.at_most is not None and self.below is not None:
            message = "a band has `at_most` or `below`, not both"
            raise ValueError(message)
        if self.low is None and self.high is None:
            message = "a band needs a bound: `at_least`, `above`, `at_most` or `below`"
            raise ValueError(message)
        return self

    @property
    def low(self) -> float | None:
        """The lower bound, whether or not it belongs to the band."""
        return self.above if self.at_least is None else self.at_least

    @property
    def high(self) -> float | None:
        """The upper bound, whether or not it belongs to the band."""
        return self.below if self.at_most is None else self.at_most

    @property
    def text(self) -> str:
        """`from 0.25 to below 0.75 = partial`."""
        parts = [
            f"{word} {bound:g}"
            for word, bound in (
                ("from", self.at_least), ("above", self.above), ("to", self.at_most), ("below", self.below),
            )
            if bound is not None
        ]  # fmt: skip
        return f"{', '.join(parts)} = {self.is_}"

    def holds(self, number: float) -> bool:
        """Whether the number lies in the band."""
        return not (
            (self.at_least is not None and number < self.at_least)
            or (self.above is not None and number <= self.above)
            or (self.at_most is not None and number > self.at_most)
            or (self.below is not None and number >= self.below)
        )


class Rule(BaseModel):
    """Where a canonical value comes from: a field (`from`), perhaps translated, or a constant (`is`)."""

    model_config = FROZEN
    from_: Annotated[str | None, Field(alias="from", min_length=1)] = None
    """Path inside a sample (`metadata.tier`, `scores.judge.refused`) or the name of a column."""
    is_: Annotated[str | None, Field(alias="is", min_length=1)] = None
    """The same value for every record."""
    values: dict[str, str] | None = None
    """Raw text to canonical value. What is not listed is left out, counted and reported."""
    bands: tuple[Band, ...] | None = None
    """For numbers: the first band that holds the value decides."""
    pseudonym: Literal[True] | None = None
    """The value is replaced by a keyed digest, so that equal ones stay equal and nobody reads them."""

    @field_validator("values")
    @classmethod
    def _nothing_left_open(cls, values: dict[str, str] | None) -> dict[str, str] | None:
        left = [raw for raw, word in (values or {}).items() if word == UNFINISHED]
        if left:
            shown = ", ".join(shown_value(raw) for raw in left[:MAX_LEFT])
            more = f" and {len(left) - MAX_LEFT} more" if len(left) > MAX_LEFT else ""
            message = f"{shown}{more} still stand{'s' if len(left) == 1 else ''} for `{UNFINISHED}`"
            raise ValueError(message)
        return values

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.from_ is None) == (self.is_ is None):
            message = "a rule has either `from` (a field) or `is` (a constant)"
            raise ValueError(message)
        if self.is_ is not None and self.translates:
            message = "`values` translates what `from` finds; a constant needs none"
            raise ValueError(message)
        if self.pseudonym and (self.is_ is not None or self.translates):
            message = "`pseudonym` is for values as they were written, not for constants or translated ones"
            raise ValueError(message)
        return self

    @property
    def translates(self) -> bool:
        """Whether raw text becomes another word, rather than standing for itself."""
        return self.values is not None or self.bands is not None

    @property
    def words(self) -> set[str]:
        """Every canonical value the rule can give; empty when raw text stands for itself."""
        if self.is_ is not None:
            return {self.is_}
        return set((self.values or {}).values()) | {band.is_ for band in self.bands or ()}

    def translate(self, raw: str) -> str | None:
        """The canonical value of a raw text, None when no value and no band knows it."""
        if self.is_ is not None:
            return self.is_
        if not self.translates:
            return raw
        found = (self.values or {}).get(raw)
        if found is not None or not self.bands:
            return found
        number = number_of(raw)
        if number is None:
            return None
        return next((band.is_ for band in self.bands if band.holds(number)), None)


class OutcomeRule(Rule):
    """A rule for the outcome; the basis says what the field rests on."""

    basis: Basis = Basis.NATIVE_FIELD


class TimeRule(Rule):
    """A rule for a time: ISO 8601 text, a typed column, or a number of units since 1970."""

    unit: Literal["s", "ms", "us", "ns"] | None = None
    """Of numbers since 1970-01-01 UTC. Without it a number is no time."""

    @model_validator(mode="after")
    def _not_translated(self) -> Self:
        if self.translates:
            message = "a time is read, not translated: it has no `values` and no `bands`"
            raise ValueError(message)
        return self


class WatchRule(Rule):
    """A rule for the watch condition; the basis has no default, because everything hangs on it."""

    basis: WatchBasis


EVALUATION_FIELDS = (
    "run", "suite", "sample", "repeat", "prompt_text", "response", "error", "scores",
)  # fmt: skip
PSEUDONYMOUS = ("record", "prompt", "cohort", "category", "strategy", "language", "endpoint", "run", "sample")
"""Fields that tell records apart or group them, whatever their words are."""
NUMBER = re.compile(r"[+-]?([0-9]{1,300}([.][0-9]{0,300})?|[.][0-9]{1,300})([eE][+-]?[0-9]{1,4})?")
"""What is a number in a band, here and in the query engine."""
LABELS = "labels"
LABEL_WORDS = ("no", "unscored", "yes")
"""What a label says of a record; `unscored` where its grader could not tell."""
_VOCABULARY: dict[str, type[StrEnum]] = {"outcome": Outcome, "expected": Expected, "watch": Watch}
GUARDED = {
    "guardrail_verdict": GUARDRAIL_VERDICTS, "guardrail_action": GUARDRAIL_ACTIONS, "transport": TRANSPORT,
}  # fmt: skip
"""Fields whose raw words may be the canonical ones; any other word is counted and named."""


class RecordMap(BaseModel):
    """The mapping of one source."""

    model_config = FROZEN
    records: Literal["monitoring", "evaluation"] | None = None
    """What the rows of a table are: events of production, or answers given in a test."""
    sheet: Annotated[str, Field(min_length=1, max_length=31)] | None = None
    """Which sheet of a workbook; the first one when absent."""
    table: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Which table of a DuckDB or SQLite file."""
    time: TimeRule | None = None
    """When it happened. Required for tables of monitoring."""
    received: TimeRule | None = None
    """When the log got it; what came more than a day later is a late row."""
    time_zone: str | None = None
    """IANA name, for times written without an offset. Without it such times count as UTC, flagged."""
    prompt: Rule | None = None
    """What identifies a prompt, where the sample id does not (repeats, paired variants)."""
    record: Rule | None = None
    """What identifies a record (a request id); duplicates are found by it."""
    model: Rule | None = None
    outcome: OutcomeRule | tuple[OutcomeRule, ...] | None = None
    """One rule, or several of which the first that matches decides."""
    expected: Rule | None = None
    watch: WatchRule | None = None
    cohort: Rule | None = None
    category: Rule | None = None
    strategy: Rule | None = None
    language: Rule | None = None
    labels: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Rule] | None = None
    """What else somebody said of a record, yes or no: `alignment_faking`, `evaluation_aware`, `correct`, or a
    name of your own that an own indicator counts."""
    guardrail_verdict: Rule | None = None
    """allow, deny, modify, warn, flag, escalate or error: what the guardrail said."""
    guardrail_action: Rule | None = None
    """pass, block, modify or escalate: what was then done."""
    endpoint: Rule | None = None
    """The route or operation that was called."""
    transport: Rule | None = None
    """served, blocked or failed: what status code, finish reason or error class say without a guardrail."""
    sampling_rate: Rule | None = None
    """Share of requests that the log kept, above 0 and up to 1: a column or a constant."""
    run: Rule | None = None
    """Tables of evaluations: which run a row belongs to."""
    suite: Rule | None = None
    """Tables of evaluations: which suite or task."""
    sample: Rule | None = None
    """Tables of evaluations: the id of the sample."""
    repeat: Rule | None = None
    """Tables of evaluations: the number of the repeat, a whole number."""
    prompt_text: Rule | None = None
    response: Rule | None = None
    error: Rule | None = None
    """Tables of evaluations: why the request failed; a row with a text here is an error."""
    scores: dict[str, Annotated[str, Field(min_length=1)]] | None = None
    """Tables of evaluations: name of a score to the column that holds it."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None and not _is_zone(name) and _is_zone("Europe/Paris"):
            message = f"`{name}` is no IANA time zone; such as `Europe/Paris`"
            raise ValueError(message)
        return name

    @property
    def outcomes(self) -> tuple[OutcomeRule, ...]:
        """The outcome rules in order."""
        if self.outcome is None:
            return ()
        return self.outcome if isinstance(self.outcome, tuple) else (self.outcome,)

    @model_validator(mode="after")
    def _known_words(self) -> Self:
        for name, vocabulary in _VOCABULARY.items():
            rules = self.outcomes if name == "outcome" else (getattr(self, name),)
            words = {member.value for member in vocabulary}
            for rule in rules:
                if rule is None:
                    continue
                if rule.is_ is None and not rule.translates:
                    message = f"`{name}` needs `values`: which raw value means which of {_list(words)}"
                    raise ValueError(message)
                unknown = sorted(rule.words - words)
                if unknown:
                    message = f"`{name}`: {_list(unknown)} is not one of {_list(words)}"
                    raise ValueError(message)
        for label, found in self.label_rules.items():
            if found.pseudonym or (found.is_ is None and not found.translates):
                message = f"label `{label}` needs `values`: which raw value means {_list(LABEL_WORDS)}"
                raise ValueError(message)
            unknown = sorted(found.words - set(LABEL_WORDS))
            if unknown:
                message = f"label `{label}`: {_list(unknown)} is not one of {_list(LABEL_WORDS)}"
                raise ValueError(message)
        constant = None if self.sampling_rate is None else self.sampling_rate.is_
        if constant is not None and not 0 < (number_of(constant) or 0) <= 1:
            message = f"`sampling_rate`: `{constant}` is no share above 0 and up to 1"
            raise ValueError(message)
        for name, words_ in GUARDED.items():
            rule = getattr(self, name)
            unknown = sorted(rule.words - set(words_)) if rule is not None else []
            if unknown:
                message = f"`{name}`: {_list(unknown)} is not one of {_list(words_)}"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _pseudonyms_of_words(self) -> Self:
        wrong = [
            name
            for name, rules in self.rules().items()
            if name not in PSEUDONYMOUS and any(rule.pseudonym for rule in rules)
        ]
        if wrong:
            message = f"{_list(wrong)}: `pseudonym` is for {_list(PSEUDONYMOUS)}"
            raise ValueError(message)
        return self

    def guardrail(self, name: str) -> Rule | None:
        """The rule of a guardrail field; without `values` the canonical words stand for themselves."""
        rule: Rule | None = getattr(self, name)
        if rule is None or rule.is_ is not None or rule.translates:
            return rule
        return rule.model_copy(update={"values": {word: word for word in GUARDED[name]}})

    @model_validator(mode="after")
    def _fits_the_records(self) -> Self:
        if self.records != "evaluation":
            written = [name for name in EVALUATION_FIELDS if getattr(self, name) is not None]
            if written:
                message = f"{_list(written)}: only for tables with `records: evaluation`"
                raise ValueError(message)
        return self

    def rules(self) -> dict[str, tuple[Rule, ...]]:
        """Every declared rule by canonical field."""
        out: dict[str, tuple[Rule, ...]] = {}
        for name in type(self).model_fields:
            value = self.guardrail(name) if name in GUARDED else getattr(self, name)
            if isinstance(value, Rule):
                out[name] = (value,)
            elif isinstance(value, tuple) and value:
                out[name] = value
        return out | {f"{LABELS}.{name}": (rule,) for name, rule in self.label_rules.items()}

    @property
    def label_rules(self) -> dict[str, Rule]:
        """The rules of labels, in order of their names."""
        return dict(sorted((self.labels or {}).items()))


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _list(words: Any) -> str:
    return ", ".join(f"`{word}`" for word in sorted(words))


def number_of(raw: str) -> float | None:
    """A finite decimal number written as text, None for anything else (`NaN`, `1e3` is one, `0x1` is not)."""
    if not NUMBER.fullmatch(raw):
        return None
    number = float(raw)
    return number if abs(number) != float("inf") else None


def text_of(value: Any) -> str | None:
    """A raw value as the text that `values` lists: true/false for booleans, `1` for 1.0, None for null."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value or value in {float("inf"), float("-inf")}:
            return None
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    return None


def lookup(record: Any, path: str) -> Any:
    """The value at a dotted path, None when a step is missing. Keys may contain dots themselves."""
    if not isinstance(record, dict):
        return None
    if path in record:
        return record[path]
    head, dot, rest = path.partition(".")
    while dot:
        if head in record:
            found = lookup(record[head], rest)
            if found is not None:
                return found
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None
