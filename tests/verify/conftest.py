"""One sealed quarter for the whole session, and the tools an attacker has: everything but a key."""

from __future__ import annotations

import io
import shutil
import zipfile
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from auditgen.canonical import sha256_bytes
from auditgen.seal import (
    KeyPaths,
    Signer,
    init_keys,
    load_signer,
    sign_detached,
    sign_pdf,
    write_pack,
)
from auditgen.seal.ziplayout import Entry, write_directory, write_local_header
from auditgen.verify import Examination, Policy, examine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

NOW = datetime(2025, 6, 2, 9, 30, tzinfo=UTC)
HTML = b"<!doctype html><title>Report</title><p>Gap: 14 %</p>"
JSON = b'{"gap":0.14}'
XLSX = b"PK\x03\x04 a workbook, as far as a detached signature is concerned"
EVIDENCE = b"id,outcome\n1,refused\n"


@dataclass(frozen=True)
class Quarter:
    """Everything sealed by one honest signer."""

    directory: Path
    keys: KeyPaths
    signer: Signer
    pdf: bytes
    """Signed as `prepared`."""
    pdf_reviewed: bytes
    """Signed as `prepared`, then as `reviewed`."""
    plain_pdf: bytes
    pack: bytes

    def write(self, directory: Path) -> Path:
        """A copy of the sealed files for a test to spoil."""
        shutil.copytree(self.directory, directory, dirs_exist_ok=True)
        return directory


def pack_members(data: bytes) -> dict[str, bytes]:
    """Every member of a pack by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zip_canonically(members: Mapping[str, bytes] | Sequence[tuple[str, bytes]]) -> bytes:
    """A container in our layout, in the given order: what a careful attacker would write."""
    pairs = list(members.items()) if hasattr(members, "items") else list(members)
    stream = io.BytesIO()
    entries = []
    for name, data in pairs:
        entry = Entry(name, len(data), zlib.crc32(data))
        entries.append((entry, stream.tell()))
        write_local_header(stream, entry)
        stream.write(data)
    write_directory(stream, entries, stream.tell())
    return stream.getvalue()


def rehash(members: dict[str, bytes]) -> dict[str, bytes]:
    """Both manifests made to fit the members; the signature cannot be."""
    payload = sorted(n for n in members if n.startswith("pack/data/"))
    lines = [f"{sha256_bytes(members[n])}  {n.removeprefix('pack/')}\n" for n in payload]
    members = members | {"pack/manifest-sha256.txt": "".join(lines).encode()}
    tags = sorted(n for n in members if n not in payload and "tagmanifest" not in n)
    lines = [f"{sha256_bytes(members[n])}  {n.removeprefix('pack/')}\n" for n in tags]
    members["pack/tagmanifest-sha256.txt"] = "".join(lines).encode()
    return dict(sorted(members.items()))


@dataclass
class Foundry:
    """Makes certificates of any kind, with few RSA keys (they are slow to make)."""

    keys: list[rsa.RSAPrivateKey] = field(default_factory=list)

    def key(self, number: int) -> rsa.RSAPrivateKey:
        while len(self.keys) <= number:
            self.keys.append(rsa.generate_private_key(public_exponent=65537, key_size=3072))
        return self.keys[number]

    def certificate(
        self,
        name: str,
        key: int,
        issuer: str,
        issuer_key: int,
        *,
        authority: bool = False,
        start: datetime = NOW - timedelta(days=10),
        days: int = 365,
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ) -> x509.Certificate:
        usage = x509.KeyUsage(
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
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(self.key(key).public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
            .add_extension(
                x509.BasicConstraints(ca=authority, path_length=None), critical=True
            )
            .add_extension(usage, critical=True)
        )
        if not authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        return builder.sign(self.key(issuer_key), hashes.SHA256())

    def signer(self, key: int, *chain: x509.Certificate) -> Signer:
        """A signer without any of `load_signer`'s refusals: attackers do not call it."""
        leaf = chain[0]
        return Signer(
            subject=leaf.subject.rfc4514_string(),
            issuer=leaf.issuer.rfc4514_string(),
            sha256_fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
            serial=leaf.serial_number,
            not_before=leaf.not_valid_before_utc,
            not_after=leaf.not_valid_after_utc,
            is_development=False,
            chain=tuple(c.public_bytes(serialization.Encoding.DER) for c in chain),
            private_key=self.key(key),
        )


@pytest.fixture(scope="session")
def foundry() -> Foundry:
    return Foundry()


@pytest.fixture(scope="session")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Quarter:
    from weasyprint import HTML as Page  # type: ignore[import-untyped]

    home = tmp_path_factory.mktemp("quarter")
    keys = init_keys(home / "keys", organisation="Acme Ltd", name="A. Auditor", now=NOW)
    signer = load_signer(keys.certificate, keys.key, passphrase=None, now=NOW)
    page = Page(string="<html lang=en><title>Report</title><h1>Gap: 14 %</h1></html>")
    plain = page.write_pdf(pdf_variant="pdf/a-3a")
    assert isinstance(plain, bytes)
    pdf = sign_pdf(plain, signer, signed_at=NOW, reason="Prepared by A. Auditor")
    reviewed = sign_pdf(pdf, signer, signed_at=NOW, role="reviewed", reason="Reviewed")
    sealed = home / "sealed"
    sealed.mkdir()
    files: dict[str, Path | bytes] = {"report.pdf": pdf, "evidence/run 1.csv": EVIDENCE}
    for name, data in (("report.html", HTML), ("report.json", JSON), ("report.xlsx", XLSX)):
        files[name] = data
        files[f"{name}.p7s"] = sign_detached(data, signer, signed_at=NOW)
    for name, content in files.items():
        if "/" not in name:
            assert isinstance(content, bytes)
            (sealed / name).write_bytes(content)
    (sealed / "reviewed.pdf").write_bytes(reviewed)
    predicate = {
        "period": {"start": "2025-04-01", "end": "2025-06-30"},
        "system": {"name": "Support assistant", "version": "3.1"},
        "models": ["model-a@2025-04", "model-b@2025-05"],
        "thresholds_sha256": "ab" * 32,
        "records": {"count": 1000},
    }
    write_pack(
        sealed / "pack.zip",
        files,
        statement_predicate=predicate,
        signer=signer,
        signed_at=NOW,
        bag_info={"Source-Organization": "Acme Ltd"},
    )
    pack = (sealed / "pack.zip").read_bytes()
    return Quarter(sealed, keys, signer, pdf, reviewed, plain, pack)


@pytest.fixture
def look(quarter: Quarter, tmp_path: Path) -> Callable[..., Examination]:
    """Examine bytes under a name, trusting the honest root unless told otherwise."""

    def _look(
        data: bytes,
        name: str,
        *,
        trust: tuple[Path, ...] | None = None,
        signature: bytes | None = None,
        now: datetime = NOW,
        require: frozenset[str] = frozenset(),
        required_roles: tuple[str, ...] = ("prepared",),
    ) -> Examination:
        path = tmp_path / name
        path.write_bytes(data)
        if signature is not None:
            path.with_name(f"{name}.p7s").write_bytes(signature)
        anchors = (quarter.keys.ca,) if trust is None else trust
        return examine(path, Policy(anchors, now, require, required_roles))

    return _look


def said(examination: Examination) -> str:
    """All reasons in one text."""
    return "\n".join(f"{c.id} {c.target}: {c.reason}" for c in examination.failures())


@pytest.fixture
def tools() -> Tools:
    return Tools()


class Tools:
    """The helpers above, reachable from test modules (which cannot import this file)."""

    pack_members = staticmethod(pack_members)
    zip_canonically = staticmethod(zip_canonically)
    rehash = staticmethod(rehash)
    said = staticmethod(said)
    NOW = NOW
    HTML = HTML
    JSON = JSON
    XLSX = XLSX
