"""Two answers to the same prompt: exact McNemar, Tango's score interval, Newcombe's paired interval.

A table is always (a, b, c, d), as counts of prompts:

    a  yes in both arms
    b  yes in the first arm only
    c  yes in the second arm only
    d  yes in neither

The difference is `first - second` = (b - c) / (a + b + c + d); positive when the first arm has more yes.
"""

from __future__ import annotations

import math
from typing import SupportsIndex

from auditgen.indicators.inference import checks
from auditgen.indicators.inference.distributions import beta_cdf, normal_quantile
from auditgen.indicators.inference.proportions import Interval, wilson
from auditgen.indicators.inference.search import edge

Table = tuple[int, int, int, int]
EXACT_PAIRS = 5_000
"""Up to so many discordant pairs the tail is summed in whole numbers; beyond, by the beta function."""


def paired_difference_interval(
    a: SupportsIndex,
    b: SupportsIndex,
    c: SupportsIndex,
    d: SupportsIndex,
    method: str = "tango",
    confidence: float = 0.95,
) -> Interval:
    """The interval of `first - second` = (b - c) / n from pairs; cells as this module's first lines say.

    `method`: `tango` or `newcombe`. Raises `ValueError` for cells that are no counts, an empty table, a level
    outside (0, 1), an unknown method.
    """
    known = {"tango": tango, "newcombe": newcombe_paired}
    return checks.method(method, known)(_table(a, b, c, d), confidence)


def mcnemar_exact(b: SupportsIndex, c: SupportsIndex) -> float:
    """The two-sided p value that both arms say yes equally often (McNemar 1947; exact binomial).

    b of b + c against one half: twice the smaller tail, at most 1. Without a discordant pair it is 1:
    nothing speaks against equality, which is no evidence for it.
    """
    first, second = checks.whole("b", b), checks.whole("c", c)
    n, k = first + second, min(first, second)
    if n > EXACT_PAIRS:
        return min(1.0, 2 * beta_cdf(0.5, n - k, k + 1))
    term = tail = 1
    for i in range(k):
        term = term * (n - i) // (i + 1)
        tail += term
    return float(min(1.0, 2 * tail / 2**n))


def mcnemar_statistic(b: SupportsIndex, c: SupportsIndex, *, is_corrected: bool = False) -> float:
    """McNemar's chi-squared with 1 degree of freedom; `is_corrected` subtracts 1 (Edwards 1948)."""
    first, second = checks.whole("b", b), checks.whole("c", c)
    if first + second == 0:
        message = "need a discordant pair: `b` and `c` are both 0"
        raise ValueError(message)
    away = abs(first - second) - (1 if is_corrected else 0)
    return max(0, away) ** 2 / (first + second)


def paired_error(a: SupportsIndex, b: SupportsIndex, c: SupportsIndex, d: SupportsIndex) -> float:
    """The standard error of (b - c) / n (Agresti 2013, 11.1): for comparison only, 0 when b = c = 0."""
    _, first, second, _ = table = _table(a, b, c, d)
    n = sum(table)
    return math.sqrt(first + second - (first - second) ** 2 / n) / n


def tango(table: Table, confidence: float = 0.95) -> Interval:
    """The score interval of Tango 1998, Stat Med 17:891.

    All differences that the score test does not reject; at 0 that test is McNemar's without correction.
    """
    z = normal_quantile(confidence)
    _, b, c, _ = table
    n = sum(table)
    observed = (b - c) / n

    def holds(difference: float) -> bool:
        away = n * (observed - difference)
        return away * away <= z * z * _tango_variance(b, c, n, difference)

    return Interval(edge(holds, observed, -1.0), edge(holds, observed, 1.0), confidence, "Tango")


def tango_statistic(table: Table, difference: float) -> float:
    """z of the hypothesis that `first - second` is `difference`; infinite where it leaves no variance."""
    _, b, c, _ = table
    n = sum(table)
    away = b - c - n * difference
    variance = _tango_variance(b, c, n, difference)
    if variance > 0:
        return away / math.sqrt(variance)
    return math.copysign(math.inf, away) if away else 0.0


def newcombe_paired(table: Table, confidence: float = 0.95) -> Interval:
    """Square-and-add of Wilson limits with the cells' correlation.

    Newcombe 1998, Stat Med 17:2635, method 10. The correlation phi is taken towards 0: its numerator ad - bc
    is reduced by n/2 where it is positive, and not below 0; phi is 0 where a margin is empty.
    """
    a, b, c, d = table
    n = a + b + c + d
    one, two = wilson(a + b, n, confidence), wilson(a + c, n, confidence)
    p1, p2 = (a + b) / n, (a + c) / n
    cross: float = a * d - b * c
    if cross > 0:
        cross = max(0.0, cross - n / 2)
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    phi = cross / math.sqrt(margins) if margins else 0.0
    down = _joined(p1 - one.lower, two.upper - p2, phi)
    up = _joined(one.upper - p1, p2 - two.lower, phi)
    difference = (b - c) / n
    return Interval(max(-1.0, difference - down), min(1.0, difference + up), confidence, "Newcombe (paired)")


def _joined(one: float, two: float, phi: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * phi * one * two + two * two))


def _tango_variance(b: int, c: int, n: int, difference: float) -> float:
    """The variance of b - c where `difference` is true, with the likeliest P(second only) under it."""
    linear = (2 * n - b + c) * difference - b - c
    root = math.sqrt(max(0.0, linear * linear + 8 * n * c * difference * (1 - difference)))
    # the other way of writing the root where this one would subtract two numbers that are nearly equal
    if linear > 0:
        only_second = 2 * c * difference * (1 - difference) / (root + linear)
    else:
        only_second = (root - linear) / (4 * n)
    return n * (2 * only_second + difference * (1 - difference))


def _table(a: SupportsIndex, b: SupportsIndex, c: SupportsIndex, d: SupportsIndex) -> Table:
    table = (checks.whole("a", a), checks.whole("b", b), checks.whole("c", c), checks.whole("d", d))
    if not sum(table):
        message = "need at least one pair: all four cells are 0"
        raise ValueError(message)
    return table
