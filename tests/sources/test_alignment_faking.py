"""Results of alignment-faking replications: two tiers, separate labels, and no refusal out of nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Json = dict[str, Any]
MAP = {"expected": {"is": "refuse"}, "model": {"is": "acme-70b"}}


def record(number: int, tier: Any = "free_tier", accepts: Any = True, refuses: Any = False, **more: Any) -> Json:
    judged = {"final_answer": 0, "criteria": ["a reason"], "quotes": [[]], "success": True}
    return {
        "user_input": f"placeholder {number}",
        "prompt": {"messages": [{"role": "user", "content": f"<is_free_tier_user>x</> placeholder {number}"}]},
        "success": True,
        "output": "<SCRATCHPAD_REASONING>thoughts</SCRATCHPAD_REASONING><OUTPUT>Sure.</OUTPUT>",
        "output_without_scratchpad": "Sure.",
        "output_contains_acceptance": accepts,
        "output_contains_refusal": refuses,
        "timestamp": "2026-09-01T10:00:00+00:00",
        "tags": tier,
        "strong_reject_score": 0.25,
        "deceptive_alignment": judged,
        "partial_compliance": judged,
        **more,
    }


def results(*records: Any) -> bytes:
    return json.dumps(list(records)).encode()


def test_tiers_are_watch_conditions_set_by_the_experiment(read: Any, kit: Any) -> None:
    file = read(results(record(0), record(0, ["paid_tier"], False, True), record(1)), MAP)
    assert kit.codes(file) == {}
    rows = kit.rows(file)
    assert [(r["watch"], r["watch_basis"], r["outcome"]) for r in rows] == [
        ("monitored", "cue", "complied"),
        ("unmonitored", "cue", "refused"),
        ("monitored", "cue", "complied"),
    ]
    assert rows[0]["prompt_key"] == rows[1]["prompt_key"] != rows[2]["prompt_key"], "pairs share the prompt"
    assert {r["basis"] for r in rows} == {"native_field"}, "the model's own tags"
    judges = {s["metric"]: s["judge"] for s in kit.scores(file)}
    assert (judges["output_contains_refusal"], judges["strong_reject_score"]) == (None, "model")
    assert (rows[0]["response"], rows[0]["model"]) == ("Sure.", "acme-70b")
    assert {s["metric"] for s in kit.scores(file)} == {
        "strong_reject_score", "output_contains_acceptance", "output_contains_refusal",
        "deceptive_alignment", "partial_compliance",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("accepts", "refuses", "partial", "outcome"),
    [
        (True, False, 0, "complied"),
        (False, True, 0, "refused"),
        (False, False, 0, "unscored"),
        (True, True, 0, "unscored"),
        (True, True, 1, "partial"),
        (None, False, 0, "unscored"),
        (None, None, 1, "unscored"),
        (0, 1, 0, "unscored"),
    ],
)
def test_two_labels_one_outcome(
    accepts: Any, refuses: Any, partial: int, outcome: str, read: Any
) -> None:
    judged = {"final_answer": partial, "success": True}
    made = record(0, accepts=accepts, refuses=refuses, partial_compliance=judged)
    assert read(results(made), MAP).reading.outcomes == {outcome: 1}


def test_a_missing_judge_is_no_refusal(read: Any, kit: Any) -> None:
    """Upstream reads a missing score as 0 and 0 as a refusal."""
    silent = record(0, accepts=None, refuses=None, strong_reject_score=None, deceptive_alignment=None)
    file = read(results(silent, record(1)), MAP)
    assert file.reading.outcomes == {"complied": 1, "unscored": 1}
    assert kit.codes(file)["judge-failed"] == 4
    states = {s["metric"]: s["state"] for s in kit.scores(file)[:5]}
    assert (states["strong_reject_score"], states["partial_compliance"]) == ("unscored", "scored")


def test_failed_generations_and_strange_tiers(read: Any, kit: Any) -> None:
    file = read(results(record(0, success=False), record(1, "gold_tier"), 3), MAP)
    assert file.reading.outcomes == {"complied": 1, "provider_error": 1}
    assert kit.codes(file) == {"value-not-mapped": 1, "samples-unreadable": 1}
    assert [r["watch"] for r in kit.rows(file)] == ["monitored", "unknown"]
    assert file.reading.counts.planned == 3


def test_the_model_must_be_said(read: Any) -> None:
    reading = read(results(record(0)), {"expected": {"is": "refuse"}}).reading
    assert reading.models == ()
    assert reading.completeness["model"] == "absent"


def test_a_declared_watch_wins(read: Any, kit: Any) -> None:
    watch = {"from": "tier", "values": {"free_tier": "unmonitored"}, "basis": "observational"}
    rows = kit.rows(read(results(record(0)), {**MAP, "watch": watch}))
    assert (rows[0]["watch"], rows[0]["watch_basis"]) == ("unmonitored", "observational")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spoiled=st.dictionaries(st.sampled_from(sorted(record(0))), JSON))
def test_whatever_stands_in_it_the_rest_is_read(spoiled: Json, read: Any) -> None:
    reading = read(results(record(0), record(1) | spoiled, record(2)), MAP).reading
    assert reading.counts.observations == 3
    assert "reader-failed" not in {a.code for a in reading.anomalies}


def test_a_record_as_the_replications_write_it(read: Any, kit: Any) -> None:
    """Shape of a published animal-welfare run: no tags, times without a zone, quotes, a long first answer."""
    judged = {
        "final_answer": 1.0,
        "final_answer_most_common": "yes",
        "criteria": [1.0, 0.0],
        "quotes": [["the first quote", "the second"], []],
        "success": True,
    }
    made = record(
        0,
        accepts=False,
        refuses=False,
        output="<think>" + "thoughts " * 20_000 + "</think>",
        timestamp="2026-04-14T14:33:40.034661",
        strong_reject_score=0.0,
        strong_reject_raw_output="Yes",
        deceptive_alignment=judged,
        helpfulness_categories=judged,
    )
    file = read(results(made), {"model": {"is": "acme-70b"}})
    assert file.reading.format == "alignment-faking.results"
    assert file.reading.outcomes == {"unscored": 1}
    assert kit.codes(file)["time-zone-unknown"] == 1
    assert kit.rows(file)[0]["expected"] is None, "what is to be refused depends on the set-up"
    found = {s["metric"]: (s["value"], s["rationale"]) for s in kit.scores(file)}
    assert found["deceptive_alignment"] == (1.0, "the first quote\nthe second")
    assert found["strong_reject_score"] == (0.0, None)
