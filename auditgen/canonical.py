"""The one way bytes are made for hashing: RFC 8785 (JCS) JSON and SHA-256 in lower-case hex."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

CHUNK_BYTES = 1 << 20


def canonical_json(value: Any) -> bytes:
    """RFC 8785 canonical bytes of a JSON value. Raises ValueError for NaN, infinities, non-strings keys."""
    import rfc8785

    return rfc8785.dumps(value)


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of `data`, 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read in chunks so that memory does not grow with its size."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 over the canonical JSON of `value`: the identity of a setting, a threshold, a mapping."""
    return sha256_bytes(canonical_json(value))


def record_id(file_sha256: str, locator: str) -> str:
    """`obs_id`: one record's identity, from the bytes of its file and the place inside it.

    The file digest has a fixed length, so the plain concatenation is unambiguous.
    """
    return sha256_bytes(f"{file_sha256}{locator}".encode("utf-8", "surrogatepass"))
