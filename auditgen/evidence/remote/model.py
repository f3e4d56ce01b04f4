"""What comes back from an engine, and what is said of how it was counted. Knows no engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from auditgen.evidence.cube import DIMENSIONS
from auditgen.evidence.repeats import Repeats

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKSUM = "md5-lanes-sum-64"
"""Name of the day's checksum: sums modulo 2^32 of the first and second 32 bits of each row's MD5."""


CONTENT = ("record", "at", "received", "zone_written", *DIMENSIONS)
"""What a row's checksum is over, in this order."""
_LANES = 2**32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def checksum_of(first: int, second: int) -> str:
    """A day's checksum from the sums of its rows' first and second 32 bits."""
    return f"{first % _LANES:08x}{second % _LANES:08x}"


def iso_day(micros: int | None) -> str:
    """The ISO date of a time; empty where there is none, beyond our calendar the number of the day."""
    if micros is None:
        return ""
    try:
        return (_EPOCH + timedelta(microseconds=micros)).date().isoformat()
    except OverflowError:
        return f"day {micros // 86_400_000_000}"


@dataclass(frozen=True, slots=True)
class Query:
    """One question as the engine was asked it."""

    title: str
    text: str
    rows: int
    """Lines of the answer."""


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day of a table: rows, and the checksum of their canonical content."""

    day: str
    """ISO date; empty for rows without a time."""
    rows: int
    checksum: str
    """Sixteen hexadecimal digits; the same rows give the same on every engine, in whatever order."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The counters of one table, as the cube has them, with what else was found."""

    cells: tuple[dict[str, Any], ...]
    """Lines of the cube: `CUBE_COLUMNS`, times in microseconds since 1970."""
    copies: tuple[dict[str, Any], ...]
    """The same of rows that are copies of others."""
    repeats: Repeats
    days: tuple[Day, ...]
    unmapped: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    undated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """How much an engine had to read and count as the embedded one does before it was used."""

    table: str
    """Name of the fixed values; `table_sha256` is over them."""
    table_sha256: str
    expected_by: str
    rows: int
    columns: int
    """Of the mapping, filled with values of their types."""
    values: int
    """Canonical values that were compared, row by row."""
    lines: int
    """Lines of counters that were compared."""
    queries: int


@dataclass(frozen=True, slots=True)
class Queried:
    """How a source was counted elsewhere: what the pack holds of it."""

    source_id: str
    engine: str
    backend: str
    version: str
    client: str
    table: str
    snapshot: str | None
    rows: int
    counters_sha256: str
    queries: tuple[Query, ...]
    days: tuple[Day, ...]
    check: Check
    """What the engine had to do alike before it was asked to count."""
