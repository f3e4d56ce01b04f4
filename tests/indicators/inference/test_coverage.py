"""How often the intervals hold the true rate: summed over all outcomes, and the docs held to the sums."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from auditgen.indicators import difference_interval, proportion_interval

SIZES = (5, 10, 20, 30, 50, 100, 200, 400)
RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.85, 0.95, 0.97, 0.99)
PAIRS = ((10, 10), (20, 20), (50, 50), (10, 40), (30, 60))
PAGE = Path(__file__).parents[3] / "docs" / "statistics.md"
Floats = NDArray[np.float64]


def chances(n: int) -> Floats:
    """A row per rate: the chance of each count."""
    return np.array([stats.binom.pmf(np.arange(n + 1), n, p) for p in RATES])


def of_one(method: str) -> Floats:
    """The coverage of our interval: a row per size, a column per rate."""
    out = []
    for n in SIZES:
        found = [proportion_interval(k, n, method) for k in range(n + 1)]
        holds = np.array([[i.lower <= p <= i.upper for i in found] for p in RATES])
        out.append((chances(n) * holds).sum(axis=1))
    return np.array(out)


def wilson_by_its_test() -> Floats:
    """No interval at all: the outcomes at which the score test does not reject the rate."""
    z = stats.norm.ppf(0.975)
    out = []
    for n in SIZES:
        k, p = np.arange(n + 1)[None, :], np.array(RATES)[:, None]
        holds = np.abs(k / n - p) <= z * np.sqrt(p * (1 - p) / n)
        out.append((chances(n) * holds).sum(axis=1))
    return np.array(out)


def exact_by_its_test() -> Floats:
    """The outcomes at which neither tail of the binomial test is below 2.5 %."""
    out = []
    for n in SIZES:
        k, p = np.arange(n + 1)[None, :], np.array(RATES)[:, None]
        holds = (stats.binom.cdf(k, n, p) >= 0.025) & (stats.binom.sf(k - 1, n, p) >= 0.025)
        out.append((chances(n) * holds).sum(axis=1))
    return np.array(out)


def of_two(method: str) -> Floats:
    """The coverage of our interval of a difference: per pair of sizes, first and second rate."""
    out = []
    for n1, n2 in PAIRS:
        found = [[difference_interval(a, n1, b, n2, method) for b in range(n2 + 1)] for a in range(n1 + 1)]
        lower = np.array([[i.lower for i in row] for row in found])
        upper = np.array([[i.upper for i in row] for row in found])
        out.append(summed(n1, n2, lower, upper))
    return np.array(out)


def newcombe_by_scipy() -> Floats:
    """Square-and-add of scipy's Wilson limits."""
    out = []
    for n1, n2 in PAIRS:
        (p1, l1, u1), (p2, l2, u2) = (wilson_by_scipy(n) for n in (n1, n2))
        d = p1[:, None] - p2[None, :]
        lower = d - np.sqrt((p1 - l1)[:, None] ** 2 + (u2 - p2)[None, :] ** 2)
        upper = d + np.sqrt((u1 - p1)[:, None] ** 2 + (p2 - l2)[None, :] ** 2)
        out.append(summed(n1, n2, lower, upper))
    return np.array(out)


def wilson_by_scipy(n: int) -> tuple[Floats, Floats, Floats]:
    found = [stats.binomtest(k, n).proportion_ci(method="wilson") for k in range(n + 1)]
    return np.arange(n + 1) / n, np.array([i.low for i in found]), np.array([i.high for i in found])


def summed(n1: int, n2: int, lower: Floats, upper: Floats) -> Floats:
    first, second = chances(n1), chances(n2)
    return np.array(
        [
            [
                # a bound that rounding put beside the difference holds it
                first[i] @ ((lower <= p - q + 1e-12) & (p - q - 1e-12 <= upper)) @ second[j]
                for j, q in enumerate(RATES)
            ]
            for i, p in enumerate(RATES)
        ]
    )


@pytest.fixture(scope="module")
def table() -> dict[str, tuple[str, ...]]:
    """The rows of the coverage table in the docs."""
    section = PAGE.read_text("utf-8").partition("## Coverage")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| ([\d.]+) \| ([\d.]+) \| (.+?) \|$", section, re.MULTILINE)
    return {name: rest for name, *rest in rows}


def described(found: Floats, names: list[Any]) -> list[str]:
    # arms that are turned about have the same coverage but for the last digits: take the first of them
    at = np.unravel_index(found.round(10).argmin(), found.shape)
    return [
        f"{found.mean():.4f}",
        f"{found.min():.4f}",
        "; ".join(f(i) for f, i in zip(names, at, strict=True)),
    ]


def size(i: int) -> str:
    return f"n = {SIZES[i]}"


def sizes(i: int) -> str:
    return f"n = {PAIRS[i][0]}, {PAIRS[i][1]}"


def rate(i: int) -> str:
    return f"p = {RATES[i]:g}"


def test_the_exact_interval_never_falls_below_its_level(table: dict[str, Any]) -> None:
    found = of_one("clopper-pearson")
    assert found.min() >= 0.95
    assert found == pytest.approx(exact_by_its_test(), abs=1e-9)
    assert list(table["Clopper-Pearson"]) == described(found, [size, rate])


def test_wilson_covers_as_its_test_does(table: dict[str, Any]) -> None:
    found = of_one("wilson")
    assert found == pytest.approx(wilson_by_its_test(), abs=1e-9)
    assert found.min() < 0.9
    assert abs(found.mean() - 0.95) < 0.005
    assert list(table["Wilson"]) == described(found, [size, rate])


def test_newcombe_covers_as_scipys_limits_do(table: dict[str, Any]) -> None:
    found = of_two("newcombe")
    assert found == pytest.approx(newcombe_by_scipy(), abs=1e-9)
    assert list(table["Newcombe"]) == described(found, [sizes, rate, rate])


@pytest.mark.parametrize(("method", "name"), [("miettinen-nurminen", "Miettinen-Nurminen"), ("mee", "Mee")])
def test_the_score_intervals_cover(method: str, name: str, table: dict[str, Any]) -> None:
    found = of_two(method)
    assert list(table[name]) == described(found, [sizes, rate, rate])
    assert found.mean() > 0.94


def test_the_sum_can_fail() -> None:
    """The interval everybody learns first, over the same grid."""
    out = []
    for n in SIZES:
        k, p = np.arange(n + 1)[None, :], np.array(RATES)[:, None]
        half = stats.norm.ppf(0.975) * np.sqrt(k / n * (1 - k / n) / n)
        out.append((chances(n) * (np.abs(k / n - p) <= half)).sum(axis=1))
    assert np.min(out) < 0.1
    assert np.mean(out) < 0.8
