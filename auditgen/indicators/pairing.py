"""Prompts that were asked under both conditions: each prompt's answers side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.indicators.cells import ALONE
from auditgen.indicators.counters import about
from auditgen.indicators.inference.clusters import ClusterShape
from auditgen.indicators.inference.paired import tango
from auditgen.indicators.inference.proportions import Interval
from auditgen.indicators.model import Pairs
from auditgen.indicators.selection import selected

if TYPE_CHECKING:
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

    @property
    def is_paired(self) -> bool:
        """Each prompt was asked at most once under each condition, and most prompts under both."""
        shared = sum(n for states, n in self.prompts.items() if GONE not in states)
        return not self.repeated and not self.alone and 2 * shared > sum(self.prompts.values())

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

        Highest where every open answer is a hit in the first arm and a miss in the second, and up to `absent`
        records that are in no file are such pairs; lowest the other way round.
        """
        highest = tango(self._completed(HIT, MISS, absent), confidence).upper
        lowest = tango(self._completed(MISS, HIT, absent), confidence).lower
        return Interval(lowest, highest, confidence, "Tango over both extremes")

    def _completed(self, first: str, second: str, absent: int) -> tuple[int, int, int, int]:
        filled = {(first, second): absent}
        for (x, y), number in self.prompts.items():
            states = (x if x in {HIT, MISS} else first, y if y in {HIT, MISS} else second)
            filled[states] = filled.get(states, 0) + number
        return (
            filled.get((HIT, HIT), 0),
            filled.get((HIT, MISS), 0),
            filled.get((MISS, HIT), 0),
            filled.get((MISS, MISS), 0),
        )


def design(cells: Cells, request: Request) -> Design:
    """How the prompts of a gap's two arms stand to each other. The indicator has arms."""
    arms = request.indicator.arms
    assert arms is not None
    prompts: dict[tuple[str, str], int] = {}
    sides = (_by_prompt(cells, request, side) for side in (arms.first, arms.second))
    first, second = next(sides), None
    if first.repeated or first.alone:
        return Design(prompts, first.repeated, first.alone)  # no pairs, whatever the other side holds
    second = next(sides)
    for prompt in {*first.states, *second.states}:
        key = first.states.get(prompt, GONE), second.states.get(prompt, GONE)
        prompts[key] = prompts.get(key, 0) + 1
    return Design(prompts, first.repeated + second.repeated, first.alone + second.alone)


@dataclass(frozen=True, slots=True)
class _Side:
    states: dict[int, str]
    repeated: int
    alone: int


def _by_prompt(cells: Cells, request: Request, side: Side) -> _Side:
    within = about(cells, request, side)
    inside = within & cells.where(selected(request.indicator.denominator))
    hit = inside & cells.where(selected(request.indicator.numerator))
    prompts, sums, alone = _summed(cells, within, inside, hit)
    repeated = int((sums[:, 0] != 1).sum())
    if repeated or alone:
        return _Side({}, repeated, alone)
    states = [HIT if h > 0 else MISS if d > 0 else OPEN for _, d, h in sums.tolist()]
    return _Side(dict(zip(prompts.tolist(), states, strict=True)), repeated, alone)


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
    """Prompts under pressure that nobody asked plainly."""


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
    unpaired = excluded = 0
    for prompt, (total, sure, hits) in zip(under.tolist(), results.tolist(), strict=True):
        asked, known, withheld = counts.get(prompt, (0, 0, 0))
        if withheld < known:
            excluded += 1
        elif not asked:
            unpaired += 1
        else:  # where the plain question is undecided, nobody knows whether its prompt counts
            shape = (hits, sure, total - sure) if known == asked else (0, 0, total)
            shapes[shape] = shapes.get(shape, 0) + 1
    return Conditional(
        tuple(ClusterShape(*shape, number) for shape, number in sorted(shapes.items())),
        excluded,
        unpaired + alone,
    )
