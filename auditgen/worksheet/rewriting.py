"""A YAML text with some values changed, and everything else as it was: comments, order, spelling.

The text is edited where the values differ. Whatever comes out is read again and must hold the wanted value;
where an edit in place does not reach that, the whole top-level block is written anew, and the caller is
told which.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditgen.worksheet.emitting import block_lines, flow, item_lines
from auditgen.yamlspan import read_yaml_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.yamlspan import KeyPath, YamlDocument

_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What YAML takes for the end of a line."""
_DASH = re.compile(r"(\s*)-(\s+)")
Edit = tuple[int, int, str]


class _NotInPlace(Exception):
    """The text is written in a way that cannot be edited; the block has to be written anew."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The new text."""

    text: str
    anew: tuple[str, ...] = ()
    """Top-level keys whose block was written anew, without its comments; `*` is the whole file."""


def rewrite(document: YamlDocument, wanted: dict[str, Any]) -> Rewritten:
    """The text of `document` with the value `wanted`. Entries of lists are known by their `id`."""
    if document.value == wanted:
        return Rewritten(document.text)
    text, value, anew = document.text, dict(document.value), []
    for key in [*value, *(k for k in wanted if k not in value)]:
        if key in value and key in wanted and value[key] == wanted[key]:
            continue
        target = {k: v for k, v in value.items() if k != key}
        if key in wanted:
            whole = {**target, key: wanted[key]}
            target = {k: whole[k] for k in [*wanted, *value] if k in whole}
        edited = _in_place(text, document.file, target)
        if edited is None and key in value and key in wanted:
            edited = _block_anew(text, document.file, key, target)
            anew.append(key)
        if edited is None:
            return Rewritten(_whole(wanted, document.file), ("*",))
        text, value = edited, target
    return Rewritten(text, tuple(anew))


def _whole(wanted: dict[str, Any], name: str) -> str:
    text = "\n".join(block_lines(wanted, 0)) + "\n"
    if not _holds(text, name, wanted):
        message = "the changed audit.yaml does not read as it should"
        raise AssertionError(message)
    return text


def _holds(text: str, name: str, wanted: dict[str, Any]) -> bool:
    read = read_yaml_text(text, name)
    return not read.diagnostics and bool(read.value == wanted)


def _in_place(text: str, name: str, wanted: dict[str, Any]) -> str | None:
    page = _Page(read_yaml_text(text, name))
    try:
        page.compare((), wanted)
        out = page.edited()
    except (_NotInPlace, ValueError, KeyError):  # a spelling that the places do not tell apart
        return None
    return out if _holds(out, name, wanted) else None


def _block_anew(text: str, name: str, key: str, wanted: dict[str, Any]) -> str | None:
    page = _Page(read_yaml_text(text, name))
    if page.is_flow(()):
        out = text[: page.start((key,))] + flow(wanted[key]) + text[page.end((key,)) :]
        return out if _holds(out, name, wanted) else None
    start = page.line_start(page.key_start((key,)))
    lines = block_lines({key: wanted[key]}, page.column(page.key_start((key,))))
    page.edits.append((start, page.line_end(page.end((key,))), "\n".join(lines) + "\n"))
    try:
        out = page.edited()
    except _NotInPlace:
        return None
    return out if _holds(out, name, wanted) else None


@dataclass(slots=True)
class _Page:
    """A text with its places as offsets, and the edits that were found necessary."""

    document: YamlDocument
    edits: list[Edit] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        text = self.document.text
        self.starts = [0, *(found.end() for found in _BREAK.finditer(text))]

    # places

    def offset(self, line: int, column: int) -> int:
        return min(self.starts[min(line, len(self.starts)) - 1] + column - 1, len(self.document.text))

    def line_start(self, offset: int) -> int:
        return self.starts[bisect_right(self.starts, offset) - 1]

    def line_end(self, offset: int) -> int:
        """Where the next line begins."""
        following = bisect_right(self.starts, offset)
        return self.starts[following] if following < len(self.starts) else len(self.document.text)

    def column(self, offset: int) -> int:
        return offset - self.line_start(offset)

    def key_start(self, path: KeyPath) -> int:
        span = self.document.keys[path]
        return self.offset(span.line, span.column)

    def start(self, path: KeyPath) -> int:
        span = self.document.values[path]
        return self.offset(span.line, span.column)

    def value(self, path: KeyPath) -> Any:
        at = self.document.value
        for part in path:
            at = at[part]
        return at

    def is_flow(self, path: KeyPath) -> bool:
        return self.document.text[self.start(path) : self.start(path) + 1] in {"{", "["}

    def end(self, path: KeyPath) -> int:
        """Where a value ends, without the comments and empty lines that a block is said to include."""
        value = self.value(path)
        if isinstance(value, dict | list) and value and not self.is_flow(path):
            children = value if isinstance(value, dict) else range(len(value))
            return max(self.end((*path, child)) for child in children)
        span = self.document.values[path]
        end = self.offset(span.end_line, span.end_column)
        if path in self.document.keys:  # an empty value ends behind its colon
            key = self.document.keys[path]
            behind = self.offset(key.end_line, key.end_column)
            if end <= behind or self.start(path) == end:
                return self.document.text.index(":", behind) + 1
        return len(self.document.text[:end].rstrip())

    # edits

    def edited(self) -> str:
        """The text after all edits; they must not overlap."""
        out, at, text = [], 0, self.document.text
        for start, end, new in sorted(self.edits, key=lambda edit: (edit[0], edit[1])):
            if start < at:
                raise _NotInPlace
            out += [text[at:start], new]
            at = end
        return "".join([*out, text[at:]])

    def compare(self, path: KeyPath, new: Any) -> None:
        """Note the edits that turn the value at `path` into `new`."""
        old = self.value(path)
        if old == new and type(old) is type(new):
            return
        if isinstance(old, dict) and isinstance(new, dict) and old and new:
            self.mapping(path, old, new)
        elif isinstance(old, list) and isinstance(new, list) and old and new:
            self.sequence(path, old, new)
        elif isinstance(old, dict | list) and old and not self.is_flow(path):
            raise _NotInPlace
        else:
            start, end = self.start(path), self.end(path)
            blank = " " if start >= end else ""  # nothing stood there
            start = min(start, end) if blank else start
            self.edits.append((start if not blank else end, end, blank + flow(new)))

    def mapping(self, path: KeyPath, old: dict[str, Any], new: dict[str, Any]) -> None:
        gone = [key for key in old if key not in new]
        more = [key for key in new if key not in old]
        if self.is_flow(path) and gone:
            self.edits.append((self.start(path), self.end(path), flow(new)))
            return
        if len(gone) == len(old):
            raise _NotInPlace
        for key in old:
            if key in new:
                self.compare((*path, key), new[key])
        if self.is_flow(path) and more:
            added = flow({key: new[key] for key in more})[1:-1]
            at = self.end((*path, list(old)[-1]))
            self.edits.append((at, at, f", {added}"))
            return
        for key in gone:
            start = self.key_start((*path, key))
            if self.document.text[self.line_start(start) : start].strip():
                raise _NotInPlace  # it stands behind the dash of a list
            self.edits.append((self.line_start(start), self.line_end(self.end((*path, key)) - 1), ""))
        keys = list(new)
        for key in more:
            before = [k for k in keys[: keys.index(key)] if k in old]
            neighbour = before[-1] if before else next(k for k in old if k in new)
            at = self.line_end(self.end((*path, neighbour)) - 1)
            lines = block_lines({key: new[key]}, self.column(self.key_start((*path, neighbour))))
            self.insert(at, [*([] if path else [""]), *lines])

    def insert(self, at: int, lines: Sequence[str]) -> None:
        text = "\n".join(lines) + "\n"
        if at and at == len(self.document.text) and self.document.text[-1] not in "\r\n":
            text = "\n" + text[:-1]
        self.edits.append((at, at, text))

    def sequence(self, path: KeyPath, old: list[Any], new: list[Any]) -> None:
        known, wanted = [_identity(item) for item in old], [_identity(item) for item in new]
        kept = [name for name in wanted if name in known]
        if len(set(known)) < len(known) or len(set(wanted)) < len(wanted) or not kept:
            raise _NotInPlace
        is_simple = [n for n in known if n in wanted] == kept and wanted[: len(kept)] == kept
        if self.is_flow(path) and known != wanted:
            if is_simple and kept == known:  # only more of them
                for number, name in enumerate(known):
                    self.compare((*path, number), new[wanted.index(name)])
                at = self.end((*path, len(old) - 1))
                self.edits.append((at, at, f", {flow(new[len(known) :])[1:-1]}"))
            else:
                self.edits.append((self.start(path), self.end(path), flow(new)))
            return
        if not is_simple:
            raise _NotInPlace
        for number, name in enumerate(known):
            here = (*path, number)
            if name in wanted:
                self.compare(here, new[wanted.index(name)])
                continue
            first = self.line_start(self.start(here))
            if not _DASH.fullmatch(self.document.text[first : self.start(here)]):
                raise _NotInPlace
            self.edits.append((first, self.line_end(self.end(here) - 1), ""))
        if wanted[len(kept) :]:
            self.append(path, old, new[len(kept) :])

    def append(self, path: KeyPath, old: list[Any], more: list[Any]) -> None:
        """New entries behind the last one, as far in and as far apart as the others."""
        last = (*path, len(old) - 1)
        first = self.line_start(self.start(last))
        dash = _DASH.fullmatch(self.document.text[first : self.start(last)])
        if dash is None:
            raise _NotInPlace
        above = self.document.text[:first].rsplit("\n", 2)
        is_apart = len(old) > 1 and len(above) > 1 and not above[-2].strip()
        lines: list[str] = []
        for item in more:
            lines += [*([""] if is_apart else []), *item_lines(item, len(dash[1]))]
        self.insert(self.line_end(self.end(last) - 1), lines)


def _identity(item: Any) -> str:
    """What an entry of a list is known by."""
    if isinstance(item, dict):
        return f"id {item.get('id', flow(item))}"
    return flow(item)
