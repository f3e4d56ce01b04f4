"""The command line: one thin file per command, loaded only when it is named.

`auditgen --help` imports click and nothing heavier; a command imports what it needs in its body.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditgen import __version__
from auditgen.diagnostics import printable, render_plain
from auditgen.errors import AuditgenError, Exit, InputRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "demo": "make a signed report from the sample quarter",
    "report": "make the signed report for your own audit.yaml",
    "inspect": "say what an export is and what it holds",
    "check": "judge without a report: a gate for continuous integration",
    "explain": "say why something is judged so, and what would change it",
    "diff": "say what changed between two reports",
    "verify": "check a sealed file or pack, without the project",
    "worksheet": "edit the audit in Excel, or have people label answers",
    "sign": "seal a plan before the data, or sign an export as its maker",
    "attest": "write down what a reviewer found in a document",
    "keys": "make development keys",
    "standards": "list the checklists, or check one you wrote",
    "schema": "print JSON Schemas, so that an editor checks what you write",
}
"""Every command with its one-line help, in the order of the work. The module has the same name."""


class LazyGroup(click.Group):
    """Loads a command's module only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"auditgen.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from the table above: nothing is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "AUDITGEN"},
    epilog="Begin with: auditgen demo -o demo-report",
)
@click.version_option(__version__, prog_name="auditgen")
def cli() -> None:
    """Turn AI evaluation and monitoring exports into a signed audit report.

    For each declared safety principle: what evidence supports it, what contradicts it, and what is
    missing. Everything runs offline.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and end the process with an `Exit` code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code; every refusal becomes words and a number here."""
    try:
        result: Any = cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="auditgen",
            standalone_mode=False,
        )
    except click.exceptions.Abort:
        click.echo("stopped; nothing more was written", err=True)
        return int(Exit.ENVIRONMENT)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except AuditgenError as error:
        click.echo(describe(error), err=True)
        return int(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        return int(Exit.DONE)
    except Exception as error:
        _report_bug(error)
        return int(Exit.BUG)
    return int(result) if isinstance(result, int) else int(Exit.DONE)


def describe(error: AuditgenError) -> str:
    """A refusal as text: every diagnostic with its line, then what was not done, then what next."""
    parts = []
    if isinstance(error, InputRefused) and error.diagnostics:
        texts = {d.file: _text_of(d.file) for d in error.diagnostics}
        parts.append(render_plain(error.diagnostics, texts))
        parts.append("")
    parts.append(f"error: {printable(error.message)}")
    if error.hint:
        parts.append(f"  = help: {printable(error.hint)}")
    return "\n".join(parts)


def _text_of(file: str) -> str:
    """The lines to show; only of YAML, so that no line of a key file ever reaches a terminal."""
    if not file.endswith((".yaml", ".yml")):
        return ""
    try:
        return Path(file).read_text("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError, ValueError):
        return ""


def _report_bug(error: Exception) -> None:
    import traceback

    click.echo("".join(traceback.format_exception(error)), err=True)
    click.echo(f"this is a mistake in auditgen {__version__}, not in your files.", err=True)
    click.echo("please report it with the lines above; remove what is confidential first.", err=True)
