"""The signed statement: an in-toto Statement v1 inside a DSSE envelope.

DSSE signs the payload together with its type, so that bytes signed as one thing can never be
passed off as another.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from auditgen.canonical import canonical_json, sha256_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditgen.seal.signer import Signer

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://auditgen.dev/evidence-pack/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


def build_statement(subjects: Mapping[str, str], predicate: dict[str, Any]) -> dict[str, Any]:
    """An in-toto Statement v1 about `subjects` (name to SHA-256 hex), sorted by name."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": name, "digest": {"sha256": subjects[name]}} for name in sorted(subjects)
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }


def sign_statement(statement: dict[str, Any], signer: Signer) -> bytes:
    """The statement in a DSSE v1 envelope, as canonical JSON.

    The one signature is RSASSA-PSS with SHA-256, MGF1-SHA-256 and a 32-byte salt over the
    pre-authentication encoding; `keyid` is the SHA-256 of the DER SubjectPublicKeyInfo; `x5c` is
    the chain as base64 DER, the signer's certificate first (as in RFC 7515 section 4.1.6).
    Raises ValueError when the statement is not JSON.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    payload = canonical_json(statement)
    signature = signer.private_key.sign(
        _pre_authentication_encoding(payload),
        padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH),
        hashes.SHA256(),
    )
    public = signer.private_key.public_key()
    key_info = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return canonical_json(
        {
            "payloadType": PAYLOAD_TYPE,
            "payload": _base64(payload),
            "signatures": [
                {
                    "keyid": sha256_bytes(key_info),
                    "sig": _base64(signature),
                    "x5c": [_base64(der) for der in signer.chain],
                }
            ],
        }
    )


def _pre_authentication_encoding(payload: bytes) -> bytes:
    kind = PAYLOAD_TYPE.encode("ascii")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
