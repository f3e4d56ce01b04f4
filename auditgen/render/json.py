"""report.json: the document itself, for machines; validated by reading it back before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import orjson

from auditgen.report import Document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE_NAME = "report.json"


def render(
    document: Document, tables: Mapping[str, Sequence[tuple[object, ...]]], out: BinaryIO
) -> None:
    """Write UTF-8 JSON with sorted keys. Tables are referred to by digest and not carried."""
    del tables
    value = document.model_dump(mode="json", by_alias=True)
    data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"
    if Document.model_validate_json(data) != document:
        message = "report.json does not read back as the document it was written from"
        raise AssertionError(message)
    out.write(data)
