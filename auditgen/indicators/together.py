"""Criteria held at once: which still hold when the chance of any false claim among them is bounded.

Each criterion by itself is wrong with the chance its confidence leaves. Of twenty such claims one is expected
to be wrong. Holm (1979) bounds the chance that any of the family is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditgen.indicators.model import Quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from auditgen.indicators.model import Measured, Request


@dataclass(frozen=True, slots=True)
class Together:
    """A family of criteria, judged as one."""

    size: int
    """Criteria that test something, those without a number among them; complete counts test nothing."""
    held: frozenset[str]
    """Ids of those that hold for the whole family."""


NO_FAMILY = Together(0, frozenset())


def held_together(
    requests: Sequence[Request],
    measured: Mapping[str, Measured],
    again: Callable[[Sequence[Request]], Mapping[str, Measured]],
    holds: Callable[[str, Quantity], bool],
) -> Together:
    """Holm's procedure by intervals: of m criteria not yet held, each must hold at 1 - alpha / m.

    `again` measures requests anew (at another confidence), `holds` says whether a criterion, by id, is
    satisfied by a number. alpha is what each criterion's own confidence leaves. A criterion that was not
    measured stays in the family: dropping it would make the others look surer.
    """
    family = [r for r in requests if not _is_census(measured[r.id])]
    open_ = {r.id: r for r in family}
    held: set[str] = set()
    while open_:
        count = len(open_)
        asked = [
            replace(r, confidence=1 - (1 - r.confidence) / count)
            for r in open_.values()
            if isinstance(measured[r.id], Quantity)
        ]
        found = again(asked) if count > 1 else {r.id: measured[r.id] for r in asked}
        new = [name for name, q in found.items() if isinstance(q, Quantity) and holds(name, q)]
        if not new:
            break
        held.update(new)
        for name in new:
            del open_[name]
    return Together(len(family), frozenset(held))


def _is_census(measured: Measured) -> bool:
    return isinstance(measured, Quantity) and measured.interval is None
