"""One proportion: Wilson, Clopper-Pearson, one-sided bounds, and what zero events show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import SupportsIndex

from auditgen.indicators.inference import checks
from auditgen.indicators.inference.distributions import (
    beta_quantile,
    normal_quantile,
    one_sided_quantile,
)


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided confidence interval; bounds as fractions (or differences of fractions)."""

    lower: float
    upper: float
    confidence: float
    method: str


def proportion_interval(
    k: SupportsIndex, n: SupportsIndex, method: str = "wilson", confidence: float = 0.95
) -> Interval:
    """The interval of a rate after `k` hits in `n` independent trials.

    `method`: `wilson` (coverage near the level on average) or `clopper-pearson` (never below the level).
    Raises `ValueError` for counts that cannot be, a level outside (0, 1), an unknown method.
    """
    hits, total = checks.counts(k, n)
    known = {"wilson": wilson, "clopper-pearson": clopper_pearson}
    return checks.method(method, known)(hits, total, confidence)


def wilson(successes: float, total: float, confidence: float = 0.95) -> Interval:
    """Wilson's score interval (Wilson 1927; Newcombe 1998, Stat Med 17:857, method 3).

    `total` may be an effective sample size; never degenerate at 0 or `total`.
    """
    z = normal_quantile(confidence)
    lower, upper = _wilson_bounds(successes, total, z)
    return Interval(lower, upper, confidence, "Wilson")


def clopper_pearson(successes: float, total: float, confidence: float = 0.95) -> Interval:
    """The exact (conservative) interval of Clopper and Pearson 1934, from beta quantiles."""
    _check(successes, total)
    tail = (1 - checks.confidence(confidence)) / 2
    lower, upper = _exact_bounds(successes, total, tail)
    return Interval(lower, upper, confidence, "Clopper-Pearson")


def one_sided_bounds(
    k: SupportsIndex, n: SupportsIndex, method: str = "wilson", confidence: float = 0.95
) -> tuple[float, float]:
    """(lower, upper), each of which holds by itself with this confidence; not an interval together.

    They are the ends of the two-sided interval at level 2 * confidence - 1. Below a level of 0.5 they would
    pass the estimate: `ValueError`.
    """
    hits, total = checks.counts(k, n)
    level = checks.confidence(confidence)
    if level < 0.5:
        message = f"`confidence` must be at least 0.5, got {confidence!r}"
        raise ValueError(message)
    known = {
        "wilson": lambda: _wilson_bounds(hits, total, one_sided_quantile(level)),
        "clopper-pearson": lambda: _exact_bounds(hits, total, 1 - level),
    }
    return checks.method(method, known)()


def zero_event_upper(total: int, confidence: float = 0.95) -> float:
    """One-sided upper bound of a rate after zero events in `total` trials: 1 - alpha^(1/n)."""
    checks.whole("total", total, least=1)
    return float(1 - (1 - checks.confidence(confidence)) ** (1 / total))


def trials_to_show(limit: float, confidence: float = 0.95) -> int:
    """How many trials without an event show a rate below `limit`: the smallest n with bound <= limit."""
    checks.fraction("limit", limit, open_=True)
    return math.ceil(math.log(1 - checks.confidence(confidence)) / math.log(1 - limit))


def _wilson_bounds(successes: float, total: float, z: float) -> tuple[float, float]:
    _check(successes, total)
    p = successes / total
    shrink = 1 + z * z / total
    centre = (p + z * z / (2 * total)) / shrink
    half = z / shrink * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    # the ends are 0 and 1 by algebra where all agree; elsewhere rounding must not pass the estimate
    lower = 0.0 if successes == 0 else max(0.0, min(centre - half, p))
    upper = 1.0 if successes == total else min(1.0, max(centre + half, p))
    return lower, upper


def _exact_bounds(successes: float, total: float, tail: float) -> tuple[float, float]:
    k, n = successes, total
    lower = 0.0 if k == 0 else beta_quantile(tail, k, n - k + 1)
    upper = 1.0 if k == n else beta_quantile(1 - tail, k + 1, n - k)
    return lower, upper


def _check(successes: float, total: float) -> None:
    if not (0 <= successes <= total and 0 < total < math.inf):
        message = f"need 0 <= successes <= total and total > 0, got {successes} of {total}"
        raise ValueError(message)
