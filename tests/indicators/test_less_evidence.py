"""Less evidence never helps: of every shipped indicator that counts records, whatever is taken away."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditgen.evidence.model import DECIDED, ERRORS, UNDECIDED
from auditgen.indicators import Quantity, Request, Unmeasured, core_indicators, measure
from auditgen.indicators.cells import read_cells
from auditgen.indicators.frames import SOURCE, _evidence, _labels

COUNTING = {name: i for name, i in core_indicators().items() if i.is_of_versions}
LABELS = sorted({name for i in COUNTING.values() for name in i.denominator.labelled})
WORDS = {
    "outcome": ["refused", "complied", "partial", "neither", "blocked_input", "blocked_output", "modified"],
    "watch": ["monitored", "unmonitored"],
    "expected": ["refuse", "refuse", "refuse", "comply"],
    "strategy": ["none", "roleplay"],
    "cohort": ["elicited", "incentive"],
    "category": ["x", "y"],
    "kind": ["evaluation", "evaluation", "monitoring"],
    "guardrail_action": ["pass", "block", "modify"],
}
LOST = ["gone", *(outcome.value for outcome in (*UNDECIDED, *ERRORS))]
Json = dict[str, Any]


@st.composite
def records(draw: st.DrawFn) -> list[Json]:
    """Records that every indicator counts some of; where `once`, each prompt stands once in each arm."""
    prompts = draw(st.sampled_from([2, 5, 20]))
    once = draw(st.sampled_from([(), ("watch", "kind"), ("cohort", "kind")]))
    row = st.fixed_dictionaries(
        {name: st.sampled_from(words) for name, words in WORDS.items()}
        | {f"label_{name}": st.booleans() for name in LABELS}
        | {"prompt_key": st.integers(0, prompts - 1).map("p{}".format)}
    )
    found = draw(st.lists(row, min_size=3, max_size=30))
    if once:
        found = list({tuple(r[name] for name in (*once, "prompt_key")): r for r in found}.values())
    return [{"guardrail_verdict": "deny", **row} for row in found]


def lost(row: Json, become: str, word: str | None) -> Json:
    """A record of which nobody knows what became of it."""
    action = {"guardrail_action": None}
    return {**row, "outcome": become, **action, **{f"label_{name}": word for name in LABELS}}


def measured(rows: list[Json], missing: int) -> dict[str, Any]:
    frame = pd.DataFrame(rows)
    requests = [Request(name, indicator, (SOURCE,)) for name, indicator in COUNTING.items()]
    return measure(read_cells(_evidence(frame, _labels(frame), None)), requests, {SOURCE: missing})


def check(name: str, old: Any, new: Any) -> None:
    """The bound that a promise is judged by is no better than before."""
    better = COUNTING[name].better
    if isinstance(new, Unmeasured):
        return
    assert isinstance(new, Quantity)
    if isinstance(old, Unmeasured):
        # only a plain answer that is lost brings its prompt back, and then nothing can be promised
        assert COUNTING[name].shape == "conditional", name
        assert new.worst.upper >= 1 - 1e-9
        return
    if better in {"higher", "zero"}:
        assert new.worst.lower <= old.worst.lower + 1e-9, name
    if better in {"lower", "zero"}:
        assert new.worst.upper >= old.worst.upper - 1e-9, name


def test_all_of_them_are_tried() -> None:
    assert len(COUNTING) == 14
    assert {i.shape for i in COUNTING.values()} == {"rate", "gap", "conditional", "standardised-gap"}
    rows = [
        {name: words[n % len(words)] for name, words in WORDS.items()}
        | {f"label_{name}": bool(n % 3) for name in LABELS}
        | {
            "prompt_key": f"p{n % 7}",
            "guardrail_verdict": "deny",
            "strategy": ["none", "roleplay"][n // 42 % 2],
        }
        | {"watch": WORDS["watch"][n // 3 % 2], "cohort": WORDS["cohort"][n // 5 % 2]}
        | {
            "category": WORDS["category"][n // 7 % 2],
            "outcome": ["refused", "complied"][n % 7 == 0 and n // 42 % 2],
        }
        for n in range(200)
    ]
    found = measured(rows, 0)
    assert {name for name, value in found.items() if isinstance(value, Quantity)} == set(COUNTING)


@settings(deadline=None, max_examples=30)
@given(
    rows=records(),
    missing=st.integers(0, 2),
    steps=st.lists(
        st.tuples(st.integers(0, 10**6), st.sampled_from(LOST), st.sampled_from(["unscored", None])),
        min_size=1,
        max_size=4,
    ),
)
def test_taking_evidence_away_never_improves_the_worst_case(
    rows: list[Json], missing: int, steps: list[tuple[int, str, str | None]]
) -> None:
    """Decided records become undecided, fail or are missing."""
    before = measured(rows, missing)
    for pick, become, word in steps:
        decided = [n for n, row in enumerate(rows) if row["outcome"] in DECIDED]
        if not decided or len(rows) == 1:
            return
        at = decided[pick % len(decided)]
        rows = list(rows)
        if become == "gone":
            del rows[at]
            missing += 1
        else:
            rows[at] = lost(rows[at], become, word)
        after = measured(rows, missing)
        for name in COUNTING:
            check(name, before[name], after[name])
        before = after


CASES: dict[str, tuple[str, list[Json], int]] = {
    "a category that only one side decides": (
        "evaluation-production-gap",
        [{"kind": "evaluation", "category": "x", "outcome": "complied", "prompt_key": f"a{n}"} for n in range(8)]
        + [{"kind": "evaluation", "category": "x", "outcome": "refused", "prompt_key": f"b{n}"} for n in range(2)]
        + [{"kind": "monitoring", "category": "x", "outcome": "complied", "prompt_key": f"c{n}"} for n in range(2)]
        + [{"kind": "monitoring", "category": "x", "outcome": "refused", "prompt_key": f"d{n}"} for n in range(8)]
        + [{"kind": "evaluation", "category": "y", "outcome": "unscored", "prompt_key": "e"}]
        + [{"kind": "monitoring", "category": "y", "outcome": "complied", "prompt_key": f"f{n}"} for n in range(99)],
        0,
    ),
    "a category whose only record of production is lost": (
        "evaluation-production-gap",
        [{"kind": "monitoring", "category": "y", "outcome": "refused", "prompt_key": "z"}]
        + [{"kind": "evaluation", "category": "y", "outcome": "complied", "prompt_key": f"a{n}"} for n in range(50)]
        + [{"kind": k, "category": "x", "outcome": "refused", "prompt_key": f"{k}{n}"}
           for n in range(5) for k in ("evaluation", "monitoring")],
        0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("become", ["gone", "unscored", "provider_error"])
@pytest.mark.parametrize("case", sorted(CASES))
def test_where_it_once_helped(case: str, become: str) -> None:
    name, rows, at = CASES[case]
    rows = [{"expected": "refuse", "guardrail_action": None, **row} for row in rows]
    before = measured(rows, 0)
    if become == "gone":
        after = measured([row for n, row in enumerate(rows) if n != at], 1)
    else:
        after = measured([lost(row, become, None) if n == at else row for n, row in enumerate(rows)], 0)
    assert isinstance(after[name], Quantity)
    check(name, before[name], after[name])
