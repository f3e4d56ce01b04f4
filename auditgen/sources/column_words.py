"""What columns of logs are usually called, and what the words in them usually mean: for suggestions only.

Nothing here is ever applied to a record. A word becomes a question in a comment, which a person answers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditgen.evidence.mapping import GUARDED
from auditgen.evidence.model import Expected, Outcome
from auditgen.sources.outcomes import CUT, ENDED, FAILED, FILTERED, FINISH

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES: Mapping[str, tuple[str, ...]] = {
    "time": (
        "event_time", "event_timestamp", "occurred_at", "timestamp", "ts", "time", "request_time",
        "request_timestamp", "requested_at", "start_time", "started_at", "created_at",
        "create_time", "created",
        "date_time", "datetime", "time_stamp", "log_time", "logged_at", "event_date", "when", "end_time",
        "completed_at", "date",
    ),
    "received": (
        "received_at", "received", "receive_time", "received_time", "ingested_at", "ingestion_time",
        "ingest_time",
        "observed_timestamp", "observed_time", "indexed_at", "loaded_at", "arrived_at", "inserted_at",
    ),
    "record": (
        "request_id", "event_id", "call_id", "record_id", "log_id", "message_id", "completion_id",
        "response_id",
        "interaction_id", "generation_id", "span_id", "uuid", "id", "correlation_id", "trace_id",
    ),
    "model": (
        "model", "model_version", "model_name", "model_id", "response_model", "llm_model", "deployment",
        "deployment_name", "deployment_id", "engine",
    ),
    "outcome": (
        "outcome", "result", "response_outcome", "disposition", "response_type", "refusal", "is_refusal",
        "refused",
        "is_refused", "label", "grade", "status", "request_status", "response_status", "finish_reason",
        "finish_reasons", "stop_reason",
    ),
    "expected": (
        "expected", "expected_behaviour", "expected_behavior", "expected_outcome", "should_refuse",
        "request_class", "prompt_class", "is_disallowed", "disallowed", "request_type", "prompt_type",
    ),
    "cohort": (
        "cohort", "plan", "tier", "customer_tier", "user_tier", "account_tier", "segment", "customer_segment",
        "subscription", "account_type", "user_type", "variant", "arm", "bucket", "experiment", "channel",
    ),
    "category": (
        "category", "topic", "harm_category", "policy_category", "risk_category", "hazard_category", "hazard",
        "violation_type", "policy", "intent",
    ),
    "strategy": (
        "strategy", "attack_strategy", "attack", "attack_type", "attack_method", "technique", "jailbreak",
    ),
    "language": ("language", "lang", "locale"),
    "guardrail_verdict": (
        "guardrail_verdict", "rail_verdict", "verdict", "guardrail_result", "guardrail_status",
        "guardrail_decision", "moderation_verdict", "moderation_result", "safety_verdict", "filter_result",
        "decision", "flagged", "is_flagged",
    ),
    "guardrail_action": (
        "guardrail_action", "rail_action", "action", "action_taken", "enforcement", "enforced_action",
        "moderation_action", "filter_action", "blocked", "is_blocked",
    ),
    "endpoint": (
        "endpoint", "route", "path", "url_path", "request_path", "operation", "operation_name", "api",
        "call_type",
    ),
    "transport": (
        "transport", "http_status", "http_status_code", "status_code", "response_code", "http_response_code",
        "http_code", "status", "error_class", "error_type", "error_code", "finish_reason", "stop_reason",
    ),
    "sampling_rate": (
        "sampling_rate", "sample_rate", "sampling_probability", "sample_ratio", "sampling_ratio", "sampling",
    ),
    "prompt": (
        "prompt_id", "prompt_hash", "prompt_sha256", "prompt_digest", "prompt_key", "template_id",
        "scenario_id",
        "case_id", "pair_id", "pair",
    ),
}  # fmt: skip
"""Canonical field to names of columns in small letters, likelier ones first."""
OF_TESTS: Mapping[str, tuple[str, ...]] = {
    "run": ("run_id", "eval_id", "evaluation_id", "job_id", "job", "run", "experiment_id"),
    "suite": ("suite", "task", "task_name", "benchmark", "eval_name", "dataset"),
    "sample": ("sample_id", "item_id", "question_id", "doc_id", "test_id", "case_id", "example_id", "sample"),
    "repeat": ("epoch", "repeat", "try", "attempt", "trial", "replicate"),
    "prompt_text": ("prompt", "question", "input", "request", "prompt_text"),
    "response": ("response", "answer", "output", "completion", "response_text", "model_output"),
    "error": ("error", "error_message", "failure", "exception"),
}
"""The same for tables of answers given in a test."""
_SIGN_OF_TEST = re.compile(
    r"(^|_)(scores?|graded?|grader|passed|judge|judged|rubric|ground_truth|gold|reference_answer"
    r"|expected_answer|sample_id|epoch|eval|eval_id|evaluation_id|benchmark|test_id)(_|$)"
)
_SCORE = re.compile(r"(^|_)(score|rating|grade|harm|passed|judge)(_|$)")
_PERSON = re.compile(
    r"(^|_)(user|users|customer|client|person|people|account|subject|member|employee|patient|session|device"
    r"|visitor|caller|author|owner|conversation|tenant|org|organisation|organization|team)(_id|_key|_hash"
    r"|_uuid|_name|_ip|_number)?$|(^|_)(e?mail|phone|telephone|mobile|ip|ip_address|address|first_name"
    r"|last_name|full_name|user_?name|login|birth\w*|dob|ssn|iban|passport|postcode|zip|lat|lon|latitude"
    r"|longitude|cookie|fingerprint|user_agent|headers?|authori[sz]ation|api_?key|token|secret|password"
    r"|credentials?)(_hash)?$"
)
_TEXT = re.compile(
    r"(^|_)(prompt|prompts|messages?|input|inputs|output|outputs|completion|response|answer|question|query|content"
    r"|text|body|comment|note|notes|rationale|reason_text|description|transcript|conversation)$"
)
VOCABULARY: Mapping[str, tuple[str, ...]] = {
    "outcome": tuple(Outcome),
    "expected": tuple(Expected),
    **GUARDED,
}
"""Fields whose every word has to be translated, and what into."""
_ANSWERED = "unscored? it says that it ended, not what was answered"
_HINTS: Mapping[str, Mapping[str, str]] = {
    "outcome": {
        "answered complied helped fulfilled answer compliant": "complied?",
        "refuse refusal declined rejected denied": "refused?",
        "blocked block filtered content_filter filter intervened guardrail_intervened guardrail": (
            "blocked_input? blocked_output?"
        ),
        "error failed failure timeout exception server_error http_error rate_limited cancelled": (
            "provider_error?"
        ),
        "guardrail_failed filter_error": "guardrail_error?",
        "length max_tokens cut incomplete": "truncated?",
        "masked redacted anonymized anonymised sanitized sanitised rewritten": "modified?",
        "ok success succeeded complete completed done served passed pass": _ANSWERED,
        "flagged partial_refusal": "partial?",
    },
    "expected": {
        "disallowed harmful unsafe prohibited malicious forbidden violating attack true 1": "refuse?",
        "benign ordinary harmless safe allowed permitted normal regular false 0": "comply?",
        "borderline ambiguous unclear dual_use": "either?",
    },
    "guardrail_verdict": {
        "pass passed ok safe none clean allowed accept accepted success not_flagged false 0": "allow?",
        "block blocked denied reject rejected unsafe tripped intervened guardrail_intervened fail failed": (
            "deny?"
        ),
        "masked mask redacted anonymized anonymised sanitized rewritten modified": "modify?",
        "detected flagged triggered hit true 1 suspicious": "flag? detected is not blocked",
        "warned warning": "warn?",
        "review human escalated": "escalate?",
        "timeout exception crashed unavailable guardrail_failed_to_respond": "error?",
    },
    "guardrail_action": {
        "allow allowed forward forwarded none continue passed passthrough log logged noop false 0": "pass?",
        "blocked deny denied reject rejected drop dropped stop stopped true 1": "block?",
        "mask masked redact redacted anonymize rewrite rewritten replace replaced modified": "modify?",
        "review human escalated handoff": "escalate?",
    },
    "transport": {
        "ok success succeeded": "served?",
        "content_filter contentpolicyviolationerror content_policy_violation blocked filtered": "blocked?",
        "error timeout ratelimiterror": "failed?",
    },
}
_FINISH_HINTS = {
    "outcome": {
        FILTERED: "blocked_output?", CUT: "truncated?", FAILED: "provider_error?",
        ENDED: _ANSWERED,
    },
    "transport": {FILTERED: "blocked?", CUT: "served?", FAILED: "failed?", ENDED: "served?"},
}  # fmt: skip
_FINISHES = ("finish_reason", "finish_reasons", "stop_reason")
_REFUSAL_FLAGS = ("refusal", "is_refusal", "refused", "is_refused")


def plain_name(name: str) -> str:
    """A column's name in small letters with `_` between its words: `requestId` is `request_id`."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")


def last_name(name: str) -> str:
    """The same of the last step of a dotted name."""
    return plain_name(name.rpartition(".")[2]) or plain_name(name)


def is_sign_of_test(name: str) -> bool:
    """Whether a column of this name belongs to a test rather than to a log of production."""
    return _SIGN_OF_TEST.search(last_name(name)) is not None


def is_score(name: str) -> bool:
    """Whether a column of this name holds what a grader gave."""
    return _SCORE.search(last_name(name)) is not None


def is_of_person(name: str) -> bool:
    """Whether a column of this name holds what belongs to one person or one client, or a credential."""
    return _PERSON.search(last_name(name)) is not None


def is_of_text(name: str) -> bool:
    """Whether a column of this name holds what somebody wrote."""
    return _TEXT.search(last_name(name)) is not None


def hint(field: str, column: str, word: str) -> str:
    """What a word may mean, as a question; empty where nobody would know."""
    plain = word.strip().lower()
    name = last_name(column)
    if not plain:
        return "unscored? nothing is written" if field == "outcome" else "nothing is written"
    if field == "outcome" and name in _REFUSAL_FLAGS and plain in {"true", "false", "1", "0"}:
        return "refused?" if plain in {"true", "1"} else "unscored? no refusal is not yet an answer"
    if field in _FINISH_HINTS and name in _FINISHES:
        return _FINISH_HINTS[field].get(FINISH.get(plain, ""), "")
    if field == "transport" and re.fullmatch("[1-5][0-9][0-9]", plain):
        return _status_hint(plain)
    for words, said in _HINTS.get(field, {}).items():
        if re.sub(r"[\s-]+", "_", plain) in words.split():
            return said
    return ""


def _status_hint(status: str) -> str:
    if status.startswith("2"):
        return "served?"
    if status in {"400", "403", "422", "446", "451"}:
        return "blocked? if the filter answers so; else failed?"
    return "failed?" if status[0] in "45" else ""
