"""An OSCAL profile resolved: the catalogs it imports, chosen from, filled in and altered.

What a profile asks for and this does not do is refused by its pointer, never passed over: a control that
should have been removed and was not would be a different checklist.
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from auditgen.checklists.oscal.catalog import (
    read_catalog,
    read_metadata,
    read_param,
    read_params,
    read_parts,
    read_props,
    read_resources,
)
from auditgen.checklists.oscal.model import Catalog
from auditgen.checklists.pointed import read_json
from auditgen.diagnostics import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditgen.checklists.imported import LeftOut
    from auditgen.checklists.oscal.model import Control, Param, Part, Prop
    from auditgen.checklists.pointed import Node

MAX_CHAIN = 5
"""How many profiles may rest on each other."""
MAX_PATTERN = 200


def resolve_profile(root: Node, path: Path, left_out: LeftOut, above: Sequence[Path] = ()) -> Catalog:
    """The catalog that a profile describes. Raises InputRefused with every fault of a file."""
    node = root.object("profile", required=True)
    chain = (*above, path.resolve())
    known = {"uuid", "metadata", "imports", "merge", "modify", "back-matter"}
    left_out.all_but(node.keys, known, "profile")
    out = Catalog(read_metadata(node.object("metadata", required=True), left_out))
    texts = list(out.metadata.texts)
    imports = list(node.objects("imports"))
    if not imports:
        root.faults.add("missing", "a profile imports at least one catalog", f"{node.pointer}/imports")
    for item in imports:
        source = _source(item, node, path)
        if source is None:
            continue
        found = _imported(item, source, left_out, chain)
        texts += found.metadata.texts
        _choose(item, found)
        _join(out, found, item)
    out.metadata = replace(out.metadata, texts=tuple(texts))
    out.resources |= read_resources(node, left_out)
    _merge(node, root)
    _modify(node.object("modify"), out, left_out)
    root.faults.refuse(hint="the pointer after `#` says where in the file")
    return out


def _source(item: Node, profile: Node, path: Path) -> Path | None:
    """The file that an import names: beside this one, directly or through the back matter."""
    href = item.text("href", required=True, most=4000)
    if href is None:
        return None
    pointer = f"{item.pointer}/href"
    if href.startswith("#"):
        named = [
            link.text("href", most=4000) or ""
            for resource in profile.object("back-matter").objects("resources")
            if resource.text("uuid") == href[1:]
            for link in resource.objects("rlinks")
        ]
        if not named:
            item.faults.add("unknown-resource", f"`{href}` is no resource with a link", pointer)
            return None
        local = [name for name in named if _is_local(name)]
        href = next((name for name in local if name.lower().endswith(".json")), (local or named)[0])
    if not _is_local(href):
        next_step = ("save the file beside this one and write its name here",)
        item.faults.add("not-a-file-beside", f"`{href[:200]}` is not fetched", pointer, helps=next_step)
        return None
    target = path.parent / unquote(urlsplit(href).path)
    if "\0" in str(target) or not target.is_file():
        helps = did_you_mean(target.name, [p.name for p in _beside(target)])
        item.faults.add("missing-file", f"there is no file `{href[:200]}`", pointer, helps=helps)
        return None
    if target.suffix.lower() != ".json":
        item.faults.add("not-json", f"`{href[:200]}` is no JSON; only OSCAL JSON is read", pointer)
        return None
    return target


def _beside(target: Path) -> list[Path]:
    try:
        return [p for p in target.parent.iterdir() if p.suffix == ".json"][:200]
    except (OSError, ValueError):
        return []


def _is_local(href: str) -> bool:
    try:
        parts = urlsplit(href)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc and bool(parts.path) and not parts.path.startswith("/")


def _imported(item: Node, source: Path, left_out: LeftOut, chain: Sequence[Path]) -> Catalog:
    empty = Catalog(read_metadata(_nothing(item), left_out))
    if source.resolve() in chain:
        item.faults.add("import-circle", f"`{source.name}` imports itself in the end", f"{item.pointer}/href")
        return empty
    if len(chain) > MAX_CHAIN:
        message = f"more than {MAX_CHAIN} profiles rest on each other"
        item.faults.add("import-depth", message, f"{item.pointer}/href")
        return empty
    root = read_json(source)
    if root.has("profile"):
        return resolve_profile(root, source, left_out, chain)
    catalog = read_catalog(root, left_out)
    root.faults.refuse(hint="the pointer after `#` says where in the file")
    return catalog


def _nothing(item: Node) -> Node:
    return replace(item, value={"title": "nothing"})


def _choose(item: Node, catalog: Catalog) -> None:
    """Keep the controls that the import includes and does not exclude."""
    for key in sorted({*item.keys} - {"href", "include-all", "include-controls", "exclude-controls"}):
        item.faults.add("unknown-key", f"`{key[:80]}` is not known in an import", item.pointer)
    chosen = {control.id for control in catalog.controls}
    if item.has("include-controls"):
        if item.has("include-all"):
            message = "either `include-all` or `include-controls`, not both"
            item.faults.add("contradiction", message, item.pointer)
        chosen = _selected(item, "include-controls", catalog)
    elif not item.has("include-all"):
        message = "either `include-all` or `include-controls` is required here"
        item.faults.add("missing", message, item.pointer)
    chosen -= _selected(item, "exclude-controls", catalog)
    catalog.controls = [control for control in catalog.controls if control.id in chosen]


def _selected(item: Node, key: str, catalog: Catalog) -> set[str]:
    known = {control.id for control in catalog.controls}
    children: dict[str, list[str]] = {}
    for control in catalog.controls:
        if control.parent is not None:
            children.setdefault(control.parent, []).append(control.id)
    out: set[str] = set()
    for choice in item.objects(key):
        for other in sorted({*choice.keys} - {"with-ids", "matching", "with-child-controls"}):
            choice.faults.add("unknown-key", f"`{other[:80]}` is not known here", choice.pointer)
        found: set[str] = set()
        for number, name in enumerate(choice.texts("with-ids")):
            if name in known:
                found.add(name)
                continue
            place = f"{choice.pointer}/with-ids/{number}"
            helps = choice.faults.near(name, known)
            choice.faults.add("unknown-control", f"there is no control `{name[:80]}`", place, helps=helps)
        for rule in choice.objects("matching"):
            pattern = rule.text("pattern", required=True, most=MAX_PATTERN)
            if pattern is not None and pattern.count("*") > 5:
                rule.faults.add("too-many", "a pattern may hold five `*`", f"{rule.pointer}/pattern")
            elif pattern is not None:
                found |= {name for name in known if fnmatchcase(name, pattern)}
        below = choice.text("with-child-controls")
        if below not in {None, "yes", "no"}:
            place = f"{choice.pointer}/with-child-controls"
            choice.faults.add("unknown-word", f"`{below}` is neither `yes` nor `no`", place)
        if below == "yes":
            open_ = list(found)
            while open_:
                more = [name for name in children.get(open_.pop(), ()) if name not in found]
                found.update(more)
                open_ += more
        out |= found
    return out


def _join(out: Catalog, found: Catalog, item: Node) -> None:
    """Add what one import gave to what the others gave."""
    seen = {control.id for control in out.controls}
    for control in found.controls:
        if control.id in seen:
            message = f"`{control.id}` comes from two imports; `merge` of such is not resolved"
            item.faults.add("duplicate-id", message, item.pointer)
            return
    taken = {group.key for group in out.groups}
    if same := sorted(taken & {group.key for group in found.groups}):
        before = {g.key: g for g in out.groups}
        for group in found.groups:
            if group.key in same and before[group.key].title != group.title:
                message = f"the group `{group.key}` has another title in each of two imports"
                item.faults.add("duplicate-id", message, item.pointer)
    out.groups += [group for group in found.groups if group.key not in taken]
    out.controls += found.controls
    out.params |= found.params
    out.resources |= found.resources
    if out.metadata.authority is None:
        out.metadata = replace(out.metadata, authority=found.metadata.authority)


def _merge(node: Node, root: Node) -> None:
    """Controls stay in the groups of their catalogs; any other order is refused."""
    merge = node.object("merge")
    if merge.has("custom"):
        message = "an own grouping of controls is not resolved"
        root.faults.add("unsupported", message, f"{merge.pointer}/custom")
    if merge.has("flat"):
        message = "controls without their groups are not made"
        helps = ("leave `merge` out, or write `as-is: true`",)
        root.faults.add("unsupported", message, f"{merge.pointer}/flat", helps=helps)
    if merge.has("as-is") and merge.get("as-is").value is not True:
        root.faults.add("unsupported", "only `true` is resolved", f"{merge.pointer}/as-is")
    for key in sorted({*merge.keys} - {"custom", "flat", "as-is", "combine"}):
        root.faults.add("unknown-key", f"`{key[:80]}` is not known here", merge.pointer)


def _modify(node: Node, out: Catalog, left_out: LeftOut) -> None:
    for key in sorted({*node.keys} - {"set-parameters", "alters"}):
        node.faults.add("unknown-key", f"`{key[:80]}` is not known here", node.pointer)
    for setting in node.objects("set-parameters"):
        _set(setting, out, left_out)
    by_id = {control.id: index for index, control in enumerate(out.controls)}
    for alter in node.objects("alters"):
        name = alter.text("control-id", required=True, most=200)
        if name is None:
            continue
        if name not in by_id:
            place = f"{alter.pointer}/control-id"
            helps = alter.faults.near(name, by_id)
            message = f"`{name}` is not among the chosen controls"
            alter.faults.add("unknown-control", message, place, helps=helps)
            continue
        control = out.controls[by_id[name]]
        for removal in alter.objects("removes"):
            control = _removed(removal, control)
        for addition in alter.objects("adds"):
            control = _added(addition, control, left_out)
        out.controls[by_id[name]] = control


def _set(setting: Node, out: Catalog, left_out: LeftOut) -> None:
    written = read_param(setting, "param-id", left_out)
    found = False

    def filled(param: Param) -> Param:
        nonlocal found
        if param.id != written.id:
            return param
        found = True
        return replace(
            param,
            label=written.label or param.label,
            choices=written.choices or param.choices,
            how_many=written.how_many or param.how_many,
            values=written.values or param.values,
            remarks=(*param.remarks, *written.remarks),
        )

    out.params = {name: filled(param) for name, param in out.params.items()}
    out.controls = [
        replace(c, params=tuple(map(filled, c.params))) if any(p.id == written.id for p in c.params) else c
        for c in out.controls
    ]
    if not found:
        every = {p.id for c in out.controls for p in c.params} | {*out.params}
        message = f"no chosen control has the parameter `{written.id}`"
        place = f"{setting.pointer}/param-id"
        setting.faults.add("unknown-parameter", message, place, helps=setting.faults.near(written.id, every))


_CRITERIA = {"by-name", "by-class", "by-id", "by-item-name", "by-ns"}
_REMOVABLE = {"param", "prop", "part", "link"}


def _removed(node: Node, control: Control) -> Control:
    """The control without what all criteria of one removal match."""
    for key in sorted({*node.keys} - {*_CRITERIA, "remarks"}):
        node.faults.add("unknown-key", f"`{key[:80]}` is not known here", node.pointer)
    wanted = {key: node.text(key, most=200) for key in _CRITERIA if node.has(key)}
    if not wanted:
        node.faults.add("missing", "a removal says by what it removes", node.pointer)
        return control
    kind = wanted.get("by-item-name")
    if kind is not None and kind not in _REMOVABLE:
        message = f"removing `{kind}` is not resolved; known: {', '.join(sorted(_REMOVABLE))}"
        node.faults.add("unsupported", message, f"{node.pointer}/by-item-name")
        return control

    def goes(item: str, name: str | None, cls: str | None, id_: str | None, ns: str | None) -> bool:
        have = {"by-item-name": item, "by-name": name, "by-class": cls, "by-id": id_, "by-ns": ns}
        return all(have[key] == value for key, value in wanted.items())

    def props(items: Iterable[Prop]) -> tuple[Prop, ...]:
        return tuple(p for p in items if not goes("prop", p.name, p.cls, None, p.ns))

    def parts(items: Iterable[Part]) -> tuple[Part, ...]:
        return tuple(
            replace(p, props=props(p.props), parts=parts(p.parts))
            for p in items
            if not goes("part", p.name, p.cls, p.id, p.ns)
        )

    result = replace(
        control,
        params=tuple(p for p in control.params if not goes("param", None, None, p.id, None)),
        props=props(control.props),
        links=tuple(x for x in control.links if not goes("link", None, None, None, None)),
        parts=parts(control.parts),
    )
    if result == control:
        node.faults.add("nothing-removed", f"nothing of `{control.id}` matches", node.pointer)
    return result


def _added(node: Node, control: Control, left_out: LeftOut) -> Control:
    """The control with an addition, at its own level or beside or in one of its parts."""
    known = {"position", "by-id", "title", "params", "props", "links", "parts"}
    for key in sorted({*node.keys} - known):
        node.faults.add("unknown-key", f"`{key[:80]}` is not known here", node.pointer)
    position = node.text("position") or "ending"
    if position not in {"before", "after", "starting", "ending"}:
        message = f"`{position}` is none of before, after, starting, ending"
        node.faults.add("unknown-word", message, f"{node.pointer}/position")
    left_out.add("profile: links that it adds", count=len(node.list("links")))
    new_parts = tuple(read_parts(node, left_out))
    new_props = read_props(node)
    target = node.text("by-id", most=200)
    if target is None or target == control.id:
        first = position in {"starting", "before"}
        return replace(
            control,
            title=node.text("title", most=2000) or control.title,
            params=(*control.params, *read_params(node, left_out)),
            props=(*new_props, *control.props) if first else (*control.props, *new_props),
            parts=(*new_parts, *control.parts) if first else (*control.parts, *new_parts),
        )
    if node.has("title") or node.has("params"):
        message = "a title and parameters are added to a control, not to a part"
        node.faults.add("unsupported", message, node.pointer)
    changed, done = _beside_part(control.parts, target, position, new_parts, new_props)
    if not done:
        message = f"`{control.id}` has no part `{target}`"
        node.faults.add("unknown-part", message, f"{node.pointer}/by-id")
    return replace(control, parts=changed)


def _beside_part(
    parts: tuple[Part, ...], target: str, position: str, new: tuple[Part, ...], props: tuple[Prop, ...]
) -> tuple[tuple[Part, ...], bool]:
    out: list[Part] = []
    done = False
    for part in parts:
        if part.id == target:
            done = True
            changed = replace(part, props=(*part.props, *props))
            if position == "starting":
                changed = replace(changed, parts=(*new, *part.parts))
            elif position == "ending":
                changed = replace(changed, parts=(*part.parts, *new))
            before = new if position == "before" else ()
            after = new if position == "after" else ()
            out += [*before, changed, *after]
            continue
        below, found = _beside_part(part.parts, target, position, new, props)
        done = done or found
        out.append(replace(part, parts=below) if found else part)
    return tuple(out), done
