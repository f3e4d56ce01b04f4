"""`auditgen explain`: why something is judged as it is, and what would change it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditgen.cli.options import as_of_option, format_option, store_option
from auditgen.errors import InputRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from auditgen.assessment.trace_values import Trace


@click.command("explain")
@click.argument("what", nargs=-1, required=True, metavar="[AUDIT] ID")
@format_option
@as_of_option
@store_option
@click.option("-q", "--quiet", is_flag=True, help="No progress line.")
def command(
    what: tuple[str, ...], output_format: str, as_of: date | None, store: Path | None, quiet: bool
) -> int:
    """Say which evidence counted for ID, what was left out, what decided, and what would change it.

    ID is a criterion, a principle, a control (`framework:control`, or its bare id), a finding of the
    report (F03), or the code of a finding. A code needs no AUDIT: then it says what the finding means.

    \b
    Example:
      auditgen explain audit.yaml P1-refusal
      auditgen explain audit.yaml "eu-ai-act:15(1)"
      auditgen explain audit.yaml F03 --format json
      auditgen explain expected-missing

    Nothing is judged anew: what is told is what `report` and `check` decide on the same day.
    """
    import json

    if len(what) > 2:
        raise click.UsageError("name one AUDIT and one ID")
    if len(what) == 1:
        return _code(what[0], output_format)
    audit, name = Path(what[0]), what[1]
    if not audit.is_file():
        raise click.BadParameter(f"`{audit}` is no file", param_hint="AUDIT")
    found, figures = _traces(audit, name, as_of, store, quiet=quiet)
    if output_format == "json":
        value = {"schema": "auditgen-explain-1", "traces": [_value(t, figures) for t in found]}
        click.echo(json.dumps(value, indent=2, ensure_ascii=True))
    else:
        from auditgen.cli.trace_text import text

        click.echo("\n".join(text(t, figures.get(t.id, "")) for t in found), nl=False)
    return 0


def _value(trace: Trace, figures: Mapping[str, str]) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(trace), "text": figures.get(trace.id, "")}


def _traces(
    audit: Path, name: str, as_of: date | None, store: Path | None, *, quiet: bool
) -> tuple[Sequence[Trace], dict[str, str]]:
    """What `name` means in this audit, and the report's own words for its numbers. Raises InputRefused."""
    from auditgen.assessment.trace import names_of, traces
    from auditgen.cli.check import judge
    from auditgen.diagnostics import did_you_mean

    project, built = judge(audit, as_of, store, quiet=quiet)
    known = names_of(built.assessment)
    found = traces(built.assessment, project.audit, name)
    controls = sorted({t.id for t in found if t.kind == "control"})
    if len(controls) > 1:
        raise InputRefused(
            f"`{name}` is a control of several checklists: {', '.join(controls)}",
            hint="write the checklist before it, as one of these",
        )
    if not found:
        near = did_you_mean(name, known)
        example = ", ".join(list(known)[:3])
        raise InputRefused(
            f"`{name}` is no criterion, principle, control or finding of this audit",
            hint=near[0] if near else f"ids are such as {example}; `auditgen check` lists them",
        )
    figures = {
        c.measure.id: c.measure.figure.text
        for p in built.document.principles
        for c in p.criteria
        if c.measure.figure is not None
    }
    return found, figures


def _code(code: str, output_format: str) -> int:
    """What a finding means, without an audit. Raises InputRefused."""
    import json

    from auditgen.assessment.doubts import CODES, DAMAGE
    from auditgen.diagnostics import did_you_mean

    if code not in CODES:
        near = did_you_mean(code, CODES)
        raise InputRefused(
            f"`{code}` is no code of a finding; anything else needs its audit.yaml before it",
            hint=near[0] if near else "write: auditgen explain audit.yaml ID",
        )
    severity, title, ask = CODES[code]
    effect = (
        "The file was not read in full: criteria that use its source cannot be met."
        if code in DAMAGE
        else "A finding above note keeps a principle that it touches from being supported without comments."
    )
    if output_format == "json":
        value = {"code": code, "severity": severity.value, "title": title, "ask": ask, "effect": effect}
        click.echo(json.dumps(value, indent=2, ensure_ascii=True))
        return 0
    click.echo(f"{code}: {title}")
    click.echo(f"  Weight: {severity.value}")
    click.echo(f"  Ask: {ask}")
    click.echo(f"  Effect: {effect}")
    click.echo(f"  More: docs/findings/{code}.md")
    return 0
