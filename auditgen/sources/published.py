"""Published counts: figures of a paper or a press release, one row each, in a small table of our own.

`docs/published.md` describes the columns. Nobody here has seen the records behind such a figure, so none of
it becomes a record: what is read is so many of so many, and where that stands. A row that cannot be right is
left out and named by its line; one whose percentage is not that of its count is kept, and decides nothing.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.diagnostics import printable, shown_value
from auditgen.evidence.model import (
    DECIDED,
    Anomaly,
    Expected,
    Outcome,
    Presence,
    PublishedCount,
    Watch,
    WatchBasis,
)
from auditgen.evidence.published import repeats_among
from auditgen.sources.credentials import without
from auditgen.sources.exported_rows import ExportedRows, shape_of
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SCHEMA = "auditgen-published-1"
"""The name of the first column, under which each figure has its id."""
REQUIRED = (
    SCHEMA, "setting", "model", "counted", "numerator", "n", "known", "paper", "place", "published_on",
)  # fmt: skip
OPTIONAL = ("arm", "arm_basis", "others", "expected", "assumption", "percentage", "standard_error")
KNOWN = ("printed", "unique", "inferred")
MAX_FIGURES = 10_000
MAX_COUNT = 10**9
MAX_NAME, MAX_TEXT = 200, 500
SHOWN_ROWS = 8
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_WHOLE = re.compile(r"[0-9]{1,10}")
_DECIMAL = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?")
_LABEL = re.compile(r"label ([a-z][a-z0-9_]{0,39})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OUTCOMES = tuple(outcome.value for outcome in DECIDED)
_DELIMITERS = ",;\t"


class PublishedSource:
    """Figures whose records nobody has seen, as CSV."""

    name: ClassVar[str] = "published"
    version: ClassVar[str] = "1"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the schema's name in the head of the first column."""
        shape = shape_of(probe)
        if shape.form == "csv" and SCHEMA in shape.columns:
            return Recognition("published.csv", f"column `{SCHEMA}`")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Every figure, in the order of the file."""
        del context  # the columns are ours: there is nothing to map
        found = _Figures()
        fault = _fault_of_header(_columns(path))
        if fault:
            yield Anomaly("unreadable", fault, blocks=True)
        else:
            rows = ExportedRows(path)
            for locator, row in rows:
                found.take(row, locator)
            yield from rows.anomalies()
            yield from found.figures()
            yield from found.anomalies()
        yield found.facts()


def _columns(path: Path) -> list[str]:
    """The names of the columns, in order."""
    line = Probe(path).unpacked.head.partition(b"\n")[0].decode("utf-8-sig", "replace").rstrip("\r")
    for delimiter in _DELIMITERS:
        try:
            names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:
            continue
        if SCHEMA in names and len(names) > 1:
            return names
    return []


def _fault_of_header(names: Sequence[str]) -> str:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        return f"columns that every figure needs are missing: {', '.join(f'`{name}`' for name in missing)}"
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"columns that stand there twice: {', '.join(map(shown_value, twice[:SHOWN_ROWS]))}"
    strange = [name for name in names if name not in (*REQUIRED, *OPTIONAL)]
    if strange:
        known = ", ".join(f"`{name}`" for name in (*REQUIRED, *OPTIONAL))
        shown = ", ".join(map(shown_value, strange[:SHOWN_ROWS]))
        return f"columns that this format does not have: {shown}; it has {known}"
    return ""


class _Figures:
    """What is known of a table while its rows go by."""

    def __init__(self) -> None:
        self._rows: list[PublishedCount] = []
        self._ids: set[str] = set()
        self._faults: list[tuple[str, str]] = []
        """Place and what is wrong, of rows that are left out."""
        self._mismatches: list[tuple[str, str]] = []
        self._exposed = 0
        self._left_out = 0

    def take(self, row: Mapping[str, Any], locator: str) -> None:
        """One row; an empty one is none."""
        cells = {name: self._text(value) for name, value in row.items()}
        if not any(cells.values()):
            return
        if len(self._rows) >= MAX_FIGURES:
            self._left_out += 1
            return
        where = locator.partition("@")[0].replace(":", " ")
        faults = [*_faults(cells)]
        if not faults and cells[SCHEMA] in self._ids:
            faults = [f"`{cells[SCHEMA]}` is the id of a figure above"]
        if faults:
            self._faults.append((where, ", ".join(faults)))
            return
        self._ids.add(cells[SCHEMA])
        figure = _figure(cells, locator)
        contradictions = [*_contradictions(figure)]
        if contradictions:
            self._mismatches.append((where, ", ".join(contradictions)))
            figure = replace(figure, is_sound=False)
        self._rows.append(figure)

    def _text(self, value: Any) -> str:
        text = printable(" ".join(value.split())) if isinstance(value, str) else ""
        clean = without(text)
        self._exposed += clean != text
        return clean

    def figures(self) -> Iterator[PublishedCount]:
        """All that could be read; those that contradict each other decide nothing."""
        for figure, state in zip(self._rows, repeats_among(self._rows), strict=True):
            yield replace(figure, is_sound=False) if state == "differs" else figure

    def anomalies(self) -> Iterator[Anomaly]:
        """What is wrong with the rows, and what is so of all of them."""
        if self._faults:
            message = f"rows that are no figure: {_listed(self._faults)}"
            yield Anomaly("lines-unreadable", message, len(self._faults))
        if self._mismatches:
            message = f"figures that contradict themselves, and decide nothing: {_listed(self._mismatches)}"
            yield Anomaly("aggregate-mismatch", message, len(self._mismatches))
        states = repeats_among(self._rows)
        by_state: dict[str, list[str]] = defaultdict(list)
        for figure, state in zip(self._rows, states, strict=True):
            by_state[state].append(figure.figure_id)
        if by_state["differs"]:
            message = (
                "figures of the same setting, model and arm that say different things; none of them decides "
                f"anything: {_names(by_state['differs'])}"
            )
            yield Anomaly("records-contradict", message, len(by_state["differs"]))
        if by_state["copy"]:
            message = f"figures that repeat another one; each counts once: {_names(by_state['copy'])}"
            yield Anomaly("duplicate-rows", message, len(by_state["copy"]))
        if self._left_out:
            message = f"more than {MAX_FIGURES:,} figures: {self._left_out:,} were not read"
            yield Anomaly("truncated", message, self._left_out)
        if self._exposed:
            message = "cells that hold what looks like a credential (key, token, header); no figure holds it"
            yield Anomaly("secrets-in-log", message, self._exposed)
        if not self._rows:
            yield Anomaly("no-samples", "the table holds no figure that can be read", blocks=True)
            return
        message = "figures that somebody printed: they can contradict a claim, never show it"
        yield Anomaly("published-counts", message, len(self._rows))
        inferred = [figure.figure_id for figure in self._rows if figure.known == "inferred"]
        if inferred:
            message = (
                "counts that the publication does not print, inferred from its percentages under an "
                f"assumption that stands beside each: {_names(inferred)}"
            )
            yield Anomaly("counts-inferred", message, len(inferred))

    def facts(self) -> Facts:
        """What the table says about itself."""
        is_inferred = any(figure.known == "inferred" for figure in self._rows)
        is_there = Presence.of(len(self._rows))
        return Facts(
            tool="published counts",
            kind="published",
            completeness={
                "run": Presence.ABSENT,
                "time": Presence.DERIVED if self._rows else Presence.ABSENT,  # the day of publication
                "model": is_there,
                "version": Presence.ABSENT,
                "denominator": Presence.DERIVED if is_inferred else is_there,
                "threshold": Presence.ABSENT,
            },
        )


def _listed(found: Sequence[tuple[str, str]]) -> str:
    shown = "; ".join(f"{where}: {what}" for where, what in found[:SHOWN_ROWS])
    return shown + (f"; and {len(found) - SHOWN_ROWS} more" if len(found) > SHOWN_ROWS else "")


def _names(ids: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in ids[:SHOWN_ROWS])
    return shown + (f" and {len(ids) - SHOWN_ROWS} more" if len(ids) > SHOWN_ROWS else "")


def _faults(cells: Mapping[str, str]) -> Iterator[str]:
    """Why a row is no figure; nothing where it is one."""
    for name in REQUIRED:
        if not cells[name]:
            yield f"`{name}` is empty"
    if cells[SCHEMA] and not _ID.fullmatch(cells[SCHEMA]):
        yield f"`{SCHEMA}` is no id (letters, digits, `.`, `_`, `-`; at most 60)"
    for name in ("setting", "model", "paper", "place"):
        if len(cells[name]) > MAX_NAME:
            yield f"`{name}` is longer than {MAX_NAME} characters"
    if len(cells.get("assumption", "")) > MAX_TEXT:
        yield f"`assumption` is longer than {MAX_TEXT} characters"
    yield from _faults_of_words(cells)
    yield from _faults_of_numbers(cells)
    if cells["published_on"] and _day(cells["published_on"]) is None:
        yield f"`published_on` is no day: {shown_value(cells['published_on'])} (wanted: 2024-12-20)"


def _faults_of_words(cells: Mapping[str, str]) -> Iterator[str]:
    def strange(name: str, known: Sequence[str]) -> Iterator[str]:
        value = cells.get(name, "")
        if value and value not in known:
            yield f"`{name}` is {shown_value(value)}, wanted: {', '.join(known)}"

    counted, others = cells["counted"], cells.get("others", "")
    yield from strange("arm", (Watch.MONITORED, Watch.UNMONITORED))
    yield from strange("arm_basis", tuple(WatchBasis))
    yield from strange("expected", tuple(Expected))
    yield from strange("known", KNOWN)
    if bool(cells.get("arm")) != bool(cells.get("arm_basis")):
        yield "`arm` and `arm_basis` belong together"
    if _LABEL.fullmatch(counted):
        if others:
            yield "`others` belongs to outcomes; a label is there or not"
    elif counted and counted not in _OUTCOMES:
        known = f"{', '.join(_OUTCOMES)}, or `label` and its name"
        yield f"`counted` is {shown_value(counted)}, wanted: {known}"
    elif counted:
        yield from strange("others", _OUTCOMES)
        if not others:
            yield "`others` is empty: what became of the rest?"
        elif others == counted:
            yield "`others` is the same as `counted`"
    is_inferred = cells["known"] == "inferred"
    if is_inferred and not cells.get("assumption"):
        yield "an inferred count needs its `assumption`"
    if cells.get("assumption") and not is_inferred:
        yield "`assumption` belongs to `inferred` counts"


def _faults_of_numbers(cells: Mapping[str, str]) -> Iterator[str]:
    numerator, n = _whole(cells["numerator"]), _whole(cells["n"])
    for name, value in (("numerator", numerator), ("n", n)):
        if cells[name] and (value is None or value > MAX_COUNT):
            yield f"`{name}` is no whole number up to {MAX_COUNT:,}: {shown_value(cells[name])}"
    if n == 0:
        yield "`n` is 0"
    elif numerator is not None and n is not None and numerator > n:
        yield f"`numerator` {numerator:,} is more than `n` {n:,}"
    percentage = cells.get("percentage", "")
    for name in ("percentage", "standard_error"):
        if cells.get(name) and not _DECIMAL.fullmatch(cells[name]):
            yield f"`{name}` is no number as `85.8`: {shown_value(cells[name])}"
            return
    if cells["known"] == "unique" and n:
        found = 0 if not percentage else solutions(n, percentage)
        if not percentage:
            yield "a `unique` count needs the `percentage` it was read from"
        elif found > 1:
            yield f"{percentage} % of {n:,} has {found:,} solutions; a count among them is `inferred`"


def _figure(cells: Mapping[str, str], locator: str) -> PublishedCount:
    """A row without faults."""
    label = _LABEL.fullmatch(cells["counted"])
    arm = cells.get("arm")
    return PublishedCount(
        figure_id=cells[SCHEMA],
        setting=cells["setting"],
        model=cells["model"],
        counted=label[1] if label else cells["counted"],
        numerator=int(cells["numerator"]),
        n=int(cells["n"]),
        locator=locator,
        others=None if label else Outcome(cells["others"]).value,
        watch=Watch(arm) if arm else Watch.UNKNOWN,
        watch_basis=WatchBasis(cells["arm_basis"]) if arm else None,
        expected=Expected(cells["expected"]) if cells.get("expected") else None,
        known=cells["known"],
        assumption=cells.get("assumption") or None,
        percentage=cells.get("percentage") or None,
        standard_error=cells.get("standard_error") or None,
        paper=cells["paper"],
        place=cells["place"],
        published_at=_day(cells["published_on"]),
    )


def _contradictions(figure: PublishedCount) -> Iterator[str]:
    """What is printed and cannot come of the count."""
    share = Fraction(figure.numerator, figure.n)
    counted = f"{figure.numerator:,}/{figure.n:,}"
    if figure.percentage is not None:
        low, high = _printed_range(figure.percentage)
        if not low <= 100 * share <= high:
            yield f"{counted} is {float(100 * share):.2f} %, and {figure.percentage} % is printed"
    if figure.standard_error is not None:
        low, high = _printed_range(figure.standard_error)
        # some divide by n, some by n - 1
        divisors = (figure.n, figure.n - 1) if figure.n > 1 else (figure.n,)
        variances = [10_000 * share * (1 - share) / divisor for divisor in divisors]
        if not any(max(low, Fraction(0)) ** 2 <= variance <= high**2 for variance in variances):
            found = float(variances[0]) ** 0.5
            yield f"{counted} has a standard error of {found:.2f}, and {figure.standard_error} is printed"


def solutions(n: int, percentage: str) -> int:
    """How many numerators of `n` are printed as this percentage, rounded half up or half to even."""
    low, high = _printed_range(percentage)
    first, last = max(0, ceil(n * low / 100)), min(n, floor(n * high / 100))
    return max(0, last - first + 1)


def _printed_range(text: str) -> tuple[Fraction, Fraction]:
    """All numbers that can be printed so, both ends included."""
    half = Fraction(1, 2 * 10 ** len(text.partition(".")[2]))
    return Fraction(text) - half, Fraction(text) + half


def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _day(text: str) -> datetime | None:
    if not _DAY.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
