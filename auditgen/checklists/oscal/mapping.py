"""A crosswalk as an OSCAL mapping collection (model 1.2), one mapping for each pair of checklists.

Identifiers are UUIDs of version 5 over what they name, so that the same checklists give the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditgen.checklists.crosswalk import Relation
    from auditgen.checklists.model import Checklist

OSCAL_VERSION = "1.2.1"
WORDS = {
    "equal": "equal-to",
    "subset_of": "subset-of",
    "superset_of": "superset-of",
    "intersects_with": "intersects-with",
    "no_relationship": "no-relationship",
}
_NAMESPACE = uuid5(NAMESPACE_URL, "urn:auditgen:oscal")


def mapping_collection(relations: Sequence[Relation], checklists: Mapping[str, Checklist]) -> dict[str, Any]:
    """The collection; at least one relation. The same relation written twice stands in it once.

    `checklists` are those at hand, by id, among them every one that declares a relation: the latest day on
    which one of these was checked is when the collection was last modified.
    """
    pairs: dict[tuple[str, str], list[Relation]] = {}
    for relation in dict.fromkeys(relations):
        pairs.setdefault((relation.source, relation.target), []).append(relation)
    involved = sorted({name for pair in pairs for name in pair})
    dates = [
        checklists[name].framework.review.last_checked
        for name in sorted({relation.written_in for relation in relations})
    ]
    title = "Relations of " + ", ".join(sorted({source for source, _ in pairs}))
    versions = [
        f"{name} {checklists[name].framework.checklist_version}" for name in involved if name in checklists
    ]
    body: dict[str, Any] = {
        "uuid": "",
        "metadata": {
            "title": title,
            "last-modified": f"{max(dates).isoformat()}T00:00:00Z",
            "version": "; ".join(versions),
            "oscal-version": OSCAL_VERSION,
        },
        "provenance": {
            "method": "human",
            "matching-rationale": _commonest(relations),
            "status": "draft",
            "mapping-description": (
                "Relations between controls as written in auditgen checklists (NIST IR 8477). Only equal-to, "
                "and superset-of read from the source, carry a verdict; everything else contributes."
            ),
        },
        "mappings": [
            _mapping(source, target, found, checklists) for (source, target), found in sorted(pairs.items())
        ],
    }
    body["uuid"] = _uuid("collection", *versions, *(m["uuid"] for m in body["mappings"]))
    return {"mapping-collection": body}


def _mapping(
    source: str, target: str, relations: Sequence[Relation], checklists: Mapping[str, Checklist]
) -> dict[str, Any]:
    return {
        "uuid": _uuid("mapping", source, target),
        "method": "human",
        "matching-rationale": _commonest(relations),
        "status": "draft",
        "source-resource": _resource(source, checklists),
        "target-resource": _resource(target, checklists),
        "maps": [_map(relation) for relation in relations],
    }


def _resource(name: str, checklists: Mapping[str, Checklist]) -> dict[str, Any]:
    out: dict[str, Any] = {"type": "catalog", "href": f"urn:auditgen:checklist:{name}"}
    if name in checklists:
        out["remarks"] = checklists[name].framework.citation
    return out


def _map(relation: Relation) -> dict[str, Any]:
    kind = f"{relation.rationale} {relation.strength}"
    out: dict[str, Any] = {
        "uuid": _uuid("map", relation.written_in, relation.focal, relation.rel, relation.reference, kind),
        "matching-rationale": relation.rationale,
        "relationship": WORDS[relation.rel],
        "sources": [{"type": "control", "id-ref": relation.control}],
        "targets": [{"type": "control", "id-ref": relation.to}],
    }
    if relation.strength is not None:
        out["props"] = [{"name": "strength", "ns": "urn:auditgen:oscal", "value": str(relation.strength)}]
        out["remarks"] = f"strength {relation.strength} of 10"
    return out


def _commonest(relations: Sequence[Relation]) -> str:
    kinds = [relation.rationale for relation in relations]
    return min(set(kinds), key=lambda kind: (-kinds.count(kind), kind))


def _uuid(*parts: str) -> str:
    return str(uuid5(_NAMESPACE, "\x1f".join(parts)))
