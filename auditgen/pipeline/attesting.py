"""Writing an attestation of a document in the version it has now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from auditgen.canonical import sha256_file
from auditgen.diagnostics import did_you_mean
from auditgen.errors import EnvironmentRefused, InputRefused
from auditgen.pipeline.statements import SCHEMA, AttestationFile
from auditgen.project import load_project

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_attestation(
    audit: Path, document: str, said: Mapping[str, Any], *, out: Path | None, force: bool
) -> Path:
    """Write what a reviewer says, with the digest of the document; returns the file.

    Raises InputRefused or EnvironmentRefused; then nothing was written.
    """
    project = load_project(audit, needs_signer=False)
    blocks = {block.id: block for block in project.audit.documents}
    block = blocks.get(document)
    if block is None:
        helps = did_you_mean(document, blocks) or (f"known: {', '.join(sorted(blocks))}",)
        raise InputRefused(f"`{document}` is no document of `{audit}`; nothing was written", hint=helps[0])
    path = project.resolve(block.file)
    if not path.is_file():
        raise InputRefused(
            f"`{block.file}` is not there; nothing was written", hint="attest the version that is handed in"
        )
    value = {"schema": SCHEMA, "document": document, **said, "sha256": sha256_file(path)}
    try:
        AttestationFile.model_validate(value)
    except ValidationError as error:
        parts = [f"{'.'.join(map(str, e['loc']))}: {e['msg'].lower()}" for e in error.errors()]
        raise InputRefused(f"{'; '.join(parts)}; nothing was written") from error
    if said["date"] < block.dated:
        raise InputRefused(
            f"the attestation is dated {said['date'].isoformat()}, before the document "
            f"({block.dated.isoformat()}); nothing was written",
            hint="attest on the day on which the document was looked at",
        )
    target = out or project.root / "attestations" / f"{document}-{said['date'].isoformat()}.yaml"
    if target.exists() and not force:
        raise EnvironmentRefused(
            f"`{target}` is there already; nothing was written", hint="replace it with --force"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        part.write_text("".join(_lines(value)), "utf-8")
        part.replace(target)
    except OSError as error:
        raise EnvironmentRefused(
            f"`{target}` cannot be written: {error.strerror or error}", hint="name another place with -o"
        ) from error
    return target


def _lines(value: Mapping[str, Any], indent: str = "") -> list[str]:
    """YAML in the order given; every text is quoted, so that none is read as something else."""
    out = []
    for key, part in value.items():
        if isinstance(part, dict):
            out += [f"{indent}{key}:\n", *_lines(part, indent + "  ")]
        elif part is not None:
            out.append(f"{indent}{key}: {_scalar(part)}\n")
    return out


def _scalar(part: Any) -> str:
    text = part if isinstance(part, str) else part.isoformat()
    return json.dumps(text, ensure_ascii=False)
