"""A signature inside a PDF: PAdES B-B, one field per role, later roles as incremental updates."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from auditgen.errors import InputRefused

if TYPE_CHECKING:
    from datetime import datetime

    from auditgen.seal.signer import Signer


def sign_pdf(
    data: bytes,
    signer: Signer,
    *,
    signed_at: datetime,
    role: str = "prepared",
    reason: str,
    location: str = "",
) -> bytes:
    """`data` with one more signature: PAdES baseline B-B (ETSI EN 319 142-1), SHA-256.

    The field is named after the role (`Prepared`); an empty field of that name is filled, else an
    invisible one is made. The first signature certifies the document (DocMDP level 2, ISO 32000-2
    section 12.8.2.2): afterwards only further signatures and form filling are allowed. `signed_at`
    becomes `/M`, a claimed time; PAdES forbids the CMS signing-time attribute. Raises InputRefused
    when the PDF cannot be read or the role has signed already.
    """
    if signed_at.tzinfo is None:
        raise ValueError("`signed_at` needs a time zone")
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign.general import SigningError

    from auditgen.seal.library_signer import run

    field = role.title()
    try:
        return run(_sign(data, signer, signed_at, field, reason, location))
    except (PdfError, SigningError) as error:
        raise InputRefused(
            f"the PDF cannot be signed as `{role}`: {error}",
            hint="sign the report as auditgen wrote it; each role signs once",
        ) from error


async def _sign(
    data: bytes, signer: Signer, signed_at: datetime, field: str, reason: str, location: str
) -> bytes:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter, enumerate_sig_fields
    from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
    from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner

    from auditgen.seal.library_signer import library_signer

    moment = signed_at.replace(microsecond=0)
    writer = IncrementalPdfFileWriter(io.BytesIO(data), strict=True)
    is_first = not any(enumerate_sig_fields(writer.prev, filled_status=True))
    settings = PdfSignatureMetadata(
        field_name=field,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        reason=reason,
        location=location or None,
        certify=is_first,
        docmdp_permissions=MDPPerm.FILL_FORMS,
    )
    # The session is driven by hand because `sign_pdf` reads the clock; `/M` must be `signed_at`.
    session = PdfSigner(settings, signer=library_signer(signer)).init_signing_session(writer)
    session.system_time = moment
    reserved = await session.estimate_signature_container_size(validation_info=None)
    document = session.prepare_tbs_document(validation_info=None, bytes_reserved=reserved)
    prepared, output = document.digest_tbs_document(output=io.BytesIO())
    await document.perform_signature(
        document_digest=prepared.document_digest,
        pdf_cms_signed_attrs=PdfCMSSignedAttributes(signing_time=moment),
    )
    assert isinstance(output, io.BytesIO)
    return output.getvalue()
