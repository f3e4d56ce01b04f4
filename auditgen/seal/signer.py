"""A signer: one certificate, its private key, and the chain towards a root. Refused early, in full.

A signature made with an expired or unsuitable certificate looks fine until somebody verifies it, so
everything that would fail there is refused here. Faults of a key name it in the message and leave
`Diagnostic.file` empty: whatever shows a diagnostic shows lines of its file, and a key is secret.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditgen.diagnostics import Diagnostic
from auditgen.errors import SignerRefused
from auditgen.seal.keys import DEVELOPMENT_MARK, KEY_BITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_LARGEST_PEM_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Signer:
    """A signer that passed every check at the moment of loading."""

    subject: str
    """RFC 4514 text of the certificate's subject."""
    issuer: str
    sha256_fingerprint: str
    """SHA-256 over the DER certificate, 64 lower-case hex digits."""
    serial: int
    not_before: datetime
    not_after: datetime
    is_development: bool
    """The subject or issuer carries the development mark."""
    chain: tuple[bytes, ...] = field(repr=False)
    """DER certificates, the signer's first, then intermediates; never a self-signed root."""
    private_key: RSAPrivateKey = field(repr=False, compare=False)
    warnings: tuple[Diagnostic, ...] = ()
    """What is unwise but not refused, such as a key file that others can read."""

    @property
    def certificate_pem(self) -> str:
        """The chain as PEM text, the signer's certificate first."""
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        loaded = (x509.load_der_x509_certificate(der) for der in self.chain)
        return "".join(c.public_bytes(Encoding.PEM).decode("ascii") for c in loaded)


def load_signer(
    certificate: Path,
    key: Path,
    *,
    chain: Sequence[Path] = (),
    passphrase: bytes | None,
    now: datetime,
) -> Signer:
    """Load and check a signer from PEM files.

    `chain` names files with intermediate certificates; a self-signed root in them is left out,
    because a root never travels with a signature. Raises SignerRefused with every fault found.
    """
    faults: list[Diagnostic] = []
    certificates = _read_certificates(certificate, faults)
    private = _read_key(key, passphrase, faults)
    intermediates = [c for path in chain for c in _read_certificates(path, faults)]
    leaf = certificates[0] if certificates else None
    ordered: list[x509.Certificate] = []
    if leaf is not None:
        faults += _certificate_faults(leaf, certificate, now)
        extra = [*certificates[1:], *intermediates]
        ordered = _ordered(leaf, extra, certificate, faults)
    rsa_key = _accept_key(private, leaf, key, faults)
    if faults or leaf is None or rsa_key is None:
        raise SignerRefused(
            "the signer cannot be used", hint="nothing was signed", diagnostics=tuple(faults)
        )
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    subject, issuer = leaf.subject.rfc4514_string(), leaf.issuer.rfc4514_string()
    return Signer(
        subject=subject,
        issuer=issuer,
        sha256_fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        serial=leaf.serial_number,
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        is_development=DEVELOPMENT_MARK in subject or DEVELOPMENT_MARK in issuer,
        chain=tuple(c.public_bytes(Encoding.DER) for c in ordered),
        private_key=rsa_key,
        warnings=_permission_warnings(key),
    )


def _read_bytes(path: Path, what: str, faults: list[Diagnostic]) -> bytes | None:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST_PEM_BYTES + 1)
    except OSError as error:
        faults.append(
            Diagnostic(
                "signer-unreadable",
                f"cannot read the {what} `{path}`: {error.strerror or error}",
                helps=("make development keys with `auditgen keys init`",),
            )
        )
        return None
    if len(data) > _LARGEST_PEM_BYTES:
        faults.append(
            Diagnostic("signer-not-pem", f"`{path}` is too large to be a {what}")
        )
        return None
    return data


def _read_certificates(path: Path, faults: list[Diagnostic]) -> list[x509.Certificate]:
    from cryptography import x509

    data = _read_bytes(path, "certificate", faults)
    if data is None:
        return []
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        faults.append(
            Diagnostic(
                "signer-not-pem",
                f"`{path}` holds no PEM certificate",
                str(path),
                helps=("expected a line `-----BEGIN CERTIFICATE-----`",),
            )
        )
        return []


def _read_key(path: Path, passphrase: bytes | None, faults: list[Diagnostic]) -> Any | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _read_bytes(path, "key", faults)
    if data is None:
        return None
    if b"-----BEGIN " not in data:
        faults.append(
            Diagnostic(
                "signer-not-pem",
                f"`{path}` holds no PEM private key",
                helps=("expected a line `-----BEGIN PRIVATE KEY-----`",),
            )
        )
        return None
    encrypted = b"ENCRYPTED" in data
    if encrypted and passphrase is None:
        message = f"the key `{path}` is encrypted and no passphrase was given"
        hint = "name the environment variable that holds it with --passphrase-env"
        faults.append(Diagnostic("signer-passphrase", message, helps=(hint,)))
        return None
    try:
        return load_pem_private_key(data, passphrase if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        code = "signer-passphrase" if encrypted else "signer-not-pem"
        message = (
            f"the passphrase does not open the key `{path}`"
            if encrypted
            else f"`{path}` holds no PEM private key that can be read"
        )
        faults.append(Diagnostic(code, message))
        return None


def _certificate_faults(
    leaf: x509.Certificate, path: Path, now: datetime
) -> list[Diagnostic]:
    from cryptography import x509

    faults = []
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now > end:
        message = f"the certificate `{path}` expired on {end:%Y-%m-%d %H:%M} UTC"
        hint = "renew it; a signature made now would be refused"
        faults.append(Diagnostic("signer-expired", message, str(path), helps=(hint,)))
    if now < start:
        message = f"the certificate `{path}` is valid only from {start:%Y-%m-%d %H:%M} UTC"
        faults.append(
            Diagnostic("signer-not-yet-valid", message, str(path), helps=("check the clock",))
        )
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        may_sign = usage.digital_signature
    except (x509.ExtensionNotFound, ValueError):
        may_sign = False
    if not may_sign:
        faults.append(
            Diagnostic(
                "signer-key-usage",
                f"the certificate `{path}` is not for signing: keyUsage lacks digitalSignature",
                str(path),
                helps=("ask your certificate authority for a document-signing certificate",),
            )
        )
    return faults


def _accept_key(
    private: Any | None, leaf: x509.Certificate | None, path: Path, faults: list[Diagnostic]
) -> RSAPrivateKey | None:
    """The key when it is RSA, long enough and the certificate's own; faults are added otherwise."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if private is None:
        return None
    if not isinstance(private, RSAPrivateKey):
        faults.append(
            Diagnostic(
                "signer-not-rsa",
                f"the key `{path}` is not RSA; only RSA is accepted now",
                helps=("RSA is the one kind that every verifier of PDF, Excel and CMS reads",),
            )
        )
        return None
    if private.key_size < KEY_BITS:
        message = f"the key `{path}` has {private.key_size} bits; at least {KEY_BITS} are needed"
        faults.append(Diagnostic("signer-short-key", message))
    if leaf is not None and leaf.public_key() != private.public_key():
        message = f"the key `{path}` does not belong to the certificate"
        faults.append(Diagnostic("signer-key-mismatch", message))
    return private


def _ordered(
    leaf: x509.Certificate,
    extra: Sequence[x509.Certificate],
    path: Path,
    faults: list[Diagnostic],
) -> list[x509.Certificate]:
    """`leaf`, then each issuer found in `extra`. A certificate that leads nowhere is a fault."""
    chain, remaining = [leaf], [c for c in extra if c.subject != c.issuer]
    while True:
        issuer = next((c for c in remaining if _issued(chain[-1], c)), None)
        if issuer is None:
            break
        chain.append(issuer)
        remaining = [c for c in remaining if c != issuer]
    for stray in remaining:
        if stray not in chain:
            message = f"`{stray.subject.rfc4514_string()}` is not part of the signer's chain"
            faults.append(Diagnostic("signer-stray-certificate", message, str(path)))
    return chain


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _permission_warnings(key: Path) -> tuple[Diagnostic, ...]:
    if os.name != "posix":
        return ()
    mode = stat.S_IMODE(key.stat().st_mode)
    if not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return ()
    message = f"the key `{key}` can be read by others (mode {mode:04o})"
    hint = f"chmod 600 {key}"
    return (Diagnostic("signer-key-readable", message, helps=(hint,)),)
