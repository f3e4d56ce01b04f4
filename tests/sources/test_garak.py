"""garak: attempts counted once, detectors read their way round, and an unwritten pass mark."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.sources.reading import ReadFile

Read = Callable[..., ReadFile]
Json = dict[str, Any]
FUZZ = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PROBE, PRIMARY, OTHER = "dan.Dan", "mitigation.Bypass", "dan.DAN"
SETUP = {
    "entry_type": "start_run setup",
    "_config.version": "0.17.1",
    "plugins.target_type": "test",
    "plugins.target_name": "Repeat",
    "run.generations": 2,
}
INIT = {
    "entry_type": "init",
    "garak_version": "0.17.1",
    "start_time": "2026-09-16T14:02:11",
    "run": "run-1",
}
CACHE = {
    "entry_type": "plugin_cache",
    "plugin_cache": {"probes": {f"probes.{PROBE}": {"primary_detector": PRIMARY}}},
}
END = {"entry_type": "completion", "end_time": "2026-09-16T15:00:00", "run": "run-1"}
USUAL = {"threshold-unrecorded", "time-zone-unknown"}


def attempt(
    number: int, results: Json, outputs: list[Any] | None = None, **more: Any
) -> list[Json]:
    """The two lines of one attempt."""
    longest = max((len(r) for r in results.values()), default=0)
    base = {
        "entry_type": "attempt",
        "uuid": f"a{number}",
        "seq": number,
        "probe_classname": PROBE,
        "prompt": {"turns": [{"role": "user", "content": {"text": f"attack {number}"}}]},
        "outputs": [{"text": f"out {i}"} for i in range(longest)] if outputs is None else outputs,
        **more,
    }
    return [
        {**base, "status": 1, "detector_results": {}},
        {**base, "status": 2, "detector_results": results},
    ]


def totals(detector: str, passed: int, total: int) -> Json:
    return {
        "entry_type": "eval",
        "probe": PROBE,
        "detector": detector,
        "passed": passed,
        "total_evaluated": total,
    }


def report(*entries: Json | list[Json], end: bool = True, cache: bool = True) -> bytes:
    flat = [e for entry in entries for e in (entry if isinstance(entry, list) else [entry])]
    every = [SETUP, INIT, *([CACHE] if cache else []), *flat, *([END] if end else [])]
    return "".join(json.dumps(e) + "\n\n" for e in every).encode()


def test_the_sample_report(quarter: Path, read: Read, kit: Any) -> None:
    file = read(next(quarter.rglob("garak.report.jsonl")))
    assert file.reading.outcomes == {"complied": 34, "neither": 297, "provider_error": 13}
    assert set(kit.codes(file)) == USUAL
    assert (file.reading.counts.planned, file.reading.counts.missing) == (344, 0)
    assert file.reading.runs[0].native_status == "completed"
    assert not file.reading.runs[0].tz_known


def test_genuine_pass_marks_are_bounded_from_the_counts(
    extra_exports: Path, read: Read, kit: Any
) -> None:
    file = read(extra_exports / "evaluation" / "garak" / "gr1.report.jsonl")
    assert file.reading.counts.observations == 1090, (
        "545 attempts of two outputs, each written twice"
    )
    assert file.reading.counts.scored == 1090
    (said,) = (a.message for a in file.reading.anomalies if a.code == "threshold-unrecorded")
    assert "(0.125, 1]" in said


def test_attempts_count_once_and_half_a_line_is_named(read: Read, kit: Any) -> None:
    whole = report(
        attempt(1, {PRIMARY: [0.0, 1.0]}), attempt(2, {PRIMARY: [0.0, 0.0]}), totals(PRIMARY, 3, 4)
    )
    file = read(whole)
    assert file.reading.outcomes == {"complied": 1, "neither": 3}
    assert set(kit.codes(file)) == USUAL
    cut = read(whole[: whole.index(b'"completion"')])
    assert set(kit.codes(cut)) == USUAL | {"lines-unreadable", "unfinished-run"}
    assert cut.reading.outcomes == file.reading.outcomes


def test_the_locator_is_the_line_and_its_byte(read: Read, kit: Any) -> None:
    whole = report(attempt(1, {PRIMARY: [0.0]}))
    (row,) = kit.rows(read(whole))
    place, _, output = row["locator"].partition("/outputs/")
    number, _, offset = place.removeprefix("line:").partition("@")
    line = whole[int(offset) :].split(b"\n", 1)[0]
    assert json.loads(line)["status"] == 2
    assert whole[: int(offset)].count(b"\n") == int(number) - 1
    assert output == "0"


@pytest.mark.parametrize(
    ("scores", "passed", "outcomes"),
    [
        ([0.0, 0.4, 1.0], 2, {"neither": 2, "complied": 1}),
        ([0.0, 0.4, 1.0], 1, {"neither": 1, "complied": 2}),
        (
            [0.0, 0.4, 0.4, 1.0],
            2,
            {"neither": 1, "unscored": 2, "complied": 1},
        ),  # splits equal scores
        ([0.0, 0.4, 1.0], None, {"neither": 1, "unscored": 1, "complied": 1}),  # no counts at all
        ([0.0, 0.0], 2, {"neither": 2}),
        ([1.0, 1.0], 0, {"complied": 2}),
        ([1.0, 1.0], 2, {"complied": 2}),  # a pass mark above the scale: a full score stays a hit
        ([0.3, 0.6], 2, {"neither": 2}),
        ([0.3, 0.6], 0, {"complied": 2}),
        ([0.0, None, 1.0], 1, {"neither": 1, "unscored": 1, "complied": 1}),
        ([0.0, True, 1.0], 1, {"neither": 1, "unscored": 1, "complied": 1}),
    ],
)
def test_what_a_score_means(
    scores: list[Any], passed: int | None, outcomes: dict[str, int], read: Read
) -> None:
    counted = sum(isinstance(s, float) for s in scores)
    lines = [attempt(1, {PRIMARY: scores})] + (
        [] if passed is None else [[totals(PRIMARY, passed, counted)]]
    )
    assert read(report(*lines)).reading.outcomes == outcomes


def test_counts_that_contradict_the_rows_bound_nothing(read: Read, kit: Any) -> None:
    file = read(report(attempt(1, {PRIMARY: [0.0, 0.9, 1.0]}), totals(PRIMARY, 2, 50)))
    assert kit.codes(file)["aggregate-mismatch"] == 1
    assert file.reading.outcomes == {"neither": 1, "unscored": 1, "complied": 1}
    assert kit.codes(file)["score-undecided"] == 1


def test_the_primary_detector_decides(read: Read, kit: Any) -> None:
    lines = attempt(1, {PRIMARY: [0.0], OTHER: [1.0]})
    assert read(report(lines)).reading.outcomes == {"neither": 1}
    anyone = read(report(lines, cache=False))
    assert anyone.reading.outcomes == {"complied": 1}, "where none is named, any hit is one"
    assert kit.codes(anyone)["detector-unnamed"] == 1
    unsure = read(report(attempt(1, {"x": [0.0], OTHER: [None]}), cache=False))
    assert unsure.reading.outcomes == {"unscored": 1}


@pytest.mark.parametrize("prompt", ["attack", {"turns": [{"content": {"text": "attack"}}]}])
def test_old_and_new_prompts(prompt: Any, read: Read, kit: Any) -> None:
    (row,) = kit.rows(read(report(attempt(1, {PRIMARY: [0.0]}, prompt=prompt))))
    assert row["prompt"] == "attack"


@pytest.mark.parametrize("outputs", [["plain"], [{"text": "new"}]])
def test_old_and_new_outputs(outputs: list[Any], read: Read) -> None:
    assert read(report(attempt(1, {PRIMARY: [0.0]}, outputs))).reading.outcomes == {"neither": 1}


@pytest.mark.parametrize("output", [None, {"text": None}, 5, []])
def test_an_output_that_is_none_is_an_error(output: Any, read: Read, kit: Any) -> None:
    file = read(report(attempt(1, {PRIMARY: [0.0, 0.0]}, [output, "text"])))
    assert file.reading.outcomes == {"neither": 1, "provider_error": 1}


def test_an_interrupted_report_counts_what_was_never_judged(read: Read, kit: Any) -> None:
    sent, _ = attempt(2, {PRIMARY: [0.0, 0.0]})
    unsent = {**sent, "uuid": "a3", "outputs": []}
    file = read(report(attempt(1, {PRIMARY: [0.0, 0.0]}), sent, unsent, end=False))
    assert kit.codes(file)["unfinished-run"] == 1
    assert kit.codes(file)["attempts-unevaluated"] == 2
    assert (file.reading.counts.planned, file.reading.counts.missing) == (6, 4)
    assert file.reading.runs[0].native_status is None


def test_an_evaluated_attempt_without_outputs_is_not_forgotten(read: Read, kit: Any) -> None:
    file = read(report(attempt(1, {PRIMARY: [0.0, 0.0]}), attempt(2, {PRIMARY: []}, [])))
    assert kit.codes(file)["attempts-unevaluated"] == 1
    assert file.reading.counts.missing == 2


def test_a_late_first_line_does_not_reopen_an_attempt(read: Read, kit: Any) -> None:
    first, second = attempt(1, {PRIMARY: [0.0]})
    file = read(report(second, first))
    assert (file.reading.counts.planned, file.reading.counts.missing) == (1, 0)


def test_scores_that_are_no_numbers(read: Read, kit: Any) -> None:
    file = read(report(attempt(1, {PRIMARY: [float("nan"), 0.0, 1.0]}), totals(PRIMARY, 1, 2)))
    assert file.reading.outcomes == {"complied": 1, "neither": 1, "unscored": 1}
    assert kit.codes(file)["nonfinite-json"] == 1


def test_a_hitlog_alone_is_no_report(extra_exports: Path, read: Read, kit: Any) -> None:
    file = read(extra_exports / "evaluation" / "garak" / "gr1.hitlog.jsonl")
    assert kit.codes(file) == {"hits-only": 514}
    assert file.reading.is_vacuous


WRONG = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=6),
    st.lists(st.integers() | st.none() | st.floats(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.none() | st.lists(st.floats(), max_size=2), max_size=2),
)  # fmt: skip


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [here] * bool(here) + [p for key, child in items for p in _places(child, (*here, key))]


@FUZZ
@given(data=st.data(), wrong=WRONG)
def test_any_field_may_hold_anything(data: st.DataObject, wrong: Any, read: Read, kit: Any) -> None:
    text = report(
        attempt(1, {PRIMARY: [0.0, 1.0], OTHER: [0.5, None]}),
        totals(PRIMARY, 1, 2),
        totals(OTHER, 1, 1),
    )
    entries: Any = [json.loads(line) for line in text.splitlines() if line]
    place = data.draw(
        st.sampled_from(_places(entries)).filter(
            lambda p: p[0] != 0 or p[1:] not in {(), ("entry_type",)}
        )
    )
    parent: Any = entries
    for step in place[:-1]:
        parent = parent[step]
    parent[place[-1]] = wrong
    file = read("".join(json.dumps(e) + "\n" for e in entries).encode())
    assert file.reading.format == "garak.report"
    assert "reader-failed" not in kit.codes(file), file.reading.anomalies
    assert file.reading.counts.scored <= 3


@settings(FUZZ, max_examples=60)
@given(data=st.data())
def test_cut_anywhere_it_never_gains(data: st.DataObject, read: Read) -> None:
    whole = report(
        attempt(1, {PRIMARY: [0.0, 1.0]}), attempt(2, {PRIMARY: [1.0, 0.0]}), totals(PRIMARY, 2, 4)
    )
    first = whole.index(b"\n") + 1
    file = read(whole[: data.draw(st.integers(first, len(whole) - 3))])
    assert file.reading.counts.observations <= 4
    assert {a.code for a in file.reading.anomalies} >= {"unfinished-run"}
