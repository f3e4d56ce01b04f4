"""Records that were kept with a known probability: totals and ratios of what they stand for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.indicators.inference import checks

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Estimate:
    """A weighted estimate with its standard error."""

    value: float
    error: float
    size: int
    effective_size: float
    """Kish 1965: (sum of weights)^2 / sum of squared weights."""


def horvitz_thompson(values: Sequence[float], probabilities: Sequence[float]) -> Estimate:
    """The total over all records, kept or not (Horvitz and Thompson 1952).

    Each record was kept by a draw of its own with its probability (Poisson sampling); the error is that of
    the keeping alone, 0 where everything was kept.
    """
    ys, ps = _checked(values, probabilities)
    total = math.fsum(y / p for y, p in zip(ys, ps, strict=True))
    variance = math.fsum((1 - p) * (y / p) ** 2 for y, p in zip(ys, ps, strict=True))
    return Estimate(total, math.sqrt(variance), len(ys), _kish(ps))


def hajek(values: Sequence[float], probabilities: Sequence[float]) -> Estimate:
    """The mean over all records as a ratio of two estimated totals (Hajek 1971).

    The error is the linearised one with factor n / (n - 1), as if drawn with replacement: with equal
    probabilities it is that of a plain mean, so it also covers which requests happened to come. It is 0
    where all values agree, which is no certainty; use an interval for a rate with `effective_size` there.
    Raises `ValueError` for fewer than two records.
    """
    ys, ps = _checked(values, probabilities)
    n = len(ys)
    if n < 2:
        message = f"need at least 2 records for a standard error, got {n}"
        raise ValueError(message)
    weight = math.fsum(1 / p for p in ps)
    ratio = math.fsum(y / p for y, p in zip(ys, ps, strict=True)) / weight
    if min(ys) == max(ys):  # rounding must not make an error of nothing
        return Estimate(ys[0], 0.0, n, _kish(ps))
    away = math.fsum(((y - ratio) / p) ** 2 for y, p in zip(ys, ps, strict=True))
    return Estimate(ratio, math.sqrt(away * n / (n - 1)) / weight, n, _kish(ps))


def _kish(probabilities: Sequence[float]) -> float:
    return math.fsum(1 / p for p in probabilities) ** 2 / math.fsum(1 / p**2 for p in probabilities)


def _checked(values: Sequence[float], probabilities: Sequence[float]) -> tuple[list[float], list[float]]:
    if len(values) != len(probabilities) or not len(values):
        message = f"need one probability per value, got {len(probabilities)} for {len(values)}"
        raise ValueError(message)
    for number, p in enumerate(probabilities):
        if not 0 < p <= 1:
            message = f"`probabilities[{number}]` must be above 0 and at most 1, got {p!r}"
            raise ValueError(message)
    return [checks.finite("values", y) for y in values], [float(p) for p in probabilities]
