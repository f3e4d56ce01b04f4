"""Whether a rate in production moved within the period: a p-chart and a moving average over its days.

The first days set the centre; later days are held against it (Montgomery 2013, 7.2; Roberts 1959 for the
average). Beside them stands an interval that holds however often somebody looks (Howard et al. 2021).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.indicators.inference.charts import Ewma, p_limits
from auditgen.indicators.inference.sequential import confidence_sequence
from auditgen.indicators.model import Quantity
from auditgen.indicators.selection import population, selected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from auditgen.indicators.cells import Cells
    from auditgen.indicators.inference.proportions import Interval
    from auditgen.indicators.model import Measured, Request

MIN_DAYS = 14
"""With fewer days that hold decided records nothing can be said about a change."""
BASE_SHARE = 3
"""The first of this many equal parts of the days sets the centre."""
MIN_BASE = 7
MIN_EXPECTED = 1.0
"""With fewer expected hits (or misses) a day the moving average is too skewed for its limits."""
CHANCE = 2 * 0.00134989803163
"""How often a day lies beyond three standard errors by chance alone."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day's decided records, and where chance alone would have kept their rate."""

    day: date
    hits: int
    decided: int
    lower: float
    upper: float
    signal: str
    """`above`, `below` or nothing; never of a day that set the centre."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A rate over the days of the period."""

    days: tuple[Day, ...]
    base: int
    """How many of the first days set the centre."""
    centre: float
    is_smooth: bool
    """Whether enough is expected of a day for a moving average."""
    moved: Mapping[str, date]
    """By direction, `above` or `below`: the first day on which it left its limits that way."""
    sequence: Interval
    """Of all days together; it holds at every look."""

    @property
    def signals(self) -> tuple[Day, ...]:
        """The days beyond the limits."""
        return tuple(day for day in self.days if day.signal)


def drift_of(cells: Cells, request: Request, measured: Measured) -> Drift | None:
    """The days of a monitored rate; None where there are too few, or where the log is a sample.

    A sampled log's days weigh differently; the limits here are for plain counts.
    """
    indicator = request.indicator
    if (
        indicator.records != "monitoring"
        or indicator.shape != "rate"
        or indicator.interval == "census"
        or not isinstance(measured, Quantity)
        or len(measured.rates) > 1
    ):
        return None
    return chart(_daily(cells, request))


def chart(counts: Sequence[tuple[date, int, int]]) -> Drift | None:
    """The same for (day, hits, decided), in the order of days; days without decided records are left out."""
    filled = [(day, k, n) for day, k, n in counts if n > 0]
    if len(filled) < MIN_DAYS:
        return None
    base = max(MIN_BASE, len(filled) // BASE_SHARE)
    hits, total = sum(k for _, k, _ in filled[:base]), sum(n for _, _, n in filled[:base])
    # a first phase without hits, or without misses, does not show a rate of exactly 0 or 1
    centre = hits / total if 0 < hits < total else (hits + 0.5) / (total + 1)
    is_smooth = total / base * min(centre, 1 - centre) >= MIN_EXPECTED
    average = Ewma(0.0, 1.0)
    moved: dict[str, date] = {}
    days = []
    for number, (day, k, n) in enumerate(filled):
        lower, upper, _ = p_limits(centre, n)
        rate = k / n
        signal = ""
        if number >= base:
            signal = "above" if rate > upper else "below" if rate < lower else ""
            average = average.update((rate - centre) / math.sqrt(centre * (1 - centre) / n))
            if is_smooth and average.signal:
                moved.setdefault(average.signal, day)
        days.append(Day(day, k, n, lower, upper, signal))
    whole = confidence_sequence(sum(k for _, k, _ in filled), sum(n for _, _, n in filled))
    return Drift(tuple(days), base, centre, is_smooth, moved, whole)


def _daily(cells: Cells, request: Request) -> list[tuple[date, int, int]]:
    """(day, hits, decided) in UTC; a line of the view `observation` never spans two days of a log."""
    about, inside = population(request), selected(request.indicator.denominator)
    hit = selected(request.indicator.numerator)
    found = cells.evidence.count(
        f"SELECT first_at::DATE AS day, coalesce(sum(n) FILTER (WHERE {hit.sql}), 0)::BIGINT,"
        f" sum(n)::BIGINT FROM observation WHERE {about.sql} AND {inside.sql} AND first_at IS NOT NULL"
        " GROUP BY day ORDER BY day",
        [*hit.parameters, *about.parameters, *inside.parameters],
    )
    return [(day, int(str(k)), int(str(n))) for day, k, n in found]  # type: ignore[misc]
