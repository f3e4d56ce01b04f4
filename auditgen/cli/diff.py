"""`auditgen diff`: what changed between two reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditgen.cli.options import format_option

if TYPE_CHECKING:
    from auditgen.report.comparing import Comparison


@click.command("diff")
@click.argument("old", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("new", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--trust",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A PEM certificate you trust, for packs. May be given several times.",
)
@format_option
def command(old: Path, new: Path, trust: tuple[Path, ...], output_format: str) -> int:
    """Say what changed from OLD to NEW: two packs (.zip), or two report.json files.

    A pack is verified first; when it does not hold, nothing of it is compared. A report.json by itself
    is compared as it is, and said to be unverified.

    \b
    Example:
      auditgen diff q2/pack.zip q3/pack.zip --trust ca.pem
      auditgen diff q2/report.json q3/report.json --format json

    \b
    Exit codes: 0 compared, whatever changed; 20, 21, 22 as `verify`, when a pack does not hold;
    4 a file is no report.
    """
    import json

    from auditgen.pipeline.comparing import compare_files
    from auditgen.verify.wording import verdict

    compared = compare_files(old, new, trust)
    if compared.comparison is None:
        for path, examination in compared.refused:
            click.echo(f"{path}: {verdict(examination)}", err=True)
        click.echo("error: nothing was compared", err=True)
        return int(compared.exit_code)
    if output_format == "json":
        click.echo(json.dumps(_value(compared.comparison, compared.states), indent=2, ensure_ascii=True))
    else:
        from auditgen.cli.diff_text import text

        click.echo(text(compared.comparison, compared.states), nl=False)
    return 0


def _value(comparison: Comparison, states: tuple[str, str]) -> dict[str, object]:
    sides = {}
    for name, side, state in zip(("old", "new"), (comparison.old, comparison.new), states, strict=True):
        sides[name] = {
            "report_id": side.report_id,
            "period": side.period,
            "organisation": side.organisation,
            "system": side.system,
            "state": state,
        }
    return {
        "schema": "auditgen-diff-1",
        **sides,
        "notes": list(comparison.notes),
        "shifts": [s.model_dump(mode="json") for s in comparison.shifts],
    }
