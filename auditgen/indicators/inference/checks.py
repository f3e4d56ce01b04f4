"""Refusals of input that no formula has an answer for. All are `ValueError`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, SupportsIndex, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

Method = TypeVar("Method")


def whole(name: str, value: SupportsIndex, *, least: int = 0) -> int:
    """`value` as a whole number that is at least `least`; a float is no count, even when it is whole."""
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        message = f"`{name}` must be a whole number, got {value!r}"
        raise ValueError(message)
    number = value.__index__()
    if number < least:
        message = f"`{name}` must be at least {least}, got {number}"
        raise ValueError(message)
    return number


def counts(k: SupportsIndex, n: SupportsIndex, names: tuple[str, str] = ("k", "n")) -> tuple[int, int]:
    """`k` hits of `n` as whole numbers with 0 <= k <= n and n > 0."""
    total = whole(names[1], n, least=1)
    hits = whole(names[0], k)
    if hits > total:
        message = f"`{names[0]}` must not exceed `{names[1]}`, got {hits} of {total}"
        raise ValueError(message)
    return hits, total


def fraction(name: str, value: float, *, open_: bool = False) -> float:
    """`value` as a number from 0 to 1; `open_` leaves both ends out."""
    inside = 0 < value < 1 if open_ else 0 <= value <= 1
    if not inside:  # also NaN
        between = "between 0 and 1" if open_ else "from 0 to 1"
        message = f"`{name}` must be {between}, got {value!r}"
        raise ValueError(message)
    return float(value)


def confidence(value: float) -> float:
    """A confidence level, between 0 and 1 without the ends."""
    return fraction("confidence", value, open_=True)


def positive(name: str, value: float) -> float:
    """`value` as a finite number above 0."""
    if not 0 < value < math.inf:
        message = f"`{name}` must be a finite number above 0, got {value!r}"
        raise ValueError(message)
    return float(value)


def finite(name: str, value: float) -> float:
    """`value` as a finite number."""
    if not math.isfinite(value):
        message = f"`{name}` must be finite, got {value!r}"
        raise ValueError(message)
    return float(value)


def method(name: str, known: Mapping[str, Method]) -> Method:
    """What `known` has under `name`."""
    if name not in known:
        message = f"`{name}` is no method here; known: {', '.join(known)}"
        raise ValueError(message)
    return known[name]
