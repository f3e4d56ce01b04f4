"""The page for statisticians: its examples run, its tables of sizes and of foreign errors are true."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import numpy as np
import pytest
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    tost_proportions_2indep,
)

from auditgen.indicators import difference_interval
from auditgen.indicators.inference.correction import Reason
from auditgen.indicators.inference.differences import score_statistic
from auditgen.indicators.inference.distributions import normal_tail
from auditgen.indicators.inference.equivalence import tost_p_value
from auditgen.indicators.inference.power import plan

PAGE = (Path(__file__).parents[3] / "docs" / "statistics.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
MEASURED = re.search(r"statsmodels ([\d.]+) and scipy ([\d.]+)\.", PAGE)


def test_every_example_runs() -> None:
    assert len(BLOCKS) == 12
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
    names: dict[str, object] = {}
    for number, block in enumerate(BLOCKS):
        example = parser.get_doctest(block, names, f"block {number}", "statistics.md", 0)
        assert example.examples
        runner.run(example, clear_globs=False)
        names = example.globs
    assert runner.summarize(verbose=False).failed == 0


def test_the_table_of_sizes() -> None:
    section = PAGE.partition("## How many records")[2].partition("\n## ")[0]
    printed = re.findall(r"^\| ([\d.]+) \| ([\d.]+) \| (\d+) \| (\d+) \|$", section, re.MULTILINE)
    assert len(printed) == 5
    for rate, difference, first, second in printed:
        [row] = plan([float(rate)], [float(difference)])
        assert (row.to_show_a_difference, row.to_show_equivalence) == (int(first), int(second))


def test_every_reason_for_a_refusal_is_explained() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE) == [r.value for r in Reason]


def test_the_disagreement_of_interval_and_test() -> None:
    found = difference_interval(400, 400, 395, 400)
    assert [round(100 * found.lower, 2), round(100 * found.upper, 2)] == [0.06, 2.89]
    assert round(stats.fisher_exact([[400, 0], [395, 5]]).pvalue, 3) == 0.062


def as_measured() -> bool:
    assert MEASURED
    return MEASURED.groups() == (statsmodels.__version__, scipy.__version__)


@pytest.mark.skipif(not as_measured(), reason="other versions than those the page names")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_errors_of_others_are_as_printed() -> None:
    theirs = confint_proportions_2indep(56, 70, 48, 80, method="score", compare="diff")
    assert "| 0.0526, 0.3440 | 0.0528, 0.3382 |" in PAGE
    assert [round(end, 4) for end in theirs] == [0.0526, 0.3440]
    contrasts = [
        (9, 10, 3, 10), (6, 7, 2, 7), (5, 56, 0, 29), (0, 10, 0, 20), (0, 10, 0, 10), (10, 10, 0, 20),
        (10, 10, 0, 10), (400, 400, 400, 400),
    ]  # fmt: skip
    for table in contrasts:
        with pytest.raises(ValueError, match=r"sign|NaN"):
            confint_proportions_2indep(*table, method="score", compare="diff")
        ours = difference_interval(*table, "miettinen-nurminen")
        assert -1 <= ours.lower < ours.upper <= 1
    score = tost_proportions_2indep(65, 100, 70, 100, -0.1, 0.1, method="score").pvalue
    corrected = normal_tail(score_statistic((65, 100), (70, 100), -0.1))
    plain = tost_p_value(65, 100, 70, 100, 0.1)
    assert f"| {score:.4f} | {corrected:.4f} with N/(N−1), {plain:.4f} without |" in PAGE
    wald = tost_proportions_2indep(400, 400, 400, 400, -0.05, 0.05, method="wald").pvalue
    assert (float(wald), f"{tost_p_value(400, 400, 400, 400, 0.05):.1e}") == (0.0, "2.2e-06")
    assert float(mcnemar([[0, 4], [4, 0]], exact=False, correction=True).statistic) == 0.125
    not_zero = sum(proportion_confint(0, n, method="wilson")[0] != 0 for n in range(1, 1001))
    assert f"not 0 for {not_zero} of them" in PAGE


@pytest.mark.skipif(not as_measured(), reason="other versions than those the page names")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_how_often_the_score_interval_of_others_is_wrong() -> None:
    chance = np.random.default_rng(1)
    raised, errors = 0, []
    for _ in range(400):
        n1, n2 = (int(n) for n in chance.integers(5, 201, 2))
        table = int(chance.integers(0, n1 + 1)), n1, int(chance.integers(0, n2 + 1)), n2
        ours = difference_interval(*table, "miettinen-nurminen")
        try:
            lower, upper = confint_proportions_2indep(*table, method="score", compare="diff")
        except ValueError:
            raised += 1
        else:
            errors.append(max(abs(lower - ours.lower), abs(upper - ours.upper)))
    wrong = sum(error > 1e-4 for error in errors)
    printed = f"{raised} raise, {wrong} differ by more than 0.0001, by up to {max(errors):.3f}"
    assert printed in PAGE, printed
