"""Confidence intervals from counts: Wilson, Clopper-Pearson, Newcombe; repeats of a prompt clustered.

Plain `math`: importing a statistics package would cost more than the query that feeds it. The tests
compare every formula with published tables and with scipy and statsmodels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_ITERATIONS = 400
EPSILON = 1e-15


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided confidence interval; bounds as fractions (or differences of fractions)."""

    lower: float
    upper: float
    confidence: float
    method: str


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


def normal_quantile(confidence: float) -> float:
    """The two-sided standard normal quantile, 1.95996... for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: float, total: float, confidence: float = 0.95) -> Interval:
    """Wilson's score interval (Wilson 1927; Newcombe 1998, Stat Med 17:857, method 3).

    `total` may be an effective sample size; never degenerate at 0 or `total`.
    """
    _check(successes, total)
    z = normal_quantile(confidence)
    p = successes / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    lower = 0.0 if successes == 0 else max(0.0, centre - half)
    upper = 1.0 if successes == total else min(1.0, centre + half)
    return Interval(lower, upper, confidence, "Wilson")


def clopper_pearson(successes: float, total: float, confidence: float = 0.95) -> Interval:
    """The exact (conservative) interval of Clopper and Pearson 1934, from beta quantiles."""
    _check(successes, total)
    tail = (1 - confidence) / 2
    k, n = successes, total
    lower = 0.0 if k == 0 else beta_quantile(tail, k, n - k + 1)
    upper = 1.0 if k == n else beta_quantile(1 - tail, k + 1, n - k)
    return Interval(lower, upper, confidence, "Clopper-Pearson")


def newcombe(first: tuple[float, float], second: tuple[float, float], confidence: float = 0.95) -> Interval:
    """Difference of two independent proportions, `first - second`, each given as (successes, total).

    Newcombe 1998, Stat Med 17:873, method 10: square-and-add of Wilson limits.
    """
    a, b = wilson(*first, confidence), wilson(*second, confidence)
    p1, p2 = first[0] / first[1], second[0] / second[1]
    difference = p1 - p2
    down = math.hypot(p1 - a.lower, b.upper - p2)
    up = math.hypot(a.upper - p1, p2 - b.lower)
    return Interval(
        max(-1.0, difference - down), min(1.0, difference + up), confidence, "Newcombe (Wilson)"
    )


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


def extremes(
    shapes: Sequence[ClusterShape], absent: int, *, hits: bool
) -> tuple[tuple[float, float], ...]:
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


def _smallest_size(shapes: Sequence[ClusterShape], absent: int) -> tuple[float, float]:
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


def _largest_spread(shapes: Sequence[ClusterShape], fraction: float, absent: int) -> float:
    """The greatest sum of squared deviations of clusters from `fraction`, over all completions."""
    out = furthest = 0.0
    for shape in shapes:
        expected = fraction * (shape.decided + shape.undetermined)
        away = max(abs(shape.hits - expected), abs(shape.hits + shape.undetermined - expected))
        out += shape.clusters * away * away
        furthest = max(furthest, away)
    added = absent * max(fraction, 1 - fraction)
    return out + 2 * added * furthest + added * added


def zero_event_upper(total: int, confidence: float = 0.95) -> float:
    """One-sided upper bound of a rate after zero events in `total` trials: 1 - alpha^(1/n)."""
    return float(1 - (1 - confidence) ** (1 / total))


def trials_to_show(limit: float, confidence: float = 0.95) -> int:
    """How many trials without an event show a rate below `limit`: the smallest n with bound <= limit."""
    return math.ceil(math.log(1 - confidence) / math.log(1 - limit))


@lru_cache(maxsize=512)
def beta_quantile(probability: float, a: float, b: float) -> float:
    """Inverse of the regularised incomplete beta function, by bisection (monotone, cannot diverge)."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < probability:
            low = middle
        else:
            high = middle
        if high - low <= EPSILON * max(high, 1e-300):
            break
    return (low + high) / 2


def beta_cdf(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b): continued fraction (DLMF 8.17.22, Lentz)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    log_front = (
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x > (a + 1) / (a + b + 2):
        return 1.0 - math.exp(log_front) * _beta_fraction(1 - x, b, a) / b
    return math.exp(log_front) * _beta_fraction(x, a, b) / a


def _beta_fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    result = d
    for m in range(1, MAX_ITERATIONS * 50):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1.0 + step * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + step / c
            c = c if abs(c) > tiny else tiny
            result *= c * d
        if abs(c * d - 1.0) < EPSILON:
            break
    return result


def _check(successes: float, total: float) -> None:
    if not 0 <= successes <= total or total <= 0:
        message = f"need 0 <= successes <= total and total > 0, got {successes} of {total}"
        raise ValueError(message)
