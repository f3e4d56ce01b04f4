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

    from auditgen.indicators.cells import Cells, Flags
    from auditgen.indicators.model import Request

MAX_VALUES = 1000
"""Of a field with more values no breakdown is made, and that is told: it looks like an id, not a category."""
JOINED = " \N{MULTIPLICATION SIGN} "
"""Between the fields, and the values, of a breakdown by several."""
FALSE_DISCOVERIES = 0.05
"""Share of false ones among the values that are named as breaches."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value of a field."""

    value: str
    """Of several fields, joined."""
    quantity: Quantity


@dataclass(frozen=True, slots=True)
class Breakdown:
    """All values of one field, or of several together, that hold a decided record, worst first."""

    by: str
    rows: tuple[Row, ...]
    uncounted: int = 0
    """How many values there are, where they are too many to be told apart; there are no rows then."""
    empty: tuple[str, ...] = ()
    """Values whose records are all undecided or failed."""


def break_down(cells: Cells, request: Request) -> tuple[Breakdown, ...]:
    """A rate by each field that its indicator names, and by all of them together where it says so.

    Fields that the request selects on, and fields with one value only, are left out. One with more than
    `MAX_VALUES` has no rows, and says how many values it has.
    """
    indicator = request.indicator
    if indicator.shape != "rate":
        return ()
    inside = about(cells, request) & cells.where(selected(indicator.denominator))
    values = {
        field: len([value for value in cells.tally(field, inside) if value])
        for field in indicator.slices
        if field not in request.where
    }
    fields = [field for field, number in values.items() if 1 < number <= MAX_VALUES]
    found = [_by(cells, request, inside, (field,)) for field in fields]
    out = [
        replace(breakdown, empty=_undecided_values(cells, request, breakdown))
        for breakdown in found
        if breakdown is not None
    ]
    # told, not passed over: an average may hide what no breakdown shows
    out += [Breakdown(field, (), number) for field, number in values.items() if number > MAX_VALUES]
    if indicator.crossed and len(fields) > 1:
        crossed = _by(cells, request, inside, tuple(fields))
        # no finer than one of the fields alone, it would say the same twice
        if crossed is not None and (
            crossed.uncounted or len(crossed.rows) > max((len(b.rows) for b in out), default=0)
        ):
            out.append(crossed)
    return tuple(out)


def _undecided_values(cells: Cells, request: Request, breakdown: Breakdown) -> tuple[str, ...]:
    """Values that some record has, and no decided one."""
    seen = {row.value for row in breakdown.rows}
    return tuple(v for v in cells.tally(breakdown.by, about(cells, request)) if v and v not in seen)


def _by(cells: Cells, request: Request, inside: Flags, names: tuple[str, ...]) -> Breakdown | None:
    """The rate for each combination of values that occurs; None where there is only one."""
    import numpy as np

    codes = np.stack([cells.codes[name][inside & (cells.records > 0)] for name in names], axis=1)
    values = [
        tuple(cells.words[name][code] for name, code in zip(names, row, strict=True))
        for row in np.unique(codes, axis=0).tolist()
    ]
    filled = [tuple(map(str, value)) for value in values if all(value)]
    if len(filled) < 2:
        return None
    if len(filled) > MAX_VALUES:
        return Breakdown(JOINED.join(names), (), len(filled))
    # by number: a value that holds the sign between values must not stand for another one
    asked = {
        str(number): replace(request, id=str(number), where={**request.where, **_only(names, chosen)})
        for number, chosen in enumerate(filled)
    }
    measured = measure(cells, list(asked.values()))
    rows = [
        Row(JOINED.join(filled[int(number)]), quantity)
        for number, quantity in measured.items()
        if isinstance(quantity, Quantity)
    ]
    sign = -1 if request.indicator.better == "lower" else 1
    rows.sort(key=lambda row: (sign * row.quantity.estimate, -row.quantity.denominator, row.value))
    return Breakdown(JOINED.join(names), tuple(rows))


def _only(names: Sequence[str], values: Sequence[str]) -> dict[str, tuple[str, ...]]:
    return {name: (value,) for name, value in zip(names, values, strict=True)}


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
    hits = round(arm.estimate * n, 9)  # 28 of 41 times 41 is a little more than 28
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
