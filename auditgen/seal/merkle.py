"""The Merkle tree over records (RFC 9162 section 2.1), so that one record can be shown alone.

A proof shows that a record was included, never that no other was left out: the statement therefore
also signs how many leaves there are.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from auditgen.canonical import canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence


def leaf_hash(record: Any, salt: str) -> bytes:
    """SHA-256(0x00 || JCS of `{"salt", "record"}`), 32 bytes.

    The salt must be random and secret until the record is disclosed: records are short enough to
    be guessed from an unsalted hash.
    """
    return hashlib.sha256(b"\x00" + canonical_json({"salt": salt, "record": record})).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The tree head over leaf hashes, 32 bytes (RFC 9162 section 2.1.1)."""
    if not leaf_hashes:
        return hashlib.sha256(b"").digest()
    level = list(leaf_hashes)
    while len(level) > 1:
        # Pairing from the left and carrying an odd last node up gives the RFC's left-full tree.
        paired = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def inclusion_path(index: int, leaf_hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """The sibling hashes from leaf `index` up to the root (RFC 9162 section 2.1.3.1).

    Raises IndexError when there is no such leaf.
    """
    if not 0 <= index < len(leaf_hashes):
        raise IndexError(f"no leaf {index} in a tree of {len(leaf_hashes)}")
    path: list[bytes] = []
    level, position = list(leaf_hashes), index
    while len(level) > 1:
        sibling = position ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        paired = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
        position //= 2
    return tuple(path)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
