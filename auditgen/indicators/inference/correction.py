"""What a rate would be with a judge that does not err, and when that cannot be said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from auditgen.indicators.inference import checks
from auditgen.indicators.inference.differences import newcombe
from auditgen.indicators.inference.distributions import normal_quantile
from auditgen.indicators.inference.proportions import Interval, proportion_interval

if TYPE_CHECKING:
    from collections.abc import Sequence


class Reason(StrEnum):
    """Why a correction is refused; the values are stable."""

    CHANCE = "judge-no-better-than-chance"
    """The lower bound of Youden's J is not above 0."""
    RANGE = "outside-range"
    """The corrected estimate lies outside [0, 1]: the calibration does not fit the data."""
    CONDITION = "other-condition"
    """The judge was calibrated under another condition than that of the data."""
    NO_SAMPLE = "no-calibration-sample"
    """The calibration holds no true positive record, or no true negative one."""


class CorrectionRefused(Exception):
    """There is no honest corrected number; print the raw one and this reason."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected rate, always beside the raw one."""

    raw: float
    raw_interval: Interval
    """Of the judge's labels: sampling error only, as if the judge did not err."""
    estimate: float
    interval: Interval
    """With the sampling errors of the data and of both calibration samples."""
    sensitivity: float
    specificity: float
    youden: Interval


@dataclass(frozen=True, slots=True)
class Powered:
    """A prediction-powered mean: few people's labels, many of a judge."""

    estimate: float
    interval: Interval
    error: float
    judge_mean: float
    """What the judge alone says: the raw number."""
    rectifier: float
    """By how much the judge is off on average where people looked."""
    labelled: int
    total: int


def rogan_gladen(rate: float, sensitivity: float, specificity: float) -> float:
    """(rate + sp - 1) / (se + sp - 1) for known se and sp (Rogan and Gladen 1978).

    Raises `CorrectionRefused` where J = se + sp - 1 is not above 0 or the result lies outside [0, 1]: a
    number cut off at the end would look like a measured one.
    """
    checks.fraction("rate", rate)
    youden = checks.fraction("sensitivity", sensitivity) + checks.fraction("specificity", specificity) - 1
    if youden <= 0:
        message = f"the judge is no better than chance: sensitivity + specificity - 1 is {youden:.3f}"
        raise CorrectionRefused(Reason.CHANCE, message)
    estimate = (rate + specificity - 1) / youden
    if not -1e-12 <= estimate <= 1 + 1e-12:  # what rounding alone can do
        message = f"the corrected rate would be {estimate:.3f}: this calibration does not fit these data"
        raise CorrectionRefused(Reason.RANGE, message)
    return min(1.0, max(0.0, estimate))


def corrected_prevalence(
    k: int,
    n: int,
    *,
    sensitivity: tuple[int, int],
    specificity: tuple[int, int],
    condition: str,
    calibrated_on: str,
    confidence: float = 0.95,
) -> Corrected:
    """A rate corrected for the judge's errors, which were measured on samples of their own.

    `k` of `n` records were called positive. `sensitivity`: (called positive, all) among true positives;
    `specificity`: (called negative, all) among true negatives. `condition` and `calibrated_on` name the
    condition of the data and of the calibration (a model, a prompt set, a judge's version); they must be the
    same. The estimate is Rogan and Gladen's, the interval that of Lang and Reiczigel 2014 (Prev Vet Med
    113:13), cut to [0, 1] and widened to the estimate where it leaves it out.
    Raises `CorrectionRefused` with a `reason`, `ValueError` for counts that cannot be.
    """
    positives, total = checks.counts(k, n)
    checks.confidence(confidence)
    if not condition or not calibrated_on:
        message = "`condition` and `calibrated_on` must be named: nobody can see whether they are the same"
        raise ValueError(message)
    if condition != calibrated_on:
        message = f"the judge was calibrated on `{calibrated_on}`, the data are of `{condition}`"
        raise CorrectionRefused(Reason.CONDITION, message)
    for name, sample in (("sensitivity", sensitivity), ("specificity", specificity)):
        if checks.whole(f"{name}[1]", sample[1]) == 0:
            message = f"no record tells the {name}: the calibration lacks this side"
            raise CorrectionRefused(Reason.NO_SAMPLE, message)
        checks.counts(*sample, (f"{name}[0]", f"{name}[1]"))
    youden = newcombe(sensitivity, (specificity[1] - specificity[0], specificity[1]), confidence)
    if youden.lower <= 0:
        message = f"the judge is not shown to be better than chance: Youden's J may be {youden.lower:.3f}"
        raise CorrectionRefused(Reason.CHANCE, message)
    se, sp = sensitivity[0] / sensitivity[1], specificity[0] / specificity[1]
    estimate = rogan_gladen(positives / total, se, sp)
    lower, upper = _lang_reiczigel(positives, total, sensitivity, specificity, confidence)
    return Corrected(
        raw=positives / total,
        raw_interval=proportion_interval(positives, total, confidence=confidence),
        estimate=estimate,
        interval=Interval(min(lower, estimate), max(upper, estimate), confidence, "Lang-Reiczigel"),
        sensitivity=se,
        specificity=sp,
        youden=youden,
    )


def _lang_reiczigel(
    k: int, n: int, sensitivity: tuple[int, int], specificity: tuple[int, int], confidence: float
) -> tuple[float, float]:
    z = normal_quantile(confidence)
    size, n_se, n_sp = n + z * z, sensitivity[1] + 2, specificity[1] + 2
    rate = (k + z * z / 2) / size
    se, sp = (sensitivity[0] + 1) / n_se, (specificity[0] + 1) / n_sp
    youden = se + sp - 1
    p = (rate + sp - 1) / youden
    of_se, of_sp = se * (1 - se) / n_se, sp * (1 - sp) / n_sp
    shift = 2 * z * z * (p * of_se - (1 - p) * of_sp)
    variance = rate * (1 - rate) / size + p * p * of_se + (1 - p) ** 2 * of_sp
    half = z * math.sqrt(variance) / youden
    return min(1.0, max(0.0, p + shift - half)), max(0.0, min(1.0, p + shift + half))


def prediction_powered_mean(
    judge: Sequence[float], labelled: Sequence[tuple[float, float]], confidence: float = 0.95
) -> Powered:
    """The mean of what people would say, from a judge's values on all records and people's on a random few.

    `judge`: the judge's value of every record. `labelled`: (judge, human) of a simple random sample.
    mean(judge) + mean(human - judge), with variance s^2(judge) / N + s^2(human - judge) / n (Angelopoulos
    et al. 2023, Science 382:669). Where the few are among the N, the covariance left out makes the interval
    wider when the judge errs towards the middle. Values within [0, 1] give an interval within [0, 1].
    Raises `CorrectionRefused` where there is no labelled record or the estimate leaves [0, 1], `ValueError`
    for fewer than two of either or where neither varies: no disagreement among a few is no judge without
    error.
    """
    values = [checks.finite("judge", value) for value in judge]
    pairs = [(checks.finite("labelled", a), checks.finite("labelled", b)) for a, b in labelled]
    z = normal_quantile(confidence)
    if not pairs:
        message = "no record was labelled by people"
        raise CorrectionRefused(Reason.NO_SAMPLE, message)
    off = [human - own for own, human in pairs]
    mean, rectifier = _mean(values), _mean(off)
    error = math.sqrt(_variance("judge", values) / len(values) + _variance("labelled", off) / len(off))
    if error == 0:
        message = "neither the judge nor its errors vary, so no error can be seen; label more records"
        raise ValueError(message)
    estimate = mean + rectifier
    lower, upper = estimate - z * error, estimate + z * error
    if all(0 <= value <= 1 for value in (*values, *(x for pair in pairs for x in pair))):
        if not 0 <= estimate <= 1:
            message = f"the corrected mean would be {estimate:.3f}: the labelled records do not fit the rest"
            raise CorrectionRefused(Reason.RANGE, message)
        lower, upper = max(0.0, lower), min(1.0, upper)
    interval = Interval(lower, upper, confidence, "prediction-powered")
    return Powered(estimate, interval, error, mean, rectifier, len(pairs), len(values))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _variance(name: str, values: Sequence[float]) -> float:
    if len(values) < 2:
        message = f"`{name}` needs at least 2 records, got {len(values)}"
        raise ValueError(message)
    if min(values) == max(values):
        return 0.0
    mean = _mean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
