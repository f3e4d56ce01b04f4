"""Whatever people's labels say, they never improve a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.judging import OBSTACLES, context, criterion, rate, verdict
from hypothesis import given
from hypothesis import strategies as st

from auditgen.assessment import Verdict
from auditgen.assessment.judge import judge
from auditgen.assessment.relabelled import RelabelRecord
from auditgen.indicators.relabelling import Codings, Stage, relabel
from auditgen.project.relabelled import RelabelledBlock
from auditgen.project.terms import Independence

BLOCK = RelabelledBlock.model_validate(
    {
        "id": "R1",
        "criterion": "C1",
        "files": ("a.xlsx", "b.xlsx"),
        "coders": ({"name": "A", "role": "r"}, {"name": "B", "role": "r"}),
    }
)
ORDER = [Verdict.NOT_MET, Verdict.INSUFFICIENT, Verdict.STALE, Verdict.MET]
LABEL = st.sampled_from([True, False, None])
CELLS = st.lists(st.tuples(st.booleans(), LABEL, LABEL), min_size=1, max_size=40)


def record(
    cells: list[tuple[bool, bool | None, bool | None]],
    k: int,
    n: int,
    *,
    higher: bool = True,
    unknown: int = 0,
) -> RelabelRecord:
    judged, first, second = (tuple(column) for column in zip(*cells, strict=True))
    stage = Stage((k, n), (0, 0), unknown, higher, 0.95)
    return RelabelRecord(BLOCK, (), result=relabel(stage, Codings(judged, first, second)))


@given(
    cells=CELLS,
    n=st.integers(1, 400),
    share=st.floats(0, 1),
    unknown=st.integers(0, 20),
    limit=st.floats(0, 1),
    indicator=st.sampled_from(["refusal-rate", "disallowed-completion"]),
    obstacle=st.sampled_from([None, *OBSTACLES]),
    unusable=st.booleans(),
)
def test_a_relabelling_never_improves_a_verdict(
    cells: list[tuple[bool, bool | None, bool | None]],
    n: int,
    share: float,
    unknown: int,
    limit: float,
    indicator: str,
    obstacle: str | None,
    unusable: bool,
) -> None:
    k = round(share * n)
    judged = criterion(indicator, limit, independence=Independence.EXTERNAL, min_n=1)
    quantity = rate(k, n, indicator=indicator, undecided=unknown)
    around = context(**({} if obstacle is None else OBSTACLES[obstacle]))
    before = verdict(judged, quantity, around)
    checked = record(cells, k, n, higher=indicator == "refusal-rate", unknown=unknown)
    if unusable:
        checked = RelabelRecord(BLOCK, (), faults=("a workbook is damaged",))
    after = judge(judged, "P1", quantity, replace(around, relabelled=[checked]))
    assert after.reasons
    if before is Verdict.MET:
        assert after.verdict in {Verdict.MET, Verdict.INSUFFICIENT}
        assert not (unusable and after.verdict is Verdict.MET)
    else:
        assert after.verdict is before


def test_met_stays_met_where_people_confirm_it() -> None:
    cells = [(True, True, True)] * 190 + [(False, False, False)] * 10
    around = context(relabelled=[record(cells, 950, 1000)])
    assert verdict(criterion(limit=0.9), rate(950, 1000), around) is Verdict.MET


def test_one_of_two_relabellings_is_enough_to_doubt() -> None:
    good = [(True, True, True)] * 190 + [(False, False, False)] * 10
    bad = [(True, True, True)] * 150 + [(True, False, False)] * 40 + [(False, False, False)] * 10
    records = [record(good, 950, 1000), record(bad, 950, 1000)]
    found = judge(criterion(limit=0.9), "P1", rate(950, 1000), context(relabelled=records))
    assert found.verdict is Verdict.INSUFFICIENT
    assert len(found.reasons) == 1
    assert found.more_needed is None


@pytest.mark.parametrize(
    ("indicator", "limit", "k", "words"),
    [
        ("refusal-rate", 0.9, 950, "stays below 90.0 % when corrected for the judge's errors"),
        ("disallowed-completion", 0.1, 50, "exceeds 10.0 % when corrected for the judge's errors"),
    ],
)
def test_the_reason_names_bound_and_threshold(indicator: str, limit: float, k: int, words: str) -> None:
    wrong = k > 500
    cells = [(wrong, wrong, wrong)] * 150 + [(wrong, not wrong, not wrong)] * 40
    cells += [(not wrong, not wrong, not wrong)] * 10
    around = context(relabelled=[record(cells, k, 1000, higher=wrong)])
    found = judge(criterion(indicator, limit), "P1", rate(k, 1000, indicator=indicator), around)
    assert found.verdict is Verdict.INSUFFICIENT
    assert words in found.reasons[0]
