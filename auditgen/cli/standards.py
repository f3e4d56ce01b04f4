"""`auditgen standards`: the checklists that ship, one control at a time, and checking your own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditgen.cli.indicators import command as indicators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditgen.checklists import Checklist, Control, EvidenceNeed

WIDTH = 96
SHOWN = 8
"""How many known names a hint lists."""


@click.group("standards")
def command() -> None:
    """List the checklists that ship, read a control, or check a checklist you wrote.

    \b
    Example:
      auditgen standards show eu-ai-act "9(8)"
    """


command.add_command(indicators)


@command.command("list")
def list_() -> None:
    """List every checklist that ships.

    \b
    Example:
      auditgen standards list
    """
    from auditgen.checklists import available_checklists, load_checklist

    rows = [("id", "title", "version", "controls", "binding", "legal review")]
    for path in available_checklists().values():
        checklist = load_checklist(path)
        framework = checklist.framework
        rows.append(
            (
                framework.id,
                framework.title,
                framework.checklist_version,
                str(len(checklist.controls)),
                framework.binding,
                framework.review.legal_review,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


@command.command("show")
@click.argument("checklist_id", metavar="ID")
@click.argument("control_id", metavar="[CONTROL]", required=False)
def show(checklist_id: str, control_id: str | None) -> None:
    """Show a checklist, or one CONTROL of it: requirement, who, since when, evidence needed.

    ID is the id of a checklist that ships or the path of a file. Quote CONTROL: most ids hold
    brackets or a space.

    \b
    Examples:
      auditgen standards show nist-ai-rmf
      auditgen standards show eu-ai-act "9(8)"
    """
    from auditgen.diagnostics import printable
    from auditgen.errors import InputRefused

    checklist = _load(checklist_id)
    if control_id is None:
        lines = _overview(checklist)
    else:
        known = {control.id: control for control in checklist.controls}
        control = known.get(control_id)
        if control is None:
            message = f"no control `{control_id}` in `{checklist.framework.id}`"
            raise InputRefused(message, hint=_nearest(control_id, list(known)))
        lines = _control(checklist, control)
    for line in lines:
        click.echo(printable(line))


@command.command("lint")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
def lint(files: tuple[Path, ...]) -> None:
    """Check files of checklists and indicators; every fault is shown with its place (exit code 4).

    \b
    Example:
      auditgen standards lint my-checklist.yaml
    """
    from auditgen.errors import InputRefused

    sound: list[str] = []
    refusals: list[InputRefused] = []
    for path in files:
        try:
            sound.append(_sound(path))
        except InputRefused as refusal:
            refusals.append(refusal)
    for text in sound:
        click.echo(f"ok: {text}")
    if refusals:
        faults = [fault for refusal in refusals for fault in refusal.diagnostics]
        raise InputRefused(
            f"{len(faults)} fault{'' if len(faults) == 1 else 's'} in {len(refusals)} of "
            f"{len(files)} file{'' if len(files) == 1 else 's'}",
            hint="docs/checklists.md and docs/indicators.md say what each field means",
            diagnostics=faults,
        )


def _sound(path: Path) -> str:
    """What a file without faults holds, in words. Raises InputRefused."""
    from auditgen.checklists import load_checklist
    from auditgen.indicators.definition import SCHEMA, load_indicators
    from auditgen.yamlspan import read_yaml

    written = read_yaml(path).value
    schema = written.get("schema") if isinstance(written, dict) else None
    if schema == SCHEMA:
        [indicator] = load_indicators([path])
        return f"indicator {indicator.id} in {path}"
    count = len(load_checklist(path).controls)
    return f"{count} control{'' if count == 1 else 's'} in {path}"


def _load(name: str) -> Checklist:
    from auditgen.checklists import available_checklists, load_checklist
    from auditgen.errors import InputRefused

    shipped = available_checklists()
    if name in shipped:
        return load_checklist(shipped[name])
    if not Path(name).exists():
        message = f"no checklist `{name}` ships, and no such file exists"
        raise InputRefused(message, hint=_nearest(name, list(shipped)))
    return load_checklist(Path(name))


def _nearest(word: str, known: list[str]) -> str:
    from auditgen.diagnostics import did_you_mean

    shown = ", ".join(known[:SHOWN]) + (", ..." if len(known) > SHOWN else "")
    return next(iter(did_you_mean(word, known)), f"known: {shown}")


def _wrap(text: str, indent: str, first: str | None = None) -> Iterator[str]:
    import textwrap

    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _overview(checklist: Checklist) -> Iterator[str]:
    from auditgen.checklists import TEXT_BASIS

    framework = checklist.framework
    yield f"{framework.id}: {framework.title}"
    yield f"  {framework.citation}"
    yield f"  written from {framework.source_version}; checklist version {framework.checklist_version}"
    yield (
        f"  {framework.binding}; last checked {framework.review.last_checked.isoformat()}; "
        f"legal review: {framework.review.legal_review}"
    )
    yield f"  {TEXT_BASIS[framework.review.text_basis]}, unless a control says otherwise"
    if framework.superseded_by is not None:
        yield from _wrap(f"superseded by {framework.superseded_by}", "    ", "  ")
    yield ""
    yield from _wrap(framework.scope, "  ")
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
    yield f"  {framework.title}: {control.cite} ({group.title})"
    yield f"  {control.kind}, severity {control.severity}, legal review: {framework.review.legal_review}"
    yield f"  {TEXT_BASIS[checklist.basis_of(control)]}"
    yield ""
    yield "requirement, in our words"
    yield from _wrap(control.statement, "  ")
    yield ""
    yield "who"
    yield f"  {', '.join(control.duty_bearer) or 'not said'}"
    yield from _wrap(f"applies: {words(control.applies)}", "    ", "  ")
    yield ""
    yield "since when"
    for effective in control.effective:
        when = "" if effective.when is None else f" if {words(effective.when)}"
        literal = "" if effective.literal is None else f" (the text says {effective.literal.isoformat()})"
        yield from _wrap(f"{effective.from_.isoformat()}{when}{literal}", "    ", "  ")
        if effective.note is not None:
            yield from _wrap(effective.note, "    ")
    if not control.effective:
        yield "  no date"
    yield ""
    yield "evidence needed, all of it"
    yield from _evidence(control)
    if control.independence != "none":
        yield f"  expected of who made the evidence: {control.independence.replace('_', ' ')}"
    if control.frequency is not None:
        yield from _wrap(f"how often: {control.frequency}", "    ", "  ")
    if control.every_days is not None:
        yield f"  older than {control.every_days} days is stale"
    if control.methods:
        yield f"  looked at by: {', '.join(control.methods)}"
    if control.maps:
        yield ""
        yield "maps to"
        for mapping in control.maps:
            strength = "" if mapping.strength is None else f", strength {mapping.strength} of 10"
            yield f"  {mapping.rel} {mapping.to} ({mapping.rationale}{strength})"
    if control.notes is not None:
        yield ""
        yield "notes"
        yield from _wrap(control.notes, "  ")


def _evidence(control: Control) -> Iterator[str]:
    from auditgen.checklists import EVIDENCE_CODES

    for need in control.evidence:
        codes = " or ".join(f"{code} {EVIDENCE_CODES[code][1]}" for code in need.any_of)
        age = "" if need.max_age_days is None else f", at most {need.max_age_days} days old"
        yield from _wrap(f"{need.id}: {codes}{age}", "    ", "  ")
        yield from _asks(need)
        for item in need.must_show:
            yield from _wrap(item, "      ", "    - ")


def _asks(need: EvidenceNeed) -> Iterator[str]:
    """What the checklist asks of a measurement beyond the organisation's own threshold."""
    for name in ("predicate", "sampling"):
        block = getattr(need, name)
        if block is not None:
            words = ", ".join(f"{key} {value}" for key, value in block.model_dump(exclude_none=True).items())
            yield f"    {name}: {words}"
    if need.bind_to:
        yield f"    bound to: {', '.join(need.bind_to)}"
