"""The one door: what is this file, and does it hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.errors import Exit, InputRefused
from auditgen.verify.model import Examination, Findings, changed, not_checked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from auditgen.verify.model import Policy

_FIRST_BYTES = 64


def examine(path: Path, policy: Policy, *, kind: str = "") -> Examination:
    """Examine a pack, a PDF, or any file with its `.p7s` beside it, under the reader's `policy`.

    `kind`: `file` to look at the signature beside it only, whatever the file is; else its own kind decides.

    Whatever the file holds ends up as checks. Raises InputRefused when the path or a trust anchor
    itself cannot be read, because then nothing was examined.
    """
    from auditgen.verify.facts import iso
    from auditgen.verify.trust import read_anchors

    anchors = read_anchors(policy.trust)
    path = _signed_file(path)
    try:
        with path.open("rb") as stream:
            first = stream.read(_FIRST_BYTES)
        kind = kind or _kind(path, first)
        findings = _examine(kind, path, anchors, policy)
    except OSError as error:
        raise InputRefused(
            f"cannot read `{path}`: {error.strerror or error}", hint="nothing was checked"
        ) from error
    return Examination(
        kind=kind,
        path=str(path),
        checks=findings.checks,
        signatures=findings.signatures,
        statement=findings.statement,
        examined_at=iso(policy.now),
    )


def _signed_file(path: Path) -> Path:
    """Someone who names the signature means the file beside it."""
    beside = path.with_suffix("")
    return beside if path.suffix == ".p7s" and beside.is_file() else path


def _kind(path: Path, first: bytes) -> str:
    """By name as well as by content, so that a changed first byte does not change the question."""
    if path.suffix.lower() == ".zip" or first[30:35] == b"pack/":
        return "pack"
    if path.suffix.lower() == ".pdf" or first.startswith(b"%PDF"):
        return "pdf"
    return "file"


def _examine(kind: str, path: Path, anchors: Sequence[bytes], policy: Policy) -> Findings:
    from auditgen.verify.pack import check_pack
    from auditgen.verify.pdf import LARGEST_PDF_BYTES, check_pdf

    if kind == "pack":
        return check_pack(path, anchors, policy)
    beside = path.with_name(path.name + ".p7s")
    if kind == "file":
        return _beside(beside, path, anchors, policy)
    with path.open("rb") as stream:
        data = stream.read(LARGEST_PDF_BYTES + 1)
    findings = check_pdf(data, path.name, Exit.NOT_CHECKABLE, anchors, policy)
    return findings + _beside(beside, path, anchors, policy) if beside.is_file() else findings


def _beside(beside: Path, path: Path, anchors: Sequence[bytes], policy: Policy) -> Findings:
    from auditgen.verify.cms import LARGEST_CMS_BYTES
    from auditgen.verify.detached import check_detached, file_digest

    if not beside.is_file():
        reason = f"there is no signature `{beside.name}` beside it"
        check = not_checked("signature", path.name, reason, int(Exit.NOT_CHECKABLE))
        return Findings((check,))
    with beside.open("rb") as stream:
        signature = stream.read(LARGEST_CMS_BYTES + 1)
    if not signature:
        return Findings((changed("signature", beside.name, "it is empty"),))
    return check_detached(signature, path.name, file_digest(path), anchors, policy)
