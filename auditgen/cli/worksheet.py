"""`auditgen worksheet`: workbooks that people fill in, and a check of what they filled in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditgen.cli.options import as_of_option
from auditgen.cli.progress import Progress

if TYPE_CHECKING:
    from datetime import date

MAX_SEED = 10**18 - 1
MAX_SHOWN = 20
MAX_FAULTS = 50


@click.group("worksheet")
def command() -> None:
    """Ask people: workbooks to fill in, and a check of what came back.

    \b
    Example:
      auditgen worksheet export audit.yaml
      auditgen worksheet labels audit.yaml --criterion P1-refusal --out-dir labels
      auditgen worksheet check labels/labels-1.xlsx labels/labels-2.xlsx
    """


@command.command("labels")
@click.argument("audit", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--criterion", required=True, metavar="ID", help="A criterion, or an id of `also_measured`.")
@click.option(
    "--n",
    "limit",
    type=click.IntRange(2, 100_000),
    default=200,
    show_default=True,
    help="How many answers to draw.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, MAX_SEED),
    default=1,
    show_default=True,
    help="Decides which answers are drawn; it is printed in the report.",
)
@click.option(
    "--coders",
    type=click.IntRange(2, 3),
    default=2,
    show_default=True,
    help="One workbook for each; the third is for an adjudicator.",
)
@click.option(
    "--out-dir",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Where to put the workbooks. Workbooks that lie there are never replaced.",
)
@as_of_option
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where read evidence is kept between runs [default: .auditgen/store beside AUDIT].",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress, no summary.")
def labels(
    audit: Path,
    criterion: str,
    limit: int,
    seed: int,
    coders: int,
    out_dir: Path,
    as_of: date | None,
    store: Path | None,
    quiet: bool,
) -> int:
    """Draw answers that a judge decided, and write one workbook for each coder to label them in.

    The workbooks show prompts and responses and nothing of what was found. They are confidential.

    \b
    Example:
      auditgen worksheet labels audit.yaml --criterion P1-refusal --n 200 --out-dir labels
    """
    from datetime import UTC, datetime

    from auditgen.pipeline.labels import LabelOrder, write_label_sheets

    order = LabelOrder(
        audit=audit,
        criterion=criterion,
        out=out_dir,
        as_of=as_of or datetime.now(UTC).date(),
        limit=limit,
        seed=seed,
        coders=coders,
        store=store,
    )
    with Progress(quiet=quiet) as progress:
        made = write_label_sheets(order, progress)
    if quiet:
        return 0
    click.echo(
        f"Drew {made.drawn:,} of {made.population:,} answers with seed {seed}; "
        f"{made.judged:,} were decided by a judge in all."
    )
    if made.judged > made.population:
        click.echo(
            f"{made.judged - made.population:,} have no response to show; nobody can check them, so they "
            "will count the bad way."
        )
    if made.cut:
        click.echo(f"{made.cut:,} are longer than a cell can hold; they end with a mark where they are cut.")
    for path in made.files:
        click.echo(f"wrote {path}")
    click.echo(
        "next: give each to another person; then auditgen worksheet check, and `relabelled` in audit.yaml"
    )
    return 0


@command.command("check")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
def check(files: tuple[Path, ...]) -> int:
    """Say what is labelled so far in workbooks, and every fault in them with its cell.

    \b
    Example:
      auditgen worksheet check labels/labels-1.xlsx labels/labels-2.xlsx

    \b
    Exit codes: 0 no fault, whether or not all is labelled; 4 a workbook cannot be used.
    """
    from auditgen.diagnostics import Diagnostic, Span, printable
    from auditgen.errors import EnvironmentRefused, InputRefused
    from auditgen.worksheet.comparing import apart, disputed
    from auditgen.worksheet.reading import read_workbook

    found = []
    for path in files:
        try:
            found.append(read_workbook(path.read_bytes()))
        except OSError as error:
            raise EnvironmentRefused(f"`{path}` cannot be read: {error.strerror or error}") from error
    faults = [
        Diagnostic(fault.code, fault.text, str(path), Span(*fault.place, *fault.place))
        for path, one in zip(files, found, strict=True)
        for fault in one.faults[:MAX_FAULTS]
    ]
    faults += [Diagnostic(f.code, f.text, str(files[number])) for number, f in apart(found).items()]
    for path, one in zip(files, found, strict=True):
        if one.task is not None:
            task = one.task
            unsure = sum(label is None for label in one.labels.values())
            click.echo(
                f"{printable(str(path))}: coder {one.coder}, {printable(task.criterion)} of "
                f"{printable(task.audit_id)}; {len(one.labels):,} of {task.drawn:,} labelled, "
                f"{unsure:,} of them `cannot tell`"
            )
    if faults:
        count = len(faults) + sum(len(one.faults[MAX_FAULTS:]) for one in found)
        more = f"; {MAX_FAULTS} of each file are shown" if count > len(faults) else ""
        raise InputRefused(
            f"{count} fault{'' if count == 1 else 's'} in workbooks{more}; a report would not use them",
            hint="mend the cells that are named, or write the workbooks anew and copy the labels over",
            diagnostics=faults,
        )
    if len(found) > 1:
        differing = disputed(found[0], found[1])
        both = len(found[0].labels.keys() & found[1].labels.keys())
        click.echo(f"the first two differ on {len(differing):,} of {both:,} answers that both labelled")
        for item in differing[:MAX_SHOWN]:
            click.echo(f"  {item}")
        if len(differing) > MAX_SHOWN:
            click.echo(f"  and {len(differing) - MAX_SHOWN:,} more")
    return 0


@command.command("export")
@click.argument("audit", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The workbook [default: AUDIT with the ending .xlsx].",
)
@click.option("--force", is_flag=True, help="Replace a file that lies there.")
@click.option("-q", "--quiet", is_flag=True, help="No summary.")
def export(audit: Path, out: Path | None, force: bool, quiet: bool) -> int:
    """Write the audit as an Excel workbook, for people who do not write YAML.

    The same audit.yaml and checklists give the same bytes.

    \b
    Example:
      auditgen worksheet export audit.yaml --out audit.xlsx
    """
    from auditgen.cli.workbook import export_book

    target = out or audit.with_suffix(".xlsx")
    written = export_book(audit, target, force=force)
    if not quiet:
        click.echo(f"wrote {written}")
        click.echo(f"next: edit it, save it, then auditgen worksheet import {target} {audit}")
    return 0


@command.command("import")
@click.argument("workbook", metavar="FILE.xlsx", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("audit", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The new file [default: AUDIT with the ending .new.yaml].",
)
@click.option("--force", is_flag=True, help="Replace a file that lies there.")
@click.option(
    "--merge",
    is_flag=True,
    help="Take a workbook of another audit.yaml too: by ids, cell by cell.",
)
@click.option("-q", "--quiet", is_flag=True, help="No list of changes.")
def import_(workbook: Path, audit: Path, out: Path | None, force: bool, merge: bool, quiet: bool) -> int:
    """Make a new audit.yaml of AUDIT and what was edited in a workbook of it.

    What was not edited stays as it is, with its comments. Every fault is named with its sheet and cell; with
    one, nothing is written.

    \b
    Example:
      auditgen worksheet import audit.xlsx audit.yaml --out audit.new.yaml

    \b
    Exit codes: 0 written; 1 a file lies there already; 4 the workbook cannot be used.
    """
    from auditgen.cli.workbook import import_book
    from auditgen.diagnostics import printable

    target = out or audit.with_suffix(".new.yaml")
    made = import_book(workbook, audit, target, force=force, is_merge=merge)
    if quiet:
        return 0
    for line in made.changes:
        click.echo(printable(line))
    count = len(made.changes)
    click.echo(f"{count:,} change{'' if count == 1 else 's'}" if count else "no cell was changed")
    for key in made.anew:
        what = "the whole file" if key == "*" else f"`{printable(key)}`"
        click.echo(f"{what} had to be written anew; comments inside it are lost")
    click.echo(f"wrote {target}")
    return 0
