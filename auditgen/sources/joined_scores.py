"""Scores and feedback in a file of their own, joined to the records they are about.

The join goes from the records: a record without scores stays. Scores about records that are not in the file
are counted, because nobody can tell whether those records were left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.evidence.model import Anomaly
from auditgen.sources import credentials
from auditgen.sources.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from auditgen.evidence.model import Score

MAX_SCORES = 1_000_000
MAX_LOOKED_AT = 16
"""Files that are looked into for companions where none has the same name."""


class JoinedScores:
    """Scores by the id of what they are about."""

    def __init__(self) -> None:
        self._scores: dict[str, list[Score]] = {}
        self._used = Tally()
        self.count = 0
        self.dropped = 0
        self._exposed = 0

    def add(self, about: str, score: Score) -> None:
        """Keep one score."""
        self.count += 1
        if self.count > MAX_SCORES:
            self.dropped += 1
            return
        cleaned = credentials.clean_score(score)
        self._exposed += cleaned != score
        self._scores.setdefault(about, []).append(cleaned)

    def of(self, *about: str) -> tuple[Score, ...]:
        """The scores about any of these ids."""
        found: list[Score] = []
        for name in about:
            if name and name in self._scores:
                self._used[name] = 1
                found += self._scores[name]
        return tuple(found)

    def anomalies(self) -> Iterator[Anomaly]:
        """Scores whose record is not there, scores that were too many."""
        orphans = sum(len(scores) for name, scores in self._scores.items() if not self._used[name])
        if orphans:
            message = "scores about records that are no call of a model in this file"
            yield Anomaly("annotations-orphaned", message, orphans)
        if self._exposed:
            message = "scores that hold what looks like a credential; not stored"
            yield Anomaly("secrets-in-log", message, self._exposed)
        if self.dropped:
            message = f"more than {MAX_SCORES:,} scores: the others were not joined"
            yield Anomaly("truncated", message, self.dropped)


def beside(
    path: Path, available: Iterable[Path], is_wanted: Callable[[Path], bool]
) -> Sequence[Path]:
    """The files that belong to this one: of the same name elsewhere, else any where only a few are there."""
    others = [other for other in available if other != path]
    name = path.name.partition(".")[0]
    same = [other for other in others if other.name.partition(".")[0] == name]
    found = [other for other in same if is_wanted(other)]
    if found or len(others) > MAX_LOOKED_AT:
        return found
    return [other for other in others if is_wanted(other)]
