"""A detached signature beside a file: CAdES B-B in DER, readable by any `openssl cms`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auditgen.errors import EnvironmentRefused

if TYPE_CHECKING:
    from datetime import datetime

    from auditgen.seal.signer import Signer


def sign_detached(data: bytes | Path, signer: Signer, *, signed_at: datetime) -> bytes:
    """A detached CAdES B-B signature (ETSI EN 319 122-1) over `data`, as DER.

    A path is read in chunks. Holds the signer's certificate and intermediates, never the root;
    `signed_at` is only claimed. Raises EnvironmentRefused when the file cannot be read.
    """
    if signed_at.tzinfo is None:
        raise ValueError("`signed_at` needs a time zone")
    from auditgen.seal.library_signer import run

    try:
        return run(_sign(data, signer, signed_at))
    except OSError as error:
        raise EnvironmentRefused(
            f"cannot read `{data!s:.200}` to sign it: {error.strerror or error}"
        ) from error


async def _sign(data: bytes | Path, signer: Signer, signed_at: datetime) -> bytes:
    from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes

    from auditgen.seal.library_signer import library_signer

    settings = PdfCMSSignedAttributes(signing_time=signed_at.replace(microsecond=0))
    library = library_signer(signer)
    if isinstance(data, Path):
        with data.open("rb") as stream:
            signed = await library.async_sign_general_data(
                stream, "sha256", detached=True, use_cades=True, signed_attr_settings=settings
            )
    else:
        signed = await library.async_sign_general_data(
            data, "sha256", detached=True, use_cades=True, signed_attr_settings=settings
        )
    return bytes(signed.dump())
