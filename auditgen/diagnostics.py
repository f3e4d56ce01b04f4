"""Faults in what a user wrote, as data: a code, a message, the place, and what to do.

The plain writer answers like a good compiler: file, line, column, the line itself, what is wrong,
and a suggestion. Text from outside is stripped of control characters before it reaches a terminal.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a text file. Lines and columns count from 1; the end column is exclusive."""

    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 2


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault, with everything a reader needs to mend it."""

    code: str
    """Stable kebab-case id."""
    message: str
    """What is wrong: lower case, the thing in backticks."""
    file: str = ""
    """Path as the user gave it; empty when there is no file."""
    span: Span = field(default_factory=Span)
    label: str = ""
    """At most six words beside the mark."""
    helps: tuple[str, ...] = ()
    """Next steps; at most two are shown."""
    related: tuple[tuple[Span, str], ...] = ()
    """Other places that matter, each with a few words."""


def printable(text: str) -> str:
    """`text` with control and bidirectional-format characters replaced, safe for a terminal.

    Logs hold attacker-written text: an escape sequence could repaint the screen, a right-to-left
    override could make a file name read as another one.
    """
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_unsafe(char) else char for char in text)


MAX_SHOWN_CHARS, MAX_SHOWN_WORDS = 40, 3
_PRIVATE = re.compile(
    r"@|\+[0-9]|([0-9][ ()./]{0,2}){7}|[0-9]{1,3}([.][0-9]{1,3}){3}|([0-9a-f]{1,4}:){3}"
    r"|(?=[A-Za-z_+/=-]*[0-9])[A-Za-z0-9_+/=-]{20}|Bearer |://",
    re.IGNORECASE,
)
"""What a word of a vocabulary has not, and an address, a telephone number or a credential has."""


def shown_value(raw: str) -> str:
    """A raw value of somebody's log as a message may quote it: a short word, or how long it was.

    Values come from columns that hold prompts, addresses or tokens when a mapping names the wrong one.
    """
    text = printable(raw)
    is_word = len(text) <= MAX_SHOWN_CHARS and len(text.split()) <= MAX_SHOWN_WORDS
    if is_word and not _PRIVATE.search(text):
        return f"`{text}`"
    return f"a text of {len(raw):,} characters"


_MAIL = r"@[A-Za-z0-9-]+([.][A-Za-z0-9-]+)*[.][A-Za-z]{2,}"
_NO_NAME = re.compile(rf"{_MAIL}|[+][0-9]|(?<![A-Za-z0-9.-])0[0-9][0-9 ()/.-]{{6}}|Bearer ", re.IGNORECASE)
MAX_NAME_CHARS, MAX_NAME_WORDS = 200, 5


def shown_name(raw: str) -> str:
    """A name out of somebody's log, such as that of a model, as a report may print it.

    Names are longer than words and have digits. An address, a telephone number or a sentence is none.
    """
    is_name = len(raw) <= MAX_NAME_CHARS and len(raw.split()) <= MAX_NAME_WORDS and not _NO_NAME.search(raw)
    return raw if is_name else f"(a text of {len(raw):,} characters)"


def _is_unsafe(char: str) -> bool:
    if char in "\t\n":
        return False
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co"}


def did_you_mean(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """A help line naming the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, sorted(known), 1, 0.6)
    return (f"did you mean `{near[0]}`?",) if near else ()


def render_plain(diagnostics: Sequence[Diagnostic], texts: dict[str, str]) -> str:
    """All diagnostics as text. `texts` maps file to its content, for showing the lines."""
    ordered = sorted(diagnostics, key=lambda d: (d.file, d.span, d.code))
    return "\n\n".join(_render_one(d, texts.get(d.file, "")) for d in ordered)


def _render_one(diagnostic: Diagnostic, text: str) -> str:
    out = [f"error[{diagnostic.code}]: {printable(diagnostic.message)}"]
    lines = text.split("\n")
    places = sorted([*diagnostic.related, (diagnostic.span, diagnostic.label)])
    width = len(str(max(span.line for span, _ in places)))
    if diagnostic.file:
        span = diagnostic.span
        place = f"{printable(diagnostic.file)}:{span.line}:{span.column}"
        out.append(f"{' ' * width}--> {place}")
    if text:
        out.append(f"{' ' * width} |")
        for span, label in places:
            if span.line > len(lines):
                continue
            line = printable(lines[span.line - 1])
            end = span.end_column if span.end_line == span.line else len(line) + 1
            mark = "^" if span == diagnostic.span else "-"
            out.append(f"{span.line:>{width}} | {line}")
            marks = mark * max(1, min(end, len(line) + 1) - span.column)
            out.append(f"{' ' * width} | {' ' * (span.column - 1)}{marks} {label}".rstrip())
    out += [f"{' ' * width} = help: {printable(text_)}" for text_ in diagnostic.helps[:2]]
    return "\n".join(out)
