"""Claims: the four answers about sameness, families of p values, sample sizes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import tost_proportions_2indep

from auditgen.indicators import Answer, adjust, difference_interval, equivalence, required_n
from auditgen.indicators.inference.equivalence import tost_p_value
from auditgen.indicators.inference.power import (
    achieved_power,
    plan,
    required_n_equivalence,
    required_n_zero_events,
    size_for_difference,
    size_for_equivalence,
)
from auditgen.indicators.inference.proportions import zero_event_upper

MANY = settings(deadline=None, max_examples=150)


@st.composite
def tables(draw: st.DrawFn, largest: int = 2000) -> tuple[int, int, int, int]:
    n1, n2 = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    return draw(st.integers(0, n1)), n1, draw(st.integers(0, n2)), n2


@MANY
@given(
    table=tables(), margin=st.sampled_from([0.01, 0.05, 0.2, 0.6]), alpha=st.sampled_from([0.01, 0.05, 0.2])
)
def test_the_answer_is_what_both_intervals_show(
    table: tuple[int, int, int, int], margin: float, alpha: float
) -> None:
    found = equivalence(*table, margin, alpha)
    wide = difference_interval(*table, confidence=1 - alpha)
    narrow = difference_interval(*table, confidence=1 - 2 * alpha)
    assert (found.interval, found.narrow, found.margin, found.alpha) == (wide, narrow, margin, alpha)
    zero_is_out = not wide.lower <= 0 <= wide.upper
    is_within = max(abs(narrow.lower), abs(narrow.upper)) < margin
    assert (
        found.answer
        == {
            (True, True): "small difference",
            (True, False): "material difference",
            (False, True): "equivalent",
            (False, False): "insufficient evidence",
        }[zero_is_out, is_within]
    )
    assert found.differs == zero_is_out
    if found.is_beyond:
        assert found.answer is Answer.MATERIAL
    k1, n1, k2, n2 = table
    assert found.difference == k1 / n1 - k2 / n2
    turned = equivalence(k2, n2, k1, n1, margin, alpha)
    assert (turned.answer, turned.is_beyond) == (found.answer, found.is_beyond)


@MANY
@given(table=tables())
def test_without_a_margin_nothing_is_small_or_the_same(table: tuple[int, int, int, int]) -> None:
    found = equivalence(*table, None)
    assert found.answer in {Answer.MATERIAL, Answer.INSUFFICIENT}
    assert (found.answer is Answer.MATERIAL) == found.differs
    assert not found.is_beyond


@MANY
@given(table=tables(), margin=st.floats(0.01, 0.4), more=st.floats(0.01, 0.5))
def test_a_wider_margin_never_makes_sameness_harder(
    table: tuple[int, int, int, int], margin: float, more: float
) -> None:
    shown = {Answer.EQUIVALENT, Answer.SMALL}
    if equivalence(*table, margin).answer in shown:
        assert equivalence(*table, margin + more).answer in shown


def test_no_observed_difference_is_no_sameness() -> None:
    found = equivalence(227, 400, 227, 400, 0.05)
    assert found.difference == 0.0
    assert found.answer is Answer.INSUFFICIENT
    assert equivalence(1, 2, 1, 2, 0.05).answer is Answer.INSUFFICIENT
    assert equivalence(22_700, 40_000, 22_700, 40_000, 0.05).answer is Answer.EQUIVALENT


def test_words_say_what_is_shown() -> None:
    said = {
        equivalence(332, 400, 248, 400, 0.05).words: "The rates differ by more than the margin.",
        equivalence(248, 400, 332, 400, 0.05).words: "The rates differ by more than the margin.",
        equivalence(
            396, 400, 374, 400, 0.05
        ).words: "The rates differ, and it is not shown that they differ by less than the margin.",
        equivalence(395, 400, 400, 400, 0.05).words: "The rates differ, by less than the margin.",
        equivalence(399, 400, 396, 400, 0.05).words: "Any difference of the rates is less than the margin.",
        equivalence(293, 400, 284, 400, 0.05).words: (
            "The evidence shows neither that the rates differ nor that they are the same."
        ),
        equivalence(332, 400, 248, 400, None).words: (
            "The rates differ; no margin was declared below which a difference would be small."
        ),
    }
    assert all(found == wanted for found, wanted in said.items())


def test_the_margin_and_the_level_are_checked() -> None:
    for margin in (0.0, 1.0, -0.1, math.nan):
        for call in (equivalence, tost_p_value):
            with pytest.raises(ValueError, match="`margin` must be between 0 and 1"):
                call(1, 4, 1, 4, margin)
    for alpha in (0.0, 0.5, 0.7, -1, math.nan):
        with pytest.raises(ValueError, match="`alpha` must be between 0 and 0.5"):
            equivalence(1, 4, 1, 4, 0.1, alpha)
    with pytest.raises(ValueError, match="`k2` must not exceed `n2`"):
        equivalence(1, 4, 5, 4, 0.1)
    with pytest.raises(ValueError, match="`k1` must not exceed `n1`"):
        tost_p_value(5, 4, 1, 4, 0.1)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@MANY
@given(table=tables(500), margin=st.sampled_from([0.02, 0.1, 0.4]))
def test_two_one_sided_tests_as_statsmodels_has_them(table: tuple[int, int, int, int], margin: float) -> None:
    k1, n1, k2, n2 = table
    if 0 < k1 < n1 or 0 < k2 < n2:
        theirs = tost_proportions_2indep(*table, -margin, margin, method="wald").pvalue
        assert tost_p_value(*table, margin, "wald") == pytest.approx(float(theirs), abs=1e-12)
    else:
        with pytest.raises(ValueError, match="no variance is seen in either arm"):
            tost_p_value(*table, margin, "wald")
    p = tost_p_value(*table, margin)
    assert 0 <= p <= 1
    # the interval of the same score test at 1 - 2 alpha is inside the margin exactly when p < alpha
    for alpha in (0.01, 0.05, 0.2):
        if abs(p - alpha) > 1e-6:
            inside = difference_interval(*table, "mee", 1 - 2 * alpha)
            assert (p < alpha) == (-margin < inside.lower and inside.upper < margin)


def test_an_unknown_test_is_refused() -> None:
    with pytest.raises(ValueError, match="^`mn` is no method here; known: score, wald$"):
        tost_p_value(1, 4, 1, 4, 0.1, "mn")


# families

P_VALUES = st.lists(st.floats(0, 1) | st.sampled_from([0.01, 0.02, 1.0]), min_size=1, max_size=20)


@settings(deadline=None, max_examples=40)
@given(raw=P_VALUES, method=st.sampled_from(["holm", "bh", "bonferroni", "by"]))
def test_families_as_statsmodels_has_them(raw: list[float], method: str) -> None:
    family = adjust(raw, method)
    theirs = {"bh": "fdr_bh", "by": "fdr_by"}.get(method, method)
    assert family.adjusted == pytest.approx(multipletests(raw, method=theirs)[1], abs=1e-12)
    assert family.raw == tuple(raw)
    assert (family.size, family.method) == (len(raw), method)
    assert all(p <= q <= 1 for p, q in zip(raw, family.adjusted, strict=True))
    for i, p in enumerate(raw):
        for j, q in enumerate(raw):
            assert p > q or family.adjusted[i] <= family.adjusted[j]
    alpha = 0.05
    assert family.rejected() == tuple(p <= alpha for p in family.adjusted)


@MANY
@given(raw=P_VALUES, more=st.floats(0, 1))
def test_a_larger_family_never_makes_a_claim_easier(raw: list[float], more: float) -> None:
    for method in ("holm", "bonferroni"):
        small, large = adjust(raw, method), adjust([*raw, more], method)
        assert all(a <= b for a, b in zip(small.adjusted, large.adjusted, strict=False))
    a, b, c = (adjust(raw, m).adjusted for m in ("bh", "holm", "bonferroni"))
    assert all(x <= y + 1e-15 and y <= z for x, y, z in zip(a, b, c, strict=True))


BAD_P: list[Any] = [None, math.nan, -0.1, 1.1, "0.5", True]


@pytest.mark.parametrize("bad", BAD_P)
def test_what_is_no_p_value_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"`p_values\[1\]` must be a number from 0 to 1, got"):
        adjust([0.1, bad])


def test_families_and_levels_are_checked() -> None:
    with pytest.raises(ValueError, match="a family needs at least one p value"):
        adjust([])
    with pytest.raises(ValueError, match="^`hochberg` is no method here; known: holm, bh, bonferroni, by$"):
        adjust([0.1], "hochberg")
    with pytest.raises(ValueError, match="`alpha` must be between"):
        adjust([0.1]).rejected(0)
    assert adjust([0.5, 0.0, 1]).adjusted == (1.0, 0.0, 1.0)


# sizes


@MANY
@given(
    p1=st.floats(0.02, 0.98),
    p2=st.floats(0.02, 0.98),
    power=st.sampled_from([0.5, 0.8, 0.95]),
    alpha=st.sampled_from([0.01, 0.05]),
)
def test_the_size_gives_the_power_and_one_less_does_not(
    p1: float, p2: float, power: float, alpha: float
) -> None:
    if abs(p1 - p2) < 0.01:
        return
    n = required_n(p1, p2, power=power, alpha=alpha)
    assert n == required_n(p2, p1, power=power, alpha=alpha)
    assert achieved_power(p1, p2, n, alpha) >= power - 1e-9
    assert n == 1 or achieved_power(p1, p2, n - 1, alpha) < power
    mean, z = (p1 + p2) / 2, stats.norm.ppf(1 - alpha / 2)

    def lacking(size: float) -> float:
        away = abs(p1 - p2) * math.sqrt(size) - z * math.sqrt(2 * mean * (1 - mean))
        return float(stats.norm.cdf(away / math.sqrt(p1 * (1 - p1) + p2 * (1 - p2)))) - power

    exact = size_for_difference(p1, p2, power=power, alpha=alpha)
    assert exact == pytest.approx(optimize.brentq(lacking, 1e-6, 1e7, xtol=1e-9), rel=1e-5)
    assert n == math.ceil(exact)


@MANY
@given(p=st.floats(0.02, 0.98), margin=st.floats(0.01, 0.3), power=st.sampled_from([0.8, 0.9]))
def test_the_size_for_equivalence_gives_the_power(p: float, margin: float, power: float) -> None:
    n = size_for_equivalence(p, margin, power=power, alpha=0.05)
    error = math.sqrt(2 * p * (1 - p) / n)
    # both tests reject: the estimate lies within margin - 1.645 errors
    reach = margin / error - stats.norm.ppf(0.95)
    assert 2 * stats.norm.cdf(reach) - 1 == pytest.approx(power, abs=1e-9)
    assert required_n_equivalence(p, margin, power=power) == math.ceil(n)


def test_edges_of_the_sizes() -> None:
    assert required_n(0.0, 1.0) == 2
    assert achieved_power(0.0, 1.0, 2) == 1.0
    assert achieved_power(0.0, 1.0, 1) == 0.0
    assert achieved_power(0.0, 0.0, 100) == 0.0
    assert required_n_zero_events(0.01) == 299
    assert required_n_zero_events(0.01, 0.99) == 459
    assert zero_event_upper(458, 0.99) > 0.01 >= zero_event_upper(459, 0.99)


def test_the_table_of_sizes() -> None:
    found = plan([0.05, 0.97], [0.01, 0.05, 0.1], power=0.9, alpha=0.01)
    assert [(r.rate, r.difference) for r in found] == [
        (0.05, 0.01),
        (0.05, 0.05),
        (0.97, 0.01),
        (0.97, 0.05),
        (0.97, 0.1),
    ]
    for row in found:
        assert (row.power, row.alpha) == (0.9, 0.01)
        assert row.to_show_a_difference == required_n(
            row.rate, row.rate - row.difference, power=0.9, alpha=0.01
        )
        assert row.to_show_equivalence == required_n_equivalence(
            row.rate, row.difference, power=0.9, alpha=0.01
        )
    [usual] = plan([0.97], [0.05])
    assert (usual.power, usual.alpha, usual.to_show_equivalence) == (0.8, 0.05, 200)


def test_sizes_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="no number of records shows a difference between equal rates"):
        required_n(0.3, 0.3)
    for bad in (-0.1, 1.1, math.nan):
        for name, call in (
            ("p1", lambda b: required_n(b, 0.5)),
            ("p2", lambda b: required_n(0.5, b)),
            ("p1", lambda b: achieved_power(b, 0.5, 10)),
            ("p2", lambda b: achieved_power(0.5, b, 10)),
            ("p", lambda b: required_n_equivalence(b, 0.1)),
            ("margin", lambda b: required_n_equivalence(0.5, b)),
            ("power", lambda b: required_n(0.4, 0.5, power=b)),
            ("alpha", lambda b: required_n(0.4, 0.5, alpha=b)),
            ("power", lambda b: required_n_equivalence(0.4, 0.1, power=b)),
            ("alpha", lambda b: required_n_equivalence(0.4, 0.1, alpha=b)),
            ("alpha", lambda b: achieved_power(0.4, 0.5, 10, b)),
        ):
            with pytest.raises(ValueError, match=f"`{name}` must be"):
                call(bad)
    with pytest.raises(ValueError, match="`n` must be at least 1"):
        achieved_power(0.4, 0.5, 0)
