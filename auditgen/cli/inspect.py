"""`auditgen inspect`: what an export is, what it holds, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditgen.cli.options import format_option
from auditgen.cli.progress import Progress
from auditgen.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from auditgen.evidence.model import Reading
    from auditgen.sources.inspect_official import CrossCheck

MAX_SCORES = 20


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
@click.option("-q", "--quiet", is_flag=True, help="No progress line.")
def command(
    paths: tuple[Path, ...],
    output_format: str,
    responses: Path | None,
    own_suites: tuple[Path, ...],
    is_cross_check: bool,
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

    With --cross-check (needs `pip install 'auditgen[inspect]'`) samples, failures and every score of
    Inspect logs are compared with what the official package reads.

    Exit code 3 when no file was recognised; 22 when the official package reads something else, cannot
    read a log, or none was there to compare.
    """
    import json
    import tempfile

    from auditgen.evidence.store import EvidenceStore
    from auditgen.pipeline.read import display_name
    from auditgen.pipeline.responses import write_responses
    from auditgen.sources.reading import SourceRegistry, read_file
    from auditgen.sources.suites import SuiteLibrary

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
        click.echo("\n\n".join(_describe(r) for r in readings))
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

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):  # does not follow links, so no loop
            folders.sort()
            for name in sorted(names):
                yield Path(folder) / name


def _as_dict(reading: Reading) -> dict[str, Any]:
    from auditgen.evidence.store import reading_as_dict

    raw = reading_as_dict(reading)
    first = ("path", "sha256", "format", "tool", "tool_version", "runs", "counts", "anomalies")
    out = {name: raw.pop(name) for name in first}
    out["completeness"] = raw.pop("completeness")
    raw.pop("source_id")
    return out | raw


def _describe(reading: Reading) -> str:
    from auditgen.diagnostics import printable
    from auditgen.evidence.model import GRADE_WORDS, agreement_text

    lines = [reading.path]
    if reading.format:
        tool = " ".join(p for p in (reading.tool, reading.tool_version) if p)
        lines.append(f"  {reading.format}: {reading.recognised_by}" + (f"; made by {tool}" if tool else ""))
        lines += [f"  run {_run(run)}" for run in reading.runs]
        counts = reading.counts
        planned = "unknown" if counts.planned is None else f"{counts.planned:,}"
        if reading.role == "companion":
            lines.append("  no records of its own: it describes those of other files")
        elif any(a.code == "mapping-missing" for a in reading.anomalies):
            lines.append(f"  {counts.observations:,} rows, not read: nobody has said what the columns mean")
        else:
            lines.append(
                f"  planned {planned}, in the file {counts.observations:,}, executed {counts.executed:,}, "
                f"failed {counts.errored:,}, decided {counts.scored:,}, undecided {counts.unscored:,}"
            )
        if reading.scores:
            lines.append(f"  {counts.with_score:,} carry a score:")
            prefix = "scores." if reading.format.startswith("inspect.") else ""  # as a mapping writes it
            lines += [f"    {prefix}{name}: {_values(v)}" for name, v in _shown(reading.scores)]
        if reading.outcomes:
            parts = ", ".join(f"{name} {number:,}" for name, number in reading.outcomes.items())
            lines.append(f"  outcomes: {parts}")
        if reading.models:
            lines.append(f"  model as recorded: {', '.join(reading.models)}")
        if reading.first_at and reading.last_at:
            first, last = (f"{at:%Y-%m-%d %H:%M}" for at in (reading.first_at, reading.last_at))
            lines.append(f"  records from {first} to {last} UTC")
        if reading.grade is not None:
            lines.append(f"  completeness {reading.grade.value}: {GRADE_WORDS[reading.grade]}")
        if reading.companions:
            lines.append(f"  read together with {', '.join(reading.companions)}")
        for pair, table in reading.agreement.items():
            lines.append(f"  refusal labels {agreement_text(pair, table)}")
        absent = [name for name, presence in reading.completeness.items() if presence == "absent"]
        if absent and reading.role == "records":
            lines.append(f"  the file does not say: {', '.join(absent)}")
    for anomaly in reading.anomalies:
        times = f" ({anomaly.count:,})" if anomaly.count > 1 else ""
        word = "NO EVIDENCE" if anomaly.blocks else "doubt"
        lines.append(f"  {word} [{anomaly.code}] {anomaly.message}{times}")
    lines.append(f"  sha256 {reading.sha256 or 'not read'}, {reading.bytes:,} bytes")
    # a line break in a name must not begin a line of ours
    return "\n".join(printable(line).replace("\n", " ") for line in lines)


def _shown(scores: Mapping[str, Mapping[str, int]]) -> list[tuple[str, Mapping[str, int]]]:
    return list(scores.items())[:MAX_SCORES]


def _values(values: Mapping[str, int]) -> str:
    return ", ".join(f"{value} ({number:,})" for value, number in values.items())


def _run(run: Any) -> str:
    parts = [run.suite or "(no suite)"]
    if run.suite_version:
        parts.append(f"version {run.suite_version}")
    parts.append(f"id {run.native_id}" if run.native_id else "(no id)")
    if run.native_status:
        parts.append(f"status {run.native_status}")
    if run.started_at:
        parts.append(f"started {run.started_at:%Y-%m-%d %H:%M} {'UTC' if run.tz_known else '(zone unknown)'}")
    return ", ".join(parts)


def _summary(readings: Sequence[Reading]) -> str:
    known = sum(1 for r in readings if r.format)
    doubts = sum(len(r.anomalies) for r in readings)
    return f"{len(readings)} files, {known} recognised, {doubts} reasons to doubt"
