"""Are two rates the same? Four answers, of which "not shown" is one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import SupportsIndex

from auditgen.indicators.inference import checks
from auditgen.indicators.inference.differences import difference_interval, score_statistic
from auditgen.indicators.inference.distributions import normal_tail
from auditgen.indicators.inference.proportions import Interval


class Answer(StrEnum):
    """What two samples show about the difference of their rates."""

    MATERIAL = "material difference"
    """They differ, and it is not shown that the difference lies within the margin."""
    SMALL = "small difference"
    """They differ, and the difference is shown to lie within the margin."""
    EQUIVALENT = "equivalent"
    """No difference is shown, and any that there is lies within the margin."""
    INSUFFICIENT = "insufficient evidence"
    """Neither a difference nor equivalence is shown. An observed difference of 0 changes nothing about it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answer with everything it rests on; differences are `first - second`."""

    answer: Answer
    difference: float
    interval: Interval
    """At 1 - alpha: it decides whether the rates differ."""
    narrow: Interval
    """At 1 - 2 alpha: it decides whether they are within the margin (two one-sided tests at alpha)."""
    margin: float | None
    alpha: float

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.interval.lower > 0 or self.interval.upper < 0

    @property
    def is_beyond(self) -> bool:
        """Whether the whole interval lies beyond the margin, so that a difference larger than it is shown."""
        return self.margin is not None and (
            self.interval.lower > self.margin or self.interval.upper < -self.margin
        )

    @property
    def words(self) -> str:
        """One sentence for people."""
        if self.answer is Answer.MATERIAL:
            if self.margin is None:
                return "The rates differ; no margin was declared below which a difference would be small."
            if self.is_beyond:
                return "The rates differ by more than the margin."
            return "The rates differ, and it is not shown that they differ by less than the margin."
        if self.answer is Answer.SMALL:
            return "The rates differ, by less than the margin."
        if self.answer is Answer.EQUIVALENT:
            return "Any difference of the rates is less than the margin."
        return "The evidence shows neither that the rates differ nor that they are the same."


def equivalence(
    k1: SupportsIndex,
    n1: SupportsIndex,
    k2: SupportsIndex,
    n2: SupportsIndex,
    margin: float | None,
    alpha: float = 0.05,
) -> Comparison:
    """Which of the four answers two independent samples give, by Newcombe's intervals.

    `margin` is the largest difference that does not matter, as a fraction, declared before the data. Without
    one (None) no difference is small: the answer is a material difference or insufficient evidence, never
    equivalence. Two one-sided tests at `alpha` are the interval at 1 - 2 alpha (Schuirmann 1987); 0 within
    the interval at 1 - alpha is no difference shown. The interval decides, also where a test at the edge
    would say otherwise. Raises `ValueError` for counts that cannot be, a margin outside (0, 1), an alpha
    outside (0, 0.5).
    """
    if not 0 < alpha < 0.5:
        message = f"`alpha` must be between 0 and 0.5, got {alpha!r}"
        raise ValueError(message)
    if margin is not None:
        checks.fraction("margin", margin, open_=True)
    wide = difference_interval(k1, n1, k2, n2, confidence=1 - alpha)
    narrow = difference_interval(k1, n1, k2, n2, confidence=1 - 2 * alpha)
    difference = k1.__index__() / n1.__index__() - k2.__index__() / n2.__index__()
    return compare(difference, wide, narrow, margin, alpha)


def compare(
    difference: float, wide: Interval, narrow: Interval, margin: float | None, alpha: float = 0.05
) -> Comparison:
    """The same from intervals of any method: `wide` at 1 - alpha, `narrow` at 1 - 2 alpha."""
    differs = wide.lower > 0 or wide.upper < 0
    is_within = margin is not None and -margin < narrow.lower and narrow.upper < margin
    if differs:
        answer = Answer.SMALL if is_within else Answer.MATERIAL
    else:
        answer = Answer.EQUIVALENT if is_within else Answer.INSUFFICIENT
    return Comparison(answer, difference, wide, narrow, margin, alpha)


def tost_p_value(
    k1: SupportsIndex,
    n1: SupportsIndex,
    k2: SupportsIndex,
    n2: SupportsIndex,
    margin: float,
    method: str = "score",
) -> float:
    """The larger p value of the two one-sided tests that |p1 - p2| >= `margin`.

    `method`: `score` (Farrington and Manning 1990) or `wald`, which has no variance where both arms are at
    0 or 1 and then raises `ValueError`. Printed beside the answer; it does not make it.
    """
    first = checks.counts(k1, n1, ("k1", "n1"))
    second = checks.counts(k2, n2, ("k2", "n2"))
    checks.fraction("margin", margin, open_=True)
    statistic = checks.method(method, {"score": _score, "wald": _wald})
    return max(normal_tail(statistic(first, second, -margin)), normal_tail(-statistic(first, second, margin)))


def _score(first: tuple[int, int], second: tuple[int, int], difference: float) -> float:
    return score_statistic(first, second, difference, is_corrected=False)


def _wald(first: tuple[int, int], second: tuple[int, int], difference: float) -> float:
    (k1, n1), (k2, n2) = first, second
    p1, p2 = k1 / n1, k2 / n2
    variance = p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2
    if variance == 0:
        message = "no variance is seen in either arm; `wald` has no answer there, `score` has"
        raise ValueError(message)
    return (p1 - p2 - difference) / math.sqrt(variance)
