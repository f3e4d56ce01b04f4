"""What one span says: a request to a model, a guardrail, an evaluator, or something else.

Names are looked for in the order of the scope's schema (`otlp_names`); what two generations tell
differently in one span is named. A request's answer is in its attributes, in its events, or not kept at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditgen.sources import openinference
from auditgen.sources.chat_reply import is_filter_error, reply_of
from auditgen.sources.exported_rows import nested
from auditgen.sources.jsontext import as_dict, as_list, as_number, as_text
from auditgen.sources.otlp_guards import GUARD_KEYS, has_guard
from auditgen.sources.otlp_names import (
    COUNT_NAMES,
    EVALUATION_EVENT,
    EVALUATOR,
    GUARDRAIL,
    HTTP_NAMES,
    KINDS,
    MESSAGE_EVENTS,
    NO_OPERATION,
    OPERATIONS,
    OTHER,
    RATE_NAMES,
    REQUEST,
    ROUTE_NAMES,
    WEIGHTY,
    first_text,
    name_index,
)
from auditgen.sources.otlp_spans import ERROR, whole
from auditgen.sources.outcomes import FINISH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditgen.sources.otlp_spans import Span
    from auditgen.sources.outcomes import Normaliser

MAX_MESSAGES = 2000
MAX_ENDPOINT = 200
_KIND = "openinference.span.kind"
_HTTP_KEYS = frozenset((*HTTP_NAMES, *ROUTE_NAMES))
_RATE_KEYS = frozenset((*RATE_NAMES, *COUNT_NAMES))
_INDEXED_PROMPT = frozenset(("gen_ai.prompt.0.role", "gen_ai.prompt.0.content"))
_INDEXED_ANSWER = frozenset(("gen_ai.completion.0.role", "gen_ai.completion.0.content"))
_UNUSUAL = frozenset(
    (*_HTTP_KEYS, *GUARD_KEYS, *_INDEXED_PROMPT, *_INDEXED_ANSWER, _KIND, "error.type", "exception.type")
)
"""What most requests do not have; one look tells."""
_NO_KIND = frozenset(("", "UNKNOWN"))
"""Kinds that say nothing: Phoenix gives them to the spans of other instrumentations."""
_ANSWERED = frozenset(("finish", "output", "response_id", "output_tokens"))
"""Fields that only a request to a model has."""
_LLM_KEYS = frozenset(
    ("llm.model_name", "llm.output_messages", "llm.output_messages.0.message.role", "llm.finish_reason",
     "llm.output_messages.0.message.content", "llm.token_count.completion")
)  # fmt: skip
_PARTS = ("role", "content", "finish_reason", "refusal")


@dataclass(slots=True)
class Call:
    """What matters of a span, in one vocabulary."""

    kind: str = OTHER
    operation: str = NO_OPERATION
    model: str = ""
    response_id: str = ""
    finish: str | None = None
    refusal: str | None = None
    prompt: str | None = None
    response: str | None = None
    has_response: bool | None = None
    error_type: str = ""
    is_filtered: bool = False
    """Whether an error quotes a content filter's code."""
    http_status: int | None = None
    endpoint: str | None = None
    conflicts: tuple[str, ...] = ()
    """Fields that two generations of names tell differently."""
    is_mixed: bool = False
    """Whether several choices ended in different ways: no single finish reason is true."""
    is_usual: bool = False
    """Whether the span has none of the attributes that most spans do not have, such as a guardrail's."""


def call_of(span: Span, normaliser: Normaliser) -> Call:
    """The reading of one span. Words nobody knows are counted by `normaliser`."""
    attributes = span.attributes
    is_usual = _UNUSUAL.isdisjoint(attributes)
    kind = None if is_usual else attributes.get(_KIND)
    if type(kind) is str and kind.upper() not in _NO_KIND:
        call = _openinference(span, kind, normaliser)
    else:
        call = _genai(attributes, span.origin.schema_url, normaliser, is_usual=is_usual)
        if type(kind) is str and call.kind == OTHER:
            call = _openinference(span, kind, normaliser)
        elif call.kind == REQUEST and span.events:
            _texts_of_events(span, call)
    call.is_usual = is_usual
    if not is_usual and ("error.type" in attributes or "exception.type" in attributes):
        call.error_type = first_text(attributes, ("error.type", "exception.type"))
    if call.kind == REQUEST:
        if call.error_type or span.status == ERROR:
            call.is_filtered = any(is_filter_error(text) for text in _error_texts(span, call))
        if not is_usual and not _HTTP_KEYS.isdisjoint(attributes):
            _set_http(call, attributes)
        call.endpoint = (call.endpoint or call.operation)[:MAX_ENDPOINT]
    return call


def _set_http(call: Call, attributes: dict[str, Any]) -> None:
    for name in HTTP_NAMES:
        status = whole(attributes.get(name))
        if 100 <= status < 600:
            call.http_status = status
            break
    call.endpoint = first_text(attributes, ROUTE_NAMES) or call.endpoint


def _genai(attributes: dict[str, Any], schema_url: str, normaliser: Normaliser, *, is_usual: bool) -> Call:
    call = Call()
    found: dict[str, Any] = {}
    index = name_index(schema_url)
    ranks: dict[str, int] = {}
    for key, value in attributes.items():
        fields = index.get(key)
        if fields is None or value is None or value == "" or value == []:
            continue
        for field, rank in fields:
            known = ranks.get(field)
            if known is not None and field in WEIGHTY and _plain(field, value) != _plain(field, found[field]):
                call.conflicts = (*call.conflicts, field)
            if known is None or rank < known:
                found[field], ranks[field] = value, rank
    _set_kind(call, found, attributes, normaliser)
    if call.kind != REQUEST:
        return call
    call.model = as_text(found.get("response_model") or found.get("request_model"))
    call.response_id = as_text(found.get("response_id"))
    _set_finish(call, found.get("finish"))
    if "output" in found:
        _set_output(call, found["output"])
    if "input" in found:
        call.prompt = _asked(messages_of(found["input"]))
    if not is_usual and not _INDEXED_PROMPT.isdisjoint(attributes):
        call.prompt = _asked(_indexed(attributes, "gen_ai.prompt")) or call.prompt
    if not is_usual and not _INDEXED_ANSWER.isdisjoint(attributes):
        _set_output(call, _indexed(attributes, "gen_ai.completion"))
    _set_answered(call, found.get("output_tokens"))
    return call


def _set_kind(call: Call, found: dict[str, Any], attributes: dict[str, Any], normaliser: Normaliser) -> None:
    operation = found.get("operation")
    if type(operation) is str:
        call.operation = operation[:60]
        known = normaliser.word("gen_ai.operation.name", operation.lower(), OPERATIONS)
        call.kind = known or OTHER
        if known == OTHER and has_guard(attributes):
            call.kind = GUARDRAIL
        elif known is None and not _ANSWERED.isdisjoint(found):  # an unknown word must hide no request
            call.kind = REQUEST
    elif has_guard(attributes):
        call.kind, call.operation = GUARDRAIL, "guardrail"
    elif "finish" in found or "output" in found or "gen_ai.completion.0.role" in attributes:
        call.kind, call.operation = REQUEST, "(not named)"


def _openinference(span: Span, kind: str, normaliser: Normaliser) -> Call:
    attributes = span.attributes
    known = normaliser.word(_KIND, kind.upper(), KINDS)
    if known is None or kind.upper() in _NO_KIND:
        known = OTHER if _LLM_KEYS.isdisjoint(attributes) else REQUEST
    call = Call(kind=known, operation=kind.upper()[:60], endpoint=span.name or None)
    if known == OTHER and has_guard(attributes):
        call.kind = GUARDRAIL
    if known != REQUEST:
        return call
    reply = reply_of(attributes.get("output.value"))
    said = openinference.messages(attributes, "llm.output_messages")
    model = attributes.get("llm.model_name") or attributes.get("gen_ai.response.model") or reply.model
    call.model = as_text(model)
    call.response_id = as_text(attributes.get("gen_ai.response.id")) or reply.native_id
    _set_finish(call, attributes.get("llm.finish_reason"))
    if call.finish is None and not call.is_mixed:
        call.finish = reply.finish
    elif call.finish is not None:
        _compare_finish(call, [reply.finish])
    call.refusal = openinference.refusal(said) or reply.refusal
    call.response = openinference.text(said) or (reply.text if reply.is_known or not said else None)
    call.prompt = _asked(openinference.messages(attributes, "llm.input_messages"))
    if call.prompt is None:
        call.prompt = openinference.asked(attributes.get("input.value"))
    _set_answered(call, attributes.get("llm.token_count.completion"))
    return call


def messages_of(raw: Any) -> list[dict[str, Any]]:
    """Messages out of a text of JSON, a list, or a single one; a plain text is one message."""
    value = nested(raw)
    if isinstance(value, str):
        return [{"role": "", "content": value}]
    found = value if isinstance(value, list) else [value]
    return [nested(item) if isinstance(item, str) else item for item in found[:MAX_MESSAGES]]


def part_texts(message: Any) -> tuple[list[str], list[str]]:
    """The texts and the refusals of one message of the convention: parts, or older a plain content."""
    if isinstance(message, str):
        return [message], []
    message = as_dict(message)
    texts: list[str] = []
    refusals: list[str] = []
    if isinstance(message.get("refusal"), str):
        refusals.append(message["refusal"])
    inner = nested(message.get("message"))
    if isinstance(inner, dict):  # the body of `gen_ai.choice`
        texts, more = part_texts(inner)
        return texts, refusals + more
    content = nested(message.get("content"))
    if isinstance(content, str):
        texts.append(content)
    for raw in [*as_list(message.get("parts")), *as_list(content)][:MAX_MESSAGES]:
        part = as_dict(raw)
        text = part.get("content") if isinstance(part.get("content"), str) else part.get("text")
        if part.get("type") == "refusal":
            refused = part.get("refusal") or text
            refusals += [refused] if isinstance(refused, str) else []
        elif part.get("type") in ("text", None, "output_text", "input_text") and isinstance(text, str):
            texts.append(text)
    return texts, refusals


def _indexed(attributes: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    out = []
    for number in range(MAX_MESSAGES):
        start = f"{prefix}.{number}."
        message = {part: attributes[start + part] for part in _PARTS if start + part in attributes}
        if not message:
            break
        out.append(message)
    return out


def _asked(messages: Iterable[Any]) -> str | None:
    """What users said, or when no message says who spoke, everything."""
    users, others = [], []
    for message in messages:
        texts, _ = part_texts(message)
        role = as_dict(message).get("role")
        if role == "user":
            users += texts
        elif not role:
            others += texts
    found = users or others
    return "\n".join(found) if found else None


def _set_output(call: Call, raw: Any) -> None:
    texts: list[str] = []
    refusals: list[str] = []
    finishes: list[Any] = []
    for message in messages_of(raw):
        said, refused = part_texts(message)
        texts += said
        refusals += refused
        finishes.append(as_dict(message).get("finish_reason"))
    if texts:
        call.response = "\n".join(texts)
    if refusals:
        call.refusal = "\n".join(refusals)
    reasons = [finish for finish in finishes if finish]
    if call.finish is None and not call.is_mixed:
        _set_finish(call, reasons)
    elif call.finish is not None:
        _compare_finish(call, reasons)


def _set_finish(call: Call, raw: Any) -> None:
    """One finish reason; several that differ are none, because each choice ended in its own way."""
    value = nested(raw) if isinstance(raw, str) else raw
    if type(value) is list and len(value) == 1 and type(value[0]) is str and value[0]:
        (call.finish,) = value
        return
    reasons = {reason for reason in as_list(value) if isinstance(reason, str) and reason}
    if isinstance(value, str) and value:
        reasons = {value}
    if len(reasons) == 1:
        (call.finish,) = reasons
    elif reasons:
        call.is_mixed = True


def _compare_finish(call: Call, others: Iterable[Any]) -> None:
    """A second place that tells the end otherwise: which of them is true, nobody knows."""
    known = FINISH.get((call.finish or "").strip().lower())
    for other in others:
        if isinstance(other, str) and other.strip() and other != call.finish:
            meaning = FINISH.get(other.strip().lower())
            if meaning != known or meaning is None:
                call.finish, call.is_mixed = None, True
                return


def _set_answered(call: Call, tokens: Any) -> None:
    if call.response or call.refusal:
        call.has_response = True
    elif tokens is not None:
        call.has_response = whole(tokens) > 0


def _error_texts(span: Span, call: Call) -> Iterator[Any]:
    if call.error_type:
        yield call.error_type
    if span.status == ERROR:
        yield span.status_message
        for event in span.events:
            if event.name == "exception":
                yield event.attributes.get("exception.type")
                yield event.attributes.get("exception.message")


def _texts_of_events(span: Span, call: Call) -> None:
    """What older instrumentations, and some new ones, wrote into the span's events."""
    for event in span.events:
        take_event(call, event.name, event.attributes, None)


def take_event(call: Call, name: str, attributes: dict[str, Any], body: Any) -> bool:
    """Add what an event says of the request it belongs to. False when it is no such event."""
    part = MESSAGE_EVENTS.get(name)
    if part is None:
        if "gen_ai.output.messages" not in attributes and "gen_ai.input.messages" not in attributes:
            return False
        if call.prompt is None and "gen_ai.input.messages" in attributes:
            call.prompt = _asked(messages_of(attributes["gen_ai.input.messages"]))
        if call.response is None and "gen_ai.output.messages" in attributes:
            _set_output(call, attributes["gen_ai.output.messages"])
    elif part == "prompt":
        texts, _ = part_texts(_message(attributes, body, "gen_ai.prompt"))
        if texts:
            call.prompt = "\n".join(([call.prompt] if call.prompt else []) + texts)
    elif part == "response":
        before = call.response
        _set_output(call, [_message(attributes, body, "gen_ai.completion")])
        if before and call.response and before != call.response:
            call.response = f"{before}\n{call.response}"
    if call.response or call.refusal:
        call.has_response = True
    return True


def _message(attributes: dict[str, Any], body: Any, name: str) -> Any:
    body = nested(body)
    if isinstance(body, dict | str) and body:
        return body
    value = nested(attributes.get(name))
    if isinstance(value, list):
        texts = [text for message in value[:MAX_MESSAGES] for text in part_texts(message)[0]]
        return {"content": "\n".join(texts)}
    return value if value is not None else attributes


def rate_of(span: Span) -> float | None:
    """The share of requests that were kept when this one was, None where nothing says so."""
    for member in span.trace_state.split(",")[:64] if span.trace_state else ():
        key, _, value = member.strip().partition("=")
        if key == "ot":
            rate = _threshold(value)
            if rate is not None:
                return rate
    if _RATE_KEYS.isdisjoint(span.attributes):
        return None
    for name in RATE_NAMES:
        number = as_number(span.attributes.get(name))
        if number is not None and 0 < number <= 1:
            return number
    for name in COUNT_NAMES:
        number = as_number(span.attributes.get(name))
        if number is not None and 1 <= number < 2**53:
            return 1 / number
    return None


def _threshold(value: str) -> float | None:
    """OpenTelemetry's consistent sampling: `th:` rejected values of 56 bits, older `p:` a power of two."""
    for entry in value.split(";"):
        key, _, text = entry.partition(":")
        if key == "th" and 1 <= len(text) <= 14 and all(c in "0123456789abcdef" for c in text):
            return (2**56 - int(text.ljust(14, "0"), 16)) / 2**56
        if key == "p" and text.isdecimal() and text.isascii() and len(text) <= 2 and int(text) <= 62:
            return float(2.0 ** -int(text))
    return None


def _plain(field: str, value: Any) -> Any:
    """A value as two generations may write it without saying different things."""
    if field == "operation":
        return OPERATIONS.get(as_text(value).lower(), as_text(value))
    if field == "finish":
        value = nested(value)
        return sorted(map(as_text, value)) if isinstance(value, list) else [as_text(value)]
    return as_text(value)


def has_failed(span: Span) -> bool:
    """Whether the span says that its operation failed."""
    return span.status == ERROR or bool(first_text(span.attributes, ("error.type",)))


__all__ = ["EVALUATION_EVENT", "EVALUATOR", "Call", "call_of", "rate_of", "take_event"]
