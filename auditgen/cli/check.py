"""`auditgen check`: the judgement as a gate of continuous integration. Writes no report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditgen.cli.options import as_of_option, store_option
from auditgen.cli.progress import Progress
from auditgen.errors import EnvironmentRefused

if TYPE_CHECKING:
    from datetime import date

    from auditgen.diagnostics import Span
    from auditgen.pipeline.build import Built
    from auditgen.project import Project
    from auditgen.report.gate import Gate, Policy

RESULT_MARKS = (b'"auditgen-check-1"', b'"name": "auditgen"', b"<testsuites", b", as of ", b"::")
"""What the five forms begin with, or hold near their beginning."""
FAIL_ON = "not_met,insufficient,stale,needs_review"


def _policy(context: click.Context, option: click.Parameter, value: str) -> Policy:
    """The comma-separated words of `--fail-on`, or a usage error naming the wrong one."""
    from auditgen.report.gate import Policy

    try:
        return Policy.of(word.strip() for word in value.split(",") if word.strip())
    except ValueError as error:
        raise click.BadParameter(str(error), context, option) from None


@click.command("check")
@click.argument("audit", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "sarif", "junit", "github"]),
    default="text",
    show_default=True,
    help="How to print the result.",
)
@click.option(
    "--fail-on", "policy", callback=_policy, default=FAIL_ON, show_default=True, metavar="LIST",
    help="What fails the gate: not_met, insufficient, stale, needs_review (of criteria); controls (of"
    " controls that apply, too); findings:high, findings:medium, findings:low (that weight or heavier);"
    " or never.",
)  # fmt: skip
@as_of_option
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the result to this file instead."
)
@store_option
@click.option("-q", "--quiet", is_flag=True, help="No progress line.")
def command(
    audit: Path,
    output_format: str,
    policy: Policy,
    as_of: date | None,
    out: Path | None,
    store: Path | None,
    quiet: bool,
) -> int:
    """Judge AUDIT (an audit.yaml) as `report` does, write no report, and end with a code for CI.

    \b
    Example:
      auditgen check audit.yaml
      auditgen check audit.yaml --format sarif --out audit.sarif
      auditgen check audit.yaml --fail-on not_met,controls,findings:high

    \b
    Exit codes:
      0   nothing that --fail-on names was found
      10  evidence is insufficient, stale or needs review; or a finding fails the gate
      11  a criterion (or, with controls, a control) is not met
      3   nothing was assessed: no criterion was measured, no control is known to apply
      4   audit.yaml or a checklist cannot be used as written
    """
    from auditgen.report.gate import gate

    if out is not None and out.exists() and out.samefile(audit):
        raise click.UsageError("--out names the audit.yaml itself")
    project, built = judge(audit, as_of, store, quiet=quiet)
    if out is not None and out.exists() and not _is_earlier_result(out):
        message = f"--out names `{out}`, which is no earlier result of check; it was left alone"
        raise click.UsageError(message)
    found = gate(built.document, policy)
    data = _rendered(found, project, output_format)
    if out is not None:
        write_whole(out, click.unstyle(data).encode("utf-8", "replace"))
    else:
        click.echo(data, nl=False)  # drops colours where it is no terminal
    return int(found.exit_code)


def _is_earlier_result(path: Path) -> bool:
    """Whether a file looks like what `check` writes; evidence, keys and anything else are never replaced."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        head = stream.read(4096)
    return not head or any(mark in head for mark in RESULT_MARKS)


def judge(audit: Path, as_of: date | None, store: Path | None, *, quiet: bool) -> tuple[Project, Built]:
    """Read and judge with a progress line. Shared with `explain`."""
    from datetime import UTC, datetime

    from auditgen.pipeline.write import Order, judge_project

    now = datetime.now(UTC)
    order = Order(audit=audit, out=audit.parent, as_of=as_of or now.date(), now=now, store=store)
    with Progress(quiet=quiet) as progress:
        return judge_project(order, progress)


def _rendered(found: Gate, project: Project, output_format: str) -> str:
    import io

    import orjson

    from auditgen.cli.gate_text import github, text
    from auditgen.render import junit, sarif

    if output_format == "text":
        return text(found)
    if output_format == "github":
        return github(found, audit_name(project), places(project))
    out = io.BytesIO()
    if output_format == "json":
        out.write(orjson.dumps(found.to_dict(), option=orjson.OPT_INDENT_2) + b"\n")
    elif output_format == "sarif":
        sarif.render(found, audit_name(project), places(project), out)
    else:
        junit.render(found, out)
    return out.getvalue().decode("utf-8")


def audit_name(project: Project) -> str:
    """audit.yaml as other tools may be told of it: relative, with `/`, and no place of this machine."""
    path = project.path
    if path.is_absolute():
        path = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else Path(path.name)
    return path.as_posix()


def places(project: Project) -> dict[str, Span]:
    """Where criteria, sources and checklists stand in audit.yaml, by id."""
    document, audit = project.document, project.audit
    out = {name: document.span(("standards", n)) for n, name in enumerate(audit.standards)}
    out |= {s.id: document.span(("sources", n, "id")) for n, s in enumerate(audit.sources)}
    for number, principle in enumerate(audit.principles):
        out |= {
            c.id: document.span(("principles", number, "criteria", n, "id"))
            for n, c in enumerate(principle.criteria)
        }
    return out


def write_whole(out: Path, data: bytes) -> None:
    """The file appears whole, or not at all. Raises EnvironmentRefused."""
    import os
    import tempfile

    try:
        handle, name = tempfile.mkstemp(prefix=".auditgen-", dir=out.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            os.chmod(name, 0o644)
            os.replace(name, out)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise EnvironmentRefused(
            f"`{out}` cannot be written: {error.strerror or error}", hint="name another file with --out"
        ) from error
