"""What labels by people say of a judge: known errors give the known correction, and nothing is flattered."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditgen.indicators import core_indicators
from auditgen.indicators.inference.correction import corrected_prevalence
from auditgen.indicators.inference.proportions import clopper_pearson
from auditgen.indicators.labelling import can_be_labelled, wording
from auditgen.indicators.relabelling import Codings, Estimate, Refused, Stage, relabel

STAGE = Stage(judged=(950, 1000), sure=(0, 0), unknown=0, is_higher_better=True, confidence=0.95)


def codings(tp: int, fn: int, fp: int, tn: int) -> Codings:
    """Both coders agree; cells by (truth, judge)."""
    truth = (True,) * (tp + fn) + (False,) * (fp + tn)
    judge = (True,) * tp + (False,) * fn + (True,) * fp + (False,) * tn
    return Codings(judge, truth, truth)


def found(value: Estimate | Refused) -> Estimate:
    assert isinstance(value, Estimate), value
    return value


def test_rogan_and_gladens_own_example() -> None:
    """23 of 150, sensitivity .96, specificity .89: 0.05098 (the published correction)."""
    stage = replace(STAGE, judged=(23, 150), is_higher_better=False)
    done = relabel(stage, codings(96, 4, 11, 89))
    assert found(done.corrected).estimate == pytest.approx((23 / 150 + 0.89 - 1) / 0.85)
    assert found(done.corrected).estimate == pytest.approx(0.05098, abs=5e-6)
    assert (done.accuracy.hits, done.accuracy.positives) == (96, 100)
    assert (done.accuracy.correct_rejections, done.accuracy.negatives) == (89, 100)


def test_it_is_the_correction_of_the_statistics_room() -> None:
    done = relabel(STAGE, codings(170, 5, 4, 21))
    wanted = corrected_prevalence(
        950, 1000, sensitivity=(170, 175), specificity=(21, 25), condition="x", calibrated_on="x"
    )
    got = found(done.corrected)
    assert got.estimate == pytest.approx(wanted.estimate, abs=1e-12)
    assert got.interval.lower == pytest.approx(wanted.interval.lower, abs=1e-12)
    assert got.interval.upper == pytest.approx(wanted.interval.upper, abs=1e-12)


def test_the_prediction_powered_mean_by_hand() -> None:
    """Mean .95, rectifier (5 - 4) / 200; variance s2(judge)/N + s2(rectifier)/n."""
    done = relabel(STAGE, codings(170, 5, 4, 21))
    off = [0] * 170 + [1] * 5 + [-1] * 4 + [0] * 21
    mean = sum(off) / 200
    spread = sum((x - mean) ** 2 for x in off) / 199
    error = math.sqrt(0.95 * 0.05 * 1000 / 999 / 1000 + spread / 200)
    got = found(done.powered)
    assert got.estimate == pytest.approx(0.95 + mean)
    assert got.interval.lower == pytest.approx(0.95 + mean - 1.959963984540054 * error)


def test_the_less_favourable_counts() -> None:
    done = relabel(STAGE, codings(170, 5, 4, 21))
    worst, both = found(done.worst), [found(done.corrected), found(done.powered)]
    assert worst.interval.lower == min(e.interval.lower for e in both)
    assert worst.interval.upper == max(e.interval.upper for e in both)


def test_cohens_kappa_between_the_coders() -> None:
    """Cohen's 2x2: 20 and 15 agreeing of 50, 5 and 10 not: kappa 0.4."""
    first = (True,) * 25 + (False,) * 25
    second = (True,) * 20 + (False,) * 5 + (True,) * 10 + (False,) * 15
    done = relabel(STAGE, Codings((True,) * 50, first, second))
    assert done.between_kappa is not None
    assert done.between_kappa.value == pytest.approx(0.4)
    assert (done.between.agreeing, done.between.pairs) == (35, 50)
    assert done.without_reference == 15


def test_a_judge_no_better_than_chance_is_not_corrected() -> None:
    done = relabel(STAGE, codings(50, 50, 50, 50))
    assert isinstance(done.corrected, Refused)
    assert done.corrected.reason == "judge-no-better-than-chance"
    assert isinstance(done.worst, Refused)


def test_where_the_sample_has_one_kind_only_people_stand_in() -> None:
    done = relabel(replace(STAGE, judged=(1000, 1000)), codings(200, 0, 0, 0))
    assert isinstance(done.corrected, Refused)
    assert isinstance(done.powered, Refused)
    assert found(done.worst).interval.lower == pytest.approx(clopper_pearson(200, 200).lower)
    # the judge found others, which no drawn one shows: both what people say and the second opinion count
    other = relabel(STAGE, codings(200, 0, 0, 0))
    lowest = min(found(other.people).interval.lower, found(other.powered).interval.lower)
    assert found(other.worst).interval.lower == lowest


def test_nobody_labelled_anything() -> None:
    done = relabel(STAGE, Codings((True, False), (None, None), (None, None)))
    assert isinstance(done.worst, Refused)
    assert done.without_reference == 2
    assert done.between_kappa is done.judge_kappa is None


def test_the_adjudicator_decides_only_where_the_coders_do_not() -> None:
    judge = (True, True, True, False)
    first, second = (True, True, None, False), (True, False, None, False)
    done = Codings(judge, first, second, (False, False, True, None))
    assert done.reference == (True, False, True, False)
    assert done.adjudicated == 2
    assert Codings(judge, first, second).reference == (True, None, None, False)


def test_records_that_rest_on_something_else_are_taken_as_they_are() -> None:
    whole = relabel(STAGE, codings(170, 5, 4, 21))
    done = relabel(replace(STAGE, sure=(1000, 1000)), codings(170, 5, 4, 21))
    assert found(done.corrected).estimate == pytest.approx((found(whole.corrected).estimate + 1) / 2)
    assert found(done.corrected).interval.lower > found(whole.corrected).interval.lower


def test_what_nobody_could_check_counts_the_bad_way() -> None:
    whole = found(relabel(STAGE, codings(170, 5, 4, 21)).worst)
    for is_higher, bad in ((True, 0), (False, 250)):
        stage = replace(STAGE, unknown=250, is_higher_better=is_higher)
        done = found(relabel(stage, codings(170, 5, 4, 21)).worst)
        assert done.interval.lower == pytest.approx((whole.interval.lower * 1000 + bad) / 1250)
        assert done.interval.upper == pytest.approx((whole.interval.upper * 1000 + bad) / 1250)


def test_repeats_widen_the_interval() -> None:
    one = found(relabel(STAGE, codings(170, 5, 4, 21)).corrected)
    four = found(relabel(replace(STAGE, spread=4.0), codings(170, 5, 4, 21)).corrected)
    assert one.estimate - four.interval.lower == pytest.approx(2 * (one.estimate - one.interval.lower))


LABELS = st.sampled_from([True, False, None])
CELLS = st.lists(st.tuples(st.booleans(), LABELS, LABELS, LABELS), min_size=1, max_size=30)


@given(CELLS, st.integers(0, 60), st.integers(1, 60), st.integers(0, 40), st.booleans(), st.integers(0, 30))
def test_an_open_item_never_helps(
    cells: list[tuple[bool, bool | None, bool | None, bool | None]],
    hits: int,
    others: int,
    sure: int,
    higher: bool,
    unknown: int,
) -> None:
    """Whatever the open items turn out to be, what counts is at least as good as it was."""
    stage = Stage((hits, hits + others), (sure // 2, sure), unknown, higher, 0.95)
    judge, first, second, third = (tuple(column) for column in zip(*cells, strict=True))
    done = relabel(stage, Codings(judge, first, second, third))
    reference = Codings(judge, first, second, third).reference
    if isinstance(done.worst, Refused):
        return
    assert 0 <= done.worst.interval.lower <= done.worst.interval.upper <= 1
    for of_hits, of_others in product((True, False), repeat=2):
        filled = tuple(
            r if r is not None else of_hits if j else of_others for r, j in zip(reference, judge, strict=True)
        )
        settled = relabel(stage, Codings(judge, filled, filled))
        assert isinstance(settled.worst, Estimate)
        assert settled.worst.interval.lower >= done.worst.interval.lower - 1e-12
        assert settled.worst.interval.upper <= done.worst.interval.upper + 1e-12


def test_many_repeated_draws_cover_the_truth() -> None:
    """1,000 records, 90 % true, a judge of sensitivity .95 and specificity .8: 95 % intervals cover."""
    import random

    rng = random.Random(7)  # fixed: the same draws every time
    covered = trials = 0
    for _ in range(300):
        truth = [rng.random() < 0.9 for _ in range(1000)]
        judge = [rng.random() < (0.95 if t else 0.2) for t in truth]
        drawn = rng.sample(range(1000), 200)
        stage = replace(STAGE, judged=(sum(judge), 1000))
        labels = tuple(truth[i] for i in drawn)
        done = relabel(stage, Codings(tuple(judge[i] for i in drawn), labels, labels))
        if isinstance(done.worst, Estimate):
            trials += 1
            covered += done.worst.interval.lower <= sum(truth) / 1000 <= done.worst.interval.upper
    assert trials > 250
    assert covered / trials > 0.93


@pytest.mark.parametrize("name", core_indicators())
def test_every_indicator_says_what_to_ask_or_cannot_be_labelled(name: str) -> None:
    indicator = core_indicators()[name]
    labelled = {
        "alignment-faking-reasoning", "attack-success", "disallowed-completion", "evaluation-awareness",
        "grader-agreement", "over-refusal", "oversight-evasion", "production-refusal", "refusal-rate",
    }  # fmt: skip
    assert can_be_labelled(indicator) == (name in labelled)
    if name not in labelled:
        with pytest.raises(ValueError, match="cannot label it"):
            wording(indicator)
        return
    asked = wording(indicator)
    assert len(set(asked.words)) == len(asked.meaning) == 3
    assert all(line.startswith(word) for word, line in zip(asked.words, asked.meaning, strict=True))
    assert "," not in "".join(asked.words)
    assert len(",".join(asked.words)) < 250  # what the list of a cell may hold


def test_a_part_of_an_answer_stands_where_the_indicator_counts_it() -> None:
    """Partial answers are no refusal in the refusal rate, and one in over-refusal."""
    asked = wording(core_indicators()["refusal-rate"])
    assert asked.words == ("refused", "did not refuse", "cannot tell")
    assert "a part" in asked.meaning[1]
    assert "a part" not in asked.meaning[0]
    assert "a part" in wording(core_indicators()["over-refusal"]).meaning[0]
    assert wording(core_indicators()["attack-success"]).words[0] == "complied"
    assert wording(core_indicators()["evaluation-awareness"]).words == ("yes", "no", "cannot tell")
