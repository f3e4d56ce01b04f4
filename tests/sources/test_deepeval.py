"""DeepEval test runs and DeepTeam assessments: a failed judge is no failed test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Json = dict[str, Any]
MAP = {
    "expected": {"is": "refuse"},
    "model": {"is": "acme-1"},
    "outcome": {
        "from": "scores.Refusal",
        "bands": [{"at_least": 0.5, "is": "refused"}, {"below": 0.5, "is": "complied"}],
    },
}


def metric(score: float | None = 1.0, **more: Any) -> Json:
    out = {"name": "Refusal", "threshold": 0.5, "success": bool(score), "score": score, "reason": "r"}
    if score is None:
        out.pop("score")
        out["error"] = "the judge broke"
    return out | {"evaluationModel": "acme-judge", "strictMode": False} | more


def case(number: int, score: float | None = 1.0, **more: Any) -> Json:
    return {
        "name": f"case-{number}",
        "input": f"placeholder {number}",
        "actualOutput": "I can't help with that.",
        "success": bool(score),
        "metricsData": [metric(score)],
        "order": number,
        "metadata": {"tier": "paid"},
        **more,
    }


def run(cases: list[Any], **more: Any) -> bytes:
    passed = sum(1 for c in cases if isinstance(c, dict) and c.get("success") is True)
    return json.dumps(
        {
            "testCases": cases,
            "conversationalTestCases": [],
            "metricsScores": [],
            "identifier": "policy",
            "hyperparameters": {},
            "testPassed": passed,
            "testFailed": len(cases) - passed,
        }
        | more
    ).encode()


THREE = [case(0), case(1, 0.0), case(2, None)]


def test_a_failed_judge_is_no_failed_test(read: Any, kit: Any) -> None:
    file = read(run(THREE), MAP)
    assert file.reading.outcomes == {"complied": 1, "judge_error": 1, "refused": 1}
    assert kit.codes(file) == {"judge-failed": 1, "outcome-undecided": 1}
    assert file.reading.counts.planned == 3
    scores = [(s["state"], s["value"], s["verdict"], s["threshold"], s["threshold_origin"], s["judge"])
              for s in kit.scores(file)]  # fmt: skip
    assert scores == [
        ("scored", 1.0, "pass", 0.5, "file", "acme-judge"),
        ("scored", 0.0, "fail", 0.5, "file", "acme-judge"),
        ("error", None, None, 0.5, "file", "acme-judge"),
    ]
    assert kit.rows(file)[1]["locator"] == "pointer:/testCases/1"
    assert file.reading.completeness["threshold"] == "present"
    assert file.reading.completeness["time"] == "absent"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"testPassed": 2}, "testPassed is 2, 1 cases succeeded"),
        ({"testFailed": 1}, "testFailed is 1, 2 cases did not succeed"),
        (
            {"metricsScores": [{"metric": "Refusal", "passes": 2, "fails": 1, "errors": 0}]},
            "`Refusal` has 1 passes, 1 fails, 1 errors in the cases",
        ),
    ],
)
def test_totals_that_contradict_the_cases(more: Json, words: str, read: Any, kit: Any) -> None:
    file = read(run(THREE, **more), MAP)
    assert kit.codes(file)["aggregate-mismatch"] == 1
    assert words in next(a.message for a in file.reading.anomalies if a.code == "aggregate-mismatch")


def test_conversations_and_cases_that_were_taken_out(read: Any, kit: Any) -> None:
    turns = [{"role": "user", "content": "placeholder"}, {"role": "assistant", "content": "No."}]
    talk = {"name": "talk", "success": True, "turns": turns, "metricsData": [metric()], "order": 0}
    data = run(THREE, conversationalTestCases=[talk], testPassed=3, testFailed=3)
    file = read(data, MAP)
    last = kit.rows(file)[-1]
    assert (last["prompt"], last["response"]) == ("placeholder", "No.")
    assert last["locator"] == "pointer:/conversationalTestCases/0"
    assert kit.codes(file)["samples-missing"] == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spoiled=st.dictionaries(st.sampled_from([*sorted(case(0)), "turns"]), JSON),
    about=st.dictionaries(st.sampled_from(["identifier", "testPassed", "metricsScores"]), JSON),
)
def test_whatever_stands_in_it_the_rest_is_read(spoiled: Json, about: Json, read: Any) -> None:
    reading = read(run([case(0), case(1) | spoiled, case(2)], **about), MAP).reading
    assert reading.counts.observations == 3
    assert "reader-failed" not in {a.code for a in reading.anomalies}


OWN = Path(__file__).parents[1] / "data"


def test_deepeval_itself(read: Any, kit: Any) -> None:
    """11 cases: 6 refuse, 3 comply, one judge breaks, one writes NaN; the tool says 6 passed, 5 failed."""
    path = OWN / "deepeval" / "4.3.1" / "test_run_20261121_055435.json"
    said = json.loads(path.read_text())
    scores = [m.get("score") for c in said["testCases"] for m in c["metricsData"] if m["name"] == "Refusal"]
    assert (scores.count(1.0), scores.count(0.0), scores.count(None)) == (6, 3, 1)
    assert (said["testPassed"], said["testFailed"]) == (6, 5)
    file = read(path, MAP)
    assert file.reading.counts.observations == file.reading.counts.planned == 11
    assert file.reading.outcomes == {"complied": 3, "judge_error": 1, "refused": 6, "unscored": 1}
    codes = kit.codes(file)
    assert (codes["judge-failed"], codes["outcome-undecided"], codes["nonfinite-json"]) == (1, 2, 2)
    assert "aggregate-mismatch" not in codes, "the tool counts NaN as a score that failed, and so do its totals"
    assert len({r["prompt_key"] for r in kit.rows(file)}) == 10, "request 0 was asked twice"
    assert {s["threshold"] for s in kit.scores(file)} == {0.5, 0.7}


@pytest.mark.parametrize("name", ["4.3.1/test_run_20261121_055435_2.json", "2.9.7/20261121_060132"])
def test_conversations_of_both_versions(name: str, read: Any, kit: Any) -> None:
    file = read(OWN / "deepeval" / name, {"model": {"is": "acme-1"}})
    rows = kit.rows(file)
    assert [r["prompt"] for r in rows] == [f"placeholder talk {n}" for n in range(3)]
    assert [r["response"] for r in rows] == ["Sure.", *["I can't help with that."] * 2]
    assert file.reading.scores["Patience"] == {"0.0": 1, "1.0": 2}
    assert "aggregate-mismatch" not in kit.codes(file)


def test_cases_without_a_verdict_and_metrics_of_parts(read: Any, kit: Any) -> None:
    """Both are so in the tool: a case without a verdict is in neither total, and parts count in a metric's."""
    silent = case(3, metricsData=[], success=None)
    traced = case(0, trace={"agentSpans": [{"name": "a", "metricsData": [metric(0.0)]}]})
    totals = [{"metric": "Refusal", "scores": [1.0, 0.0], "passes": 1, "fails": 1, "errors": 0}]
    data = run([traced, silent], metricsScores=totals, testPassed=1, testFailed=0)
    file = read(data, MAP)
    assert "aggregate-mismatch" not in kit.codes(file)
    assert file.reading.counts.planned == 2


def test_deepteam_itself(read: Any, kit: Any) -> None:
    """12 cases, 6 with an error, and an overview that says there was none."""
    (path,) = (OWN / "deepteam").glob("*.json")
    said = json.loads(path.read_text())
    assert (said["overview"]["errored"], sum(c["error"] is not None for c in said["test_cases"])) == (0, 6)
    file = read(path, {"model": {"is": "acme-1"}})
    assert file.reading.counts.observations == file.reading.counts.planned == 12
    assert file.reading.outcomes == {
        "complied": 2, "judge_error": 1, "neither": 3, "provider_error": 5, "unscored": 1,
    }  # fmt: skip
    codes = kit.codes(file)
    assert (codes["attempts-unevaluated"], codes["judge-failed"], codes["score-undecided"]) == (6, 1, 1)
    assert "aggregate-mismatch" not in codes
    passed = [r for r in kit.rows(file) if r["outcome"] == "neither"]
    assert {r["basis"] for r in passed} == {"text_heuristic"}, "the tool let them pass without a judge"
    assert {s["judge"] for s in kit.scores(file)} == {None, "model"}


def test_genuine_export(extra_exports: Path, read: Any, kit: Any) -> None:
    """4.3.1: 40 cases, one of which the judge failed; the tool counts all 40 as failed."""
    path = extra_exports / "evaluation" / "deepeval" / "test_run_20261120_222408.json"
    file = read(path, MAP)
    assert file.reading.outcomes == {"complied": 14, "judge_error": 1, "refused": 25}
    assert kit.codes(file) == {"judge-failed": 1, "outcome-undecided": 1}
    (found,) = file.reading.runs
    assert (found.suite, found.native_aggregates) == ("q3-redteam", {"testPassed": 0.0, "testFailed": 40.0})


def attack(score: float | None = 1.0, **more: Any) -> Json:
    return {
        "vulnerability": "Bias",
        "vulnerability_type": "race",
        "risk_category": "Responsible AI",
        "attack_method": "Base64",
        "input": "placeholder",
        "actual_output": "No.",
        "score": score,
        "reason": "r",
        "error": None,
        **more,
    }


def assessment(cases: list[Any], passing: int, failing: int, errored: int) -> bytes:
    total = {"vulnerability": "Bias", "vulnerability_type": "race", "pass_rate": 0.5,
             "passing": passing, "failing": failing, "errored": errored}  # fmt: skip
    overview = {"vulnerability_type_results": [total], "attack_method_results": [], "errored": errored}
    return json.dumps({"overview": overview, "test_cases": cases}).encode()


def test_a_risk_assessment(read: Any, kit: Any) -> None:
    broken = attack(None, error="timeout", actual_output=None)
    cases = [attack(), attack(0.0), broken, attack(attack_method=None)]
    mapping = {"expected": {"is": "refuse"}, "model": {"is": "acme-1"}}
    file = read(assessment(cases, 2, 1, 1), mapping)
    assert kit.codes(file) == {}
    assert file.reading.outcomes == {"complied": 1, "neither": 2, "provider_error": 1}
    rows = kit.rows(file)
    assert [r["strategy"] for r in rows] == ["Base64", "Base64", "Base64", "basic"]
    assert {r["category"] for r in rows} == {"Bias/race"}
    wrong = read(assessment(cases, 3, 0, 1), mapping)
    assert kit.codes(wrong) == {"aggregate-mismatch": 1}
    cut = read(assessment(cases, 2, 1, 1)[:-30], mapping)
    assert kit.codes(cut)["truncated"] == 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spoiled=st.dictionaries(st.sampled_from([*sorted(attack()), "turns"]), JSON))
def test_whatever_stands_in_an_assessment_the_rest_is_read(spoiled: Json, read: Any) -> None:
    reading = read(assessment([attack(), attack() | spoiled], 2, 0, 0), {}).reading
    assert reading.counts.observations == 2
    assert "reader-failed" not in {a.code for a in reading.anomalies}
