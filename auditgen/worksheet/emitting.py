"""Values as YAML text that our own reader reads back to the same value."""

from __future__ import annotations

import json
import re
from typing import Any

MAX_FLOW = 100
"""Longest block that is written in one line."""
_PLAIN = re.compile(r"[^\W_][\w ./()+%'*=@-]*")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON leaves as it is and YAML does not take inside quotes."""


def scalar(value: str | float | None) -> str:
    """One value on one line, quoted where it could read as something else."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if (
        _PLAIN.fullmatch(value)
        and not value.endswith(" ")
        and value.casefold() not in _WORDS
        and not _NUMBER.fullmatch(value)
        and value.isprintable()
    ):
        return value
    return _UNPRINTABLE.sub(lambda c: f"\\u{ord(c[0]):04x}", json.dumps(value, ensure_ascii=False))


def flow(value: Any) -> str:
    """A value on one line, with braces and brackets."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(str(k))}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value)


def block_lines(value: dict[str, Any], indent: int) -> list[str]:
    """A mapping, one key a line; what is small stands in one line."""
    out: list[str] = []
    margin = " " * indent
    for key, inner in value.items():
        name = f"{margin}{scalar(key)}:"
        if not isinstance(inner, dict | list) or not inner or _is_small(inner):
            out.append(f"{name} {flow(inner)}")
        elif isinstance(inner, dict):
            out += [name, *block_lines(inner, indent + 2)]
        else:
            out.append(name)
            for item in inner:
                out += item_lines(item, indent + 2)
    return out


def item_lines(value: Any, indent: int) -> list[str]:
    """An entry of a list, behind its dash."""
    if isinstance(value, dict) and value:
        first, *more = block_lines(value, indent + 2)
        return [f"{' ' * indent}- {first.lstrip(' ')}", *more]
    return [f"{' ' * indent}- {flow(value)}"]


def _is_small(value: Any) -> bool:
    parts = value.values() if isinstance(value, dict) else value
    return not any(isinstance(part, dict | list) for part in parts) and len(flow(value)) <= MAX_FLOW
