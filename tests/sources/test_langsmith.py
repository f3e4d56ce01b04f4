"""LangSmith: runs as its SDK describes them, each call once, with feedback from the left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditgen.evidence.store import EvidenceStore
from auditgen.sources.reading import read_file
from auditgen.sources.suites import SuiteLibrary

DATA = Path(__file__).parents[1] / "data" / "langsmith"
Json = dict[str, Any]


def run(**more: Any) -> Json:
    return {
        "id": "r", "run_type": "llm", "start_time": "2026-09-01T10:00:00", "end_time": "2026-09-01T10:00:01", "trace_id": "t",
        "dotted_order": "x", "status": "success", "inputs": {}, "outputs": {}, **more,
    }  # fmt: skip


def lines(*runs: Json) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in runs)


@pytest.mark.parametrize("name", ["runs.jsonl", "runs.parquet"])
def test_each_call_counts_once(read: Any, kit: Any, name: str) -> None:
    """Nine runs: a chain, a tool, an inner run of a call, and six calls."""
    file = read(DATA / name, {"cohort": {"from": "extra.metadata.tier"}})
    assert file.reading.outcomes == {"blocked_input": 1, "provider_error": 1, "refused": 1, "truncated": 1, "unscored": 2}
    assert [r["cohort"] for r in kit.rows(file)].count("paid") == 1
    assert file.reading.models == ("acme-1",)
    assert {r["zone_written"] for r in kit.rows(file)} == {True}
    assert kit.codes(file)["export-unfinished"] == 1, "one call was still running"


def test_an_inner_call_before_its_outer_one(read: Any) -> None:
    inner, outer = run(id="b", parent_run_id="a"), run(id="a")
    assert read(lines(inner, outer)).reading.counts.observations == 1


def test_feedback_joins_and_orphans_count(registry: Any, kit: Any, tmp_path: Path) -> None:
    file = read_file(
        DATA / "runs.jsonl", name="runs.jsonl", source_id="s", mapping=None, store=EvidenceStore(tmp_path),
        registry=registry, suites=SuiteLibrary.load(), available=[DATA / "feedback.jsonl", DATA / "runs.jsonl"],
    )  # fmt: skip
    assert {(s["metric"], s["raw"], s["judge"]) for s in kit.scores(file)} == {("refused", "0", "human"), ("tone", "curt", "model")}
    assert kit.codes(file)["annotations-orphaned"] == 1


def test_feedback_alone(read: Any, kit: Any) -> None:
    file = read(DATA / "feedback.jsonl")
    assert (file.reading.role, kit.codes(file)) == ("companion", {"annotations-orphaned": 3})


def test_refusals_in_every_shape_of_an_output(read: Any) -> None:
    message = {"content": "", "additional_kwargs": {"refusal": "No."}}
    for outputs in (
        {"generations": [[{"text": "", "message": {"lc": 1, "kwargs": message}}]]},
        {"choices": [{"message": {"content": None, "refusal": "No."}}]},
        {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]},
        json.dumps({"choices": [{"message": {"content": None, "refusal": "No."}}]}),
    ):
        assert read(lines(run(outputs=outputs))).reading.outcomes == {"refused": 1}, outputs


def test_a_status_nobody_knows(read: Any, kit: Any) -> None:
    outputs = {"choices": [{"finish_reason": "length", "message": {"content": "x"}}]}
    file = read(lines(run(status="paused", outputs=outputs)))
    assert (file.reading.outcomes, kit.codes(file)["value-unknown"]) == ({"unscored": 1}, 1)
