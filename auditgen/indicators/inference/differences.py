"""Difference of two independent proportions, always `first - second`: Newcombe, Miettinen-Nurminen, Mee."""

from __future__ import annotations

import math
from typing import SupportsIndex

from auditgen.indicators.inference import checks
from auditgen.indicators.inference.distributions import normal_quantile
from auditgen.indicators.inference.proportions import Interval, wilson
from auditgen.indicators.inference.search import edge

Sample = tuple[float, float]
"""(successes, total)."""


def difference_interval(
    k1: SupportsIndex,
    n1: SupportsIndex,
    k2: SupportsIndex,
    n2: SupportsIndex,
    method: str = "newcombe",
    confidence: float = 0.95,
) -> Interval:
    """The interval of p1 - p2 for independent samples; positive when the first arm has the higher rate.

    `method`: `newcombe`, `miettinen-nurminen` or `mee`. Pairs (the same prompt in both arms) are not
    independent: `paired_difference_interval`. Raises `ValueError` for counts that cannot be, a level outside
    (0, 1), an unknown method.
    """
    known = {"newcombe": newcombe, "miettinen-nurminen": miettinen_nurminen, "mee": mee}
    chosen = checks.method(method, known)
    return chosen(checks.counts(k1, n1, ("k1", "n1")), checks.counts(k2, n2, ("k2", "n2")), confidence)


def newcombe(first: Sample, second: Sample, confidence: float = 0.95) -> Interval:
    """Difference of two independent proportions, `first - second`, each given as (successes, total).

    Newcombe 1998, Stat Med 17:873, method 10: square-and-add of Wilson limits.
    """
    a, b = wilson(*first, confidence), wilson(*second, confidence)
    p1, p2 = first[0] / first[1], second[0] / second[1]
    difference = p1 - p2
    down = math.hypot(p1 - a.lower, b.upper - p2)
    up = math.hypot(a.upper - p1, p2 - b.lower)
    return Interval(max(-1.0, difference - down), min(1.0, difference + up), confidence, "Newcombe (Wilson)")


def miettinen_nurminen(first: Sample, second: Sample, confidence: float = 0.95) -> Interval:
    """The score interval of `first - second` with the factor N/(N-1) (Miettinen and Nurminen 1985)."""
    return _score_interval(first, second, confidence, "Miettinen-Nurminen", is_corrected=True)


def mee(first: Sample, second: Sample, confidence: float = 0.95) -> Interval:
    """The score interval of `first - second` without the factor N/(N-1) (Mee 1984)."""
    return _score_interval(first, second, confidence, "Mee", is_corrected=False)


def restricted_rates(first: Sample, second: Sample, difference: float) -> tuple[float, float]:
    """The most likely (p1, p2) among those with p1 - p2 = `difference`.

    The root of the cubic likelihood equation in closed form (Farrington and Manning 1990, Stat Med 9:1447,
    appendix), with their theta = n2/n1. The cubic has three real roots; the cosine picks the one inside.
    """
    (k1, n1), (k2, n2) = first, second
    p1, p2, d = k1 / n1, k2 / n2, difference
    theta = n2 / n1
    a = 1 + theta
    b = -(1 + theta + p1 + theta * p2 + d * (theta + 2))
    c = d * d + d * (2 * p1 + theta + 1) + p1 + theta * p2
    e = -p1 * d * (1 + d)
    third = b / (3 * a)
    v = third**3 - b * c / (6 * a * a) + e / (2 * a)
    u = math.copysign(math.sqrt(max(0.0, third * third - c / (3 * a))), v)
    # u has the sign of v, so the ratio is not negative; u is 0 only where one pair of rates is possible
    ratio = v / u**3 if u**3 else 0.0
    angle = (math.pi + math.acos(min(1.0, ratio))) / 3
    rate = 2 * u * math.cos(angle) - third
    rate = min(max(rate, d, 0.0), 1.0, 1.0 + d)
    return rate, min(max(rate - d, 0.0), 1.0)


def score_statistic(first: Sample, second: Sample, difference: float, *, is_corrected: bool = True) -> float:
    """z of the hypothesis p1 - p2 = `difference`, with the variance under it.

    At a difference of 0 and without the factor it is the pooled z test: its square is Pearson's chi-squared.
    Infinite where the hypothesis leaves no variance and the data contradict it.
    """
    away = first[0] / first[1] - second[0] / second[1] - difference
    variance = _variance(first, second, difference, is_corrected=is_corrected)
    if variance > 0:
        return away / math.sqrt(variance)
    return math.copysign(math.inf, away) if away else 0.0


def _variance(first: Sample, second: Sample, difference: float, *, is_corrected: bool) -> float:
    p1, p2 = restricted_rates(first, second, difference)
    variance = p1 * (1 - p1) / first[1] + p2 * (1 - p2) / second[1]
    total = first[1] + second[1]
    return variance * total / (total - 1) if is_corrected else variance


def _score_interval(
    first: Sample, second: Sample, confidence: float, name: str, *, is_corrected: bool
) -> Interval:
    for successes, total in (first, second):
        if not (0 <= successes <= total and 1 <= total < math.inf):
            message = f"need 0 <= successes <= total and total >= 1, got {successes} of {total}"
            raise ValueError(message)
    z = normal_quantile(confidence)
    observed = first[0] / first[1] - second[0] / second[1]

    def holds(difference: float) -> bool:
        away = observed - difference
        return away * away <= z * z * _variance(first, second, difference, is_corrected=is_corrected)

    return Interval(edge(holds, observed, -1.0), edge(holds, observed, 1.0), confidence, name)
