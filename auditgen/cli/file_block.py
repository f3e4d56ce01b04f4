"""What a file is and holds, for a person at a terminal: one block a file, labels in a column of their own."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

from auditgen.diagnostics import printable
from auditgen.evidence.model import GRADE_WORDS, agreement_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditgen.evidence.model import Reading, Run

MAX_SCORES = 12
MAX_RUNS = 8
LABEL_WIDTH = 13
MIN_WIDTH = 40
BESIDE = {
    "metric_points": ("metric point", "metric points", "counted by somebody else"),
    "published_counts": ("figure", "figures", "as published, records not seen"),
    "alerts": ("alert", "alerts", "each time it changed its state"),
    "incidents": ("incident", "incidents", "as reported"),
}
"""Tables of records that are no requests: one, many, and what they are."""
OF_REQUESTS = frozenset({"prompt", "response", "model", "run", "denominator"})
"""What only a record of a request could say."""
Line = tuple[str, str]
"""A label, empty where the line continues the one above, and what it says."""


def describe(reading: Reading, width: int | None = None) -> str:
    """The block of one file. Lines are broken at `width`, or not at all without one."""
    lines = [_plain(reading.path)]
    for label, text in _lines(reading):
        lines += _wrapped(label, _plain(text), width)
    return "\n".join(lines)


def terminal_width() -> int | None:
    """How wide the terminal is; None when the output goes elsewhere."""
    if not sys.stdout.isatty():
        return None
    return max(MIN_WIDTH, shutil.get_terminal_size().columns)


def _plain(text: str) -> str:
    # a line break in a name must not begin a line of ours
    return printable(text).replace("\n", " ").replace("\t", " ")


def _wrapped(label: str, text: str, width: int | None) -> list[str]:
    head = f"  {label:<{LABEL_WIDTH}}"
    if width is None or len(head) + len(text) <= width:
        return [f"{head}{text}".rstrip()]
    return textwrap.wrap(
        text,
        width,
        initial_indent=head,
        subsequent_indent=" " * (len(head) + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _lines(reading: Reading) -> Iterator[Line]:
    # what is wrong comes first: it says how the rest is to be read
    yield from _doubts(reading)
    if reading.format:
        yield from _content(reading)
    yield "size", f"{reading.bytes:,} bytes"
    yield "sha256", reading.sha256 or "not read"


def _doubts(reading: Reading) -> Iterator[Line]:
    for anomaly in sorted(reading.anomalies, key=lambda a: not a.blocks):
        times = f" ({anomaly.count:,})" if anomaly.count > 1 else ""
        label = "NO EVIDENCE" if anomaly.blocks else "doubt"
        yield label, f"[{anomaly.code}] {anomaly.message}{times}"


def _content(reading: Reading) -> Iterator[Line]:
    tool = " ".join(part for part in (reading.tool, reading.tool_version) if part)
    made_by = f"; made by {tool}" if tool else ""
    yield "format", f"{reading.format}: {reading.recognised_by}{made_by}"
    for number, run in enumerate(reading.runs[:MAX_RUNS]):
        yield "" if number else "run", _run(run)
    if len(reading.runs) > MAX_RUNS:
        yield "", f"and {len(reading.runs) - MAX_RUNS:,} more runs"
    if not _is_beside_only(reading):
        yield from _counts(reading)
    yield from _beside(reading)
    if reading.outcomes:
        yield "outcomes", ", ".join(f"{name} {number:,}" for name, number in reading.outcomes.items())
    yield from _scores(reading)
    if reading.models:
        yield "model", f"{', '.join(reading.models)} (as recorded)"
    if reading.first_at and reading.last_at:
        first, last = (f"{at:%Y-%m-%d %H:%M}" for at in (reading.first_at, reading.last_at))
        yield "records from", f"{first} UTC" if first == last else f"{first} to {last} UTC"
    if reading.grade is not None:
        yield "completeness", f"{reading.grade.value}: {GRADE_WORDS[reading.grade]}"
    absent = [name for name, presence in reading.completeness.items() if presence == "absent"]
    if _is_beside_only(reading):
        needless = OF_REQUESTS if "metric_points" in reading.beside else {*OF_REQUESTS, "threshold"}
        absent = [name for name in absent if name not in needless]
    if absent and reading.role == "records":
        yield "does not say", ", ".join(absent)
    if reading.companions:
        yield "read with", ", ".join(reading.companions)
    for number, (pair, table) in enumerate(reading.agreement.items()):
        yield "" if number else "labels", agreement_text(pair, table)


def _is_beside_only(reading: Reading) -> bool:
    return bool(reading.beside) and not reading.counts.observations


def _beside(reading: Reading) -> Iterator[Line]:
    for number, (name, count) in enumerate(reading.beside.items()):
        one, many, what = BESIDE.get(name, (name, name, "beside the requests"))
        yield "" if number else "holds", f"{count:,} {one if count == 1 else many}, {what}"


def _counts(reading: Reading) -> Iterator[Line]:
    counts = reading.counts
    if reading.role == "companion":
        yield "records", "none of its own: it describes those of other files"
    elif any(a.code == "mapping-missing" for a in reading.anomalies):
        yield "rows", f"{counts.observations:,}, not read: nobody has said what the columns mean"
    else:
        planned = "unknown" if counts.planned is None else f"{counts.planned:,}"
        yield (
            "records",
            f"planned {planned}, in the file {counts.observations:,}, executed {counts.executed:,}, "
            f"failed {counts.errored:,}, decided {counts.scored:,}, undecided {counts.unscored:,}",
        )


def _scores(reading: Reading) -> Iterator[Line]:
    """Each score as a mapping would name it, with its values and how often they occur."""
    if not reading.scores:
        return
    prefix = "scores." if reading.format.startswith("inspect.") else ""
    shown = list(reading.scores.items())[:MAX_SCORES]
    yield "scores", f"{reading.counts.with_score:,} records carry one:"
    for name, values in shown:
        found = ", ".join(f"{value} ({number:,})" for value, number in values.items())
        yield "", f"{prefix}{name}: {found}"
    if len(reading.scores) > len(shown):
        yield "", f"and {len(reading.scores) - len(shown):,} more scores (--format json lists them)"


def _run(run: Run) -> str:
    parts = [run.suite or "(no suite)"]
    if run.suite_version:
        parts.append(f"version {run.suite_version}")
    if run.native_status:
        parts.append(f"status {run.native_status}")
    if run.started_at:
        parts.append(f"started {run.started_at:%Y-%m-%d %H:%M} {'UTC' if run.tz_known else '(zone unknown)'}")
    parts.append(f"id {run.native_id}" if run.native_id else "(no id)")
    return ", ".join(parts)
