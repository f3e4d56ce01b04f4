"""Whether a control applies to an organisation, and since when. Three-valued: unknown is not no."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditgen.checklists.model import Control, Expression


@dataclass(frozen=True, slots=True)
class Profile:
    """What the organisation says about itself; a list that is None was not answered."""

    roles: frozenset[str] | None = None
    risk_classes: frozenset[str] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


class Applicability(StrEnum):
    """The answer for one control at one date."""

    APPLIES = "applies"
    NOT_APPLICABLE = "not_applicable"
    NOT_YET = "not_yet_applicable"
    UNKNOWN = "needs_legal_view"


def applicability(control: Control, profile: Profile, as_of: date) -> tuple[Applicability, str]:
    """The answer and its reason in words.

    A control with several effective dates bites from the earliest one whose condition holds; an
    undecided condition with an earlier date makes the answer undecided, never a quiet no.
    """
    applies = evaluate(control.applies, profile)
    if applies is False:
        reason = f"outside the declared profile; it asks for {words(control.applies)}"
        return Applicability.NOT_APPLICABLE, reason
    if applies is None:
        return Applicability.UNKNOWN, f"the profile does not say: {words(control.applies)}"
    if not control.effective:
        return Applicability.APPLIES, "applies without a date"
    certain: list[date] = []
    possible: list[date] = []
    for effective in control.effective:
        holds = True if effective.when is None else evaluate(effective.when, profile)
        if holds is True:
            certain.append(effective.from_)
        elif holds is None:
            possible.append(effective.from_)
    if certain and min(certain) <= as_of:
        return Applicability.APPLIES, f"applies since {min(certain).isoformat()}"
    if possible and min(possible) <= as_of:
        return Applicability.UNKNOWN, "the profile does not decide from which date it applies"
    if certain:
        return Applicability.NOT_YET, f"applies from {min(certain).isoformat()}"
    if possible:
        return Applicability.NOT_YET, f"not before {min(possible).isoformat()}"
    return Applicability.NOT_APPLICABLE, "none of its effective dates fits the declared profile"


def evaluate(expression: Expression, profile: Profile) -> bool | None:
    """Kleene's three-valued logic over the profile; None is unknown."""
    if expression.always:
        return True
    if expression.all is not None:
        values = [evaluate(part, profile) for part in expression.all]
        return False if False in values else (None if None in values else True)
    if expression.any is not None:
        values = [evaluate(part, profile) for part in expression.any]
        return True if True in values else (None if None in values else False)
    if expression.none_of is not None:
        values = [evaluate(part, profile) for part in expression.none_of]
        return False if True in values else (None if None in values else True)
    if expression.role is not None:
        return None if profile.roles is None else expression.role in profile.roles
    if expression.risk_class is not None:
        return None if profile.risk_classes is None else expression.risk_class in profile.risk_classes
    answer = profile.facts.get(expression.fact or "")
    return None if answer is None else answer == expression.equals


def words(expression: Expression, *, is_inner: bool = False) -> str:
    """The condition as a reader would say it, with brackets only where they are needed."""
    if expression.always:
        return "always"
    for name, joiner in (("all", " and "), ("any", " or ")):
        parts = getattr(expression, name)
        if parts is not None:
            inner = joiner.join(words(part, is_inner=len(parts) > 1) for part in parts)
            return f"({inner})" if is_inner and len(parts) > 1 else inner
    if expression.none_of is not None:
        return "none of " + ", ".join(words(part, is_inner=True) for part in expression.none_of)
    if expression.role is not None:
        return f"role {expression.role}"
    if expression.risk_class is not None:
        return f"risk class {expression.risk_class}"
    return f"{expression.fact} = {expression.equals}"
