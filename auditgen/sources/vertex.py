"""Vertex AI and Gemini: rows of request-response logging in BigQuery, and logged replies of Gemini.

One row is one request. A stopped prompt has a `blockReason` and no candidates; a stopped answer has a finish
reason. The log can be a sample: its configuration has a `samplingRate`, rows have one only where somebody
added it. `otel_log` and payloads of other predictions are not read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.mapping import number_of
from auditgen.sources.chat_reply import prompt_of, reply_of
from auditgen.sources.exported_rows import ExportedRows, nested, shape_of
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_number, as_text
from auditgen.sources.outcomes import Guard, Signals
from auditgen.sources.production_log import ProductionLog

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from auditgen.evidence.model import Observation

TABLE = {"logging_time", "full_response"}
BODIES = ("full_response", "response", "response_payload", "body")
ASKED = ("full_request", "request", "request_payload")
TIMES = ("logging_time", "time", "timestamp")
SIGNS = ("candidates", "promptFeedback", "prompt_feedback")
OTHERS = {"call_type", "run_type", "request_created_at", "schemaType", "trace_id"}
BLOCKS: Mapping[str, str | None] = {
    "SAFETY": "block", "OTHER": "block", "BLOCKLIST": "block", "PROHIBITED_CONTENT": "block",
    "IMAGE_SAFETY": "block", "MODEL_ARMOR": "block", "JAILBREAK": "block",
    "BLOCK_REASON_UNSPECIFIED": None, "BLOCKED_REASON_UNSPECIFIED": None,
}  # fmt: skip
"""`blockReason`, as google-genai has it."""
MAX_CHUNKS = 20_000


@dataclass(slots=True)
class Body:
    """What the reply, or the chunks of a streamed one, say."""

    texts: list[str] = field(default_factory=list)
    finish: str | None = None
    blocked: str | None = None
    guards: list[Guard] = field(default_factory=list)
    model: str = ""
    native_id: str = ""
    error: dict[str, Any] = field(default_factory=dict)
    has_call: bool = False


class VertexSource:
    """Logs of Gemini on Vertex AI."""

    name: ClassVar[str] = "vertex-ai"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the columns of the logging table, or by a reply with candidates."""
        shape = shape_of(probe)
        if shape.columns >= TABLE:
            return Recognition(f"vertex.request_response/{shape.form}", "columns of request-response logging")
        if shape.form not in {"jsonl", "json", "object"} or shape.columns & OTHERS:
            return None
        first = _body(shape.first)
        chunks = first if isinstance(first, list) else [first]
        if any(sign in as_dict(chunk) for chunk in chunks[:10] for sign in SIGNS):
            return Recognition(f"vertex.replies/{shape.form}", "replies with candidates or prompt feedback")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Every request."""
        rows = ExportedRows(path)
        log = ProductionLog(context, self.name, "Vertex AI")
        for locator, row in log.screened(rows):
            yield _request(row, locator, log)
        yield from rows.anomalies()
        yield from log.closing(calls="requests")


def _body(row: dict[str, Any]) -> Any:
    if any(sign in row for sign in SIGNS):
        return row
    return next((found for name in BODIES if (found := nested(row.get(name)))), {})


def _gathered(value: Any, log: ProductionLog) -> Body:
    body = Body()
    for chunk in map(as_dict, map(nested, (value if isinstance(value, list) else [value])[:MAX_CHUNKS])):
        reply = reply_of(chunk)
        body.texts += [reply.text] if reply.text else []
        body.finish = reply.finish or body.finish
        body.model = body.model or as_text(chunk.get("modelVersion") or chunk.get("model_version"))
        body.native_id = body.native_id or as_text(chunk.get("responseId") or chunk.get("response_id"))
        body.error = body.error or as_dict(chunk.get("error"))
        feedback = as_dict(chunk.get("promptFeedback") or chunk.get("prompt_feedback"))
        reason = feedback.get("blockReason") or feedback.get("block_reason")
        if isinstance(reason, str):
            body.blocked = log.normaliser.word("blockReason", reason, BLOCKS) or body.blocked
        ratings = as_list(feedback.get("safetyRatings") or feedback.get("safety_ratings"))
        if any(as_dict(one).get("blocked") is True for one in ratings[:100]):
            body.guards.append(Guard("safety", "deny", "block", "input"))
        for candidate in map(as_dict, as_list(chunk.get("candidates"))[:10]):
            ratings = as_list(candidate.get("safetyRatings") or candidate.get("safety_ratings"))
            if any(as_dict(one).get("blocked") is True for one in ratings[:100]):
                body.guards.append(Guard("safety", "deny", "block", "output"))
            parts = as_list(as_dict(candidate.get("content")).get("parts"))
            body.has_call = body.has_call or any("functionCall" in as_dict(part) for part in parts[:100])
    return body


def _request(raw: dict[str, Any], locator: str, log: ProductionLog) -> Observation:
    body = _gathered(_body(raw), log)
    asked = next((found for name in ASKED if (found := nested(raw.get(name)))), None)
    if isinstance(asked, list) and asked and not any("role" in as_dict(one) for one in asked):
        asked = nested(asked[0])
    metadata = nested(raw.get("metadata"))
    rate = _rate(raw, as_dict(metadata))
    if rate is not None and rate < 1:
        log.note("sampled-log", "requests of a log that keeps only a share, by its own sampling rate")
    text = "".join(body.texts) or None
    message = body.error.get("message")
    code = as_number(body.error.get("code"))
    return log.observation(
        {**raw, "metadata": metadata} if "metadata" in raw else raw,
        locator=locator,
        sample_id=as_text(raw.get("request_id")) or body.native_id,
        signals=Signals(
            finish=body.finish,
            is_filtered=body.blocked is not None,
            is_failed=bool(body.error),
            http_status=int(code) if code is not None and 100 <= code < 600 else None,
            has_response=False if body.blocked or body.error else bool(text) or body.has_call or None,
            guards=tuple(body.guards),
        ),
        time=next((raw[name] for name in TIMES if raw.get(name) is not None), None),
        model=body.model or as_text(raw.get("model_version") or raw.get("model")),
        endpoint=as_text(raw.get("api_method") or raw.get("endpoint")) or None,
        prompt=prompt_of(asked),
        response=text,
        error_text=message if isinstance(message, str) else None,
        sampling_rate=rate,
    )


def _rate(raw: dict[str, Any], metadata: dict[str, Any]) -> float | None:
    """The share of requests that the log keeps, above 0 and up to 1, where the row says it."""
    for holder in (raw, metadata):
        for name in ("sampling_rate", "samplingRate"):
            value = holder.get(name)
            rate = number_of(value.strip()) if isinstance(value, str) else as_number(value)
            if rate is not None and 0 < rate <= 1 and not isinstance(value, bool):
                return rate
    return None
