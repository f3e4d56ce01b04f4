"""Our signer in the shape that pyHanko asks for. Loaded only when a CMS or PDF is signed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pyhanko.sign.signers import SimpleSigner

    from auditgen.seal.signer import Signer


T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, also where an event loop is running already (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def library_signer(signer: Signer) -> SimpleSigner:
    """A pyHanko signer that signs RSASSA-PKCS1-v1_5 with SHA-256 and embeds our chain."""
    from asn1crypto import keys, x509
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )
    from pyhanko.sign.signers import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    certificates = [x509.Certificate.load(der) for der in signer.chain]
    # pyHanko adds the signer's own certificate itself; registered here it would appear twice.
    store.register_multiple(certificates[1:])
    private = signer.private_key.private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    return SimpleSigner(
        signing_cert=certificates[0],
        signing_key=keys.PrivateKeyInfo.load(private),
        cert_registry=store,
        embed_roots=False,
        prefer_pss=False,
    )
