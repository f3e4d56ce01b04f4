"""What a model replied, out of the shapes in which providers and tracers write a reply down.

A reply's refusal is a field only in some of these shapes, and tracers bury it in a text of JSON: whatever
looks like one is opened. A plain text is the reply itself and says nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditgen.sources.exported_rows import nested
from auditgen.sources.jsontext import as_dict, as_list, as_text

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PARTS = 10_000


@dataclass(slots=True)
class Reply:
    """The parts of a reply that matter here; None where it does not say. Filled in while it is read."""

    text: str | None = None
    finish: str | None = None
    """The finish or stop reason as written."""
    refusal: str | None = None
    """The text of a refusal field."""
    model: str = ""
    native_id: str = ""
    is_known: bool = False
    """Whether it was a shape that says more than a text does."""
    has_tool_calls: bool = False

    @property
    def is_answered(self) -> bool:
        """Whether the model said or did anything."""
        return bool(self.text) or bool(self.refusal) or self.has_tool_calls


def reply_of(value: Any, depth: int = 0) -> Reply:
    """The reply in `value`: an object, a list of chunks or messages, a text, or JSON as a text."""
    value = nested(value)
    if isinstance(value, str):
        return Reply(text=value or None)
    if isinstance(value, list):
        return _of_list(value, depth)
    if not isinstance(value, dict):
        return Reply()
    about = Reply(model=_text(value.get("model")) or "", native_id=_text(value.get("id")) or "")
    if depth > 4:
        return about
    found = _of_object(value, depth)
    found.model = found.model or about.model
    found.native_id = found.native_id or about.native_id
    return found


def _of_object(value: dict[str, Any], depth: int) -> Reply:
    if "choices" in value:
        return _of_choices(as_list(value["choices"]))
    if isinstance(value.get("candidates"), list):
        return _of_candidates(value["candidates"])
    if isinstance(value.get("generations"), list):  # LangChain: a list of lists, one for each prompt
        return _of_generations(value["generations"], depth)
    if isinstance(value.get("output"), list):  # OpenAI's Responses
        return _of_outputs(value)
    if isinstance(value.get("output"), dict) and "message" in value["output"]:  # Bedrock's Converse
        message = _of_message(as_dict(value["output"]["message"]))
        message.finish = _text(value.get("stopReason"))
        return message
    if isinstance(value.get("message"), dict):  # Ollama, and choices taken out of their list
        message = _of_message(value["message"])
        finish = _text(value.get("finish_reason")) or _text(value.get("done_reason"))
        message.finish = finish or message.finish
        return message
    if isinstance(value.get("kwargs"), dict) and isinstance(value.get("lc"), int):  # LangChain, serialised
        return _of_message(value["kwargs"])
    if {"content", "refusal", "stop_reason", "role"} & value.keys():
        return _of_message(value)
    for name in ("output", "response", "result", "completion", "text"):
        if name in value:
            inner = reply_of(value[name], depth + 1)
            if inner.text is not None or inner.is_known:
                return inner
    return Reply()


def _of_message(message: dict[str, Any]) -> Reply:
    text, refusal = content_of(message.get("content"))
    own = _text(message.get("refusal")) or _text(as_dict(message.get("additional_kwargs")).get("refusal"))
    meta = as_dict(message.get("response_metadata"))
    finish = message.get("stop_reason") or meta.get("finish_reason") or meta.get("stop_reason")
    return Reply(
        text=text,
        finish=_text(finish) or _text(message.get("finish_reason")),
        refusal=own or refusal,
        model=_text(meta.get("model_name")) or "",
        is_known=True,
        has_tool_calls=bool(message.get("tool_calls") or message.get("function_call")),
    )


def _of_choices(choices: list[Any]) -> Reply:
    """The first choice; a refusal in any of them is one. Chunks of a stream have `delta`."""
    found: Reply | None = None
    for choice in map(as_dict, choices[:MAX_PARTS]):
        part = _of_message(as_dict(choice.get("message") or choice.get("delta")))
        if part.text is None:
            part.text = _text(choice.get("text"))
        part.finish = _text(choice.get("finish_reason"))
        if found is None:
            found = part
        elif part.refusal and not found.refusal:
            found.refusal = part.refusal
    return found or Reply(is_known=True)


def _of_candidates(candidates: list[Any]) -> Reply:
    first = as_dict(candidates[0]) if candidates else {}
    text, refusal = content_of(as_dict(first.get("content")).get("parts"))
    finish = _text(first.get("finishReason")) or _text(first.get("finish_reason"))
    return Reply(text=text, finish=finish, refusal=refusal, is_known=True)


def _of_generations(generations: list[Any], depth: int) -> Reply:
    first = generations[0] if generations else None
    if isinstance(first, list):
        first = first[0] if first else None
    first = as_dict(first)
    inner = reply_of(first.get("message"), depth + 1) if first.get("message") else Reply()
    info = as_dict(first.get("generation_info"))
    finish = _text(info.get("finish_reason")) or _text(info.get("stop_reason")) or inner.finish
    if inner.text is None:
        inner.text = _text(first.get("text"))
    inner.finish, inner.is_known = finish, bool(first)
    return inner


def _of_outputs(value: dict[str, Any]) -> Reply:
    """OpenAI's Responses: items of which the messages hold parts; cut answers say why."""
    texts: list[str] = []
    refusal = None
    has_calls = False
    for item in map(as_dict, value["output"][:MAX_PARTS]):
        if item.get("type") in (None, "message"):
            text, refused = content_of(item.get("content"))
            texts += [text] if text else []
            refusal = refusal or refused
        has_calls = has_calls or as_text(item.get("type")).endswith("_call")
    reason = _text(as_dict(value.get("incomplete_details")).get("reason"))
    finish = {"max_output_tokens": "length"}.get(reason or "", reason)
    if finish is None and value.get("status") == "completed":
        finish = "stop"
    return Reply("\n".join(texts) or None, finish, refusal, is_known=True, has_tool_calls=has_calls)


def _of_list(parts: list[Any], depth: int) -> Reply:
    """Chunks of one streamed reply, or messages of which the last one by the model is the reply."""
    found = Reply()
    texts: list[str] = []
    refusals: list[str] = []
    is_chunked = False
    for part in map(nested, parts[:MAX_PARTS]):
        if not isinstance(part, dict):
            continue
        inner = reply_of(part, depth + 1) if depth <= 4 else Reply()
        is_chunk = any(isinstance(as_dict(c).get("delta"), dict) for c in as_list(part.get("choices")))
        is_chunked = is_chunked or is_chunk
        if not is_chunked and part.get("role") in ("user", "system", "tool", "developer"):
            continue
        if is_chunked:
            texts += [inner.text] if inner.text else []
            refusals += [inner.refusal] if inner.refusal else []
        elif inner.is_known:
            texts, refusals = [inner.text or ""], [inner.refusal or ""]
        found = Reply(
            finish=inner.finish or (found.finish if is_chunked else None),
            model=found.model or inner.model,
            native_id=found.native_id or inner.native_id,
            is_known=found.is_known or inner.is_known,
            has_tool_calls=found.has_tool_calls or inner.has_tool_calls,
        )
    found.text, found.refusal = "".join(texts) or None, "".join(refusals) or None
    return found


def content_of(content: Any) -> tuple[str | None, str | None]:
    """The text and the refusal in a message's content: a text, or a list of parts."""
    if isinstance(content, str):
        return content, None
    texts: list[str] = []
    refusals: list[str] = []
    for part in as_list(content)[:MAX_PARTS]:
        if isinstance(part, str):
            texts.append(part)
        elif not isinstance(part, dict):
            continue
        elif part.get("type") == "refusal":
            refusals += [part["refusal"]] if isinstance(part.get("refusal"), str) else []
        elif isinstance(part.get("text"), str):
            texts.append(part["text"])
    return "\n".join(texts) if texts else None, "\n".join(refusals) if refusals else None


def prompt_of(value: Any) -> str | None:
    """The last thing a user said, or the whole of a plain prompt."""
    value = nested(value)
    if isinstance(value, str):
        return value or None
    if isinstance(value, dict):
        for name in ("messages", "input", "contents", "prompt", "inputText", "prompts"):
            if value.get(name):
                return prompt_of(value[name])
        return content_of(value.get("content") or value.get("parts"))[0]
    if not isinstance(value, list):
        return None
    if value and isinstance(value[0], list):  # LangChain: one list of messages for each prompt
        value = value[0]
    texts = list(_said_by_user(value))
    if texts:
        return texts[-1]
    return content_of(value)[0]


def _said_by_user(turns: Iterable[Any]) -> Iterable[str]:
    for turn in map(as_dict, turns):
        kwargs = as_dict(turn.get("kwargs"))  # LangChain, serialised: the class says who speaks
        role = turn.get("role") or turn.get("type") or kwargs.get("type")
        if role in ("user", "human"):
            text = content_of(turn.get("content") or turn.get("parts") or kwargs.get("content"))[0]
            if text is not None:
                yield text


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


_FILTER_CODES = re.compile(
    r"\b(?:content_filter|ResponsibleAIPolicyViolation|content_policy_violation|ContentPolicyViolation(?:Error)?"
    r"|GuardrailRaisedException|BlockedPiiEntityError|guardrail_intervened|PROMPT_THREAT_DETECTED)\b"
)


def is_filter_error(text: Any) -> bool:
    """Whether an error quotes a provider's code for a content filter; the words around it are not read."""
    return isinstance(text, str) and _FILTER_CODES.search(text) is not None
