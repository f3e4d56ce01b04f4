"""`auditgen standards deadlines`: how soon incidents must be reported, by regime."""

from __future__ import annotations

import json

import click


@click.command("deadlines")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="How to print them.",
)  # fmt: skip
def deadlines(form: str) -> None:
    """List the deadlines for reporting incidents that ship, in our words.

    Their ids are what `incident_duties` in audit.yaml names. No lawyer has reviewed them.

    \b
    Example:
      auditgen standards deadlines
    """
    from auditgen.checklists import TEXT_BASIS, incident_deadlines

    found = incident_deadlines().values()
    if form == "json":
        click.echo(json.dumps([d.model_dump(mode="json") for d in found], indent=2, ensure_ascii=False))
        return
    for number, deadline in enumerate(found):
        if number:
            click.echo()
        hours = deadline.within_hours
        when = "no number of hours" if hours is None else f"within {hours} hours"
        click.echo(f"{deadline.id}: {when}, to {deadline.to}")
        click.echo(f"  {deadline.framework}, {deadline.cite}; {TEXT_BASIS[deadline.text_basis]}")
        click.echo(f"  about {deadline.trigger}")
        click.echo(f"  begins {deadline.clock}")
        if deadline.then is not None:
            click.echo(f"  then {deadline.then}")
