"""A file with a detached signature beside it: one attack each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from asn1crypto import cms  # type: ignore[import-untyped]

from auditgen.errors import Exit
from auditgen.seal import sign_detached

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def signature(quarter: Any) -> bytes:
    data: bytes = (quarter.directory / "report.html.p7s").read_bytes()
    return data


def test_changed_content(look: Any, tools: Any, signature: bytes) -> None:
    found = look(tools.HTML.replace(b"14", b"0"), "report.html", signature=signature)
    assert found.exit_code is Exit.CHANGED
    assert "digest differs" in tools.said(found)


def test_the_signature_of_another_file(quarter: Any, look: Any, tools: Any) -> None:
    other = (quarter.directory / "report.json.p7s").read_bytes()
    found = look(tools.HTML, "report.html", signature=other)
    assert found.exit_code is Exit.CHANGED
    assert "digest differs" in tools.said(found)


def _der(edit: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    def attack(signature: bytes) -> bytes:
        info = cms.ContentInfo.load(signature)
        edit(info["content"])
        return bytes(info.dump(force=True))

    return attack


def _twice(signed: Any) -> None:
    first = signed["signer_infos"][0]
    signed["signer_infos"] = [first, first]


def _unsigned_attribute(signed: Any) -> None:
    moment = cms.Time({"utc_time": datetime(2025, 1, 1, tzinfo=UTC)})
    value = cms.CMSAttribute({"type": "signing_time", "values": [moment]})
    signed["signer_infos"][0]["unsigned_attrs"] = [value]


def _embed(signed: Any) -> None:
    signed["encap_content_info"] = {"content_type": "data", "content": b"<p>Gap: 0 %</p>"}


def _plain_rsa(signed: Any) -> None:
    signed["signer_infos"][0]["signature_algorithm"] = {"algorithm": "rsassa_pkcs1v15"}


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (lambda s: s + b"\x00", "cannot be read"),
        (lambda s: s[:-1], "cannot be read"),
        (lambda _: b"", "empty"),
        (lambda _: b"-----BEGIN CMS-----", "cannot be read"),
        (lambda _: b"0\x80" * 400_000, "cannot be read"),
        (lambda s: s + b"\x00" * (1 << 20), "larger than"),
        (_der(_twice), "2 signers"),
        (_der(_unsigned_attribute), "unsigned attributes"),
        (_der(_embed), "not in the one form"),
        (_der(_plain_rsa), "not in the one form"),
    ],
    ids=[
        "trailing-byte",
        "cut-off",
        "empty",
        "not-der",
        "nested-indefinite-lengths",
        "huge",
        "two-signers",
        "unsigned-attribute",
        "embedded-content",
        "other-algorithm-name",
    ],
)
def test_a_spoiled_signature(
    look: Any, tools: Any, signature: bytes, attack: Callable[[bytes], bytes], reason: str
) -> None:
    found = look(tools.HTML, "report.html", signature=attack(signature))
    assert found.exit_code is Exit.CHANGED
    assert reason in tools.said(found)


def test_a_signature_without_signed_attributes(
    quarter: Any, look: Any, tools: Any, signature: bytes
) -> None:
    """Attributes bytes re-signed as content: the classic confusion of RFC 5652 section 5.4."""
    info = cms.ContentInfo.load(signature)
    signer_info = info["content"]["signer_infos"][0]
    content = signer_info["signed_attrs"].untag().dump()
    bare = cms.SignerInfo(
        {
            name: signer_info[name]
            for name in (
                "version", "sid", "digest_algorithm", "signature_algorithm", "signature"
            )
        }
    )  # fmt: skip
    info["content"]["signer_infos"] = [bare]
    found = look(content, "report.html", signature=info.dump(force=True))
    assert found.exit_code is Exit.CHANGED
    assert "no signed attributes" in tools.said(found)


def test_another_certificate_for_the_same_key(
    quarter: Any, foundry: Any, look: Any, tools: Any
) -> None:
    """Exchanging the certificate is what signing-certificate-v2 prevents."""
    honest = foundry.certificate("Clerk", 1, "Root", 0)
    grander = foundry.certificate("Director", 1, "Root", 0)
    signature = sign_detached(tools.HTML, foundry.signer(1, honest), signed_at=tools.NOW)
    info = cms.ContentInfo.load(signature)
    from asn1crypto import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    other = x509.Certificate.load(grander.public_bytes(Encoding.DER))
    info["content"]["certificates"] = [cms.CertificateChoices("certificate", other)]
    info["content"]["signer_infos"][0]["sid"] = cms.SignerIdentifier(
        "issuer_and_serial_number",
        {"issuer": other.issuer, "serial_number": other.serial_number},
    )
    found = look(tools.HTML, "report.html", signature=info.dump(force=True))
    assert found.exit_code is Exit.CHANGED
    assert "signing-certificate-v2" in tools.said(found)
