"""OpenAI's moderation: a verdict, never an action."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "moderation"


def test_bare_results_have_no_time_and_no_action(read: Any, kit: Any) -> None:
    file = read(DATA / "bare.jsonl")
    assert [(r["guardrail_verdict"], r["guardrail_action"]) for r in kit.rows(file)] == [("allow", None), ("flag", None)]
    assert kit.codes(file) == {"outcome-undecided": 2, "undated-rows": 2}
    assert [r["category"] for r in kit.rows(file)] == [None, "violence"], "the flagged one with the highest score"
    assert {s["judge"] for s in kit.scores(file)} == {"omni-moderation-latest"}
    assert len(kit.scores(file)) == 12


def test_what_the_application_did_must_be_declared(read: Any, kit: Any) -> None:
    mapping = {"cohort": {"from": "tier"}, "guardrail_action": {"from": "done"}}
    file = read(DATA / "wrapped.jsonl", mapping)
    assert file.reading.outcomes == {"blocked_input": 1, "unscored": 1}
    assert [(r["cohort"], r["sample_id"]) for r in kit.rows(file)] == [("free", "m-0"), ("paid", "m-1")]
    assert read(DATA / "wrapped.jsonl").reading.outcomes == {"unscored": 2}


def test_the_block_in_newer_replies(read: Any, kit: Any) -> None:
    file = read(DATA / "replies.jsonl")
    assert [(r["outcome"], r["guardrail_verdict"]) for r in kit.rows(file)] == [("unscored", "allow"), ("refused", "flag")]
    assert {s["metric"].partition(".")[0] for s in kit.scores(file)} == {"input", "output"}


def test_a_reply_written_as_text_hides_no_refusal(read: Any) -> None:
    line = (DATA / "replies.jsonl").read_text().splitlines()[1]
    wrapped = json.dumps({"time": "2026-09-01T10:00:00Z", "response": line}) + "\n"
    assert read(wrapped.encode()).reading.outcomes == {"refused": 1}


def test_a_flag_that_is_no_truth_value(read: Any, kit: Any) -> None:
    good = (DATA / "bare.jsonl").read_text().splitlines()[0]
    bad = good.replace('"flagged": false', '"flagged": "maybe"')
    file = read(f"{good}\n{bad}\n".encode())
    assert kit.codes(file)["value-unknown"] == 1
    assert [r["guardrail_verdict"] for r in kit.rows(file)] == ["allow", None]
