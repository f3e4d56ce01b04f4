"""How far a judge agrees with people: percent, kappa, sensitivity and specificity; invalid labels counted."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.indicators.inference import checks
from auditgen.indicators.inference.differences import newcombe
from auditgen.indicators.inference.distributions import normal_quantile
from auditgen.indicators.inference.proportions import Interval, proportion_interval

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


class KappaUndefined(ValueError):
    """Kappa has no value here: it is neither 0 nor 1."""


@dataclass(frozen=True, slots=True)
class Kappa:
    """Agreement beyond chance, with its large-sample standard error."""

    value: float
    error: float
    error_if_none: float
    """Under the hypothesis that agreement is by chance; for the test that kappa is 0."""
    pairs: int

    def interval(self, confidence: float = 0.95) -> Interval:
        """kappa +- z error, within [-1, 1]. Raises `KappaUndefined` where no variance is seen."""
        z = normal_quantile(confidence)
        if self.error == 0:
            message = "no variance is seen (perfect agreement); use the interval of the percent agreement"
            raise KappaUndefined(message)
        lower, upper = self.value - z * self.error, self.value + z * self.error
        return Interval(max(-1.0, lower), min(1.0, upper), confidence, "kappa, large sample")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two raters over the same records."""

    table: tuple[tuple[int, ...], ...]
    """Rows: first rater; columns: second; both in the order of the declared labels."""
    invalid_first: int
    """Records to which the first rater gave no declared label: refused to judge, broke off, free text."""
    invalid_second: int
    invalid_either: int
    """Records left out, because at least one rater gave no declared label."""

    @property
    def pairs(self) -> int:
        """Records with two valid labels."""
        return sum(map(sum, self.table))

    @property
    def agreeing(self) -> int:
        """Records with the same label from both."""
        return sum(row[i] for i, row in enumerate(self.table))

    def percent(self, confidence: float = 0.95) -> tuple[float, Interval]:
        """The share of agreeing pairs with its Wilson interval; `ValueError` without a valid pair."""
        found = proportion_interval(self.agreeing, self.pairs, confidence=confidence)
        return self.agreeing / self.pairs, found

    def kappa(self) -> Kappa:
        """Cohen's kappa of the valid pairs."""
        return cohen_kappa(self.table)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A judge against the truth, on records whose truth is known."""

    positives: int
    hits: int
    """Positives that the judge called positive."""
    negatives: int
    correct_rejections: int
    """Negatives that the judge called negative."""
    invalid: int
    """Records to which the judge gave no label; in no rate."""

    def sensitivity(self, confidence: float = 0.95) -> Interval:
        """The Wilson interval of P(called positive | positive)."""
        return proportion_interval(self.hits, self.positives, confidence=confidence)

    def specificity(self, confidence: float = 0.95) -> Interval:
        """The Wilson interval of P(called negative | negative)."""
        return proportion_interval(self.correct_rejections, self.negatives, confidence=confidence)

    def youden(self, confidence: float = 0.95) -> Interval:
        """J = sensitivity + specificity - 1, the gap between P(called positive) in the two groups (Newcombe).

        At or below 0 the judge is no better than chance.
        """
        checks.counts(self.hits, self.positives, ("hits", "positives"))
        checks.counts(self.correct_rejections, self.negatives, ("correct_rejections", "negatives"))
        false_alarms = self.negatives - self.correct_rejections
        return newcombe((self.hits, self.positives), (false_alarms, self.negatives), confidence)


def agreement(first: Sequence[Hashable], second: Sequence[Hashable], labels: Sequence[Hashable]) -> Agreement:
    """Cross-tabulate two raters; only `labels` count as labels, everything else is counted as invalid."""
    if len(first) != len(second):
        message = f"need two labels per record, got {len(first)} and {len(second)}"
        raise ValueError(message)
    if len(set(labels)) != len(labels) or len(labels) < 2:
        message = f"need at least 2 different labels, got {list(labels)!r}"
        raise ValueError(message)
    places = {label: i for i, label in enumerate(labels)}
    cells = Counter(
        (places[a], places[b]) for a, b in zip(first, second, strict=True) if a in places and b in places
    )
    size = range(len(labels))
    return Agreement(
        tuple(tuple(cells[i, j] for j in size) for i in size),
        sum(a not in places for a in first),
        sum(b not in places for b in second),
        len(first) - cells.total(),
    )


def accuracy(truth: Sequence[bool], judged: Sequence[bool | None]) -> Accuracy:
    """Count a judge's labels against the truth; None is a judge that gave no label."""
    if len(truth) != len(judged):
        message = f"need one judgement per record, got {len(judged)} for {len(truth)}"
        raise ValueError(message)
    cells = Counter(zip(truth, judged, strict=True))
    return Accuracy(
        positives=cells[True, True] + cells[True, False],
        hits=cells[True, True],
        negatives=cells[False, True] + cells[False, False],
        correct_rejections=cells[False, False],
        invalid=cells[True, None] + cells[False, None],
    )


def cohen_kappa(table: Sequence[Sequence[int]]) -> Kappa:
    """Cohen's kappa (1960) of a square table of counts, with the errors of Fleiss, Cohen and Everitt 1969.

    Raises `KappaUndefined` where both raters use one label only: agreement by chance is then certain.
    """
    size = range(len(table))
    counts = [[checks.whole(f"table[{i}]", cell) for cell in row] for i, row in enumerate(table)]
    n = sum(map(sum, counts))
    if any(len(row) != len(counts) for row in counts) or n == 0:
        message = f"need a square table with at least one record, got {[list(row) for row in table]!r}"
        raise ValueError(message)
    p = [[cell / n for cell in row] for row in counts]
    rows = [sum(row) for row in p]
    columns = [sum(p[i][j] for i in size) for j in size]
    if any(sum(counts[i]) == n == sum(row[i] for row in counts) for i in size):
        message = "both raters gave every record the same one label; kappa is not defined"
        raise KappaUndefined(message)
    seen = sum(p[i][i] for i in size)
    chance = sum(rows[i] * columns[i] for i in size)
    kappa = (seen - chance) / (1 - chance)
    on = sum(p[i][i] * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in size)
    off = (1 - kappa) ** 2 * sum(p[i][j] * (columns[i] + rows[j]) ** 2 for i in size for j in size if i != j)
    variance = on + off - (kappa - chance * (1 - kappa)) ** 2
    none = chance + chance**2 - sum(rows[i] * columns[i] * (rows[i] + columns[i]) for i in size)
    is_perfect = sum(counts[i][i] for i in size) == n  # rounding must not make an error of nothing
    scale = (1 - chance) * math.sqrt(n)
    return Kappa(
        kappa,
        0.0 if is_perfect else math.sqrt(max(0.0, variance)) / scale,
        math.sqrt(max(0.0, none)) / scale,
        n,
    )


def fleiss_kappa(ratings: Sequence[Sequence[int]]) -> float:
    """Fleiss' kappa (1971): one row per record, how many raters chose each label; as many raters in each row.

    Raises `ValueError` for rows of different sums, `KappaUndefined` where only one label was ever used.
    """
    counts = [[checks.whole(f"ratings[{i}]", cell) for cell in row] for i, row in enumerate(ratings)]
    sums = {sum(row) for row in counts}
    if len(sums) != 1 or len({len(row) for row in counts}) != 1 or min(sums) < 2:
        message = "need the same number of raters, at least 2, in every row"
        raise ValueError(message)
    raters = sums.pop()
    total = raters * len(counts)
    shares = [sum(column) / total for column in zip(*counts, strict=True)]
    if max(shares) == 1:
        message = "every rater gave every record the same one label; kappa is not defined"
        raise KappaUndefined(message)
    pairs = sum(cell * (cell - 1) for row in counts for cell in row)
    seen = pairs / (total * (raters - 1))
    chance = sum(share * share for share in shares)
    return float((seen - chance) / (1 - chance))
