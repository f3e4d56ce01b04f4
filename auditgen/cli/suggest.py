"""`auditgen inspect --suggest-mapping`: a first mapping for one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from auditgen.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def suggest_mapping(paths: Sequence[Path], table: str | None, out: Path | None, *, is_json: bool) -> int:
    """Print or write the suggestion; the exit code. Raises InputRefused where there is nothing to suggest."""
    from auditgen.diagnostics import printable
    from auditgen.errors import InputRefused
    from auditgen.evidence.tables import TableFault
    from auditgen.sources.column_sample import sample_table
    from auditgen.sources.reading import SourceRegistry
    from auditgen.sources.suggest import suggest
    from auditgen.sources.table import TableSource

    if len(paths) != 1 or paths[0].is_dir():
        raise click.UsageError("--suggest-mapping takes one table; files that are alike share its mapping")
    if is_json:
        raise click.UsageError("--suggest-mapping writes YAML, not JSON")
    [path] = paths
    shown = printable(str(path))
    claim = SourceRegistry.load().recognise(path)
    if claim is None:
        raise InputRefused(
            f"`{shown}` is no table that auditgen reads", hint="`auditgen inspect` says what it sees"
        )
    source, recognition = claim
    if not isinstance(source, TableSource):
        raise InputRefused(
            f"`{shown}` is {recognition.format}: its reader knows what its fields mean",
            hint="a mapping is for tables; what may be declared beside is in docs/audit-yaml.md",
        )
    try:
        sampled = sample_table(path, recognition.format, table)
    except TableFault as fault:
        hint = "choose one with --table NAME" if "`table` must say" in fault.message else None
        raise InputRefused(f"`{shown}`: {fault.message}", hint=hint) from fault
    if not sampled.rows:
        raise InputRefused(f"`{shown}` holds no rows to look at")
    text = suggest(path.as_posix(), sampled)
    if out is None:
        click.echo(text, nl=False)
        return int(Exit.DONE)
    _write_new(out, text)
    todo = sum(1 for line in text.splitlines() if "TODO" in line)
    click.echo(f"{printable(str(out))}: {todo} places to fill in", err=True)
    return int(Exit.DONE)


def _write_new(out: Path, text: str) -> None:
    """Write what must not replace anything: somebody may have finished it."""
    from auditgen.errors import EnvironmentRefused

    try:
        with out.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise click.UsageError(f"`{out}` is there already; nothing was written") from error
    except OSError as error:
        raise EnvironmentRefused(f"`{out}` cannot be written: {error.strerror or error}") from error
