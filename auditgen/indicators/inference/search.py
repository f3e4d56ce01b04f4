"""Where a condition ends: the one search that every interval by inversion needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 200
"""Bisections; a float has no more digits than 60 of them find, the rest is for ends close to 0."""


def edge(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """The last number for which `holds`, between `inside` (where it holds) and `outside`, the limit."""
    if holds(outside):
        return outside
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        if middle in {inside, outside}:
            break
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside
