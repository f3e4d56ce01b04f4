"""`auditgen standards list` and `show`: the checklists, and one control at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from auditgen.cli.options import format_option
from auditgen.cli.standards.finding import load, nearest, say, say_json, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditgen.checklists import Checklist, Control, EvidenceNeed


@click.command("list")
@format_option
def list_(output_format: str) -> None:
    """List every checklist that ships.

    \b
    Example:
      auditgen standards list
    """
    from auditgen.checklists import available_checklists, load_checklist

    if output_format == "json":
        found = [load_checklist(path) for path in available_checklists().values()]
        frameworks = [c.framework.model_dump(mode="json") | {"controls": len(c.controls)} for c in found]
        say_json(frameworks)
        return
    rows = [("id", "version", "controls", "binding", "legal review")]
    titles = [""]
    for path in available_checklists().values():
        checklist = load_checklist(path)
        framework = checklist.framework
        titles.append(framework.title)
        rows.append(
            (
                framework.id,
                framework.checklist_version,
                str(len(checklist.controls)),
                framework.binding,
                framework.review.legal_review,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row, title in zip(rows, titles, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say(["  ".join(cells).rstrip(), *(wrap(title, "    ") if title else ())])


@click.command("show")
@click.argument("checklist_id", metavar="ID")
@click.argument("control_id", metavar="[CONTROL]", required=False)
@format_option
def show(checklist_id: str, control_id: str | None, output_format: str) -> None:
    """Show a checklist, or one CONTROL of it: requirement, who, since when, evidence needed.

    ID is the id of a checklist that ships or the path of a file. Quote CONTROL: most ids hold
    brackets or a space.

    \b
    Examples:
      auditgen standards show nist-ai-rmf
      auditgen standards show eu-ai-act "9(8)"
    """
    from auditgen.errors import InputRefused

    checklist = load(checklist_id)
    if control_id is None:
        if output_format == "json":
            say_json(checklist.model_dump(mode="json", by_alias=True, exclude_unset=True))
            return
        lines = _overview(checklist)
    else:
        known = {control.id: control for control in checklist.controls}
        control = known.get(control_id)
        if control is None:
            message = f"no control `{control_id}` in `{checklist.framework.id}`"
            raise InputRefused(message, hint=nearest(control_id, list(known)))
        if output_format == "json":
            shown = control.model_dump(mode="json", by_alias=True)
            known_by = {"text_basis": checklist.basis_of(control), "statement": control.statement}
            say_json({"framework": checklist.framework.id} | shown | known_by)
            return
        lines = _control(checklist, control)
    say(lines)


def _overview(checklist: Checklist) -> Iterator[str]:
    from auditgen.checklists import TEXT_BASIS

    framework = checklist.framework
    yield from wrap(f"{framework.id}: {framework.title}", "  ", "")
    yield from wrap(framework.citation, "    ", "  ")
    words = f"written from {framework.source_version}; checklist version {framework.checklist_version}"
    yield from wrap(words, "    ", "  ")
    yield (
        f"  {framework.binding}; last checked {framework.review.last_checked.isoformat()}; "
        f"legal review: {framework.review.legal_review}"
    )
    yield f"  {TEXT_BASIS[framework.review.text_basis]}, unless a control says otherwise"
    if framework.superseded_by is not None:
        yield from wrap(f"superseded by {framework.superseded_by}", "    ", "  ")
    yield ""
    yield from wrap(framework.scope, "  ")
    for group in checklist.groups:
        controls = [control for control in checklist.controls if control.group == group.id]
        yield ""
        yield f"{group.cite}  {group.title}"
        for control in controls:
            yield f"  {control.id:<14}{control.title}"


def _control(checklist: Checklist, control: Control) -> Iterator[str]:
    from auditgen.checklists import TEXT_BASIS
    from auditgen.checklists.applicability import words

    framework = checklist.framework
    group = next(group for group in checklist.groups if group.id == control.group)
    yield f"{control.id}  {control.title}"
    yield from wrap(f"{framework.title}: {control.cite} ({group.title})", "    ", "  ")
    yield f"  {control.kind}, severity {control.severity}, legal review: {framework.review.legal_review}"
    yield f"  {TEXT_BASIS[checklist.basis_of(control)]}"
    yield ""
    yield "requirement, as this checklist words it"
    yield from wrap(control.statement, "  ")
    yield ""
    yield "who"
    yield f"  {', '.join(control.duty_bearer) or 'not said'}"
    yield from wrap(f"applies: {words(control.applies)}", "    ", "  ")
    yield ""
    yield "since when"
    for effective in control.effective:
        when = "" if effective.when is None else f" if {words(effective.when)}"
        literal = "" if effective.literal is None else f" (the text says {effective.literal.isoformat()})"
        yield from wrap(f"{effective.from_.isoformat()}{when}{literal}", "    ", "  ")
        if effective.note is not None:
            yield from wrap(effective.note, "    ")
    if not control.effective:
        yield "  no date"
    yield ""
    yield "evidence needed, all of it"
    yield from _evidence(control)
    if not control.evidence:
        yield "  none is named; the control cannot be met"
    if control.independence != "none":
        yield f"  expected of who made the evidence: {control.independence.replace('_', ' ')}"
    if control.frequency is not None:
        yield from wrap(f"how often: {control.frequency}", "    ", "  ")
    if control.every_days is not None:
        yield f"  older than {control.every_days} days is stale"
    if control.methods:
        yield f"  looked at by: {', '.join(control.methods)}"
    if control.parameters:
        yield ""
        yield "left to the organisation"
        for parameter in control.parameters:
            value = "not filled in" if parameter.value is None else f"`{parameter.value}`"
            yield from wrap(f"{parameter.id}: {value} ({parameter.label})", "    ", "  ")
    if control.maps:
        yield ""
        yield "maps to"
        for mapping in control.maps:
            strength = "" if mapping.strength is None else f", strength {mapping.strength} of 10"
            yield f"  {mapping.rel} {mapping.to} ({mapping.rationale}{strength})"
    if control.notes is not None:
        yield ""
        yield "notes"
        yield from wrap(control.notes, "  ")


def _evidence(control: Control) -> Iterator[str]:
    from auditgen.checklists import EVIDENCE_CODES

    for need in control.evidence:
        codes = " or ".join(f"{code} {EVIDENCE_CODES[code][1]}" for code in need.any_of)
        age = "" if need.max_age_days is None else f", at most {need.max_age_days} days old"
        yield from wrap(f"{need.id}: {codes}{age}", "    ", "  ")
        yield from _asks(need)
        for item in need.must_show:
            yield from wrap(item, "      ", "    - ")


def _asks(need: EvidenceNeed) -> Iterator[str]:
    """What the checklist asks of a measurement beyond the organisation's own threshold."""
    for name in ("predicate", "sampling"):
        block = getattr(need, name)
        if block is not None:
            words = ", ".join(f"{key} {value}" for key, value in block.model_dump(exclude_none=True).items())
            yield f"    {name}: {words}"
    if need.bind_to:
        yield f"    bound to: {', '.join(need.bind_to)}"
