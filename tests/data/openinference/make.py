"""Makes `spans.jsonl` and `otlp.json` with the real instrumentation against a stub: `python make.py`.

Needs `openinference-instrumentation-openai` (0.1.66), `openai` (3.52), `opentelemetry-sdk` and
`opentelemetry-exporter-otlp-proto-common` (1.45.2). The four LLM spans are the instrumentation's own; the
guardrail and the evaluator around them are spans of ours, with OpenInference's kinds. Times are those of
the run; everything that names a machine or a port is left out of the resource.
"""

from __future__ import annotations

import base64
import http.server
import itertools
import json
import threading
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from openai import OpenAI
from openinference.instrumentation import using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator

HERE = Path(__file__).parent
KIND = "openinference.span.kind"


class Counted(IdGenerator):
    """Ids that count."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)

    def generate_span_id(self) -> int:
        return 0xC000000000000000 + next(self.numbers)

    def generate_trace_id(self) -> int:
        return 0xD0000000000000000000000000000000 + next(self.numbers)


class Stub(http.server.BaseHTTPRequestHandler):
    """Answers as a model would: a filter, a refusal, an answer."""

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def do_POST(self) -> None:
        """One reply."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked = body["messages"][-1]["content"]
        message: dict[str, Any] = {"role": "assistant", "content": "an answer", "refusal": None}
        finish = "stop"
        if "filtered" in asked:
            message["content"], finish = None, "content_filter"
        if "refused" in asked:
            message["content"], message["refusal"] = None, "I can't help with that."
        reply = {
            "id": f"chatcmpl-{len(asked):04d}",
            "object": "chat.completion",
            "created": 1_788_000_000,
            "model": "acme-1-2026-08",
            "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        }
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def hexed(value: Any) -> Any:
    """Ids as the protocol's own JSON has them."""
    if isinstance(value, list):
        return [hexed(item) for item in value]
    if not isinstance(value, dict):
        return value
    ids = {"traceId", "spanId", "parentSpanId"}
    return {k: base64.b64decode(v).hex() if k in ids else hexed(v) for k, v in value.items()}


def main() -> None:
    """Ask, record, write."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    memory = InMemorySpanExporter()
    resource = Resource({"service.name": "chat", "openinference.project.name": "prod"})
    provider = TracerProvider(resource=resource, id_generator=Counted())
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("acme.app")
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    client = OpenAI(api_key="unused", base_url=f"http://127.0.0.1:{server.server_port}/v1")

    def ask(text: str) -> None:
        client.chat.completions.create(model="acme-1", messages=[{"role": "user", "content": text}])

    for tier, text in (("free", "a filtered one"), ("paid", "a refused one"), ("paid", "a plain one")):
        with using_attributes(session_id="s1", user_id="u1", metadata={"tier": tier}, tags=[tier]):
            ask(text)
    with tracer.start_as_current_span("app", attributes={KIND: "CHAIN"}):
        guard = {KIND: "GUARDRAIL", "gen_ai.guardrail.verdict.type": "deny"}
        guard |= {"gen_ai.guardrail.action.type": "block", "gen_ai.guardrail.target.type": "input"}
        with tracer.start_as_current_span("jailbreak check", attributes=guard):
            ask("is this an attack?")
    with tracer.start_as_current_span("harm", attributes={KIND: "EVALUATOR"}) as span:
        span.set_attribute("output.value", json.dumps({"label": "safe", "score": 0.1, "explanation": "fine"}))
    spans = memory.get_finished_spans()
    with (HERE / "spans.jsonl").open("w", encoding="utf-8") as out:
        exporter = ConsoleSpanExporter(out=out, formatter=lambda made: made.to_json(indent=None) + "\n")
        exporter.export(spans)
    message = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    (HERE / "otlp.json").write_text(json.dumps(hexed(message)) + "\n")


if __name__ == "__main__":
    main()
