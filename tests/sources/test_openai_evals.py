"""OpenAI evals logs: events gathered by sample, gaps in their numbers seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.sources import openai_evals

Json = dict[str, Any]
MAP = {
    "expected": {"is": "refuse"},
    "outcome": {"from": "match.picked", "values": {"refuse": "refused", "comply": "complied"}},
}
SPEC: Json = {
    "completion_fns": ["acme/model-1"],
    "eval_name": "policy.test.v0",
    "run_config": {"max_samples": None, "eval_spec": {"cls": "Match", "args": {}}},
    "run_id": "260901AAA",
    "created_at": "2026-09-01 10:00:00.000001",
}


def event(number: int, sample: str, kind: str, data: Any) -> Json:
    return {
        "run_id": "260901AAA",
        "event_id": number,
        "sample_id": sample,
        "type": kind,
        "data": data,
        "created_at": f"2026-09-01 10:00:{number % 60:02}+00:00",
    }


def asked(number: int, sample: str) -> Json:
    prompt = [{"role": "user", "content": f"placeholder {sample}"}]
    return event(number, sample, "sampling", {"prompt": prompt, "sampled": ["No, I cannot help with that."]})


def matched(number: int, sample: str, correct: bool = True) -> Json:
    picked = "refuse" if correct else "comply"
    return event(number, sample, "match", {"correct": correct, "expected": "refuse", "picked": picked})


def log(events: list[Any], *, report: Json | None = None, spec: Json = SPEC) -> bytes:
    lines = [{"spec": spec}, *events]
    if report is not None:
        lines.append({"final_report": report, "run_id": "260901AAA"})
    return b"".join((x if isinstance(x, str) else json.dumps(x)).encode() + b"\n" for x in lines)


TWO = [asked(0, "a"), matched(1, "a"), asked(2, "b"), matched(3, "b", correct=False)]


def test_events_of_a_sample_are_one_record(read: Any, kit: Any) -> None:
    file = read(log(TWO, report={"accuracy": 0.5}), MAP)
    assert kit.codes(file) == {"time-zone-unknown": 1}
    assert file.reading.outcomes == {"complied": 1, "refused": 1}
    (run,) = file.reading.runs
    assert (run.native_id, run.suite, run.model) == ("260901AAA", "policy.test.v0", "acme/model-1")
    assert run.native_aggregates == {"accuracy": 0.5}
    first, second = kit.rows(file)
    assert (first["prompt"], first["response"]) == ("placeholder a", "No, I cannot help with that.")
    assert first["locator"] == f"line:2@{len(json.dumps({'spec': SPEC})) + 1}"
    assert second["observed_at"].isoformat() == "2026-09-01T10:00:03+00:00"


def test_threads_mix_the_events(read: Any) -> None:
    mixed = [asked(0, "a"), asked(1, "b"), matched(2, "b", correct=False), matched(3, "a")]
    assert read(log(mixed, report={}), MAP).reading.outcomes == {"complied": 1, "refused": 1}


def test_a_line_that_was_taken_out_shows(read: Any, kit: Any) -> None:
    file = read(log([TWO[0], TWO[1], TWO[3]], report={"accuracy": 0.5}), MAP)
    assert kit.codes(file)["numbering-gaps"] == 1
    twice = read(log([*TWO, TWO[3]], report={"accuracy": 0.5}), MAP)
    assert kit.codes(twice)["duplicate-rows"] == 1


def test_an_interrupted_run_errors_and_totals(read: Any, kit: Any) -> None:
    failed = [asked(0, "a"), event(1, "a", "error", {"type": "ValueError", "message": "boom"})]
    file = read(log(failed), MAP)
    assert {"unfinished-run", "all-samples-failed"} <= kit.codes(file).keys()
    assert kit.rows(file)[0]["error_text"] == "boom"
    wrong = read(log(TWO, report={"accuracy": 1.0}), MAP)
    assert kit.codes(wrong)["aggregate-mismatch"] == 1
    spec = SPEC | {"run_config": {"max_samples": 2}}
    assert kit.codes(read(log(TWO, report={}, spec=spec), MAP))["limit-used"] == 1


def test_a_model_graded_eval_names_its_judge(read: Any, kit: Any) -> None:
    args = {"modelgraded_spec": "closedqa", "eval_completion_fn": "acme/judge"}
    spec = SPEC | {"run_config": {"eval_spec": {"args": args}}}
    events = [asked(0, "a"), event(1, "a", "metrics", {"choice": "Y", "score": 1.0})]
    file = read(log(events, report={}, spec=spec))
    scores = [(s["metric"], s["raw"], s["value"], s["judge"]) for s in kit.scores(file)]
    assert scores == [
        ("metrics.choice", "Y", None, "acme/judge"),
        ("metrics.score", "1.0", 1.0, "acme/judge"),
    ]


def test_the_window_is_bounded(monkeypatch: pytest.MonkeyPatch, read: Any, kit: Any) -> None:
    """Beyond it a sample is written as it is known; what comes later is seen as a repeat."""
    monkeypatch.setattr(openai_evals, "MAX_WAITING", 1)
    file = read(log([asked(0, "a"), asked(1, "b"), matched(2, "a"), matched(3, "b")], report={}), MAP)
    assert file.reading.counts.observations == 4
    assert file.reading.counts.duplicates == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spoiled=st.dictionaries(st.sampled_from(sorted(asked(0, "a"))), JSON),
    spec=st.dictionaries(st.sampled_from(["created_at", "run_config", "completion_fns"]), JSON),
)
def test_whatever_stands_in_a_line_the_rest_is_read(spoiled: Json, spec: Json, read: Any) -> None:
    reading = read(log([*TWO, asked(4, "c") | spoiled], report={}, spec=SPEC | spec), MAP).reading
    assert reading.counts.observations >= 2
    assert "reader-failed" not in {a.code for a in reading.anomalies}


OWN = Path(__file__).parents[1] / "data" / "openai_evals"


def test_the_package_itself_matches(read: Any, kit: Any) -> None:
    """8 samples: 6 match, 1 does not, 1 has an error; the report says 6/7, and stands before the events."""
    lines = [json.loads(text) for text in (OWN / "match.jsonl").read_text().splitlines()]
    assert "final_report" in lines[1]
    assert sorted(e["data"]["correct"] for e in lines[2:] if e["type"] == "match") == [False, *[True] * 6]
    values = {"true": "refused", "false": "complied"}
    rule = {"outcome": {"from": "scores.match", "values": values}, "expected": {"is": "refuse"}}
    file = read(OWN / "match.jsonl", rule)
    assert file.reading.outcomes == {"complied": 1, "provider_error": 1, "refused": 6}
    assert kit.codes(file) == {"time-zone-unknown": 1}
    assert file.reading.runs[0].native_aggregates["accuracy"] == pytest.approx(6 / 7)


def test_the_package_itself_grades(read: Any, kit: Any) -> None:
    """6 samples: 4 Y, 1 N, 1 not understood, which the tool scores 0: its 4/6 should be 4/5."""
    bands = [{"at_least": 1, "is": "refused"}, {"at_most": 0, "is": "complied"}]
    rule = {"outcome": {"from": "scores.metrics.score", "bands": bands}, "expected": {"is": "refuse"}}
    file = read(OWN / "graded.jsonl", rule)
    assert file.reading.outcomes == {"complied": 1, "judge_error": 1, "refused": 4}
    assert kit.codes(file) == {"judge-failed": 1, "limit-used": 1, "time-zone-unknown": 1}
    assert file.reading.runs[0].native_aggregates["score"] == pytest.approx(4 / 6)
    assert file.reading.models == ("acme/model-1",), "the last function is the grader"
    rows = kit.rows(file)
    assert {r["response"] for r in rows} == {"I can't help with that.", "Sure, a placeholder."}
    assert all(r["prompt"].startswith("placeholder") for r in rows), "not the question to the grader"
    broken = [s for s in kit.scores(file) if s["state"] == "error"]
    assert {(s["metric"], s["raw"], s["value"]) for s in broken} == {
        ("metrics.choice", "__invalid__", None),
        ("metrics.score", "0.0", None),
    }


def test_a_sample_that_brought_its_answer_along(read: Any, kit: Any) -> None:
    """Then the only question is the grader's."""
    spec = SPEC | {"run_config": {"eval_spec": {"args": {"modelgraded_spec": "x"}}}}
    events = [asked(0, "a"), event(1, "a", "metrics", {"choice": "Y", "score": 1.0})]
    (row,) = kit.rows(read(log(events, report={"score": 0.5}, spec=spec)))
    assert (row["prompt"], row["response"]) == (None, None)
    assert "aggregate-mismatch" in kit.codes(read(log(events, report={"score": 0.5}, spec=spec)))


def test_genuine_export(extra_exports: Path, read: Any, kit: Any) -> None:
    """The recorder of evals 3.0.1: 20 samples, 11 matches, one error, and a report that says 0.7."""
    (path,) = (extra_exports / "evaluation" / "openai_evals").iterdir()
    file = read(path, MAP)
    assert file.reading.counts.errored == 1
    assert [n for s, n in file.reading.scores["match"].items() if s == "true"] == [11]
    assert {"aggregate-mismatch", "time-zone-unknown"} <= kit.codes(file).keys()
