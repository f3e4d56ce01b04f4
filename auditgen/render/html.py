"""One self-contained HTML file: no script, no remote request, a strict content security policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from auditgen.drawing.page import page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditgen.report import Document

FILE_NAME = "report.html"


def render(
    document: Document, tables: Mapping[str, Sequence[tuple[object, ...]]], out: BinaryIO
) -> None:
    """Write the page as UTF-8. Tables are referred to by digest and not carried."""
    del tables
    out.write(page(document, "screen").encode("utf-8"))
