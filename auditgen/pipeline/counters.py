"""What others counted of the same requests: a load balancer, a gateway's own totals, a bill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from auditgen.diagnostics import did_you_mean
from auditgen.evidence.engine import utc
from auditgen.evidence.fingerprints import take
from auditgen.evidence.secret_forms import without
from auditgen.evidence.series import point_series, series_names, table_series
from auditgen.evidence.tables import TableFault
from auditgen.indicators.ledger import Window
from auditgen.sources.interface import Probe
from auditgen.sources.table import TableSource, table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from auditgen.project.monitoring import CounterBlock
    from auditgen.sources.interface import ReadFile

MAX_WINDOWS = 200_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LENGTH = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class CounterReading:
    """One declared counter with what it says."""

    block: CounterBlock
    windows: tuple[Window, ...]
    left_out: int
    """Rows whose time or number could not be read: they are compared with nothing."""
    files: Mapping[Path, str]
    """Its own files with their digests."""


class CounterFault(Exception):
    """A counter that cannot be read as it is declared; `key` is the place in its block."""

    def __init__(self, key: str, message: str, helps: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.key, self.message, self.helps = key, message, tuple(helps)


def read_counter(block: CounterBlock, paths: Sequence[Path], read: Sequence[ReadFile]) -> CounterReading:
    """The windows of one counter. Raises CounterFault."""
    if block.points is not None:
        counted, bad = _from_points(block, read)
        _refuse_overlaps(counted, "points")
        return CounterReading(block, counted, bad, {})
    if not paths:
        raise CounterFault("files", f"no file matches {', '.join(block.files)}")
    windows: list[Window] = []
    left_out = 0
    for path in paths:
        try:
            found, bad = _from_table(block, path)
        except (TableFault, OSError, EOFError) as error:
            message = f"`{path.name}` cannot be read: {getattr(error, 'message', error)}"
            raise CounterFault("files", message) from error
        windows += found
        left_out += bad
    if len(windows) > MAX_WINDOWS:
        raise CounterFault("files", f"{len(windows):,} windows; at most {MAX_WINDOWS:,} are compared")
    _refuse_overlaps(windows, "files")
    return CounterReading(block, tuple(windows), left_out, {path: take(path).sha256 for path in paths})


def _refuse_overlaps(windows: Sequence[Window], key: str) -> None:
    """Refuse a counter that says an hour twice: whether to add the two or to drop one, nobody can know.

    What begins within an hour is compared with nothing.
    """
    hour = timedelta(hours=1)
    whole = [w for w in windows if not (w.start - _EPOCH) % hour and not (w.end - w.start) % hour]
    ordered = sorted(whole, key=lambda window: (window.start, window.end))
    twice, told_until = [], _EPOCH
    for window in ordered:
        if window.start < told_until:
            twice.append(window)
        told_until = max(told_until, window.end)
    if not twice:
        return
    number = f"{len(twice):,} windows overlap" if len(twice) > 1 else "a window overlaps"
    raise CounterFault(
        key,
        f"{number} another one, first that of {twice[0].start:%Y-%m-%d %H:%M} UTC: "
        "each hour must be told once",
        ("choose one series (`where`, `labels`), or hand in the sum",),
    )


def _from_table(block: CounterBlock, path: Path) -> tuple[list[Window], int]:
    assert block.time is not None
    assert block.value is not None
    claim = TableSource().recognise(Probe(path))
    if claim is None or claim.format == "table.xlsx":
        raise CounterFault("files", f"`{path.name}` is no CSV, JSON Lines or Parquet table")
    table = table_of(path, claim.format)
    named = {"time.from": block.time.from_, "value": block.value}
    named |= {f"where.{column}": column for column in block.where}
    for key, column in named.items():
        if column is not None and column not in table.columns:
            helps = did_you_mean(column, table.columns) or (
                f"its columns: {', '.join(map(without, table.columns[:20]))}",
            )
            raise CounterFault(key, f"`{column}` is no column of `{path.name}`", helps)
    windows: list[Window] = []
    left_out = 0
    rows = table_series(table, block.time, block.time_zone, block.value, block.where, MAX_WINDOWS + 1)
    for at, is_zone_known, number in rows:
        start = utc(at)
        # a count is a whole number; a rate or an estimate is none, and a time without zone is no hour
        if start is None or not is_zone_known or number is None or number < 0 or number != int(number):
            left_out += 1
            continue
        windows.append(Window(start, start + _LENGTH[block.window], int(number)))
    return windows, left_out


def _from_points(block: CounterBlock, read: Sequence[ReadFile]) -> tuple[tuple[Window, ...], int]:
    """Points that a reader found: counts of a window, never gauges and never rates."""
    assert block.points is not None
    windows: list[Window] = []
    left_out = 0
    seen: set[str] = set()
    for file in read:
        if file.reading.source_id != block.points.source or file.records is None:
            continue
        points = file.records.parent / "metric_points.parquet"
        if not points.exists():
            continue
        seen |= series_names(points)
        rows = point_series(points, block.points.series, block.points.labels, MAX_WINDOWS)
        for kind, first, last, value in rows:
            start, end = utc(first), utc(last)
            is_count = value is not None and value >= 0 and value == int(value)
            if kind != "count" or start is None or end is None or not is_count:
                left_out += 1
                continue
            windows.append(Window(start, end, int(value)))
    if not windows and not left_out:
        shown = ", ".join(sorted(seen)[:20]) or "none"
        helps = did_you_mean(block.points.series, seen) or (f"its series: {shown}",)
        message = f"`{block.points.source}` has no point of `{block.points.series}`"
        raise CounterFault("points.series", message, helps)
    return tuple(windows), left_out
