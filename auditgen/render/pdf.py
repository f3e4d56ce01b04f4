"""The PDF: tagged, with embedded fonts and bookmarks, the same bytes for the same document."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, BinaryIO

from auditgen.drawing.page import page
from auditgen.errors import EnvironmentRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditgen.report import Document

FILE_NAME = "report.pdf"
PANGO_HINT = (
    "install Pango: `apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0` "
    "(as root), or leave the PDF out with --formats html,xlsx,json"
)


def render(
    document: Document, tables: Mapping[str, Sequence[tuple[object, ...]]], out: BinaryIO
) -> None:
    """Write the unsigned PDF. Raises EnvironmentRefused when Pango is missing."""
    del tables
    try:
        import weasyprint
        from weasyprint.urls import URLFetcher
    except OSError as error:  # the libraries are opened at import
        raise EnvironmentRefused(
            f"the PDF cannot be made: {str(error).splitlines()[0]}", hint=PANGO_HINT
        ) from error
    html = weasyprint.HTML(
        string=page(document, "print"),
        # fonts travel inside the page as data; anything else a page could ask for is refused
        url_fetcher=URLFetcher(allowed_protocols=("data",), allow_redirects=False),
    )
    collected = gc.isenabled()
    gc.disable()  # layout makes millions of objects that all live to the end: 1.5 times faster
    try:
        data = html.write_pdf(pdf_variant="pdf/ua-1")
    finally:
        if collected:
            gc.enable()
    out.write(data)

