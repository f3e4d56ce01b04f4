"""OpenInference's attributes (Phoenix, Arize): messages by number, and values that are JSON as text.

Its instrumentation of OpenAI drops `message.refusal`: only the reply in `output.value` still has it. In
OTLP messages are single attributes (`llm.output_messages.0.message.content`), in Phoenix's tables lists.
"""

from __future__ import annotations

from typing import Any

from auditgen.sources.exported_rows import nested
from auditgen.sources.jsontext import as_dict, as_list

MAX_MESSAGES = 2000
MAX_PARTS = 200
_PARTS = ("role", "content", "refusal", "name")


def messages(attributes: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    """The messages below `llm.input_messages` or `llm.output_messages`, as `{role, content}`."""
    listed = nested(attributes.get(prefix))
    if isinstance(listed, list):
        return [_of_object(as_dict(item)) for item in listed[:MAX_MESSAGES]]
    if f"{prefix}.0.message.role" not in attributes and f"{prefix}.0.message.content" not in attributes:
        return []
    out = []
    for number in range(MAX_MESSAGES):
        start = f"{prefix}.{number}.message."
        message = {part: attributes[start + part] for part in _PARTS if start + part in attributes}
        texts = []
        for part in range(MAX_PARTS):
            name = f"{start}contents.{part}.message_content."
            if name + "type" not in attributes and name + "text" not in attributes:
                break
            if isinstance(attributes.get(name + "text"), str):
                texts.append(attributes[name + "text"])
        if texts and "content" not in message:
            message["content"] = "\n".join(texts)
        if not message:
            break
        out.append(message)
    return out


def _of_object(item: dict[str, Any]) -> dict[str, Any]:
    """A message of a table: keys `message.role`, or an inner object `message`."""
    inner = as_dict(item.get("message"))
    message = {part: item.get(f"message.{part}", inner.get(part)) for part in _PARTS}
    if message["content"] is None:
        contents = as_list(item.get("message.contents", inner.get("contents")))[:MAX_PARTS]
        texts = [as_dict(part).get("message_content.text") for part in contents]
        texts += [as_dict(as_dict(part).get("message_content")).get("text") for part in contents]
        found = [text for text in texts if isinstance(text, str)]
        message["content"] = "\n".join(found) if found else None
    return {part: value for part, value in message.items() if value is not None}


def text(said: list[dict[str, Any]]) -> str | None:
    """The texts of messages."""
    found = [message["content"] for message in said if isinstance(message.get("content"), str)]
    return "\n".join(found) or None


def refusal(said: list[dict[str, Any]]) -> str | None:
    """The refusals of messages, from instrumentations that keep them."""
    found = [message["refusal"] for message in said if isinstance(message.get("refusal"), str)]
    return "\n".join(found) or None


def asked(raw: Any) -> str | None:
    """What the user said in `input.value`: a request as JSON, or the text itself."""
    value = nested(raw)
    if isinstance(value, str):
        return value or None
    turns = [as_dict(turn) for turn in as_list(as_dict(value).get("messages"))[:MAX_MESSAGES]]
    said = [turn.get("content") for turn in turns if turn.get("role") == "user"]
    found = [content for content in said if isinstance(content, str)]
    return "\n".join(found) or None


def evaluation(attributes: dict[str, Any]) -> dict[str, Any]:
    """What an EVALUATOR's span says: label, score and explanation out of `output.value`."""
    value = as_dict(nested(attributes.get("output.value")))
    return {name: value[name] for name in ("label", "score", "explanation") if name in value}
