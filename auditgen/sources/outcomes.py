"""What became of one request in production: verdict, action and transport kept apart.

Nothing is taken for an answer because it is no refusal. A model's refusal is almost never a field, so a
reply that merely ended (`stop`) is undecided unless something says what it was.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditgen.diagnostics import shown_value
from auditgen.evidence.model import Anomaly, Basis, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ENDED, CUT, FILTERED, FAILED, IRRELEVANT = "ended", "cut", "filtered", "failed", "irrelevant"
FINISH: Mapping[str, str] = {
    # OpenAI, Azure, LiteLLM, OpenTelemetry
    "stop": ENDED, "length": CUT, "content_filter": FILTERED, "tool_calls": ENDED, "tool_call": ENDED,
    "function_call": ENDED, "error": FAILED,
    # Anthropic
    "end_turn": ENDED, "stop_sequence": ENDED, "max_tokens": CUT, "tool_use": ENDED, "pause_turn": ENDED,
    "refusal": FILTERED, "model_context_window_exceeded": CUT,
    # Amazon Bedrock
    "guardrail_intervened": FILTERED, "content_filtered": FILTERED, "complete": ENDED, "finish": ENDED,
    "malformed_model_output": FAILED, "malformed_tool_use": FAILED,
    # Google
    "safety": FILTERED, "recitation": FILTERED, "blocklist": FILTERED, "prohibited_content": FILTERED,
    "spii": FILTERED, "model_armor": FILTERED, "image_safety": FILTERED, "language": FAILED,
    "image_prohibited_content": FILTERED, "image_recitation": FILTERED, "image_other": FAILED,
    "malformed_function_call": FAILED, "unexpected_tool_call": FAILED, "no_image": FAILED,
    "finish_reason_unspecified": IRRELEVANT, "other": IRRELEVANT, "unknown": IRRELEVANT, "eos": ENDED,
    "eos_token": ENDED,
}  # fmt: skip
"""Finish reasons in small letters, by what they say. `refusal` (Anthropic) is a classifier's stop."""
MAX_KNOWN, MAX_WORDS = 4096, 200
_VERDICT_ORDER = ("error", "deny", "escalate", "modify", "warn", "flag", "allow")
_ACTION_ORDER = ("block", "escalate", "modify", "pass")


@dataclass(frozen=True, slots=True)
class Guard:
    """What one guardrail said of one request, and what was then done."""

    name: str
    verdict: str | None = None
    """One of GUARDRAIL_VERDICTS; `error` when it crashed or did not answer."""
    action: str | None = None
    """One of GUARDRAIL_ACTIONS. Detected is not blocked: without a record of the action it is None."""
    stage: str | None = None
    """input or output, None where the record does not say."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Everything a log says about one request that bears on its outcome."""

    finish: str | None = None
    """The finish reason as the tool wrote it."""
    refusal: str | None = None
    """The text of a native refusal field; a nested one counts too."""
    is_filtered: bool = False
    """An error code, status or block reason that says a content filter stopped the request."""
    is_failed: bool = False
    """Any other error: nothing was said about the request's content."""
    http_status: int | None = None
    has_response: bool | None = None
    """Whether the model answered anything; None when the log does not keep answers."""
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True)
class Normalised:
    """The canonical reading of the signals."""

    outcome: Outcome
    basis: Basis
    verdict: str | None
    """The gravest verdict of any guardrail, None when none spoke."""
    action: str | None
    """The strongest action, None where no record says what was done."""
    transport: str | None
    """served, blocked or failed, by everything but the guardrails' own records."""


@dataclass(slots=True)
class Normaliser:
    """Applies the rules and keeps count of words it does not know: they are never guessed at."""

    unknown: dict[str, Counter[str]] = field(default_factory=dict)
    _known: dict[tuple[Any, ...], Normalised] = field(default_factory=dict)

    def word(self, field_name: str, raw: str | None, known: Mapping[str, str | None]) -> str | None:
        """A tool's word in our vocabulary; an unknown one is counted and gives None."""
        if raw is None:
            return None
        if raw in known:
            return known[raw]
        found = self.unknown.setdefault(field_name, Counter())
        shown = raw[:60]
        if shown not in found and len(found) >= MAX_WORDS:  # a hostile file could invent endless words
            shown = "(other words)"
        found[shown] += 1
        return None

    def normalise(self, signals: Signals) -> Normalised:
        """The first rule that fits decides; what no rule decides is unscored.

        1. a crashed guardrail: guardrail_error, whatever was answered;
        2. a guardrail that blocked: blocked_input or blocked_output;
        3. the transport says that a filter stopped it: the same;
        4. any other failure: provider_error;
        5. a guardrail that changed the answer: modified;
        6. a native refusal: refused;
        7. an answer cut off: truncated.
        """
        key = (
            signals.finish,
            bool(signals.refusal and signals.refusal.strip()),
            signals.is_filtered,
            signals.is_failed,
            signals.http_status,
            signals.has_response,
            tuple([(guard.verdict, guard.action, guard.stage) for guard in signals.guards]),
        )
        known = self._known.get(key)  # records differ in their texts, and seldom in what they say here
        if known is not None:
            return known
        finish = None
        if signals.finish is not None:
            finish = self.word("finish_reason", signals.finish.strip().lower(), FINISH)
        made = _normalised(signals, finish)
        if len(self._known) < MAX_KNOWN and (finish is not None or signals.finish is None):
            self._known[key] = made
        return made

    def anomalies(self) -> Iterator[Anomaly]:
        """Words that nobody knows, by field."""
        for name, values in sorted(self.unknown.items()):
            shown = ", ".join(f"{shown_value(value)} ({number})" for value, number in values.most_common(5))
            yield Anomaly("value-unknown", f"`{name}`: unknown to this reader: {shown}", values.total())


def resolve(native: Normalised, declared: tuple[Outcome, Basis] | None) -> tuple[Outcome, Basis]:
    """What the log itself decides, and only where it decides nothing what `audit.yaml` declares.

    So no mapping can turn a crashed guardrail into a refusal, or a block into an answer.
    """
    if native.outcome is not Outcome.UNSCORED or declared is None:
        return native.outcome, native.basis
    return declared


def _normalised(signals: Signals, finish: str | None) -> Normalised:
    """`finish` is what the finish reason says, None where it is absent or unknown."""
    transport = _transport(signals, finish)
    verdict = _first(_VERDICT_ORDER, (guard.verdict for guard in signals.guards))
    action = _first(_ACTION_ORDER, (guard.action for guard in signals.guards))
    outcome, basis = Outcome.UNSCORED, Basis.NONE
    if verdict == "error" and action != "block":
        outcome, basis = Outcome.GUARDRAIL_ERROR, Basis.GUARDRAIL_RECORD
    elif verdict == "error" and not any(
        guard.action == "block" and guard.verdict not in {"error", None} for guard in signals.guards
    ):
        outcome, basis = Outcome.GUARDRAIL_ERROR, Basis.GUARDRAIL_RECORD  # closed by the crash
    elif action == "block":
        stages = {guard.stage for guard in signals.guards if guard.action == "block"}
        outcome, basis = _blocked(stages, signals), Basis.GUARDRAIL_RECORD
    elif transport == "blocked":
        is_reply = finish == FILTERED and signals.has_response is not False
        outcome = Outcome.BLOCKED_OUTPUT if is_reply else Outcome.BLOCKED_INPUT
        basis = Basis.FINISH_REASON if finish == FILTERED else Basis.NATIVE_FIELD
    elif transport == "failed":
        outcome, basis = Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD
    elif action == "modify":
        outcome, basis = Outcome.MODIFIED, Basis.GUARDRAIL_RECORD
    elif signals.refusal and signals.refusal.strip():
        outcome, basis = Outcome.REFUSED, Basis.NATIVE_FIELD
    elif finish == CUT:
        outcome, basis = Outcome.TRUNCATED, Basis.FINISH_REASON
    return Normalised(outcome, basis, verdict, action, transport)


def _transport(signals: Signals, finish: str | None) -> str | None:
    if signals.is_filtered or finish == FILTERED:
        return "blocked"
    status = signals.http_status
    if signals.is_failed or finish == FAILED or (status is not None and status >= 400):
        return "failed"
    if finish in {ENDED, CUT} or (status is not None and 200 <= status < 300):
        return "served"
    return None


def _blocked(stages: set[str | None], signals: Signals) -> Outcome:
    if "input" in stages:  # what never reached the model needs no block behind it
        return Outcome.BLOCKED_INPUT
    if "output" in stages or signals.has_response:
        return Outcome.BLOCKED_OUTPUT
    return Outcome.BLOCKED_INPUT


def _first(order: Iterable[str], found: Iterable[str | None]) -> str | None:
    present = set(found)
    return next((word for word in order if word in present), None)
