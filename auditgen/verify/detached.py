"""Checking a detached signature beside a file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from auditgen.verify.cms import CmsFault, read_cms
from auditgen.verify.facts import judge
from auditgen.verify.model import Findings, changed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from auditgen.verify.model import Policy

SUFFIX = ".p7s"


def check_detached(
    signature: bytes,
    target: str,
    digest: Callable[[str], bytes],
    anchors: Sequence[bytes],
    policy: Policy,
) -> Findings:
    """Findings about one .p7s over `target`, whose digest by algorithm name is `digest`."""
    try:
        found = read_cms(signature, digest)
    except CmsFault as error:
        return Findings((changed("signature", f"{target}{SUFFIX}", str(error)),))
    coverage = "covers every byte of the file"
    return judge(
        target, "detached", found.chain, found.algorithm, found.signed_at, coverage, anchors, policy
    )


def file_digest(path: Path) -> Callable[[str], bytes]:
    """The digest of a file on disk by algorithm name, read in chunks."""

    def digest(algorithm: str) -> bytes:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, algorithm).digest()

    return digest
