"""Reading the signed statement: DSSE v1 envelope, in-toto Statement v1, our predicate.

The envelope must be canonical JSON of exactly the expected members, so that reading it and writing
it again gives the same bytes: duplicate keys, other spellings and extra members have no room.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from auditgen.canonical import canonical_json
from auditgen.verify.model import StatementSummary
from auditgen.verify.trust import MOST_CERTIFICATES

LARGEST_ENVELOPE_BYTES = 96 << 20
PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE_TYPE = "https://auditgen.dev/evidence-pack/v1"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_WORDS = 200


class EnvelopeFault(Exception):
    """The statement is not one auditgen wrote, or its signature does not hold."""


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement whose signature fits the key in the certificate that travels with it."""

    chain: tuple[bytes, ...]
    algorithm: str
    signed_at: datetime
    subjects: dict[str, str]
    """Path in the bag to SHA-256."""
    tag_files: dict[str, str]
    predicate: dict[str, Any]


def read_envelope(data: bytes) -> SignedStatement:
    """Check the DSSE signature and take the statement apart.

    Raises EnvelopeFault with the reason; no other exception, whatever the bytes are.
    """
    try:
        return _read(data)
    except EnvelopeFault:
        raise
    except Exception as error:
        raise EnvelopeFault(f"the statement cannot be read: {type(error).__name__}") from error


def _read(data: bytes) -> SignedStatement:
    envelope = _canonical(data, "the envelope")
    _demand_keys(envelope, {"payload", "payloadType", "signatures"}, "the envelope")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise EnvelopeFault(f"payloadType is `{envelope['payloadType']}`, not `{PAYLOAD_TYPE}`")
    if not isinstance(envelope["signatures"], list) or len(envelope["signatures"]) != 1:
        raise EnvelopeFault("exactly one signature is expected")
    signature = envelope["signatures"][0]
    _demand_keys(signature, {"keyid", "sig", "x5c"}, "the signature")
    if not isinstance(signature["x5c"], list) or not 0 < len(signature["x5c"]) <= MOST_CERTIFICATES:
        raise EnvelopeFault(f"1 to {MOST_CERTIFICATES} certificates are expected")
    chain = tuple(_base64(text) for text in signature["x5c"])
    payload = _base64(envelope["payload"])
    bits = _check_signature(payload, _base64(signature["sig"]), signature["keyid"], chain[0])
    statement = _canonical(payload, "the statement")
    return _statement(statement, chain, f"RSA-{bits} PSS, SHA-256")


def _check_signature(payload: bytes, signature: bytes, key_id: Any, leaf: bytes) -> int:
    """The RSA key's size in bits, after the signature over the payload and its type held."""
    public = load_der_x509_certificate(leaf).public_key()
    if not isinstance(public, RSAPublicKey):
        raise EnvelopeFault("the signer's key is not RSA")
    key_info = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key_id != hashlib.sha256(key_info).hexdigest():
        raise EnvelopeFault("keyid is not that of the certificate")
    kind = PAYLOAD_TYPE.encode("ascii")
    encoded = b" ".join((b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload))
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
    try:
        public.verify(signature, encoded, scheme, hashes.SHA256())
    except InvalidSignature:
        raise EnvelopeFault("the statement's signature does not fit its content") from None
    return public.key_size


def _statement(
    statement: dict[str, Any], chain: tuple[bytes, ...], algorithm: str
) -> SignedStatement:
    _demand_keys(statement, {"_type", "subject", "predicateType", "predicate"}, "the statement")
    if (statement["_type"], statement["predicateType"]) != (_STATEMENT_TYPE, _PREDICATE_TYPE):
        raise EnvelopeFault(f"it is a `{statement['predicateType']}`, not `{_PREDICATE_TYPE}`")
    subjects: dict[str, str] = {}
    for subject in statement["subject"]:
        _demand_keys(subject, {"name", "digest"}, "a subject")
        _demand_keys(subject["digest"], {"sha256"}, "a subject's digest")
        subjects[str(subject["name"])] = _digest(subject["digest"]["sha256"])
    if len(subjects) != len(statement["subject"]):
        raise EnvelopeFault("a subject is named twice")
    predicate = statement["predicate"]
    seal = predicate["seal"]
    _demand_keys(seal, {"signed_at", "signer_sha256", "tag_files"}, "the seal")
    if seal["signer_sha256"] != hashlib.sha256(chain[0]).hexdigest():
        raise EnvelopeFault("the certificate is not the one the statement names")
    tag_files = {str(name): _digest(digest) for name, digest in seal["tag_files"].items()}
    moment = datetime.strptime(seal["signed_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return SignedStatement(chain, algorithm, moment, subjects, tag_files, predicate)


def _canonical(data: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
        same = canonical_json(value) == data
    except (ValueError, RecursionError) as error:
        raise EnvelopeFault(f"{what} is not JSON that can be read") from error
    if not same or not isinstance(value, dict):
        raise EnvelopeFault(f"{what} is not in canonical form; bytes were changed")
    return value


def _demand_keys(value: Any, keys: set[str], what: str) -> None:
    if not isinstance(value, dict) or set(value) != keys:
        raise EnvelopeFault(f"{what} does not have exactly {', '.join(sorted(keys))}")


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise EnvelopeFault("a digest is not 64 lower-case hex digits")
    return value


def _base64(text: Any) -> bytes:
    """Canonical base64 only: the unused low bits of a last group must be zero."""
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, TypeError, binascii.Error):
        raise EnvelopeFault("a value is not base64") from None
    if base64.b64encode(data).decode("ascii") != text:
        raise EnvelopeFault("a value is not canonical base64; bytes were changed")
    return data


def summarise(signed: SignedStatement) -> StatementSummary:
    """The statement's main facts as short texts, whatever shape the predicate gives them."""
    predicate = signed.predicate
    models = predicate.get("models")
    records = predicate.get("records")
    return StatementSummary(
        period=_words(predicate.get("period"), " to "),
        system=_words(predicate.get("system"), " "),
        models=tuple(_words(m, " ") for m in models[:50]) if isinstance(models, list) else (),
        thresholds_sha256=_words(predicate.get("thresholds_sha256"), " "),
        record_count=_words(records.get("count"), " ") if isinstance(records, dict) else "",
        file_count=len(signed.subjects),
        left_out=_left_out(predicate.get("evidence")),
        sealed_at=signed.signed_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _left_out(evidence: Any) -> tuple[str, ...]:
    """What the statement says of evidence that the pack holds no rows of."""
    found = [one for one in evidence if isinstance(one, dict)] if isinstance(evidence, list) else []
    told = [one for one in found if one.get("left_out")][:50]
    return tuple(f"{_words(one.get('path'), ' ')} ({_words(one['left_out'], ' ')})" for one in told)


def _words(value: Any, joint: str) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        # Canonical JSON sorts keys, so a period's `end` comes before its `start`.
        order = ("start", "from", "name", "id", "version", "end", "to")
        keys = [k for k in order if k in value] or list(value)[:5]
        return joint.join(_words(value[k], " ") for k in keys)[:_LONGEST_WORDS]
    return str(value)[:_LONGEST_WORDS]
