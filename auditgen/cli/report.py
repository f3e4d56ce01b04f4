"""`auditgen report`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditgen.cli.options import as_of_option
from auditgen.cli.progress import Progress

if TYPE_CHECKING:
    from datetime import date

    from auditgen.pipeline.write import Made

FORMATS = ("html", "pdf", "xlsx", "json")


def _formats(context: click.Context, option: click.Parameter, value: str) -> tuple[str, ...]:
    """The comma-separated words of `--formats`, each once: ours in our order, then third-party ones."""
    from auditgen.plugins import plugin_names

    known = list(dict.fromkeys([*FORMATS, *plugin_names("auditgen.renderers")]))
    words = {word.strip() for word in value.split(",") if word.strip()}
    unknown = sorted(words.difference(known))
    if unknown or not words:
        what = f"`{unknown[0]}` is not one of" if unknown else "name at least one of"
        raise click.BadParameter(f"{what} {', '.join(known)}", context, option)
    return tuple(name for name in known if name in words)


@click.command("report")
@click.argument("audit", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where to put the files [default: report beside AUDIT].",
)
@as_of_option
@click.option(
    "--formats",
    callback=_formats,
    default=",".join(FORMATS),
    show_default=True,
    metavar="LIST",
    help="Which outputs to make; oscal and poam when they are named.",
)
@click.option("--unsigned", is_flag=True, help="Write drafts marked so; no keys, no pack.")
@click.option("--strict", is_flag=True, help="Refuse (exit 4) when any evidence file is faulty.")
@click.option("--force", is_flag=True, help="Replace files of an earlier run.")
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where read evidence is kept between runs [default: .auditgen/store beside AUDIT].",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress, no summary.")
def command(
    audit: Path,
    out: Path | None,
    as_of: date | None,
    formats: tuple[str, ...],
    unsigned: bool,
    strict: bool,
    force: bool,
    store: Path | None,
    quiet: bool,
) -> int:
    """Make the signed report that AUDIT (an audit.yaml) describes.

    \b
    Example:
      auditgen report audit.yaml -o q3 --as-of 2026-10-05

    \b
    Writes report.html, report.pdf, report.xlsx, report.json, their signatures, ca.pem, pack.zip,
    and record-salts.json, which is private.
    Exit codes: 0 made; 3 no evidence says anything; 4 audit.yaml, a checklist or a key cannot be
    used as written; 1 the machine would not let us. Unless it is 0, nothing was written.
    """
    made = make(
        audit=audit,
        out=out,
        as_of=as_of,
        formats=formats,
        unsigned=unsigned,
        strict=strict,
        force=force,
        store=store,
        quiet=quiet,
    )
    if not quiet:
        for warning in made.warnings:
            click.echo(f"warning: {warning}", err=True)
        folder = made.files[0].parent
        click.echo(found(made))
        names = [p.name for p in made.files if p.name.startswith("report.") and p.suffix != ".p7s"]
        click.echo(f"Read: {', '.join(names)} in {folder}")
        click.echo(how_to_verify(made, folder))
    return 0


def make(*, audit: Path, out: Path | None, as_of: date | None, quiet: bool, **choices: Any) -> Made:
    """Run the pipeline with a progress line. Shared with `demo`."""
    from datetime import UTC, datetime

    from auditgen.pipeline.write import Order, make_report

    now = datetime.now(UTC)
    order = Order(
        audit=audit,
        out=out if out is not None else audit.parent / "report",
        as_of=as_of or now.date(),
        now=now,
        **choices,
    )
    with Progress(quiet=quiet) as progress:
        return make_report(order, progress)


def found(made: Made) -> str:
    """What was found, in one line."""
    document = made.built.document
    parts = ", ".join(f"{number} {word}" for word, number in document.tally)
    worst = ", ".join(p.id for p in document.principles if p.status.code == "contradicted")
    named = f" ({worst})" if worst else ""
    count = len(document.findings)
    return (
        f"Found: {document.headline.rstrip('.')}{named}; in all {parts}; "
        f"{count} finding{'' if count == 1 else 's'} about the evidence."
    )


def how_to_verify(made: Made, folder: Path) -> str:
    """How to check it, in one line."""
    if made.signer is None:
        return "Unsigned drafts: nothing protects them from change, and no pack was made."
    key = " (signed with a DEVELOPMENT key)" if made.signer.is_development else ""
    trust = f" --trust {folder / 'ca.pem'}" if (folder / "ca.pem").exists() else " --trust CA.pem"
    return f"Verify: auditgen verify {folder / 'pack.zip'}{trust}{key}"
