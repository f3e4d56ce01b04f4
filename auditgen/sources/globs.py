"""Globs over names, compared with each other: whether one holds another, whether both fit one name.

The globs are those of `fnmatch.fnmatchcase`: `*`, `?` and `[...]`.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

WILDCARDS = "*?["
_LONG, _ONE = "\x00\x00\x00", "\x00"


def has_wildcard(glob: str) -> bool:
    """Whether the glob can fit more than one name."""
    return any(char in glob for char in WILDCARDS)


def covers(glob: str, other: str) -> bool:
    """Whether every name that fits `other` fits `glob`; never true when it is not certain."""
    if glob == other:
        return True
    if "[!" in glob and has_wildcard(other):
        return False
    # characters that no name has stand for what a wildcard may be
    names = ["".join(_standing_for(token, fill) for token in _tokens(other)) for fill in ("", _LONG)]
    return all(fnmatchcase(name, glob) for name in names)


def overlap(glob: str, other: str) -> bool:
    """Whether some name can fit both. Two character sets count as if they shared a character."""
    one, two = _tokens(glob), _tokens(other)
    reached = _closed({0}, two)
    for token in one:
        if token == "*":
            ahead = set(range(min(reached), len(two) + 1)) if reached else set()
        else:
            ahead = {
                at if two[at] == "*" else at + 1
                for at in reached
                if at < len(two) and (two[at] == "*" or _compatible(token, two[at]))
            }
        reached = _closed(ahead, two)
    return len(two) in reached


def _closed(places: set[int], tokens: list[str]) -> set[int]:
    """The places, and those beyond a `*` that stands for nothing."""
    out = set(places)
    for place in sorted(places):
        beyond = place
        while beyond < len(tokens) and tokens[beyond] == "*":
            beyond += 1
            out.add(beyond)
    return out


def _compatible(one: str, two: str) -> bool:
    if "?" in (one, two):
        return True
    if len(one) > 1 and len(two) > 1:
        return True
    return fnmatchcase(one, two) if len(one) == 1 else fnmatchcase(two, one)


def _tokens(glob: str) -> list[str]:
    """Characters, `*`, `?` and whole `[...]` sets; an unclosed `[` is a character."""
    out, at = [], 0
    while at < len(glob):
        end = -1
        if glob[at] == "[":  # the first character of a set may be `]` or a `!` before it
            first = at + 1 + (glob[at + 1 : at + 2] == "!")
            end = glob.find("]", first + 1)
        token = glob[at : end + 1] if end > 0 else glob[at]
        out.append(token)
        at += len(token)
    return out


def _standing_for(token: str, fill: str) -> str:
    if token == "*":
        return fill
    return _ONE if token == "?" or len(token) > 1 else token
