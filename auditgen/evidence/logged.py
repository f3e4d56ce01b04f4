"""Files of monitoring that are counted together, and what repeats among their rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditgen.evidence.columnar import (
    WORDS,
    canonical_sql,
    fixed_columns,
    stored_rows_sql,
    undated_values,
    unmapped_values,
)
from auditgen.evidence.cube import CELL, unknown_words, write_cube
from auditgen.evidence.exposure import (
    clear_cube,
    exposed_rows,
    exposed_texts,
    exposed_words,
    hidden_fields,
    shown_sql,
)
from auditgen.evidence.repeats import LOGGED, Repeats, counted, row_repeats_sql
from auditgen.evidence.tables import TableFault, connect, said, sql_file, sql_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb

    from auditgen.evidence.mapping import RecordMap
    from auditgen.evidence.tables import Table


@dataclass(frozen=True, slots=True)
class Logged:
    """Files of monitoring that were counted together: alike tables of one source, or what a reader wrote."""

    source_id: str
    cube: Path
    digests: tuple[str, ...]
    """SHA-256 of each file, in the order of their numbers in the cube."""
    tables: tuple[Table, ...] = ()
    mapping: RecordMap | None = None
    """How the tables are read."""
    records: tuple[Path, ...] = ()
    """Or the records that a reader wrote into the store."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    is_unique: bool = False
    """Whether it is known that no two of its rows share a record's id."""
    repeats: Repeats | None = None
    """Of a table that was counted on another engine, and has no rows here: what repeats in the period."""
    copies: Path | None = None
    """And the cube of what is left out as copies."""
    drawn: Path | None = None
    """And a few of its rows that may be shown, as the view `record` has them."""
    exposed: tuple[str, ...] = ()
    """Canonical columns in which credentials were found: they are shown without."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether its rows stayed on another engine."""
        return self.repeats is not None

    @property
    def has_ids(self) -> bool:
        """Whether its rows can have ids."""
        return bool(self.records or (self.mapping and self.mapping.record)) and not self.is_elsewhere

    @property
    def rows(self) -> str:
        """A relation with the canonical columns of all its rows."""
        return self._rows(mark=False)

    @property
    def shown_rows(self) -> str:
        """The same without credentials: what may be shown, where `rows` tells records apart."""
        return shown_sql(self.rows, self.exposed)

    @property
    def fixed(self) -> Mapping[str, str]:
        """Canonical columns with one value in every row, as SQL."""
        return {} if self.mapping is None or self.records else fixed_columns(self.tables[0], self.mapping)

    @property
    def marked_rows(self) -> str:
        """The same, with a mark for what the mapping does not translate."""
        return self._rows(mark=True)

    def _rows(self, *, mark: bool) -> str:
        if self.records:
            return stored_rows_sql(self.records)
        assert self.mapping is not None
        return canonical_sql(self.tables[0], self.mapping, also=self.tables[1:], mark=mark)


def count_into(group: Logged, out: Path) -> dict[str, Any]:
    """Write the group's cube, and say what a re-run must know. Raises TableFault.

    `open`: by file number, the values and times that the mapping left open, and how many cells hold a
    credential; `unique`: whether every row with an id has one of its own; `exposed`: columns with any.
    """
    import duckdb

    connection = connect()
    left_open: dict[str, Any] = {}
    try:
        write_cube(connection, group.marked_rows, out, group.fixed)
        exposed = _find_exposed(connection, group, out)
        is_unique = not (group.has_ids and has_repeats(connection, group))
        if group.mapping is not None and group.tables:
            for part, (fields, has_undated) in unknown_words(connection, out).items():
                table = group.tables[part]
                found = unmapped_values(connection, table, group.mapping, fields)
                undated = undated_values(connection, table, group.mapping) if has_undated else ()
                if found or undated:
                    left_open[str(part)] = {"unmapped": found, "undated": undated}
                asked = {*found, *(("time",) if undated else ())}
                cells = exposed_texts(connection, table, group.mapping, asked) if asked else 0
                if cells:
                    left_open[str(part)]["exposed"] = cells
        for by_part in exposed.values():
            for part, number in by_part.items():
                known = left_open.setdefault(str(part), {})
                known["exposed"] = known.get("exposed", 0) + number
    except duckdb.Error as error:
        raise TableFault(said(error)) from error
    except (RuntimeError, UnicodeError) as error:  # a file name that is no Unicode text
        message = f"the engine cannot take it: {str(error)[:100]}; is its name plain text?"
        raise TableFault(message) from error
    return {"open": left_open, "unique": is_unique, "exposed": hidden_fields(exposed)}


def _find_exposed(
    connection: duckdb.DuckDBPyConnection, group: Logged, cube: Path
) -> dict[str, dict[int, int]]:
    """Columns of tables with credentials, by file; they are taken out of the cube. Raises duckdb.Error."""
    if group.mapping is None or not group.tables:
        return {}  # records were looked through by their reader
    relation = f"SELECT * FROM read_parquet({sql_file(cube)}, hive_partitioning = false)"
    words = [name for name in (*WORDS, "model", "prompt_key") if name not in group.fixed]
    exposed = exposed_words(connection, f"{relation} WHERE level = {CELL}", words)
    if exposed:
        clear_cube(connection, cube, relation, exposed)
    record = group.mapping.record
    if record is not None and record.is_ is None and not record.pseudonym:
        found = exposed_rows(connection, group.rows, "record")
        exposed |= {"record": found} if found else {}
    return exposed


def note_repeats(
    connection: duckdb.DuckDBPyConnection, logged: Sequence[Logged], which: str
) -> dict[tuple[int, int], Repeats]:
    """Note which rows share a record's id: what they are, by group and file. `which` says which to look at.

    Exports overlap: a record that was logged twice, in one file of a source or in two, happened once.
    Two ids with one digest are told apart afterwards, so the answer is exact.
    """
    with_ids = {number: group for number, group in enumerate(logged) if group.has_ids}
    several = Counter(group.source_id for group in with_ids.values())
    with_ids = {n: g for n, g in with_ids.items() if several[g.source_id] > 1 or not g.is_unique}
    if not with_ids:
        return {}

    def rows(columns: Sequence[str], condition: str = "") -> str:
        return " UNION ALL ".join(
            f"SELECT {number} AS number, part, row, {sql_text(group.source_id)} AS source,"
            f" {', '.join(columns)} FROM ({group.rows}) AS part"
            f" WHERE {which} AND record IS NOT NULL{condition.format(number)}"
            for number, group in with_ids.items()
        )

    # eight bytes of digest instead of the id: less than half the time, and a fifth of the memory
    connection.execute(
        "CREATE TEMP TABLE twice AS SELECT source, digest FROM"
        f" (SELECT source, hash(record) AS digest FROM ({rows(['record'])}))"
        " GROUP BY ALL HAVING count(*) > 1"
    )
    if not connection.execute("SELECT 1 FROM twice LIMIT 1").fetchall():
        return {}
    connection.execute(
        f"CREATE TEMP TABLE shared AS SELECT number, part, row FROM ({rows(['record'])}) AS one"
        " WHERE EXISTS (SELECT 1 FROM twice AS t WHERE t.source = one.source AND t.digest = hash(record))"
        " QUALIFY count(*) OVER (PARTITION BY source, record) > 1"
    )
    among = (
        " AND EXISTS (SELECT 1 FROM shared AS s WHERE s.number = {0} AND s.part = part.part"
        " AND s.row = part.row)"
    )
    relation = (
        f"SELECT *, (number, part, row) AS place FROM ({rows(['record', 'observed_at', *LOGGED], among)})"
    )
    found = row_repeats_sql(relation, ("source", "record"))
    connection.execute(
        f"CREATE TEMP TABLE repeats AS SELECT number, part, row, is_first, is_copy, differs FROM ({found})"
    )
    return {
        (number, part): counted(
            connection, f"SELECT * FROM repeats WHERE number = {number} AND part = {part}"
        )
        for number, part in connection.execute(
            "SELECT DISTINCT number, part FROM repeats ORDER BY ALL"
        ).fetchall()
    }


def has_repeats(connection: duckdb.DuckDBPyConnection, group: Logged) -> bool:
    """Whether any two of its rows may share a record's id. Raises duckdb.Error."""
    return bool(
        connection.execute(
            f"SELECT 1 FROM (SELECT hash(record) AS digest FROM ({group.rows}) WHERE record IS NOT NULL"
            " GROUP BY digest HAVING count(*) > 1) LIMIT 1"
        ).fetchall()
    )


def repeats_within(group: Logged) -> Repeats:
    """What repeats inside one file, whenever it happened."""
    found = note_repeats(connect(), [group], "part.observed_at IS NOT NULL")
    return found.get((0, 0), Repeats())
