"""`auditgen standards import`: a checklist from a file of another tool."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditgen.cli.options import as_of_option
from auditgen.cli.standards.finding import write_new

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from auditgen.checklists.imported import Imported
    from auditgen.checklists.model import LicencePolicy

MAX_KINDS = 60
MAX_NAMES = 8
SLUG = r"[a-z0-9][a-z0-9_-]{0,79}"


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Write it here; never over a file.")
@click.option("--id", "name", default=None, help="Its id [default: made from the title].")
@click.option(
    "--licence-policy",
    type=click.Choice(["verbatim_ok", "paraphrase_only", "ids_only"]),
    default=None,
    help="What you may hold of the text; needed unless the file says public domain.",
)
@as_of_option
def import_(
    file: Path, out: Path | None, name: str | None, licence_policy: LicencePolicy | None, as_of: date | None
) -> None:
    """Make a checklist of an OSCAL catalog or profile (JSON) or a CISO Assistant library (YAML).

    Text is carried over word for word under `verbatim_ok` only; otherwise ids and references. What has no
    place in a checklist is counted on stderr. No evidence is invented: add it, or no control can be met.

    \b
    Examples:
      auditgen standards import catalog.json --licence-policy verbatim_ok --out sp800-53.yaml
      auditgen standards import library.yaml --licence-policy ids_only --id their-framework
    """
    import re
    from datetime import UTC, datetime

    from auditgen.checklists.foreign import import_file
    from auditgen.checklists.imported import Wish
    from auditgen.diagnostics import printable

    if name is not None and not re.fullmatch(SLUG, name):
        message = "--id has small letters, digits, `-` and `_`, and begins with a letter or digit"
        raise click.UsageError(message)
    wish = Wish(as_of or datetime.now(UTC).date(), name, licence_policy)
    imported = import_file(file, wish)
    if out is None:
        is_terminal = sys.stdout.isatty()  # a file gets every character as it is
        click.echo(printable(imported.yaml) if is_terminal else imported.yaml, nl=False)
    else:
        write_new(out, imported.yaml)
    for line in _told(imported, out):
        click.echo(printable(line), err=True)


def _told(imported: Imported, out: Path | None) -> Iterator[str]:
    checklist = imported.checklist
    where = "" if out is None else f" in {out}"
    counts = (len(checklist.controls), "control"), (len(checklist.groups), "group")
    yield " in ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts) + where
    policy = checklist.framework.licence.policy
    yield f"licence policy {policy}: {imported.basis}"
    kinds = imported.left_out.kinds.most_common()
    if not kinds:
        yield "everything was carried over"
        return
    yield f"not carried over, {sum(count for _, count in kinds)} in all:"
    for kind, count in kinds[:MAX_KINDS]:
        named = imported.left_out.named.get(kind, [])
        shown = ", ".join(named[:MAX_NAMES]) + (", ..." if len(named) > MAX_NAMES else "")
        yield f"{count:>8}  {kind}{f': {shown}' if shown else ''}"
    if len(kinds) > MAX_KINDS:
        rest = kinds[MAX_KINDS:]
        yield f"{sum(count for _, count in rest):>8}  of {len(rest)} other kinds"
