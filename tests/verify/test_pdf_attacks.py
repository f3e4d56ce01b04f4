"""A signed PDF: one attack each. Several of these are called valid by common viewers."""

from __future__ import annotations

import io
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from auditgen.errors import Exit
from auditgen.verify import limits
from auditgen.verify import pdf as pdf_module

if TYPE_CHECKING:
    from collections.abc import Callable


def _update(data: bytes, edit: Callable[[Any], None]) -> bytes:
    """An incremental update, as any PDF library can write without a key."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    edit(writer)
    out = io.BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]
    return out.getvalue()


def _page(writer: Any) -> Any:
    return writer.root["/Pages"]["/Kids"][0].get_object()


def _new_content(writer: Any) -> None:
    from pyhanko.pdf_utils import generic

    page = _page(writer)
    page[generic.pdf_name("/Contents")] = writer.add_object(
        generic.StreamObject(stream_data=b"BT ET")
    )
    writer.update_container(page)


def _annotation(writer: Any) -> None:
    from pyhanko.pdf_utils import generic

    page, name = _page(writer), generic.pdf_name
    note = generic.DictionaryObject(  # type: ignore[no-untyped-call]
        {
            name("/Type"): name("/Annot"),
            name("/Subtype"): name("/FreeText"),
            name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (50, 50, 400, 400))),
            name("/Contents"): generic.pdf_string("Gap: 0 %"),
            name("/DA"): generic.pdf_string("/Helv 20 Tf"),
        }
    )
    page[name("/Annots")] = generic.ArrayObject(
        [*page.get("/Annots", []), writer.add_object(note)]
    )
    writer.update_container(page)


def _script(writer: Any) -> None:
    from pyhanko.pdf_utils import generic

    name = generic.pdf_name
    writer.root[name("/OpenAction")] = generic.DictionaryObject(  # type: ignore[no-untyped-call]
        {name("/S"): name("/JavaScript"), name("/JS"): generic.pdf_string("app.alert(1)")}
    )
    writer.update_root()


def _attachment(writer: Any) -> None:
    from pyhanko.pdf_utils import embed

    spec = embed.FileSpec(
        file_spec_string="evidence.csv",
        embedded_data=embed.EmbeddedFileObject.from_file_data(writer, data=b"id\n"),
    )
    embed.embed_file(writer, spec)


def _drop_form(writer: Any) -> None:
    del writer.root["/AcroForm"]
    writer.update_root()


def _metadata(writer: Any) -> None:
    from pyhanko.pdf_utils import generic

    info = generic.DictionaryObject(  # type: ignore[no-untyped-call]
        {generic.pdf_name("/Title"): generic.pdf_string("Other")}
    )
    writer.set_info(writer.add_object(info))


@pytest.mark.parametrize(
    "edit",
    [_new_content, _annotation, _script, _attachment, _metadata],
    ids=["new-content", "annotation", "javascript", "attachment", "metadata"],
)
@pytest.mark.parametrize("which", ["pdf", "pdf_reviewed"])
def test_incremental_update(
    quarter: Any, look: Any, tools: Any, edit: Callable[[Any], None], which: str
) -> None:
    found = look(_update(getattr(quarter, which), edit), "report.pdf")
    assert found.exit_code is Exit.CHANGED
    assert "bytes were added after signing: a later revision" in tools.said(found)


def test_an_update_between_two_signatures(quarter: Any, look: Any, tools: Any) -> None:
    """The reviewer signs a page that the first signer never saw; the last signature is whole."""
    from auditgen.seal import sign_pdf

    spoiled = _update(quarter.pdf, _new_content)
    signed = sign_pdf(
        spoiled, quarter.signer, signed_at=tools.NOW, role="reviewed", reason="Reviewed"
    )
    found = look(signed, "report.pdf")
    assert found.exit_code is Exit.CHANGED
    assert "in a way this signature forbids" in tools.said(found)


def test_the_form_taken_out_of_use(quarter: Any, look: Any, tools: Any) -> None:
    found = look(_update(quarter.pdf, _drop_form), "report.pdf")
    assert found.exit_code is Exit.CHANGED
    assert "taken out of use" in tools.said(found)


def test_cut_back_to_before_signing(quarter: Any, look: Any, tools: Any) -> None:
    """Nothing is left to fail: a lone file can only be called unsigned, a pack knows better."""
    end = quarter.pdf.index(b"%%EOF") + len(b"%%EOF\n")
    found = look(quarter.pdf[:end], "report.pdf")
    assert found.exit_code is Exit.NOT_CHECKABLE
    assert "no signature" in tools.said(found)


def test_cut_back_to_the_first_role(quarter: Any, look: Any, tools: Any) -> None:
    """Every PDF verifier calls this valid; only the roles demanded can tell."""
    ends = [m.end() for m in re.finditer(rb"%%EOF\n", quarter.pdf_reviewed)]
    cut = quarter.pdf_reviewed[: ends[-2]]
    found = look(cut, "report.pdf", required_roles=("prepared", "reviewed"))
    assert found.exit_code is Exit.NOT_CHECKABLE
    assert "no valid signature as `reviewed`" in tools.said(found)


@pytest.mark.parametrize("tail", [b"\n", b"\x00", b"%evil\n", b"PK\x05\x06"])
def test_trailing_bytes(quarter: Any, look: Any, tools: Any, tail: bytes) -> None:
    found = look(quarter.pdf + tail, "report.pdf")
    assert found.exit_code is Exit.CHANGED
    assert f"{len(tail)} bytes were added after signing" in tools.said(found)


def test_a_second_end_mark(quarter: Any, look: Any) -> None:
    assert look(quarter.pdf + b"%%EOF\n", "report.pdf").exit_code is Exit.CHANGED


def _contents(data: bytes) -> tuple[int, int]:
    found = list(re.finditer(rb"/Contents <([0-9A-F]+)>", data))[-1]
    return found.span(1)


def test_zeroed_contents(quarter: Any, look: Any, tools: Any) -> None:
    start, end = _contents(quarter.pdf)
    found = look(quarter.pdf[:start] + b"0" * (end - start) + quarter.pdf[end:], "report.pdf")
    assert found.exit_code is Exit.CHANGED


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda h: h[:-2] + b"01", "padding behind the signature is not zero"),
        (lambda h: h.lower(), "upper-case hexadecimal"),
        (lambda h: h[:-2] + b"\n\n", "upper-case hexadecimal"),
    ],
    ids=["padding", "lower-case", "white-space"],
)
def test_contents_in_another_spelling(
    quarter: Any, look: Any, tools: Any, edit: Callable[[bytes], bytes], reason: str
) -> None:
    """The gap is covered by nothing: only one spelling of it may pass."""
    start, end = _contents(quarter.pdf)
    spoiled = quarter.pdf[:start] + edit(quarter.pdf[start:end]) + quarter.pdf[end:]
    assert len(spoiled) == len(quarter.pdf)
    found = look(spoiled, "report.pdf")
    assert found.exit_code is Exit.CHANGED
    assert reason in tools.said(found)


def test_the_signature_of_another_report(quarter: Any, look: Any, tools: Any) -> None:
    from auditgen.seal import sign_pdf

    other = sign_pdf(quarter.plain_pdf, quarter.signer, signed_at=tools.NOW, reason="other text")
    start, end = _contents(quarter.pdf)
    there, there_end = _contents(other)
    assert end - start == there_end - there
    spoiled = quarter.pdf[:start] + other[there:there_end] + quarter.pdf[end:]
    found = look(spoiled, "report.pdf")
    assert found.exit_code is Exit.CHANGED
    assert "digest differs" in tools.said(found)


@pytest.mark.parametrize(
    "data",
    [b"", b"%PDF-1.7\n", b"%PDF-1.7\n%%EOF\n", b"\x00" * 1000, b"%PDF-1.7\n" + b"[" * 100_000],
)
def test_what_is_no_pdf(look: Any, data: bytes) -> None:
    assert look(data, "report.pdf").exit_code is Exit.CHANGED


def test_a_pdf_that_keeps_the_reader_busy(
    quarter: Any, look: Any, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise limits.TookTooLong

    monkeypatch.setattr(pdf_module, "_check", busy)
    found = look(quarter.pdf, "report.pdf")
    assert found.exit_code is Exit.CHANGED
    assert "took longer than" in tools.said(found)


def test_the_deadline_rings_and_is_put_away() -> None:
    def spin() -> None:
        with limits.deadline(0.01):
            while True:
                pass

    with pytest.raises(limits.TookTooLong):
        spin()
    with limits.deadline(60):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_pdf_too_large_to_read_is_not_called_intact(
    quarter: Any, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_module, "LARGEST_PDF_BYTES", 1000)
    assert look(quarter.pdf, "report.pdf").exit_code is Exit.NOT_CHECKABLE
