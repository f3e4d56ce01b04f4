"""Checking that a disclosed record is a leaf of the signed tree (RFC 9162 section 2.1.3.2)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from auditgen.canonical import canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence

_HASH_BYTES = 32
_LONGEST_PATH = 64


def proves_inclusion(
    record: Any, salt: str, *, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Whether `record` with `salt` is leaf `index` of the tree of `size` leaves under `root`.

    Never raises: a malformed proof proves nothing.
    """
    try:
        leaf = hashlib.sha256(b"\x00" + canonical_json({"salt": salt, "record": record})).digest()
    except (ValueError, TypeError, RecursionError):
        return False
    if not 0 <= index < size or len(path) > _LONGEST_PATH:
        return False
    if any(len(sibling) != _HASH_BYTES for sibling in path):
        return False
    return _climb(leaf, index, size - 1, path) == root


def _climb(leaf: bytes, index: int, last: int, path: Sequence[bytes]) -> bytes | None:
    """The root that the path leads to, or None when it has the wrong length for the tree."""
    current = leaf
    for sibling in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            current = hashlib.sha256(b"\x01" + sibling + current).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            current = hashlib.sha256(b"\x01" + current + sibling).digest()
        index, last = index >> 1, last >> 1
    return current if last == 0 else None
