"""Repeats of one prompt, which are not independent: effective sizes, extremes, clustered standard errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.indicators.inference import checks
from auditgen.indicators.inference.distributions import student_quantile, student_tails
from auditgen.indicators.inference.proportions import Interval

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class ClusterShape:
    """Clusters (all repeats of one prompt) that look alike.

    The numbers are whole, unless the log kept a share of the requests that was not always the same: then
    they are multiplied by what a record stands for, in units of the mean.
    """

    hits: float
    decided: float
    undetermined: float
    """Undecided and failed ones: hit or miss, nobody knows."""
    clusters: int = 1
    """How many look so."""


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """What describes 0/1 results in clusters (repeats of one prompt): exact integers, but for weights.

    With k_c successes among n_c results of cluster c: sums of k, n, k^2, k*n, n^2 and the number of
    clusters. They add across files and engines, so no rounding happens before this point.
    """

    successes: float
    total: float
    clusters: int
    sum_kk: float
    sum_kn: float
    sum_nn: float

    @classmethod
    def of(cls, shapes: Iterable[ClusterShape]) -> ClusterSums:
        """The sums over what was decided."""
        g = 0
        k: float = 0
        n: float = 0
        kk: float = 0
        kn: float = 0
        nn: float = 0
        for shape in shapes:
            if not shape.decided:
                continue
            k += shape.clusters * shape.hits
            n += shape.clusters * shape.decided
            g += shape.clusters
            kk += shape.clusters * shape.hits**2
            kn += shape.clusters * shape.hits * shape.decided
            nn += shape.clusters * shape.decided**2
        return cls(k, n, g, kk, kn, nn)


def effective_size(sums: ClusterSums) -> float:
    """The number of independent results that carry as much information as these clustered ones.

    n / DEFF with the linearised (between-cluster) variance of a ratio (Korn and Graubard 1998;
    cluster standard error as in Miller, arXiv 2411.00640) times G/(G-1). DEFF is held between 1
    and the size of the weighted mean cluster: clustering never makes evidence look stronger than
    independence, and never weaker than one result per cluster. When every result is the same the
    variance cannot be seen, so the cluster count itself is used.
    """
    n, g = sums.total, sums.clusters
    if n == 0:
        return 0.0
    if sums.sum_nn == n:  # every cluster is one record that stands for one
        return float(n)
    largest = sums.sum_nn / n
    p = sums.successes / n
    if g < 2 or p in {0.0, 1.0}:
        return n / largest
    between = sums.sum_kk - 2 * p * sums.sum_kn + p * p * sums.sum_nn
    variance = g / (g - 1) * between / (n * n)
    deff = variance / (p * (1 - p) / n)
    return n / min(max(deff, 1.0), largest)


def extremes(shapes: Sequence[ClusterShape], absent: float, *, hits: bool) -> tuple[tuple[float, float], ...]:
    """(successes, size) pairs, one of which bounds every way the unknown can turn out to be.

    Unknown are the undetermined results of the clusters and up to `absent` results that are missing
    altogether and could belong to any cluster, or to none of these. `hits` asks for the end where all
    of them are hits, otherwise where none is. The fraction is the extreme one; the size is a lower
    bound of `effective_size` over all completions. Both are taken over a set that can only grow when
    a decided result becomes undetermined or absent: so such a change never improves the bound.
    With nothing unknown this is the plain fraction and `effective_size`.
    """
    total = sum(s.clusters * (s.decided + s.undetermined) for s in shapes)
    found = sum(s.clusters * s.hits for s in shapes)
    open_ = sum(s.clusters * s.undetermined for s in shapes)
    misses = total - found - open_
    size, floor = _smallest_size(shapes, absent)
    extreme = found + open_ + absent if hits else found
    out = [(extreme / (total + absent), size)]
    if hits and not found:
        out.append((0.0, floor))  # perhaps all are alike, the other way
    if not hits and not misses:
        out.append((1.0, floor))
    return tuple((fraction * n, n) for fraction, n in out)


def _smallest_size(shapes: Sequence[ClusterShape], absent: float) -> tuple[float, float]:
    """A lower bound of `effective_size` over all completions, and the same where all results agree.

    For hits k of n in g clusters `effective_size` is (g-1)/g k (n-k) / V, V = sum (k_c - k/n n_c)^2.
    k (n-k) is least at an end of the range of k; V is convex in every unknown and in k/n, so it is
    greatest at corners: each cluster's unknowns all hit or all miss, all absent ones in the cluster
    that deviates most.
    """
    total = sum(s.clusters * (s.decided + s.undetermined) for s in shapes)
    found = sum(s.clusters * s.hits for s in shapes)
    open_ = sum(s.clusters * s.undetermined for s in shapes)
    groups = sum(s.clusters for s in shapes)
    squares = sum(s.clusters * (s.decided + s.undetermined) ** 2 for s in shapes)
    largest = max(s.decided + s.undetermined for s in shapes)
    floor = total * total / (squares - largest**2 + (largest + absent) ** 2)
    if not open_ and not absent:
        return effective_size(ClusterSums.of(shapes)), floor
    if groups < 2:  # one cluster has no variance between
        return floor, floor
    misses = total - found - open_
    ends = (found * (misses + open_) or total - 1, (found + open_) * misses or total - 1)
    spread = max(
        _largest_spread(shapes, fraction / (total + absent), absent)
        for fraction in (found, found + open_ + absent)
    )
    size = (groups - 1) / groups * min(ends) / spread
    return max(floor, min(size, total)), floor


def _largest_spread(shapes: Sequence[ClusterShape], fraction: float, absent: float) -> float:
    """The greatest sum of squared deviations of clusters from `fraction`, over all completions."""
    out = furthest = 0.0
    for shape in shapes:
        expected = fraction * (shape.decided + shape.undetermined)
        away = max(abs(shape.hits - expected), abs(shape.hits + shape.undetermined - expected))
        out += shape.clusters * away * away
        furthest = max(furthest, away)
    added = absent * max(fraction, 1 - fraction)
    return out + 2 * added * furthest + added * added


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with a standard error that knows its clusters, and what repeats did to it."""

    mean: float
    error: float
    """With the small-sample factor G / (G - 1) on the variance; use with t on `degrees`."""
    plain_error: float
    """Without that factor, as Miller (arXiv 2411.00640) prints it."""
    naive_error: float
    """As if every value were independent: sqrt of the variance over n. For comparison only."""
    size: int
    clusters: int

    @property
    def degrees(self) -> int:
        """Degrees of freedom: clusters - 1."""
        return self.clusters - 1

    @property
    def design_effect(self) -> float:
        """How many times the variance is that of independent values; `ValueError` where none varies."""
        if self.naive_error == 0:
            message = "all values are equal: the design effect cannot be seen"
            raise ValueError(message)
        return (self.plain_error / self.naive_error) ** 2

    def interval(self, confidence: float = 0.95) -> Interval:
        """mean +- t(G - 1) error. Raises `ValueError` where the clusters agree: that is no certainty."""
        checks.confidence(confidence)
        if self.error == 0:
            message = "the clusters agree, so their variance cannot be seen; use the interval of a proportion"
            raise ValueError(message)
        half = student_quantile(confidence, self.degrees) * self.error
        return Interval(self.mean - half, self.mean + half, confidence, f"t({self.degrees}), clustered")


@dataclass(frozen=True, slots=True)
class PairedMean(Mean):
    """The mean over prompts of a difference `first - second`, and what could not be paired."""

    only_first: int
    """Prompts without a value in the second arm; left out, never counted as 0."""
    only_second: int

    @property
    def p_value(self) -> float:
        """Two-sided, that the mean difference is 0; `ValueError` where the prompts agree."""
        if self.error == 0:
            message = "all prompts have the same difference, so its variance cannot be seen"
            raise ValueError(message)
        return student_tails(self.mean / self.error, self.degrees)


def clustered_error(values: Sequence[float], groups: Sequence[Hashable]) -> Mean:
    """The mean of `values` with a standard error clustered by `groups` (one label per value).

    sqrt(sum over clusters of (sum of deviations)^2) / n (Miller, arXiv 2411.00640, equation 4), times
    sqrt(G / (G - 1)). Few clusters make any such error rough: the t quantile helps, it does not heal.
    Raises `ValueError` for fewer than two clusters, unequal lengths, values that are not finite.
    """
    if len(values) != len(groups):
        message = f"need one group per value, got {len(groups)} for {len(values)}"
        raise ValueError(message)
    numbers = [checks.finite("values", value) for value in values]
    g = len(set(groups))
    if g < 2:
        message = f"need at least 2 clusters to see how they differ, got {g}"
        raise ValueError(message)
    n = len(numbers)
    mean = math.fsum(numbers) / n
    inside: dict[Hashable, list[float]] = {}
    for value, group in zip(numbers, groups, strict=True):
        inside.setdefault(group, []).append(value - mean)
    # equal values must give exactly 0, whatever rounding did to their mean
    is_constant = min(numbers) == max(numbers)
    between = 0.0 if is_constant else math.fsum(math.fsum(away) ** 2 for away in inside.values())
    spread = 0.0 if is_constant else math.fsum((value - mean) ** 2 for value in numbers)
    plain = math.sqrt(between) / n
    return Mean(mean, plain * math.sqrt(g / (g - 1)), plain, math.sqrt(spread) / n, n, g)


def paired_mean_difference(
    first: Mapping[Hashable, Sequence[float]], second: Mapping[Hashable, Sequence[float]]
) -> PairedMean:
    """The gap `first - second` of repeated prompts: by prompt the difference of its means, then over prompts.

    Every prompt weighs the same, however often it was asked; the prompt is the unit, so t has prompts - 1
    degrees of freedom. A prompt with values in one arm only is left out and counted. Raises `ValueError` for
    fewer than two pairs.
    """
    one = {prompt for prompt, values in first.items() if len(values)}
    two = {prompt for prompt, values in second.items() if len(values)}
    differences = [_mean(first[prompt]) - _mean(second[prompt]) for prompt in first if prompt in one & two]
    found = clustered_error(differences, range(len(differences)))
    return PairedMean(
        found.mean,
        found.error,
        found.plain_error,
        found.naive_error,
        found.size,
        found.clusters,
        len(one - two),
        len(two - one),
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(checks.finite("values", value) for value in values) / len(values)
