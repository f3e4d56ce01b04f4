"""Azure OpenAI: filter annotations, stopped prompts, streams, messages in pieces."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[1] / "data" / "azure_openai"
Json = dict[str, Any]
SAFE: Json = {"hate": {"filtered": False, "severity": "safe"}}


def reply(**more: Any) -> Json:
    return {
        "id": "c-1", "created": 1788256800, "model": "gpt-4o", "prompt_filter_results": [{"content_filter_results": SAFE}],
        "choices": [{"finish_reason": "stop", "message": {"content": "y"}, "content_filter_results": SAFE}], **more,
    }  # fmt: skip


def lines(*records: Json) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in records)


def only(kit: Any, file: Any) -> Json:
    (row,) = kit.rows(file)
    return dict(row)


def test_bare_replies(read: Any, kit: Any) -> None:
    file = read(DATA / "replies.jsonl")
    assert file.reading.outcomes == {
        "blocked_input": 1, "blocked_output": 1, "guardrail_error": 1, "refused": 1, "unscored": 4,
    }  # fmt: skip
    assert kit.codes(file) == {
        "outcome-undecided": 4, "undated-rows": 1, "content-not-captured": 1, "guardrail-errors": 1,
    }  # fmt: skip
    rows = {row["sample_id"]: row for row in kit.rows(file)}
    found = rows["chatcmpl-01"]
    assert (found["guardrail_verdict"], found["guardrail_action"]) == ("flag", "pass"), "detected is not filtered"
    assert rows["chatcmpl-06"]["response"] == "Fine.", "four chunks, the first without id and choices"
    assert rows["chatcmpl-04"]["outcome"] == "unscored", "`choices` is null"
    assert rows[""]["observed_at"] is None, "an error body has neither id nor time"


def test_records_around_the_replies(read: Any, kit: Any) -> None:
    file = read(DATA / "wrapped.jsonl", {"cohort": {"from": "tier"}})
    assert file.reading.outcomes == {"blocked_input": 1, "provider_error": 1, "unscored": 2}
    assert [(r["cohort"], r["transport"]) for r in kit.rows(file)] == [
        ("free", "served"), ("free", "blocked"), ("paid", "failed"), ("paid", "served"),
    ]  # fmt: skip
    assert kit.rows(file)[0]["observed_at"].isoformat() == "2026-09-01T10:00:00+00:00"


@pytest.mark.parametrize("key", ["content_filter_result", "content_filter_results"])
@pytest.mark.parametrize("prompts", ["prompt_filter_results", "prompt_annotations"])
def test_names_in_singular_and_plural(read: Any, kit: Any, key: str, prompts: str) -> None:
    body = reply()
    del body["prompt_filter_results"]
    body[prompts] = [{key: {"jailbreak": {"detected": True, "filtered": True}}}]
    row = only(kit, read(lines(body)))
    assert (row["outcome"], row["guardrail_verdict"]) == ("blocked_input", "deny")


def test_a_refusal_in_a_reply_written_as_text(read: Any, kit: Any) -> None:
    body = reply(choices=[{"finish_reason": "stop", "message": {"content": None, "refusal": "No."}}])
    for written in (body, json.dumps(body)):
        wrapped = {"time": "2026-09-01T10:00:00Z", "request": {}, "response": written}
        assert only(kit, read(lines(wrapped)))["outcome"] == "refused"


def test_filters_of_the_responses_api(read: Any, kit: Any) -> None:
    body = {
        "id": "resp-1", "status": "completed", "output": [{"type": "message", "content": [{"type": "output_text", "text": "x"}]}],
        "content_filters": [{"blocked": True, "source_type": "completion", "content_filter_results": SAFE}],
    }  # fmt: skip
    assert only(kit, read(lines(body)))["outcome"] == "blocked_output"


def test_times_without_a_zone(read: Any, kit: Any) -> None:
    wrapped = {"time": "2026-09-01 10:00:00", "response": reply()}
    assert kit.codes(read(lines(wrapped)))["time-zone-unknown"] == 1
    row = only(kit, read(lines(wrapped), {"time_zone": "Europe/Paris"}))
    assert (row["observed_at"].hour, row["zone_written"]) == (8, True)


def test_severities_have_no_scale_and_so_no_verdict(read: Any, kit: Any) -> None:
    file = read(DATA / "content_safety.jsonl")
    assert kit.codes(file) == {"units-uncertain": 2, "outcome-undecided": 2}
    assert {row["guardrail_verdict"] for row in kit.rows(file)} == {None}
    values = [(score["metric"], score["value"], score["threshold"]) for score in kit.scores(file)]
    assert values == [("Hate", 0.0, None), ("Violence", 0.0, None), ("Hate", 4.0, None), ("Violence", 0.0, None)]


def test_an_exchange_is_put_together_before_it_counts(read: Any, kit: Any) -> None:
    """Eight rows, three exchanges: one cut inside its JSON, one interleaved, one with a piece missing."""
    file = read(DATA / "gateway_llm_log.csv")
    rows = {row["sample_id"]: row for row in kit.rows(file)}
    assert {name: row["outcome"] for name, row in rows.items()} == {"c-1": "unscored", "c-2": "refused", "c-3": "unscored"}
    assert (rows["c-1"]["prompt"], rows["c-1"]["response"]) == ("placeholder " + "x" * 50, "Fine.")
    assert {row["model"] for row in rows.values()} == {"gpt-4o"}
    assert kit.codes(file)["numbering-gaps"] == 1


def test_pieces_in_any_order_twice_and_without_a_key(read: Any, kit: Any) -> None:
    def table(rows: list[list[Any]]) -> bytes:
        out = io.StringIO()
        names = ["TimeGenerated", "CorrelationId", "SequenceNumber", "RequestMessages", "ResponseMessages"]
        csv.writer(out).writerows([names, *rows])
        return out.getvalue().encode()

    at = "2026-09-01T10:00:00Z"
    said = [[at, "c", n, "", json.dumps([{"role": "assistant", "content": text}])] for n, text in enumerate("abc")]
    assert only(kit, read(table(said[::-1])))["response"] == "abc"
    twice = read(table([*said, said[1]]))
    assert only(kit, twice)["response"] == "abc"
    assert kit.codes(twice)["duplicate-rows"] == 1
    assert kit.codes(read(table([*said, [at, "", 0, "", ""]])))["lines-unreadable"] == 1


def test_other_tools_responses_are_not_claimed(read: Any) -> None:
    turns = {"response": [{"role": "assistant", "content": "x"}], "log": {}, "time": "2026-09-01T10:00:00Z"}
    assert not read(lines(turns, turns)).reading.format.startswith("azure")
    chunks = [{"id": "c", "choices": [{"delta": {"content": "x"}, "content_filter_results": SAFE}]}]
    assert read(lines({"time": "2026-09-01T10:00:00Z", "response": chunks})).reading.format == "azure.openai/jsonl"
