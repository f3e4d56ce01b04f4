"""Quantities that rest on published counts: which figures, and never together with records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditgen.evidence.published import KIND
from auditgen.indicators.counters import about
from auditgen.indicators.model import Quantity, Unmeasured
from auditgen.indicators.selection import population

if TYPE_CHECKING:
    from auditgen.evidence.published import PublishedFigure
    from auditgen.indicators.cells import Cells
    from auditgen.indicators.model import Measured, Request


def pooled(cells: Cells, request: Request) -> Unmeasured | None:
    """Why nothing is measured, where a request holds records and published counts at once."""
    if not cells.evidence.published:
        return None
    kinds = {kind for kind, number in cells.tally("kind", about(cells, request)).items() if number}
    if KIND not in kinds or kinds == {KIND}:
        return None
    reason = "records and published counts stand side by side here, and are never counted together"
    return Unmeasured(request, reason, "sources of one kind in each criterion")


def with_figures(cells: Cells, measured: Measured) -> Measured:
    """The same, and the published figures that it rests on."""
    if not cells.evidence.published or not isinstance(measured, Quantity):
        return measured
    return replace(measured, published=figures_of(cells, measured.request))


def figures_of(cells: Cells, request: Request) -> tuple[PublishedFigure, ...]:
    """The published figures that a request is about, in order."""
    arms = request.indicator.arms
    sides = [None] if arms is None else [arms.first, arms.second]
    numbers: set[int] = set()
    for side in sides:
        query = population(request, side)
        rows = cells.evidence.count(
            f"SELECT DISTINCT figure FROM published WHERE {query.sql}", query.parameters
        )
        numbers |= {int(str(number)) for (number,) in rows}
    return tuple(cells.evidence.published[number] for number in sorted(numbers))
