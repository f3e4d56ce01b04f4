"""The seal: development keys, signatures inside and beside files, and the evidence pack.

`auditgen.verify` reads what is written here and shares none of its code: two readings of one
specification (`docs/sealing.md`) keep each other honest. Heavy libraries are loaded when something
is signed, not when this room is imported.
"""

from __future__ import annotations

from auditgen.seal.detached import sign_detached
from auditgen.seal.keys import KeyPaths, init_keys
from auditgen.seal.merkle import inclusion_path, leaf_hash, root
from auditgen.seal.pack import PackSummary, write_pack
from auditgen.seal.pdf import sign_pdf
from auditgen.seal.signer import Signer, load_signer
from auditgen.seal.statement import build_statement, sign_statement

__all__ = [
    "KeyPaths",
    "PackSummary",
    "Signer",
    "build_statement",
    "inclusion_path",
    "init_keys",
    "leaf_hash",
    "load_signer",
    "root",
    "sign_detached",
    "sign_pdf",
    "sign_statement",
    "write_pack",
]
