"""Whether workbooks belong together, and where their labels differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.worksheet.faults import Fault
from auditgen.worksheet.labels import KEEP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.worksheet.labels import Filled


def apart(filled: Sequence[Filled]) -> dict[int, Fault]:
    """By the place in the list: why a workbook does not belong to the first sound one."""
    out: dict[int, Fault] = {}
    first: Filled | None = None
    coders: set[int] = set()
    for number, one in enumerate(filled):
        if one.task is None:
            continue
        if first is None:
            first = one
        elif one.task != first.task:
            message = "it holds another sample than the first workbook: both must come from one export"
            out[number] = Fault("labels-other-sample", message, KEEP)
        elif one.coder in coders:
            message = (
                f"it is the workbook of coder {one.coder}, as one before it: each coder needs an own one"
            )
            out[number] = Fault("labels-same-coder", message, KEEP)
        coders.add(one.coder)
    return out


def disputed(first: Filled, second: Filled) -> list[str]:
    """Items that both coders labelled, differently, in order."""
    both = first.labels.keys() & second.labels.keys()
    return sorted(item for item in both if first.labels[item] != second.labels[item])
