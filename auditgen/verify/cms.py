"""Reading a CMS signature (RFC 5652, CAdES/PAdES baseline B-B) so strictly that no byte is idle.

Most of a CMS container is not covered by the signature in it: versions, algorithm lists, tags and
lengths, certificates, unsigned attributes. Libraries rightly forgive much of that. Here the
container is rebuilt from the few values that are bound (signed attributes, signature, certificates)
and must come out identical, so a changed byte always shows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

# `tsp` registers the signing-certificate-v2 attribute; without it the name stays a bare number.
from asn1crypto import (
    algos,
    cms,
    core,
    tsp,  # noqa: F401
    x509,
)
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_der_x509_certificate

from auditgen.verify.trust import MOST_CERTIFICATES

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_CMS_BYTES = 1 << 20
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


class CmsFault(Exception):
    """The signature does not hold, or its container is not in the one accepted form."""


@dataclass(frozen=True, slots=True)
class CmsSignature:
    """A CMS signature that fits its content and its signer's key; trust is another question."""

    chain: tuple[bytes, ...]
    """DER certificates, the signer's first."""
    algorithm: str
    signed_at: datetime | None
    """The claimed signing-time attribute; PAdES puts the time into the PDF instead."""


def read_cms(der: bytes, digest: Callable[[str], bytes]) -> CmsSignature:
    """Check the signature `der` over content whose digest is `digest(algorithm)`.

    Raises CmsFault with the reason; no other exception, whatever the bytes are.
    """
    if len(der) > LARGEST_CMS_BYTES:
        raise CmsFault(f"the signature is larger than {LARGEST_CMS_BYTES} bytes")
    try:
        return _read(der, digest)
    except (CmsFault, OSError):
        raise
    except Exception as error:
        text = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise CmsFault(f"the signature cannot be read: {text}") from error


def _read(der: bytes, digest: Callable[[str], bytes]) -> CmsSignature:
    info = cms.ContentInfo.load(der, strict=True)
    if info["content_type"].native != "signed_data":
        raise CmsFault("it is not a CMS signature")
    signed = info["content"]
    if len(signed["signer_infos"]) != 1:
        raise CmsFault(f"it holds {len(signed['signer_infos'])} signers; exactly one is expected")
    signer = signed["signer_infos"][0]
    if not isinstance(signer["unsigned_attrs"], core.Void):
        raise CmsFault("it carries unsigned attributes, which nothing protects")
    algorithm = signer["digest_algorithm"]["algorithm"].native
    if algorithm not in _HASHES:
        raise CmsFault(f"its digest algorithm `{algorithm}` is not SHA-256 or stronger")
    chain = _chain(signed, signer)
    attributes = _attributes(signer["signed_attrs"])
    signature = bytes(signer["signature"].native)
    # RFC 5652 section 5.4: what is signed is the attributes' DER as a universal SET OF.
    signed_bytes = signer["signed_attrs"].untag().dump()
    if _rebuilt(algorithm, chain, signed_bytes, signature) != der:
        raise CmsFault("its container is not in the one form auditgen writes; bytes were changed")
    _check_attributes(attributes, chain[0], algorithm, digest)
    public = load_der_x509_certificate(chain[0]).public_key()
    if not isinstance(public, RSAPublicKey):
        raise CmsFault("the signer's key is not RSA")
    try:
        public.verify(signature, signed_bytes, padding.PKCS1v15(), _HASHES[algorithm]())
    except InvalidSignature:
        raise CmsFault("the signature does not fit the signer's key") from None
    time = attributes.get("signing_time")
    signed_at = time if isinstance(time, datetime) else None
    name = f"RSA-{public.key_size} PKCS#1 v1.5, {algorithm.upper().replace('SHA', 'SHA-')}"
    return CmsSignature(chain, name, signed_at)


def _chain(signed: Any, signer: Any) -> tuple[bytes, ...]:
    """The certificates, the signer's first and then by issuer; strays last."""
    choices = signed["certificates"]
    if isinstance(choices, core.Void) or not 0 < len(choices) <= MOST_CERTIFICATES:
        raise CmsFault(f"it must hold 1 to {MOST_CERTIFICATES} certificates")
    found = [choice.chosen for choice in choices if choice.name == "certificate"]
    identifier = signer["sid"]
    if identifier.name != "issuer_and_serial_number" or len(found) != len(choices):
        raise CmsFault("its signer or certificates are given in a form auditgen does not write")
    wanted = identifier.chosen
    leaf = next(
        (
            c
            for c in found
            if c.serial_number == wanted["serial_number"].native and c.issuer == wanted["issuer"]
        ),
        None,
    )
    if leaf is None:
        raise CmsFault("the signer's certificate is not among its certificates")
    ordered, rest = [leaf], [c for c in found if c is not leaf]
    while step := next((c for c in rest if c.subject == ordered[-1].issuer), None):
        ordered.append(step)
        rest.remove(step)
    return tuple(bytes(c.dump()) for c in [*ordered, *rest])


def _attributes(signed_attrs: Any) -> dict[str, Any]:
    """The signed attributes by name, each present once and with one value."""
    if isinstance(signed_attrs, core.Void):
        raise CmsFault("it has no signed attributes")
    out: dict[str, Any] = {}
    for attribute in signed_attrs:
        name = attribute["type"].native
        if name in out or len(attribute["values"]) != 1:
            raise CmsFault(f"its attribute `{name}` is not there exactly once")
        value = attribute["values"][0]
        out[name] = value if name == "signing_certificate_v2" else value.native
    return out


def _check_attributes(
    attributes: dict[str, Any], leaf: bytes, algorithm: str, digest: Callable[[str], bytes]
) -> None:
    if attributes.get("content_type") != "data":
        raise CmsFault("its content type is not `data`")
    binding = attributes.get("signing_certificate_v2")
    if binding is None or len(binding["certs"]) < 1:
        raise CmsFault("it does not name the signer's certificate (signing-certificate-v2)")
    named = binding["certs"][0]
    hash_name = named["hash_algorithm"]["algorithm"].native
    if hash_name not in _HASHES:
        raise CmsFault(f"it names the signer's certificate by `{hash_name}`")
    if named["cert_hash"].native != hashlib.new(hash_name, leaf).digest():
        raise CmsFault("the certificate is not the one that was signed (signing-certificate-v2)")
    if attributes.get("message_digest") != digest(algorithm):
        raise CmsFault("the content is not what was signed (digest differs)")


def _rebuilt(algorithm: str, chain: tuple[bytes, ...], signed: bytes, signature: bytes) -> bytes:
    """The whole container, made anew from the values that something vouches for."""
    leaf = x509.Certificate.load(chain[0], strict=True)
    digest_algorithm = algos.DigestAlgorithm({"algorithm": algorithm})
    certificates = [
        cms.CertificateChoices(
            name="certificate", value=x509.Certificate.load(der, strict=True)
        )
        for der in chain
    ]
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                name="issuer_and_serial_number",
                value=cms.IssuerAndSerialNumber(
                    {"issuer": leaf.issuer, "serial_number": leaf.serial_number}
                ),
            ),
            "digest_algorithm": digest_algorithm,
            "signed_attrs": cms.CMSAttributes.load(signed, strict=True),
            "signature_algorithm": cms.SignedDigestAlgorithm({"algorithm": f"{algorithm}_rsa"}),
            "signature": signature,
        }
    )
    content = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": cms.DigestAlgorithms((digest_algorithm,)),
            "encap_content_info": {"content_type": "data"},
            "certificates": cms.CertificateSet(certificates),
            "signer_infos": [signer],
        }
    )
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": content}).dump())
