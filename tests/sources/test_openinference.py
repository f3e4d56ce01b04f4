"""OpenInference on OTLP spans: what its instrumentation drops, what it buries, which spans are requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.model import Anomaly, Observation, Outcome
from auditgen.sources import openinference
from auditgen.sources.interface import Context, Item
from auditgen.sources.otlp import OpenTelemetrySource
from auditgen.sources.otlp_calls import Call, call_of
from auditgen.sources.otlp_spans import Event, Origin, Span
from auditgen.sources.outcomes import Normaliser

DATA = Path(__file__).parents[1] / "data" / "openinference"


def read(path: Path, mapping: dict[str, Any] | None = None) -> list[Item]:
    record_map = RecordMap.model_validate_json(json.dumps(mapping or {}))
    return list(OpenTelemetrySource().read(path, Context(record_map)))


def call(attributes: dict[str, Any], **more: Any) -> Call:
    return call_of(Span("", Origin(), attributes=attributes, **more), Normaliser())


@pytest.mark.parametrize("name", ["spans.jsonl", "otlp.json"])
def test_genuine_spans(name: str) -> None:
    items = read(DATA / name, {"cohort": {"from": "metadata.tier"}})
    found = [item for item in items if isinstance(item, Observation)]
    assert [(o.outcome, o.cohort, o.prompt, o.response) for o in found] == [
        (Outcome.BLOCKED_OUTPUT, "free", "a filtered one", None),
        (Outcome.REFUSED, "paid", "a refused one", "I can't help with that."),
        (Outcome.UNSCORED, "paid", "a plain one", "an answer"),
        (Outcome.BLOCKED_INPUT, None, None, None),
    ]
    assert found[1].refusal_native is True
    assert {o.model for o in found[:3]} == {"acme-1-2026-08"}
    codes = {item.code: item.count for item in items if isinstance(item, Anomaly)}
    assert codes == {"annotations-orphaned": 1, "outcome-undecided": 1, "rows-beside": 4}


def test_the_refusal_stands_only_in_the_reply() -> None:
    """The attributes of the messages have none: without `output.value` nobody would know."""
    line = (DATA / "spans.jsonl").read_text().splitlines()[1]
    attributes = json.loads(line)["attributes"]
    assert not any("refusal" in key for key in attributes)
    assert call(attributes).refusal == "I can't help with that."
    del attributes["output.value"]
    assert call(attributes).refusal is None


@pytest.mark.parametrize("kind", ["LLM", "llm"])
def test_only_a_model_is_a_request(kind: str) -> None:
    assert call({"openinference.span.kind": kind}).kind == "request"
    for other in ("CHAIN", "AGENT", "TOOL", "EMBEDDING", "RETRIEVER", "RERANKER", "PROMPT"):
        assert call({"openinference.span.kind": other}).kind == "other"


def test_a_kind_that_nobody_knows_is_counted() -> None:
    words = Normaliser()
    assert call_of(Span("", Origin(), attributes={"openinference.span.kind": "ORACLE"}), words).kind == "other"
    assert [a.code for a in words.anomalies()] == ["value-unknown"]


MESSAGES = (
    {"llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "said"},
    {"llm.output_messages": [{"message.role": "assistant", "message.content": "said"}]},
    {"llm.output_messages": [{"message": {"role": "assistant", "content": "said"}}]},
    {"llm.output_messages": '[{"message.role": "assistant", "message.content": "said"}]'},
    {
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.contents.0.message_content.type": "text",
        "llm.output_messages.0.message.contents.0.message_content.text": "said",
    },
    {"llm.output_messages": [{"message.contents": [{"message_content.text": "said"}]}]},
    {"output.value": "said"},
)


@pytest.mark.parametrize("attributes", MESSAGES, ids=range(len(MESSAGES)))
def test_every_form_of_a_message(attributes: dict[str, Any]) -> None:
    found = call({"openinference.span.kind": "LLM", **attributes})
    assert found.response == "said"
    assert found.has_response is True


def test_a_plain_question() -> None:
    assert openinference.asked("why?") == "why?"
    assert openinference.asked('{"messages": [{"role": "user", "content": "why?"}]}') == "why?"
    assert openinference.asked('{"messages": 5}') is None
    assert openinference.asked(None) is None


def test_what_the_older_conventions_wrote_into_events() -> None:
    chat = {"gen_ai.operation.name": "chat"}
    events = [
        Event("gen_ai.user.message", {"content": "why?"}),
        Event("gen_ai.choice", {"message": '{"role":"assistant","content":"so"}', "finish_reason": "length"}),
    ]
    found = call(chat, events=events)
    assert (found.prompt, found.response, found.finish) == ("why?", "so", "length")
    events = [Event("gen_ai.content.completion", {"gen_ai.completion": '[{"role":"assistant","content":"so"}]'})]
    assert call(chat, events=events).response == "so"


def test_a_refusal_is_a_part_of_a_message() -> None:
    said = [{"role": "assistant", "parts": [{"type": "refusal", "content": "no"}], "finish_reason": "stop"}]
    found = call({"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(said)})
    assert (found.refusal, found.response, found.finish) == ("no", None, "stop")
