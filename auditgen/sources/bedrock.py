"""Amazon Bedrock: model invocation logs, and results of ApplyGuardrail that an application wrote down.

One record of an invocation log is one call. Its reply is an object, an array of the chunks of a stream, or
either of them as a text. With body delivery off there is nothing to judge by; a body that is too large is a
file of its own. `match` in a guardrail's trace is the personal data that was found: traces are not kept.

A result of ApplyGuardrail says what the guardrail wants, not what the application did: no action.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.sources import bedrock_guardrails as guardrails
from auditgen.sources.chat_reply import Reply, content_of, prompt_of, reply_of
from auditgen.sources.exported_rows import ExportedRows, nested, shape_of
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_text
from auditgen.sources.outcomes import Guard, Signals
from auditgen.sources.production_log import ProductionLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditgen.evidence.model import Observation

SCHEMA = "ModelInvocationLog"
CLOUDWATCH = ("@message", "message")
ACTION, TRACE = "amazon-bedrock-guardrailAction", "amazon-bedrock-trace"
NOT_WORDS = {
    "embedding": "embeddings", "embeddings": "embeddings", "embeddingsByType": "embeddings",
    "images": "images",
}  # fmt: skip
MAX_CHUNKS = 100_000


@dataclass(slots=True)
class Body:
    """What a reply's body says, gathered from one object or from the chunks of a stream."""

    text: list[str]
    finish: str | None = None
    refusal: str | None = None
    action: str | None = None
    trace: Any = None
    error: str | None = None
    kind: str = ""
    """What else than words it holds."""


class BedrockSource:
    """Logs of Amazon Bedrock."""

    name: ClassVar[str] = "bedrock"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the schema type, also inside CloudWatch's envelope, or by a guardrail's assessments."""
        shape = shape_of(probe)
        if shape.form not in {"jsonl", "json", "object"}:
            return None
        first = _unwrapped(shape.first)
        if first.get("schemaType") == SCHEMA or shape.columns >= {"schemaType", "modelId", "operation"}:
            return Recognition(f"bedrock.invocation_log/{shape.form}", f"`schemaType` is `{SCHEMA}`")
        if shape.columns >= {"action", "assessments"} and shape.columns & {"outputs", "usage"}:
            return Recognition(f"bedrock.apply_guardrail/{shape.form}", "results of ApplyGuardrail")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Every call, or every judgement of a guardrail."""
        rows = ExportedRows(path)
        log = ProductionLog(context, self.name, "Amazon Bedrock")
        for locator, row in log.screened((locator, _unwrapped(raw)) for locator, raw in rows):
            found = _result(row, locator, log) if "assessments" in row else _call(row, locator, log)
            if found is not None:
                yield found
        yield from rows.anomalies()
        yield from log.closing(calls="calls")


def _unwrapped(row: dict[str, Any]) -> dict[str, Any]:
    """The record itself, where CloudWatch put an envelope around it."""
    for name in CLOUDWATCH:
        inner = nested(row.get(name))
        if isinstance(inner, dict) and inner.get("schemaType") == SCHEMA:
            return inner
    return row


def _call(raw: dict[str, Any], locator: str, log: ProductionLog) -> Observation | None:
    if raw.get("schemaType") != SCHEMA:
        log.skip("records of another kind")
        return None
    output, asked = as_dict(raw.get("output")), as_dict(raw.get("input"))
    body = body_of(output.get("outputBodyJson"))
    if body.kind:
        log.skip(body.kind)
        return None
    if output.get("outputBodyJson") is None and output.get("outputBodyS3Path"):
        log.note("content-not-captured", "calls whose answer is in a file of its own, which was not read")
    guards = guardrails.guards_of_trace(body.trace, log.normaliser)
    action = log.normaliser.word("guardrail action", body.action, guardrails.INTERVENED)
    strongest = {guard.action for guard in guards}
    finish = body.finish
    if action == "intervened" and not strongest & {"block", "modify"}:
        guards = (*guards, Guard("guardrail", "deny", "block"))
    elif action == "none" and not guards:
        guards = (Guard("guardrail", "allow", "pass"),)
    if "modify" in strongest and "block" not in strongest and finish == "guardrail_intervened":
        finish = None  # it changed the answer and stopped nothing
    error = as_text(raw.get("errorCode")) or body.error
    prompt = nested(asked.get("inputBodyJson"))
    record = {
        **raw,
        "output": {**output, "outputBodyJson": _traceless(output.get("outputBodyJson"))},
    }
    return log.observation(
        record,
        locator=locator,
        sample_id=as_text(raw.get("requestId")),
        signals=Signals(
            finish=finish,
            refusal=body.refusal,
            is_failed=bool(error),
            has_response=True if body.text else False if error else None,
            guards=guards,
        ),
        is_doubtful=body.action is not None and action is None,
        time=raw.get("timestamp"),
        model=as_text(raw.get("modelId")),
        endpoint=as_text(raw.get("operation")) or None,
        prompt=prompt_of(prompt),
        response="".join(body.text) if body.text else None,
        error_text=error or None,
    )


def _result(raw: dict[str, Any], locator: str, log: ProductionLog) -> Observation:
    """One ApplyGuardrail result: a verdict on one text; what the application did, it does not say."""
    source = raw.get("source")
    stage = as_text(source).lower() if source in ("INPUT", "OUTPUT") else None
    word = raw.get("action")
    action = log.normaliser.word("guardrail action", as_text(word) or None, guardrails.INTERVENED)
    said = guardrails.guards_of_result(raw, stage, log.normaliser)
    guards = [replace(guard, action=None) for guard in said]
    if action == "intervened" and not {guard.verdict for guard in guards} & {"deny", "modify"}:
        guards.append(Guard("guardrail", "deny", None, stage))
    elif action == "none" and not guards:
        guards.append(Guard("guardrail", "allow", None, stage))
    record = {name: value for name, value in raw.items() if name not in {"assessments", "outputs"}}
    return log.observation(
        record,
        locator=locator,
        sample_id=as_text(raw.get("requestId") or raw.get("request_id")),
        signals=Signals(guards=tuple(guards), has_response=stage == "output" or None),
        is_doubtful=True,
        is_call=False,
        time=raw.get("timestamp") or raw.get("time"),
        endpoint="ApplyGuardrail",
    )


def _traceless(value: Any) -> Any:
    """A body that rules may look into: without traces, which hold what was found in the text."""
    value = nested(value)
    if isinstance(value, dict):
        return {k: v for k, v in value.items() if k not in {"trace", TRACE}}
    return None


def body_of(value: Any) -> Body:
    """The body of a reply, whichever of its three forms it has."""
    value = nested(value)
    body = Body([])
    if isinstance(value, list):
        for chunk in value[:MAX_CHUNKS]:
            _add_chunk(body, as_dict(nested(chunk)))
    elif isinstance(value, dict):
        _add(body, value)
    elif isinstance(value, str) and value:
        body.text.append(value)
    return body


def _add(body: Body, value: dict[str, Any]) -> None:
    """A whole reply: Converse, or a model's own shape out of InvokeModel."""
    body.kind = next((kind for name, kind in NOT_WORDS.items() if name in value), "")
    body.action = _word(value.get(ACTION))
    body.trace = value.get("trace") or value.get(TRACE)
    reply = reply_of(value)
    if reply.text is None and not reply.finish:
        reply = _own_shape(value)
    body.text += [reply.text] if reply.text else []
    body.finish = reply.finish or _word(value.get("stopReason")) or _word(value.get("stop_reason"))
    body.refusal = reply.refusal


def _own_shape(value: dict[str, Any]) -> Reply:
    """Titan, Llama, Mistral, Cohere, AI21: a text and a reason beside it, perhaps in a list."""
    for name in ("results", "outputs", "generations", "completions"):
        items = value.get(name)
        if isinstance(items, list) and items:
            return _own_shape(as_dict(items[0]))
    text = None
    for name in ("outputText", "generation", "text", "completion"):
        text = text or _word(value.get(name))
    text = text or _word(as_dict(value.get("data")).get("text"))
    finish = None
    for name in ("completionReason", "stop_reason", "finish_reason", "finishReason", "stopReason"):
        reason = value.get(name)
        finish = finish or _word(as_dict(reason).get("reason") if isinstance(reason, dict) else reason)
    return Reply(text=text, finish=finish)


def _add_chunk(body: Body, chunk: dict[str, Any]) -> None:
    """One chunk of a stream: of Converse, or of a model's own stream."""
    delta = as_dict(as_dict(chunk.get("contentBlockDelta")).get("delta")) or as_dict(chunk.get("delta"))
    text = _word(delta.get("text")) or _word(chunk.get("outputText")) or _word(chunk.get("generation"))
    if text is None and isinstance(chunk.get("choices"), list):
        reply = reply_of(chunk)
        text, body.refusal = reply.text, "".join(filter(None, (body.refusal, reply.refusal))) or None
        body.finish = reply.finish or body.finish
    elif text is None and chunk.get("type") == "content_block_start":
        text = content_of([as_dict(chunk.get("content_block"))])[0]
    body.text += [text] if text else []
    stop = as_dict(chunk.get("messageStop")).get("stopReason") or delta.get("stop_reason")
    stop = stop or chunk.get("completionReason") or chunk.get("stop_reason")
    body.finish = _word(stop) or body.finish
    body.action = _word(chunk.get(ACTION)) or body.action
    trace = as_dict(chunk.get("metadata")).get("trace") or chunk.get(TRACE) or chunk.get("trace")
    body.trace = trace or body.trace
    failed = [name for name in chunk if name.endswith("Exception")]
    body.error = body.error or (as_list(failed)[0] if failed else None)


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
