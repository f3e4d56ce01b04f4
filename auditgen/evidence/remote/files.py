"""Counters from another engine as the Parquet cube that everything is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditgen.canonical import digest_of
from auditgen.evidence.cube import CUBE_COLUMNS, MEASURES
from auditgen.evidence.engine import RECORD_COLUMNS
from auditgen.evidence.secret_forms import without

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from auditgen.evidence.remote.model import Counted

_MAX_ID = 100
_SHOWN_WORDS = {"cohort", "category", "strategy", "language", "endpoint"}


def counters_digest(table: str, found: Counted) -> str:
    """SHA-256 over everything that was counted, in the order of its own."""
    repeats = [found.repeats.copies, found.repeats.reused, found.repeats.contradicting]
    lines = [[_plain(line) for line in lines] for lines in (found.cells, found.copies)]
    days = [[day.day, day.rows, day.checksum] for day in found.days]
    return digest_of(["counters-1", table, *lines, repeats, days])


def write_lines(lines: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Lines of a cube as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {name: pa.int64() for name in ("level", "part", *MEASURES)}
    kinds |= {name: pa.timestamp("us") for name in ("hour", "first_at", "last_at")}
    kinds |= {"sampling_rate": pa.float64()}
    columns = {}
    for name in CUBE_COLUMNS:
        values = [line[name] for line in lines]
        if name == "day":
            moments = pa.array(values, pa.int64()).cast(pa.timestamp("us"))
            columns[name] = moments.cast(pa.date32())
        elif name in {"hour", "first_at", "last_at"}:
            columns[name] = pa.array(values, pa.int64()).cast(pa.timestamp("us"))
        else:
            columns[name] = pa.array(values, kinds.get(name, pa.string()))
    pq.write_table(pa.table(columns), out)


def write_drawn(
    rows: Sequence[Mapping[str, Any]], out: Path, *, source_id: str, digest: str, place: str, id_column: str
) -> None:
    """Rows that may be shown as Parquet, with the columns of the view `record`.

    `place` names table and snapshot; a row's locator adds its id, without credentials, and its MD5.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"observed_at": pa.timestamp("us"), "sampling_rate": pa.float64(), "epoch": pa.int32()}
    columns: dict[str, list[Any]] = {name: [] for name in RECORD_COLUMNS}
    for row in rows:
        named = None if row["record"] is None else without(str(row["record"]))
        own = "" if named is None else f"{id_column}={named[:_MAX_ID]};"
        found = {name: row[name] for name in RECORD_COLUMNS if name in row} | {
            "source_id": source_id, "file_sha256": digest, "kind": "monitoring", "run_key": digest,
            "locator": f"engine:{place}#{own}md5={row['digest']}", "suite": "production",
            "sample_id": named or f"md5 {row['digest']}", "epoch": 1, "observed_at": row["at"],
            "prompt_state": "absent",
        }  # fmt: skip
        for name, values in columns.items():
            value = found.get(name)
            values.append(without(value) if name in _SHOWN_WORDS and value else value)
    arrays = {
        name: pa.array(values, pa.int64()).cast(kinds[name])
        if name == "observed_at"
        else pa.array(values, kinds.get(name, pa.string()))
        for name, values in columns.items()
    }
    pq.write_table(pa.table(arrays), out)


def _plain(line: Mapping[str, Any]) -> list[Any]:
    """A line as JSON has it, a float as its digits."""
    values = (line[name] for name in CUBE_COLUMNS)
    return [repr(value) if isinstance(value, float) else value for value in values]
