"""A trace in words, for a person at a terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from auditgen.cli.gate_text import WIDTH, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditgen.assessment.trace_values import Considered, Number, Trace

MAX_SHOWN = 40
_HEADS = {"control": "What decides:", "finding": "What it does:"}


def text(trace: Trace, figure: str) -> str:
    """The whole trace. `figure`: the report's own words for the number; empty where there is none."""
    verdict = trace.verdict.replace("_", " ")
    if trace.underlying:
        verdict += f" ({trace.underlying.replace('_', ' ')} without the waiver)"
    name = f"{trace.kind} {trace.id}"
    out = [*_wrapped(f"{name}, {trace.title}: {verdict}", "", "  "), ""]
    parts: list[tuple[str, Iterable[str]]] = [
        ("Number", [figure] if figure else []),
        ("Because", trace.reasons),
        ("Declared", [*(f"{key}: {said}" for key, said in trace.declared if said), *_digest(trace)]),
        ("Looked at", [_considered(item) for item in trace.considered]),
        (
            "Left out",
            [
                f"{item.what}: {item.why}{'' if item.n is None else f' ({item.n:,})'}"
                for item in trace.left_out
            ],
        ),
        ("Bounds", [_number(number) for number in trace.numbers]),
        ("Comments", trace.comments),
    ]
    for title, lines in parts:
        out += _part(title, list(lines))
    out.append(_HEADS.get(trace.kind, "What decides, the first that applies:"))
    for number, step in enumerate(trace.precedence, 1):
        mark = "→" if step.decided else " "
        out += _wrapped(step.rule, f"  {mark} {number}. ", "       ")
    out.append("")
    out += _part("What would change it", trace.changes)
    out += _part("What would not", trace.keeps)
    return "\n".join(out)


def _digest(trace: Trace) -> Iterator[str]:
    if trace.digest:
        yield f"SHA-256 of the declaration: {trace.digest}"


def _part(title: str, lines: Iterable[str]) -> Iterator[str]:
    shown = list(lines)
    if not shown:
        return
    yield f"{title}:"
    for line in shown[:MAX_SHOWN]:
        yield from _wrapped(line, "  - ", "    ")
    if len(shown) > MAX_SHOWN:
        yield f"  and {len(shown) - MAX_SHOWN} more; see --format json"
    yield ""


def _considered(item: Considered) -> str:
    size = "" if item.n is None else f", {item.n:,} {'decided in it' if item.kind == 'file' else 'in all'}"
    digest = f", SHA-256 {item.sha256}" if item.sha256 else ", no digest"
    of = f" ({item.of})" if item.of else ""
    said = f"; {item.detail}" if item.detail else ""
    return f"{item.kind} {item.name}{of}{size}{digest if item.kind in {'file', 'document'} else ''}{said}"


def _number(number: Number) -> str:
    parts = []
    if number.numerator is not None:
        parts.append(f"{number.numerator:,}/{number.denominator:,}")
    elif number.denominator is not None:
        parts.append(f"over {number.denominator:,} samples")
    if number.estimate is not None:
        parts.append(f"{number.estimate * 100:.2f} {'points' if number.name == 'difference' else '%'}")
    if number.lower is not None and number.upper is not None:
        parts.append(f"[{number.lower * 100:.2f}, {number.upper * 100:.2f}]")
    return f"{number.name}: {', '.join(parts)}"


def _wrapped(said: str, first: str, then: str) -> list[str]:
    return textwrap.wrap(
        plain(said), WIDTH, initial_indent=first, subsequent_indent=then, break_on_hyphens=False
    )
