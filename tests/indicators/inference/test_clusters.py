"""Clustered errors and paired means, against statsmodels and scipy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.api import OLS

from auditgen.indicators import clustered_error
from auditgen.indicators.inference.clusters import (
    ClusterShape,
    ClusterSums,
    effective_size,
    paired_mean_difference,
)

MANY = settings(deadline=None, max_examples=150)
CLUSTERS = st.lists(
    st.lists(st.sampled_from([0.0, 1.0, 0.25, -2.0]), min_size=1, max_size=6), min_size=2, max_size=12
)


def flat(clusters: list[list[float]]) -> tuple[list[float], list[int]]:
    return [x for c in clusters for x in c], [i for i, c in enumerate(clusters) for _ in c]


@MANY
@given(clusters=CLUSTERS)
def test_the_error_as_statsmodels_has_it(clusters: list[list[float]]) -> None:
    values, groups = flat(clusters)
    found = clustered_error(values, groups)
    fit = OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": np.array(groups), "use_correction": False}
    )
    g = len(clusters)
    assert found.mean == pytest.approx(float(fit.params[0]), abs=1e-12)
    assert found.plain_error == pytest.approx(float(fit.bse[0]), abs=1e-10)
    assert found.error == pytest.approx(found.plain_error * math.sqrt(g / (g - 1)), abs=1e-14)
    assert (found.size, found.clusters, found.degrees) == (len(values), g, g - 1)
    assert found.naive_error == pytest.approx(np.std(values) / math.sqrt(len(values)), abs=1e-12)
    if found.naive_error > 0:
        assert found.design_effect == pytest.approx((found.plain_error / found.naive_error) ** 2)
    if found.error > 0:
        half = stats.t.ppf(0.95, g - 1) * found.error
        interval = found.interval(0.9)
        assert (interval.lower, interval.upper) == pytest.approx(
            (found.mean - half, found.mean + half), rel=1e-6
        )
        assert interval.method == f"t({g - 1}), clustered"


@MANY
@given(values=st.lists(st.sampled_from([0.0, 1.0, 0.3]), min_size=2, max_size=20))
def test_clusters_of_one_are_a_plain_mean(values: list[float]) -> None:
    found = clustered_error(values, range(len(values)))
    assert found.error == pytest.approx(stats.sem(values), abs=1e-12)
    if found.error:
        wanted = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        interval = found.interval()
        assert (interval.lower, interval.upper) == pytest.approx(
            (wanted.low, wanted.high), rel=1e-6, abs=1e-9
        )


def test_repeats_of_a_prompt_add_nothing() -> None:
    once = clustered_error([1, 0, 0, 1, 1], list("abcde"))
    ten = clustered_error([1, 0, 0, 1, 1] * 10, list("abcde") * 10)
    assert ten.error == pytest.approx(once.error)
    assert ten.naive_error == pytest.approx(once.naive_error / math.sqrt(10))
    assert ten.design_effect == pytest.approx(10)


def test_it_agrees_with_the_effective_size_of_the_counters() -> None:
    shapes = [ClusterShape(3, 5, 0, 4), ClusterShape(1, 2, 0, 3), ClusterShape(0, 4, 0, 2)]
    clusters = [
        [1.0] * int(s.hits) + [0.0] * int(s.decided - s.hits) for s in shapes for _ in range(s.clusters)
    ]
    found = clustered_error(*flat(clusters))
    p = found.mean
    assert effective_size(ClusterSums.of(shapes)) == pytest.approx(p * (1 - p) / found.error**2)


@pytest.mark.parametrize("values", [[0.1] * 7, [1.0, 1.0], [0.0, 1.0, 0.0, 1.0]])
def test_agreement_is_no_certainty(values: list[float]) -> None:
    groups = [0, 0, 1, 1] if len(values) == 4 else list(range(len(values)))
    found = clustered_error(values, groups)
    assert found.error == 0.0
    with pytest.raises(ValueError, match="the clusters agree, so their variance cannot be seen"):
        found.interval()
    if len(values) != 4:
        with pytest.raises(ValueError, match="all values are equal"):
            _ = found.design_effect


BAD: list[tuple[Any, Any, str]] = [
    ([], [], "need at least 2 clusters to see how they differ, got 0"),
    ([1, 0], [1, 1], "need at least 2 clusters to see how they differ, got 1"),
    ([1, 0], [1], "need one group per value, got 1 for 2"),
    ([1, math.nan], [1, 2], "`values` must be finite, got nan"),
]


@pytest.mark.parametrize(("values", "groups", "words"), BAD)
def test_what_cannot_be_clustered_is_refused(values: Any, groups: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        clustered_error(values, groups)


def test_the_level_is_checked_first() -> None:
    with pytest.raises(ValueError, match="`confidence` must be"):
        clustered_error([1, 1], [1, 2]).interval(1.0)


# gaps with repeats


def test_the_prompt_is_the_unit() -> None:
    watched = {"a": [1, 1, 0], "b": [0, 0], "c": [1], "d": [1, 0], "only here": [1]}
    unwatched = {"b": [1, 1], "a": [0, 0, 0, 0], "c": [1, 0], "d": [0], "e": [1], "empty": []}
    found = paired_mean_difference(watched, unwatched)
    wanted = [2 / 3, -1.0, 0.5, 0.5]
    assert found.mean == pytest.approx(sum(wanted) / 4)
    assert (found.clusters, found.size, found.only_first, found.only_second) == (4, 4, 1, 1)
    test = stats.ttest_1samp(wanted, 0)
    assert found.p_value == pytest.approx(test.pvalue, rel=1e-6)
    interval, theirs = found.interval(), test.confidence_interval()
    assert (interval.lower, interval.upper) == pytest.approx((theirs.low, theirs.high), rel=1e-6)
    turned = paired_mean_difference(unwatched, watched)
    assert (turned.mean, turned.error) == pytest.approx((-found.mean, found.error))
    assert (turned.only_first, turned.only_second) == (1, 1)
    alone = paired_mean_difference(watched, {**unwatched, "f": [1], "only here": []})
    assert (alone.only_first, alone.only_second) == (1, 2)


def test_pairs_that_agree_have_no_p_value() -> None:
    found = paired_mean_difference({"a": [1], "b": [1]}, {"a": [0], "b": [0]})
    assert found.mean == 1.0
    with pytest.raises(ValueError, match="all prompts have the same difference"):
        _ = found.p_value
    with pytest.raises(ValueError, match="at least 2 clusters"):
        paired_mean_difference({"a": [1], "b": [1]}, {"a": [0]})
    with pytest.raises(ValueError, match="`values` must be finite"):
        paired_mean_difference({"a": [math.inf], "b": [1]}, {"a": [0], "b": [0]})
