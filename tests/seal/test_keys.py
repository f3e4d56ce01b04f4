"""Development keys: what they say, and that a key is never overwritten."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from auditgen.errors import EnvironmentRefused, SignerRefused
from auditgen.seal import KeyPaths, init_keys, load_signer
from auditgen.seal import keys as keys_module

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_certificates_carry_what_a_document_signer_needs(keys: KeyPaths) -> None:
    root, leaf = _load(keys.ca), _load(keys.certificate)
    leaf.verify_directly_issued_by(root)
    for certificate in (root, leaf):
        for attribute in certificate.subject:
            assert "DEVELOPMENT - not for production" in str(attribute.value)
        public = certificate.public_key()
        assert isinstance(public, RSAPublicKey)
        assert public.key_size == 3072
        assert certificate.signature_hash_algorithm is not None
        assert certificate.signature_hash_algorithm.name == "sha256"
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment
    assert not usage.key_cert_sign
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {p.dotted_string for p in purposes} == {"1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36"}
    own = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuers = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert issuers.key_identifier == own.digest
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc) == timedelta(days=730)
    assert (root.not_valid_after_utc - root.not_valid_before_utc) == timedelta(days=3650)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_only_the_owner_reads_the_keys(keys: KeyPaths) -> None:
    for path in (keys.key, keys.ca_key):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_existing_key_is_never_overwritten(tmp_path: Path, now: datetime) -> None:
    old = tmp_path / "signer.key.pem"
    old.write_text("my only key")
    with pytest.raises(SignerRefused) as refusal:
        init_keys(tmp_path, organisation="A", name="B", now=now)
    assert "signer.key.pem" in refusal.value.diagnostics[0].message
    assert old.read_text() == "my only key"
    assert [p.name for p in tmp_path.iterdir()] == ["signer.key.pem"]


def test_no_half_set_is_left_when_writing_fails(
    tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def full_disk(_descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(EnvironmentRefused, match="No space left"):
        init_keys(tmp_path / "new", organisation="A", name="B", now=now)
    assert not (tmp_path / "new").exists()


def test_a_file_that_appears_meanwhile_is_kept(
    tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "_refuse_unusable", lambda *_: None)
    (tmp_path / "signer.key.pem").write_text("mine")
    with pytest.raises(SignerRefused, match="appeared meanwhile"):
        init_keys(tmp_path, organisation="A", name="B", now=now)
    assert [p.name for p in tmp_path.iterdir()] == ["signer.key.pem"]


@pytest.mark.parametrize("bad", ["", "   ", "a\x1b[31mb", "x" * 40])
def test_unusable_names_are_refused(tmp_path: Path, now: datetime, bad: str) -> None:
    with pytest.raises(SignerRefused) as refusal:
        init_keys(tmp_path / "k", organisation=bad, name="B", now=now)
    assert len(refusal.value.diagnostics) == 1
    assert not (tmp_path / "k").exists()


def test_a_passphrase_encrypts_both_keys(tmp_path: Path, now: datetime) -> None:
    paths = init_keys(tmp_path, organisation="A", name="B", now=now, passphrase=b"opensesame")
    assert b"ENCRYPTED" in paths.key.read_bytes()
    assert b"ENCRYPTED" in paths.ca_key.read_bytes()
    load_signer(paths.certificate, paths.key, passphrase=b"opensesame", now=now)
    for wrong in (None, b"guess"):
        with pytest.raises(SignerRefused) as refusal:
            load_signer(paths.certificate, paths.key, passphrase=wrong, now=now)
        assert [d.code for d in refusal.value.diagnostics] == ["signer-passphrase"]


def test_importing_the_rooms_loads_no_heavy_library() -> None:
    script = (
        "import sys, auditgen.seal, auditgen.verify, auditgen.cli.keys, auditgen.cli.verify\n"
        "print([m for m in ('cryptography', 'pyhanko', 'asn1crypto') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
