"""Workbooks (XLSX) as tables: one sheet, its first row the names of the columns.

A workbook is a zip of XML: it is measured before it is opened. Cells are taken as the values that were
saved; a formula nobody calculated has none. The rows are copied as text into a Parquet file, which is
then read like any other table.
"""

from __future__ import annotations

import zipfile
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from auditgen.evidence.mapping import text_of
from auditgen.evidence.model import Anomaly
from auditgen.evidence.tables import TableFault
from auditgen.sources.hidden import hidden_parts
from auditgen.sources.interface import ZIP_FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMBERS = frozenset({"[Content_Types].xml", "xl/workbook.xml"})
MAX_INFLATED_BYTES = 1 << 30
MAX_STRINGS_BYTES = 1 << 28
"""The table of shared strings is the one part that has to stand in memory."""
MAX_COLUMNS = 1000
BATCH_ROWS = 2000


def copy_sheet(path: Path, wanted: str | None, out: Path) -> list[Anomaly]:
    """Copy a sheet's rows as text into `out` (Parquet); returns what was left out.

    Raises TableFault when it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from openpyxl import load_workbook

    _measure(path)
    stream = path.open("rb")  # openpyxl judges a path by its ending
    try:
        workbook = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    except Exception as error:  # openpyxl raises whatever its XML makes it raise
        stream.close()
        message = f"not readable as a workbook: {type(error).__name__}: {str(error)[:120]}"
        raise TableFault(message) from error
    try:
        names = [sheet.title for sheet in workbook.worksheets]
        if not names:
            message = "the workbook has no sheet"
            raise TableFault(message)
        if wanted is not None and wanted not in names:
            message = f"no sheet `{wanted}`; it has {', '.join(f'`{name}`' for name in names[:10])}"
            raise TableFault(message)
        sheet = workbook[wanted or names[0]]
        hidden = _hidden(path, sheet, len(workbook.sheetnames) == 1)
        sheet.reset_dimensions()  # what the file says of its size is not to be trusted
        rows = sheet.iter_rows(values_only=True)
        header = _header(next(rows, ()))
        schema = pa.schema([(name, pa.string()) for name in header])
        wide: list[int] = []
        with pq.ParquetWriter(out, schema, compression="zstd") as writer:
            batch: list[dict[str, str | None]] = []
            for number, cells in enumerate(rows, 2):
                values = [_text(cell) for cell in cells]
                if any(value is not None for value in values[len(header) :]):
                    wide.append(number)
                padded = values[: len(header)] + [None] * (len(header) - len(values))
                batch.append(dict(zip(header, padded, strict=True)))
                if len(batch) >= BATCH_ROWS:
                    writer.write_table(pa.Table.from_pylist(batch, schema))
                    batch = []
            while batch and not any(value is not None for value in batch[-1].values()):
                batch.pop()  # empty rows at the end are formatting
            writer.write_table(pa.Table.from_pylist(batch, schema))
    except TableFault:
        raise
    except Exception as error:
        message = f"the sheet cannot be read: {type(error).__name__}: {str(error)[:120]}"
        raise TableFault(message) from error
    finally:
        workbook.close()
        stream.close()
    return [*hidden, *_doubts(names, sheet.title, wanted, wide)]


def column_names(path: Path, wanted: frozenset[str]) -> list[str]:
    """The first row of the first sheet, where the workbook holds these words; else nothing.

    Workbooks of other columns are not opened: their texts are looked through, and only the beginning of them.
    """
    from openpyxl import load_workbook

    try:
        _measure(path)
        with zipfile.ZipFile(path) as archive:
            beginning = b""
            for name in archive.namelist():
                if name == "xl/sharedStrings.xml" or name.startswith("xl/worksheets/sheet"):
                    with archive.open(name) as part:
                        beginning += part.read(1 << 16)
                if len(beginning) > 1 << 20:
                    break
        if not all(word.encode() in beginning for word in wanted):
            return []
        with path.open("rb") as stream:
            workbook = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            try:
                sheet = workbook.worksheets[0]
                sheet.reset_dimensions()
                return _header(next(sheet.iter_rows(values_only=True), ()))
            finally:
                workbook.close()
    except Exception:  # openpyxl raises whatever its XML makes it raise; reading says what is wrong
        return []


def _hidden(path: Path, sheet: Any, is_only: bool) -> list[Anomaly]:
    """What of the sheet is not shown when the workbook is opened."""
    out = []
    if sheet.sheet_state != "visible" and not is_only:
        out.append(Anomaly("cells-hidden", f"the sheet that was read, `{sheet.title}`, is hidden"))
    try:
        # openpyxl keeps neither rows nor columns apart when it streams
        with zipfile.ZipFile(path) as archive, archive.open(sheet._worksheet_path) as stream:  # noqa: SLF001
            found = hidden_parts(stream)
    except (*ZIP_FAULTS, KeyError) as error:
        message = f"the sheet cannot be read: {str(error)[:120]}"
        raise TableFault(message) from error
    if found.rows:
        message = f"rows of `{sheet.title}` are hidden or filtered away; they were read and counted"
        out.append(Anomaly("cells-hidden", message, found.rows))
    if found.columns:
        message = f"columns of `{sheet.title}` are hidden; they were read where the mapping names them"
        out.append(Anomaly("cells-hidden", message, found.columns))
    return out


def _doubts(names: list[str], name: str, wanted: str | None, wide: list[int]) -> Iterator[Anomaly]:
    others = [other for other in names if other != name]
    if others and wanted is None:
        shown = ", ".join(f"`{other}`" for other in others[:5])
        message = f"only the first sheet, `{name}`, was read; not read: {shown}"
        yield Anomaly("sheets-unread", message, len(others))
    if wide:
        shown = ", ".join(str(row) for row in wide[:5])
        message = f"rows with cells beyond the last named column (row {shown})"
        yield Anomaly("cells-unread", message, len(wide))


def _measure(path: Path) -> None:
    """Refuse what would inflate beyond reason, before anything is inflated."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
    except ZIP_FAULTS as error:
        message = f"the workbook cannot be opened: {str(error)[:120]}"
        raise TableFault(message) from error
    if sum(sizes.values()) > MAX_INFLATED_BYTES:
        message = f"the workbook would inflate beyond {MAX_INFLATED_BYTES} bytes; export it as CSV"
        raise TableFault(message)
    if sizes.get("xl/sharedStrings.xml", 0) > MAX_STRINGS_BYTES:
        message = f"its texts would inflate beyond {MAX_STRINGS_BYTES} bytes; export it as CSV"
        raise TableFault(message)


def _header(cells: tuple[Any, ...]) -> list[str]:
    names = [(_text(cell) or "").strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        message = "the first row of the sheet holds no column names"
        raise TableFault(message)
    if len(names) > MAX_COLUMNS:
        message = f"the sheet has more than {MAX_COLUMNS} columns"
        raise TableFault(message)
    names = [name or f"column {number}" for number, name in enumerate(names, 1)]
    if len({name.lower() for name in names}) < len(names):
        message = "two columns of the sheet have the same name"
        raise TableFault(message)
    return names


def _text(cell: Any) -> str | None:
    """A cell as the text that a mapping lists; dates in ISO form, an empty cell as absent."""
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, str):
        return cell.encode("utf-8", "replace").decode("utf-8") or None
    return text_of(cell)
