"""What a verdict on one control says about controls of other frameworks (NIST IR 8477 relations).

Shown, and nearly never more. `met` is carried nowhere: the other control may ask for fresher, larger or more
distant evidence, and taking its own evidence away must not help. `not met` goes to an equal one that has
nothing of its own.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from auditgen.assessment.model import ControlResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.checklists import Mapping

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

    A verdict is carried one step, from not met to an `equal` control to which nothing of its own was handed
    in: own evidence always decides.
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
    for focal, mapping in related:
        if focal.verdict is Verdict.NOT_MET and mapping.rel == "equal":
            name = f"{focal.framework_id}:{focal.control.id}"
            reason = (
                f"not met as {name} is, which is equal to this one ({mapping.rationale}); "
                "nothing of its own was handed in"
            )
            return replace(result, verdict=Verdict.NOT_MET, reason=reason)
    return result


def _line(focal: ControlResult, mapping: Mapping) -> str:
    strength = "" if mapping.strength is None else f", strength {mapping.strength} of 10"
    name = f"{focal.framework_id}:{focal.control.id}"
    verdict, relation = focal.verdict.value.replace("_", " "), RELATIONS[mapping.rel]
    return f"{name} is {verdict} and {relation} this one ({mapping.rationale}{strength})"
