"""Many tests at once: p values that say in how large a family they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.indicators.inference import checks

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Family:
    """Adjusted p values in the order they came in."""

    raw: tuple[float, ...]
    adjusted: tuple[float, ...]
    method: str

    @property
    def size(self) -> int:
        """How many tests the family has; print it beside any claim."""
        return len(self.raw)

    def rejected(self, alpha: float = 0.05) -> tuple[bool, ...]:
        """Which hypotheses are rejected at this level."""
        checks.fraction("alpha", alpha, open_=True)
        return tuple(p <= alpha for p in self.adjusted)


def adjust(p_values: Sequence[float], method: str = "holm") -> Family:
    """Adjust a whole family of p values.

    `holm` (Holm 1979) holds the chance of any false claim, for claims of pass and fail. `bh` (Benjamini and
    Hochberg 1995) holds the expected share of false ones among the rejected, for lists to look through.
    `bonferroni` and `by` (Benjamini and Yekutieli 2001) for comparison. A test that was not run has no place
    here: None and NaN are refused with `ValueError`, never dropped, as dropping would shrink the family.
    """
    raw = tuple(_p_value(number, p) for number, p in enumerate(p_values))
    if not raw:
        message = "a family needs at least one p value, got none"
        raise ValueError(message)
    known = {"holm": _holm, "bh": _bh, "bonferroni": _bonferroni, "by": _by}
    return Family(raw, tuple(checks.method(method, known)(raw)), method)


def _p_value(number: int, p: object) -> float:
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 <= p <= 1:
        message = f"`p_values[{number}]` must be a number from 0 to 1, got {p!r}"
        raise ValueError(message)
    return float(p)


def _order(raw: Sequence[float]) -> list[int]:
    return sorted(range(len(raw)), key=lambda i: raw[i])


def _holm(raw: Sequence[float]) -> list[float]:
    out = [0.0] * len(raw)
    largest = 0.0
    for rank, i in enumerate(_order(raw)):
        largest = max(largest, min(1.0, (len(raw) - rank) * raw[i]))
        out[i] = largest
    return out


def _bonferroni(raw: Sequence[float]) -> list[float]:
    return [min(1.0, len(raw) * p) for p in raw]


def _bh(raw: Sequence[float]) -> list[float]:
    return _step_up(raw, 1.0)


def _by(raw: Sequence[float]) -> list[float]:
    return _step_up(raw, sum(1 / i for i in range(1, len(raw) + 1)))


def _step_up(raw: Sequence[float], factor: float) -> list[float]:
    out = [0.0] * len(raw)
    smallest = 1.0
    order = _order(raw)
    for rank in range(len(raw), 0, -1):
        i = order[rank - 1]
        # p n / n can round to less than p
        smallest = min(smallest, max(raw[i], factor * len(raw) * raw[i] / rank))
        out[i] = smallest
    return out
