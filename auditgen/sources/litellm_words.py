"""LiteLLM's vocabulary: statuses of guardrails, kinds of calls, errors that are blocks.

Taken from litellm 1.106.2 (`types/utils.py`, `types/guardrails.py`, `error_normalization.py`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from auditgen.sources import bedrock_guardrails
from auditgen.sources.jsontext import as_dict, as_list, as_number
from auditgen.sources.outcomes import Guard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditgen.sources.outcomes import Normaliser

STATUSES: Mapping[str, str | None] = {
    "success": "allow",
    "guardrail_flagged": "flag",
    "guardrail_intervened": "intervened",
    "guardrail_failed_to_respond": "error",
    "not_run": None,
}
"""`guardrail_intervened` means *blocked or modified*: which of the two, other fields say or nothing does."""
STAGES = {
    "pre_call": "input", "during_call": "input", "pre_mcp_call": "input", "during_mcp_call": "input",
    "realtime_input_transcription": "input", "post_call": "output", "post_mcp_call": "output",
}  # fmt: skip
LOGGING_ONLY = "logging_only"
BLOCKING_ERRORS = {
    "ContentPolicyViolationError", "GuardrailRaisedException", "BlockedPiiEntityError",
    "ModifyResponseException", "GuardrailInterventionNormalStringError",
}  # fmt: skip
REJECTED, FAILED = "rejected", "failed"
REJECTIONS = {400, 403, 422, 451}
BLOCKED_CODE = "CONTENT_POLICY_VIOLATION"
CALLS = {
    "completion", "acompletion", "text_completion", "atext_completion", "responses", "aresponses",
    "_aresponses_websocket", "anthropic_messages", "aanthropic_messages", "generate_content",
    "agenerate_content", "generate_content_stream", "agenerate_content_stream", "pass_through_endpoint",
    "llm_passthrough_route", "allm_passthrough_route", "_arealtime", "asend_message", "send_message",
    "create_interaction", "acreate_interaction", "run_thread", "arun_thread", "run_thread_stream",
    "arun_thread_stream", "",
}  # fmt: skip
"""Calls of a model that answers in words; a call that failed early has no kind."""
_OTHERS = re.compile(
    r"a?_?(?:embedding|moderation|speech|transcription|rerank|ocr|search|ingest|query|run_code|add_message"
    r"|code_interpreter_tool|call_mcp_tool|list_mcp_tools|image_(?:generation|edit)|file_\w+|video_\w+"
    r"|vector_store_\w+|(?:create|retrieve|cancel|list|delete|upload|get)_(?:batch|file|fine_tuning_jobs?"
    r"|containers?|container_files?|sandbox|skill|thread|messages|assistants?|input_items|video))"
    r"|passthrough-image-generation"
)


def is_call(kind: str, words: Normaliser) -> bool:
    """Whether a row is a call of such a model. A kind that nobody knows is one, so that no call is lost."""
    if kind in CALLS:
        return True
    if _OTHERS.fullmatch(kind):
        return False
    words.word("call_type", kind, {})
    return True


def guards_of(information: Any, status: Any, *, failure: str, words: Normaliser) -> tuple[Guard, ...]:
    """The guards of one request: a list, one object (older versions), or only the summary in `status`."""
    entries = information if isinstance(information, list) else [information] if information else []
    guards = [
        guard
        for entry in entries
        if (guard := _guard(as_dict(entry), failure=failure, words=words)) is not None
    ]
    if guards or entries or not isinstance(status, str):
        return tuple(guards)
    summary = {"guardrail_name": "summary", "guardrail_status": status}
    guard = _guard(summary, failure=failure, words=words)
    return () if guard is None else (guard,)


def _guard(entry: dict[str, Any], *, failure: str, words: Normaliser) -> Guard | None:
    raw = entry.get("guardrail_status")
    word = words.word("guardrail_status", raw if isinstance(raw, str) else None, STATUSES)
    if word is None:
        return None
    name = entry.get("guardrail_name")
    name = name[:60] if isinstance(name, str) else ""
    modes = _modes(entry.get("guardrail_mode"))
    stages = {STAGES.get(mode) for mode in modes}
    stage = next(iter(stages)) if len(stages) == 1 else None
    is_watching = modes == {LOGGING_ONLY}
    masked = sum(as_number(n) or 0 for n in as_dict(entry.get("masked_entity_count")).values())
    match word:
        case "intervened" if is_watching:
            return Guard(name, "flag", "pass", stage)
        case "intervened" if failure == REJECTED and not masked:
            return Guard(name, "deny", "block", stage)
        case "intervened":
            return _intervened(entry, name, stage, is_masked=masked > 0, words=words)
        case "error":
            return Guard(name, "error", None if failure else "pass", stage)
        case "allow" if masked > 0 and not is_watching:
            return Guard(name, "modify", "modify", stage)
        case _:
            return Guard(name, word, "pass", stage)


def _intervened(
    entry: dict[str, Any], name: str, stage: str | None, *, is_masked: bool, words: Normaliser
) -> Guard:
    """An intervention in a request that was not rejected: masked, or answered with a canned text."""
    response = entry.get("guardrail_response")
    for result in response if isinstance(response, list) else [response]:
        for guard in bedrock_guardrails.guards_of_result(result, stage, words):
            if guard.action in {"block", "modify"}:
                return Guard(name, guard.verdict, guard.action, stage)
    if is_masked:
        return Guard(name, "modify", "modify", stage)
    return Guard(name, "flag", None, stage)


def _modes(raw: Any) -> set[str]:
    """`pre_call`, a list of such, or `GuardrailEventHooks.pre_call` where Python wrote the word."""
    if isinstance(raw, dict):
        raw = raw.get("default")
    many = as_list(raw) or [raw]
    return {mode.rpartition(".")[2] for mode in many if isinstance(mode, str)}


def failure_of(error: dict[str, Any], status: int | None, *, has_failed: bool) -> str:
    """Why a call failed: `REJECTED` where what was asked is the reason, `FAILED` for any other; else nothing.

    Guardrails of the proxy raise plain HTTP errors, mostly 400: whether one of them did, its record says.
    """
    if not has_failed:
        return ""
    return REJECTED if is_block(error) or status in REJECTIONS else FAILED


def is_block(error: dict[str, Any]) -> bool:
    """Whether the error is a guardrail's or a content filter's, and not a failure."""
    code = error.get("normalized_error")
    is_coded = isinstance(code, str) and code.endswith(BLOCKED_CODE)
    name = error.get("error_class")
    return is_coded or (isinstance(name, str) and name in BLOCKING_ERRORS)
