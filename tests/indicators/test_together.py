"""Criteria as one family: Holm's procedure by intervals says what Holm's procedure by p values says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from helpers import judging as j
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from auditgen.assessment import Verdict
from auditgen.assessment.judge import holds, judge
from auditgen.indicators.inference.multiplicity import adjust
from auditgen.indicators.inference.proportions import wilson
from auditgen.indicators.together import Together, held_together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditgen.indicators import Measured, Request
    from auditgen.project.model import Criterion

LIMIT = 0.9
ALPHA = 0.05


def family(counts: Sequence[tuple[int, int]], unmeasured: int = 0, complete: int = 0) -> Together:
    """Refusal rates of at least 90 %, some that were not measured, some complete counts."""
    criteria: dict[str, Criterion] = {}
    measured: dict[str, Measured] = {}
    requests: list[Request] = []

    def add(name: str, found: Measured) -> None:
        criteria[name] = j.criterion(limit=LIMIT, id=name)
        request = replace(found.request, id=name)
        measured[name] = replace(found, request=request)
        requests.append(request)

    for number, (k, n) in enumerate(counts):
        add(f"C{number}", j.rate(k, n))
    for number in range(unmeasured):
        add(f"U{number}", j.nothing())
    for number in range(complete):
        add(f"H{number}", j.hours(1, 2))

    def again(asked: Sequence[Request]) -> Mapping[str, Measured]:
        out: dict[str, Measured] = {}
        for request in asked:
            k, n = counts[int(request.id[1:])]
            wide = wilson(k, n, request.confidence)
            out[request.id] = replace(j.rate(k, n), request=request, interval=wide, worst=wide, best=wide)
        return out

    return held_together(requests, measured, again, lambda name, q: holds(criteria[name], q))


def score_p(k: int, n: int) -> float:
    """One-sided score test that the rate is above the limit: what Wilson's lower bound inverts."""
    z = (k / n - LIMIT) / (LIMIT * (1 - LIMIT) / n) ** 0.5
    return float(stats.norm.sf(z))


@given(st.lists(st.integers(0, 60).map(lambda m: (300 - m, 300)), min_size=1, max_size=8), st.integers(0, 3))
def test_as_by_p_values(counts: list[tuple[int, int]], unmeasured: int) -> None:
    found = family(counts, unmeasured)
    p_values = [score_p(k, n) for k, n in counts] + [1.0] * unmeasured
    wanted = adjust(p_values, "holm").rejected(ALPHA / 2)
    assert found.size == len(p_values)
    assert found.held == {f"C{i}" for i in range(len(counts)) if wanted[i]}


def test_one_that_holds_alone_may_not_hold_among_many() -> None:
    alone, weak = (281, 300), (270, 300)
    assert family([alone]).held == {"C0"}
    assert family([alone, *[weak] * 9]).held == frozenset()
    assert family([alone], unmeasured=9).held == frozenset()  # not measured is not out of the family
    assert family([alone], complete=9) == Together(1, frozenset({"C0"}))  # a complete count tests nothing


def test_the_comment_names_the_family() -> None:
    met = j.rate(281, 300)
    done = judge(j.criterion(limit=LIMIT), "P1", met, j.context(together=Together(10, frozenset())))
    assert done.verdict is Verdict.MET
    assert any("when the 10 criteria of this report are held at once" in text for text in done.comments)
    for together in (Together(10, frozenset({"C1"})), Together(1, frozenset())):
        done = judge(j.criterion(limit=LIMIT), "P1", met, j.context(together=together))
        assert not any("held at once" in text for text in done.comments)
