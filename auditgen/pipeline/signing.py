"""The key that signs, and what its refusals say at the line of audit.yaml that names it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from auditgen.errors import EnvironmentRefused, InputRefused, SignerRefused
from auditgen.project.terms import same_name
from auditgen.seal import Signer, load_signer, sign_detached
from auditgen.seal.keys import DEVELOPMENT_MARK

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from auditgen.diagnostics import Diagnostic
    from auditgen.project import Project
    from auditgen.project.model import SignerBlock


def organisation_of(subject: str) -> str:
    """The organisation in a certificate's subject (RFC 4514 text), without the development mark; or empty."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        found = x509.Name.from_rfc4514_string(subject).get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    except ValueError:
        return ""
    names = [str(one.value).removesuffix(f"({DEVELOPMENT_MARK})").strip() for one in found]
    return names[0] if names else ""


def signer_of(project: Project, now: datetime) -> Signer:
    """The key that audit.yaml names, ready to sign. Raises InputRefused or SignerRefused."""
    block = project.audit.signer
    if block is None:
        raise InputRefused(
            "audit.yaml names no `signer`, so the report cannot be signed; nothing was written",
            hint="make development keys with `auditgen keys init` and name them, or use --unsigned",
        )
    passphrase = None
    if block.passphrase_env is not None:
        text = os.environ.get(block.passphrase_env)
        if not text:
            at = ("signer", "passphrase_env")
            message = f"the environment variable `{block.passphrase_env}` is empty or not set"
            raise InputRefused(
                "the signer's key is locked; nothing was written",
                diagnostics=(project.document.fault("no-passphrase", message, at),),
            )
        passphrase = text.encode()
    try:
        signer = load_signer(
            project.resolve(block.certificate),
            project.resolve(block.key),
            chain=[project.resolve(name) for name in block.chain],
            passphrase=passphrase,
            now=now,
        )
    except SignerRefused as refusal:
        faults = tuple(_at_signer(project, block, d) for d in refusal.diagnostics)
        message = "the signer cannot be used; nothing was written"
        raise SignerRefused(message, diagnostics=faults) from None
    audit = project.audit
    owner = organisation_of(signer.subject)
    if audit.report.practitioner is not None and (not owner or same_name(owner, audit.organisation.name)):
        said = f"is of `{owner}`" if owner else "names no organisation"
        message = f"independent assurance is signed by the practitioner; this certificate {said}"
        at = ("signer", "certificate")
        raise InputRefused(
            "this signer cannot sign independent assurance; nothing was written",
            hint="name a certificate of the practitioner's firm, or use another `mode`",
            diagnostics=(project.document.fault("not-independent", message, at),),
        )
    return signer


def _at_signer(project: Project, block: SignerBlock, found: Diagnostic) -> Diagnostic:
    """A fault of a key or certificate, at the line of audit.yaml that names the file."""
    named = {name: str(project.resolve(getattr(block, name))) for name in ("key", "certificate")}
    part = next((name for name, path in named.items() if f"`{path}`" in found.message), None)
    helps = found.helps
    if found.code == "signer-passphrase":
        helps = ("`signer.passphrase_env` names the environment variable that holds the passphrase",)
    at = ("signer",) if part is None else ("signer", part)
    return project.document.fault(found.code, found.message, at, helps=helps)


def packed_line(text: str) -> str:
    """One line of plain text: bag-info has no other."""
    words = " ".join(text.split())
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in words)


def write_signature(file: Path, target: Path, signer: Signer, now: datetime) -> None:
    """A detached signature over any file, as DER; it appears whole or not at all.

    Raises EnvironmentRefused when it cannot be written.
    """
    signature = sign_detached(file, signer, signed_at=now)
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_bytes(signature)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EnvironmentRefused(
            f"`{target}` cannot be written: {error.strerror or error}", hint="name another place with -o"
        ) from error
