"""Development keys: a root and one signer, so that sealing can be tried before real keys exist.

Nothing here is fit for production: the root's key lies beside the signer's. Every name says so,
and `auditgen verify` repeats it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from auditgen.diagnostics import Diagnostic
from auditgen.errors import EnvironmentRefused, SignerRefused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

KEY_BITS = 3072
DEVELOPMENT_MARK = "DEVELOPMENT - not for production"
"""Stands in the subject of every certificate made here; the marker that readers look for."""
ROOT_YEARS = 10
SIGNER_YEARS = 2
DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"
"""id-kp-documentSigning, RFC 9336."""
_NAME_LIMIT = 64
"""Upper bound of organizationName and commonName in characters, RFC 5280 appendix A.1."""
_DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class KeyPaths:
    """Where the four files of a development key set lie."""

    ca: Path
    """The root certificate: what a reader passes as `--trust`."""
    ca_key: Path
    certificate: Path
    key: Path


def init_keys(
    directory: Path,
    *,
    organisation: str,
    name: str,
    now: datetime,
    passphrase: bytes | None = None,
) -> KeyPaths:
    """Make a development root and one signer (RSA-3072, SHA-256) and write them as PEM.

    The root is valid for 10 years, the signer for 2 (365 days each), from one hour before `now` so
    that a reader's slow clock does not refuse a fresh certificate. Keys have mode 0600; with a
    `passphrase` both are encrypted. Raises SignerRefused when any of the four files exists or a
    name is unusable, EnvironmentRefused when the directory cannot be written; nothing is left
    behind in either case.
    """
    paths = KeyPaths(
        ca=directory / "ca.pem",
        ca_key=directory / "ca.key.pem",
        certificate=directory / "signer.pem",
        key=directory / "signer.key.pem",
    )
    _refuse_unusable(paths, organisation, name)
    root_key, signer_key = _new_key(), _new_key()
    root = _certify_root(root_key, organisation, now)
    leaf = _certify_signer(signer_key, organisation, name, root, root_key, now)
    _write_all(
        directory,
        {
            paths.ca: (_certificate_pem(root), 0o644),
            paths.ca_key: (_key_pem(root_key, passphrase), 0o600),
            paths.certificate: (_certificate_pem(leaf), 0o644),
            paths.key: (_key_pem(signer_key, passphrase), 0o600),
        },
    )
    return paths


def _refuse_unusable(paths: KeyPaths, organisation: str, name: str) -> None:
    faults = [
        Diagnostic(
            "key-exists",
            f"`{path}` exists, and a key is never overwritten",
            helps=("move the old keys away, or choose another directory",),
        )
        for path in (paths.ca, paths.ca_key, paths.certificate, paths.key)
        if path.exists() or path.is_symlink()
    ]
    for what, value in (("organisation", organisation), ("name", name)):
        if not value.strip() or not value.isprintable():
            faults.append(Diagnostic("name-unusable", f"the {what} `{value}` is not a name"))
        elif len(_marked(value)) > _NAME_LIMIT:
            longest = _NAME_LIMIT - len(_marked(""))
            faults.append(
                Diagnostic(
                    "name-too-long",
                    f"the {what} `{value}` has {len(value)} characters; at most {longest} fit",
                    helps=("shorten it; a certificate holds 64 characters with the mark",),
                )
            )
    if faults:
        raise SignerRefused(
            "no keys were made", hint="nothing was written", diagnostics=tuple(faults)
        )


def _marked(value: str) -> str:
    return f"{value.strip()} ({DEVELOPMENT_MARK})"


def _new_key() -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def _subject(organisation: str, common_name: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _marked(organisation)),
            x509.NameAttribute(NameOID.COMMON_NAME, _marked(common_name)),
        ]
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: RSAPrivateKey, now: datetime, years: int
) -> x509.CertificateBuilder:
    from cryptography import x509

    start = now.replace(microsecond=0) - timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=years * _DAYS_A_YEAR))
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
    )


def _certify_root(key: RSAPrivateKey, organisation: str, now: datetime) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    subject = _subject(organisation, "Root CA")
    return (
        _builder(subject, subject, key, now, ROOT_YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _certify_signer(
    key: RSAPrivateKey,
    organisation: str,
    name: str,
    root: x509.Certificate,
    root_key: RSAPrivateKey,
    now: datetime,
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    identifier = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    purposes = [ExtendedKeyUsageOID.EMAIL_PROTECTION, x509.ObjectIdentifier(DOCUMENT_SIGNING)]
    return (
        _builder(_subject(organisation, name), root.subject, key, now, SIGNER_YEARS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(root_key, hashes.SHA256())
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: RSAPrivateKey, passphrase: bytes | None) -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        KeySerializationEncryption,
        NoEncryption,
        PrivateFormat,
    )

    encryption: KeySerializationEncryption = (
        BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _write_all(directory: Path, contents: Mapping[Path, tuple[bytes, int]]) -> None:
    """Write every file, each created exclusively; on any failure remove what this call created."""
    made_directory = not directory.exists()
    created: list[Path] = []
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, (data, mode) in contents.items():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            created.append(path)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
    except BaseException as error:
        for path in created:
            with suppress(OSError):
                path.unlink()
        if made_directory:
            with suppress(OSError):
                directory.rmdir()
        if isinstance(error, FileExistsError):
            raise SignerRefused(
                f"`{error.filename}` appeared meanwhile, and a key is never overwritten",
                hint="choose another directory",
            ) from error
        if isinstance(error, OSError):
            raise EnvironmentRefused(
                f"cannot write keys to `{directory}`: {error.strerror or error}",
                hint="choose a directory you may write to, with -d",
            ) from error
        raise
