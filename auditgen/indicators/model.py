"""What an indicator is, and what measuring one gives: a `Quantity`, or `Unmeasured` with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from auditgen.evidence.model import Expected, Outcome
from auditgen.indicators.inference.proportions import Interval

FROZEN = ConfigDict(
    frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
)
DEFINITIONS = Path(__file__).with_name("definitions.yaml")
FILTER_FIELDS = ("suite", "category", "cohort", "strategy", "language", "model", "watch", "expected")
"""What a criterion's `where` may select on."""


class Selection(BaseModel):
    """Records by their outcome or by what the guardrail said and did; all that is named must hold."""

    model_config = FROZEN
    outcomes: tuple[Outcome, ...] = ()
    guardrail_verdict: tuple[str, ...] = ()
    guardrail_action: tuple[str, ...] = ()


class Indicator(BaseModel):
    """One declared indicator."""

    model_config = FROZEN
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    title: str
    question: str
    codes: tuple[str, ...]
    """Codes of the evidence catalogue that it satisfies."""
    records: Literal["evaluation", "monitoring", "any"]
    shape: Literal["rate", "gap", "coverage"]
    expected: Expected | None = None
    """Only records whose expected behaviour is this."""
    only_attacks: bool = False
    """Only records that carry an attack strategy."""
    numerator: Selection = Selection()
    denominator: Selection = Selection()
    interval: Literal["wilson", "clopper-pearson", "census"]
    better: Literal["higher", "lower", "zero"]
    noun: str
    """What the numerator counts, for sentences: `12 of 400 withheld`."""
    caveats: tuple[str, ...]

    @model_validator(mode="after")
    def _part_of_the_whole(self) -> Self:
        if not set(self.numerator.outcomes) <= set(self.denominator.outcomes):
            message = "every outcome of the numerator must be in the denominator"
            raise ValueError(message)
        return self

    @property
    def counts_outcomes(self) -> bool:
        """Whether undecided outcomes matter to it."""
        return bool(self.denominator.outcomes)


class IndicatorFile(BaseModel):
    """The definitions file."""

    model_config = FROZEN
    schema_: Annotated[Literal["auditgen-indicators-1"], Field(alias="schema")]
    indicators: tuple[Indicator, ...]


@lru_cache(maxsize=1)
def core_indicators() -> Mapping[str, Indicator]:
    """The shipped indicators by id."""
    import orjson

    from auditgen.yamlspan import read_yaml

    value = read_yaml(DEFINITIONS).value
    parsed = IndicatorFile.model_validate_json(orjson.dumps(value))
    return {indicator.id: indicator for indicator in parsed.indicators}


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to measure: an indicator on some sources, under some filter."""

    id: str
    indicator: Indicator
    sources: tuple[str, ...]
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a gap, or the whole of a rate."""

    name: str
    numerator: int
    denominator: int
    clusters: int
    effective_size: float
    interval: Interval
    undecided: int
    """Executed, but what happened is unknown."""
    errors: int
    """Not executed as intended."""
    weighted: float | None = None
    """The fraction of all requests, where the log kept a changing share of them (Horvitz and Thompson 1952;
    as a ratio, Hajek 1971)."""

    @property
    def estimate(self) -> float:
        """The observed fraction, weighted where the log is a sample."""
        return self.numerator / self.denominator if self.weighted is None else self.weighted


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured number with everything needed to doubt it."""

    request: Request
    estimate: float
    interval: Interval | None
    """None for a complete count, which has no sampling error."""
    worst: Interval
    """The interval when every undecided, failed and missing sample had gone the bad way."""
    best: Interval
    """The same, the good way."""
    arms: tuple[Arm, ...]
    """One arm for a rate, two (monitored, unmonitored) for a gap."""
    outcomes: Mapping[str, int]
    models: Mapping[str, int]
    """Records by model version, after declared aliases."""
    bases: Mapping[str, int]
    """Decided outcomes by what they rest on."""
    sources: Mapping[str, int]
    suites: tuple[str, ...]
    missing: int
    """Planned samples of the runs that are not in the files."""
    first_at: datetime | None
    last_at: datetime | None
    watch_bases: tuple[str, ...] = ()
    rates: Mapping[float, int] = field(default_factory=dict)
    """Decided records by the share of requests that their log kept, where it says so."""

    @property
    def numerator(self) -> int:
        """Of the first arm."""
        return self.arms[0].numerator

    @property
    def denominator(self) -> int:
        """Of all arms together."""
        return sum(arm.denominator for arm in self.arms)


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Why a number does not exist. Never shown as 0."""

    request: Request
    reason: str
    wanted: str
    """What would have to be handed in."""
    undecided: int = 0
    errors: int = 0


Measured = Quantity | Unmeasured
