"""From an OSCAL catalog or profile to a checklist.

What a catalog does not say stays open: no evidence, no severity of its own, nothing about whom it applies
to. The text is carried over word for word, with the labels and in the order of the original, and only
where the licence allows it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

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
from auditgen.checklists.oscal.catalog import ROOT_GROUP, read_catalog
from auditgen.checklists.pointed import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from auditgen.checklists.model import LicencePolicy
    from auditgen.checklists.oscal.model import Catalog, Control, Param, Part
    from auditgen.checklists.pointed import Faults

INSERT = re.compile(r"\{\{ *(?:insert: *param *, *|param *[:,] *)?([^\s{},:]{1,120}) *\}\}")
"""A parameter's place: `{{ insert: param, id }}`, and `{{ id }}` of older catalogs."""
OUR_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")
METHODS = ("examine", "interview", "test")
MAX_TEXT = 20_000
MAX_SHORT = 2000
NOTES = ("guidance", "overview", "instruction", "discussion", "example", "information")
"""Parts whose text is carried over as notes."""


def import_oscal(path: Path, wish: Wish) -> Imported:
    """The checklist of an OSCAL catalog or profile (JSON). Raises InputRefused with every fault."""
    from auditgen.checklists.oscal.profile import resolve_profile

    root = read_json(path)
    left_out = LeftOut()
    if root.has("profile"):
        catalog = resolve_profile(root, path, left_out)
    else:
        if not root.has("catalog"):
            known = ", ".join(f"`{key[:40]}`" for key in root.keys[:5]) or "nothing"
            message = f"neither `catalog` nor `profile` stands at the top; there is {known}"
            root.faults.add("unknown-document", message)
            root.faults.refuse(hint="OSCAL catalogs and profiles are imported, as JSON")
        catalog = read_catalog(root, left_out)
    root.faults.refuse(hint="the pointer after `#` says where in the file")
    policy, basis = licence_of(catalog.metadata.texts, wish, str(path))
    value = _Converter(catalog, policy, left_out, root.faults, path.name).checklist(wish, basis)
    root.faults.refuse(hint="the pointer after `#` says where in the file")
    return finish(value, left_out, basis, str(path))


class _Converter:
    """One conversion: the catalog, what may be carried over, and what is lost on the way."""

    def __init__(
        self, catalog: Catalog, policy: LicencePolicy, left_out: LeftOut, faults: Faults, file: str
    ) -> None:
        self.file = file
        self.catalog = catalog
        self.policy = policy
        self.left_out = left_out
        self.faults = faults
        self.titles = {c.id: c.label or c.id for c in catalog.controls}
        self.by_control = {c.id: {p.id: p for p in c.params} for c in catalog.controls}
        self.kept = {c.id for c in catalog.controls if not c.is_withdrawn}
        self.used: set[str] = set()
        self.elsewhere: dict[str, Param] = dict(catalog.params)
        for params in self.by_control.values():
            for name, param in params.items():
                self.elsewhere.setdefault(name, param)

    def checklist(self, wish: Wish, basis: str) -> dict[str, Any]:
        """The whole file as a dictionary."""
        meta = self.catalog.metadata
        groups, of_group = self._groups()
        controls = [self._control(c, of_group) for c in self.catalog.controls if not self._skipped(c)]
        unused = len(self.catalog.params.keys() - self.used)
        self.left_out.add("parameters that no control uses", count=unused)
        count = len(controls)
        lost = sum(self.left_out.kinds.values())
        return {
            "schema": "auditgen-checklist-1",
            "framework": {
                "id": wish.id or slug(meta.title, fallback="imported"),
                "title": meta.title,
                "authority": meta.authority or "not named in the file",
                "citation": f"{meta.title}, {meta.version}"[:MAX_SHORT],
                "source_version": meta.version,
                "checklist_version": "1.0",
                "binding": "guidance",
                "licence": {
                    "text": basis[:MAX_SHORT],
                    "policy": self.policy,
                    "attribution": meta.authority or meta.title,
                },
                "review": {
                    "legal_review": "none",
                    "last_checked": wish.today.isoformat(),
                    "text_basis": "read",
                    "sources": [f"OSCAL file {self.file}"[:MAX_SHORT]],
                },
                "scope": (
                    f"{count} controls as imported from an OSCAL file; {lost} details of it were not carried "
                    "over. Nobody has decided yet to whom each control applies, how severe it is or which "
                    "evidence would show it: every control applies, and none can be met."
                ),
            },
            "vocabulary": {"roles": [], "risk_classes": []},
            "groups": groups,
            "controls": controls,
        }

    def _skipped(self, control: Control) -> bool:
        if control.is_withdrawn:
            self.left_out.add("withdrawn controls", control.id)
        return control.is_withdrawn

    def _groups(self) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """The groups that hold something, and the id that each key got."""
        held = {c.group for c in self.catalog.controls if not c.is_withdrawn}
        parents = {g.key: g.parent for g in self.catalog.groups}
        for key in tuple(held):
            above = parents.get(key)
            while above is not None and above not in held:
                held.add(above)
                above = parents.get(above)
        ids: dict[str, str] = {}
        names = Names()
        out: list[dict[str, Any]] = []
        if ROOT_GROUP in held:
            ids[ROOT_GROUP] = names.give("ungrouped")
            out.append({"id": "ungrouped", "title": "Controls of no group", "cite": "-"})
        for group in self.catalog.groups:
            if group.key not in held:
                self.left_out.add("groups without controls", group.id or group.title)
                continue
            ids[group.key] = names.give(slug(group.id or group.title))
            title = reference_only(self.policy, group.title, group.id or ids[group.key], self.left_out)
            entry = {"id": ids[group.key], "title": title, "cite": group.label or group.id or group.title}
            if group.parent is not None:
                entry["parent"] = ids[group.parent]
            out.append(entry)
        return out, ids

    def _control(self, control: Control, groups: Mapping[str, str]) -> dict[str, Any]:
        cite = self._cite(control)
        entry: dict[str, Any] = {
            "id": control.id,
            "group": groups[control.group],
            "title": reference_only(self.policy, control.title, control.id, self.left_out),
        }
        used: dict[str, Param] = {}
        if self.policy == "verbatim_ok":
            entry["requirement"] = self._statement(control, used)
            for param in control.params:  # blanks that only other texts name stay with their control
                used.setdefault(param.id, param)
                self.used.add(param.id)
                for text in (*param.choices, param.label or ""):
                    self._inserted(text, used, control, param.pointer)
            notes = self._notes(control, used)
        else:
            entry["requirement"] = f"See {control.label or control.id} in the source."[:80]
            self.left_out.add("texts that the licence policy does not let stand")
            notes = None
        methods = [m for m in METHODS if m in {_method(part) for part in control.parts}]
        entry |= {"cite": cite, "kind": "control"}
        if control.parent in self.kept:
            entry["parent"] = control.parent
        elif control.parent is not None:
            self.left_out.add("parents that are withdrawn or not chosen", control.id)
        entry |= {"applies": {"always": True}, "severity": "medium", "evidence": []}
        if methods:
            entry["methods"] = methods
        if used:
            entry["parameters"] = [self._parameter(p) for p in used.values()]
        if notes:
            entry["notes"] = notes
        return entry

    def _cite(self, control: Control) -> str:
        """Its number, and the references it names."""
        named = []
        for link in control.links:
            title = self.catalog.resources.get(link.href.removeprefix("#"))
            if link.rel == "reference" and title is not None:
                named.append(title)
            elif link.rel == "reference":
                self.left_out.add("control: references that the back matter does not hold")
        cite = control.label or control.id
        for position, title in enumerate(named):
            longer = f"{cite}; references: {title}" if position == 0 else f"{cite}, {title}"
            if self.policy != "verbatim_ok" or len(longer) > MAX_SHORT:
                self.left_out.add("references of controls", count=len(named) - position)
                break
            cite = longer
        return cite

    def _statement(self, control: Control, used: dict[str, Param]) -> str:
        parts = [p for p in control.parts if p.name == "statement"]
        lines = [line for part in parts for line in self._lines(part, 0, used, control)]
        text = "\n".join(lines).strip()
        if not text:
            self.left_out.add("controls without a statement, shown by their title", control.id)
            text = self._inserted(control.title, used, control, control.pointer)
        if len(text) > MAX_TEXT:
            message = f"the statement has {len(text)} characters; at most {MAX_TEXT} are carried over"
            self.faults.add("too-long", message, control.pointer)
        return text

    def _lines(self, part: Part, depth: int, used: dict[str, Param], control: Control) -> Iterator[str]:
        """A part and those below it, each with its label, two blanks deeper for each level."""
        self.left_out.add("part: links", count=part.links)
        words = " ".join(text for text in (part.label, part.title, part.prose) if text)
        if words:
            shown = self._inserted(words, used, control, part.pointer)
            yield "\n".join("  " * depth + line.strip() for line in shown.splitlines())
        for below in part.parts:
            yield from self._lines(below, depth + (1 if words else 0), used, control)

    def _notes(self, control: Control, used: dict[str, Param]) -> str | None:
        out: list[str] = []
        for part in control.parts:
            if part.name == "statement":
                continue
            if part.name in NOTES:
                body = "\n".join(self._lines(part, 0, used, control)).strip()
                if body:
                    out.append(body if part.name == "guidance" else f"{part.name}: {body}")
            elif _method(part) is not None:
                self.left_out.add("objects of assessment methods", count=len(part.parts))
            else:
                self.left_out.add(f"part `{part.name[:80]}` with all below it")
        related = [link.href for link in control.links if link.rel == "related"]
        if related:
            plain = [href.removeprefix("#")[:200] for href in related]
            names = [self.titles.get(name, name) for name in plain]
            out.append(f"Related: {', '.join(names)}.")
        for rel in [link.rel for link in control.links if link.rel not in {"related", "reference"}]:
            self.left_out.add(f"control: links `{(rel or 'without a relation')[:80]}`")
        for param in used.values():
            remarks = [self._plain(text) for text in param.remarks]
            if remarks:
                out.append(f"Parameter {param.id}: {'; '.join(remarks)}")
        text = "\n".join(out)
        if len(text) > MAX_TEXT:
            self.left_out.add("notes cut at 20,000 characters", control.id)
            text = text[: MAX_TEXT - 4] + " ..."
        return text or None

    def _plain(self, text: str) -> str:
        return INSERT.sub(lambda found: f"[{found[1]}]", text)

    def _inserted(self, text: str, used: dict[str, Param], control: Control, pointer: str) -> str:
        """The text with our places for parameters; each one that is named is kept with the control."""
        waiting = [(text, pointer)]  # a list, not a recursion: a chain of parameters may be long
        for words, at in waiting:
            for name in dict.fromkeys(INSERT.findall(words)):
                param = self.by_control[control.id].get(name) or self.elsewhere.get(name)
                if param is None:
                    self.faults.add("unknown-parameter", f"the parameter `{name}` is declared nowhere", at)
                elif name not in used:
                    used[name] = param
                    self.used.add(name)
                    waiting += [(choice, param.pointer) for choice in (*param.choices, param.label or "")]
        return _placed(text)

    def _parameter(self, param: Param) -> dict[str, Any]:
        choices = [_placed(text)[:MAX_SHORT] for text in param.choices]
        many = param.how_many == "one-or-more"
        label = _placed(param.label) if param.label else None
        if label is None and choices:
            label = f"Selection (one{' or more' if many else ''}): {'; '.join(choices)}"
        if label is None:
            label = f"no label: {param.id}"
        if len(label) > MAX_SHORT:
            self.left_out.add("labels of parameters cut at 2,000 characters", param.id)
            label = label[: MAX_SHORT - 4] + " ..."
        out: dict[str, Any] = {"id": _our_id(param.id), "label": label}
        if choices:
            out["choices"] = list(dict.fromkeys(choices))
        if many:
            out["how_many"] = "one_or_more"
        if param.values:
            values = [_placed(text) for text in param.values]
            is_several = len(values) > 1 and (not many or any(";" in value for value in values))
            if choices and (is_several or not set(values) <= set(choices)):
                self.left_out.add("choices of parameters whose value is none of them", param.id)
                del out["choices"]
                out.pop("how_many", None)
            out["value"] = "; ".join(values)
        return out


def _method(part: Part) -> str | None:
    """The assessment method a part describes (NIST SP 800-53A)."""
    named = next((p.value.lower() for p in part.props if p.name == "method"), None)
    return named if named in METHODS else None


def _placed(text: str) -> str:
    return INSERT.sub(lambda found: "{{ " + _our_id(found[1]) + " }}", text)


def _our_id(name: str) -> str:
    """An OSCAL token as an id of a parameter; tokens may hold letters that ours may not."""
    if OUR_ID.match(name):
        return name
    plain = re.sub(r"[^A-Za-z0-9_.-]", "-", name).lstrip("_.-")[:80]
    return plain or "parameter"
