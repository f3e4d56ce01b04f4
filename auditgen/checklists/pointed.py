"""JSON from outside, read with the place of everything: each fault says where, by JSON pointer (RFC 6901).

A file of another tool is hostile until it was looked at: it may be huge, deep, of other types than its
schema says, hold a key twice or a number that is none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditgen.diagnostics import Diagnostic, did_you_mean
from auditgen.errors import InputRefused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

MAX_BYTES = 64 * 1024 * 1024
MAX_FAULTS = 50
"""More are counted, not listed."""
MAX_COMPARED = 5000
"""Names among which a nearest one is looked for."""
_WORDS = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}


@dataclass(slots=True)
class Faults:
    """What was found wrong with one file."""

    file: str
    found: list[Diagnostic] = field(default_factory=list)
    beyond: int = 0

    def add(self, code: str, message: str, pointer: str = "", *, helps: tuple[str, ...] = ()) -> None:
        """One more, at its pointer."""
        if len(self.found) >= MAX_FAULTS:
            self.beyond += 1
            return
        place = f"`{self.file}#{pointer}`" if pointer else f"`{self.file}`"
        self.found.append(Diagnostic(code, f"{place}: {message}", helps=helps))

    def near(self, word: str, known: Collection[str]) -> tuple[str, ...]:
        """The nearest known word, unless looking for it would take long or nobody would see it."""
        if len(known) > MAX_COMPARED or len(self.found) >= MAX_FAULTS:
            return ()
        return did_you_mean(word[:200], known)

    def refuse(self, *, hint: str | None = None) -> None:
        """Raise InputRefused with all of them, if there are any."""
        if self.found:
            count = len(self.found) + self.beyond
            more = f"; the first {MAX_FAULTS} are listed" if self.beyond else ""
            raise InputRefused(
                f"{count} fault{'s' if count != 1 else ''} in `{self.file}`; nothing was imported{more}",
                hint=hint,
                diagnostics=self.found,
            )


class _Refused(ValueError):
    """A reason that is ours, not the parser's."""


@dataclass(frozen=True, slots=True)
class Node:
    """One JSON value with its pointer. Asking for the wrong type is a fault, and gives nothing."""

    value: Any
    pointer: str
    faults: Faults

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of an object; of anything else none."""
        return tuple(self.value) if isinstance(self.value, dict) else ()

    def has(self, key: str) -> bool:
        """Whether an object has this key."""
        return isinstance(self.value, dict) and key in self.value

    def get(self, key: str) -> Node:
        """The value under a key; null when there is none."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Node(value, f"{self.pointer}/{_escaped(key)}", self.faults)

    def object(self, key: str, *, required: bool = False) -> Node:
        """The object under a key; an empty one when there is none."""
        found = self.get(key)
        if isinstance(found.value, dict):
            return found
        if found.value is not None or self.has(key):
            found.wrong("an object")
        elif required:
            self.faults.add("missing", f"`{key}` is required here", self.pointer)
        return Node({}, found.pointer, self.faults)

    def objects(self, key: str) -> Iterator[Node]:
        """The objects of the list under a key; none when there is no list."""
        for item in self.list(key):
            if isinstance(item.value, dict):
                yield item
            else:
                item.wrong("an object")

    def list(self, key: str) -> tuple[Node, ...]:
        """The entries of the list under a key; none when there is no such key."""
        found = self.get(key)
        if isinstance(found.value, list):
            return tuple(
                Node(item, f"{found.pointer}/{index}", self.faults) for index, item in enumerate(found.value)
            )
        if self.has(key):
            found.wrong("a list")
        return ()

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of the list under a key."""
        out = []
        for item in self.list(key):
            if isinstance(item.value, str):
                out.append(item.value)
            else:
                item.wrong("text")
        return tuple(out)

    def text(self, key: str, *, required: bool = False, most: int = 0) -> str | None:
        """The text under a key without blanks around it; None when it is absent or empty."""
        found = self.get(key)
        if isinstance(found.value, str):
            text = found.value.strip()
            if most and len(text) > most:
                message = f"{len(text)} characters; at most {most} are carried over"
                self.faults.add("too-long", message, found.pointer)
                return text[:most]
            if text:
                return text
            if required:
                self.faults.add("missing", "this is empty", found.pointer)
            return None
        if self.has(key):
            found.wrong("text")
        elif required:
            self.faults.add("missing", f"`{key}` is required here", self.pointer)
        return None

    def wrong(self, expected: str) -> None:
        """Say that this is of another type."""
        got = "null" if self.value is None else _WORDS.get(type(self.value), "something else")
        self.faults.add("wrong-type", f"got {got}, expected {expected}", self.pointer)


def read_json(path: Path) -> Node:
    """The root of a JSON file. Raises InputRefused when it cannot be read as one."""
    faults = Faults(str(path))
    value = None
    try:
        if not path.is_file():
            raise _Refused("this is not a file")
        if (size := path.stat().st_size) > MAX_BYTES:
            raise _Refused(f"the file has {size} bytes; at most {MAX_BYTES} are read")
        text = path.read_bytes().decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except UnicodeDecodeError as error:
        faults.add("not-utf8", f"not UTF-8 text at byte {error.start}")
    except json.JSONDecodeError as error:
        faults.add("not-json", f"line {error.lineno} column {error.colno}: {error.msg.lower()}")
    except _Refused as error:
        faults.add("not-usable", str(error))
    except RecursionError:
        faults.add("too-deep", "nested too deep to be read")
    except ValueError:  # a whole number of thousands of digits
        faults.add("not-json", "a number in it is too long to be read")
    except OSError as error:
        faults.add("unreadable", f"cannot be read: {error.strerror or error}")
    faults.refuse()
    return Node(value, "", faults)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Refused(f"the key `{twice[:80]}` is written twice in one object")
    for text in (*out, *(value for value in out.values() if isinstance(value, str))):
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise _Refused("half of a character stands alone in a text")
    return out


def _constant(name: str) -> Any:
    raise _Refused(f"`{name}` is no number of JSON")


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
