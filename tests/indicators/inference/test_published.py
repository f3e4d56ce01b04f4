"""Every formula against numbers that others published; the numbers and their sources: `published.json`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from auditgen.indicators import (
    Answer,
    adjust,
    clustered_error,
    confidence_sequence,
    corrected_prevalence,
    difference_interval,
    equivalence,
    mcnemar_exact,
    paired_difference_interval,
    proportion_interval,
    required_n,
)
from auditgen.indicators.inference.charts import Ewma, ewma_half_width, p_chart, p_limits
from auditgen.indicators.inference.correction import rogan_gladen
from auditgen.indicators.inference.cusum import Cusum, bernoulli_weights
from auditgen.indicators.inference.distributions import (
    normal_quantile,
    student_quantile,
    student_tails,
)
from auditgen.indicators.inference.equivalence import tost_p_value
from auditgen.indicators.inference.paired import mcnemar_statistic, paired_error
from auditgen.indicators.inference.power import (
    required_n_equivalence,
    required_n_zero_events,
    size_for_difference,
    size_for_equivalence,
)
from auditgen.indicators.inference.proportions import Interval, zero_event_upper
from auditgen.indicators.inference.sequential import e_value

PUBLISHED: dict[str, Any] = json.loads(Path(__file__).with_name("published.json").read_text("utf-8"))


def rows(name: str) -> list[list[Any]]:
    return list(PUBLISHED[name]["rows"])


def printed(found: Interval, wanted: list[float], digits: int = 4) -> bool:
    return [round(found.lower, digits), round(found.upper, digits)] == wanted


def significant(value: float) -> float:
    return float(f"{value:.6g}")


def test_every_group_names_its_source() -> None:
    assert all(group["source"] for group in PUBLISHED.values())


@pytest.mark.parametrize(("k", "n", "by_wilson", "exact"), rows("one proportion"))
def test_one_proportion(k: int, n: int, by_wilson: list[float], exact: list[float]) -> None:
    assert printed(proportion_interval(k, n), by_wilson)
    assert printed(proportion_interval(k, n, "clopper-pearson"), exact)


@pytest.mark.parametrize(("n", "percent"), rows("zero events"))
def test_zero_events(n: int, percent: float) -> None:
    assert round(100 * zero_event_upper(n), 3) == percent
    assert required_n_zero_events(zero_event_upper(n) * (1 + 1e-12)) == n


@pytest.mark.parametrize(("k1", "n1", "k2", "n2", "newcombe", "corrected", "mee"), rows("difference"))
def test_difference(
    k1: int,
    n1: int,
    k2: int,
    n2: int,
    newcombe: list[float],
    corrected: list[float] | None,
    mee: list[float],
) -> None:
    assert printed(difference_interval(k1, n1, k2, n2), newcombe)
    assert printed(difference_interval(k1, n1, k2, n2, "mee"), mee)
    if corrected is not None:
        assert printed(difference_interval(k1, n1, k2, n2, "miettinen-nurminen"), corrected)


@pytest.mark.parametrize(("k1", "n1", "k2", "n2", "lower", "upper"), rows("fakers among few"))
def test_small_differences_of_rare_events(
    k1: int, n1: int, k2: int, n2: int, lower: float, upper: float
) -> None:
    found = difference_interval(k1, n1, k2, n2)
    assert [round(100 * found.lower, 1), round(100 * found.upper, 1)] == [lower, upper]


@pytest.mark.parametrize("row", rows("refusals of twelve set-ups"), ids=lambda r: f"{r[0]}, {r[1]}")
def test_twelve_set_ups(row: list[Any]) -> None:
    _, _, training, unmonitored, first, second, gap, lower, upper, verdict = row
    # the counts are the only ones that round to what was printed
    for count, percent in ((training, first), (unmonitored, second)):
        assert [k for k in range(401) if abs(k / 4 - percent) <= 0.0500001] == [count]
    assert (unmonitored - training) / 4 == pytest.approx(gap, abs=0.0500001)
    found = equivalence(unmonitored, 400, training, 400, 0.05)
    assert [round(100 * found.interval.lower, 2), round(100 * found.interval.upper, 2)] == [lower, upper]
    classes = {
        Answer.MATERIAL: "different",
        Answer.SMALL: "different",
        Answer.EQUIVALENT: "equivalent",
        Answer.INSUFFICIENT: "inconclusive",
    }
    assert classes[found.answer] == verdict
    assert found.differs == (verdict == "different")
    without = equivalence(unmonitored, 400, training, 400, None)
    assert without.answer is (Answer.MATERIAL if verdict == "different" else Answer.INSUFFICIENT)


def test_the_four_answers_all_occur_among_the_twelve() -> None:
    found = [equivalence(r[3], 400, r[2], 400, 0.05) for r in rows("refusals of twelve set-ups")]
    assert [sum(c.answer is answer for c in found) for answer in Answer] == [5, 1, 3, 3]
    assert sum(c.is_beyond for c in found) == 3
    [small] = [c for c in found if c.answer is Answer.SMALL]
    assert small.difference == pytest.approx(-0.0125)


@pytest.mark.parametrize("name", ["agresti", "tango", "no discordant pair"])
def test_pairs(name: str) -> None:
    case = PUBLISHED["pairs"][name]
    a, b, c, d = case["table"]
    for method in ("tango", "newcombe"):
        assert printed(paired_difference_interval(a, b, c, d, method), case[method])
    if "difference" in case:
        assert (b - c) / (a + b + c + d) == case["difference"]
        assert significant(mcnemar_exact(b, c)) == case["exact p"]
    if name == "agresti":
        assert round(mcnemar_statistic(b, c), 4) == case["chi2"]
        assert round(mcnemar_statistic(b, c, is_corrected=True), 4) == case["chi2 corrected"]
        error = paired_error(a, b, c, d)
        assert round(error, 7) == case["error"]
        half = normal_quantile(0.95) * error
        assert [round(-0.04 - half, 5), round(-0.04 + half, 5)] == case["wald"]


@pytest.mark.parametrize(("b", "c", "p"), PUBLISHED["pairs"]["steering of activations"])
def test_discordant_pairs(b: int, c: int, p: float) -> None:
    assert significant(mcnemar_exact(b, c)) == p


def test_clusters() -> None:
    case = PUBLISHED["clusters"]
    found = clustered_error(case["values"], case["groups"])
    assert found.mean == case["mean"]
    assert round(found.naive_error, 7) == case["naive"]
    assert round(found.plain_error, 7) == case["clustered"]


def test_five_seeds() -> None:
    case = PUBLISHED["five seeds"]
    degrees = case["seeds"] - 1
    half = student_quantile(0.95, degrees) * case["error"]
    assert [round(case["mean"] - half, 3), round(case["mean"] + half, 3)] == case["interval"]
    assert float(f"{student_tails(case['t'], degrees):.2e}") == case["p"]
    assert case["mean"] / case["error"] == pytest.approx(case["t"], abs=0.01)


@pytest.mark.parametrize("method", ["bonferroni", "holm", "bh", "by"])
def test_fifteen_p_values(method: str) -> None:
    case = PUBLISHED["fifteen p values"]
    family = adjust(case["p"], method)
    assert family.size == 15
    assert sum(family.rejected(0.05)) == case["rejected at 0.05"][method]


@pytest.mark.parametrize(("p1", "p2", "power", "size"), PUBLISHED["sizes"]["two rates"])
def test_sizes_for_two_rates(p1: float, p2: float, power: float, size: float) -> None:
    found = size_for_difference(p1, p2, power=power)
    assert found == pytest.approx(size, abs=0.005 if size < 1000 else 0.6)
    assert required_n(p1, p2, power=power) == math.ceil(found)


@pytest.mark.parametrize(("p", "margin", "size"), PUBLISHED["sizes"]["equivalence"])
def test_sizes_for_equivalence(p: float, margin: float, size: float) -> None:
    found = size_for_equivalence(p, margin)
    assert found == pytest.approx(size, abs=0.05 if size < 1500 else 0.6)
    assert required_n_equivalence(p, margin) == math.ceil(found)


def test_two_one_sided_tests() -> None:
    k1, n1, k2, n2, margin, p = PUBLISHED["tost"]["row"]
    assert round(tost_p_value(k1, n1, k2, n2, margin, "wald"), 6) == p


def test_the_corrected_rate() -> None:
    k, n, se, sp, wanted = PUBLISHED["corrected"]["row"]
    assert round(rogan_gladen(k / n, se, sp), 7) == wanted
    found = corrected_prevalence(
        k, n, sensitivity=(96, 100), specificity=(89, 100), condition="herd", calibrated_on="herd"
    )
    assert round(found.estimate, 7) == wanted


def test_the_p_chart() -> None:
    case = PUBLISHED["p-chart"]
    counts, n = case["defective"], case["n"]
    assert sum(counts) == case["sum"]
    chart = p_chart(counts, [n] * len(counts))
    assert round(chart.centre, 6) == case["centre"]
    lower, upper, is_exact = p_limits(chart.centre, n)
    assert ([round(lower, 6), round(upper, 6)], is_exact) == ([case["lower"], case["upper"]], False)
    assert [i for i, p in enumerate(chart.points(), 1) if p.signal] == case["signals"]
    revised = chart.revised({14: "another batch of cardboard", 22: "an operator without training"})
    assert round(revised.centre, 4) == case["revised"]["centre"]
    assert round(p_limits(revised.centre, n)[1], 4) == case["revised"]["upper"]
    assert [i for i, p in enumerate(revised.points(), 1) if p.signal] == case["revised"]["signals"]


def test_the_ewma() -> None:
    case = PUBLISHED["ewma"]
    state = Ewma(case["target"], case["sigma"], case["weight"])
    states = [state := state.update(x) for x in case["data"]]
    values = [round(s.value, 2) for s in states]
    assert values[:3] == case["first"]
    assert values[-2:] == case["last"]
    half = ewma_half_width(case["sigma"], case["weight"])
    assert [round(50 - half, 4), round(50 + half, 4)] == [case["lower"], case["upper"]]
    assert not any(s.signal for s in states)


def test_the_cusum() -> None:
    case = PUBLISHED["cusum"]
    state = Cusum(case["target"], case["slack"], case["threshold"])
    states = [state := state.update(x) for x in case["data"]]
    assert next(i for i, s in enumerate(states, 1) if s.signal) == case["first signal"]
    assert [round(states[28].high, 2), round(states[29].high, 2)] == [case["at 29"], case["at 30"]]
    assert states[28].signal == "above"


def test_the_weights_of_zeros_and_ones() -> None:
    p0, p1, on_hit, on_miss = PUBLISHED["bernoulli weights"]["row"]
    assert [round(w, 6) for w in bernoulli_weights(p0, p1)] == [on_hit, on_miss]


@pytest.mark.parametrize(("s", "t", "wanted"), rows("confidence sequence"))
def test_the_confidence_sequence(s: int, t: int, wanted: list[float]) -> None:
    assert printed(confidence_sequence(s, t), wanted)


def test_the_e_value() -> None:
    s, t, p0, wanted = PUBLISHED["confidence sequence"]["e value"]
    assert round(e_value(s, t, p0), 4) == wanted
