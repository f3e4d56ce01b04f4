"""What people's labels of a random sample say of a judge, and of the rate that rests on it.

The sample is simple random from the records that the judge decided, so that what is found in it holds for
all of them, within its error. Two corrections are made, by different ways of thinking: Rogan and Gladen's, by
the judge's sensitivity and specificity, and the prediction-powered mean, by how far the judge is off on
average. Where they differ, the less favourable one counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from auditgen.indicators.inference.agreement import (
    Accuracy,
    Agreement,
    Kappa,
    KappaUndefined,
    accuracy,
    agreement,
)
from auditgen.indicators.inference.correction import (
    CorrectionRefused,
    Reason,
    corrected_prevalence,
    prediction_powered_mean,
)
from auditgen.indicators.inference.proportions import Interval, clopper_pearson, wilson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditgen.indicators.drawn import Draw
    from auditgen.indicators.model import Quantity

MAX_VALUES = 1_000_000
"""Of more judged records a thinner list of the same share is averaged: that can only widen the interval."""
Label = bool | None
Truth = tuple[Label, ...]
"""For each item of the sample whether it belongs into the numerator; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Codings:
    """Labels of the sample, each in the order of its items."""

    judge: tuple[bool, ...]
    first: Truth
    """None where a coder could not tell, or has not labelled."""
    second: Truth
    adjudicator: Truth | None = None

    @property
    def agreed(self) -> Truth:
        """What both coders say; None where they differ or one does not say."""
        return tuple(a if a == b else None for a, b in zip(self.first, self.second, strict=True))

    @property
    def reference(self) -> Truth:
        """What both coders say; else what the adjudicator says; else nobody knows."""
        third = self.adjudicator or (None,) * len(self.first)
        return tuple(c if a is None else a for a, c in zip(self.agreed, third, strict=True))

    @property
    def adjudicated(self) -> int:
        """Items that only the adjudicator decided."""
        return sum(a is None and r is not None for a, r in zip(self.agreed, self.reference, strict=True))


@dataclass(frozen=True, slots=True)
class Stage:
    """The rate that is checked. Counts are (in the numerator, records)."""

    judged: tuple[int, int]
    """Those that the sample was drawn from."""
    sure: tuple[int, int]
    """Decided by something else than a judge: taken as they are."""
    unknown: int
    """Judged ones without a text to check, undecided, failed and missing ones: gone the bad way in the worst
    case."""
    is_higher_better: bool
    confidence: float
    spread: float = 1.0
    """Records for one independent result: repeats of a prompt say less than as many prompts."""

    @property
    def decided(self) -> int:
        """Records of the corrected rate."""
        return self.judged[1] + self.sure[1]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A rate of all decided records, with its interval."""

    estimate: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is no such number."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Relabelling:
    """Everything that the labels of people show."""

    stage: Stage
    drawn: int
    between: Agreement
    """The two coders."""
    between_kappa: Kappa | None
    """None where it has no value, as when both used one label only."""
    adjudicated: int
    without_reference: int
    """Items on which the coders differ, or that one could not tell, and nobody decided."""
    accuracy: Accuracy
    """The judge, on the items with a reference label."""
    with_judge: Agreement
    judge_kappa: Kappa | None
    people: Estimate | Refused
    """By the reference labels alone, as if no judge had been asked."""
    corrected: Estimate | Refused
    powered: Estimate | Refused
    worst: Estimate | Refused
    """The less favourable of the two, whatever the items without a reference label are, and with every record
    that nobody could check gone the bad way."""


def stage_of(quantity: Quantity, draw: Draw) -> Stage:
    """The parts of a measured rate. Raises CorrectionRefused for a rate whose records weigh unlike."""
    [arm] = quantity.arms
    if arm.weighted is not None:
        message = "the log kept a changing share of the requests, so its records weigh unlike"
        raise CorrectionRefused(Reason.CONDITION, message)
    hits, n = draw.judged
    return Stage(
        judged=draw.population,
        sure=(arm.numerator - hits, arm.denominator - n),
        unknown=n - draw.population[1] + arm.undecided + arm.errors + quantity.missing,
        is_higher_better=quantity.request.indicator.better == "higher",
        confidence=quantity.request.confidence,
        spread=max(1.0, arm.denominator / arm.effective_size),
    )


def relabel(stage: Stage, codings: Codings) -> Relabelling:
    """Agreement, the judge's errors, and the rate corrected for them."""
    truth = codings.reference
    known = [(t, j) for t, j in zip(truth, codings.judge, strict=True) if t is not None]
    between = agreement(codings.first, codings.second, (True, False))
    with_judge = agreement([t for t, _ in known], [j for _, j in known], (True, False))
    corrected, powered, people = _estimates(stage, codings.judge, truth)
    return Relabelling(
        stage=stage,
        drawn=len(truth),
        between=between,
        between_kappa=_kappa(between),
        adjudicated=codings.adjudicated,
        without_reference=len(truth) - len(known),
        accuracy=accuracy([t for t, _ in known], [j for _, j in known]),
        with_judge=with_judge,
        judge_kappa=_kappa(with_judge),
        people=people,
        corrected=corrected,
        powered=powered,
        worst=_worst(stage, codings.judge, truth),
    )


def _kappa(table: Agreement) -> Kappa | None:
    try:
        return table.kappa() if table.pairs else None
    except KappaUndefined:
        return None


def _estimates(
    stage: Stage, judge: Sequence[bool], truth: Truth
) -> tuple[Estimate | Refused, Estimate | Refused, Estimate | Refused]:
    """(Rogan and Gladen, prediction-powered, people alone), of the items whose truth is known."""
    known = [(t, j) for t, j in zip(truth, judge, strict=True) if t is not None]
    return _corrected(stage, known), _powered(stage, known), _people(stage, known)


def _corrected(stage: Stage, known: Sequence[tuple[bool, bool]]) -> Estimate | Refused:
    found = accuracy([t for t, _ in known], [j for _, j in known])
    if not stage.judged[1]:
        return Refused(Reason.NO_SAMPLE.value, "no record with a text was decided by a judge")
    try:
        done = corrected_prevalence(
            *stage.judged,
            sensitivity=(found.hits, found.positives),
            specificity=(found.correct_rejections, found.negatives),
            condition="the records that the sample was drawn from",
            calibrated_on="the records that the sample was drawn from",
            confidence=stage.confidence,
        )
    except CorrectionRefused as refusal:
        return Refused(refusal.reason.value, str(refusal))
    return _of_all(stage, done.estimate, done.interval)


def _powered(stage: Stage, known: Sequence[tuple[bool, bool]]) -> Estimate | Refused:
    hits, n = _thinned(*stage.judged)
    values = [1.0] * hits + [0.0] * (n - hits)
    try:
        done = prediction_powered_mean(values, [(float(j), float(t)) for t, j in known], stage.confidence)
    except CorrectionRefused as refusal:
        return Refused(refusal.reason.value, str(refusal))
    except ValueError as fault:  # too few, or nothing varies
        return Refused(Reason.NO_SAMPLE.value, str(fault).replace("`", ""))
    return _of_all(stage, done.estimate, done.interval)


def _thinned(hits: int, n: int) -> tuple[int, int]:
    return (hits, n) if n <= MAX_VALUES else (round(hits * MAX_VALUES / n), MAX_VALUES)


def _people(stage: Stage, known: Sequence[tuple[bool, bool]]) -> Estimate | Refused:
    if not known:
        return Refused(Reason.NO_SAMPLE.value, "no item has a reference label")
    hits = sum(t for t, _ in known)
    interval = clopper_pearson(hits, len(known), stage.confidence)
    return _of_all(stage, hits / len(known), interval)


def _of_all(stage: Stage, estimate: float, interval: Interval) -> Estimate:
    """A rate of the judged records as one of all decided ones.

    The others are taken as they are, with the error of their own number; the two are joined by square-and-add
    (Zou and Donner 2008). Repeats of prompts widen the interval by the square root of the design effect.
    """
    factor = math.sqrt(stage.spread)
    down, up = (estimate - interval.lower) * factor, (interval.upper - estimate) * factor
    hits, n = stage.sure
    share = stage.judged[1] / stage.decided
    if n:
        rest = hits / n
        of_rest = wilson(hits / stage.spread, n / stage.spread, stage.confidence)
        estimate = share * estimate + (1 - share) * rest
        down = math.hypot(share * down, (1 - share) * (rest - of_rest.lower))
        up = math.hypot(share * up, (1 - share) * (of_rest.upper - rest))
    method = interval.method
    if stage.spread > 1:
        method += ", clustered by prompt"
    bounds = Interval(max(0.0, estimate - down), min(1.0, estimate + up), interval.confidence, method)
    return Estimate(estimate, bounds)


def _worst(stage: Stage, judge: Sequence[bool], truth: Truth) -> Estimate | Refused:
    """The hull of what can decide, over all that the items without a reference label may be."""
    found: list[Estimate] = []
    for filled in _completions(judge, truth):
        deciding = _deciding(*_estimates(stage, judge, filled))
        if isinstance(deciding, Refused):
            tail = "" if filled == truth else ", as the answers without a reference label may be"
            return replace(deciding, message=f"{deciding.message}{tail}")
        found += deciding
    lower, upper = min(e.interval.lower for e in found), max(e.interval.upper for e in found)
    ends = [e.estimate for e in found]
    estimate = min(ends) if stage.is_higher_better else max(ends)
    interval = replace(found[0].interval, lower=lower, upper=upper, method="less favourable of both")
    return _with_unknown(stage, Estimate(estimate, interval))


def _completions(judge: Sequence[bool], truth: Truth) -> Iterator[Truth]:
    """The sample as it is known, and every way in which its open items go alike by what the judge said."""
    yield truth
    if None not in truth:
        return
    for of_hits, of_others in product((True, False), repeat=2):
        yield tuple(
            t if t is not None else of_hits if j else of_others for t, j in zip(truth, judge, strict=True)
        )


def _deciding(
    corrected: Estimate | Refused, powered: Estimate | Refused, people: Estimate | Refused
) -> list[Estimate] | Refused:
    """The estimates of which the less favourable one counts, or why none may be trusted.

    Where the sample holds one kind of record only, the judge's error on the other cannot be seen. Then the
    people's own labels, which need no judge, stand in for Rogan and Gladen's number.
    """
    no_sample = Reason.NO_SAMPLE.value
    if isinstance(corrected, Refused) and corrected.reason != no_sample:
        return corrected
    if isinstance(powered, Refused) and powered.reason != no_sample:
        return powered
    first = people if isinstance(corrected, Refused) else corrected
    if isinstance(first, Refused):
        return first
    return [first] if isinstance(powered, Refused) else [first, powered]


def _with_unknown(stage: Stage, found: Estimate) -> Estimate:
    """The same of all records, those that nobody could check gone the bad way."""
    total = stage.decided + stage.unknown
    bad = 0 if stage.is_higher_better else stage.unknown

    def moved(rate: float) -> float:
        return (rate * stage.decided + bad) / total

    interval = replace(found.interval, lower=moved(found.interval.lower), upper=moved(found.interval.upper))
    return Estimate(moved(found.estimate), interval)
