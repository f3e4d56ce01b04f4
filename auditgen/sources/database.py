"""Tables inside database files (SQLite, DuckDB): one is chosen, and its mapped columns are copied.

Both kinds of file are opened as private copies under limits. What comes out is a Parquet file like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditgen.canonical import sha256_file
from auditgen.diagnostics import shown_value
from auditgen.evidence.attached import attach
from auditgen.evidence.copying import copied_fields
from auditgen.evidence.mapping import text_of
from auditgen.evidence.model import Anomaly, Counts, Reading
from auditgen.evidence.secret_forms import without
from auditgen.evidence.tables import Table, TableFault, describe
from auditgen.sources.interface import ReadFile
from auditgen.sources.sqlite import SqliteFault, journals, open_copy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from auditgen.evidence.mapping import RecordMap
    from auditgen.evidence.store import EvidenceStore
    from auditgen.sources.sqlite import Database

DATABASES = frozenset({"table.sqlite", "table.duckdb"})
DATABASE_VERSION = "1"
BATCH_ROWS = 5000
MAX_TABLES_SHOWN = 10
_OWN = ("sqlite_", "duckdb_")


@dataclass(frozen=True, slots=True)
class Inside:
    """What was found in a database file."""

    tables: tuple[str, ...]
    """Names that can be chosen."""
    chosen: str | None
    columns: tuple[str, ...] = ()
    rows: int = 0

    @property
    def question(self) -> str:
        """Why there is no choice, in words."""
        names = ", ".join(shown_value(name) for name in self.tables[:MAX_TABLES_SHOWN])
        more = len(self.tables) - MAX_TABLES_SHOWN
        return f"`table` must say which one: {names}{f' and {more} more' if more > 0 else ''}"


@dataclass(frozen=True, slots=True)
class Opened:
    """A database file as a table, or the reason why it is none."""

    base: Reading
    table: Table | None = None
    """The Parquet copy of the mapped columns."""
    whole: Table | None = None
    """The chosen table's own columns, of which no row can be read from here."""
    refused: ReadFile | None = None


def look_inside(path: Path, table_format: str, wanted: str | None, *, counts: bool = True) -> Inside:
    """Which tables there are, and what the chosen one is like. Raises TableFault."""
    if table_format == "table.duckdb":
        with attach(path) as file:
            names = tuple(sorted(file.kinds))
            chosen = _choose(names, wanted)
            if chosen is None:
                return Inside(names, None)
            return Inside(names, chosen, file.columns(chosen), file.count(chosen) if counts else 0)
    try:
        with open_copy(path) as database:
            names = _plain_tables(database)
            chosen = _choose(names, wanted, database.kinds)
            if chosen is None:
                return Inside(names, None)
            columns = tuple(sorted(database.columns(chosen)))
            rows = sum(1 for _ in database.rows(chosen, ())) if counts else 0
            return Inside(names, chosen, columns, rows)
    except SqliteFault as fault:
        raise TableFault(fault.message) from fault


def open_database(path: Path, base: Reading, mapping: RecordMap | None, store: EvidenceStore) -> Opened:
    """The table that a mapping names, its mapped columns copied into the store once.

    Raises TableFault when it cannot be read.
    """
    beside = {place.name: sha256_file(place) for place in _read_along(path, base.format)}
    base = replace(base, companions=beside)
    if base.format == "table.duckdb" and _unmerged(path).is_file() and _unmerged(path).stat().st_size:
        message = "changes beside the database are not in it: close it and hand it in again"
        base = replace(base, anomalies=(*base.anomalies, Anomaly("export-unfinished", message)))
    if mapping is None or (mapping.time is None and mapping.records != "evaluation"):
        inside = look_inside(path, base.format, mapping.table if mapping else None)
        return Opened(base, refused=_unmapped(base, inside))
    fields = wanted_fields(mapping)
    key = store.key(
        base.sha256,
        "database",
        DATABASE_VERSION,
        {"format": base.format, "table": mapping.table, "fields": list(fields), "beside": beside},
    )
    copy, about = store.derived(key, lambda out: copy_chosen(path, base.format, mapping.table, fields, out))
    if about["question"]:
        return Opened(base, refused=_with(base, Anomaly("mapping-missing", about["question"])))
    whole = Table(path, "database", columns=tuple(about["columns"]))
    found = (*base.anomalies, *(Anomaly(*item) for item in about["faults"]))
    base = replace(base, anomalies=found)
    if about["missing"]:
        message = f"no column `{about['missing'][0]}` in the table"
        return Opened(
            base, refused=replace(_with(base, Anomaly("unreadable", message, blocks=True)), table=whole)
        )
    return Opened(base, describe(copy, "parquet"), whole)


def wanted_fields(mapping: RecordMap) -> tuple[str, ...]:
    """Names of the columns that a mapping reads, sorted."""
    return tuple(sorted({*copied_fields(mapping), *(mapping.scores or {}).values()}))


def copy_chosen(
    path: Path,
    table_format: str,
    wanted: str | None,
    fields: Sequence[str],
    out: Path,
    limit: int | None = None,
) -> dict[str, Any]:
    """Copy columns of the chosen table into `out` (Parquet), and say what was found. Raises TableFault.

    Where none is chosen or a field is missing, the copy is empty. Without `fields` all are copied.
    """
    about: dict[str, Any] = {"question": "", "columns": [], "missing": [], "faults": []}
    if table_format == "table.duckdb":
        with attach(path) as file:
            chosen = _choose(tuple(sorted(file.kinds)), wanted)
            if _ready(about, tuple(sorted(file.kinds)), chosen, file.columns, fields):
                file.copy(chosen or "", fields or about["columns"], out, limit)
                return about
            _write(out, ("nothing",), ())
            return about
    try:
        with open_copy(path) as database:
            names = _plain_tables(database)
            chosen = _choose(names, wanted, database.kinds)
            if not _ready(about, names, chosen, lambda n: sorted(database.columns(n)), fields):
                _write(out, ("nothing",), ())
                return about
            _copy_rows(database, chosen or "", fields or about["columns"], out, about, limit)
            return about
    except SqliteFault as fault:
        raise TableFault(fault.message) from fault


def _ready(
    about: dict[str, Any], names: tuple[str, ...], chosen: str | None, columns: Any, fields: Sequence[str]
) -> bool:
    if chosen is None:
        about["question"] = Inside(names, None).question
        return False
    about["columns"] = list(columns(chosen))
    about["missing"] = [name for name in fields if name not in about["columns"]]
    return not about["missing"]


def _copy_rows(
    database: Database,
    table: str,
    fields: Sequence[str],
    out: Path,
    about: dict[str, Any],
    limit: int | None,
) -> None:
    for line in database.faults(table)[:1]:
        about["faults"].append(["truncated", f"the table is damaged: {line}", 1, True])
    _write(out, fields, _until_it_breaks(database, table, fields, about["faults"], limit))
    if database.oversized:
        message = "rows with values too long to read"
        about["faults"].append(["lines-unreadable", message, database.oversized])


def _until_it_breaks(
    database: Database, table: str, fields: Sequence[str], faults: list[list[Any]], limit: int | None
) -> Iterator[Mapping[str, Any]]:
    try:
        for number, (_, row) in enumerate(database.rows(table, fields), 1):
            yield row
            if number == limit:
                return
    except SqliteFault as fault:
        faults.append(["truncated", fault.message, 1, True])


def _write(out: Path, fields: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows as text, as a mapping lists it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in fields])
    with pq.ParquetWriter(out, schema, compression="snappy") as writer:
        columns: dict[str, list[str | None]] = {name: [] for name in fields}
        for count, row in enumerate(rows, 1):
            for name in fields:
                columns[name].append(_text(row.get(name)))
            if count % BATCH_ROWS == 0:
                writer.write_table(pa.table(columns, schema))
                columns = {name: [] for name in fields}
        writer.write_table(pa.table(columns, schema))


def _text(value: Any) -> str | None:
    text = text_of(value)
    return text.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) and text else text


def _choose(names: tuple[str, ...], wanted: str | None, kinds: Mapping[str, str] | None = None) -> str | None:
    if wanted is None:
        if not names:
            message = "the database holds no table that can be read"
            raise TableFault(message)
        return names[0] if len(names) == 1 else None
    if wanted in names:
        return wanted
    kind = (kinds or {}).get(wanted)
    if kind is not None:  # a view of SQLite runs whatever its author wrote, in the same engine
        message = f"`{wanted}` is a {kind}: only plain tables of SQLite files are read"
        raise TableFault(message)
    message = (
        f"no table `{wanted}`; it has {', '.join(shown_value(name) for name in names[:MAX_TABLES_SHOWN])}"
    )
    raise TableFault(message)


def _plain_tables(database: Database) -> tuple[str, ...]:
    return tuple(
        sorted(name for name, kind in database.kinds.items() if kind == "table" and not name.startswith(_OWN))
    )


def _read_along(path: Path, table_format: str) -> tuple[Path, ...]:
    return journals(path) if table_format == "table.sqlite" else ()


def _unmerged(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _unmapped(base: Reading, inside: Inside) -> ReadFile:
    if inside.chosen is None:
        return _with(base, Anomaly("mapping-missing", inside.question))
    columns = ", ".join(map(without, inside.columns[:30]))
    message = f"a table needs a mapping; {shown_value(inside.chosen)} has the columns: {columns}"
    found = _with(base, Anomaly("mapping-missing", message))
    return replace(found, reading=replace(found.reading, counts=Counts(observations=inside.rows)))


def _with(base: Reading, anomaly: Anomaly) -> ReadFile:
    return ReadFile(replace(base, anomalies=(*base.anomalies, anomaly)))
