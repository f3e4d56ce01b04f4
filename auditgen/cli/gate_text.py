"""The gate in words: for a person at a terminal, and as commands of GitHub's workflow log."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

import click

from auditgen.diagnostics import printable
from auditgen.report.gate import Gate, Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditgen.diagnostics import Span
    from auditgen.report.gate import Doubt

WIDTH = 100
MIN_WIDTH = 60
SHAPES = {"bad": "✗", "good": "✓", "comment": "●", "gap": "▲", "none": "◌"}
"""The shape says what the colour says; the word beside it says it as well."""
COLOURS = {"bad": "red", "good": "green", "comment": "blue", "gap": "yellow", "none": "bright_black"}
WEIGHTS = {"high": "bad", "medium": "gap", "low": "comment", "note": "none"}
MAX_FINDINGS, MAX_CONTROLS = 20, 40


def text(gate: Gate) -> str:
    """Criteria worst first, findings by weight, then the result; with colours, which a pipe must not get."""
    width = min(WIDTH, max(MIN_WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns))
    if not sys.stdout.isatty():
        width = WIDTH
    meta = gate.meta
    period = f"{meta['period_start']} to {meta['period_end']}, as of {meta['as_of']}"
    out = [f"{plain(meta['system'])}, {period}", ""]
    for line in gate.criteria:
        out += _entry(line.status.tone, line.status.word, line.id, _said(line), width)
    out += _controls(gate, width)
    if gate.findings:
        out.append("")
    for doubt in gate.findings[:MAX_FINDINGS]:
        out += _finding(doubt, width)
    left = len(gate.findings) - MAX_FINDINGS
    if left > 0:
        out.append(f"  and {left} lighter findings; see --format json")
    out += ["", *textwrap.wrap(plain(f"{gate.result} (exit code {int(gate.exit_code)})"), width)]
    return "\n".join(out) + "\n"


def _said(line: Line) -> str:
    return "; ".join(part for part in (line.number, line.reason, line.more) if part)


def _controls(gate: Gate, width: int) -> Iterator[str]:
    if not gate.control_tally:
        return
    yield ""
    shown = [line for line in gate.controls if line.blocks or line.status.code == "waived"]
    for line in shown[:MAX_CONTROLS]:
        was = f"; {line.underlying.word} without the waiver" if line.underlying else ""
        yield from _entry(line.status.tone, line.status.word, line.id, f"{line.reason}{was}", width)
    if len(shown) > MAX_CONTROLS:
        yield f"  and {len(shown) - MAX_CONTROLS} more controls; see --format json"
    tally = ", ".join(f"{number} {word}" for word, number in gate.control_tally)
    total = sum(number for _, number in gate.control_tally)
    yield from textwrap.wrap(f"controls: {tally}, of {total}", width)


def _finding(doubt: Doubt, width: int) -> list[str]:
    view = doubt.view
    source = f" in {view.source_id}" if view.source_id else ""
    said = f"{view.title}{source}: {view.detail}"
    return _entry(WEIGHTS[view.severity], view.severity, f"{view.id} {view.code}", said, width)


def _entry(tone: str, word: str, name: str, said: str, width: int) -> list[str]:
    """`✗ not met  NAME  what is to be said`, broken at `width`."""
    head = f"{SHAPES[tone]} {word}"
    body = textwrap.wrap(
        plain(f"{name}: {said}"),
        width - 2,
        initial_indent=" " * (len(head) + 2),
        subsequent_indent="    ",
        break_on_hyphens=False,
    )
    coloured = click.style(head, fg=COLOURS[tone], bold=tone == "bad")
    return [coloured + body[0][len(head) :], *body[1:]]


def plain(said: str) -> str:
    """Text from logs on one line, without anything that moves the cursor."""
    return " ".join(printable(said).split())


def github(gate: Gate, audit: str, places: Mapping[str, Span]) -> str:
    """Workflow commands, one to a line, then the result. What fails the gate is an error."""
    out = []
    for line in (*gate.criteria, *(c for c in gate.controls if c.blocks)):
        if line.status.code == "met":
            continue
        kind = "error" if line.blocks else "notice"
        place = places.get(line.id) or places.get(line.principle)
        said = _said(line)
        out.append(_command(kind, audit, place, f"{line.id} {line.status.word}", said))
    for doubt in gate.findings:
        view = doubt.view
        kind = "error" if doubt.blocks else "warning" if view.severity in {"high", "medium"} else "notice"
        said = f"{view.detail} Ask: {view.ask}"
        out.append(_command(kind, audit, places.get(view.source_id), f"{view.id} {view.title}", said))
    kind = "error" if gate.exit_code else "notice"
    out.append(_command(kind, audit, None, "auditgen", f"{gate.result} (exit code {int(gate.exit_code)})"))
    return "\n".join(out) + "\n"


def _command(kind: str, audit: str, place: Span | None, title: str, said: str) -> str:
    """One command. Whatever could end it, or begin another one, is escaped (GitHub's own rules)."""
    where = f"file={_property(audit)}"
    if place is not None:
        where += f",line={place.line},col={place.column},endLine={place.end_line}"
    return f"::{kind} {where},title={_property(title)}::{_data(said)}"


def _data(said: str) -> str:
    return "%0A".join(part.replace("%", "%25") for part in printable(said).splitlines())


def _property(said: str) -> str:
    return _data(said).replace(":", "%3A").replace(",", "%2C")
