"""`auditgen standards new`, `validate`, `lint`: a file to begin with, and every fault of those you wrote."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditgen.cli.options import as_of_option, format_option
from auditgen.cli.standards.finding import say_json, write_new
from auditgen.errors import Exit

if TYPE_CHECKING:
    from datetime import date

    from auditgen.diagnostics import Diagnostic

ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
FILES = click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))


@click.command("new")
@click.argument("name", metavar="ID")
@click.option("--out", type=click.Path(path_type=Path), help="Write it here; never over a file.")
@as_of_option
def new(name: str, out: Path | None, as_of: date | None) -> None:
    """Write a checklist to begin with: sound as it stands, with a comment at what to change.

    ID names it on the command line and in `maps`: small letters, digits, `-` and `_`.

    \b
    Example:
      auditgen standards new house-rules --out house-rules.yaml
    """
    from datetime import UTC, datetime

    from auditgen.checklists import available_checklists
    from auditgen.checklists.starter import starter

    if not ID.fullmatch(name):
        message = "an id has small letters, digits, `-` and `_`, and begins with a letter or digit"
        raise click.UsageError(message)
    if name in available_checklists():
        message = f"`{name}` is the id of a checklist that ships; choose another one"
        raise click.UsageError(message)
    text = starter(name, (as_of or datetime.now(UTC).date()).isoformat())
    if out is None:
        click.echo(text, nl=False)
        return
    write_new(out, text)
    click.echo(f"{out}: check it with `auditgen standards validate {out}`", err=True)


@click.command("validate")
@FILES
@format_option
def validate(files: tuple[Path, ...], output_format: str) -> int:
    """Check checklists, tailorings, indicators and suites; every fault with its place (exit code 4).

    \b
    Examples:
      auditgen standards validate my-checklist.yaml our-tailoring.yaml
      auditgen standards validate my-checklist.yaml --format json
    """
    return _validated(files, output_format)


@click.command("lint")
@FILES
@format_option
def lint(files: tuple[Path, ...], output_format: str) -> int:
    """The same as `validate`, by its old name.

    \b
    Example:
      auditgen standards lint my-checklist.yaml
    """
    return _validated(files, output_format)


def _validated(files: tuple[Path, ...], output_format: str) -> int:
    from auditgen.diagnostics import printable
    from auditgen.errors import InputRefused

    sound: dict[Path, dict[str, Any]] = {}
    refusals: dict[Path, InputRefused] = {}
    for path in files:
        try:
            sound[path] = _sound(path)
        except InputRefused as refusal:
            refusals[path] = refusal
    if output_format == "json":
        say_json([_result(path, sound.get(path), refusals.get(path)) for path in dict.fromkeys(files)])
        return int(Exit.INPUT if refusals else Exit.DONE)
    for path, found in sound.items():
        click.echo(printable(f"ok: {found['holds']} in {path}"))
    if refusals:
        faults = [fault for refusal in refusals.values() for fault in refusal.diagnostics]
        raise InputRefused(
            f"{len(faults)} fault{'' if len(faults) == 1 else 's'} in {len(refusals)} of "
            f"{len(files)} file{'' if len(files) == 1 else 's'}",
            hint="docs/checklists.md and docs/indicators.md say what each field means",
            diagnostics=faults,
        )
    return int(Exit.DONE)


def _result(path: Path, found: dict[str, Any] | None, refusal: Any) -> dict[str, Any]:
    faults = [] if refusal is None else [_fault(fault) for fault in refusal.diagnostics]
    return {"file": str(path), "sound": found is not None, **(found or {}), "faults": faults}


def _fault(fault: Diagnostic) -> dict[str, Any]:
    return {
        "code": fault.code,
        "message": fault.message,
        "file": fault.file,
        "line": fault.span.line,
        "column": fault.span.column,
        "helps": list(fault.helps),
    }


def _sound(path: Path) -> dict[str, Any]:
    """What a file without faults holds. Raises InputRefused."""
    from auditgen.checklists import load_checklist
    from auditgen.checklists.tailoring import SCHEMA as TAILORING
    from auditgen.indicators.definition import SCHEMA as INDICATOR
    from auditgen.indicators.definition import load_indicators
    from auditgen.sources.suites import SuiteLibrary
    from auditgen.yamlspan import read_yaml

    written = read_yaml(path).value
    schema = written.get("schema") if isinstance(written, dict) else None
    if schema == INDICATOR:
        [indicator] = load_indicators([path])
        return {"kind": "indicator", "id": indicator.id, "holds": f"indicator {indicator.id}"}
    if schema == "auditgen-suites-1":
        suites = SuiteLibrary.load([path]).files[0]
        return {"kind": "suites", "id": suites.id, "holds": f"suites {suites.id}"}
    checklist = load_checklist(path)
    count = len(checklist.controls)
    holds = f"{count} control{'' if count == 1 else 's'}"
    kind = "tailoring" if schema == TAILORING else "checklist"
    return {"kind": kind, "id": checklist.framework.id, "controls": count, "holds": holds}
