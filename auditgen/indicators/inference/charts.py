"""Charts of a process in time: p-chart and EWMA. Limits are set in a first phase and then stay."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from auditgen.indicators.inference import checks
from auditgen.indicators.inference.distributions import binomial_cdf, normal_tail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FEW = 5
"""With fewer expected hits (or misses) than this the normal limits mislead; the exact ones are used."""


@dataclass(frozen=True, slots=True)
class Point:
    """One period against its limits, as fractions."""

    fraction: float
    lower: float
    upper: float
    is_exact: bool
    """Whether the limits are binomial ones instead of p +- width sigma."""

    @property
    def signal(self) -> str:
        """`above`, `below` or nothing."""
        if self.fraction > self.upper:
            return "above"
        return "below" if self.fraction < self.lower else ""


@dataclass(frozen=True, slots=True)
class PChart:
    """A p-chart whose centre was set from a first phase. It does not move; `revised` makes another one.

    A period later than the first phase is judged by `judge`, which remembers nothing: the chart is all there
    is to keep.
    """

    counts: tuple[int, ...]
    """Of the first phase, with the periods that were excluded."""
    sizes: tuple[int, ...]
    excluded: tuple[tuple[int, str], ...] = ()
    """(period, counted from 0; the reason), in the order of their exclusion: the log of revisions."""
    width: float = 3.0

    @property
    def centre(self) -> float:
        """Hits per record over the periods that were not excluded."""
        out = {number for number, _ in self.excluded}
        hits = sum(k for i, k in enumerate(self.counts) if i not in out)
        return hits / sum(n for i, n in enumerate(self.sizes) if i not in out)

    def judge(self, k: int, n: int) -> Point:
        """One period with `k` hits of `n`; limits for its own size."""
        hits, total = checks.counts(k, n)
        lower, upper, is_exact = p_limits(self.centre, total, self.width)
        return Point(hits / total, lower, upper, is_exact)

    def points(self) -> tuple[Point, ...]:
        """The first phase itself, the excluded periods too."""
        return tuple(self.judge(k, n) for k, n in zip(self.counts, self.sizes, strict=True))

    def revised(self, reasons: Mapping[int, str]) -> Self:
        """Another chart without these periods, each with the reason why it is not the normal process."""
        gone = {number for number, _ in self.excluded}
        for number, reason in reasons.items():
            if not 0 <= number < len(self.counts) or number in gone or not reason.strip():
                message = f"period {number} cannot be excluded: unknown, already excluded or without a reason"
                raise ValueError(message)
        excluded = (*self.excluded, *reasons.items())
        if len(excluded) == len(self.counts):
            message = "at least one period must remain to set the centre"
            raise ValueError(message)
        return replace(self, excluded=excluded)


def p_chart(counts: Sequence[int], sizes: Sequence[int], width: float = 3.0) -> PChart:
    """The chart of a first phase: hits and records per period (Montgomery 2013, 7.2)."""
    if len(counts) != len(sizes) or not len(counts):
        message = f"need one size per count, got {len(sizes)} for {len(counts)}"
        raise ValueError(message)
    pairs = [checks.counts(k, n) for k, n in zip(counts, sizes, strict=True)]
    checks.positive("width", width)
    return PChart(tuple(k for k, _ in pairs), tuple(n for _, n in pairs), (), width)


def p_limits(centre: float, n: int, width: float = 3.0) -> tuple[float, float, bool]:
    """(lower, upper, is_exact) for the fraction of one period of `n` records.

    centre +- width sqrt(centre (1 - centre) / n) within [0, 1]; where n times the rarer outcome is below 5
    the counts beyond which each tail of the binomial has at most the normal's probability.
    """
    p = checks.fraction("centre", centre)
    size = checks.whole("n", n, least=1)
    checks.positive("width", width)
    if size * min(p, 1 - p) >= FEW:
        half = width * math.sqrt(p * (1 - p) / size)
        return max(0.0, p - half), min(1.0, p + half), False
    tail = normal_tail(width)
    upper = _least(size, lambda count: 1 - binomial_cdf(count, size, p) <= tail)
    lower = _least(size, lambda count: binomial_cdf(count, size, p) > tail)
    return lower / size, upper / size, True


@dataclass(frozen=True, slots=True)
class Ewma:
    """An exponentially weighted moving average that can be stopped and taken up again.

    z = weight x + (1 - weight) z, from `target` (Roberts 1959). Every field is a plain number: to resume,
    make it again from its fields.
    """

    target: float
    sigma: float
    """Of a single value, known or from the first phase."""
    weight: float = 0.2
    width: float = 3.0
    value: float = math.nan
    """The average; `target` before the first value."""
    seen: int = 0

    def __post_init__(self) -> None:
        checks.finite("target", self.target)
        checks.positive("sigma", self.sigma)
        checks.positive("width", self.width)
        if not 0 < self.weight <= 1:
            message = f"`weight` must be above 0 and at most 1, got {self.weight!r}"
            raise ValueError(message)
        if self.seen == 0:
            object.__setattr__(self, "value", self.target)
        checks.finite("value", self.value)

    def update(self, x: float) -> Self:
        """The state after one more value."""
        value = self.weight * checks.finite("x", x) + (1 - self.weight) * self.value
        return replace(self, value=value, seen=self.seen + 1)

    @property
    def limits(self) -> tuple[float, float]:
        """The limits after `seen` values; they widen towards the steady ones."""
        half = ewma_half_width(self.sigma, self.weight, self.width, self.seen)
        return self.target - half, self.target + half

    @property
    def signal(self) -> str:
        """`above`, `below` or nothing."""
        lower, upper = self.limits
        if self.value > upper:
            return "above"
        return "below" if self.value < lower else ""


def ewma_half_width(sigma: float, weight: float, width: float = 3.0, seen: int | None = None) -> float:
    """width sigma sqrt(weight / (2 - weight) (1 - (1 - weight)^(2 seen))); None: in the steady state."""
    grown = 1.0 if seen is None else 1 - (1 - weight) ** (2 * seen)
    return width * sigma * math.sqrt(weight / (2 - weight) * grown)


def _least(largest: int, holds: Callable[[int], bool]) -> int:
    """The least whole number up to `largest` for which `holds`, which stays true once it is."""
    low, high = 0, largest
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
