"""The claims ladder in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.report.figures import Status
from auditgen.report.model import LadderView, RungView

if TYPE_CHECKING:
    from auditgen.assessment.ladder import Ladder

REACHED = Status(code="reached", word="reached", tone="comment")
NOT_REACHED = Status(code="not_reached", word="not reached", tone="none")
STANDS_ALONE = Status(code="not_standing", word="shown, but not standing on the rung below", tone="none")


def ladder_view(ladder: Ladder | None) -> LadderView | None:
    """The rungs, the highest that is reached, and what the next one needs."""
    if ladder is None:
        return None
    rungs = []
    for number, rung in enumerate(ladder.rungs, 1):
        status = REACHED if number <= ladder.highest else STANDS_ALONE if rung.is_reached else NOT_REACHED
        rungs.append(RungView(number=number, title=rung.title, status=status, reason=rung.reason))
    highest = ladder.highest
    if highest:
        text = f"The evidence reaches rung {highest} of {len(rungs)}: {ladder.rungs[highest - 1].title}."
    else:
        text = f"The evidence reaches none of {len(rungs)} rungs: it is no evidence of alignment faking."
    if highest < len(rungs):
        text += f" The next, {ladder.rungs[highest].title}: {ladder.rungs[highest].reason}."
    return LadderView(highest=highest, text=text, rungs=tuple(rungs))
