"""What a verdict on one control says about controls of other frameworks (NIST IR 8477 relations).

Only a control that is `equal` to another one, or a `superset_of` it, carries its verdict there. Every other
relation contributes: it is shown, and moves nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from auditgen.assessment.model import ControlResult, Verdict
from auditgen.project.terms import Independence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.checklists import Control, Mapping

RELATIONS = {
    "equal": "is equal to",
    "subset_of": "is a part of",
    "superset_of": "holds all of",
    "intersects_with": "intersects with",
}
SAID = frozenset({Verdict.MET, Verdict.NOT_MET})
"""Verdicts that say something about a related control."""


def carry(results: Sequence[ControlResult]) -> tuple[ControlResult, ...]:
    """The controls with what related ones say of them; `results` as judged by their own evidence.

    A verdict is carried one step, and only to a control to which nothing of its own was handed in: own
    evidence always decides. Met is carried only where the other control asks for no more (independence,
    interval, sample, version, frequency); not met only between equals.
    """
    related: dict[str, list[tuple[ControlResult, Mapping]]] = defaultdict(list)
    for result in results:
        if result.verdict in SAID:
            for mapping in result.control.maps:
                if mapping.rel != "no_relationship":
                    related[mapping.to].append((result, mapping))
    return tuple(_with(r, related.get(f"{r.framework_id}:{r.control.id}", ())) for r in results)


def _with(result: ControlResult, related: Sequence[tuple[ControlResult, Mapping]]) -> ControlResult:
    if not related:
        return result
    told = tuple(_line(focal, mapping) for focal, mapping in related)
    result = replace(result, related=told)
    if result.verdict is not Verdict.INSUFFICIENT or any(need.found for need in result.needs):
        return result
    for wanted in (Verdict.NOT_MET, Verdict.MET):  # what speaks against it weighs more
        for focal, mapping in related:
            if focal.verdict is wanted and _carries(focal, mapping, result.control):
                name = f"{focal.framework_id}:{focal.control.id}"
                relation = {"equal": "equal to", "superset_of": "a superset of"}[mapping.rel]
                reason = (
                    f"{wanted.value.replace('_', ' ')} as {name} is, which is {relation} this one "
                    f"({mapping.rationale}); nothing of its own was handed in"
                )
                return replace(result, verdict=wanted, reason=reason)
    return result


def _carries(focal: ControlResult, mapping: Mapping, target: Control) -> bool:
    if mapping.rel == "equal" and focal.verdict is Verdict.NOT_MET:
        return True
    if mapping.rel not in {"equal", "superset_of"} or focal.verdict is not Verdict.MET:
        return False
    asks_more = _rank(target) > _rank(focal.control) or (
        target.every_days is not None
        and (focal.control.every_days is None or focal.control.every_days > target.every_days)
    )
    special = any(need.predicate or need.sampling or need.bind_to for need in target.evidence)
    return not asks_more and not special


def _rank(control: Control) -> int:
    return 0 if control.independence == "none" else Independence(control.independence).rank


def _line(focal: ControlResult, mapping: Mapping) -> str:
    strength = "" if mapping.strength is None else f", strength {mapping.strength} of 10"
    name = f"{focal.framework_id}:{focal.control.id}"
    verdict, relation = focal.verdict.value.replace("_", " "), RELATIONS[mapping.rel]
    role = "may carry its verdict" if mapping.rel in {"equal", "superset_of"} else "contributes"
    return f"{name} is {verdict} and {relation} this one ({mapping.rationale}{strength}): {role}"
