"""Inference that holds at every look: a beta-mixture e-process, and the confidence sequence it gives.

Ordinary intervals are for one look at a sample whose size was fixed. A monitor looks after every record;
under it a 95 % interval fails far more often than 1 in 20. What stands here holds for all times at once
(Ville 1939; Robbins 1970; Howard et al. 2021), for independent results of one rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self, SupportsIndex

from auditgen.indicators.inference import checks
from auditgen.indicators.inference.distributions import log_beta
from auditgen.indicators.inference.proportions import Interval
from auditgen.indicators.inference.search import edge

METHOD = "beta-mixture confidence sequence"


def log_e_value(s: SupportsIndex, t: SupportsIndex, p0: float) -> float:
    """log of E = B(1 + s, 1 + t - s) / (p0^s (1 - p0)^(t - s)): the evidence of s hits in t against rate p0.

    The likelihood ratio of a uniform mixture of all rates against p0. Before the first result E is 1. For
    p0 of 0 or 1 it is infinite as soon as a result contradicts it.
    """
    hits, seen = _seen(s, t, least=0)
    return _log_e(hits, seen, checks.fraction("p0", p0))


def e_value(s: SupportsIndex, t: SupportsIndex, p0: float) -> float:
    """E itself; infinite where it is too large for a float."""
    try:
        return math.exp(log_e_value(s, t, p0))
    except OverflowError:
        return math.inf


def confidence_sequence(s: SupportsIndex, t: SupportsIndex, confidence: float = 0.95) -> Interval:
    """All rates p that s hits in t do not contradict: E(p) < 1 / (1 - confidence).

    The chance that the true rate is outside at any t, ever, is at most 1 - confidence. It is wider than an
    interval for a single look. Raises `ValueError` for counts that cannot be or a level outside (0, 1).
    """
    hits, seen = _seen(s, t, least=1)
    limit = -math.log1p(-checks.confidence(confidence))

    def holds(p: float) -> bool:
        return _log_e(hits, seen, p) < limit

    observed = hits / seen
    return Interval(edge(holds, observed, 0.0), edge(holds, observed, 1.0), confidence, METHOD)


@dataclass(frozen=True, slots=True)
class EProcess:
    """The evidence against one rate while results come in; resumable from its fields."""

    p0: float
    hits: int = 0
    seen: int = 0
    highest: float = 0.0
    """The largest log E so far: what was shown once stays shown."""

    def __post_init__(self) -> None:
        checks.fraction("p0", self.p0, open_=True)
        _seen(self.hits, self.seen, least=0)

    def update(self, hit: bool) -> Self:
        """The state after one more result."""
        hits, seen = self.hits + bool(hit), self.seen + 1
        highest = max(self.highest, _log_e(hits, seen, self.p0))
        return replace(self, hits=hits, seen=seen, highest=highest)

    @property
    def p_value(self) -> float:
        """A p value that holds at every look: 1 / the largest E so far."""
        return math.exp(-self.highest)

    def is_rejected(self, alpha: float = 0.05) -> bool:
        """Whether E was ever at 1 / alpha or above; the chance of that is at most `alpha` if p0 is true."""
        checks.fraction("alpha", alpha, open_=True)
        return self.highest >= -math.log(alpha)


@dataclass(frozen=True, slots=True)
class RunningSequence:
    """The confidence sequence while results come in: it only ever narrows; resumable from its fields.

    When nothing is left (`is_empty`), no single rate fits what was seen: the rate has changed, or the results
    are not independent. That is a finding of its own.
    """

    confidence: float = 0.95
    hits: int = 0
    seen: int = 0
    lower: float = 0.0
    upper: float = 1.0

    def __post_init__(self) -> None:
        checks.confidence(self.confidence)
        _seen(self.hits, self.seen, least=0)

    def update(self, hit: bool) -> Self:
        """The state after one more result."""
        hits, seen = self.hits + bool(hit), self.seen + 1
        now = confidence_sequence(hits, seen, self.confidence)
        return replace(
            self,
            hits=hits,
            seen=seen,
            lower=max(self.lower, now.lower),
            upper=min(self.upper, now.upper),
        )

    @property
    def is_empty(self) -> bool:
        """Whether no rate is left."""
        return self.lower > self.upper

    def interval(self) -> Interval:
        """What is left; `ValueError` where nothing is, or before the first result."""
        if self.seen == 0 or self.is_empty:
            message = f"no interval: {'no rate fits all results' if self.seen else 'no result yet'}"
            raise ValueError(message)
        return Interval(self.lower, self.upper, self.confidence, METHOD)


def _log_e(hits: int, seen: int, p: float) -> float:
    misses = seen - hits
    if (hits and p <= 0) or (misses and p >= 1):
        return math.inf
    likelihood = (hits * math.log(p) if hits else 0.0) + (misses * math.log1p(-p) if misses else 0.0)
    return log_beta(1 + hits, 1 + misses) - likelihood


def _seen(s: SupportsIndex, t: SupportsIndex, *, least: int) -> tuple[int, int]:
    seen = checks.whole("t", t, least=least)
    hits = checks.whole("s", s)
    if hits > seen:
        message = f"`s` must not exceed `t`, got {hits} of {seen}"
        raise ValueError(message)
    return hits, seen
