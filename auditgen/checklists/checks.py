"""What a checklist must satisfy beyond its shape: ids that exist, answers on offer, texts that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from pydantic import ValidationError

from auditgen.checklists.model import (
    IDS_ONLY_MAX_CHARS,
    PARAPHRASE_MAX_CHARS,
    PLACEHOLDER,
    Checklist,
    Expression,
)
from auditgen.diagnostics import Diagnostic, did_you_mean
from auditgen.yamlspan import validation_diagnostics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditgen.checklists.model import Control, Group, Parameter, Question
    from auditgen.yamlspan import KeyPath, YamlDocument

SHOWN = 12
"""How many known names a hint lists."""


def check_document(document: YamlDocument) -> tuple[Checklist | None, list[Diagnostic]]:
    """Validate a parsed file: shape first, then what a schema cannot say."""
    diagnostics = list(document.diagnostics)
    if document.value is None:
        empty = document.fault("empty", "there is nothing in this file", ())
        return None, diagnostics or [empty]
    if not isinstance(document.value, dict):
        message = "a checklist begins with keys such as `schema:`, `framework:` and `controls:`"
        return None, [*diagnostics, document.fault("not-a-mapping", message, ())]
    try:
        # JSON mode keeps strictness (no text becomes a number) while dates may be written as text.
        checklist = Checklist.model_validate_json(orjson.dumps(document.value))
    except ValidationError as error:
        return None, diagnostics + validation_diagnostics(document, error, Checklist)
    return checklist, diagnostics + list(_cross_checks(checklist, document))


def _cross_checks(checklist: Checklist, document: YamlDocument) -> Iterator[Diagnostic]:
    yield from _duplicates(checklist, document)
    groups = {group.id for group in checklist.groups}
    yield from _parent_faults(checklist, document)
    roles = set(checklist.vocabulary.roles)
    ids = {control.id for control in checklist.controls}
    for index, control in enumerate(checklist.controls):
        at: KeyPath = ("controls", index)
        if control.group not in groups:
            yield unknown(document, "group", control.group, groups, (*at, "group"))
        for number, role in enumerate(control.duty_bearer):
            if role not in roles:
                yield unknown(document, "role", role, roles, (*at, "duty_bearer", number))
        if control.parent is not None and control.parent not in ids:
            yield unknown(document, "control", control.parent, ids, (*at, "parent"))
        yield from _parameter_faults(control, document, at)
        yield from _expression_faults(control.applies, checklist, document, (*at, "applies"))
        for number, effective in enumerate(control.effective):
            if effective.when is not None:
                where: KeyPath = (*at, "effective", number, "when")
                yield from _expression_faults(effective.when, checklist, document, where)
    yield from _licence_faults(checklist, document)


def _duplicates(checklist: Checklist, document: YamlDocument) -> Iterator[Diagnostic]:
    parts: tuple[tuple[str, tuple[Question | Group | Control, ...]], ...] = (
        ("questions", checklist.questions),
        ("groups", checklist.groups),
        ("controls", checklist.controls),
    )
    for part, items in parts:
        seen: dict[str, int] = {}
        for index, item in enumerate(items):
            if item.id in seen:
                first = document.span((part, seen[item.id], "id"))
                yield Diagnostic(
                    "duplicate-id",
                    f"`{item.id}` is used twice in `{part}`",
                    document.file,
                    document.span((part, index, "id")),
                    "second time here",
                    related=((first, "first time here"),),
                )
            seen.setdefault(item.id, index)


def _parent_faults(checklist: Checklist, document: YamlDocument) -> Iterator[Diagnostic]:
    parents = {group.id: group.parent for group in checklist.groups}
    for index, group in enumerate(checklist.groups):
        at: KeyPath = ("groups", index, "parent")
        if group.parent is None:
            continue
        if group.parent not in parents:
            yield unknown(document, "group", group.parent, set(parents), at)
            continue
        above, steps = group.parent, 0
        while (following := parents.get(above)) is not None and steps <= len(parents):
            above, steps = following, steps + 1
        if steps > len(parents):
            yield document.fault("parent-circle", f"`{group.id}` lies under itself", at)


def _parameter_faults(control: Control, document: YamlDocument, at: KeyPath) -> Iterator[Diagnostic]:
    known = {parameter.id for parameter in control.parameters}
    if len(known) < len(control.parameters):
        message = "two parameters share one `id`"
        yield document.fault("duplicate-id", message, (*at, "parameters"))
    for name in dict.fromkeys(PLACEHOLDER.findall(control.requirement)):
        if name not in known:
            yield unknown(document, "parameter", name, known, (*at, "requirement"))
    for number, parameter in enumerate(control.parameters):
        where: KeyPath = (*at, "parameters", number)
        for text in (parameter.label, *parameter.choices):
            for name in PLACEHOLDER.findall(text):
                if name not in known:
                    yield unknown(document, "parameter", name, known, where)
        for choice in strange_choices(parameter):
            yield unknown(document, "choice", choice, parameter.choices, (*where, "value"))


def strange_choices(parameter: Parameter) -> Iterator[str]:
    """What its value says that is not among its choices."""
    if parameter.choices:
        yield from (choice for choice in parameter.chosen if choice not in parameter.choices)


def unknown(
    document: YamlDocument, what: str, name: str, known: Iterable[str], path: KeyPath, *, key: bool = False
) -> Diagnostic:
    """A name that is not there, with the nearest one that is."""
    known = set(known)
    some = ", ".join(sorted(known)[:SHOWN]) + (", ..." if len(known) > SHOWN else "")
    helps = did_you_mean(name, known) or (f"known: {some or 'none'}",)
    return document.fault(
        f"unknown-{what}", f"unknown {what.replace('-', ' ')} `{name}`", path, helps=helps, key=key
    )


def _expression_faults(
    expression: Expression, checklist: Checklist, document: YamlDocument, path: KeyPath
) -> Iterator[Diagnostic]:
    vocabulary = checklist.vocabulary
    facts = {question.id: question for question in checklist.questions}
    if expression.role is not None and expression.role not in vocabulary.roles:
        yield unknown(document, "role", expression.role, set(vocabulary.roles), (*path, "role"))
    risk = expression.risk_class
    if risk is not None and risk not in vocabulary.risk_classes:
        known = set(vocabulary.risk_classes)
        yield unknown(document, "risk_class", risk, known, (*path, "risk_class"))
    if expression.fact is not None:
        question = facts.get(expression.fact)
        if question is None:
            yield unknown(document, "fact", expression.fact, set(facts), (*path, "fact"))
        elif expression.equals not in question.values:
            known = set(question.values)
            yield unknown(document, "answer", expression.equals or "", known, (*path, "equals"))
    for name in ("all", "any", "none_of"):
        for index, part in enumerate(getattr(expression, name) or ()):
            yield from _expression_faults(part, checklist, document, (*path, name, index))


def _licence_faults(checklist: Checklist, document: YamlDocument) -> Iterator[Diagnostic]:
    """A long text in a file that may only paraphrase is probably a pasted one."""
    limits = {"paraphrase_only": PARAPHRASE_MAX_CHARS, "ids_only": IDS_ONLY_MAX_CHARS}
    limit = limits.get(checklist.framework.licence.policy)
    if limit is None:
        return
    policy = checklist.framework.licence.policy
    for path, text in _texts(checklist):
        if len(text) > limit:
            name = next(str(part) for part in reversed(path) if isinstance(part, str))
            yield document.fault(
                "licence-policy",
                f"`{name}` has {len(text)} characters; `{policy}` allows {limit}",
                path,
                helps=("say it shorter, in your own words",),
            )


def _texts(checklist: Checklist) -> Iterator[tuple[KeyPath, str]]:
    """Every text of groups and controls into which somebody could paste the framework's own."""
    for index, group in enumerate(checklist.groups):
        yield ("groups", index, "title"), group.title
    for index, control in enumerate(checklist.controls):
        at: KeyPath = ("controls", index)
        yield (*at, "title"), control.title
        yield (*at, "requirement"), control.requirement
        for name in ("notes", "frequency"):
            text = getattr(control, name)
            if text is not None:
                yield (*at, name), text
        for number, parameter in enumerate(control.parameters):
            yield (*at, "parameters", number, "label"), parameter.label
        for number, effective in enumerate(control.effective):
            if effective.note is not None:
                yield (*at, "effective", number, "note"), effective.note
        for number, need in enumerate(control.evidence):
            for item, text in enumerate(need.must_show):
                yield (*at, "evidence", number, "must_show", item), text
