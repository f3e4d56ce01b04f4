"""What is asked for, and what measuring it gives: a `Quantity`, or `Unmeasured` with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from auditgen.evidence.published import PublishedFigure
from auditgen.indicators.definition import Indicator
from auditgen.indicators.inference.proportions import Interval


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to measure: an indicator on some sources, under some filter."""

    id: str
    indicator: Indicator
    sources: tuple[str, ...]
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    confidence: float = 0.95
    limit_hours: float | None = None
    """Of a delay: in time is what took no longer."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """The same prompts under both conditions, each asked once in each: cells of the two-by-two table."""

    both: int
    first_only: int
    second_only: int
    neither: int
    incomplete: int
    """Prompts of which one condition, or both, is undecided, failed or not there."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """One category of a standardised comparison."""

    name: str
    weight: float
    """Its share of the second arm's records, among the categories that both arms hold."""
    first: tuple[int, int]
    second: tuple[int, int]


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
    by_prompt: tuple[float, int] | None = None
    """Of a rate whose prompts were repeated unevenly: the mean over prompts, with every undecided, failed and
    missing sample gone the bad way; and how many prompts these are."""
    narrow: Interval | None = None
    """Of a gap: the interval at 1 - 2 alpha, which two one-sided tests for equivalence use."""
    pairs: Pairs | None = None
    """Where the interval is that of pairs."""
    strata: tuple[Stratum, ...] = ()
    """Of a standardised gap."""
    outside: int = 0
    """Decided records that no stratum or pair holds, so that nothing is said about them."""

    published: tuple[PublishedFigure, ...] = ()
    """Where it rests on counts as published, whose records nobody has seen: all of them."""

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
