"""Who is believed: only certificates the reader names, for documents, at the claimed time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from auditgen.errors import Exit
from auditgen.seal import sign_detached, sign_pdf, write_pack

if TYPE_CHECKING:
    from pathlib import Path

DATA = b"<p>Gap: 0 %</p>"


def _pem(path: Path, *certificates: x509.Certificate) -> Path:
    path.write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in certificates))
    return path


@pytest.fixture
def sign(look: Any, tools: Any) -> Any:
    """Sign a page with any signer and examine it."""

    def _sign(signer: Any, *, trust: Any = None, at: Any = tools.NOW) -> Any:
        signature = sign_detached(DATA, signer, signed_at=at)
        return look(DATA, "report.html", signature=signature, trust=trust)

    return _sign


def test_a_ca_inside_the_pack_is_never_an_anchor(
    quarter: Any, foundry: Any, look: Any, tools: Any, tmp_path: Path
) -> None:
    """The attacker re-signs everything with an own key and brings the own CA along."""
    root = foundry.certificate("Evil CA", 0, "Evil CA", 0, authority=True)
    leaf = foundry.certificate("A. Auditor", 1, "Evil CA", 0)
    evil = foundry.signer(1, leaf, root)
    write_pack(
        tmp_path / "evil.zip",
        {
            "report.html": DATA,
            "report.html.p7s": sign_detached(DATA, evil, signed_at=tools.NOW),
            "report.pdf": sign_pdf(quarter.plain_pdf, evil, signed_at=tools.NOW, reason="x"),
            "ca.pem": root.public_bytes(Encoding.PEM),
        },
        statement_predicate={},
        signer=evil,
        signed_at=tools.NOW,
        bag_info={},
    )
    data = (tmp_path / "evil.zip").read_bytes()
    found = look(data, "pack.zip")
    assert found.exit_code is Exit.UNTRUSTED
    assert "does not lead to a certificate you trust" in tools.said(found)
    assert look(data, "pack.zip", trust=()).exit_code is Exit.UNTRUSTED


def test_intermediates_that_travel_along_help_to_reach_the_anchor(
    foundry: Any, sign: Any, tmp_path: Path
) -> None:
    root = foundry.certificate("Root", 0, "Root", 0, authority=True)
    middle = foundry.certificate("Issuing", 2, "Root", 0, authority=True)
    leaf = foundry.certificate("Signer", 1, "Issuing", 2)
    anchor = _pem(tmp_path / "root.pem", root)
    found = sign(foundry.signer(1, leaf, middle), trust=(anchor,))
    assert found.exit_code is Exit.DONE
    assert found.signatures[0].anchor == "CN=Root"
    assert sign(foundry.signer(1, leaf), trust=(anchor,)).exit_code is Exit.UNTRUSTED


def test_a_flipped_byte_in_an_intermediate_is_found(
    foundry: Any, look: Any, tools: Any, tmp_path: Path
) -> None:
    root = foundry.certificate("Root", 0, "Root", 0, authority=True)
    middle = foundry.certificate("Issuing", 2, "Root", 0, authority=True)
    leaf = foundry.certificate("Signer", 1, "Issuing", 2)
    anchor = _pem(tmp_path / "root.pem", root)
    signature = sign_detached(DATA, foundry.signer(1, leaf, middle), signed_at=tools.NOW)
    der = middle.public_bytes(Encoding.DER)
    start = signature.index(der)
    unused_bits = start + len(der) - len(middle.signature) - 1
    for place in [unused_bits, *range(start, start + len(der), 7)]:
        for mask in (0x01, 0x20):
            spoiled = bytearray(signature)
            spoiled[place] ^= mask
            found = look(DATA, "r.html", signature=bytes(spoiled), trust=(anchor,))
            assert found.exit_code in {Exit.CHANGED, Exit.UNTRUSTED}, (place - start, mask)


def test_a_stray_certificate_is_refused(foundry: Any, sign: Any, tmp_path: Path) -> None:
    """Certificates are not covered by the signature: one too many is a place to hide bytes."""
    root = foundry.certificate("Root", 0, "Root", 0, authority=True)
    leaf = foundry.certificate("Signer", 1, "Root", 0)
    stray = foundry.certificate("Stray", 2, "Nobody", 2)
    found = sign(foundry.signer(1, leaf, stray), trust=(_pem(tmp_path / "r.pem", root),))
    assert found.exit_code is Exit.UNTRUSTED
    assert "not part of the signer's chain" in found.signatures[0].chain_reason


def test_a_self_signed_signer_counts_only_when_it_is_the_anchor(
    foundry: Any, sign: Any, quarter: Any, tmp_path: Path
) -> None:
    own = foundry.certificate("Me", 1, "Me", 1)
    signer = foundry.signer(1, own)
    assert sign(signer).exit_code is Exit.UNTRUSTED
    found = sign(signer, trust=(_pem(tmp_path / "me.pem", own),))
    assert found.exit_code is Exit.DONE
    assert found.signatures[0].anchor == "CN=Me"


def test_an_anchor_of_the_same_name_is_not_the_same_anchor(
    foundry: Any, sign: Any, tmp_path: Path
) -> None:
    leaf = foundry.certificate("Signer", 1, "Root", 2)
    other = foundry.certificate("Root", 0, "Root", 0, authority=True)
    found = sign(foundry.signer(1, leaf), trust=(_pem(tmp_path / "r.pem", other),))
    assert found.exit_code is Exit.UNTRUSTED


def test_a_signer_cannot_issue_signers(foundry: Any, sign: Any, tmp_path: Path) -> None:
    root = foundry.certificate("Root", 0, "Root", 0, authority=True)
    leaf = foundry.certificate("Clerk", 2, "Root", 0)
    forged = foundry.certificate("Director", 1, "Clerk", 2)
    found = sign(foundry.signer(1, forged, leaf), trust=(_pem(tmp_path / "r.pem", root),))
    assert found.exit_code is Exit.UNTRUSTED


@pytest.mark.parametrize("shift", [-400, 400])
def test_a_certificate_not_valid_at_the_claimed_time(
    foundry: Any, sign: Any, tools: Any, tmp_path: Path, shift: int
) -> None:
    root = foundry.certificate(
        "Root", 0, "Root", 0, authority=True, start=tools.NOW - timedelta(days=900), days=1900
    )
    start = tools.NOW + timedelta(days=shift)
    leaf = foundry.certificate("Signer", 1, "Root", 0, start=start, days=100)
    found = sign(foundry.signer(1, leaf), trust=(_pem(tmp_path / "r.pem", root),))
    assert found.exit_code is Exit.UNTRUSTED
    assert "was not valid at the claimed time" in found.signatures[0].chain_reason


def test_a_web_server_certificate_does_not_sign_reports(
    foundry: Any, sign: Any, tmp_path: Path
) -> None:
    root = foundry.certificate("Root", 0, "Root", 0, authority=True)
    leaf = foundry.certificate(
        "www", 1, "Root", 0, purpose=ExtendedKeyUsageOID.SERVER_AUTH
    )
    found = sign(foundry.signer(1, leaf), trust=(_pem(tmp_path / "r.pem", root),))
    assert found.exit_code is Exit.UNTRUSTED
    assert "not for signing documents" in found.signatures[0].chain_reason


def test_a_ca_does_not_sign_reports(foundry: Any, sign: Any, tmp_path: Path) -> None:
    root = foundry.certificate("Root", 0, "Root", 0, authority=True)
    found = sign(foundry.signer(0, root), trust=(_pem(tmp_path / "r.pem", root),))
    assert found.exit_code is not Exit.DONE
