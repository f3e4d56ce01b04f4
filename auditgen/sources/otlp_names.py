"""The words of OpenTelemetry's GenAI spans: three generations of attribute names, operations, guardrails.

The conventions were never stable, and no instrumentation emits only one generation of them. A scope's
schema URL says which one was meant; where it is absent or unknown all are tried, the newest first.

Sources: semantic conventions 1.26 to 1.41 (`gen_ai.*`), the GenAI repository that they moved to, the
drafts on guardrails (semantic-conventions#3233, semantic-conventions-genai#427), OpenLLMetry
(`gen_ai.prompt.N`, `llm.request.type`, `gen_ai.guardrail.status`), LiteLLM (`guardrail_status`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST, GUARDRAIL, EVALUATOR, OTHER = "request", "guardrail", "evaluator", "other"
NO_OPERATION = "(no model operation)"


@dataclass(frozen=True, slots=True)
class Generation:
    """The names of one generation, by what they hold."""

    name: str
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


COMMON = {
    "operation": ("gen_ai.operation.name",),
    "request_model": ("gen_ai.request.model",),
    "response_model": ("gen_ai.response.model",),
    "response_id": ("gen_ai.response.id",),
    "finish": ("gen_ai.response.finish_reasons",),
    "output_tokens": ("gen_ai.usage.output_tokens",),
}
GENERATIONS = (
    Generation(
        "1.37",
        COMMON
        | {
            "provider": ("gen_ai.provider.name",),
            "input": ("gen_ai.input.messages",),
            "output": ("gen_ai.output.messages",),
        },
    ),
    Generation("1.28", COMMON | {"provider": ("gen_ai.system",)}),
    Generation(
        "openllmetry",
        {
            "operation": ("llm.request.type",),
            "provider": ("gen_ai.system", "llm.vendor"),
            "request_model": ("gen_ai.request.model", "llm.request.model"),
            "response_model": ("gen_ai.response.model", "llm.response.model"),
            "response_id": ("gen_ai.response.id",),
            "finish": ("llm.response.finish_reason", "llm.response.stop_reason"),
            "output_tokens": ("gen_ai.usage.completion_tokens", "llm.usage.completion_tokens"),
            "input": ("gen_ai.prompt", "llm.prompts"),
            "output": ("gen_ai.completion", "llm.completions"),
        },
    ),
)
"""Newest first."""
WEIGHTY = ("operation", "request_model", "response_model", "response_id", "finish", "output_tokens")
"""Fields that two generations must not tell differently in one span. A provider was only renamed."""
_SCHEMA = re.compile(r"^https://opentelemetry\.io/schemas/(?:[a-z-]+/)?1\.(\d{1,3})\.\d{1,3}$")


@lru_cache(maxsize=1024)
def generations(schema_url: str) -> tuple[Generation, ...]:
    """The generations in the order in which they are to be believed."""
    newest, older, oldest = GENERATIONS
    found = _SCHEMA.match(schema_url)
    if found is None or "semantic-conventions-genai" in schema_url:
        return GENERATIONS
    minor = int(found[1])
    if minor >= 37:
        return GENERATIONS
    return (older, oldest, newest) if minor >= 28 else (oldest, older, newest)


@lru_cache(maxsize=1024)
def name_table(schema_url: str) -> dict[str, tuple[str, ...]]:
    """Field to the native names that may hold it, those to be believed first."""
    table: dict[str, dict[str, None]] = {}
    for generation in generations(schema_url):
        for name, natives in generation.fields.items():
            table.setdefault(name, {}).update(dict.fromkeys(natives))
    return {name: tuple(natives) for name, natives in table.items()}


@lru_cache(maxsize=1024)
def name_index(schema_url: str) -> dict[str, tuple[tuple[str, int], ...]]:
    """Native name to (field, rank): rank 0 is to be believed first."""
    index: dict[str, list[tuple[str, int]]] = {}
    for name, natives in name_table(schema_url).items():
        for rank, native in enumerate(natives):
            index.setdefault(native, []).append((name, rank))
    return {native: tuple(fields) for native, fields in index.items()}


OPERATIONS: Mapping[str, str] = {
    "chat": REQUEST, "generate_content": REQUEST, "text_completion": REQUEST,
    "completion": REQUEST,  # OpenLLMetry's `llm.request.type`
    "embeddings": OTHER, "embedding": OTHER, "rerank": OTHER, "retrieval": OTHER, "create_agent": OTHER,
    "invoke_agent": OTHER, "invoke_workflow": OTHER, "execute_tool": OTHER, "plan": OTHER, "unknown": OTHER,
    "create_memory_store": OTHER, "delete_memory_store": OTHER, "create_memory": OTHER,
    "update_memory": OTHER, "upsert_memory": OTHER, "delete_memory": OTHER, "search_memory": OTHER,
    "run_guardrail": GUARDRAIL, "apply_guardrail": GUARDRAIL,
}  # fmt: skip
"""What an operation is. Agents and workflows hold the requests that they make: both must not count."""
KINDS: Mapping[str, str] = {
    "LLM": REQUEST, "GUARDRAIL": GUARDRAIL, "EVALUATOR": EVALUATOR, "TOOL": OTHER, "AGENT": OTHER,
    "CHAIN": OTHER, "RETRIEVER": OTHER, "EMBEDDING": OTHER, "RERANKER": OTHER, "PROMPT": OTHER,
    "UNKNOWN": OTHER,
}  # fmt: skip
"""The same for `openinference.span.kind`."""

EVALUATION_EVENT = "gen_ai.evaluation.result"
DETAILS_EVENT = "gen_ai.client.inference.operation.details"
MESSAGE_EVENTS: Mapping[str, str] = {
    "gen_ai.user.message": "prompt", "gen_ai.choice": "response",
    "gen_ai.system.message": "", "gen_ai.assistant.message": "", "gen_ai.tool.message": "",
    "gen_ai.content.prompt": "prompt", "gen_ai.content.completion": "response",
}  # fmt: skip
"""Events that carry the texts of the span they belong to (1.26 to 1.36)."""

VERDICT_NAMES = (
    "gen_ai.guardrail.verdict.type", "gen_ai.security.decision.type", "gen_ai.guardrail.status",
    "guardrail_status",
)  # fmt: skip
ACTION_NAMES = ("gen_ai.guardrail.action.type", "gen_ai.security.action.type")
TARGET_NAMES = ("gen_ai.guardrail.target.type", "gen_ai.security.target.type", "guardrail_mode")
SUBTYPE_NAMES = ("gen_ai.guardrail.target.subtype", "gen_ai.security.target.subtype")
GUARD_NAMES = (
    "gen_ai.guardrail.component.name", "gen_ai.guardrail.name", "gen_ai.guardian.name", "guardrail_name",
)  # fmt: skip
VERDICTS: Mapping[str, str | None] = {
    "allow": "allow", "deny": "deny", "modify": "modify", "warn": "warn", "escalate": "escalate",
    "audit": "flag", "flag": "flag", "error": "error",
    "passed": "allow", "failed": "deny",
    "success": "allow", "guardrail_intervened": "flag", "guardrail_flagged": "flag",
    "guardrail_failed_to_respond": "error", "not_run": None,
}  # fmt: skip
"""Verdicts in small letters: drafts, OpenLLMetry (PASSED, FAILED, ERROR), LiteLLM. LiteLLM's `intervened` is
blocked or modified: that something was found is all that it says."""
ACTIONS: Mapping[str, str | None] = {
    "allow": "pass", "pass": "pass", "block": "block", "modify": "modify", "escalate": "escalate",
}  # fmt: skip
STAGES: Mapping[str, str | None] = {
    "input": "input", "output": "output", "llm_input": "input", "llm_output": "output",
    "pre_call": "input", "during_call": "input", "post_call": "output", "logging_only": None,
}  # fmt: skip
ELSEWHERE = frozenset(
    {
        "tool_call", "tool_definition", "retrieval", "memory", "message", "memory_store", "memory_retrieve",
        "knowledge_query", "knowledge_result", "pre_mcp_call", "during_mcp_call", "post_mcp_call",
    }
)  # fmt: skip
"""Targets that are not the request to the model: a tool call that was blocked is no blocked request."""

TRIPPED = "tripwiretriggered"
"""How the classes of errors end by which some guardrails block (OpenAI's agents and guardrails)."""

RATE_NAMES = ("sampling.probability",)
COUNT_NAMES = ("sampling.adjusted_count", "AdjustedCount", "adjusted_count", "SampleRate")
"""1 divided by these is the rate; `SampleRate` is written so by Honeycomb's exporters."""
HTTP_NAMES = ("http.response.status_code", "http.status_code")
ROUTE_NAMES = ("http.route", "url.path")
NEEDLES = (
    b"guardrail", b"GUARDRAIL", b"gen_ai.security", b"gen_ai.guardian", b"gen_ai.evaluation", b"EVALUATOR",
    b"resourceLogs",
    # a block that only the span around a request tells
    b"content_filter", b"CONTENT_FILTER", b"ontentPolicy", b"content_policy", b"BlockedPiiEntityError",
    b"PROMPT_THREAT_DETECTED", b"SAFETY", b"PROHIBITED_CONTENT", b"prohibited_content", b"BLOCKLIST",
    b"blocklist", b"RECITATION", b"MODEL_ARMOR", b"model_armor", b"SPII", b'"refusal"', b'"safety"',
    b'"recitation"', b'"spii"', b"ResponsibleAIPolicyViolation", b"GuardrailRaised", b"content_filtered",
)  # fmt: skip
"""One of these stands in every OTLP/JSON file that holds a record about another one."""


def first_text(attributes: dict[str, Any], names: tuple[str, ...]) -> str:
    """The first of these attributes that is a text, empty when none is."""
    for name in names:
        value = attributes.get(name)
        if type(value) is str and value:
            return value
    return ""
