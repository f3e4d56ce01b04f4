"""Opening a workbook that somebody hands in: it is measured before anything in it is read."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

from auditgen.worksheet.faults import Fault, Unusable

MAX_BYTES = 1 << 28
MAX_INFLATED_BYTES = 1 << 29
MAX_ROWS = 200_000
MAX_COLUMNS = 50
_ENTITY = re.compile(rb"<!(DOCTYPE|ENTITY)")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Begins what Office encrypts, and its formats of before 2007."""


def measure(data: bytes, *, max_bytes: int | None = None, max_inflated: int | None = None) -> None:
    """Refuse what is no archive, would inflate beyond reason, or brings macros or declarations of its own.

    Raises Unusable.
    """
    max_bytes, max_inflated = max_bytes or MAX_BYTES, max_inflated or MAX_INFLATED_BYTES
    if len(data) > max_bytes:
        raise Unusable(Fault("labels-unreadable", f"it has more than {max_bytes:,} bytes"))
    if data.startswith(_OLE):
        message = "it is encrypted, or of a format before 2007; save it as .xlsx without a password"
        raise Unusable(Fault("labels-unreadable", message))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > max_inflated:
                message = f"it would inflate beyond {max_inflated:,} bytes"
                raise Unusable(Fault("labels-unreadable", message))
            if any(member.filename.casefold().endswith("vbaproject.bin") for member in members):
                message = "it holds macros; save it as .xlsx, which cannot"
                raise Unusable(Fault("labels-unreadable", message))
            if archive.testzip() is not None:
                raise Unusable(Fault("labels-unreadable", "the archive is damaged"))
            for member in members:
                if _declares(archive, member):
                    message = "a part of it declares a document type of its own"
                    raise Unusable(Fault("labels-unreadable", message))
    except Unusable:
        raise
    except Exception as error:  # a damaged member makes its decoder raise whatever it likes
        message = f"it is no sound workbook: {type(error).__name__}"
        raise Unusable(Fault("labels-unreadable", message)) from error


def _declares(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Whether a part holds a declaration, however much stands before it, in UTF-8 or UTF-16."""
    before = b""
    with archive.open(member) as stream:
        while block := stream.read(1 << 20):
            text = before + block.replace(b"\0", b"")
            if _ENTITY.search(text):
                return True
            before = text[-16:]
    return False


def page_cells(page: Any, *, max_rows: int | None = None) -> list[list[Any]]:
    """The cells of a sheet, row by row. Raises Unusable where there are too many rows."""
    page.reset_dimensions()  # what the file says of its size is not to be trusted
    out = []
    for number, row in enumerate(page.iter_rows(max_col=MAX_COLUMNS), 1):
        if number > (max_rows or MAX_ROWS):
            message = f"it has more than {max_rows or MAX_ROWS:,} rows"
            raise Unusable(Fault("labels-sheet", message, page.title))
        out.append(list(row))
    return out
