"""A CISO Assistant library (YAML) as a checklist: its `requirement_nodes`, as a tree, in their order.

What is assessable becomes a control, what is not becomes a group. The text is carried over word for
word, and only where the licence allows it; `copyright`, `provider` and `packager` are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auditgen.checklists.imported import (
    Imported,
    LeftOut,
    Names,
    Wish,
    finish,
    licence_of,
    reference_only,
    slug,
)
from auditgen.errors import InputRefused
from auditgen.yamlspan import read_yaml, validation_diagnostics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditgen.checklists.model import LicencePolicy
    from auditgen.diagnostics import Diagnostic
    from auditgen.yamlspan import KeyPath, YamlDocument

OPEN = ConfigDict(frozen=True, extra="allow", strict=True)
"""Keys of later versions are counted, not refused."""
MAX_TEXT, MAX_SHORT = 20_000, 2000
SHORT_NAME = 120
"""Longest text that serves as a title where a node has no name."""


class Node(BaseModel):
    """One entry of the tree."""

    model_config = OPEN
    urn: str = Field(min_length=1, max_length=500)
    parent_urn: str | None = None
    ref_id: str | None = None
    depth: int | None = None
    assessable: bool
    name: str | None = None
    description: str | None = None
    annotation: str | None = None
    typical_evidence: str | None = None

    @property
    def tail(self) -> str:
        """The last part of its urn."""
        return self.urn.rsplit(":", 1)[-1][:200] or self.urn[:200]


class FrameworkObject(BaseModel):
    """The framework of a library."""

    model_config = OPEN
    urn: str | None = None
    ref_id: str | None = None
    name: str | None = None
    description: str | None = None
    requirement_nodes: tuple[Node, ...] = Field(min_length=1)


class Objects(BaseModel):
    """What a library holds."""

    model_config = OPEN
    framework: FrameworkObject


class Library(BaseModel):
    """A whole library file."""

    model_config = OPEN
    urn: str = Field(min_length=1)
    ref_id: str | None = None
    name: str = Field(min_length=1, max_length=MAX_SHORT)
    description: str | None = None
    copyright: str | None = None
    version: int | float | str | None = None
    publication_date: str | None = None
    provider: str | None = None
    packager: str | None = None
    objects: Objects


def is_library(value: Any) -> bool:
    """Whether a parsed YAML file looks like such a library."""
    return isinstance(value, dict) and "urn" in value and isinstance(value.get("objects"), dict)


def import_library(path: Path, wish: Wish) -> Imported:
    """The checklist of a library's framework. Raises InputRefused with every fault at its place."""
    document = read_yaml(path)
    faults = list(document.diagnostics)
    library = None
    if not faults and not is_library(document.value):
        message = "a library begins with `urn:` and holds `objects:` with a `framework:`"
        faults.append(document.fault("unknown-document", message, ()))
    if not faults:
        try:
            library = Library.model_validate_json(orjson.dumps(document.value))
        except ValidationError as error:
            faults += validation_diagnostics(document, error, Library)
    if library is not None:
        faults += _tree_faults(library.objects.framework.requirement_nodes, document)
    if library is None or faults:
        count = len(faults)
        raise InputRefused(
            f"{count} fault{'s' if count != 1 else ''} in `{path}`; nothing was imported",
            diagnostics=faults,
        )
    framework = library.objects.framework
    said = (library.copyright or "", library.description or "", framework.description or "")
    policy, basis = licence_of(said, wish, str(path))
    left_out = LeftOut()
    return finish(_checklist(library, policy, basis, wish, left_out, path.name), left_out, basis, str(path))


def _tree_faults(nodes: tuple[Node, ...], document: YamlDocument) -> Iterator[Diagnostic]:
    """Two nodes with one urn, parents that are not there, and circles."""
    at: KeyPath = ("objects", "framework", "requirement_nodes")
    parents: dict[str, str | None] = {}
    for number, node in enumerate(nodes):
        if node.urn in parents:
            message = f"`{node.urn}` is used twice"
            yield document.fault("duplicate-id", message, (*at, number, "urn"))
        parents.setdefault(node.urn, node.parent_urn)
        for name in ("name", "description", "annotation", "typical_evidence"):
            text = getattr(node, name) or ""
            if len(text) > MAX_TEXT // 2:
                message = f"`{name}` has {len(text)} characters; at most {MAX_TEXT // 2} are carried over"
                yield document.fault("too-long", message, (*at, number, name))
    clear: set[str] = set()
    for number, node in enumerate(nodes):
        place = (*at, number, "parent_urn")
        if node.parent_urn is not None and node.parent_urn not in parents:
            yield document.fault("unknown-parent", f"no node has the urn `{node.parent_urn}`", place)
            continue
        seen: set[str] = set()
        above: str | None = node.urn
        while above is not None and above not in clear and above not in seen:
            seen.add(above)
            above = parents.get(above)
        if above is not None and above in seen:
            yield document.fault("parent-circle", f"`{node.urn}` lies under itself", place)
        else:
            clear |= seen


def _checklist(
    library: Library, policy: LicencePolicy, basis: str, wish: Wish, left_out: LeftOut, file: str
) -> dict[str, Any]:
    framework = library.objects.framework
    for what, block in (("library", library), ("library objects", library.objects), ("framework", framework)):
        left_out.all_but(block.model_extra or (), {"locale"}, what)
    groups, controls = _tree(framework.requirement_nodes, policy, left_out)
    version = str(library.version) if library.version is not None else "no version given"
    dated = f", {library.publication_date}" if library.publication_date else ""
    who = library.provider or library.packager or "not named in the file"
    about = " ".join(t.strip() for t in (library.description, framework.description) if t)
    if about and policy != "verbatim_ok":
        left_out.add("texts that the licence policy does not let stand")
        about = ""
    if len(about) > MAX_TEXT // 2:
        left_out.add("descriptions cut at 10,000 characters")
        about = about[: MAX_TEXT // 2 - 4] + " ..."
    told = f" As the file says: {about}" if about else ""
    lost = sum(left_out.kinds.values())
    packed = f"; packaged by {library.packager}" if library.packager else ""
    copyright_ = library.copyright or "the file names no copyright"
    return {
        "schema": "auditgen-checklist-1",
        "framework": {
            "id": wish.id or slug(library.ref_id or library.name, fallback="imported"),
            "title": (framework.name or library.name)[:MAX_SHORT],
            "authority": who[:MAX_SHORT],
            "citation": f"{library.name}, version {version}{dated}"[:MAX_SHORT],
            "source_version": f"library version {version}{dated}"[:MAX_SHORT],
            "checklist_version": "1.0",
            "binding": "guidance",
            "licence": {
                "text": f"{copyright_} ({basis})"[:MAX_SHORT],
                "policy": policy,
                "attribution": f"{copyright_}{packed}"[:MAX_SHORT],
            },
            "review": {
                "legal_review": "none",
                "last_checked": wish.today.isoformat(),
                "text_basis": "read",
                "sources": [f"CISO Assistant library {library.urn} in {file}"[:MAX_SHORT]],
            },
            "scope": (
                f"{len(controls)} controls as imported from a CISO Assistant library; {lost} details of it "
                "were not carried over. Nobody has decided yet to whom each control applies, how severe it "
                "is or which evidence would show it: every control applies, and none can be met." + told
            ),
        },
        "vocabulary": {"roles": [], "risk_classes": []},
        "groups": groups,
        "controls": controls,
    }


def _tree(
    nodes: tuple[Node, ...], policy: LicencePolicy, left_out: LeftOut
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    by_urn = {node.urn: node for node in nodes}
    names = _names(nodes)
    held = _held(nodes, by_urn)
    groups: list[dict[str, Any]] = []
    group_ids: dict[str, str] = {}
    given = Names()
    if any(node.assessable and _group_above(node, by_urn) is None for node in nodes):
        given.give("ungrouped")
        groups.append({"id": "ungrouped", "title": "Requirements of no group", "cite": "-"})
    for node in nodes:  # ids first: a parent may stand below its child
        if not node.assessable and node.urn in held:
            group_ids[node.urn] = given.give(slug(node.ref_id or node.tail))
    controls: list[dict[str, Any]] = []
    for node in nodes:
        left_out.all_but(node.model_extra or (), (), "requirement")
        if node.assessable and names[node.urn] != node.tail:
            left_out.add("urns of requirements, which are known by their `ref_id`")
        if node.assessable:
            controls.append(_control(node, by_urn, names, group_ids, policy, left_out))
        elif node.urn in group_ids:
            above = _group_above(node, by_urn)
            cite = node.ref_id or node.tail
            entry = {
                "id": group_ids[node.urn],
                "title": reference_only(policy, _title(node), cite, left_out),
                "cite": cite,
            }
            if above is not None:
                entry["parent"] = group_ids[above]
            groups.append(entry)
            _count_group_texts(node, left_out)
        else:
            left_out.add("headings and notes without requirements below them", node.ref_id or node.tail)
    return groups, controls


def _count_group_texts(node: Node, left_out: LeftOut) -> None:
    if node.description and node.name:
        left_out.add("descriptions of groups")
    for name in ("annotation", "typical_evidence"):
        if getattr(node, name):
            left_out.add(f"group: `{name}`")


def _held(nodes: tuple[Node, ...], by_urn: dict[str, Node]) -> set[str]:
    """Urns of the nodes below which a requirement stands."""
    out: set[str] = set()
    for node in nodes:
        above = node.parent_urn if node.assessable else None
        while above is not None and above not in out:
            out.add(above)
            above = by_urn[above].parent_urn
    return out


def _names(nodes: tuple[Node, ...]) -> dict[str, str]:
    """An id for every requirement: its own where that is unique, else the end of its urn."""
    counts: dict[str, int] = {}
    for node in nodes:
        if node.assessable and node.ref_id:
            counts[node.ref_id.strip()] = counts.get(node.ref_id.strip(), 0) + 1
    out: dict[str, str] = {}
    given = Names()
    for node in nodes:
        if not node.assessable:
            continue
        own = (node.ref_id or "").strip()[:200]
        out[node.urn] = given.give(own if own and counts.get(own) == 1 else node.tail)
    return out


def _group_above(node: Node, by_urn: dict[str, Node]) -> str | None:
    above = node.parent_urn
    while above is not None and by_urn[above].assessable:
        above = by_urn[above].parent_urn
    return above


def _title(node: Node) -> str:
    text = (node.name or node.ref_id or node.description or node.tail).strip() or node.tail
    return text if len(text) <= MAX_SHORT else text[: SHORT_NAME - 4] + " ..."


def _control(
    node: Node,
    by_urn: dict[str, Node],
    names: dict[str, str],
    group_ids: dict[str, str],
    policy: LicencePolicy,
    left_out: LeftOut,
) -> dict[str, Any]:
    above = _group_above(node, by_urn)
    cite = (node.ref_id or node.tail).strip()[:200] or node.tail
    entry: dict[str, Any] = {
        "id": names[node.urn],
        "group": "ungrouped" if above is None else group_ids[above],
        "title": reference_only(policy, _title(node), names[node.urn], left_out),
    }
    notes = ""
    if policy == "verbatim_ok":
        entry["requirement"] = (node.description or node.name or "").strip() or f"See {cite} in the source."
        texts = [
            node.annotation or "",
            f"Typical evidence: {node.typical_evidence}" if node.typical_evidence else "",
        ]
        notes = "\n".join(text.strip() for text in texts if text.strip())
    else:
        entry["requirement"] = f"See {cite[:60]} in the source."
        left_out.add("texts that the licence policy does not let stand")
    entry |= {"cite": cite, "kind": "control"}
    parent = None if node.parent_urn is None else by_urn[node.parent_urn]
    if parent is not None and parent.assessable:
        entry["parent"] = names[parent.urn]
    entry |= {"applies": {"always": True}, "severity": "medium", "evidence": []}
    if notes:
        entry["notes"] = notes
    return entry
