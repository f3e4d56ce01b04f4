"""`auditgen demo`: the whole job on the sample quarter, offline."""

from __future__ import annotations

from pathlib import Path

import click

from auditgen.cli.report import FORMATS, found, how_to_verify, make


@click.command("demo")
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("auditgen-demo"),
    show_default=True,
    help="Where to put the sample and the report made of it.",
)
@click.option("--force", is_flag=True, help="Replace an earlier demo in the same place.")
@click.option("-q", "--quiet", is_flag=True, help="No progress line.")
def command(out: Path, force: bool, quiet: bool) -> int:
    """Make a signed report from the sample quarter of a fictional provider.

    Copies the sample to OUT/quarter, makes development keys there, and writes the report to OUT.

    \b
    Example:
      auditgen demo -o demo-report
      auditgen verify demo-report/pack.zip --trust demo-report/ca.pem
    """
    from datetime import date

    prepare(out, force=force)
    made = make(
        audit=out / "quarter" / "audit.yaml",
        out=out,
        as_of=date(2026, 10, 5),  # the sample's own day of judgement
        quiet=quiet,
        formats=FORMATS,
        force=force,
    )
    names = ", ".join(str(out / name) for name in ("report.html", "report.pdf", "report.xlsx"))
    click.echo(found(made))
    click.echo(f"Read: {names}; the input is {out / 'quarter' / 'audit.yaml'}")
    click.echo(how_to_verify(made, out))
    return 0


def prepare(out: Path, *, force: bool) -> None:
    """Copy the sample and make its keys. Raises EnvironmentRefused when OUT is in use."""
    import shutil
    from datetime import UTC, datetime

    from auditgen.errors import EnvironmentRefused
    from auditgen.resources import resource_dir
    from auditgen.seal import init_keys

    quarter = out / "quarter"
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not force:
        raise EnvironmentRefused(
            f"`{out}` already exists and is not empty; nothing was done",
            hint="name another directory with -o, or replace it with --force",
        )
    try:
        # the sample may lie in a read-only installation: copy bytes, not permissions
        shutil.copytree(
            resource_dir("samples/quarter"),
            quarter,
            dirs_exist_ok=True,
            copy_function=shutil.copyfile,
            ignore=shutil.ignore_patterns(".auditgen", "keys", "report"),
        )
    except OSError as error:
        raise EnvironmentRefused(
            f"`{out}` cannot be written: {error}", hint="name another directory with -o"
        ) from error
    if not (quarter / "keys" / "signer.key.pem").exists():
        init_keys(
            quarter / "keys",
            organisation="Thistledown (fictional)",
            name="A. Example (fictional)",
            now=datetime.now(UTC),
        )
