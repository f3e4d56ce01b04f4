"""A comparison in words, for a person at a terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from auditgen.cli.gate_text import COLOURS, SHAPES, WIDTH, plain
from auditgen.report.comparing import KINDS, UNCHANGED, by_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditgen.report.comparing import Comparison, Shift

TITLES = {
    "principle": "Conclusions",
    "criterion": "Criteria",
    "control": "Controls",
    "checklist": "Checklists",
    "finding": "Findings",
}
MAX_SHOWN = 60


def text(comparison: Comparison, states: tuple[str, str]) -> str:
    """What changed, newly broken first; criteria always with both numbers."""
    out = []
    for word, side, state in zip(("old", "new"), (comparison.old, comparison.new), states, strict=True):
        out += _wrapped(f"{word}: {side.report_id}, {side.system}, {side.period}; {state}", "", "     ")
    for note in comparison.notes:
        out += _wrapped(f"note: {note}", "", "      ")
    for kind in KINDS:
        found = by_kind(comparison.shifts, kind)
        shown = [s for s in found if kind == "criterion" or s.word != UNCHANGED]
        same = len(found) - len(shown)
        out += ["", f"{TITLES[kind]}:"]
        for shift in shown[:MAX_SHOWN]:
            out += _entry(shift)
        if len(shown) > MAX_SHOWN:
            out.append(f"  and {len(shown) - MAX_SHOWN} more; see --format json")
        if same:
            out.append(f"  {same} unchanged")
        if not found:
            out.append("  no difference" if kind in {"checklist", "finding"} else "  none in either report")
    return "\n".join(out) + "\n"


def _entry(shift: Shift) -> Iterator[str]:
    # what is gone holds no verdict any more: its old one must not read as praise
    tone = shift.now.tone if shift.now else "gap" if shift.is_worse else "none"
    was = _statuses(shift)
    head = f"{SHAPES[tone]} {shift.word}"
    name = f": {shift.id} {shift.title}{was}" if shift.title != shift.id else f": {shift.id}{was}"
    lines = _wrapped(f"{head}{name}", "  ", "      ")
    styled = click.style(head, fg=COLOURS[tone], bold=shift.is_worse)
    yield lines[0].replace(head, styled, 1)
    yield from lines[1:]
    for label, said in (("was", shift.was_text), ("is", shift.now_text)):
        if said:
            yield from _wrapped(f"{label}: {said}", "      ", "        ")
    if shift.change:
        yield from _wrapped(shift.change, "      ", "        ")
    for said in shift.definitions:
        yield from _wrapped(said, "      * ", "        ")


def _statuses(shift: Shift) -> str:
    if shift.was and shift.now:
        return f" (was {shift.was.word})" if shift.was.code != shift.now.code else f" ({shift.now.word})"
    return f" (was {shift.was.word})" if shift.was else f" ({shift.now.word})" if shift.now else ""


def _wrapped(said: str, first: str, then: str) -> list[str]:
    return textwrap.wrap(
        plain(said), WIDTH, initial_indent=first, subsequent_indent=then, break_on_hyphens=False
    )
