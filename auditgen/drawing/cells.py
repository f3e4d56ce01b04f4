"""What every workbook that is written shares: text that can do no harm in a cell, bytes that do not vary."""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import io

MAX_CELL_CHARS = 32_000
"""Counted in UTF-16 units, as Excel does; it stops at 32,767."""
EPOCH = (1980, 1, 1, 0, 0, 0)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so could be taken for a formula by a program that reads the cell again."""
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPE = re.compile(r"_x(?=[0-9A-Fa-f]{4}_)")
"""How a workbook writes a character by its number (ECMA-376, ST_Xstring); `_x005F_` is the underscore."""


def cell_text(value: str, mark: str) -> str:
    """A text as a cell can hold it: without control characters, and cut with `mark` where it is too long."""
    text = _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", value)
    if len(text.encode("utf-16-le")) <= 2 * MAX_CELL_CHARS:
        return text
    short = text.encode("utf-16-le")[: 2 * MAX_CELL_CHARS]
    return short.decode("utf-16-le", "ignore") + mark


def escaped(text: str) -> str:
    """A text of which no part reads as a character's number, so that every program shows what was written.

    Underscores that end one such form may begin the next, as in `_x0041_x0042_`: both are told.
    """
    return _ESCAPE.sub("_x005F_x", text)


def settle(raw: io.BytesIO, out: BinaryIO, moment: str) -> None:
    """Rewrite the archive with fixed times and order: openpyxl writes the clock into both."""
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        names = source.namelist()
        names.sort(key=lambda name: (name != "[Content_Types].xml", name))
        for name in names:
            data = source.read(name)
            if name == "docProps/core.xml":
                data = re.sub(
                    rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>" + moment.encode(), data
                )
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o600 << 16
            target.writestr(info, data)
