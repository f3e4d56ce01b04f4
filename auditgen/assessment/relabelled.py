"""Labels by people as they bear on a verdict: they can take a `met` away, and never give one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from auditgen.indicators.relabelling import Refused, Relabelling
from auditgen.project.relabelled import RelabelledBlock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.project.model import Criterion

MAX_PLACES = 6


@dataclass(frozen=True, slots=True)
class RelabelFile:
    """One workbook as it was handed in."""

    name: str
    sha256: str
    """Empty where it could not be read."""
    by: str
    """Who filled it in, with the role."""


@dataclass(frozen=True, slots=True)
class RelabelRecord:
    """One block of `relabelled`: what came of it, or why nothing in it counts."""

    block: RelabelledBlock
    files: tuple[RelabelFile, ...]
    result: Relabelling | None = None
    faults: tuple[str, ...] = ()
    """Every reason why nothing in it counts; empty where it does."""
    seed: int = 0
    population: int = 0
    """Records that the sample was drawn from."""
    words: tuple[str, str] = ("yes", "no")
    """The labels: what the numerator counts, and what it does not."""


def unconfirmed(criterion: Criterion, records: Sequence[RelabelRecord]) -> list[str]:
    """Why a criterion that is met by a judge's labels is not shown to be met by people's.

    A relabelling that was declared and cannot be used is missing evidence: leaving it out must not help.
    """
    out = []
    for record in records:
        name = f"labels by people ({record.block.id})"
        if record.result is None:
            reason = record.faults[0] if record.faults else "nothing was read"
            out.append(f"{name} were declared and cannot be used: {reason}")
            continue
        worst = record.result.worst
        if isinstance(worst, Refused):
            out.append(f"{name} do not allow a correction for the judge's errors: {worst.message}")
            continue
        limit = criterion.threshold
        tail = " when corrected for the judge's errors"
        if criterion.operator == "at_least" and worst.interval.lower < limit:
            bound = _percent(worst.interval.lower, limit)
            out.append(f"{name}: the lower bound {bound} stays below {criterion.limit}{tail}")
        elif criterion.operator == "at_most" and worst.interval.upper > limit:
            bound = _percent(worst.interval.upper, limit)
            out.append(f"{name}: the upper bound {bound} exceeds {criterion.limit}{tail}")
        elif criterion.operator == "within":
            out.append(f"{name}: a gap is not corrected for the judge's errors")
    return out


def _percent(value: float, limit: float) -> str:
    """With as few decimals as it needs not to look like the threshold."""
    wanted = Decimal(repr(limit)) * 100
    for places in range(1, MAX_PLACES):
        text = f"{value * 100:.{places}f}"
        if Decimal(text) != wanted:
            return f"{text} %"
    return f"{value * 100:.{MAX_PLACES}f} %"
