"""Reading an OSCAL catalog: every control in its order, every fault with its pointer, every loss counted.

The format is NIST's, version 1.x; a catalog is read by what it holds, not by the version it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.checklists.oscal.model import Catalog, Control, Group, Link, Metadata, Param, Part, Prop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditgen.checklists.imported import LeftOut
    from auditgen.checklists.pointed import Node

MAX_DEPTH = 30
MAX_CONTROLS = 50_000
MAX_ID = 200
ROOT_GROUP = ""
"""Key of the group of controls that stand in none."""


def read_catalog(root: Node, left_out: LeftOut) -> Catalog:
    """The catalog under `/catalog`. Faults are gathered in `root.faults`."""
    node = root.object("catalog", required=True)
    out = Catalog(read_metadata(node.object("metadata", required=True), left_out))
    left_out.all_but(
        node.keys, {"uuid", "metadata", "params", "groups", "controls", "back-matter"}, "catalog"
    )
    out.resources = read_resources(node, left_out)
    _keep_params(node, out)
    _controls(node, ROOT_GROUP, None, out, left_out, 0)
    _groups(node, None, out, left_out, 0)
    _twice(out, node)
    if not out.controls and not root.faults.found:
        root.faults.add("empty", "there is no control in it", node.pointer)
    return out


def read_metadata(node: Node, left_out: LeftOut) -> Metadata:
    """Title, edition, who issued it, and every sentence that may speak of a licence."""
    known = {"title", "version", "last-modified", "oscal-version", "parties", "remarks"}
    left_out.all_but(node.keys, known, "metadata")
    parties = [(p.text("type"), p.text("name")) for p in node.objects("parties")]
    named = [name for kind, name in parties if name and kind == "organization"]
    named += [name for kind, name in parties if name and kind != "organization"]
    if len(parties) > 1:
        left_out.add("metadata: parties beside the first", count=len(parties) - 1)
    texts = [node.text("remarks") or "", *(p.value for p in _props(node))]
    version = [node.text("version", most=500) or "no version given"]
    for key, words in (("last-modified", "last modified"), ("oscal-version", "OSCAL")):
        if (text := node.text(key, most=100)) is not None:
            version.append(f"{words} {text}")
    return Metadata(
        title=node.text("title", required=True, most=1900) or "untitled",
        version=", ".join(version),
        authority=named[0][:2000] if named else None,
        texts=tuple(texts),
    )


def read_resources(node: Node, left_out: LeftOut) -> dict[str, str]:
    """Titles of the back matter by uuid; a resource without a title is known by its citation."""
    out = {}
    for resource in node.object("back-matter").objects("resources"):
        name = resource.text("uuid", required=True, most=MAX_ID)
        citation = resource.object("citation").text("text")
        title = resource.text("title") or citation or resource.text("description")
        if name is not None and title is not None:
            out[name] = title
        left_out.add("back matter: texts and addresses of references beyond their title")
    return out


def _groups(node: Node, parent: str | None, out: Catalog, left_out: LeftOut, depth: int) -> None:
    for group in node.objects("groups"):
        if depth >= MAX_DEPTH:
            group.faults.add("too-deep", f"groups lie deeper than {MAX_DEPTH} levels", group.pointer)
            return
        if len(out.groups) >= MAX_CONTROLS:
            group.faults.add("too-many", f"more than {MAX_CONTROLS} groups", group.pointer)
            return
        known = {"id", "title", "params", "props", "groups", "controls", "links", "parts"}
        left_out.all_but(group.keys, known, "group")
        left_out.add("group: links", count=len(group.list("links")))
        left_out.add("group: texts (`parts`)", count=len(group.list("parts")))
        name = group.text("id", most=MAX_ID)
        props = _props(group)
        label = next((p.value for p in props if p.name == "label"), None)
        key = name or group.pointer
        title = group.text("title", required=True, most=2000) or key
        out.groups.append(Group(key, name, title, label, parent))
        _count_props(props, "group", left_out)
        _keep_params(group, out)
        _controls(group, key, None, out, left_out, depth)
        _groups(group, key, out, left_out, depth + 1)


def _controls(
    node: Node, group: str, parent: str | None, out: Catalog, left_out: LeftOut, depth: int
) -> None:
    for control in node.objects("controls"):
        if depth >= MAX_DEPTH:
            control.faults.add("too-deep", f"controls lie deeper than {MAX_DEPTH} levels", control.pointer)
            return
        if len(out.controls) >= MAX_CONTROLS:
            control.faults.add("too-many", f"more than {MAX_CONTROLS} controls", control.pointer)
            return
        known = {"id", "title", "params", "props", "links", "parts", "controls"}
        left_out.all_but(control.keys, known, "control")
        name = control.text("id", required=True, most=MAX_ID) or control.pointer
        props = _props(control)
        _count_props(props, "control", left_out)
        out.controls.append(
            Control(
                id=name,
                title=control.text("title", required=True, most=2000) or name,
                params=tuple(read_params(control, left_out)),
                props=props,
                links=tuple(_links(control, left_out)),
                parts=tuple(read_parts(control, left_out)),
                group=group,
                parent=parent,
                pointer=control.pointer,
            )
        )
        _controls(control, group, name, out, left_out, depth + 1)


def read_parts(node: Node, left_out: LeftOut, depth: int = 0) -> Iterator[Part]:
    """The texts below a control or a part, in their order."""
    for part in node.objects("parts"):
        if depth >= MAX_DEPTH:
            part.faults.add("too-deep", f"parts lie deeper than {MAX_DEPTH} levels", part.pointer)
            return
        known = {"name", "title", "props", "prose", "parts", "links"}
        left_out.all_but(part.keys, known, "part")
        props = _props(part)
        _count_props(props, "part", left_out)
        yield Part(
            name=part.text("name", required=True, most=MAX_ID) or "part",
            id=part.text("id", most=MAX_ID),
            cls=part.text("class", most=MAX_ID),
            ns=part.text("ns", most=2000),
            title=part.text("title", most=2000),
            prose=part.text("prose"),
            props=props,
            parts=tuple(read_parts(part, left_out, depth + 1)),
            links=len(part.list("links")),
            pointer=part.pointer,
        )


def read_params(node: Node, left_out: LeftOut) -> Iterator[Param]:
    """The blanks declared at a control, a group, a catalog or an addition of a profile."""
    for param in node.objects("params"):
        yield read_param(param, "id", left_out)


def read_param(param: Node, key: str, left_out: LeftOut) -> Param:
    """One blank; `key` is the name of its id."""
    known = {key, "label", "select", "values", "constraints", "guidelines", "usage", "props", "links"}
    left_out.all_but(param.keys, known, "parameter")
    left_out.add("parameter: links", count=len(param.list("links")))
    for prop in _props(param):
        left_out.add(f"parameter property `{prop.name[:80]}`")
    select = param.object("select")
    how_many = select.text("how-many", most=MAX_ID)
    if how_many not in {None, "one", "one-or-more"}:
        message = f"`{how_many}` is neither `one` nor `one-or-more`"
        param.faults.add("unknown-word", message, f"{select.pointer}/how-many")
    remarks = []
    for kind, text in (("constraints", "description"), ("guidelines", "prose")):
        for item in param.objects(kind):
            left_out.all_but(item.keys, {text}, f"parameter {kind}")
            if (said := item.text(text)) is not None:
                remarks.append(f"{kind[:-1]}: {said}")
    if (usage := param.text("usage")) is not None:
        remarks.append(f"usage: {usage}")
    return Param(
        id=param.text(key, required=True, most=80) or "unnamed",
        label=param.text("label", most=1900),
        choices=tuple(text.strip() for text in select.texts("choice") if text.strip()),
        how_many=how_many,
        values=tuple(text.strip() for text in param.texts("values") if text.strip()),
        remarks=tuple(remarks),
        pointer=param.pointer,
    )


def read_props(node: Node) -> tuple[Prop, ...]:
    """The named values of anything that has some."""
    return _props(node)


def _props(node: Node) -> tuple[Prop, ...]:
    out = []
    for prop in node.objects("props"):
        name = prop.text("name", required=True, most=MAX_ID)
        value = prop.text("value", required=True)
        if name is not None and value is not None:
            out.append(Prop(name, value, prop.text("ns"), prop.text("class")))
    return tuple(out)


def _links(node: Node, left_out: LeftOut) -> Iterator[Link]:
    for link in node.objects("links"):
        left_out.all_but(link.keys, {"href", "rel"}, "control link")
        href = link.text("href", required=True, most=4000)
        if href is not None:
            yield Link(href, link.text("rel"))


def _count_props(props: tuple[Prop, ...], what: str, left_out: LeftOut) -> None:
    carried = {"label", "status", "method"}
    for prop in props:
        if prop.name not in carried:
            left_out.add(f"{what} property `{prop.name[:80]}`")


def _keep_params(node: Node, out: Catalog) -> None:
    from auditgen.checklists.imported import LeftOut

    for param in read_params(node, LeftOut()):
        out.params.setdefault(param.id, param)


def _twice(out: Catalog, node: Node) -> None:
    """Two controls, two groups or two parameters with one id: nobody could say which is meant."""
    seen: dict[str, str] = {}
    for control in out.controls:
        if control.id in seen:
            message = f"the control `{control.id}` stands at `{seen[control.id]}` too"
            node.faults.add("duplicate-id", message, control.pointer)
        seen.setdefault(control.id, control.pointer)
    groups: set[str] = set()
    for group in out.groups:
        if group.id is not None and group.id in groups:
            node.faults.add("duplicate-id", f"two groups have the id `{group.id}`", node.pointer)
        groups.add(group.key)
    for control in out.controls:
        params: set[str] = set()
        for param in control.params:
            if param.id in params:
                message = f"two parameters of `{control.id}` have the id `{param.id}`"
                node.faults.add("duplicate-id", message, param.pointer)
            params.add(param.id)
