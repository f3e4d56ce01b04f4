"""The first rows of a table, column by column, as a first mapping is guessed from them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from auditgen.evidence.mapping import lookup, text_of
from auditgen.evidence.sampling import MAX_CHARS, sample_texts
from auditgen.evidence.secret_forms import tokens
from auditgen.evidence.tables import TableFault, connect, written_rows
from auditgen.sources.column_profile import Column
from auditgen.sources.column_words import is_sign_of_test
from auditgen.sources.database import DATABASES, copy_chosen
from auditgen.sources.jsontext import loads
from auditgen.sources.spreadsheet import copy_sheet
from auditgen.sources.table import table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.evidence.tables import Table

SAMPLED_ROWS = 20_000
MAX_COLUMNS = 300
_SIGNS_OF_TEST = 2


@dataclass(frozen=True, slots=True)
class Sampled:
    """A table's columns with the values of its first rows."""

    columns: tuple[Column, ...]
    rows: int
    is_whole: bool
    """Whether there were no further rows."""
    inside: tuple[str, str] | None = None
    """`table` or `sheet`, and its name, where one was chosen."""
    unseen: int = 0
    """Columns beyond those that were looked at, and those that are called as a credential is."""

    @property
    def is_test(self) -> bool:
        """Whether several columns are called as those of tests are."""
        return sum(is_sign_of_test(column.name) for column in self.columns) >= _SIGNS_OF_TEST


def sample_table(path: Path, table_format: str, chosen: str | None = None) -> Sampled:
    """Look at the first rows. `chosen`: a table of a database or a sheet. Raises TableFault."""
    with tempfile.TemporaryDirectory(prefix="auditgen-") as folder:
        place = Path(folder) / "table.parquet"
        if table_format in DATABASES:
            about = copy_chosen(path, table_format, chosen, (), place, limit=SAMPLED_ROWS)
            if about["question"]:
                raise TableFault(about["question"])
            return _sampled(table_of(place, "table.parquet"), "table", chosen)
        if table_format == "table.xlsx":
            copy_sheet(path, chosen, place)
            return _sampled(table_of(place, "table.parquet"), "sheet", chosen)
        return _sampled(table_of(path, table_format))


def _sampled(table: Table, kind: str = "", chosen: str | None = None) -> Sampled:
    parents = {name[:place] for name in table.columns for place, char in enumerate(name) if char == "."}
    names = [name for name in table.columns if name not in parents]
    seen = [name for name in names if not tokens(name)][:MAX_COLUMNS]  # a first row may be no header
    if sum(is_sign_of_test(name) for name in seen) >= _SIGNS_OF_TEST:
        texts = _texts_of_records(table, seen)
    else:
        texts = sample_texts(table, seen, SAMPLED_ROWS)
    rows = len(texts[0]) if texts else 0
    columns = tuple(
        Column.of(name, column, table.clocks.get(name)) for name, column in zip(seen, texts, strict=True)
    )
    return Sampled(
        columns, rows, rows < SAMPLED_ROWS, (kind, chosen) if chosen else None, len(names) - len(seen)
    )


def _texts_of_records(table: Table, names: Sequence[str]) -> list[list[str | None]]:
    """The same for tables of tests, whose rows are read as records."""
    out: list[list[str | None]] = [[] for _ in names]
    for number, (_, values) in enumerate(written_rows(connect(), table), 1):
        record = loads(values.encode("utf-8", "surrogatepass"))[0] if isinstance(values, str) else values
        for texts, name in zip(out, names, strict=True):
            value = lookup(record, name)
            text = value.isoformat() if isinstance(value, datetime | date) else text_of(value)
            texts.append(None if text is None else text[:MAX_CHARS])
        if number >= SAMPLED_ROWS:
            break
    return out
