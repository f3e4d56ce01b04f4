"""Relations between controls of two checklists, read from either side, and which of them carry a verdict.

A verdict is carried from the focal control to the reference only where the two are `equal` or the focal
one is a `superset_of` the reference (NIST IR 8477): who satisfies more satisfies the part. Everything else
contributes, and nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditgen.checklists.model import Checklist

CARRIES = ("equal", "superset_of")
INVERSE = {
    "equal": "equal",
    "subset_of": "superset_of",
    "superset_of": "subset_of",
    "intersects_with": "intersects_with",
    "no_relationship": "no_relationship",
}


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation, read from `source`'s control to `target`'s."""

    source: str
    control: str
    rel: str
    target: str
    to: str
    rationale: str
    strength: int | None
    written_in: str
    """The checklist that declares it; the other direction is its inverse."""
    is_dangling: bool
    """Whether the other checklist is at hand and has no such control."""

    @property
    def focal(self) -> str:
        """The control one starts from, as `framework:control`."""
        return f"{self.source}:{self.control}"

    @property
    def reference(self) -> str:
        """The control one is led to."""
        return f"{self.target}:{self.to}"

    @property
    def carries(self) -> bool:
        """Whether a verdict on the focal control is one on the reference."""
        return self.rel in CARRIES and not self.is_dangling

    @property
    def effect(self) -> str:
        """The same in words."""
        if self.is_dangling:
            return "no such control"
        if self.rel == "no_relationship":
            return "says nothing"
        return "carries a verdict" if self.carries else "contributes"


def relations(checklists: Iterable[Checklist]) -> tuple[Relation, ...]:
    """Every relation that these checklists declare, in their order, as written."""
    known = {c.framework.id: {control.id for control in c.controls} for c in checklists}
    out: list[Relation] = []
    for checklist in checklists:
        name = checklist.framework.id
        for control in checklist.controls:
            for mapping in control.maps:
                target, _, to = mapping.to.partition(":")
                out.append(
                    Relation(
                        source=name,
                        control=control.id,
                        rel=mapping.rel,
                        target=target,
                        to=to,
                        rationale=mapping.rationale,
                        strength=mapping.strength,
                        written_in=name,
                        is_dangling=target in known and to not in known[target],
                    )
                )
    return tuple(out)


def inverse(relation: Relation) -> Relation:
    """The same relation read from the other side."""
    return replace(
        relation,
        source=relation.target,
        control=relation.to,
        rel=INVERSE[relation.rel],
        target=relation.source,
        to=relation.control,
        is_dangling=relation.is_dangling,
    )


def crosswalk(declared: Sequence[Relation], start: str, end: str | None = None) -> tuple[Relation, ...]:
    """All relations read from `start`, wherever they are written; only those to `end` when it is given."""
    out = [relation for relation in declared if relation.source == start]
    out += [inverse(r) for r in declared if r.target == start and r.source != start]
    return tuple(r for r in out if end is None or r.target == end)
