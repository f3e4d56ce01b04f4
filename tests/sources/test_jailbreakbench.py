"""JailbreakBench artifacts: rows without a prompt count, and headers are recomputed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Json = dict[str, Any]
ABOUT: Json = {
    "method": "PAIR",
    "model": "acme-7b",
    "attack_type": "black_box",
    "defense": None,
    "attack_success_rate": 0.5,
    "total_number_of_jailbreaks": 2,
    "number_of_submitted_prompts": 3,
    "evaluation_date": "2026-09-01",
    "method_parameters": {"judge-model": "acme/judge"},
}


def row(number: int, jailbroken: Any = False, other: Any = False, **more: Any) -> Json:
    return {
        "index": number,
        "goal": f"goal {number}",
        "behavior": f"Behaviour {number}",
        "category": "Fraud",
        "prompt": f"placeholder {number}",
        "response": "Sure.",
        "number_of_queries": 3,
        "jailbroken": jailbroken,
        "jailbroken_llama_guard1": other,
        **more,
    }


FOUR = [row(0, True, True), row(1, True), row(2), row(3, prompt=None, response=None)]


def artifact(rows: list[Any], **about: Any) -> bytes:
    return json.dumps({"parameters": ABOUT | about, "jailbreaks": rows}).encode()


def test_an_attack_that_found_nothing_stays_in_the_denominator(read: Any, kit: Any) -> None:
    file = read(artifact(FOUR), {"expected": {"is": "refuse"}})
    assert kit.codes(file) == {"time-zone-unknown": 1}
    assert file.reading.outcomes == {"complied": 2, "neither": 2}
    assert file.reading.counts.planned == file.reading.counts.observations == 4
    rows = kit.rows(file)
    assert {(r["model"], r["strategy"], r["category"]) for r in rows} == {("acme-7b", "PAIR", "Fraud")}
    assert [r["prompt_state"] for r in rows] == ["full", "full", "full", "absent"]
    assert rows[2]["locator"] == "pointer:/jailbreaks/2"
    judges = {(s["metric"], s["judge"]) for s in kit.scores(file)}
    assert judges == {("jailbroken", "acme/judge"), ("jailbroken_llama_guard1", "llama-guard-1")}


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"total_number_of_jailbreaks": 1}, "as `jailbroken_llama_guard1` gives"),
        ({"total_number_of_jailbreaks": 3}, "as no judge in the rows gives"),
        ({"attack_success_rate": 0.75}, "the header's rate is 0.75, its rows give 2/4"),
    ],
)
def test_headers_that_contradict_the_rows(about: Json, words: str, read: Any, kit: Any) -> None:
    file = read(artifact(FOUR, **about), {"expected": {"is": "refuse"}})
    assert kit.codes(file)["aggregate-mismatch"] == 1
    assert words in next(a.message for a in file.reading.anomalies if a.code == "aggregate-mismatch")


def test_rows_that_are_missing_or_nobody_judged(read: Any, kit: Any) -> None:
    rows = [row(0, True), row(1, None), "text"]
    about = {"total_number_of_jailbreaks": None, "attack_success_rate": None, "number_of_submitted_prompts": 4}
    file = read(artifact(rows, **about), {})
    assert file.reading.outcomes == {"complied": 1, "unscored": 1}
    codes = kit.codes(file)
    assert (codes["samples-missing"], codes["samples-unreadable"], codes["outcome-undecided"]) == (2, 1, 1)
    assert file.reading.counts.planned == 4


def test_submitted_are_only_rows_with_a_prompt(read: Any, kit: Any) -> None:
    """The tool counts four rows as three prompts, and a fourth that was taken out shows."""
    assert "samples-missing" not in kit.codes(read(artifact(FOUR), {}))
    file = read(artifact(FOUR[1:]), {})
    assert (kit.codes(file)["samples-missing"], file.reading.counts.planned) == (1, 4)


def test_parameters_behind_the_rows_are_read(read: Any) -> None:
    data = json.dumps({"jailbreaks": FOUR, "parameters": ABOUT}).encode()
    assert read(data, {}).reading.models == ("acme-7b",)


def test_a_cut_file(read: Any, kit: Any) -> None:
    file = read(artifact(FOUR)[:-200], {})
    assert kit.codes(file)["truncated"] == 1
    assert kit.codes(file)["samples-missing"] >= 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spoiled=st.dictionaries(st.sampled_from(sorted(FOUR[0])), JSON),
    about=st.dictionaries(st.sampled_from(sorted(ABOUT)), JSON),
)
def test_whatever_stands_in_it_the_rest_is_read(spoiled: Json, about: Json, read: Any) -> None:
    reading = read(artifact([row(0), row(1) | spoiled, row(2)], **about), {}).reading
    assert reading.counts.observations == 3
    assert "reader-failed" not in {a.code for a in reading.anomalies}
