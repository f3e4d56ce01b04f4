"""`auditgen standards`: the checklists that ship, what they ask for, and those you write or bring along."""

from __future__ import annotations

import click

from auditgen.cli.indicators import command as indicators
from auditgen.cli.standards.bringing import import_
from auditgen.cli.standards.deadlines import deadlines
from auditgen.cli.standards.listing import list_, show
from auditgen.cli.standards.relating import coverage, crosswalk, diff
from auditgen.cli.standards.validating import lint, new, validate


@click.group("standards")
def command() -> None:
    """Read the checklists that ship; write, check, tailor, compare or import one of your own.

    \b
    Example:
      auditgen standards show eu-ai-act "9(8)"
    """


for _command in (list_, show, coverage, crosswalk, diff, new, validate, lint, import_, indicators, deadlines):
    command.add_command(_command)
