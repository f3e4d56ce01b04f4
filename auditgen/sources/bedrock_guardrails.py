"""What Amazon Bedrock's guardrails say: assessments of an input or an output, policy by policy.

Names are those of the service model of botocore (`bedrock-runtime`, GuardrailAssessment). `match` holds the
very text that was found (a name, a number): it is never looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditgen.sources.jsontext import as_dict, as_list, as_text
from auditgen.sources.outcomes import Guard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditgen.sources.outcomes import Normaliser

POLICIES = {
    "topicPolicy": ("topics",),
    "contentPolicy": ("filters",),
    "wordPolicy": ("customWords", "managedWordLists"),
    "sensitiveInformationPolicy": ("piiEntities", "regexes"),
    "contextualGroundingPolicy": ("filters",),
}
_ACTIONS: Mapping[str, str | None] = {"BLOCKED": "block", "ANONYMIZED": "modify", "NONE": "pass"}
INTERVENED: Mapping[str, str | None] = {
    "INTERVENED": "intervened", "GUARDRAIL_INTERVENED": "intervened", "guardrail_intervened": "intervened",
    "NONE": "none",
}  # fmt: skip
"""One vendor, three spellings: InvokeModel's body, ApplyGuardrail and Converse, Converse's stop reason."""
_VERDICTS = {"block": "deny", "modify": "modify"}
_TRACE = {
    "inputAssessment": "input", "input": "input", "outputAssessments": "output", "outputs": "output",
}  # fmt: skip
MAX_ASSESSMENTS = 1000


def guard_of(assessment: Any, name: str, stage: str | None, words: Normaliser) -> Guard | None:
    """One assessment as one guard: the strongest action of any policy; detected alone is a flag.

    None where it holds no policy at all.
    """
    strongest, is_flagged, has_policy = "pass", False, False
    for entry in _entries(assessment):
        has_policy = True
        raw = entry.get("action")
        action = words.word("guardrail action", raw if isinstance(raw, str) else None, _ACTIONS)
        if action is None and isinstance(raw, str):  # a word nobody knows is no action
            is_flagged = True
            strongest = strongest if strongest != "pass" else ""
        elif action == "block" or (action == "modify" and strongest != "block"):
            strongest = action
        elif entry.get("detected") is True:
            is_flagged = True
    if not has_policy:
        return None
    verdict = _VERDICTS.get(strongest) or ("flag" if is_flagged else "allow")
    return Guard(name[:60], verdict, strongest or None, stage)


def _entries(assessment: Any) -> Iterator[dict[str, Any]]:
    assessment = as_dict(assessment)
    for policy, lists in POLICIES.items():
        found = as_dict(assessment.get(policy))
        for name in lists:
            for entry in as_list(found.get(name))[:MAX_ASSESSMENTS]:
                yield as_dict(entry)


def guards_of_trace(trace: Any, words: Normaliser) -> tuple[Guard, ...]:
    """The guards in a trace.

    `inputAssessment` and `outputAssessments` in Converse, `input` and `outputs` in InvokeModel's body.
    """
    trace = as_dict(trace)
    trace = as_dict(trace.get("guardrail")) or trace
    found: list[Guard | None] = []
    for key, stage in _TRACE.items():
        value = trace.get(key)
        groups = value if isinstance(value, list) else [value]
        for group in groups[:MAX_ASSESSMENTS]:
            for name, assessments in list(as_dict(group).items())[:MAX_ASSESSMENTS]:
                many = assessments if isinstance(assessments, list) else [assessments]
                found += [guard_of(one, str(name), stage, words) for one in many[:MAX_ASSESSMENTS]]
    return tuple(guard for guard in found if guard is not None)


def guards_of_result(result: Any, stage: str | None, words: Normaliser) -> tuple[Guard, ...]:
    """The guards of one ApplyGuardrail result."""
    found = [
        guard_of(one, _name(one), stage, words)
        for one in as_list(as_dict(result).get("assessments"))[:MAX_ASSESSMENTS]
    ]
    return tuple(guard for guard in found if guard is not None)


def _name(assessment: Any) -> str:
    details = as_dict(as_dict(assessment).get("appliedGuardrailDetails"))
    return as_text(details.get("guardrailId")) or "guardrail"
