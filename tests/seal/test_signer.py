"""A signer is refused for everything that a verifier would refuse later, all at once."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from auditgen.errors import SignerRefused
from auditgen.seal import KeyPaths, load_signer

if TYPE_CHECKING:
    from pathlib import Path


def _codes(refusal: pytest.ExceptionInfo[SignerRefused]) -> set[str]:
    return {d.code for d in refusal.value.diagnostics}


def test_a_good_signer_says_who_it_is(keys: KeyPaths, now: datetime) -> None:
    signer = load_signer(keys.certificate, keys.key, passphrase=None, now=now)
    certificate = x509.load_pem_x509_certificate(keys.certificate.read_bytes())
    assert signer.subject.startswith("CN=A. Auditor (DEVELOPMENT")
    assert signer.is_development
    assert signer.serial == certificate.serial_number
    assert signer.sha256_fingerprint == certificate.fingerprint(hashes.SHA256()).hex()
    assert signer.certificate_pem.encode() == keys.certificate.read_bytes()
    assert signer.warnings == ()
    assert "PRIVATE" not in repr(signer)
    assert "private_key" not in repr(signer)


def test_the_root_never_travels_in_the_chain(keys: KeyPaths, now: datetime) -> None:
    signer = load_signer(keys.certificate, keys.key, chain=[keys.ca], passphrase=None, now=now)
    assert len(signer.chain) == 1


def test_all_faults_are_named_at_once(tmp_path: Path, now: datetime) -> None:
    not_pem = tmp_path / "note.txt"
    not_pem.write_text("hello")
    with pytest.raises(SignerRefused) as refusal:
        load_signer(not_pem, tmp_path / "absent.pem", passphrase=None, now=now)
    assert _codes(refusal) == {"signer-not-pem", "signer-unreadable"}


def test_no_diagnostic_points_at_a_line_of_a_key(tmp_path: Path, now: datetime) -> None:
    secret = tmp_path / "k.pem"
    secret.write_text("my passphrase is hunter2\n")
    with pytest.raises(SignerRefused) as refusal:
        load_signer(tmp_path / "none.pem", secret, passphrase=None, now=now)
    assert all(d.file != str(secret) for d in refusal.value.diagnostics)
    assert any(str(secret) in d.message for d in refusal.value.diagnostics)


@pytest.mark.parametrize(
    ("shift", "code"), [(800, "signer-expired"), (-10, "signer-not-yet-valid")]
)
def test_validity_is_judged_at_the_given_time(
    keys: KeyPaths, now: datetime, shift: int, code: str
) -> None:
    moment = now + timedelta(days=shift)
    with pytest.raises(SignerRefused) as refusal:
        load_signer(keys.certificate, keys.key, passphrase=None, now=moment)
    assert _codes(refusal) == {code}


def test_a_key_of_another_certificate_is_refused(keys: KeyPaths, now: datetime) -> None:
    with pytest.raises(SignerRefused) as refusal:
        load_signer(keys.certificate, keys.ca_key, passphrase=None, now=now)
    assert _codes(refusal) == {"signer-key-mismatch"}


def test_a_certificate_that_is_not_for_signing_is_refused(keys: KeyPaths, now: datetime) -> None:
    with pytest.raises(SignerRefused) as refusal:
        load_signer(keys.ca, keys.ca_key, passphrase=None, now=now)
    assert _codes(refusal) == {"signer-key-usage"}


@pytest.mark.parametrize(("kind", "code"), [("ec", "signer-not-rsa"), ("rsa", "signer-short-key")])
def test_only_long_rsa_keys_are_accepted(
    tmp_path: Path, now: datetime, kind: str, code: str
) -> None:
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(
        public_exponent=65537, key_size=2048
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "c.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "k.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    with pytest.raises(SignerRefused) as refusal:
        load_signer(tmp_path / "c.pem", tmp_path / "k.pem", passphrase=None, now=now)
    assert _codes(refusal) == {code}


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_a_key_others_can_read_is_a_warning(keys: KeyPaths, tmp_path: Path, now: datetime) -> None:
    loose = tmp_path / "k.pem"
    loose.write_bytes(keys.key.read_bytes())
    loose.chmod(0o644)
    signer = load_signer(keys.certificate, loose, passphrase=None, now=now)
    assert [w.code for w in signer.warnings] == ["signer-key-readable"]


def test_a_stray_certificate_in_the_chain_is_refused(
    keys: KeyPaths, tmp_path: Path, now: datetime
) -> None:
    stray = tmp_path / "stray.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    common = NameOID.COMMON_NAME
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(common, "a")]))
        .issuer_name(x509.Name([x509.NameAttribute(common, "b")]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    stray.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    with pytest.raises(SignerRefused) as refusal:
        load_signer(keys.certificate, keys.key, chain=[stray], passphrase=None, now=now)
    assert _codes(refusal) == {"signer-stray-certificate"}
