"""Genuine logs of several Inspect versions, with numbers read off the files by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditgen.sources.reading import ReadFile

Read = Callable[..., ReadFile]
DATA = Path(__file__).resolve().parent.parent / "data" / "inspect"
REFUSED = {
    "outcome": [
        {"from": "scores.verdict.refused", "values": {"1": "refused", "0": "complied"}, "basis": "judge"}
    ]
}
GRADED = {
    "outcome": [
        {"from": "scores.model_graded_qa", "values": {"C": "refused", "I": "complied"}, "basis": "judge"}
    ]
}
VERSIONS = ["0.3.43", "0.3.180", "0.3.206", "0.3.285"]


@pytest.mark.parametrize("version", VERSIONS)
def test_one_task_in_four_versions(version: str, read: Read, kit: Any) -> None:
    file = read(DATA / f"policy-{version}.eval", REFUSED)
    reading = file.reading
    assert reading.tool_version == version
    assert (reading.counts.planned, reading.counts.observations, reading.counts.errored) == (6, 6, 0)
    assert reading.outcomes == {"blocked_output": 1, "complied": 2, "refused": 3}
    assert {(r["sample_id"], r["epoch"]) for r in kit.rows(file)} == {
        (name, epoch) for name in ("p0", "p1", "p2") for epoch in (1, 2)
    }
    assert reading.runs[0].suite_version == "3"
    assert set(kit.codes(file)) - {"nonfinite-json"} == {"judge-failed"}
    assert kit.codes(file)["judge-failed"] == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unreadable_verdict_is_no_grade_even_where_it_was_written_as_one(
    version: str, read: Read, kit: Any
) -> None:
    file = read(DATA / f"policy-{version}.eval", GRADED)
    (failed,) = (s for s in kit.scores(file) if s["scorer"] == "model_graded_qa" and s["value"] is None)
    assert failed["raw"] == ("NaN" if version == "0.3.285" else "I")
    assert failed["state"] == "unscored"
    # one is I, four are C, of which the content filter cut one off; the sixth nobody knows
    assert file.reading.outcomes == {"blocked_output": 1, "complied": 1, "refused": 3, "unscored": 1}


@pytest.mark.parametrize("version", VERSIONS)
def test_who_graded(version: str, read: Read, kit: Any) -> None:
    file = read(DATA / f"policy-{version}.eval", REFUSED)
    judges = {(s["scorer"], s["judge"]) for s in kit.scores(file)}
    grader = "grader" if version == "0.3.43" else "mockllm/grader"  # so it is written there
    assert judges == {("includes", None), ("verdict", None), ("model_graded_qa", grader)}


@pytest.mark.parametrize("version", VERSIONS)
def test_long_inputs_are_read_from_where_they_were_put(version: str, read: Read, kit: Any) -> None:
    rows = kit.rows(read(DATA / f"policy-{version}.eval", REFUSED))
    prompts = {row["sample_id"]: row["prompt"] for row in rows}
    assert prompts["p0"] == "Placeholder request 0"
    assert prompts["p2"] == "Placeholder paragraph. " * 8 + " 2"
    assert {row["response"] for row in rows} == {
        "I cannot help with that.", "Here is placeholder text.", "Placeholder answer.",
    }  # fmt: skip


def test_a_run_without_an_evaluation_id_is_known_by_its_run_and_task(read: Read) -> None:
    (run,) = read(DATA / "policy-0.3.43.eval", REFUSED).reading.runs
    assert run.native_id is not None
    assert run.run_key.startswith(f"{run.native_id}/")


def test_plain_json_of_the_newest(read: Read, kit: Any) -> None:
    file = read(DATA / "policy-0.3.285.json", REFUSED)
    assert file.reading.format == "inspect.json"
    assert file.reading.outcomes == {"complied": 1, "refused": 1}
    assert kit.codes(file) == {}
    assert [row["locator"] for row in kit.rows(file)] == ["pointer:/samples/0", "pointer:/samples/1"]


def test_a_score_edited_with_inspects_own_function(read: Read, kit: Any) -> None:
    file = read(DATA / "edited.eval", REFUSED)
    assert kit.codes(file)["score-edited"] == 1
    assert "aggregate-mismatch" not in kit.codes(file), "the edit recomputed the header"
    (edited,) = (s for s in kit.scores(file) if s["state"] == "edited")
    history = json.loads(edited["history"])
    assert (edited["scorer"], edited["raw"]) == ("includes", "C")
    assert [entry["value"] for entry in history] == ["I", "C"]
    assert history[1]["provenance"]["reason"] == "regraded by hand"


def test_a_sample_invalidated_with_inspects_own_function(read: Read, kit: Any) -> None:
    file = read(DATA / "invalidated.eval", REFUSED)
    assert kit.codes(file)["run-invalidated"] == 1
    (row,) = (r for r in kit.rows(file) if r["sample_id"] == "p2" and r["epoch"] == 1)
    assert (row["outcome"], row["basis"]) == ("unscored", "none")


def test_a_sample_in_many_members(read: Read, kit: Any) -> None:
    file = read(DATA / "chunked.eval", {**REFUSED, "cohort": {"from": "metadata.tier"}})
    assert file.reading.outcomes == {"complied": 1, "refused": 1}
    assert kit.codes(file) == {}
    rows = sorted(kit.rows(file), key=lambda row: row["sample_id"])
    assert [(r["sample_id"], r["cohort"], r["prompt"]) for r in rows] == [
        ("p0", "paid", "Placeholder request 0"), ("p1", "free", "Placeholder request 1"),
    ]  # fmt: skip
    assert rows[0]["locator"].startswith("member:samples/p0_epoch_1/sample.json#crc32=")


@pytest.mark.parametrize("version", ["0.3.100", "0.3.285"])
def test_a_run_whose_process_was_ended(version: str, read: Read, kit: Any) -> None:
    file = read(DATA / f"stopped-{version}.eval", {"outcome": [{"from": "scores.includes", "values": {"C": "refused"}, "basis": "judge"}]})
    assert file.reading.outcomes == {"refused": 3}
    assert kit.codes(file) == {"header-missing": 1, "unfinished-run": 1, "samples-missing": 3}
    assert file.reading.counts.missing == 3
    assert file.reading.models == ("mockllm/model",)


def test_petri_names_target_judge_and_every_dimension(extra_exports: Path, read: Read, kit: Any) -> None:
    (path,) = (extra_exports / "evaluation" / "petri").glob("*.eval")
    file = read(path)
    assert file.reading.models == ("mockllm/target",)
    assert file.reading.runs[0].model_origin == "eval.model_roles.target.model"
    scores = kit.scores(file)
    assert len(scores) == 6 * 38
    assert {s["judge"] for s in scores} == {"mockllm/judge"}
    assert {"audit_judge.scenario_realism", "audit_judge.auditor_failure"} <= {s["metric"] for s in scores}
    assert {s["value"] for s in scores} <= {float(n) for n in range(1, 11)}
    (first,) = (row for row in kit.rows(file) if row["sample_id"] == "1")
    assert first["prompt"].startswith("[system] You are a finance assistant (free tier).\n\n[user] Placeholder probe")
    assert "Placeholder seed" not in first["prompt"], "the seed was told to the auditor, not to the target"
    assert first["response"] == "Sure, placeholder."
    codes = set(kit.codes(file))
    assert not codes & {"aggregate-mismatch", "grader-missing", "mixed-models", "judge-failed"}


def test_genuine_logs_do_not_contradict_themselves(extra_exports: Path, read: Read, kit: Any) -> None:
    paths = [
        path
        for folder in ("inspect", "inspect-0.3.100", "petri")
        for path in sorted((extra_exports / "evaluation" / folder).iterdir())
    ]
    assert len(paths) >= 7
    for path in paths:
        assert "aggregate-mismatch" not in kit.codes(read(path)), path.name


def test_logs_of_the_sample_quarter_do_not_contradict_themselves(quarter: Path, read: Read, kit: Any) -> None:
    paths = [*quarter.rglob("*.eval"), *quarter.rglob("*watch-cue*.json")]
    assert len(paths) >= 4
    for path in paths:
        codes = kit.codes(read(path))
        assert not set(codes) & {"aggregate-mismatch", "samples-missing", "mixed-models"}, path.name
