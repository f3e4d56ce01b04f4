"""How many records a question needs, before anybody looks at the data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.indicators.inference import checks
from auditgen.indicators.inference.distributions import normal_tail, one_sided_quantile
from auditgen.indicators.inference.proportions import trials_to_show

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One line of the sample-size table; sizes are whole numbers per arm."""

    rate: float
    difference: float
    to_show_a_difference: int
    """To find this difference from the rate, if it is there."""
    to_show_equivalence: int
    """To show a difference below this one, if there is none."""
    power: float
    alpha: float


def required_n(p1: float, p2: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """Records per arm to find that p1 and p2 differ, two-sided at `alpha`, with this power; rounded up.

    Independent records: repeats of a prompt count for less (`clusters.effective_size`). Raises `ValueError`
    for equal rates, which no sample tells apart.
    """
    return math.ceil(size_for_difference(p1, p2, power=power, alpha=alpha))


def required_n_equivalence(p: float, margin: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """Records per arm to show |p1 - p2| < `margin` where both rates are `p`; rounded up."""
    return math.ceil(size_for_equivalence(p, margin, power=power, alpha=alpha))


def required_n_zero_events(limit: float, confidence: float = 0.95) -> int:
    """Records without a single event that show a rate of at most `limit`, one-sided."""
    return trials_to_show(limit, confidence)


def size_for_difference(p1: float, p2: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """The size before rounding (Fleiss, Levin and Paik 2003, 4.2; pooled variance under equality)."""
    checks.fraction("p1", p1)
    checks.fraction("p2", p2)
    if p1 == p2:
        message = f"no number of records shows a difference between equal rates, got {p1!r} twice"
        raise ValueError(message)
    mean = (p1 + p2) / 2
    under_equality = math.sqrt(2 * mean * (1 - mean))
    as_planned = math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    z_alpha, z_power = _two_sided(alpha), one_sided_quantile(checks.fraction("power", power, open_=True))
    return ((z_alpha * under_equality + z_power * as_planned) / (p1 - p2)) ** 2


def size_for_equivalence(p: float, margin: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Before rounding: 2pq (z_{1-alpha} + z_{1-beta/2})^2 / margin^2 (Chow, Shao, Wang 2008, 4.2)."""
    checks.fraction("p", p, open_=True)
    checks.fraction("margin", margin, open_=True)
    z_alpha = one_sided_quantile(1 - checks.fraction("alpha", alpha, open_=True))
    z_power = one_sided_quantile((1 + checks.fraction("power", power, open_=True)) / 2)
    return 2 * p * (1 - p) * ((z_alpha + z_power) / margin) ** 2


def achieved_power(p1: float, p2: float, n: int, alpha: float = 0.05) -> float:
    """The chance to find that p1 and p2 differ with `n` records per arm (the inverse of `required_n`).

    For rates planned beforehand. With the observed ones it would only repeat the p value.
    """
    checks.fraction("p1", p1)
    checks.fraction("p2", p2)
    size = checks.whole("n", n, least=1)
    z_alpha = _two_sided(alpha)
    mean = (p1 + p2) / 2
    as_planned = math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    away = abs(p1 - p2) * math.sqrt(size) - z_alpha * math.sqrt(2 * mean * (1 - mean))
    if as_planned == 0:  # both rates at 0 or 1: no chance is left
        return 1.0 if away > 0 else 0.0
    return normal_tail(-away / as_planned)


def plan(
    rates: Iterable[float],
    differences: Iterable[float],
    *,
    power: float = 0.8,
    alpha: float = 0.05,
) -> tuple[PlanRow, ...]:
    """The sample-size table: every rate with every difference that keeps it above 0.

    The other rate is `rate - difference`.
    """
    wanted = tuple(differences)
    return tuple(
        PlanRow(
            rate,
            difference,
            required_n(rate, rate - difference, power=power, alpha=alpha),
            required_n_equivalence(rate, difference, power=power, alpha=alpha),
            power,
            alpha,
        )
        for rate in rates
        for difference in wanted
        if rate - difference >= 0
    )


def _two_sided(alpha: float) -> float:
    return one_sided_quantile(1 - checks.fraction("alpha", alpha, open_=True) / 2)
