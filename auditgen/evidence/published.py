"""Published counts among the records: so many of so many, each record of them a prompt of its own.

They never become rows of `record`: nobody has seen one. In the view `observation`, which holds numbers of
records that are alike, a figure is two lines of kind `published`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from auditgen.evidence.model import Expected, Outcome, PublishedCount, Watch, WatchBasis
from auditgen.evidence.tables import connect, sql_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb

KIND = "published"
"""The kind of their lines in the view `observation`."""


@dataclass(frozen=True, slots=True)
class PublishedPart:
    """One table of published counts."""

    source_id: str
    file_sha256: str
    counts: Path
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Recorded model name to the version it stands for."""


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """One figure among all of an audit."""

    source_id: str
    file_sha256: str
    count: PublishedCount
    """Under the model version it stands for; unsound where another file says otherwise."""
    is_copy: bool = False
    """Whether another figure of its source says the same of the same: it counts once."""
    differs: bool = False
    """Whether another figure of its source says something else of the same."""
    is_across: bool = False
    """Whether that other figure stands in another file."""


def repeats_among(counts: Sequence[PublishedCount]) -> list[str]:
    """What each figure is among those of its subject: `alone`, `first`, `copy` or `differs`.

    Two figures of one setting, model and arm are the same records twice. Where they say different things,
    nobody knows which is right.
    """
    about: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, count in enumerate(counts):
        about[count.subject].append(number)
    states = ["alone"] * len(counts)
    for numbers in about.values():
        if len(numbers) < 2:
            continue
        chosen = [counts[number] for number in numbers]
        said = {(c.counted, c.others, c.numerator, c.n, c.expected) for c in chosen}
        for number in numbers:
            states[number] = "differs" if len(said) > 1 else "first" if number == numbers[0] else "copy"
    return states


def stored_counts(table: Path) -> tuple[PublishedCount, ...]:
    """Published counts of a stored table, in order."""
    names = [f.name for f in fields(PublishedCount)]
    shown = ", ".join("timezone('UTC', published_at)" if name == "published_at" else name for name in names)
    rows = connect().execute(f"SELECT {shown} FROM read_parquet({sql_file(table)})").fetchall()
    return tuple(_count(dict(zip(names, row, strict=True))) for row in rows)


def _count(row: dict[str, Any]) -> PublishedCount:
    at: datetime | None = row["published_at"]
    typed = {
        "watch": Watch(row["watch"]),
        "watch_basis": None if row["watch_basis"] is None else WatchBasis(row["watch_basis"]),
        "expected": None if row["expected"] is None else Expected(row["expected"]),
        "published_at": None if at is None else at.replace(tzinfo=UTC),
    }
    return PublishedCount(**{**row, **typed})


def gather(parts: Sequence[PublishedPart]) -> tuple[PublishedFigure, ...]:
    """All figures of an audit, in order; those of one source are held against each other."""
    found: dict[str, list[PublishedFigure]] = defaultdict(list)
    for part in parts:
        for count in stored_counts(part.counts):
            known = replace(count, model=part.aliases.get(count.model, count.model))
            found[part.source_id].append(PublishedFigure(part.source_id, part.file_sha256, known))
    return tuple(figure for figures in found.values() for figure in _compared(figures))


def _compared(figures: Sequence[PublishedFigure]) -> Iterator[PublishedFigure]:
    files: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for figure in figures:
        files[figure.count.subject].add(figure.file_sha256)
    for figure, state in zip(figures, repeats_among([f.count for f in figures]), strict=True):
        differs = state == "differs"
        yield replace(
            figure,
            count=replace(figure.count, is_sound=figure.count.is_sound and not differs),
            is_copy=state == "copy",
            differs=differs,
            is_across=len(files[figure.count.subject]) > 1,
        )


def load_published(
    connection: duckdb.DuckDBPyConnection, figures: Sequence[PublishedFigure], columns: Sequence[str]
) -> None:
    """The table `published` with these columns of the view `observation`, and `figure`, its number."""
    typed = {
        "first_at": "TIMESTAMP", "last_at": "TIMESTAMP", "n": "HUGEINT", "sampling_rate": "DOUBLE",
    }  # fmt: skip
    listed = ", ".join(f"{name} {typed.get(name, 'VARCHAR')}" for name in columns)
    connection.execute(f"CREATE TEMP TABLE published (figure INTEGER, {listed})")
    rows = [
        [number, *(line.get(name) for name in columns)]
        for number, figure in enumerate(figures)
        for line in _lines(figure)
    ]
    if rows:
        marks = ", ".join("?" for _ in range(len(columns) + 1))
        connection.executemany(f"INSERT INTO published VALUES ({marks})", rows)


def _lines(figure: PublishedFigure) -> Iterator[dict[str, Any]]:
    """A figure as numbers of records that are alike; a copy is none."""
    if figure.is_copy:
        return
    count = figure.count
    at = None if count.published_at is None else count.published_at.replace(tzinfo=None)
    common = {
        "source_id": figure.source_id,
        "file_sha256": figure.file_sha256,
        "kind": KIND,
        "suite": count.setting,
        "model": count.model,
        "expected": None if count.expected is None else count.expected.value,
        "watch": count.watch.value,
        "watch_basis": None if count.watch_basis is None else count.watch_basis.value,
        "first_at": at,
        "last_at": at,
    }
    for said, number in _said(count):
        if number:
            yield common | said | {"n": number}


def _said(count: PublishedCount) -> tuple[tuple[dict[str, str], int], ...]:
    rest = count.n - count.numerator
    if count.is_label:
        if not count.is_sound:
            return (({"labels": f"{count.counted}=unscored"}, count.n),)
        return (
            ({"labels": f"{count.counted}=yes"}, count.numerator),
            ({"labels": f"{count.counted}=no"}, rest),
        )
    if not count.is_sound:
        return (({"outcome": Outcome.UNSCORED.value}, count.n),)
    return ({"outcome": count.counted}, count.numerator), ({"outcome": str(count.others)}, rest)
