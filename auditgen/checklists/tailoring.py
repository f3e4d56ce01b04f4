"""Tailoring: a checklist made from another by choosing, filling in and changing, as an OSCAL profile does.

The requirement of the original is never touched. Whatever asks for less than the original is said, on
the control and in the scope, so that a report cannot be quieter than the text it was made from.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field, ValidationError

from auditgen.checklists.applying import apply
from auditgen.checklists.checks import strange_choices, unknown
from auditgen.checklists.model import FROZEN, EvidenceNeed, LongText, Slug, Text
from auditgen.diagnostics import did_you_mean
from auditgen.errors import InputRefused
from auditgen.yamlspan import validation_diagnostics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from auditgen.checklists.model import Checklist
    from auditgen.diagnostics import Diagnostic
    from auditgen.yamlspan import KeyPath, YamlDocument

SCHEMA = "auditgen-tailoring-1"
MAX_CHAIN = 5
"""How many tailorings may rest on each other."""


class Modification(BaseModel):
    """What one control asks for instead; what is not written stays as it is."""

    model_config = FROZEN
    reason: Text | None = None
    """Why; printed with the change."""
    severity: Literal["low", "medium", "high", "critical"] | None = None
    evidence: tuple[EvidenceNeed, ...] = ()
    """A need whose `id` the control has replaces it; any other is added."""
    without: tuple[Slug, ...] = ()
    """Needs that are dropped, by `id`."""
    max_age_days: Annotated[int, Field(gt=0, le=3660)] | None = None
    """For every need of the control that is not written anew."""
    every_days: Annotated[int, Field(gt=0, le=3660)] | None = None
    independence: Literal["none", "internal_separate", "external", "external_accredited"] | None = None
    frequency: Text | None = None
    notes: LongText | None = None
    """Added to the control's own notes."""


class Tailoring(BaseModel):
    """A whole tailoring file."""

    model_config = FROZEN
    schema_: Annotated[Literal["auditgen-tailoring-1"], Field(alias="schema")]
    id: Slug
    """The framework id of the result, to be used in `answers`."""
    title: Text
    version: Text
    """Version of this file."""
    extends: Text
    """The id of a checklist that ships, or the path of a file, seen from this one."""
    why: LongText | None = None
    """Printed in the scope."""
    include: tuple[Text, ...] = ()
    """Ids of controls or groups; everything when it is not written."""
    exclude: tuple[Text, ...] = ()
    """Ids of controls or groups that are left out, after `include`."""
    set_: Annotated[dict[Text, Text], Field(alias="set")] = Field(default_factory=dict)
    """Values of parameters, by the parameter's id."""
    modify: dict[Text, Modification] = Field(default_factory=dict)
    """Changes, by the control's id."""


def is_tailoring(value: Any) -> bool:
    """Whether the parsed file says that it is one."""
    return isinstance(value, dict) and value.get("schema") == SCHEMA


def base_path(extends: str, path: Path, shipped: Mapping[str, Path]) -> Path:
    """The file that `extends` of the tailoring at `path` names."""
    return shipped.get(extends, path.parent / extends)


def resolve(
    document: YamlDocument,
    chain: Sequence[Path],
    shipped: Mapping[str, Path],
    load: Callable[[Path], Checklist],
) -> tuple[Checklist | None, list[Diagnostic]]:
    """The checklist that a parsed tailoring describes, or every fault at its place.

    `chain` ends with the file itself; before it stand the tailorings that rest on it.
    """
    faults = list(document.diagnostics)
    try:
        tailoring = Tailoring.model_validate_json(orjson.dumps(document.value))
    except ValidationError as error:
        return None, faults + validation_diagnostics(document, error, Tailoring)
    base, found = _base(tailoring, document, chain, shipped, load)
    faults += found
    if base is None:
        return None, faults
    faults += _faults(tailoring, base, document)
    if faults:
        return None, faults
    return apply(base, tailoring, _kept(tailoring, base)), []


def _base(
    tailoring: Tailoring,
    document: YamlDocument,
    chain: Sequence[Path],
    shipped: Mapping[str, Path],
    load: Callable[[Path], Checklist],
) -> tuple[Checklist | None, list[Diagnostic]]:
    extends, at = tailoring.extends, ("extends",)
    path = base_path(extends, chain[-1], shipped)
    if extends not in shipped:
        if Path(extends).is_absolute():
            message = f"`{extends}` is a path of this machine only"
            return None, [document.fault("absolute-path", message, at, helps=("write it as seen from here",))]
        if not path.is_file():
            helps = did_you_mean(extends, shipped) or (f"shipped: {', '.join(shipped)}",)
            message = f"no checklist `{extends}`: neither shipped nor a file"
            return None, [document.fault("unknown-standard", message, at, helps=helps)]
    if path.resolve() in {known.resolve() for known in chain}:
        return None, [document.fault("extends-circle", "this file rests on itself in the end", at)]
    if len(chain) > MAX_CHAIN:
        message = f"more than {MAX_CHAIN} tailorings rest on each other"
        return None, [document.fault("extends-depth", message, at)]
    try:
        return load(path), []
    except InputRefused as refusal:
        count = len(refusal.diagnostics)
        message = f"`{extends}` cannot be used: {count} fault{'s' if count != 1 else ''} in it"
        return None, [document.fault("faulty-base", message, at), *refusal.diagnostics]


def _faults(tailoring: Tailoring, base: Checklist, document: YamlDocument) -> Iterator[Diagnostic]:
    controls = {control.id: control for control in base.controls}
    names = {*controls, *(group.id for group in base.groups)}
    for key in ("include", "exclude"):
        for index, name in enumerate(getattr(tailoring, key)):
            if name not in names:
                yield unknown(document, "control-or-group", name, names, (key, index))
    kept = _kept(tailoring, base)
    if not kept and all(name in names for name in tailoring.include):
        yield document.fault("nothing-left", "no control is left", ("include",))
    parameters = {p.id: p for control in base.controls if control.id in kept for p in control.parameters}
    for name, value in tailoring.set_.items():
        at: KeyPath = ("set", name)
        if name not in parameters:
            yield unknown(document, "parameter", name, parameters, at, key=True)
            continue
        filled = parameters[name].model_copy(update={"value": value})
        for choice in strange_choices(filled):
            yield unknown(document, "choice", choice, filled.choices, at)
    for name, change in tailoring.modify.items():
        at = ("modify", name)
        if name not in controls:
            yield unknown(document, "control", name, controls, at, key=True)
            continue
        if name not in kept:
            message = f"`{name}` is left out by this file and changed all the same"
            yield document.fault("left-out", message, at, key=True)
        yield from _modification_faults(change, controls[name].evidence, document, at)


def _modification_faults(
    change: Modification, needs: Sequence[EvidenceNeed], document: YamlDocument, at: KeyPath
) -> Iterator[Diagnostic]:
    if not change.model_dump(exclude={"reason"}, exclude_defaults=True):
        yield document.fault("nothing-changed", "this changes nothing", at, key=True)
    known = {need.id for need in needs}
    written = [need.id for need in change.evidence]
    for number, name in enumerate(written):
        if name in written[:number]:
            place: KeyPath = (*at, "evidence", number, "id")
            yield document.fault("duplicate-id", f"`{name}` is written twice", place)
    for number, name in enumerate(change.without):
        place = (*at, "without", number)
        if name not in known:
            yield unknown(document, "need", name, known, place)
        elif name in written:
            yield document.fault("contradiction", f"`{name}` is dropped and replaced", place)


def _kept(tailoring: Tailoring, base: Checklist) -> set[str]:
    every = {control.id for control in base.controls}
    chosen = _selected(tailoring.include, base) if tailoring.include else every
    return chosen - _selected(tailoring.exclude, base)


def _selected(names: Sequence[str], base: Checklist) -> set[str]:
    """Controls that are named, or lie in a group that is named or in one below it."""
    groups = set(names) & {group.id for group in base.groups}
    while more := {g.id for g in base.groups if g.parent in groups} - groups:
        groups |= more
    return {c.id for c in base.controls if c.id in set(names) or c.group in groups}
