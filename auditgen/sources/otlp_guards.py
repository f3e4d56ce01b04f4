"""What one guardrail said, by its span, by an event, or beside the request in the request's own span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditgen.sources.chat_reply import is_filter_error
from auditgen.sources.otlp_names import (
    ACTION_NAMES,
    ACTIONS,
    ELSEWHERE,
    GUARD_NAMES,
    STAGES,
    SUBTYPE_NAMES,
    TARGET_NAMES,
    TRIPPED,
    VERDICT_NAMES,
    VERDICTS,
    first_text,
)
from auditgen.sources.outcomes import Guard

if TYPE_CHECKING:
    from auditgen.sources.outcomes import Normaliser

GUARD_KEYS = frozenset((*VERDICT_NAMES, *GUARD_NAMES, *ACTION_NAMES))


def has_guard(attributes: dict[str, Any]) -> bool:
    """Whether anything in the attributes is a guardrail's."""
    return not GUARD_KEYS.isdisjoint(attributes)


@dataclass(frozen=True, slots=True)
class Said:
    """What a guardrail said, and whether in words that are known."""

    guard: Guard
    is_known: bool = True


def guards_of(
    attributes: dict[str, Any], name: str, *, has_failed: bool, normaliser: Normaliser
) -> Said | None:
    """What a guardrail's span or event says; None when it watched something else than a request."""
    subtype = first_text(attributes, SUBTYPE_NAMES).lower()
    target = first_text(attributes, TARGET_NAMES).lower()
    if subtype in ELSEWHERE or target in ELSEWHERE:
        return None
    verdict_name, raw_verdict = _first_named(attributes, VERDICT_NAMES)
    action_name, raw_action = _first_named(attributes, ACTION_NAMES)
    verdict = normaliser.word(verdict_name, raw_verdict, VERDICTS)
    action = normaliser.word(action_name, raw_action, ACTIONS)
    stage = normaliser.word(TARGET_NAMES[0], target or None, STAGES)
    is_known = raw_verdict in {None, *VERDICTS} and raw_action in {None, *ACTIONS}
    error = first_text(attributes, ("error.type", "gen_ai.guardrail.error.type"))
    if error:
        # a crashed guardrail falls back to some decision, which is not its verdict on the content
        is_block = error.lower().endswith(TRIPPED) or is_filter_error(error)
        verdict, action = ("deny", "block") if is_block else ("error", action)
    elif has_failed and raw_verdict is None and raw_action is None:
        verdict = "error"  # a status alone is no crash: several tools mark a block as an error
    label = first_text(attributes, GUARD_NAMES) or name or "guardrail"
    return Said(Guard(label[:100], verdict, action, stage), is_known)


def _first_named(attributes: dict[str, Any], names: tuple[str, ...]) -> tuple[str, str | None]:
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return name, value.strip().lower()
    return names[0], None
