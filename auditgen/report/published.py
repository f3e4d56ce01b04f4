"""Published counts in words: said beside each number that rests on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditgen.evidence.model import PublishedCount
    from auditgen.indicators import Quantity

NOTE = "counts as published, records not seen"
KNOWN = {
    "printed": "count printed",
    "unique": "the only count that gives the printed percentage",
}


def noted(text: str, quantity: Quantity) -> str:
    """A number in words, with what must stand beside it; unchanged where its records were read."""
    return f"{text} ({NOTE})" if quantity.published else text


def caveats(quantity: Quantity) -> Iterator[str]:
    """Where each figure stands, how its count is known, and what nobody can know of it."""
    if not quantity.published:
        return
    places: dict[str, list[str]] = {}
    assumptions: dict[str, list[str]] = {}
    for figure in quantity.published:
        count = figure.count
        said = "" if count.is_sound else ", contradicted, decides nothing"
        again = ", a repetition, not counted" if figure.is_copy else ""
        places.setdefault(f"{count.paper}, {count.place}", []).append(f"{_figure(count)}{said}{again}")
        if count.assumption is not None:
            assumptions.setdefault(count.assumption, []).append(f"{count.figure_id}")
    listed = " ".join(f"{place}: {'; '.join(figures)}." for place, figures in places.items())
    yield f"{NOTE[0].upper()}{NOTE[1:]}. {listed}"
    for assumption, ids in assumptions.items():
        yield f"Inferred, not printed ({', '.join(ids)}): {assumption.rstrip('.')}."
    yield (
        "Which of these counts are repeats of one prompt, or answers to the same prompt in both arms, is not "
        "known; the interval takes all of them as independent."
    )


def _figure(count: PublishedCount) -> str:
    """`t5-free: refused 324/400 monitored, 81.0 % printed, count inferred`."""
    arm = "" if count.watch_basis is None else f" {count.watch.value}"
    printed = "" if count.percentage is None else f", {count.percentage} % printed"
    error = "" if count.standard_error is None else f" with a standard error of {count.standard_error}"
    known = KNOWN.get(count.known, "count inferred")
    what = count.counted.replace("_", " ")
    return f"{count.figure_id}: {what} {count.numerator:,}/{count.n:,}{arm}{printed}{error}, {known}"
