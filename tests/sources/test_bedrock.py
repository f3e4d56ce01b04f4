"""Amazon Bedrock: replies that its own model allows, in three forms, with three spellings of one action."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[1] / "data" / "bedrock"
Json = dict[str, Any]


def record(body: Any = None, **more: Any) -> Json:
    output = {} if body is None else {"outputBodyJson": body}
    return {
        "schemaType": "ModelInvocationLog", "timestamp": "2026-09-01T10:00:00Z", "requestId": "r", "operation": "Converse",
        "modelId": "acme", "requestMetadata": {"tier": "free"}, "input": {}, "output": output, **more,
    }  # fmt: skip


def lines(*records: Json) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in records)


def only(kit: Any, file: Any) -> Json:
    (row,) = kit.rows(file)
    return dict(row)


def test_a_log_of_thirteen_invocations(read: Any, kit: Any) -> None:
    file = read(DATA / "invocations.json.gz", {"cohort": {"from": "requestMetadata.tier"}})
    assert file.reading.outcomes == {
        "blocked_input": 2, "blocked_output": 2, "modified": 1, "provider_error": 1, "refused": 1, "truncated": 1,
        "unscored": 4,
    }  # fmt: skip
    rows = {row["sample_id"]: row for row in kit.rows(file)}
    assert "req-11" not in rows, "an embedding is no call that answers in words"
    assert rows["req-01"]["cohort"] == "paid"
    assert (rows["req-04"]["guardrail_verdict"], rows["req-04"]["guardrail_action"]) == ("flag", "pass")
    assert (rows["req-05"]["outcome"], rows["req-05"]["response"]) == ("blocked_input", "Sorry, blocked.")
    assert kit.codes(file) == {"outcome-undecided": 4, "content-not-captured": 1, "rows-beside": 1}


def test_what_was_found_is_kept_nowhere(read: Any, kit: Any) -> None:
    file = read(DATA / "invocations.json.gz")
    everything = b"".join(path.read_bytes() for path in file.records.parent.iterdir())
    assert b"jo@example.org" not in everything
    assert all("jo@example.org" not in str(row) for row in kit.rows(file))


@pytest.mark.parametrize("word", ["INTERVENED", "GUARDRAIL_INTERVENED"])
def test_both_spellings_of_the_action(read: Any, kit: Any, word: str) -> None:
    body = {"outputText": "x", "completionReason": "FINISH", "amazon-bedrock-guardrailAction": word}
    for written in (body, json.dumps(body), [{"outputText": "x"}, body]):
        assert only(kit, read(lines(record(written))))["guardrail_action"] == "block"


def test_a_new_word_is_no_answer_and_no_block(read: Any, kit: Any) -> None:
    body = {"content": [{"type": "text", "text": "x"}], "stop_reason": "max_tokens", "amazon-bedrock-guardrailAction": "PAUSED"}
    file = read(lines(record(body)))
    assert (only(kit, file)["outcome"], kit.codes(file)["value-unknown"]) == ("unscored", 1)
    topic = {"topicPolicy": {"topics": [{"name": "t", "action": "QUARANTINED", "detected": True}]}}
    body = {"stopReason": "end_turn", "trace": {"guardrail": {"inputAssessment": {"g": topic}}}}
    file = read(lines(record(body)))
    assert kit.codes(file)["value-unknown"] == 1
    assert (only(kit, file)["guardrail_verdict"], only(kit, file)["guardrail_action"]) == ("flag", None)


def test_masking_is_modified_though_the_stop_reason_says_intervened(read: Any, kit: Any) -> None:
    pii = {"sensitiveInformationPolicy": {"piiEntities": [{"type": "NAME", "match": "Jo", "action": "ANONYMIZED"}]}}
    body = {
        "output": {"message": {"role": "assistant", "content": [{"text": "{NAME}"}]}}, "stopReason": "guardrail_intervened",
        "trace": {"guardrail": {"outputAssessments": {"g": [pii]}}},
    }  # fmt: skip
    assert only(kit, read(lines(record(body))))["outcome"] == "modified"


def test_streams_of_a_models_own_making(read: Any, kit: Any) -> None:
    chunks = [
        {"type": "message_start", "message": {"role": "assistant"}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "I can"}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "not."}},
        {"type": "message_delta", "delta": {"stop_reason": "refusal"}},
    ]
    row = only(kit, read(lines(record(json.dumps(chunks), operation="InvokeModelWithResponseStream"))))
    assert (row["response"], row["transport"], row["outcome"]) == ("I cannot.", "blocked", "blocked_output")
    broken = [{"contentBlockDelta": {"delta": {"text": "I"}}}, {"modelStreamErrorException": {"message": "x"}}]
    assert only(kit, read(lines(record(broken))))["outcome"] == "provider_error"


def test_a_refusal_nested_as_text(read: Any, kit: Any) -> None:
    body = json.dumps({"choices": [{"finish_reason": "stop", "message": {"content": None, "refusal": "No."}}]})
    assert only(kit, read(lines(record(body))))["outcome"] == "refused"


def test_a_body_of_its_own_is_not_read(read: Any, kit: Any) -> None:
    file = read(lines(record(output={"outputBodyS3Path": "s3://acme/body.json.gz"})))
    assert kit.codes(file)["content-not-captured"] == 2  # it is elsewhere, and so there is no answer
    assert only(kit, file)["outcome"] == "unscored"


def test_an_envelope_of_cloudwatch(read: Any, kit: Any) -> None:
    inner = record({"stopReason": "guardrail_intervened"})
    wrapped = {"timestamp": 1788256800000, "message": json.dumps(inner)}
    assert only(kit, read(lines(wrapped)))["outcome"] == "blocked_output"


def test_results_of_a_guardrail_alone_are_verdicts(read: Any, kit: Any) -> None:
    file = read(DATA / "apply_guardrail.jsonl")
    assert [row["guardrail_verdict"] for row in kit.rows(file)] == ["deny", "flag", "allow"]
    assert {row["guardrail_action"] for row in kit.rows(file)} == {None}
    assert file.reading.outcomes == {"unscored": 3}
    told = read(DATA / "apply_guardrail.jsonl", {"guardrail_action": {"from": "action", "values": {"GUARDRAIL_INTERVENED": "block", "NONE": "pass"}}})
    assert told.reading.outcomes == {"blocked_input": 1, "unscored": 2}


def test_a_cut_log_says_so(read: Any, kit: Any) -> None:
    many = lines(*(record({"stopReason": "end_turn"}, requestId=f"r-{n}-{n * 7919 % 10007}") for n in range(2000)))
    packed = gzip.compress(many)
    file = read(packed[: len(packed) * 3 // 4])
    assert kit.codes(file)["truncated"] == 1
    assert 0 < file.reading.counts.observations < 2000
    whole = gzip.decompress((DATA / "invocations.json.gz").read_bytes())
    assert kit.codes(read(whole[:-40]))["lines-unreadable"] == 1
