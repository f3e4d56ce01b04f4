"""Makes the files beside it with the real SDK and its own OTLP encoder: `python make.py`.

Needs `opentelemetry-sdk`, `opentelemetry-exporter-otlp-proto-common`, `zstandard` (made with 1.45.2). Ids and
times are fixed, so that the files come out the same every time. The frames are what the collector's file
exporter writes: the length of each message in four bytes, big-endian, before it; the collector itself was
not at hand.
"""

from __future__ import annotations

import gzip
import itertools
import json
import struct
from pathlib import Path
from typing import Any

import zstandard
from google.protobuf.json_format import MessageToDict
from opentelemetry import trace
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState

HERE = Path(__file__).parent
START = 1_788_000_000_000_000_000  # 2026-08-29T10:40:00Z
SECOND = 1_000_000_000
NEW, OLD = "https://opentelemetry.io/schemas/1.41.0", "https://opentelemetry.io/schemas/1.30.0"
RESOURCE = Resource({"service.name": "lantern-gateway", "telemetry.sdk.version": "1.45.2", "region": "eu"})


class Counted(IdGenerator):
    """Ids that count."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)

    def generate_span_id(self) -> int:
        return 0xA000000000000000 + next(self.numbers)

    def generate_trace_id(self) -> int:
        return 0xB0000000000000000000000000000000 + next(self.numbers)


class Made:
    """Tracers of one provider, and what they recorded."""

    def __init__(self) -> None:
        self.memory = InMemorySpanExporter()
        self.console = (HERE / "console.json").open("w", encoding="utf-8")
        provider = TracerProvider(resource=RESOURCE, id_generator=Counted())
        provider.add_span_processor(SimpleSpanProcessor(self.memory))
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=self.console)))
        self.new = provider.get_tracer("acme.gateway", "1.0", schema_url=NEW)
        self.old = provider.get_tracer("acme.legacy", "0.9", schema_url=OLD)
        self.at = START

    def span(
        self, name: str, attributes: dict[str, Any], *, parent: Any = None, seconds: int = 1, tracer: Any = None
    ) -> trace.Span:
        context = None if parent is None else trace.set_span_in_context(parent)
        made: trace.Span = (tracer or self.new).start_span(
            name, context=context, kind=SpanKind.CLIENT, attributes=attributes, start_time=self.at
        )
        self.at += seconds * SECOND
        return made

    def end(self, span: trace.Span) -> trace.Span:
        span.end(end_time=self.at)
        self.at += SECOND
        return span


def chat(number: int, finish: str, text: str, **more: Any) -> dict[str, Any]:
    """A request as the convention of 1.37 and later has it."""
    said = [{"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": finish}]
    asked = [{"role": "user", "parts": [{"type": "text", "content": f"question {number}"}]}]
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "acme",
        "gen_ai.request.model": "acme-1",
        "gen_ai.response.model": "acme-1-2026-08",
        "gen_ai.response.id": f"resp-{number}",
        "gen_ai.response.finish_reasons": [finish],
        "gen_ai.usage.input_tokens": 10 + number,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": json.dumps(said),
        "user.tier": "free" if number % 2 else "paid",
        **more,
    }


def guard(name: str, verdict: str, action: str, stage: str, **more: Any) -> dict[str, Any]:
    """A guardrail as the draft has it."""
    return {
        "gen_ai.operation.name": "run_guardrail",
        "gen_ai.guardrail.component.name": name,
        "gen_ai.guardrail.verdict.type": verdict,
        "gen_ai.guardrail.action.type": action,
        "gen_ai.guardrail.target.type": stage,
        **more,
    }


def make_spans(made: Made) -> None:
    """Nine requests in eight traces, and everything around them."""
    # 1: an agent with two requests, a tool and an embedding; the agent must not count
    agent = made.span("invoke_agent helper", {"gen_ai.operation.name": "invoke_agent"})
    made.end(made.span("chat acme-1", chat(1, "tool_calls", ""), parent=agent))
    made.end(made.span("execute_tool search", {"gen_ai.operation.name": "execute_tool"}, parent=agent))
    made.end(made.span("embeddings e", {"gen_ai.operation.name": "embeddings"}, parent=agent))
    made.end(made.span("chat acme-1", chat(2, "stop", "an answer"), parent=agent))
    made.end(agent)
    # 2: blocked before the model: there is no span of a request
    root = made.span("POST /chat", {"http.route": "/chat"})
    made.end(made.span("run_guardrail jailbreak", guard("jailbreak", "deny", "block", "input"), parent=root))
    made.end(root)
    # 3: allowed, asked, and the answer blocked
    root = made.span("POST /chat", {"http.route": "/chat"})
    made.end(made.span("run_guardrail jailbreak", guard("jailbreak", "allow", "allow", "input"), parent=root))
    made.end(made.span("chat acme-1", chat(3, "stop", "something bad"), parent=root))
    made.end(made.span("run_guardrail harm", guard("harm", "deny", "block", "output"), parent=root))
    made.end(root)
    # 4: detected and let through; the guardrail is a child of the request and asks a model itself
    request = made.span("chat acme-1", chat(4, "stop", "an answer"))
    inner = made.span("run_guardrail judge", guard("judge", "warn", "allow", "input"), parent=request)
    made.end(made.span("chat judge-1", chat(90, "stop", "yes"), parent=inner))
    made.end(inner)
    made.end(request)
    # 5: a guardrail that crashed
    root = made.span("POST /chat", {"http.route": "/chat"})
    crashed = guard("pii", "allow", "allow", "input", **{"error.type": "TimeoutError"})
    made.end(made.span("run_guardrail pii", crashed, parent=root))
    made.end(made.span("chat acme-1", chat(5, "stop", "an answer"), parent=root))
    made.end(root)
    # 6: the older names; a failed request
    old = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "acme",
        "gen_ai.request.model": "acme-0",
        "gen_ai.response.finish_reasons": ["content_filter"],
        "gen_ai.response.id": "resp-6",
    }
    made.end(made.span("chat acme-0", old, tracer=made.old))
    failed = {"gen_ai.operation.name": "chat", "gen_ai.system": "acme", "gen_ai.request.model": "acme-0"}
    span = made.span("chat acme-0", {**failed, "error.type": "TimeoutError"}, tracer=made.old)
    span.set_status(trace.Status(trace.StatusCode.ERROR, "timed out"))
    made.end(span)
    # 7: the oldest names (OpenLLMetry)
    oldest = {
        "llm.request.type": "chat",
        "gen_ai.system": "acme",
        "gen_ai.request.model": "acme-0",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "question 8",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "an answer cut",
        "gen_ai.completion.0.finish_reason": "length",
        "gen_ai.usage.completion_tokens": 3,
    }
    made.end(made.span("acme.chat", oldest))
    # 8: a sampler kept one in eight
    sampled = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("ot", "th:e")]))
    made.end(made.span("chat acme-1", chat(9, "stop", "an answer"), parent=NonRecordingSpan(sampled)))


def make_logs(spans: Any) -> Any:
    """Evaluations of the first two requests, one of nobody's, and a text of the sixth."""
    memory = InMemoryLogRecordExporter()
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(SimpleLogRecordProcessor(memory))
    logger = provider.get_logger("acme.evaluations", "1.0", schema_url=NEW)
    by_id = {span.attributes.get("gen_ai.response.id"): span for span in spans}

    def emit(event: str, attributes: dict[str, Any], span: Any = None, body: Any = None, late: int = 1) -> None:
        context = None
        if span is not None:
            context = trace.set_span_in_context(NonRecordingSpan(span.context))
        at = START + 100 * SECOND
        logger.emit(
            LogRecord(
                timestamp=at,
                observed_timestamp=at + late * SECOND,
                context=context,
                event_name=event,
                attributes=attributes,
                body=body,
            )
        )

    def evaluation(name: str, value: float, label: str, **more: Any) -> dict[str, Any]:
        named = {"name": name, "score.value": value, "score.label": label, "explanation": "because"}
        return {f"gen_ai.evaluation.{key}": item for key, item in named.items()} | more

    emit("gen_ai.evaluation.result", evaluation("harm", 0.02, "pass"), by_id["resp-1"])
    emit("gen_ai.evaluation.result", evaluation("harm", 0.9, "fail", **{"gen_ai.response.id": "resp-2"}))
    emit("gen_ai.evaluation.result", evaluation("harm", 0.5, "pass", **{"gen_ai.response.id": "nobody"}), late=7200)
    emit("gen_ai.choice", {"gen_ai.system": "acme"}, by_id["resp-6"], {"message": {"content": "hidden"}})
    return encode_logs(memory.get_finished_logs())


def make_metrics() -> Any:
    """A counter, a gauge and a histogram."""
    reader = InMemoryMetricReader()
    meter = MeterProvider(metric_readers=[reader], resource=RESOURCE).get_meter("acme", "1.0", schema_url=NEW)
    meter.create_counter("acme.requests", unit="{request}").add(41, {"tier": "free"})
    meter.create_gauge("acme.queue").set(2.5)
    histogram = meter.create_histogram("gen_ai.client.operation.duration", unit="s")
    for value in (0.1, 0.4):
        histogram.record(value, {"gen_ai.request.model": "acme-1"})
    message = encode_metrics(reader.get_metrics_data())
    for resource in message.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for kind in ("sum", "gauge", "histogram"):
                    for point in getattr(metric, kind).data_points:
                        point.start_time_unix_nano = START if kind != "gauge" else 0
                        point.time_unix_nano = START + 3600 * SECOND
                        point.ClearField("exemplars")
    return message


def otlp_json(message: Any) -> Any:
    """The protocol's own JSON: ids in hex, enumerations as numbers."""
    import base64

    def hexed(value: Any) -> Any:
        if isinstance(value, list):
            return [hexed(item) for item in value]
        if not isinstance(value, dict):
            return value
        ids = {"traceId", "spanId", "parentSpanId"}
        return {k: base64.b64decode(v).hex() if k in ids else hexed(v) for k, v in value.items()}

    return hexed(MessageToDict(message, use_integers_for_enums=True))


def main() -> None:
    """Write every form."""
    made = Made()
    make_spans(made)
    made.console.close()
    spans = made.memory.get_finished_spans()
    half = len(spans) // 2
    whole, parts = encode_spans(spans), [encode_spans(spans[:half]), encode_spans(spans[half:])]
    lines = [json.dumps(otlp_json(part), separators=(",", ":")).encode() for part in parts]
    (HERE / "traces.json").write_text(json.dumps(otlp_json(whole), indent=1) + "\n")
    (HERE / "traces-base64.json").write_text(json.dumps(MessageToDict(whole)) + "\n")
    (HERE / "traces.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    (HERE / "traces.jsonl.gz").write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0))
    (HERE / "traces.jsonl.zst").write_bytes(zstandard.compress(b"".join(line + b"\n" for line in lines)))
    (HERE / "traces.pb").write_bytes(whole.SerializeToString(deterministic=True))
    packed = [part.SerializeToString(deterministic=True) for part in parts]
    (HERE / "traces.frames").write_bytes(b"".join(struct.pack(">I", len(p)) + p for p in packed))
    packed = [zstandard.compress(line) for line in lines]
    (HERE / "traces-zstd.frames").write_bytes(b"".join(struct.pack(">I", len(p)) + p for p in packed))
    for name, message in (("logs", make_logs(spans)), ("metrics", make_metrics())):
        (HERE / f"{name}.json").write_text(json.dumps(otlp_json(message)) + "\n")
        (HERE / f"{name}.pb").write_bytes(message.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
