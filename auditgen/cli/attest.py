"""`auditgen attest`: write down what a reviewer found in one version of a document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditgen.cli.options import as_of_option

if TYPE_CHECKING:
    from datetime import date, datetime


@click.command("attest")
@click.argument("audit", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("document", metavar="DOCUMENT")
@click.option("--reviewer", required=True, help="Name of the person who looked at it.")
@click.option("--role", required=True, help="That person's role.")
@click.option("--passage", required=True, help="Section or page that satisfies the control.")
@click.option("--statement", required=True, help="What the reviewer states, in a sentence.")
@click.option(
    "--method",
    type=click.Choice(["examine", "interview", "test"]),
    default="examine",
    show_default=True,
    help="How the reviewer came to know.",
)
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Last day on which it counts."
)
@as_of_option
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Where to write [default: attestations/DOCUMENT-DATE.yaml beside AUDIT].",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(
    audit: Path,
    document: str,
    reviewer: str,
    role: str,
    passage: str,
    statement: str,
    method: str,
    expires: datetime | None,
    as_of: date | None,
    out: Path | None,
    force: bool,
) -> int:
    """Attest that a DOCUMENT of AUDIT, in the version it has now, satisfies what it is handed in for.

    Writes a file with the digest of that version; a later version needs a new attestation. Name the files
    under `attestations:` in audit.yaml, and sign them with `auditgen sign` where it matters who wrote them.

    \b
    Example:
      auditgen attest audit.yaml incident-policy --reviewer "R. Example" --role "head of audit" \\
        --passage "sections 2 to 4" --statement "It names who acts, and by when." --expires 2027-05-31
    """
    from datetime import UTC, datetime

    from auditgen.pipeline.attesting import write_attestation

    day = as_of or datetime.now(UTC).date()
    target = write_attestation(
        audit,
        document,
        {
            "reviewer": {"name": reviewer, "role": role},
            "date": day,
            "method": method,
            "passage": passage,
            "statement": statement,
            "expires": None if expires is None else expires.date(),
        },
        out=out,
        force=force,
    )
    click.echo(f"wrote {target}")
    click.echo("name it in audit.yaml: attestations: [attestations/*.yaml]", err=True)
    return 0
