"""Azure OpenAI: logged replies and errors, API Management's LLM log, results of Content Safety.

A line is a reply, an error, a chunk of a stream (chunks of one id are one reply; the first one has neither
id nor choices), or a record of the application around one of them (`response` or `body`, with `time`,
`status`, `request`). A prompt that was stopped is HTTP 400 with `innererror`. An error body has no time.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.mapping import number_of
from auditgen.evidence.model import Score
from auditgen.sources import azure_filters, azure_gateway
from auditgen.sources.chat_reply import prompt_of, reply_of
from auditgen.sources.exported_rows import ExportedRows, nested, shape_of
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_number, as_text, raw_text
from auditgen.sources.outcomes import Guard, Signals
from auditgen.sources.production_log import ProductionLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditgen.evidence.model import Observation

BODIES = ("response", "body", "result")
OTHERS = {"call_type", "run_type", "request_created_at", "schemaType", "trace_id"}
"""Fields of gateways and tracers that log Azure's replies in their own manner."""
TIMES = ("time", "timestamp", "ts", "created_at", "@timestamp", "TimeGenerated", "date")
IDS = ("request_id", "requestId", "apim-request-id", "x-request-id", "id")
STATUSES = ("status", "status_code", "statusCode", "http_status")
CHUNK = "chat.completion.chunk"
SAFETY = "categoriesAnalysis"
MAX_OPEN = 256
"""Streams whose chunks may still come."""
MAX_CHUNKS = 20_000


class AzureOpenAiSource:
    """What Azure's models and filters answered, as an application or a gateway wrote it down."""

    name: ClassVar[str] = "azure-openai"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By filter annotations in a reply, Azure's error, the gateway table's columns."""
        shape = shape_of(probe)
        form, columns = shape.form, shape.columns
        if columns >= azure_gateway.COLUMNS and columns & set(azure_gateway.MESSAGES):
            return Recognition(f"azure.gateway_llm_log/{form}", "columns of ApiManagementGatewayLlmLog")
        if form not in {"jsonl", "json", "object"} or columns & OTHERS:
            return None
        if SAFETY in columns or SAFETY in _body(shape.first):
            return Recognition(f"azure.content_safety/{form}", f"`{SAFETY}` of Content Safety")
        is_reply = "choices" in columns and columns & set(azure_filters.SIGNS)
        if is_reply or "content_filters" in columns or _is_azure(_body(shape.first)):
            return Recognition(f"azure.openai/{form}", "replies with content filter annotations")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Every request."""
        rows = ExportedRows(path)
        log = ProductionLog(context, self.name, "Azure OpenAI")
        if rows.shape.columns >= azure_gateway.COLUMNS:
            yield from azure_gateway.read_exchanges(path, rows, log)
        else:
            yield from _requests(rows, log)
        yield from rows.anomalies()
        yield from log.closing(calls="requests")


def _body(row: dict[str, Any]) -> dict[str, Any]:
    """The reply in a record: the record itself, or what stands in it under one of the usual names."""
    if "choices" in row or "error" in row or SAFETY in row or "content_filters" in row:
        return row
    for name in BODIES:
        inner = nested(row.get(name))
        if isinstance(inner, dict):
            return inner
        if isinstance(inner, list) and any("choices" in as_dict(chunk) for chunk in inner[:MAX_CHUNKS]):
            return _merged([as_dict(chunk) for chunk in inner[:MAX_CHUNKS]])
    return row


def _is_azure(body: dict[str, Any]) -> bool:
    error = as_dict(body.get("error"))
    choices = as_list(body.get("choices"))
    return (
        bool(body.keys() & set(azure_filters.SIGNS))
        or "innererror" in error
        or any(azure_filters.results_of(choice) is not None for choice in choices[:10])
    )


def _requests(rows: ExportedRows, log: ProductionLog) -> Iterator[Observation]:
    """Replies as they come; chunks are gathered by their id."""
    streams: OrderedDict[str, tuple[str, list[dict[str, Any]]]] = OrderedDict()
    headless: tuple[str, dict[str, Any]] | None = None
    for locator, row in rows:
        if row.get("object") == CHUNK or (row.get("choices") == [] and not row.get("id")):
            key = as_text(row.get("id"))
            if not key:
                if headless is not None:
                    yield _request(headless[1], headless[0], log)
                headless = (locator, row)
                continue
            if key not in streams:
                place, first = (headless[0], [headless[1]]) if headless is not None else (locator, [])
                headless = None
                streams[key] = (place, first)
            chunks = streams[key][1]
            if len(chunks) < MAX_CHUNKS:
                chunks.append(row)
            if len(streams) > MAX_OPEN:
                place, oldest = streams.popitem(last=False)[1]
                yield _request(_merged(oldest), place, log)
            continue
        yield _request(row, locator, log)
    for place, chunks in streams.values():
        yield _request(_merged(chunks), place, log)
    if headless is not None:
        yield _request(headless[1], headless[0], log)


def _merged(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The chunks of one stream as one reply: first what every chunk says, then the annotations of all."""
    reply = reply_of(chunks)
    found: dict[str, Any] = {"object": CHUNK}
    choices: list[dict[str, Any]] = [
        {
            "finish_reason": reply.finish,
            "message": {"content": reply.text, "refusal": reply.refusal, "tool_calls": reply.has_tool_calls},
        }
    ]
    prompts: list[Any] = []
    for chunk in chunks:
        for name in ("id", "model", "created", "error"):
            found[name] = found.get(name) or chunk.get(name)
        for key in azure_filters.PROMPT_KEYS:
            prompts += as_list(chunk.get(key))
        for choice in as_list(chunk.get("choices")):
            results = azure_filters.results_of(choice)
            if results:
                choices.append({"content_filter_results": results})
    annotated = {azure_filters.PROMPT_KEYS[0]: prompts} if prompts else {}
    return {**found, "choices": choices, **annotated}


def _request(raw: dict[str, Any], locator: str, log: ProductionLog) -> Observation:
    log.screen(raw)
    body = _body(raw)
    is_wrapped = body is not raw
    if SAFETY in body:
        return _analysis(raw, body, locator, log)
    error = as_dict(body.get("error"))
    reply = reply_of(body) if not error else reply_of(None)
    status = next((raw[name] for name in STATUSES if is_wrapped and raw.get(name) is not None), None)
    is_filtered = azure_filters.is_filter_code(error)
    asked = as_dict(nested(raw.get("request"))) if is_wrapped else {}
    own = next((as_text(raw[name]) for name in IDS if is_wrapped and raw.get(name)), "")
    written = next((raw[name] for name in TIMES if is_wrapped and raw.get(name) is not None), None)
    message = error.get("message")
    return log.observation(
        raw,
        locator=locator,
        sample_id=as_text(body.get("id")) or own,
        signals=Signals(
            finish=reply.finish,
            refusal=reply.refusal,
            is_filtered=is_filtered,
            is_failed=bool(error) and not is_filtered,
            http_status=_status(status if status is not None else error.get("status")),
            has_response=False if error else reply.is_answered or None,
            guards=azure_filters.guards_of(body),
        ),
        time=written if written is not None else body.get("created"),
        model=as_text(body.get("model") or asked.get("model") or raw.get("model") or raw.get("deployment")),
        endpoint=as_text(raw.get("endpoint") or raw.get("path") or raw.get("operation")) or None,
        prompt=prompt_of(asked) or prompt_of(raw.get("messages")),
        response=reply.text,
        error_text=message if isinstance(message, str) else None,
    )


def _analysis(
    raw: dict[str, Any], body: dict[str, Any], locator: str, log: ProductionLog
) -> Observation:
    """One Content Safety analysis: severities without a scale, so no verdict follows from them."""
    log.note("units-uncertain", "severities whose scale (0 to 6 or 0 to 7) the record does not name")
    scores = []
    for one in map(as_dict, as_list(body.get(SAFETY))[:100]):
        value = one.get("severity")
        name = as_text(one.get("category"))[:60] or "severity"
        state = "scored" if as_number(value) is not None else "unscored"
        scores.append(Score("content safety", name, raw_text(value), as_number(value), state))
    is_listed = bool(as_list(body.get("blocklistsMatch")))
    written = next((raw[name] for name in TIMES if raw.get(name) is not None), None)
    own = next((as_text(raw[name]) for name in IDS if raw.get(name)), "")
    record = {**raw, "scores": {score.metric: score.value for score in scores}}
    return log.observation(
        record,
        locator=locator,
        sample_id=own,
        signals=Signals(guards=(Guard("blocklist", "flag"),) if is_listed else ()),
        is_call=False,
        time=written,
        endpoint="content safety",
        prompt=prompt_of(nested(raw.get("request"))) if raw.get("request") else None,
        scores=scores,
    )


def _status(raw: Any) -> int | None:
    number = number_of(raw.strip()) if isinstance(raw, str) else as_number(raw)
    return int(number) if number is not None and 100 <= number < 600 else None
