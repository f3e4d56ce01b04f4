"""Conversations in PyRIT's memory: with which message an attack ended, and what that one answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditgen.canonical import sha256_bytes
from auditgen.sources.jsontext import as_count, as_dict, as_list, as_text, loads
from auditgen.sources.tally import Tally

if TYPE_CHECKING:
    from auditgen.sources.sqlite import Database

MESSAGES = "PromptMemoryEntries"
PLACE_COLUMNS = ("id", "role", "sequence", "response_error")
MESSAGE_COLUMNS = (
    *PLACE_COLUMNS, "converter_identifiers", "original_value_data_type", "original_value",
    "original_value_sha256", "converted_value_data_type", "converted_value", "converted_value_sha256",
)  # fmt: skip
FAILED_RESPONSE = {"processing", "unknown"}
MAX_TURNS, MAX_PIECES = 1000, 20


@dataclass(frozen=True)
class Turn:
    """The message an attack ended with, and what it answered."""

    response: dict[str, Any]
    prompts: list[dict[str, Any]]
    has_answer: bool
    """Whether the model answered at all in this conversation."""


class Turns:
    """Finds the turns of attacks, and keeps count of what is wrong with their texts."""

    def __init__(self) -> None:
        self.referenced = Tally()
        """Conversations that an attack names."""
        self.changed = 0
        """Texts that do not fit the digest beside them."""
        self.nonfinite = 0

    def of(self, database: Database, row: dict[str, Any]) -> Turn:
        """The last response as the attack names it, else as its conversation has it."""
        conversation, named = row.get("conversation_id"), row.get("last_response_id")
        response: dict[str, Any] = {}
        if isinstance(named, str):
            found = database.find(MESSAGES, MESSAGE_COLUMNS, {"id": named})
            response = found[0][1] if found else {}
        places: list[dict[str, Any]] = []
        if isinstance(conversation, str):
            where = {"conversation_id": conversation}
            places = [p for _, p in database.find(MESSAGES, PLACE_COLUMNS, where, MAX_TURNS)]
        answers = [p for p in places if p.get("role") == "assistant"]
        has_answer = any(p.get("response_error") not in FAILED_RESPONSE for p in answers)
        end = as_count(response.get("sequence")) if response else None
        if not response and answers:
            answers.sort(key=_sequence)
            found = database.find(MESSAGES, MESSAGE_COLUMNS, {"id": answers[-1].get("id")})
            if found and row.get("outcome") == "error":
                response = found[0][1]
                end = _sequence(response)
        before = [p for p in places if p.get("role") == "user" and (end is None or _sequence(p) < end)]
        turn = max((_sequence(p) for p in before), default=None)
        pieces = [p for p in before if _sequence(p) == turn][:MAX_PIECES]
        prompts = [
            message
            for piece in pieces
            for _, message in database.find(MESSAGES, MESSAGE_COLUMNS, {"id": piece.get("id")})
        ]
        for message in (response, *prompts):
            for value in ("original_value", "converted_value"):
                if message.get(f"{value}_data_type") in {"text", "error"}:
                    self.note_digest(message.get(value), message.get(f"{value}_sha256"))
        for name in (conversation, *self._ids(row, "pruned"), *self._ids(row, "adversarial_chat")):
            if isinstance(name, str):
                self.referenced[name] = 1
        return Turn(response, prompts, has_answer)

    def _ids(self, row: dict[str, Any], which: str) -> list[Any]:
        return as_list(self.opened(row.get(f"{which}_conversation_ids")))

    def converters(self, turn: Turn) -> list[str]:
        """What changed the text of a prompt, in order, each once."""
        names: dict[str, None] = {}
        for message in turn.prompts:
            for item in as_list(self.opened(message.get("converter_identifiers")))[:MAX_PIECES]:
                names[as_text(as_dict(item).get("class_name")) or "a converter"] = None
        return list(names)

    def note_digest(self, value: Any, digest: Any) -> None:
        """PyRIT writes each text's SHA-256 beside it: a text changed later does not fit."""
        if isinstance(value, str) and isinstance(digest, str) and digest:
            self.changed += sha256_bytes(value.encode("utf-8", "surrogatepass")) != digest

    def opened(self, value: Any) -> Any:
        """What a column of JSON holds, None when it holds none."""
        if not isinstance(value, str):
            return None
        try:
            read, nonfinite = loads(value.encode("utf-8", "surrogatepass"))
        except ValueError:
            return None
        self.nonfinite += nonfinite
        return read


def text_of(message: dict[str, Any], value: str) -> str | None:
    """A message's text; a file or an error in its place is none."""
    text = message.get(value)
    return text if message.get(f"{value}_data_type") == "text" and isinstance(text, str) else None


def asked(turn: Turn, value: str) -> str | None:
    """What was sent, `original_value` or `converted_value`; None where no part of it is text."""
    texts = [text for m in turn.prompts if (text := text_of(m, value)) is not None]
    return "\n".join(texts) if texts else None


def _sequence(place: dict[str, Any]) -> int:
    return as_count(place.get("sequence")) or 0
