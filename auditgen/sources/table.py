"""Tables by a declared mapping: CSV, JSONL (packed or not), Parquet, XLSX, DuckDB, SQLite, by content.

A table is the fallback: it claims only what no specific format claims, and is read only where
`audit.yaml` says what its columns mean.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, ClassVar

from auditgen.evidence.packed import open_packed
from auditgen.sources import spreadsheet
from auditgen.sources.interface import HEAD_BYTES, Context, Item, Probe, Recognition
from auditgen.sources.jsontext import loads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditgen.evidence.tables import Table

DUCKDB_MAGIC, DUCKDB_AT = b"DUCK", 8
"""Behind a checksum of eight bytes."""
PARQUET_MAGIC = b"PAR1"
DELIMITERS = ",;\t|"
_COLUMN = re.compile(r"^[^\x00-\x1f<>{}]{1,100}$")


class TableSource:
    """Any table whose columns a mapping declares."""

    name: ClassVar[str] = "table"
    version: ClassVar[str] = "3"
    is_fallback: ClassVar[bool] = True

    def recognise(self, probe: Probe) -> Recognition | None:
        """By magic number, by a JSON object on the first line, or by a header and rows that agree."""
        if probe.zip_names >= spreadsheet.MEMBERS:
            return Recognition("table.xlsx", "zip with the parts of a workbook")
        if probe.head.startswith(PARQUET_MAGIC):
            return Recognition("table.parquet", "Parquet magic number")
        if probe.head[DUCKDB_AT:].startswith(DUCKDB_MAGIC):
            return Recognition("table.duckdb", "DuckDB magic number")
        if probe.sqlite_tables:
            return Recognition("table.sqlite", "SQLite magic number")
        head = probe.unpacked.head
        packed = f"+{probe.packed}" if probe.packed else ""
        if b"\x00" in head:
            return None
        if _is_jsonl(head, is_whole=probe.unpacked.size <= len(head)):
            return Recognition(f"table.jsonl{packed}", "a JSON object on each line")
        delimiter = csv_delimiter(head)
        if delimiter is not None:
            name = {"\t": "tab"}.get(delimiter, delimiter)
            return Recognition(f"table.csv{packed}", f"header and rows separated by `{name}`")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Tables are not copied into records; the engine reads them in place (see `table_of`)."""
        raise NotImplementedError


def table_of(path: Path, table_format: str) -> Table:
    """The described table behind a recognised file. Raises TableFault when it cannot be read."""
    from auditgen.evidence.tables import describe

    base, _, packed = table_format.removeprefix("table.").partition("+")
    delimiter = ","
    if base == "csv":
        with open_packed(path, packed) as stream:
            delimiter = csv_delimiter(stream.read(HEAD_BYTES)) or ","
    return describe(path, base, packed=packed, delimiter=delimiter)


def _is_jsonl(head: bytes, *, is_whole: bool) -> bool:
    lines = [line for line in head.split(b"\n")[:20] if line.strip()]
    if not is_whole and len(lines) < 2:
        return False
    if not lines or not lines[0].lstrip().startswith(b"{"):
        return False
    try:
        first = loads(lines[0])[0]
        return isinstance(first, dict) and bool(first)
    except ValueError:
        return False


def csv_delimiter(head: bytes) -> str | None:
    """The delimiter under which the header and the first rows have equally many cells, at least two."""
    lines = head.decode("utf-8-sig", "replace").splitlines()[:6]
    if len(lines) < 2:
        return None
    best: tuple[int, str] | None = None
    for delimiter in DELIMITERS:  # of equally good ones the first wins
        try:
            rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        if len(rows) < 2 or len(rows[0]) < 2:
            continue
        names = [name.strip() for name in rows[0]]
        fits = len(rows[1]) == len(names) and len(set(names)) == len(names)
        if fits and all(_COLUMN.match(name) for name in names) and len(names) > (best or (0,))[0]:
            best = (len(names), delimiter)
    return best[1] if best else None
