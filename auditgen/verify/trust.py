"""Who signed, and does that lead to something the reader trusts.

Only certificates from the reader's own `--trust` files are anchors; those that travel with a
signature merely help to build the path (RFC 5280 section 6). Offline, without revocation.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from auditgen.diagnostics import Diagnostic
from auditgen.errors import InputRefused
from auditgen.verify.model import Status

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from datetime import datetime
    from pathlib import Path

    from auditgen.verify.model import Policy

# A library must not print: without a handler Python writes warnings to the user's screen.
logging.getLogger("pyhanko").addHandler(logging.NullHandler())
logging.getLogger("pyhanko_certvalidator").addHandler(logging.NullHandler())

DEVELOPMENT_WORD = "DEVELOPMENT"
LEAST_RSA_BITS = 2048
MOST_CERTIFICATES = 8
"""In one signature. Path building over many crafted certificates could take very long."""
_PURPOSES = frozenset({"1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "2.5.29.37.0"})
"""emailProtection, documentSigning (RFC 9336), anyExtendedKeyUsage."""
_CLOCK_SLACK = timedelta(hours=24)
_LARGEST_PEM_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Identity:
    """The certificate behind a signature, and how far it is trusted."""

    certificate: x509.Certificate
    chain: Status
    reason: str = ""
    anchor: str = ""
    valid_at_signing: Status = Status.NOT_CHECKED
    valid_now: bool = False

    @property
    def subject(self) -> str:
        """RFC 4514 text."""
        return self.certificate.subject.rfc4514_string()

    @property
    def issuer(self) -> str:
        """RFC 4514 text."""
        return self.certificate.issuer.rfc4514_string()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the DER certificate, lower-case hex."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def is_development(self) -> bool:
        """The certificate, its issuer or its anchor says that it is not for production."""
        return any(DEVELOPMENT_WORD in n for n in (self.subject, self.issuer, self.anchor))


def read_anchors(paths: Sequence[Path]) -> tuple[bytes, ...]:
    """The DER certificates of all trust files.

    Raises InputRefused when one cannot be read or holds no certificate: a typing mistake in
    `--trust` must not look like an untrusted signer.
    """
    anchors: list[bytes] = []
    faults: list[Diagnostic] = []
    for path in paths:
        try:
            with path.open("rb") as stream:
                found = x509.load_pem_x509_certificates(stream.read(_LARGEST_PEM_BYTES))
        except OSError as error:
            message = f"cannot read the trust anchor `{path}`: {error.strerror or error}"
            faults.append(Diagnostic("trust-unreadable", message, str(path)))
        except ValueError:
            message = f"`{path}` holds no PEM certificate to trust"
            help_ = "expected a line `-----BEGIN CERTIFICATE-----`"
            faults.append(Diagnostic("trust-not-pem", message, str(path), helps=(help_,)))
        else:
            anchors += [c.public_bytes(Encoding.DER) for c in found]
    if faults:
        raise InputRefused(
            "nothing was checked", hint="name PEM files with --trust", diagnostics=faults
        )
    return tuple(anchors)


def identify(
    chain: Sequence[bytes], anchors: Sequence[bytes], signed_at: datetime | None, policy: Policy
) -> Identity:
    """The signer of `chain[0]` (DER) with the other certificates as help towards an anchor.

    Raises ValueError when the signer's certificate is no certificate. Everything else that is
    wrong is a failed chain with its reason.
    """
    leaf = x509.load_der_x509_certificate(chain[0])
    moment = signed_at or policy.now
    at_signing = (
        Status.NOT_CHECKED
        if signed_at is None
        else Status.PASSED
        if _is_valid(leaf, signed_at)
        else Status.FAILED
    )
    now_valid = _is_valid(leaf, policy.now)
    if not anchors:
        reason = "no trust anchor was given (name one with --trust)"
        return Identity(leaf, Status.NOT_CHECKED, reason, "", at_signing, now_valid)
    try:
        reason = _unsuitable(leaf, moment, policy) or _stray_certificates(chain)
        anchor = "" if reason else _path_to_anchor(chain, anchors, moment)
    except Exception as error:
        reason, anchor = _why(error), ""
    status = Status.FAILED if reason else Status.PASSED
    return Identity(leaf, status, reason, anchor, at_signing, now_valid)


def _is_valid(certificate: x509.Certificate, moment: datetime) -> bool:
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def _unsuitable(leaf: x509.Certificate, moment: datetime, policy: Policy) -> str:
    """Why this certificate cannot vouch for a document at all, or nothing."""
    if moment > policy.now + _CLOCK_SLACK:
        return f"the claimed signing time {_day(moment)} lies in the future"
    if not _is_valid(leaf, moment):
        span = f"{_day(leaf.not_valid_before_utc)} to {_day(leaf.not_valid_after_utc)}"
        return f"the certificate was not valid at the claimed time {_day(moment)} ({span})"
    key = leaf.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_RSA_BITS:
        return f"the signer's key is not RSA of at least {LEAST_RSA_BITS} bits"
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.digital_signature:
            return "the certificate is not for signing (keyUsage)"
    except x509.ExtensionNotFound:
        return "the certificate does not say that it is for signing (no keyUsage)"
    try:
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return ""
    if not _PURPOSES & {purpose.dotted_string for purpose in purposes}:
        return "the certificate is not for signing documents (extendedKeyUsage)"
    return ""


def _stray_certificates(chain: Sequence[bytes]) -> str:
    """Every certificate after the first must have issued the one before it, directly.

    The certificates beside the signer's are not covered by the signature. Demanding that each is
    used, and is exactly what its successor signed, leaves no byte that could change unnoticed.
    """
    for child, parent in pairwise(chain):
        if not _issued(child, parent):
            return "a certificate travels along that is not part of the signer's chain"
    return ""


def _issued(child_der: bytes, parent_der: bytes) -> bool:
    child = x509.load_der_x509_certificate(child_der)
    try:
        child.verify_directly_issued_by(x509.load_der_x509_certificate(parent_der))
    except Exception:
        return False
    # The count of unused bits stands before the signature and is covered by nothing; it is 0 in
    # DER for whole bytes, and parsers ignore it when the last bits happen to be 0.
    return child_der[-len(child.signature) - 1] == 0


def _path_to_anchor(chain: Sequence[bytes], anchors: Sequence[bytes], moment: datetime) -> str:
    """The subject of the anchor that the whole chain leads to. Raises when there is none."""
    from asn1crypto import x509 as asn1_x509
    from pyhanko_certvalidator import CertificateValidator, ValidationContext

    if chain[0] in anchors:
        if len(chain) > 1:
            raise ValueError("only the signer is trusted, not the certificates it travels with")
        return x509.load_der_x509_certificate(chain[0]).subject.rfc4514_string()
    certificates = [asn1_x509.Certificate.load(der, strict=True) for der in chain]
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(der, strict=True) for der in anchors],
        other_certs=[],
        moment=moment,
        allow_fetching=False,
        # No revocation data is at hand and none is fetched; that is reported as not checked.
        revocation_mode="soft-fail",
    )
    validator = CertificateValidator(
        certificates[0], intermediate_certs=certificates[1:], validation_context=context
    )
    path = _run(validator.async_validate_usage({"digital_signature"}))  # type: ignore[no-untyped-call]
    anchor, *used = [certificate.dump() for certificate in path]
    if anchor not in anchors or used != list(reversed(chain)) or not _issued(chain[-1], anchor):
        raise ValueError("the certificates that travel along are not the path to the anchor")
    return x509.load_der_x509_certificate(anchor).subject.rfc4514_string()


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of `work`, also where an event loop is running already (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _why(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    if "build" in text.lower() and "path" in text.lower():
        return "the signer does not lead to a certificate you trust"
    return f"the chain does not hold: {text[:300]}"


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
