"""A rate by the values of one field: the same counting and the same intervals as the whole, worst first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditgen.diagnostics import shown_name
from auditgen.indicators.counters import about
from auditgen.indicators.inference.distributions import binomial_cdf
from auditgen.indicators.inference.multiplicity import adjust
from auditgen.indicators.measuring import measure
from auditgen.indicators.model import Quantity
from auditgen.indicators.selection import selected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.indicators.cells import Cells
    from auditgen.indicators.model import Request

MAX_VALUES = 1000
"""Of a field with more values no breakdown is made: it is an id, not a category."""
FALSE_DISCOVERIES = 0.05
"""Share of false ones among the values that are named as breaches."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value of a field."""

    value: str
    """Empty where the field is not filled in."""
    quantity: Quantity


@dataclass(frozen=True, slots=True)
class Breakdown:
    """All values of one field that hold a decided record, worst first."""

    by: str
    rows: tuple[Row, ...]


def break_down(cells: Cells, request: Request) -> tuple[Breakdown, ...]:
    """A rate by each field that its indicator names; fields that the request selects on are left out."""
    indicator = request.indicator
    if indicator.shape != "rate":
        return ()
    inside = about(cells, request) & cells.where(selected(indicator.denominator))
    out = []
    for field in indicator.slices:
        values = [value for value in cells.tally(field, inside) if value]
        if field in request.where or not 1 < len(values) <= MAX_VALUES:
            continue
        asked = [
            replace(request, id=value, where={**request.where, field: (value,)}) for value in values
        ]
        found = measure(cells, asked)
        rows = [Row(name, quantity) for name, quantity in found.items() if isinstance(quantity, Quantity)]
        sign = -1 if indicator.better == "lower" else 1
        rows.sort(key=lambda row: (sign * row.quantity.estimate, -row.quantity.denominator, row.value))
        out.append(Breakdown(field, tuple(rows)))
    return tuple(out)


def breaches(breakdown: Breakdown, operator: str, limit: float) -> tuple[Row, ...]:
    """The values that lie on the wrong side of a limit by themselves, however good the whole is.

    One-sided binomial tests of the decided records (on effective sizes where prompts are repeated), with the
    share of false discoveries held by Benjamini and Hochberg over all values of the breakdown.
    """
    if operator not in {"at_least", "at_most"}:
        return ()
    p_values = [_p_value(row, operator, limit) for row in breakdown.rows]
    if not p_values:
        return ()
    found = adjust(p_values, "bh").rejected(FALSE_DISCOVERIES)
    return tuple(row for row, is_breach in zip(breakdown.rows, found, strict=True) if is_breach)


def _p_value(row: Row, operator: str, limit: float) -> float:
    """How likely so many hits, or more, are at the limit itself; for `at_least`, so few or fewer."""
    [arm] = row.quantity.arms
    n = max(1, int(arm.effective_size))
    hits = arm.estimate * n
    if operator == "at_most":
        return 1.0 if hits <= 0 else binomial_cdf(n - int(hits), n, 1 - limit)
    return binomial_cdf(-int(-hits // 1), n, limit)


def listed(rows: Sequence[Row], most: int) -> str:
    """`cyber 12/40, fraud 3/9 and 2 more`, for sentences."""
    shown = [
        f"{shown_name(row.value)} {row.quantity.numerator:,}/{row.quantity.denominator:,}"
        for row in rows[:most]
    ]
    more = f" and {len(rows) - most:,} more" if len(rows) > most else ""
    return ", ".join(shown) + more
