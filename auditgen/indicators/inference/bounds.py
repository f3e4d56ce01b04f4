"""What the unscored could have been: bounds that no assumption narrows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import SupportsIndex

from auditgen.indicators.inference import checks
from auditgen.indicators.inference.differences import newcombe
from auditgen.indicators.inference.proportions import proportion_interval


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lowest and highest value over every way the unscored could have turned out."""

    lowest: float
    """The estimate if all of them count against it."""
    highest: float
    lower: float
    """The lower confidence bound in the lowest case: sampling error and the unscored together."""
    upper: float
    confidence: float

    @property
    def is_measurable(self) -> bool:
        """False where the unscored alone allow every value: then there is nothing to print but that."""
        return self.highest - self.lowest < 1


def rate_bounds(
    hits: SupportsIndex,
    scored: SupportsIndex,
    unscored: SupportsIndex,
    method: str = "wilson",
    confidence: float = 0.95,
) -> Bounds:
    """Bounds of a rate: all unscored as misses, then all as hits (Manski 1989, without assumptions).

    `scored` may be 0 when `unscored` is not: the bounds are then 0 and 1. Raises `ValueError` for counts that
    cannot be.
    """
    k = checks.whole("hits", hits)
    n = checks.whole("scored", scored)
    open_ = checks.whole("unscored", unscored)
    if k > n or n + open_ == 0:
        message = f"need `hits` <= `scored` and a record, got {k} of {n} with {open_} unscored"
        raise ValueError(message)
    total = n + open_
    low = proportion_interval(k, total, method, confidence)
    high = proportion_interval(k + open_, total, method, confidence)
    return Bounds(k / total, (k + open_) / total, low.lower, high.upper, confidence)


def difference_bounds(
    first: tuple[int, int, int], second: tuple[int, int, int], confidence: float = 0.95
) -> Bounds:
    """Bounds of `first - second`, each (hits, scored, unscored): both arms at opposite ends (Newcombe)."""
    a, b = rate_bounds(*first, confidence=confidence), rate_bounds(*second, confidence=confidence)
    (k1, n1, u1), (k2, n2, u2) = first, second
    low = newcombe((k1, n1 + u1), (k2 + u2, n2 + u2), confidence)
    high = newcombe((k1 + u1, n1 + u1), (k2, n2 + u2), confidence)
    return Bounds(a.lowest - b.highest, a.highest - b.lowest, low.lower, high.upper, confidence)
