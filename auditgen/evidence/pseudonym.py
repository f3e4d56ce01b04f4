"""Pseudonyms under a key that only the user has: equal values stay equal, and nobody else knows them.

A plain digest of a user's name is no pseudonym: whoever has a list of names can make the same digests. The
key is read from the environment, and stands in no file, no query and no message. Its id does.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditgen.evidence.mapping import RecordMap

KEY_VARIABLE = "AUDITGEN_PSEUDONYM_KEY"
MIN_KEY_BYTES = 16
PSEUDONYM_CHARS, KEY_ID_CHARS = 16, 8
SQL_FUNCTION = "auditgen_pseudonym"
_LABEL = b"auditgen pseudonym"


class NoKey(RuntimeError):
    """A pseudonym was asked for and no key is set: loading audit.yaml should have refused it."""


def read_key() -> bytes | None:
    """The key as bytes; None where there is none, or one that is too short."""
    key = os.environ.get(KEY_VARIABLE, "").encode("utf-8", "surrogateescape")
    return key if len(key) >= MIN_KEY_BYTES else None


def pseudonym(value: str) -> str:
    """The first 16 hex digits of HMAC-SHA-256 over the text in UTF-8. Raises NoKey."""
    key = read_key()
    if key is None:
        raise NoKey(KEY_VARIABLE)
    return _made(key, value)


@lru_cache(1 << 16)
def _made(key: bytes, value: str) -> str:
    return hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256").hex()[:PSEUDONYM_CHARS]


def key_id(mapping: RecordMap | None) -> str:
    """What tells two keys apart and gives neither away; empty where a mapping makes no pseudonyms."""
    if mapping is None or not any(rule.pseudonym for rules in mapping.rules().values() for rule in rules):
        return ""
    key = read_key()
    return "" if key is None else hashlib.sha256(_LABEL + key).hexdigest()[:KEY_ID_CHARS]
