"""OpenTelemetry files that an enemy wrote: nothing is raised, nothing takes for ever, nothing is made up."""

from __future__ import annotations

import base64
import json
import struct
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from auditgen.evidence.model import Anomaly, Observation
from auditgen.sources.interface import Context, Facts, Item, Probe
from auditgen.sources.otlp import OpenTelemetrySource
from auditgen.sources.otlp_spans import attributes_of, clean_id, value_of, whole

DATA = Path(__file__).parents[1] / "data" / "otlp"
SOURCE = OpenTelemetrySource()
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["chat", "9" * 400, "\x00", "\ud800", "1788000000000000000", -1, 2**70, 1e400]),
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
WORDS = st.sampled_from(
    [
        "resourceSpans", "resourceLogs", "resourceMetrics", "scopeSpans", "scopeLogs", "scopeMetrics", "spans",
        "logRecords", "metrics", "attributes", "key", "value", "stringValue", "arrayValue", "kvlistValue", "values",
        "traceId", "spanId", "parentSpanId", "startTimeUnixNano", "status", "code", "events", "name", "sum",
        "dataPoints", "asInt", "gen_ai.operation.name", "gen_ai.guardrail.verdict.type", "body", "eventName",
        "gen_ai.evaluation.result", "gen_ai.output.messages", "traceState", "schemaUrl", "resource", "count",
    ]
)  # fmt: skip
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6), max_leaves=40
)


def read(data: bytes, name: str = "x.json") -> list[Item]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        SOURCE.recognise(Probe(path))
        return list(SOURCE.read(path, Context()))


def is_sound(items: list[Item]) -> bool:
    """Either nobody's file, or one that ends with its facts; and every record has a place of its own."""
    places = [item.locator for item in items if isinstance(item, Observation)]
    return (not items or isinstance(items[-1], Facts)) and len(places) == len(set(places))


@QUICK
@given(TREES)
def test_any_value_anywhere(tree: Any) -> None:
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [tree]}]}, tree], "resourceLogs": tree})
    assert is_sound(read(text.encode("utf-8", "surrogatepass")))


def mutated(value: Any, at: int, put: Any) -> Any:
    """`value` with its `at`th node replaced; nodes are counted depth first."""
    count = -1

    def walk(node: Any) -> Any:
        nonlocal count
        count += 1
        if count == at:
            return put
        if isinstance(node, dict):
            return {key: walk(item) for key, item in node.items()}
        return [walk(item) for item in node] if isinstance(node, list) else node

    return walk(value)


@QUICK
@given(st.sampled_from(["traces.json", "logs.json", "metrics.json"]), st.integers(0, 900), JSON)
def test_one_wrong_value_in_a_genuine_file(name: str, at: int, put: Any) -> None:
    value = mutated(json.loads((DATA / name).read_bytes()), at, put)
    if isinstance(value, dict):
        assert is_sound(read(json.dumps(value).encode("utf-8", "surrogatepass")))


@QUICK
@given(
    st.sampled_from(["traces.pb", "logs.pb", "metrics.pb", "traces.frames", "traces-zstd.frames", "traces.jsonl.zst"]),
    st.data(),
)
def test_one_wrong_byte_and_a_cut(name: str, data: st.DataObject) -> None:
    whole_file = bytearray((DATA / name).read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        whole_file[data.draw(st.integers(0, len(whole_file) - 1))] = data.draw(st.integers(0, 255))
    assert is_sound(read(bytes(whole_file[: data.draw(st.integers(0, len(whole_file)))])))


@pytest.mark.parametrize("name", ["traces.pb", "traces.frames"])
def test_a_cut_protobuf_is_said_to_be_cut_wherever_it_is(name: str, tmp_path: Path) -> None:
    whole_file = (DATA / name).read_bytes()
    for end in range(200, len(whole_file), 97):
        path = tmp_path / "cut"
        path.write_bytes(whole_file[:end])
        if SOURCE.recognise(Probe(path)) is None:
            continue
        items = list(SOURCE.read(path, Context()))
        is_between = name == "traces.frames" and end == 4 + struct.unpack(">I", whole_file[:4])[0]
        assert any(isinstance(i, Anomaly) and i.code == "truncated" for i in items) != is_between


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\xff\xff\xff\xff\x7f" + b"\x00" * 40,
        b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01" + b"\x00" * 40,
        b"\xff\xff\xff\xff" + b"\x0a" * 40,
        struct.pack(">I", 2**26) + b"\x0a\x10" * 40,
        b"\x0a" * 100_000,
        b"{" * 100_000,
        b'{"resourceSpans":' + b"[" * 100_000,
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":' + b'[{"key":"a","value":{"arrayValue":{"values":' * 900,
        b'{"resourceSpans":[]}{"resourceSpans":[]}',
        b'{"resourceSpans":null}\n' * 3,
    ],
    ids=range(10),
)  # fmt: skip
def test_lengths_and_depths(data: bytes) -> None:
    items = read(data)
    assert is_sound(items)
    assert not any(isinstance(item, Observation) for item in items)


def test_a_length_that_lies_is_not_believed(tmp_path: Path) -> None:
    whole_file = (DATA / "traces.frames").read_bytes()
    (length,) = struct.unpack(">I", whole_file[:4])
    path = tmp_path / "x.frames"
    path.write_bytes(whole_file[: 4 + length] + b"\xff\xff\xff\xff" + whole_file[8 + length :])
    items = list(SOURCE.read(path, Context()))
    assert [i.message for i in items if isinstance(i, Anomaly) and i.code == "truncated"] == [
        "the file breaks off or is damaged: a message claims 4,294,967,295 bytes"
    ]
    assert sum(isinstance(item, Observation) for item in items) > 0


def test_many_guardrails_and_requests_of_one_trace_take_no_square_of_time(tmp_path: Path) -> None:
    def made(number: int, name: str) -> dict[str, Any]:
        start = 1_788_000_000_000_000_000 + number * 1000
        return {
            "traceId": f"{1:032x}",
            "spanId": f"{number + 1:016x}",
            "startTimeUnixNano": start,
            "endTimeUnixNano": start + 10,
            "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": name}},
                {"key": "gen_ai.guardrail.verdict.type", "value": {"stringValue": "warn"}},
            ],
        }

    spans = [made(number, ("run_guardrail", "chat")[number % 2]) for number in range(6000)]
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}))
    items = list(SOURCE.read(path, Context()))
    found = [item for item in items if isinstance(item, Observation)]
    assert len(found) == 3000
    assert {item.guardrail_verdict for item in found} == {"warn"}


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
NAMES = st.sampled_from(
    [
        "gen_ai.operation.name", "gen_ai.request.model", "gen_ai.response.model", "gen_ai.response.id", "error.type",
        "gen_ai.response.finish_reasons", "gen_ai.guardrail.verdict.type", "gen_ai.guardrail.action.type",
        "gen_ai.guardrail.target.type", "gen_ai.system", "llm.request.type", "gen_ai.output.messages",
        "openinference.span.kind", "output.value", "http.response.status_code", "gen_ai.usage.output_tokens",
        "sampling.probability", "gen_ai.evaluation.name", "own",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(["chat", "run_guardrail", "stop", "content_filter", "deny", "block", "input", "LLM", "GUARDRAIL"]),
    TEXTS, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.lists(TEXTS, max_size=3),
    st.dictionaries(TEXTS, st.integers(0, 9), max_size=2),
)  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    """An export of a few spans in few traces."""
    made = ExportTraceServiceRequest()
    for _ in range(draw(st.integers(1, 2))):
        of_resource = made.resource_spans.add()
        of_scope = of_resource.scope_spans.add(schema_url=draw(st.sampled_from(["", "https://opentelemetry.io/schemas/1.30.0"])))
        for _ in range(draw(st.integers(1, 4))):
            span = of_scope.spans.add(
                trace_id=bytes(15) + bytes([draw(st.integers(0, 2))]),
                span_id=draw(st.sampled_from([bytes(8), b"\x01" * 8, b"\x02" * 8, b"\x03" * 8])),
                parent_span_id=draw(st.sampled_from([b"", b"\x01" * 8, b"\x02" * 8])),
                name=draw(TEXTS),
                start_time_unix_nano=draw(st.integers(0, 2**64 - 1)),
                end_time_unix_nano=draw(st.integers(0, 2**64 - 1)),
                trace_state=draw(st.sampled_from(["", "ot=th:8", "x=1,ot=p:3"])),
            )
            span.status.code = draw(st.integers(0, 2))
            for name, value in draw(st.dictionaries(NAMES, VALUES, max_size=8)).items():
                _put(span.attributes.add(key=name).value, value)
    return made


def _put(into: Any, value: Any) -> None:
    if isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int):
        into.int_value = value
    elif isinstance(value, float):
        into.double_value = value
    elif isinstance(value, list):
        into.array_value.SetInParent()
        for item in value:
            _put(into.array_value.values.add(), item)
    elif isinstance(value, dict):
        into.kvlist_value.SetInParent()
        for key, item in value.items():
            _put(into.kvlist_value.values.add(key=key).value, item)
    else:
        into.string_value = value


def hexed(value: Any) -> Any:
    if isinstance(value, list):
        return [hexed(item) for item in value]
    if not isinstance(value, dict):
        return value
    ids = {"traceId", "spanId", "parentSpanId"}
    return {k: base64.b64decode(v).hex() if k in ids else hexed(v) for k, v in value.items()}


@QUICK
@given(requests(), st.booleans())
def test_protobuf_and_json_of_the_same_spans_are_the_same_records(made: Any, has_hex: bool) -> None:
    data = made.SerializeToString()
    plain = MessageToDict(made)
    text = json.dumps(hexed(plain) if has_hex else plain).encode()
    framed = struct.pack(">I", len(text)) + text  # whatever the first bytes look like
    by_json, by_protobuf = read(framed), read(struct.pack(">I", len(data)) + data)

    def records(items: list[Item]) -> list[Observation]:
        found = [item for item in items if isinstance(item, Observation)]
        return [replace(o, locator="", prompt_key=o.sample_id) for o in found]

    def doubts(items: list[Item]) -> set[tuple[str, str, int]]:
        return {(i.code, i.message, i.count) for i in items if isinstance(i, Anomaly)}

    if not by_protobuf:  # too strange to be recognised: spans without ids
        return
    assert repr(records(by_json)) == repr(records(by_protobuf))
    assert doubts(by_json) - {("nonfinite-json", "", 0)} == doubts(by_protobuf)


@given(st.integers(-(2**63), 2**64 - 1))
def test_every_form_of_an_integer(number: int) -> None:
    assert whole(number) == whole(str(number)) == number
    low = {"low": number & 0xFFFFFFFF, "high": (number >> 32) & 0xFFFFFFFF, "unsigned": number >= 2**63}
    assert whole(low) == number


@given(SCALARS | JSON)
def test_no_integer_at_all(raw: Any) -> None:
    assert isinstance(whole(raw), int)
    assert isinstance(clean_id(raw), str)
    value_of({"stringValue": raw, "intValue": raw})
    assert isinstance(attributes_of(raw), dict)
    assert attributes_of([{"key": raw, "value": raw}, {"key": "a", "value": {"stringValue": "b"}}])["a"] == "b"


@given(st.binary(min_size=8, max_size=8))
def test_every_form_of_an_id(raw: bytes) -> None:
    wanted = raw.hex() if any(raw) else ""
    assert clean_id(raw.hex()) == clean_id(raw.hex().upper()) == clean_id("0x" + raw.hex()) == wanted
    assert clean_id(base64.b64encode(raw).decode()) == wanted


PARTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["role", "parts", "content", "type", "text", "refusal", "finish_reason", "message", "choices"]),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)


@QUICK
@given(PARTS, PARTS, st.booleans())
def test_any_message_in_any_attribute(said: Any, more: Any, is_text: bool) -> None:
    def value(raw: Any) -> dict[str, Any]:
        return {"stringValue": json.dumps(raw)} if is_text else {"arrayValue": {"values": [{"stringValue": raw}]}}

    names = ("gen_ai.output.messages", "gen_ai.input.messages", "gen_ai.response.finish_reasons", "output.value",
             "input.value", "llm.output_messages", "gen_ai.completion", "gen_ai.completion.0.content")  # fmt: skip
    for kind in ("gen_ai.operation.name", "openinference.span.kind"):
        pairs = [{"key": kind, "value": {"stringValue": "chat" if kind.startswith("gen") else "LLM"}}]
        pairs += [{"key": name, "value": value(said)} for name in names]
        events = [{"name": "gen_ai.choice", "attributes": [{"key": "message", "value": value(more)}]}]
        spans = [{"spanId": "ab" * 8, "attributes": pairs, "events": events}]
        text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
        items = read(text.encode("utf-8", "surrogatepass"))
        assert sum(isinstance(item, Observation) for item in items) == 1


# no way of writing makes a request go away


def spans(*attributes: dict[str, str], **more: Any) -> bytes:
    made = [
        {
            "traceId": f"{n + 1:032x}", "spanId": f"{n + 1:016x}", "startTimeUnixNano": "1788000000000000000",
            "attributes": [{"key": key, "value": {"stringValue": text}} for key, text in each.items()], **more,
        }
        for n, each in enumerate(attributes)
    ]  # fmt: skip
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": made}]}]}).encode()


def told(items: list[Item]) -> dict[str, int]:
    return {item.code: item.count for item in items if isinstance(item, Anomaly)}


PLAIN = {"gen_ai.operation.name": "chat", "gen_ai.response.finish_reasons": "stop"}


@pytest.mark.parametrize(
    "strange",
    [
        {"gen_ai.operation.name": "chat_v2", "gen_ai.response.finish_reasons": "content_filter"},
        {"gen_ai.operation.name": "\x00", "gen_ai.output.messages": '[{"role": "assistant", "finish_reason": "content_filter"}]'},
        {"openinference.span.kind": "MODEL", "llm.model_name": "m", "llm.finish_reason": "content_filter"},
        {"openinference.span.kind": "UNKNOWN", "gen_ai.operation.name": "chat", "gen_ai.response.finish_reasons": "content_filter"},
        {"openinference.span.kind": "unknown", "llm.model_name": "m", "llm.finish_reason": "content_filter"},
    ],
)
def test_an_unknown_operation_hides_no_blocked_request(strange: dict[str, str]) -> None:
    items = read(spans(PLAIN, strange))
    assert [o.outcome for o in items if isinstance(o, Observation)] == ["unscored", "blocked_output"]
    assert "rows-beside" not in told(items)


@pytest.mark.parametrize("name", ["gen_ai.operation.name", "openinference.span.kind"])
def test_an_operation_nobody_knows_is_told(name: str) -> None:
    codes = told(read(spans(PLAIN, {name: "ponder"})))
    assert codes["rows-beside"] == 1
    assert codes["value-unknown"] == 1


def test_other_spans_are_told_beside_requests() -> None:
    items = read(spans(PLAIN, {"gen_ai.operation.name": "invoke_agent"}, {"gen_ai.operation.name": "embeddings"}, {}))
    (message,) = (item.message for item in items if isinstance(item, Anomaly) and item.code == "rows-beside")
    assert "`invoke_agent`" in message
    assert told(items)["rows-beside"] == 3


@pytest.mark.parametrize("said", ["content_filter", "error", "length", "strange"])
def test_two_ends_of_one_request_decide_nothing(said: str) -> None:
    """A harmless finish reason in front does not hide another one behind it."""
    output = json.dumps([{"role": "assistant", "parts": [], "finish_reason": said}])
    items = read(spans({**PLAIN, "gen_ai.output.messages": output}))
    (found,) = (item for item in items if isinstance(item, Observation))
    assert (found.outcome, found.transport) == ("unscored", None)
    assert told(items)["score-undecided"] == 1


def test_two_words_for_one_end_agree() -> None:
    output = json.dumps([{"role": "assistant", "parts": [], "finish_reason": "end_turn"}])
    items = read(spans({**PLAIN, "gen_ai.output.messages": output}))
    assert "score-undecided" not in told(items)


def test_a_credential_in_a_joined_evaluation_is_not_stored() -> None:
    token = "acme-gateway-Zx81QqLm4470token"
    evaluation = {"name": "gen_ai.evaluation.result", "attributes": [
        {"key": "gen_ai.evaluation.name", "value": {"stringValue": "x"}},
        {"key": "gen_ai.evaluation.explanation", "value": {"stringValue": f"it said Bearer {token}"}},
    ]}  # fmt: skip
    items = read(spans(PLAIN, events=[evaluation]))
    assert token not in repr(items)
    assert told(items)["secrets-in-log"] == 1
