"""What we seal is accepted by programs that are not ours. Our own verifier is no evidence."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from auditgen.errors import InputRefused
from auditgen.seal import (
    KeyPaths,
    Signer,
    build_statement,
    sign_detached,
    sign_pdf,
    sign_statement,
    write_pack,
)

if TYPE_CHECKING:
    from datetime import datetime

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
needs_pdfsig = pytest.mark.skipif(shutil.which("pdfsig") is None, reason="pdfsig is not here")


def _openssl(signature: Path, content: Path, ca: Path, now: datetime) -> tuple[int, str]:
    done = subprocess.run(
        [
            "openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER",
            "-in", str(signature), "-content", str(content), "-CAfile", str(ca),
            "-purpose", "any", "-attime", str(int(now.timestamp())), "-out", "/dev/null",
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


@needs_openssl
@pytest.mark.parametrize("as_path", [False, True])
def test_openssl_accepts_the_detached_signature(
    tmp_path: Path, keys: KeyPaths, signer: Signer, now: datetime, *, as_path: bool
) -> None:
    content = tmp_path / "report.html"
    content.write_bytes(b"<h1>Gap: 14 %</h1>\r\n" * 100_000)
    signature = tmp_path / "report.html.p7s"
    data = content if as_path else content.read_bytes()
    signature.write_bytes(sign_detached(data, signer, signed_at=now))
    assert _openssl(signature, content, keys.ca, now) == (0, "CAdES Verification successful\n")
    content.write_bytes(content.read_bytes().replace(b"14", b"13", 1))
    code, words = _openssl(signature, content, keys.ca, now)
    assert code != 0
    assert "verification failure" in words.lower()


@needs_openssl
def test_the_signature_holds_the_signer_once_and_never_the_root(
    keys: KeyPaths, signer: Signer, now: datetime
) -> None:
    signature = sign_detached(b"x", signer, signed_at=now)
    printed = subprocess.run(
        ["openssl", "pkcs7", "-inform", "DER", "-print_certs"],
        input=signature,
        capture_output=True,
        check=True,
    ).stdout
    found = x509.load_pem_x509_certificates(printed)
    assert found == [x509.load_pem_x509_certificate(keys.certificate.read_bytes())]


@needs_openssl
def test_the_claimed_time_is_the_given_one(signer: Signer, now: datetime) -> None:
    printed = subprocess.run(
        ["openssl", "cms", "-cmsout", "-print", "-inform", "DER"],
        input=sign_detached(b"x", signer, signed_at=now),
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert "UTCTIME:Jun  2 09:30:00 2025 GMT" in printed


@needs_pdfsig
def test_pdfsig_finds_both_roles_valid(
    tmp_path: Path, plain_pdf: bytes, signer: Signer, now: datetime
) -> None:
    once = sign_pdf(plain_pdf, signer, signed_at=now, reason="Prepared by A. Auditor")
    twice = sign_pdf(once, signer, signed_at=now, role="reviewed", reason="Reviewed")
    path = tmp_path / "report.pdf"
    path.write_bytes(twice)
    # pdfsig ends with 0 even when a digest differs: only its words count.
    words = subprocess.run(
        ["pdfsig", str(path)], capture_output=True, text=True, check=False, env={"TZ": "UTC"}
    ).stdout
    assert words.count("Signature Validation: Signature is Valid.") == 2
    assert words.count("Signature Type: ETSI.CAdES.detached") == 2
    assert words.count("Signing Hash Algorithm: SHA-256") == 2
    assert words.count("Signing Time: Jun 02 2025 09:30:00") == 2
    assert words.count("Total document signed") == 1
    assert "Signature Field Name: Prepared" in words
    assert "Signature Field Name: Reviewed" in words


def test_the_first_signature_certifies_and_allows_only_form_filling(
    plain_pdf: bytes, signer: Signer, now: datetime
) -> None:
    import io

    from pypdf import PdfReader

    data = sign_pdf(plain_pdf, signer, signed_at=now, reason="Prepared")
    root: Any = PdfReader(io.BytesIO(data)).trailer["/Root"]
    reference = root["/Perms"]["/DocMDP"]["/Reference"][0].get_object()
    assert reference["/TransformParams"]["/P"] == 2


def test_a_role_signs_once(plain_pdf: bytes, signer: Signer, now: datetime) -> None:
    once = sign_pdf(plain_pdf, signer, signed_at=now, reason="Prepared")
    with pytest.raises(InputRefused, match="cannot be signed as `prepared`"):
        sign_pdf(once, signer, signed_at=now, reason="Prepared")


def test_what_is_not_a_pdf_is_refused(signer: Signer, now: datetime) -> None:
    with pytest.raises(InputRefused, match="cannot be signed"):
        sign_pdf(b"hello", signer, signed_at=now, reason="Prepared")


def test_an_empty_field_of_that_name_is_filled(
    plain_pdf: bytes, signer: Signer, now: datetime
) -> None:
    import io

    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import SigFieldSpec, append_signature_field, enumerate_sig_fields

    writer = IncrementalPdfFileWriter(io.BytesIO(plain_pdf))
    append_signature_field(writer, SigFieldSpec("Prepared", box=(10, 10, 110, 60)))
    out = io.BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]
    signed = sign_pdf(out.getvalue(), signer, signed_at=now, reason="Prepared")
    fields = list(enumerate_sig_fields(IncrementalPdfFileWriter(io.BytesIO(signed)).prev))
    assert [name for name, _, _ in fields] == ["Prepared"]


def test_securesystemslib_accepts_the_statement(keys: KeyPaths, signer: Signer) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

    statement = build_statement({"data/a": "0" * 64}, {"period": {"start": "2025-01-01"}})
    data = json.loads(sign_statement(statement, signer))
    certificate = x509.load_pem_x509_certificate(keys.certificate.read_bytes())
    public = certificate.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    key = SSlibKey(
        data["signatures"][0]["keyid"],
        "rsa",
        "rsassa-pss-sha256",
        {"public": public.decode()},
    )
    envelope = Envelope.from_dict(json.loads(json.dumps(data)))
    assert list(envelope.verify([key], 1)) == [key.keyid]
    assert json.loads(envelope.payload) == statement
    swapped = Envelope.from_dict(data | {"payloadType": "application/json"})
    with pytest.raises(VerificationError):
        swapped.verify([key], 1)


@pytest.fixture
def unzipped(tmp_path: Path, signer: Signer, now: datetime) -> Path:
    pack = tmp_path / "pack.zip"
    write_pack(
        pack,
        {"report.html": b"<h1>x</h1>", "evidence/Prüfung 1.csv": b"a,b\n1,2\n", "empty": b""},
        statement_predicate={},
        signer=signer,
        signed_at=now,
        bag_info={"Source-Organization": "Acme Ltd"},
    )
    with zipfile.ZipFile(pack) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    return tmp_path / "pack"


def test_bagit_accepts_the_bag(unzipped: Path) -> None:
    import bagit  # type: ignore[import-untyped]

    bag = bagit.Bag(str(unzipped))
    bag.validate()
    assert bag.info["Payload-Oxum"] == "18.3"
    (unzipped / "data" / "report.html").write_bytes(b"<h1>y</h1>")
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(unzipped)).validate()


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not here")
def test_sha256sum_reads_the_manifests(unzipped: Path) -> None:
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--check", "--strict", manifest], cwd=unzipped, check=True)


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not here")
def test_unzip_accepts_the_container(unzipped: Path) -> None:
    pack = unzipped.parent / "pack.zip"
    done = subprocess.run(["unzip", "-t", str(pack)], capture_output=True, text=True, check=True)
    assert "No errors detected" in done.stdout
