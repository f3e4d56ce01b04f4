"""The first rows of a table as texts, exactly as a mapping will meet them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.evidence.tables import ROW, Columns, Table, TableFault, connect, said

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_CHARS = 200
"""Of longer texts only the beginning is fetched: they are no words of a vocabulary."""
_BATCH_ROWS = 2000


def sample_texts(table: Table, fields: Sequence[str], limit: int) -> list[list[str | None]]:
    """Of each field the texts of the first rows, cut to `MAX_CHARS`; None where nothing is written.

    Raises TableFault when the engine cannot read the table.
    """
    import duckdb
    import pyarrow as pa

    reader = Columns(table)
    selected = ", ".join(f"left({reader.text(name)}, {MAX_CHARS}) AS c{n}" for n, name in enumerate(fields))
    out: list[list[str | None]] = [[] for _ in fields]
    try:
        found = connect().sql(f"SELECT {selected or ROW} FROM ({reader.relation()}) LIMIT {limit}")
        for batch in found.to_arrow_reader(_BATCH_ROWS):
            for texts, column in zip(out, batch.columns, strict=False):
                texts.extend(column.to_pylist())
    except (duckdb.Error, pa.ArrowException, RuntimeError, UnicodeError) as error:
        raise TableFault(said(error)) from error
    return out
