"""Cumulative sums: for small shifts that last. Tabular for measurements, likelihood ratios for 0 and 1."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import Self

from auditgen.indicators.inference import checks

MAX_EVENTS = 2_000_000
"""A simulated run that needs more rises than this is given up."""


@dataclass(frozen=True, slots=True)
class Cusum:
    """The two-sided tabular CUSUM (Page 1954; Montgomery 2013, 9.1); resumable from its fields."""

    target: float
    slack: float
    """k, half the shift to find, in the unit of the values."""
    threshold: float
    """h, in the unit of the values."""
    high: float = 0.0
    low: float = 0.0
    seen: int = 0

    def __post_init__(self) -> None:
        checks.finite("target", self.target)
        checks.positive("threshold", self.threshold)
        if not 0 <= self.slack < math.inf:
            message = f"`slack` must be a finite number from 0, got {self.slack!r}"
            raise ValueError(message)

    def update(self, x: float) -> Self:
        """The state after one more value."""
        away = checks.finite("x", x) - self.target
        return replace(
            self,
            high=max(0.0, self.high + away - self.slack),
            low=max(0.0, self.low - away - self.slack),
            seen=self.seen + 1,
        )

    @property
    def signal(self) -> str:
        """`above`, `below` or nothing; `above` where both are beyond."""
        if self.high > self.threshold:
            return "above"
        return "below" if self.low > self.threshold else ""


@dataclass(frozen=True, slots=True)
class BernoulliCusum:
    """The CUSUM of log-likelihood ratios of p1 against p0 for 0/1 results; resumable from its fields.

    Its run length without a change is at least e^threshold on average (Lorden 1971), usually far more:
    `run_length` simulates it, and that number is printed beside any alarm.
    """

    p0: float
    """The rate in order."""
    p1: float
    """The rate to find soon; below p0 it looks for a fall."""
    threshold: float
    value: float = 0.0
    seen: int = 0

    def __post_init__(self) -> None:
        bernoulli_weights(self.p0, self.p1)
        checks.positive("threshold", self.threshold)

    def update(self, hit: bool) -> Self:
        """The state after one more result."""
        on_hit, on_miss = bernoulli_weights(self.p0, self.p1)
        value = max(0.0, self.value + (on_hit if hit else on_miss))
        return replace(self, value=value, seen=self.seen + 1)

    @property
    def has_signal(self) -> bool:
        """Whether the sum is beyond the threshold."""
        return self.value > self.threshold


@dataclass(frozen=True, slots=True)
class RunLength:
    """A simulated average run length, in results until the alarm."""

    mean: float
    error: float
    """The standard error of the simulation."""
    runs: int
    seed: int


def bernoulli_weights(p0: float, p1: float) -> tuple[float, float]:
    """What a hit and a miss add: log(p1 / p0) and log((1 - p1) / (1 - p0))."""
    checks.fraction("p0", p0, open_=True)
    checks.fraction("p1", p1, open_=True)
    if p0 == p1:
        message = f"`p0` and `p1` must differ, got {p0!r} twice"
        raise ValueError(message)
    return math.log(p1 / p0), math.log((1 - p1) / (1 - p0))


def run_length(
    p0: float, p1: float, threshold: float, rate: float | None = None, *, runs: int = 1000, seed: int = 1
) -> RunLength:
    """The average run length of a Bernoulli CUSUM where the true rate is `rate` (`p0` if None: ARL0).

    Simulated with a seed: the same arguments give the same number. Only the outcome that raises the sum can
    cause an alarm, so the results between two of them are drawn at once. Raises `ValueError` where a run does
    not end within `MAX_EVENTS` rises.
    """
    on_hit, on_miss = bernoulli_weights(p0, p1)
    checks.positive("threshold", threshold)
    true = p0 if rate is None else checks.fraction("rate", rate, open_=True)
    rises, falls, chance = (on_hit, on_miss, true) if on_hit > 0 else (on_miss, on_hit, 1 - true)
    generator = random.Random(seed)
    scale = math.log1p(-chance)
    lengths = []
    for _ in range(checks.whole("runs", runs, least=2)):
        value, length = 0.0, 0
        for _ in range(MAX_EVENTS):
            gap = int(math.log(1.0 - generator.random()) / scale)
            value = max(0.0, value + gap * falls) + rises
            length += gap + 1
            if value > threshold:
                break
        else:
            message = f"a run did not end within {MAX_EVENTS} rises; the threshold {threshold!r} is too high"
            raise ValueError(message)
        lengths.append(length)
    mean = sum(lengths) / runs
    spread = math.fsum((length - mean) ** 2 for length in lengths) / (runs - 1)
    return RunLength(mean, math.sqrt(spread / runs), runs, seed)


def bernoulli_threshold(
    p0: float, p1: float, run: float, *, runs: int = 1000, seed: int = 1, steps: int = 12
) -> tuple[float, RunLength]:
    """A threshold whose simulated ARL0 is at least `run`, two standard errors below it too, and that ARL0.

    Bisection below log(run), which always suffices; every step uses the same random numbers, so that a
    higher threshold never has a shorter run.
    """
    if not 1 < run < math.inf:
        message = f"`run` must be a finite number above 1, got {run!r}"
        raise ValueError(message)
    low, high = 0.0, math.log(run)
    best = run_length(p0, p1, high, runs=runs, seed=seed)
    for _ in range(checks.whole("steps", steps, least=1)):
        middle = (low + high) / 2
        found = run_length(p0, p1, middle, runs=runs, seed=seed)
        if found.mean - 2 * found.error >= run:
            high, best = middle, found
        else:
            low = middle
    return high, best
