"""What was not scored and what was not kept: bounds without assumptions, weights with known chances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditgen.indicators import clustered_error, difference_interval, proportion_interval
from auditgen.indicators.inference.bounds import Bounds, difference_bounds, rate_bounds
from auditgen.indicators.inference.weights import hajek, horvitz_thompson

MANY = settings(deadline=None, max_examples=150)
Arm = tuple[int, int, int]
ARMS = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 15)).map(
    lambda t: (t[0], t[0] + t[1], t[2])
)


def is_wider(new: Bounds, old: Bounds) -> bool:
    return (
        new.lowest <= old.lowest + 1e-12
        and new.highest >= old.highest - 1e-12
        and new.lower <= old.lower + 1e-12
        and new.upper >= old.upper - 1e-12
    )


@MANY
@given(
    arm=ARMS.filter(lambda a: a[1] > 0),
    other=ARMS.filter(lambda a: a[1] + a[2] > 0),
    method=st.sampled_from(["wilson", "clopper-pearson"]),
    is_hit=st.booleans(),
)
def test_not_scoring_never_helps(arm: Arm, other: Arm, method: str, is_hit: bool) -> None:
    """A scored sample becomes unscored (or failed, or missing: the same to a bound)."""
    k, n, unscored = arm
    is_hit = (is_hit or k == n) and k > 0
    less = (k - is_hit, n - 1, unscored + 1)
    assert is_wider(rate_bounds(*less, method), rate_bounds(*arm, method))
    assert is_wider(difference_bounds(less, other), difference_bounds(arm, other))
    assert is_wider(difference_bounds(other, less), difference_bounds(other, arm))


@MANY
@given(arm=ARMS.filter(lambda a: a[1] + a[2] > 0), data=st.data())
def test_every_way_it_could_have_turned_out_is_inside(arm: Arm, data: st.DataObject) -> None:
    k, n, unscored = arm
    found = rate_bounds(k, n, unscored, "clopper-pearson", 0.9)
    hits = k + data.draw(st.integers(0, unscored))
    total = n + unscored
    assert found.lowest <= hits / total <= found.highest
    inside = proportion_interval(hits, total, "clopper-pearson", 0.9)
    assert found.lower <= inside.lower + 1e-12
    assert inside.upper <= found.upper + 1e-12
    assert found.confidence == 0.9
    assert found.is_measurable == (n > 0)
    if not unscored:
        assert (found.lowest, found.lower, found.upper) == (k / n, inside.lower, inside.upper)


@MANY
@given(
    first=ARMS.filter(lambda a: a[1] + a[2] > 0),
    second=ARMS.filter(lambda a: a[1] + a[2] > 0),
    data=st.data(),
)
def test_every_difference_is_inside(first: Arm, second: Arm, data: st.DataObject) -> None:
    found = difference_bounds(first, second, 0.9)
    (k1, n1, u1), (k2, n2, u2) = first, second
    one, two = k1 + data.draw(st.integers(0, u1)), k2 + data.draw(st.integers(0, u2))
    inside = difference_interval(one, n1 + u1, two, n2 + u2, confidence=0.9)
    assert found.lowest - 1e-12 <= one / (n1 + u1) - two / (n2 + u2) <= found.highest + 1e-12
    assert found.lower - 1e-12 <= inside.lower
    assert inside.upper <= found.upper + 1e-12
    turned = difference_bounds(second, first, 0.9)
    assert (turned.lowest, turned.highest) == pytest.approx((-found.highest, -found.lowest))


def test_what_cannot_be_measured_says_so() -> None:
    nothing = rate_bounds(0, 0, 12)
    assert (nothing.lowest, nothing.highest, nothing.lower, nothing.upper) == (0.0, 1.0, 0.0, 1.0)
    assert not nothing.is_measurable
    assert rate_bounds(0, 1, 12).is_measurable
    assert not difference_bounds((0, 0, 5), (0, 5, 0)).is_measurable
    assert difference_bounds((1, 5, 1), (1, 5, 0)).is_measurable
    assert rate_bounds(1, 4, 0) == rate_bounds(1, 4, 0, "wilson", 0.95)


BAD: list[tuple[tuple[Any, Any, Any], str]] = [
    ((0, 0, 0), "need `hits` <= `scored` and a record"),
    ((2, 1, 5), "need `hits` <= `scored` and a record"),
    ((-1, 1, 5), "`hits` must be at least 0"),
    ((0, 1.5, 5), "`scored` must be a whole number"),
    ((0, 1, math.nan), "`unscored` must be a whole number"),
]


@pytest.mark.parametrize(("arm", "words"), BAD)
def test_what_is_no_count_is_refused(arm: tuple[Any, Any, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rate_bounds(*arm)
    with pytest.raises(ValueError, match=words):
        difference_bounds((1, 4, 0), arm)
    with pytest.raises(ValueError, match="no method here"):
        rate_bounds(1, 4, 0, "wald")


# weights

RECORDS = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 3.5]), st.sampled_from([1.0, 0.5, 0.1])), min_size=2, max_size=30
)


@MANY
@given(records=RECORDS)
def test_equal_chances_are_a_plain_mean(records: list[tuple[float, float]]) -> None:
    values = [y for y, _ in records]
    n = len(values)
    found = hajek(values, [0.2] * n)
    plain = clustered_error(values, range(n))
    assert found.value == pytest.approx(plain.mean)
    assert found.error == pytest.approx(plain.error, abs=1e-12)
    assert (found.size, found.effective_size) == (n, pytest.approx(n))


@MANY
@given(records=RECORDS)
def test_weighted_estimates_by_their_formulas(records: list[tuple[float, float]]) -> None:
    y, p = (np.array(x) for x in zip(*records, strict=True))
    w = 1 / p
    n = len(y)
    total = horvitz_thompson(list(y), list(p))
    assert total.value == pytest.approx(float(w @ y))
    assert total.error == pytest.approx(math.sqrt(float(((1 - p) / p**2) @ y**2)))
    ratio = hajek(list(y), list(p))
    assert ratio.value == pytest.approx(float(w @ y / w.sum()))
    wanted = math.sqrt(n / (n - 1) * float((w**2) @ (y - w @ y / w.sum()) ** 2)) / w.sum()
    assert ratio.error == pytest.approx(wanted, abs=1e-9)
    for found in (total, ratio):
        assert found.effective_size == pytest.approx(w.sum() ** 2 / (w**2).sum())
        assert found.size == n


def test_nothing_is_unknown_where_all_was_kept() -> None:
    found = horvitz_thompson([1, 0, 1], [1, 1, 1])
    assert (found.value, found.error, found.effective_size) == (2.0, 0.0, 3.0)
    same = hajek([0.1] * 3, [0.3, 0.5, 1])
    assert (same.value, same.error) == (0.1, 0.0)


def test_totals_and_ratios_are_right_on_average() -> None:
    """Every sample that Poisson sampling of four records can draw, with its chance: no simulation."""
    y, p = np.array([1.0, 0.0, 2.0, 5.0]), np.array([0.9, 0.5, 0.3, 0.6])
    mean = square = variance = 0.0
    for mask in range(16):
        kept = np.array([bool(mask >> i & 1) for i in range(4)])
        chance = float(np.prod(np.where(kept, p, 1 - p)))
        found = horvitz_thompson(list(y[kept]), list(p[kept])) if kept.any() else None
        value = found.value if found else 0.0
        mean += chance * value
        square += chance * value**2
        variance += chance * (found.error**2 if found else 0.0)
    assert mean == pytest.approx(8.0)
    assert variance == pytest.approx(square - mean**2)


@pytest.mark.parametrize(
    ("values", "chances", "words"),
    [
        ([1.0], [0.5, 0.5], "need one probability per value, got 2 for 1"),
        ([], [], "need one probability per value, got 0 for 0"),
        ([1.0, 2.0], [0.5, 0.0], r"`probabilities\[1\]` must be above 0 and at most 1"),
        ([1.0, 2.0], [1.5, 0.5], r"`probabilities\[0\]` must be above 0 and at most 1"),
        ([1.0, 2.0], [math.nan, 0.5], r"`probabilities\[0\]` must be above 0"),
        ([math.inf, 2.0], [0.5, 0.5], "`values` must be finite"),
    ],
)
def test_weights_are_checked(values: list[float], chances: list[float], words: str) -> None:
    for call in (hajek, horvitz_thompson):
        with pytest.raises(ValueError, match=words):
            call(values, chances)


def test_one_record_has_no_error() -> None:
    with pytest.raises(ValueError, match="need at least 2 records for a standard error, got 1"):
        hajek([1.0], [0.5])
