"""`auditgen inspect`: what an export is, what it holds, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditgen.cli.options import format_option
from auditgen.cli.progress import Progress
from auditgen.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditgen.evidence.model import Reading
    from auditgen.sources.inspect_official import CrossCheck


@click.command("inspect")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@format_option
@click.option(
    "--responses",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write each response once with its digest, for a judge to label (see docs/audit-yaml.md).",
)
@click.option(
    "--suites",
    "own_suites",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Own file of what scores mean, before the shipped ones. May be repeated.",
)
@click.option(
    "--cross-check",
    "is_cross_check",
    is_flag=True,
    help="Read Inspect logs with the official package too, and compare.",
)
@click.option(
    "--suggest-mapping",
    "is_suggestion",
    is_flag=True,
    help="Write a first mapping of one table, to be finished by hand.",
)
@click.option("--table", help="With --suggest-mapping: which table of a database, or sheet of a workbook.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --suggest-mapping: a new file for it, instead of standard output.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress line.")
def command(
    paths: tuple[Path, ...],
    output_format: str,
    responses: Path | None,
    own_suites: tuple[Path, ...],
    is_cross_check: bool,
    is_suggestion: bool,
    table: str | None,
    out: Path | None,
    quiet: bool,
) -> int:
    """Say what each export is, what it holds and what is missing. Folders are searched.

    Without an audit.yaml only descriptions of suites say what a score means (see docs/suites.md).
    Outcomes that need a declared mapping are undecided here; counts, times, models and anomalies
    are as the report would see them.

    \b
    Example:
      auditgen inspect evals/ red-team.json
      auditgen inspect --format json evals/ > what-i-have.json
      auditgen inspect evals/ --responses to-label.jsonl

    With --suggest-mapping, the columns of one table (CSV, JSON Lines, Parquet, XLSX, DuckDB, SQLite)
    become an entry for audit.yaml: what a name or a value seems to mean stands beside it, what it means
    is yours to say.

    \b
      auditgen inspect gateway.csv --suggest-mapping --out gateway.yaml

    With --cross-check (needs `pip install 'auditgen[inspect]'`) samples, failures and every score of
    Inspect logs are compared with what the official package reads.

    Exit code 3 when no file was recognised; 22 when the official package reads something else, cannot
    read a log, or none was there to compare.
    """
    import json
    import tempfile

    from auditgen.cli.file_block import describe, terminal_width
    from auditgen.evidence.store import EvidenceStore
    from auditgen.pipeline.beside import display_name
    from auditgen.pipeline.responses import write_responses
    from auditgen.sources.reading import SourceRegistry, read_file
    from auditgen.sources.suites import SuiteLibrary

    if is_suggestion:
        from auditgen.cli.suggest import suggest_mapping

        return suggest_mapping(paths, table, out, is_json=output_format == "json")
    if table is not None or out is not None:
        raise click.UsageError("--table and --out belong to --suggest-mapping")
    suites = SuiteLibrary.load(own_suites)
    checks: _CrossChecks | None = _CrossChecks() if is_cross_check else None
    files = list(_files(paths))
    registry = SourceRegistry.load()
    read = []
    with tempfile.TemporaryDirectory(prefix="auditgen-") as folder, Progress(quiet=quiet) as progress:
        store = EvidenceStore(Path(folder))
        for number, path in enumerate(files, 1):
            name = display_name(path, Path())
            progress(name, number, len(files))
            read.append(
                read_file(
                    path,
                    name=name,
                    source_id="",
                    mapping=None,
                    store=store,
                    registry=registry,
                    available=files,
                    suites=suites,
                )
            )
            if checks is not None:
                checks.take(path, read[-1].reading)
        if responses is not None:
            written = write_responses([file.records for file in read if file.records], responses)
            click.echo(f"{written:,} responses written to {responses}", err=True)
    readings = [file.reading for file in read]
    if output_format == "json":
        entries = [_as_dict(r) for r in readings]
        if checks is not None:
            checks.add_to(entries)
        click.echo(json.dumps(entries, indent=2, ensure_ascii=True))
    else:
        width = terminal_width()
        click.echo("\n\n".join(describe(r, width) for r in readings))
        if checks is not None:
            click.echo("\n" + "\n".join(checks.lines()))
        click.echo(f"\n{_summary(readings)}", err=True)
    for plugin in registry.broken:
        click.echo(f"warning: reader `{plugin.name}` could not be loaded: {plugin.failure}", err=True)
    if not any(r.format for r in readings):
        return int(Exit.NOTHING_TO_ASSESS)
    return int(Exit.DONE) if checks is None or checks.agree else int(Exit.NOT_CHECKABLE)


class _CrossChecks:
    """What comparing Inspect logs with the official reader gave, file by file."""

    def __init__(self) -> None:
        from auditgen.sources.inspect_official import load_official

        self._official = load_official()
        self._done: dict[str, CrossCheck] = {}

    def take(self, path: Path, reading: Reading) -> None:
        """Compare one file, if it is an Inspect log."""
        from auditgen.sources.inspect_official import cross_check

        if reading.format.startswith("inspect."):
            self._done[reading.path] = cross_check(path, reading.format, self._official)

    @property
    def agree(self) -> bool:
        """Whether there was something to compare, and all of it agrees."""
        return bool(self._done) and all(check.agrees for check in self._done.values())

    def add_to(self, entries: Sequence[dict[str, Any]]) -> None:
        """Put each result beside what was read, under `cross_check`."""
        for entry in entries:
            check = self._done.get(entry["path"])
            if check is not None:
                entry["cross_check"] = {
                    "official": check.official,
                    "agrees": check.agrees,
                    "samples": check.samples,
                    "failed": check.failed,
                    "scores": check.scores,
                    "difference_count": check.difference_count,
                    "differences": list(check.differences),
                }

    def lines(self) -> Iterator[str]:
        """One line per file, and one per difference."""
        from auditgen.diagnostics import printable

        if not self._done:
            yield "cross-check: no Inspect log among these files"
        for path, check in self._done.items():
            name = printable(path).replace("\n", " ")
            seen = f"{check.samples:,} samples, {check.failed:,} failed, {check.scores:,} scores"
            verdict = "agree" if check.agrees else f"{check.difference_count:,} DIFFERENCES"
            yield f"cross-check of {name} with {check.official}: {seen}: {verdict}"
            yield from (f"  {printable(text)}".replace("\n", " ") for text in check.differences)
            rest = check.difference_count - len(check.differences)
            if rest:
                yield f"  and {rest:,} more"


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    import os

    unread: list[Path] = []

    def note(error: OSError) -> None:
        unread.append(Path(error.filename))

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path, onerror=note):  # follows no links: there is no loop
            folders.sort()
            # a linked folder is named, so that nobody takes it for read
            links = [name for name in folders if (Path(folder) / name).is_symlink()]
            yield from (Path(folder) / name for name in sorted([*names, *links]))
    yield from unread


def _as_dict(reading: Reading) -> dict[str, Any]:
    from auditgen.evidence.store import reading_as_dict

    raw = reading_as_dict(reading)
    first = ("path", "sha256", "format", "tool", "tool_version", "runs", "counts", "anomalies")
    out = {name: raw.pop(name) for name in first}
    out["completeness"] = raw.pop("completeness")
    raw.pop("source_id")
    return out | raw


def _summary(readings: Sequence[Reading]) -> str:
    known = sum(1 for r in readings if r.format)
    doubts = sum(len(r.anomalies) for r in readings)
    empty = sum(1 for r in readings if any(a.blocks for a in r.anomalies))
    nothing = f", {empty} without evidence" if empty else ""
    return f"{len(readings)} files, {known} recognised{nothing}, {doubts} reasons to doubt"
