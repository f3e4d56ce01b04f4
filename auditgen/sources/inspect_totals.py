"""What an Inspect log says in sum, against its own samples.

Recomputed: `accuracy` and `mean` with the reducer `mean` or none, reduced scores, how many samples were
scored and completed, and the scores in the log's list of samples. Metrics with parameters, other
reducers and metrics that a task brought itself are left alone: nothing is guessed. Where versions of
Inspect count differently (failed samples that were scored all the same, means over all epochs or per
sample first) any of its ways is accepted.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditgen.sources.inspect_sample import LETTERS
from auditgen.sources.jsontext import as_count, as_dict, as_list, as_number, as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_CELLS = 2_000_000
"""Up to so many scores the values are kept per sample; beyond, reduced scores are not checked."""
MAX_COLUMNS = 500
METRICS = frozenset({"accuracy", "mean"})
WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_NONFINITE = frozenset({"NaN", "Infinity", "-Infinity"})
_SHOWN, _MET = 3, -1
_BY_MEAN = (None, "mean")  # no set: a reducer may be anything
Key = tuple[str, str | None]
"""Scorer and the name of one of its scores; None when it gives a single one."""


@dataclass(slots=True)
class _Column:
    """One score over the samples: its sum, and its sum per sample id."""

    sums: array[float] = field(default_factory=lambda: array("d"))
    counts: array[int] = field(default_factory=lambda: array("L"))
    total: float = 0.0
    number: int = 0

    def add(self, index: int | None, value: float) -> None:
        """Take in one value, of the sample id with that number where it is kept."""
        self.total += value
        self.number += 1
        if index is None:
            return
        grown = self.growth(index)
        self.sums.frombytes(bytes(grown * self.sums.itemsize))
        self.counts.frombytes(bytes(grown * self.counts.itemsize))
        self.sums[index] += value
        self.counts[index] += 1

    def growth(self, index: int) -> int:
        """How many cells a value of that sample id adds."""
        return max(0, index + 1 - len(self.sums))

    def mean_of(self, index: int) -> float | None:
        """The mean of one sample id over its epochs."""
        if index >= len(self.counts) or not self.counts[index]:
            return None
        return self.sums[index] / self.counts[index]

    def merged(self, other: _Column) -> _Column:
        """Both together."""
        longest, shortest = (self, other) if len(self.sums) >= len(other.sums) else (other, self)
        out = _Column(array("d", longest.sums), array("L", longest.counts))
        for index in range(len(shortest.sums)):
            out.sums[index] += shortest.sums[index]
            out.counts[index] += shortest.counts[index]
        out.total, out.number = self.total + other.total, self.number + other.number
        return out


@dataclass(slots=True)
class Totals:
    """Sums over the samples of one log, and how the log's own figures compare."""

    clean: dict[Key, _Column] = field(default_factory=dict)
    failed: dict[Key, _Column] = field(default_factory=dict)
    """Scores of samples that failed: some versions count them, some do not."""
    unclear: set[Key] = field(default_factory=set)
    """Scores with values that Inspect's metrics would not read as numbers."""
    ids: dict[Any, int] | None = field(default_factory=dict)
    cells: int = 0
    samples: int = 0
    errors: int = 0
    with_scores: int = 0
    failed_with_scores: int = 0

    def note(self, sample: dict[str, Any]) -> None:
        """Take in the scores of one sample."""
        self.samples += 1
        is_failed = bool(sample.get("error"))
        self.errors += is_failed
        scores = as_dict(sample.get("scores"))
        self.with_scores += bool(scores)
        self.failed_with_scores += bool(scores) and is_failed
        columns = self.failed if is_failed else self.clean
        index = None
        if self.ids is not None:
            given = sample.get("id")
            name = given if isinstance(given, str | int) else as_text(given)
            index = self.ids.setdefault(name, len(self.ids))
        for scorer, score in scores.items():
            value = as_dict(score).get("value")
            if isinstance(value, dict):
                for part, item in value.items():
                    self._add(columns, (scorer, part), index if self.ids is not None else None, item)
            elif not isinstance(value, list):
                self._add(columns, (scorer, None), index, value)

    def _add(self, columns: dict[Key, _Column], key: Key, index: int | None, value: Any) -> None:
        if isinstance(value, str) and value in _NONFINITE:
            return
        number = _as_inspect_reads(value)
        if number is None:
            self.unclear.add(key)
        elif key in columns or len(columns) < MAX_COLUMNS:
            column = columns.setdefault(key, _Column())
            if index is not None:
                self.cells += column.growth(index)
                if self.cells > MAX_CELLS:
                    self.ids = index = None
            column.add(index, number)

    def contradictions(self, results: dict[str, Any], *, epochs: int | None) -> Iterator[str]:
        """Where the header's figures are not those of the samples."""
        completed = as_count(results.get("completed_samples"))
        executed = self.samples - self.errors
        if completed is not None and completed not in {
            executed, executed + self.failed_with_scores, self.with_scores,
        }:  # fmt: skip
            yield f"the header counts {completed:,} completed samples, the file holds {executed:,}"
        if self.ids is None and epochs != 1:
            return  # without the values of each sample it is unknown what the reducer would give
        for entry in as_list(results.get("scores")):
            score = as_dict(entry)
            if score.get("reducer") in _BY_MEAN:
                yield from self._of_score(score)

    def _of_score(self, score: dict[str, Any]) -> Iterator[str]:
        name = as_text(score.get("name"))
        scorer = as_text(score.get("scorer") or name)
        key, ways = self._ways(scorer, name)
        if key in self.unclear:
            return
        for label, metric in as_dict(score.get("metrics")).items():
            given = as_dict(metric)
            stated = given.get("value")
            is_plain = not (given.get("params") or given.get("options") or given.get("group"))
            base = as_text(given.get("name") or label).rpartition("/")[2]
            number = None if isinstance(stated, bool) else as_number(stated)
            if base not in METRICS or not is_plain or number is None:
                continue
            means = [mean for way in ways for mean in self._means(way)]
            if not means:
                if number and self.samples:
                    yield f"{name}/{label}: the header says {number:g}, no sample has such a score"
            elif not any(_same(number, mean) for mean in means):
                yield f"{name}/{label}: the header says {number:.6g}, the samples give {means[0]:.6g}"
        scored = as_count(score.get("scored_samples"))
        if scored is not None and self.ids is not None and ways:
            known = {n for way in ways for n in (way.number, sum(1 for count in way.counts if count))}
            if scored not in known:
                yield f"{name}: the header counts {scored:,} scored samples, the file holds {min(known):,}"

    def _ways(self, scorer: str, name: str) -> tuple[Key, list[_Column]]:
        """The score behind a header's entry, without the failed samples and with them."""
        for key in ((scorer, name), (scorer, None)):
            if key in self.unclear or key in self.clean or key in self.failed:
                if key[1] is None and name != scorer:
                    continue
                clean = self.clean.get(key, _Column())
                failed = self.failed.get(key)
                ways = [clean] if failed is None else [clean, clean.merged(failed)]
                return key, [way for way in ways if way.number]
        return (scorer, name), []

    def _means(self, column: _Column) -> Iterator[float]:
        """The mean of the means of each sample, and the mean over everything."""
        if self.ids is not None:
            pairs = zip(column.sums, column.counts, strict=True)
            reduced = [total / count for total, count in pairs if count]
            yield math.fsum(reduced) / len(reduced)
        yield column.total / column.number

    def reduced(self, scorer: str, reducer: Any, item: dict[str, Any]) -> bool:
        """Whether one reduced score agrees with the samples, as far as it can be checked."""
        if reducer not in _BY_MEAN or self.ids is None:
            return True
        given = item.get("sample_id")
        index = self.ids.get(given if isinstance(given, str | int) else as_text(given))
        value = item.get("value")
        if index is None or isinstance(value, list):
            return index is not None
        parts: Iterable[tuple[str | None, Any]] = (
            value.items() if isinstance(value, dict) else [(None, value)]
        )
        return all(self._is_mean(index, (scorer, part), stated) for part, stated in parts)

    def _is_mean(self, index: int, key: Key, stated: Any) -> bool:
        number = _as_inspect_reads(stated)
        if number is None or key in self.unclear:
            return True
        columns = [c for c in (self.clean.get(key), self.failed.get(key)) if c is not None]
        found = [mean for column in columns if (mean := column.mean_of(index)) is not None]
        if len(columns) > 1 and len(found) > 1:
            return True  # some epochs failed: which of them were counted depends on the version
        return not found or any(_same(number, mean) for mean in found)


def _as_inspect_reads(value: Any) -> float | None:
    """`value_to_float` of inspect_ai.scorer; None where it would only warn."""
    if isinstance(value, str):
        known = LETTERS.get(value, WORDS.get(value.lower()))
        if known is not None:
            return known
        try:
            number = float(value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    return as_number(value)


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)


@dataclass(slots=True)
class Named:
    """Samples that have something in common: how many, and the first few by name."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, identity: tuple[str, int]) -> None:
        """Take in one."""
        self.count += 1
        if len(self.first) < _SHOWN:
            self.first.append(f"`{identity[0][:40]}` epoch {identity[1]}")

    def __str__(self) -> str:
        more = self.count - len(self.first)
        return ", ".join(self.first) + (f" and {more:,} more" if more else "")


class Listing:
    """The log's own list of its samples (`summaries.json`, or the journal of an unfinished run)."""

    def __init__(self) -> None:
        self._listed: dict[tuple[str, int], int] = {}
        self.is_given = False
        self.differing = Named()
        self.unlisted = Named()

    def expect(self, summary: Any) -> None:
        """Take in one entry; a later one for the same sample and epoch replaces it."""
        entry = as_dict(summary)
        if entry:
            self.is_given = True
            self._listed[_identity(entry)] = _fingerprint(entry)

    def meet(self, sample: dict[str, Any]) -> None:
        """Compare a sample with its entry and strike it off."""
        if not self.is_given:
            return
        identity = _identity(sample)
        listed = self._listed.get(identity)
        if listed is None:
            self.unlisted.add(identity)
        elif listed >= 0:
            if listed != _fingerprint(sample):
                self.differing.add(identity)
            self._listed[identity] = _MET

    @property
    def absent(self) -> Named:
        """Samples that are listed and were not met."""
        out = Named()
        for identity, state in self._listed.items():
            if state != _MET:
                out.add(identity)
        return out


def _identity(entry: dict[str, Any]) -> tuple[str, int]:
    return as_text(entry.get("id"))[:200], as_count(entry.get("epoch")) or 1


def _fingerprint(entry: dict[str, Any]) -> int:
    """The scores of a sample as one number, never negative; equal for 1 and 1.0."""
    scores = as_dict(entry.get("scores"))
    content = frozenset((name, _frozen(as_dict(score).get("value"))) for name, score in scores.items())
    return hash(content) & (2**62 - 1)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset((key, as_text(_plain(item))) for key, item in value.items())
    if isinstance(value, list):
        return tuple(as_text(_plain(item)) for item in value)
    return as_text(_plain(value))


def _plain(value: Any) -> Any:
    """A whole number is the same as an integer."""
    number = as_number(value)
    return value if number is None or isinstance(value, str) else number
