"""YAML with its reasons beside it: entries on the left, comments in a column of their own."""

from __future__ import annotations

import json
import re
import textwrap
from dataclasses import dataclass, field

from auditgen.diagnostics import printable

COMMENT_AT, WIDTH = 46, 110
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*([./@-][A-Za-z0-9_]+)*")
_RESERVED = frozenset({"true", "false", "yes", "no", "on", "off", "null", "none", "y", "n", "todo"})


def scalar(text: str) -> str:
    """A text as YAML reads it back, and not as anything but a text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


@dataclass
class Lines:
    """The lines of a suggestion."""

    out: list[str] = field(default_factory=list)

    def entry(self, indent: int, text: str, comment: str = "") -> None:
        """An entry; a comment that does not fit beside it goes on in the lines below."""
        line = f"{' ' * indent}{text}"
        if not comment:
            self.out.append(line)
            return
        place = max(COMMENT_AT, len(line) + 2)
        room = WIDTH - place - 2
        parts = textwrap.wrap(
            _one_line(comment), max(room, 30), break_long_words=False, break_on_hyphens=False
        )
        self.out.append(f"{line:<{place}}# {parts[0]}" if parts else line)
        self.out += [f"{'':<{place}}#   {part}" for part in parts[1:]]

    def remark(self, indent: int, text: str) -> None:
        """Lines that are nothing but comment."""
        head = f"{' ' * indent}# "
        self.out += textwrap.wrap(
            _one_line(text), WIDTH, initial_indent=head, subsequent_indent=f"{head}  ",
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip

    def text(self) -> str:
        """All lines."""
        return "\n".join(self.out) + "\n"


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))
