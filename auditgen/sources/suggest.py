"""A first mapping for a table, to be finished by a person.

Names and values of the first rows are looked at, and every line says why it stands there. What a value means is
never decided here: unless a word is exactly one of ours, `TODO` stands in its place, which auditgen refuses.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auditgen.diagnostics import printable, shown_value
from auditgen.evidence.sampling import sample_texts
from auditgen.evidence.tables import TableFault, written_rows
from auditgen.evidence.mapping import lookup, number_of, text_of
from auditgen.sources.column_profile import UNIT_WORDS, Column
from auditgen.sources.column_words import (
    NAMES,
    OF_TESTS,
    VOCABULARY,
    hint,
    is_of_person,
    is_of_text,
    is_score,
    is_sign_of_test,
    last_name,
    plain_name,
)
from auditgen.sources.database import DATABASES, copy_chosen
from auditgen.sources.jsontext import loads
from auditgen.sources.spreadsheet import copy_sheet
from auditgen.sources.suggestion_text import Lines, scalar
from auditgen.sources.table import table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.evidence.tables import Table

SAMPLED_ROWS = 20_000
MAX_COLUMNS = 300
MAX_REPEATS = 0.01
"""Beyond this share of repeated values an id is not believed to be that of a record."""
TODO = "TODO"
_SIGNS_OF_TEST = 2
_IN_TESTS = ("model", "outcome", "expected", "cohort", "category", "strategy", "language", "prompt")
_NAMED = ("cohort", "category", "strategy", "language", "endpoint")
"""Fields whose words may stay as they are."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A table's columns with the values of its first rows."""

    columns: tuple[Column, ...]
    rows: int
    is_whole: bool
    """Whether there were no further rows."""
    table: str | None = None
    """Which table of a database, or sheet of a workbook, was looked at."""
    unseen: int = 0
    """Columns beyond those that were looked at."""

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
            return _sampled(table_of(place, "table.parquet"), chosen)
        if table_format == "table.xlsx":
            copy_sheet(path, chosen, place)
            return _sampled(table_of(place, "table.parquet"), chosen)
        return _sampled(table_of(path, table_format), None)


def _sampled(table: Table, chosen: str | None) -> Sampled:
    parents = {name[:place] for name in table.columns for place, char in enumerate(name) if char == "."}
    names = [name for name in table.columns if name not in parents]
    seen = names[:MAX_COLUMNS]
    if sum(is_sign_of_test(name) for name in seen) >= _SIGNS_OF_TEST:
        texts = _texts_of_records(table, seen)
    else:
        texts = sample_texts(table, seen, SAMPLED_ROWS)
    rows = len(texts[0]) if texts else 0
    columns = tuple(
        Column.of(name, column, table.clocks.get(name)) for name, column in zip(seen, texts, strict=True)
    )
    return Sampled(columns, rows, rows < SAMPLED_ROWS, chosen, len(names) - len(seen))


def _texts_of_records(table: Table, names: Sequence[str]) -> list[list[str | None]]:
    """The same for tables of tests, whose rows are read as records."""
    out: list[list[str | None]] = [[] for _ in names]
    for number, values in written_rows_of(table):
        record = loads(values.encode("utf-8", "surrogatepass"))[0] if isinstance(values, str) else values
        for texts, name in zip(out, names, strict=True):
            text = text_of(lookup(record, name))
            texts.append(None if text is None else text[:200])
        if number >= SAMPLED_ROWS:
            break
    return out
