"""Prompts that were asked under both conditions: each prompt's answers side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditgen.indicators.cells import ALONE
from auditgen.indicators.counters import about
from auditgen.indicators.inference.clusters import ClusterShape
from auditgen.indicators.inference.paired import tango
from auditgen.indicators.inference.proportions import Interval
from auditgen.indicators.model import Pairs
from auditgen.indicators.selection import selected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditgen.indicators.cells import Cells, Flags, Numbers
    from auditgen.indicators.definition import Side
    from auditgen.indicators.model import Request

HIT, MISS, OPEN, GONE = "hit", "miss", "open", "gone"
STATES = (HIT, MISS, OPEN, GONE)
"""Of one prompt in one arm: decided, undecided or failed, not there."""


@dataclass(frozen=True, slots=True)
class Design:
    """How many prompts have which state in the first and in the second arm."""

    prompts: dict[tuple[str, str], int]
    repeated: int
    """Prompts with several records in one arm."""
    alone: int
    """Records without a prompt of their own."""
    is_weighted: bool = False
    """Whether a record of one arm stands for more requests than another, decided or not."""

    @property
    def is_paired(self) -> bool:
        """Each prompt was asked at most once under each condition, and most prompts under both."""
        return self.may_be_paired(0)

    def may_be_paired(self, absent: int) -> bool:
        """The same, were up to `absent` records there that are in no file."""
        if self.repeated or self.alone or self.is_weighted:
            return False
        gone = sum(n for states, n in self.prompts.items() if GONE in states)
        filled = min(gone, absent)  # each makes a pair of a prompt that is there; beyond, it takes two
        added = (absent - filled) // 2
        total = sum(self.prompts.values()) + added
        return 2 * (total - gone + filled) > total

    @property
    def pairs(self) -> Pairs:
        """The table of the prompts decided under both conditions."""
        cells = {(x, y): self.prompts.get((x, y), 0) for x in (HIT, MISS) for y in (HIT, MISS)}
        return Pairs(
            both=cells[HIT, HIT],
            first_only=cells[HIT, MISS],
            second_only=cells[MISS, HIT],
            neither=cells[MISS, MISS],
            incomplete=sum(self.prompts.values()) - sum(cells.values()),
        )

    def extreme(self, absent: int, confidence: float) -> Interval:
        """The widest interval over all ways in which what is not known can turn out.

        Every incomplete pair may be completed in any way or stay out, and up to `absent` records that are in
        no file may be pairs of their own. The upper limit is highest where all that can be are hits of the
        first arm only; those that cannot dilute the others, so each number of them is allowed for.
        """
        complete = self.pairs
        free, fixed = self._open(HIT, MISS)
        low, high = complete.first_only + free + absent, complete.second_only
        known = complete.both + complete.neither
        upper = _highest(low, high, known, fixed, confidence)
        free, fixed = self._open(MISS, HIT)
        low, high = complete.second_only + free + absent, complete.first_only
        lower = -_highest(low, high, known, fixed, confidence)
        return Interval(lower, upper, confidence, "Tango over both extremes")

    def _open(self, first: str, second: str) -> tuple[int, int]:
        """Incomplete prompts that can turn out as `first` and `second`, and those that cannot."""
        free = fixed = 0
        for (x, y), number in self.prompts.items():
            if {x, y} <= {HIT, MISS}:
                continue
            if x in {first, OPEN, GONE} and y in {second, OPEN, GONE}:
                free += number
            else:
                fixed += number
        return free, fixed


def _highest(first_only: int, second_only: int, alike: int, more: int, confidence: float) -> float:
    """The highest upper limit over tables to whose concordant pairs 0 to `more` are added.

    It falls with their number, or rises to one highest place and falls from there.
    """

    def limit(added: int) -> float:
        return tango((alike + added, first_only, second_only, 0), confidence).upper

    low, high = 0, more
    if not first_only + second_only + alike:  # an empty table has no limits
        if not more:
            return 1.0
        low = 1
    if first_only >= second_only:
        return limit(low)
    while high - low > 2:
        left = (low + high) // 2
        if limit(left) < limit(left + 1):
            low = left + 1
        else:
            high = left
    return max(limit(added) for added in range(low, high + 1))


def design(cells: Cells, request: Request) -> Design:
    """How the prompts of a gap's two arms stand to each other. The indicator has arms."""
    arms = request.indicator.arms
    assert arms is not None
    prompts: dict[tuple[str, str], int] = {}
    sides = (_by_prompt(cells, request, side) for side in (arms.first, arms.second))
    first, second = next(sides), None
    if first.repeated or first.alone or first.is_weighted:
        # no pairs, whatever the other side holds
        return Design(prompts, first.repeated, first.alone, first.is_weighted)
    second = next(sides)
    for prompt in {*first.states, *second.states}:
        key = first.states.get(prompt, GONE), second.states.get(prompt, GONE)
        prompts[key] = prompts.get(key, 0) + 1
    return Design(prompts, second.repeated, second.alone, second.is_weighted)


@dataclass(frozen=True, slots=True)
class _Side:
    states: dict[int, str]
    repeated: int
    alone: int
    is_weighted: bool


def _by_prompt(cells: Cells, request: Request, side: Side) -> _Side:
    within = about(cells, request, side)
    inside = within & cells.where(selected(request.indicator.denominator))
    hit = inside & cells.where(selected(request.indicator.numerator))
    prompts, sums, alone = _summed(cells, within, inside, hit)
    repeated = int((sums[:, 0] != 1).sum())
    if repeated or alone:
        return _Side({}, repeated, alone, is_weighted=False)
    states = [HIT if h > 0 else MISS if d > 0 else OPEN for _, d, h in sums.tolist()]
    written = cells.tally("sampling_rate", within)
    shares = {float(share) if share and float(share) > 0 else 1.0 for share in written}
    return _Side(dict(zip(prompts.tolist(), states, strict=True)), repeated, alone, len(shares) > 1)


def _summed(cells: Cells, *masks: Flags) -> tuple[Numbers, Numbers, int]:
    """By prompt, how many records fulfil each mask (the first holds the others); and records without one."""
    import numpy as np

    rows, profile = cells.rows(masks[0])
    n, cluster = cells.n[rows], cells.cluster[rows]
    alone = int(n[cluster == ALONE].sum())
    kept = cluster != ALONE
    prompts, place = np.unique(cluster[kept], return_inverse=True)
    sums = np.zeros((len(prompts), len(masks)), dtype=np.int64)
    for number, mask in enumerate(masks):
        np.add.at(sums[:, number], place.reshape(-1), n[kept] * mask[profile[kept]])
    there = sums[:, 0] != 0
    return prompts[there], sums[there], alone


@dataclass(frozen=True, slots=True)
class Conditional:
    """What became of the prompts that are withheld when asked plainly."""

    shapes: tuple[ClusterShape, ...]
    excluded: int
    """Prompts that are answered even when asked plainly."""
    unpaired: int
    """Prompts under pressure that nobody asked plainly, and records without a prompt of their own."""
    strangers: dict[int, int]
    """The same prompts by how often each was asked under pressure."""
    undecided: int
    """Prompts that were asked plainly, where nobody knows whether they were withheld."""

    def ways(self, absent: int, *, hits: bool) -> Iterator[tuple[ClusterShape, ...]]:
        """The clusters as they are, without those that may not count, and as missing records could make them.

        A missing record could be a plain question: answered, its prompt does not count; withheld, a prompt
        that nobody asked plainly does. So with `absent` of them that many prompts of either sort are open,
        those that move the rate most towards hits or misses.
        """
        yield self.shapes
        yield tuple(shape for shape in self.shapes if shape.decided)
        if absent:
            yield tuple(_opened(self.shapes, absent, hits=hits)) + tuple(_largest(self.strangers, absent))


def _opened(shapes: Sequence[ClusterShape], most: int, *, hits: bool) -> Iterator[ClusterShape]:
    """The clusters, up to `most` of them open: those with most misses, or with most hits."""

    def moved(shape: ClusterShape) -> float:
        return shape.decided - shape.hits if hits else shape.hits

    for shape in sorted(shapes, key=moved, reverse=True):
        opened = min(most, shape.clusters) if moved(shape) else 0
        most -= opened
        if opened:
            yield ClusterShape(0, 0, shape.decided + shape.undetermined, opened)
        if shape.clusters > opened:
            yield replace(shape, clusters=shape.clusters - opened)


def _largest(sizes: dict[int, int], most: int) -> Iterator[ClusterShape]:
    for size, number in sorted(sizes.items(), reverse=True):
        taken = min(most, number)
        most -= taken
        if taken:
            yield ClusterShape(0, 0, size, taken)


def conditional(cells: Cells, request: Request) -> Conditional:
    """Under pressure, by prompts that were all withheld when asked plainly. The indicator has arms."""
    indicator = request.indicator
    arms = indicator.arms
    assert arms is not None
    plain = about(cells, request, arms.second)
    decided = plain & cells.where(selected(indicator.denominator))
    given = decided & cells.where(selected(indicator.given))
    prompts, sums, _ = _summed(cells, plain, decided, given)
    counts = dict(zip(prompts.tolist(), sums.tolist(), strict=True))
    pressed = about(cells, request, arms.first)
    inside = pressed & cells.where(selected(indicator.denominator))
    hit = inside & cells.where(selected(indicator.numerator))
    under, results, alone = _summed(cells, pressed, inside, hit)
    shapes: dict[tuple[int, int, int], int] = {}
    strangers: dict[int, int] = {}
    excluded = 0
    for prompt, (total, sure, hits) in zip(under.tolist(), results.tolist(), strict=True):
        asked, known, withheld = counts.get(prompt, (0, 0, 0))
        if withheld < known:
            excluded += 1
        elif not asked:
            strangers[total] = strangers.get(total, 0) + 1
        else:  # where the plain question is undecided, nobody knows whether its prompt counts
            shape = (hits, sure, total - sure) if known == asked else (0, 0, total)
            shapes[shape] = shapes.get(shape, 0) + 1
    return Conditional(
        tuple(ClusterShape(*shape, number) for shape, number in sorted(shapes.items())),
        excluded,
        sum(strangers.values()) + alone,
        strangers,
        sum(1 for asked, known, withheld in counts.values() if withheld == known < asked),
    )
