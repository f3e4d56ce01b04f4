"""Judges: agreement, and rates corrected for their errors or refused."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa as fleiss_by_others

from auditgen.indicators import CorrectionRefused, corrected_prevalence, difference_interval
from auditgen.indicators.inference.agreement import (
    KappaUndefined,
    accuracy,
    agreement,
    cohen_kappa,
    fleiss_kappa,
)
from auditgen.indicators.inference.correction import (
    Reason,
    prediction_powered_mean,
    rogan_gladen,
)
from auditgen.indicators.inference.proportions import wilson

MANY = settings(deadline=None, max_examples=150)
SAME = {"condition": "prompted", "calibrated_on": "prompted"}


def test_agreement_counts_what_is_no_label() -> None:
    first = ["yes", "no", "yes", "no", None, "I cannot judge that", "yes"]
    second = ["yes", "no", "no", "no", "yes", None, "maybe"]
    found = agreement(first, second, ["yes", "no"])
    assert found.table == ((1, 1), (0, 2))
    assert (found.pairs, found.agreeing) == (4, 3)
    assert (found.invalid_first, found.invalid_second, found.invalid_either) == (2, 2, 3)
    share, interval = found.percent()
    assert share == 0.75
    assert interval == wilson(3, 4)
    assert found.kappa() == cohen_kappa([[1, 1], [0, 2]])
    assert found.percent(0.8)[1].confidence == 0.8


def test_agreement_without_a_valid_pair_is_no_number() -> None:
    found = agreement([None], ["yes"], ["yes", "no"])
    assert found.invalid_either == 1
    with pytest.raises(ValueError, match="`n` must be at least 1"):
        found.percent()
    with pytest.raises(ValueError, match="at least one record"):
        found.kappa()


def test_raters_and_labels_are_checked() -> None:
    with pytest.raises(ValueError, match="need two labels per record, got 1 and 2"):
        agreement(["yes"], ["yes", "no"], ["yes", "no"])
    for labels in (["yes"], ["yes", "yes"]):
        with pytest.raises(ValueError, match="need at least 2 different labels"):
            agreement(["yes"], ["yes"], labels)
    with pytest.raises(ValueError, match="need one judgement per record, got 1 for 2"):
        accuracy([True, False], [True])


@MANY
@given(
    table=st.integers(2, 4).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 30), min_size=n, max_size=n), min_size=n, max_size=n)
    )
)
def test_kappa_as_statsmodels_has_it(table: list[list[int]]) -> None:
    n = sum(map(sum, table))
    if n == 0:
        with pytest.raises(ValueError, match="at least one record"):
            cohen_kappa(table)
        return
    size = range(len(table))
    if any(sum(table[i]) == n == sum(row[i] for row in table) for i in size):
        with pytest.raises(KappaUndefined, match="the same one label"):
            cohen_kappa(table)
        return
    found = cohen_kappa(table)
    theirs = cohens_kappa(np.array(table))
    assert found.value == pytest.approx(theirs.kappa, abs=1e-12)
    assert found.pairs == n
    assert found.error_if_none == pytest.approx(math.sqrt(max(0.0, theirs.var_kappa0)), abs=1e-7)
    if sum(table[i][i] for i in size) == n:
        assert (found.value, found.error) == (1.0, 0.0)
        with pytest.raises(KappaUndefined, match="no variance is seen"):
            found.interval()
    else:
        assert found.error == pytest.approx(math.sqrt(max(0.0, theirs.var_kappa)), abs=1e-7)
        if found.error:
            interval = found.interval(0.9)
            half = stats.norm.ppf(0.95) * found.error
            wanted = max(-1, found.value - half), min(1, found.value + half)
            assert (interval.lower, interval.upper) == pytest.approx(wanted, abs=1e-7)
            assert (interval.confidence, interval.method) == (0.9, "kappa, large sample")


def test_tables_of_kappa_are_checked() -> None:
    for table in ([[1, 2]], [[1, 2], [3]], [], [[1, 2, 3], [1, 2, 3]]):
        with pytest.raises(ValueError, match="need a square table"):
            cohen_kappa(table)
    with pytest.raises(ValueError, match=r"`table\[1\]` must be at least 0"):
        cohen_kappa([[1, 2], [3, -1]])


@MANY
@given(
    ratings=st.integers(2, 6).flatmap(
        lambda raters: st.lists(
            st.lists(st.integers(0, 2), min_size=raters, max_size=raters).map(
                lambda labels: [labels.count(i) for i in range(3)]
            ),
            min_size=1,
            max_size=12,
        )
    )
)
def test_fleiss_as_statsmodels_has_it(ratings: list[list[int]]) -> None:
    if sum(any(column) for column in zip(*ratings, strict=True)) == 1:
        with pytest.raises(KappaUndefined, match="the same one label"):
            fleiss_kappa(ratings)
    else:
        assert fleiss_kappa(ratings) == pytest.approx(fleiss_by_others(np.array(ratings)), abs=1e-12)


@pytest.mark.parametrize("ratings", [[], [[2, 1], [1, 1]], [[1, 0]], [[2, 1], [1, 1, 1]]])
def test_ratings_are_checked(ratings: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="need the same number of raters, at least 2, in every row"):
        fleiss_kappa(ratings)


def test_accuracy_leaves_out_what_was_not_judged_and_says_so() -> None:
    truth = [True] * 10 + [False] * 20
    judged = [True] * 7 + [False] * 2 + [None] + [False] * 15 + [True] * 3 + [None] * 2
    found = accuracy(truth, judged)
    assert (found.positives, found.hits, found.negatives, found.correct_rejections) == (9, 7, 18, 15)
    assert found.invalid == 3
    assert found.sensitivity() == wilson(7, 9)
    assert found.specificity(0.9) == wilson(15, 18, 0.9)
    youden = found.youden()
    assert youden == difference_interval(7, 9, 3, 18)
    assert youden.lower < 7 / 9 + 15 / 18 - 1 < youden.upper
    with pytest.raises(ValueError, match="`positives` must be at least 1"):
        accuracy([False], [False]).youden()
    with pytest.raises(ValueError, match="`negatives` must be at least 1"):
        accuracy([True], [False]).youden()


# corrected rates


@MANY
@given(p=st.floats(0, 1), se=st.floats(0.5, 1), sp=st.floats(0.6, 1))
def test_the_correction_undoes_the_judge(p: float, se: float, sp: float) -> None:
    seen = p * se + (1 - p) * (1 - sp)
    assert rogan_gladen(min(1.0, seen), se, sp) == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize(
    ("rate", "se", "sp", "reason"),
    [
        (0.5, 0.5, 0.5, "judge-no-better-than-chance"),
        (0.5, 0.2, 0.7, "judge-no-better-than-chance"),
        (0.05, 0.9, 0.9, "outside-range"),
        (0.95, 0.9, 0.9, "outside-range"),
    ],
)
def test_known_errors_that_correct_nothing(rate: float, se: float, sp: float, reason: str) -> None:
    with pytest.raises(CorrectionRefused) as caught:
        rogan_gladen(rate, se, sp)
    assert caught.value.reason == reason
    assert rogan_gladen(0.1, 0.9, 0.9) == 0.0
    assert rogan_gladen(0.9, 0.9, 0.9) == 1.0


@pytest.mark.parametrize("name", ["rate", "sensitivity", "specificity"])
def test_known_rates_are_checked(name: str) -> None:
    given_: dict[str, float] = {"rate": 0.5, "sensitivity": 0.9, "specificity": 0.9, name: math.nan}
    with pytest.raises(ValueError, match=f"`{name}` must be from 0 to 1"):
        rogan_gladen(**given_)


def lang_reiczigel(x: int, n: int, tp: int, n_se: int, tn: int, n_sp: int, z: float) -> tuple[float, float]:
    """The published formula once more, from frequencies as the paper writes it (Lang and Reiczigel 2014)."""
    ap, se, sp = x / n, tp / n_se, tn / n_sp
    ap_, se_, sp_ = (
        (n * ap + z**2 / 2) / (n + z**2),
        (n_se * se + 1) / (n_se + 2),
        (n_sp * sp + 1) / (n_sp + 2),
    )
    tp_ = (ap_ + sp_ - 1) / (se_ + sp_ - 1)
    b = tp_ * se_ * (1 - se_) / (n_se + 2)
    c = (1 - tp_) * sp_ * (1 - sp_) / (n_sp + 2)
    shift = 2 * z**2 * (b - c)
    total = ap_ * (1 - ap_) / (n + z**2) + tp_ * b + (1 - tp_) * c
    half = z * math.sqrt(total / (se_ + sp_ - 1) ** 2)
    return float(np.clip(tp_ + shift - half, 0, 1)), float(np.clip(tp_ + shift + half, 0, 1))


@MANY
@given(
    n=st.integers(1, 500),
    share=st.floats(0, 1),
    n_se=st.integers(1, 300),
    n_sp=st.integers(1, 300),
    se=st.floats(0.4, 1),
    sp=st.floats(0.4, 1),
    confidence=st.sampled_from([0.8, 0.95]),
)
def test_a_corrected_rate_or_a_reason(
    n: int, share: float, n_se: int, n_sp: int, se: float, sp: float, confidence: float
) -> None:
    k, tp, tn = round(share * n), round(se * n_se), round(sp * n_sp)
    youden = difference_interval(tp, n_se, n_sp - tn, n_sp, confidence=confidence)
    arguments: dict[str, Any] = {
        "sensitivity": (tp, n_se),
        "specificity": (tn, n_sp),
        "confidence": confidence,
    }
    q, a, b = k / n, tp / n_se, tn / n_sp
    plain = (q + b - 1) / (a + b - 1) if a + b > 1 else math.nan
    assume(abs(plain) > 1e-9 and abs(plain - 1) > 1e-9)
    if youden.lower <= 0 or not 0 <= plain <= 1:
        with pytest.raises(CorrectionRefused) as caught:
            corrected_prevalence(k, n, **arguments, **SAME)
        assert caught.value.reason is (Reason.CHANCE if youden.lower <= 0 else Reason.RANGE)
        return
    found = corrected_prevalence(k, n, **arguments, **SAME)
    assert (found.raw, found.raw_interval) == (q, wilson(k, n, confidence))
    assert found.estimate == pytest.approx(plain)
    assert (found.sensitivity, found.specificity, found.youden) == (a, b, youden)
    assert 0 <= found.interval.lower <= found.estimate <= found.interval.upper <= 1
    lower, upper = lang_reiczigel(k, n, tp, n_se, tn, n_sp, stats.norm.ppf(0.5 + confidence / 2))
    wanted = min(lower, plain), max(upper, plain)
    assert (found.interval.lower, found.interval.upper) == pytest.approx(wanted, abs=1e-9)
    assert (found.interval.confidence, found.interval.method) == (confidence, "Lang-Reiczigel")


def test_the_corrected_interval_is_wider_than_that_of_known_errors() -> None:
    few = corrected_prevalence(60, 200, sensitivity=(18, 20), specificity=(18, 20), **SAME)
    many = corrected_prevalence(60, 200, sensitivity=(1800, 2000), specificity=(1800, 2000), **SAME)
    known = [rogan_gladen(end, 0.9, 0.9) for end in (many.raw_interval.lower, many.raw_interval.upper)]
    assert few.estimate == many.estimate == pytest.approx(0.25)
    assert few.interval.upper - few.interval.lower > many.interval.upper - many.interval.lower
    assert (many.interval.lower, many.interval.upper) == pytest.approx(known, abs=0.01)


def test_calibrations_that_cannot_be_used() -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"calibrated_on": "fine-tuned"}, "other-condition"),
        ({"sensitivity": (0, 0)}, "no-calibration-sample"),
        ({"specificity": (0, 0)}, "no-calibration-sample"),
        ({"sensitivity": (5, 10), "specificity": (5, 10)}, "judge-no-better-than-chance"),
        ({"sensitivity": (6, 10), "specificity": (6, 10)}, "judge-no-better-than-chance"),
        ({"specificity": (85, 100)}, "outside-range"),
    ]
    usual: dict[str, Any] = {"sensitivity": (90, 100), "specificity": (95, 100), **SAME}
    for change, reason in cases:
        with pytest.raises(CorrectionRefused) as caught:
            corrected_prevalence(10, 100, **{**usual, **change})
        assert caught.value.reason == reason
        assert str(caught.value)
    assert corrected_prevalence(10, 100, **usual).estimate == pytest.approx(0.05 / 0.85)


def test_counts_and_names_are_checked() -> None:
    usual: dict[str, Any] = {"sensitivity": (90, 100), "specificity": (95, 100), **SAME}
    bad: list[tuple[tuple[Any, Any], dict[str, Any], str]] = [
        ((5, 4), {}, "`k` must not exceed `n`"),
        ((1, 4), {"condition": ""}, "must be named"),
        ((1, 4), {"calibrated_on": ""}, "must be named"),
        ((1, 4), {"sensitivity": (5, 4)}, r"`sensitivity\[0\]` must not exceed"),
        ((1, 4), {"specificity": (0.5, 4)}, r"`specificity\[0\]` must be a whole number"),
        ((1, 4), {"specificity": (1, -4)}, r"`specificity\[1\]` must be at least 0"),
        ((1, 4), {"confidence": 1.0}, "`confidence` must be"),
    ]
    for counts, change, words in bad:
        with pytest.raises(ValueError, match=words):
            corrected_prevalence(*counts, **{**usual, **change})


# prediction-powered means


@MANY
@given(
    judge=st.lists(st.sampled_from([0.0, 1.0, 0.5]), min_size=2, max_size=40),
    labelled=st.lists(
        st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=2, max_size=20
    ),
)
def test_prediction_powered_by_its_formula(judge: list[float], labelled: list[tuple[float, float]]) -> None:
    off = [human - own for own, human in labelled]
    estimate = float(np.mean(judge) + np.mean(off))
    error = math.sqrt(np.var(judge, ddof=1) / len(judge) + np.var(off, ddof=1) / len(off))
    if error < 1e-12:
        with pytest.raises(ValueError, match="neither the judge nor its errors vary"):
            prediction_powered_mean(judge, labelled)
        return
    assume(min(abs(estimate), abs(estimate - 1)) > 1e-9 or estimate in {0.0, 1.0})
    if not 0 <= estimate <= 1:
        with pytest.raises(CorrectionRefused) as caught:
            prediction_powered_mean(judge, labelled)
        assert caught.value.reason is Reason.RANGE
        return
    found = prediction_powered_mean(judge, labelled, 0.9)
    half = stats.norm.ppf(0.95) * error
    assert found.estimate == pytest.approx(estimate)
    assert found.error == pytest.approx(error)
    wanted = max(0, estimate - half), min(1, estimate + half)
    assert (found.interval.lower, found.interval.upper) == pytest.approx(wanted, abs=1e-12)
    assert (found.judge_mean, found.rectifier) == pytest.approx((np.mean(judge), np.mean(off)))
    assert (found.labelled, found.total) == (len(labelled), len(judge))


def test_with_every_record_labelled_it_is_the_mean_of_people() -> None:
    chance = random.Random(4)
    pairs = [(float(chance.random() < 0.4), float(chance.random() < 0.3)) for _ in range(50)]
    found = prediction_powered_mean([own for own, _ in pairs], pairs)
    assert found.estimate == pytest.approx(sum(human for _, human in pairs) / 50)


def test_a_judge_that_says_always_the_same_leaves_the_classical_interval() -> None:
    human = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0]
    found = prediction_powered_mean([0.5] * 1000, [(0.5, h) for h in human])
    half = stats.norm.ppf(0.975) * stats.sem(human)
    assert found.estimate == 0.5
    assert (found.interval.lower, found.interval.upper) == pytest.approx((0.5 - half, 0.5 + half))
    # values beyond [0, 1] are not cut
    wide = prediction_powered_mean([3.0, 5.0, 4.0], [(3.0, 1.0), (4.0, 5.0)])
    assert wide.estimate == pytest.approx(3.5)
    assert wide.interval.upper > 1


def test_too_little_to_correct_with() -> None:
    with pytest.raises(CorrectionRefused) as caught:
        prediction_powered_mean([1.0, 0.0], [])
    assert caught.value.reason is Reason.NO_SAMPLE
    with pytest.raises(ValueError, match="`labelled` needs at least 2 records, got 1"):
        prediction_powered_mean([1.0, 0.0], [(1.0, 1.0)])
    with pytest.raises(ValueError, match="`judge` needs at least 2 records, got 1"):
        prediction_powered_mean([1.0], [(1.0, 1.0), (0.0, 1.0)])
    with pytest.raises(ValueError, match="`judge` must be finite"):
        prediction_powered_mean([math.nan, 1.0], [(1.0, 1.0), (0.0, 1.0)])
    with pytest.raises(ValueError, match="`labelled` must be finite"):
        prediction_powered_mean([0.0, 1.0], [(1.0, math.inf), (0.0, 1.0)])
    with pytest.raises(ValueError, match="`confidence` must be"):
        prediction_powered_mean([0.0, 1.0], [(1.0, 0.0), (0.0, 1.0)], 1.0)
