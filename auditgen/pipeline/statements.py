"""Statements of people and evaluators beside the evidence: attestation files, and signatures over exports."""

from __future__ import annotations

import glob
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
from pydantic import Field, ValidationError

from auditgen.assessment.model import SignedExports
from auditgen.canonical import sha256_file
from auditgen.pipeline.beside import Beside, display_name
from auditgen.pipeline.previous import examined
from auditgen.pipeline.signing import organisation_of
from auditgen.project.model import Attestation
from auditgen.project.terms import Id, Independence, same_name
from auditgen.yamlspan import read_yaml, validation_diagnostics

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from auditgen.assessment import DocumentRecord
    from auditgen.project import Project, SourceBlock

SCHEMA = "auditgen-attestation-1"
SUFFIX = ".p7s"
MAX_FAULTS = 3
DER_SEQUENCE = b"\x30"


class AttestationFile(Attestation):
    """An attestation in a file of its own, so that it can be signed by whoever makes it."""

    schema_: Annotated[Literal["auditgen-attestation-1"], Field(alias="schema")]
    document: Id
    """The document's id in audit.yaml."""


@dataclass(frozen=True, slots=True)
class Attested:
    """The documents with the attestations that files add, and the files that do not count."""

    documents: tuple[DocumentRecord, ...]
    files: tuple[Beside, ...]
    void: tuple[str, ...]
    """Files that cannot be used, each with the reason."""


def attest_documents(project: Project, documents: Sequence[DocumentRecord]) -> Attested:
    """Put attestation files to their documents. What cannot be used stops counting and says so.

    An attestation in audit.yaml stands before one in a file; of several files the latest that is for the
    document's version counts, else the latest.
    """
    found: dict[str, list[AttestationFile]] = {}
    known = {d.block.id for d in documents}
    files: list[Beside] = []
    void: list[str] = []
    for path in _attestation_files(project):
        name = display_name(path, project.root)
        if not path.resolve().is_relative_to(project.root.resolve()):
            void.append(f"`{name}`: it lies outside the folder of audit.yaml")
            continue
        if path.is_file():
            files.append(Beside("attestation", name, path, sha256_file(path)))
        made, fault = _read(path)
        if made is None:
            void.append(f"`{name}`: {fault}")
        elif made.document not in known:
            void.append(f"`{name}`: `{made.document}` is no document of audit.yaml")
        else:
            found.setdefault(made.document, []).append(made)
    return Attested(
        tuple(_with(d, found.get(d.block.id, ())) for d in documents), tuple(files), tuple(void)
    )


def _attestation_files(project: Project) -> list[Path]:
    """Those that patterns find, and those named outright, whether they are there or not."""
    names: dict[str, None] = {}
    for pattern in project.audit.attestations:
        found = sorted(glob.glob(pattern, root_dir=project.root)) if glob.has_magic(pattern) else []
        names |= dict.fromkeys(found or [pattern])  # what is named and not there is told
    return [project.root / name for name in names if not name.endswith(SUFFIX)]


def _with(document: DocumentRecord, found: Sequence[AttestationFile]) -> DocumentRecord:
    if document.block.attestation is not None or not found:
        return document
    chosen = max(found, key=lambda a: (a.sha256 == document.sha256, a.date))
    fields = {name: getattr(chosen, name) for name in Attestation.model_fields}
    block = document.block.model_copy(update={"attestation": Attestation.model_construct(**fields)})
    return replace(document, block=block)


def _read(path: Path) -> tuple[AttestationFile | None, str]:
    if not path.is_file():
        return None, "no such file"
    document = read_yaml(path)
    if document.diagnostics or not isinstance(document.value, dict):
        faults = [d.message for d in document.diagnostics[:MAX_FAULTS]] or ["it is not a mapping"]
        return None, "; ".join(faults)
    try:
        return AttestationFile.model_validate_json(orjson.dumps(document.value)), ""
    except ValidationError as error:
        told = validation_diagnostics(document, error, AttestationFile)[:MAX_FAULTS]
        return None, "; ".join(f"line {d.span.line}: {d.message}" for d in told)


def seal_files(project: Project) -> Iterator[Beside]:
    """The plan, and the certificates that plan and exports are checked against: who recomputes needs them."""
    plan = project.audit.plan
    names: dict[str, None] = {} if plan is None else dict.fromkeys((plan.pack, *plan.trust))
    for source in project.audit.sources:
        names |= dict.fromkeys(source.provider.signed_by)
    for name in names:
        path = project.resolve(name)
        if path.is_file():
            yield Beside("seal", name, path, sha256_file(path))


def is_signature(path: Path, files: Collection[Path]) -> bool:
    """Whether a file is the detached signature of one beside it, and so no evidence of its own.

    By its first byte as well: an export by another name stays evidence.
    """
    if path.suffix != SUFFIX or path.with_suffix("") not in files:
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(1) == DER_SEQUENCE
    except OSError:
        return False


def signed_exports(
    project: Project, found: Sequence[tuple[SourceBlock, Path]], now: datetime
) -> Iterator[SignedExports]:
    """By source that names a certificate of its provider: whose signature each of its files carries."""
    for source in project.audit.sources:
        trust = source.provider.signed_by
        files = [path for owner, path in found if owner is source]
        signed, faults, who = 0, [], ""
        if not trust:
            # leaving out `signed_by` must not cure a signature that does not hold
            beside = [path for path in files if path.with_name(path.name + SUFFIX).exists()]
            told = "a signature lies beside it, and `signed_by` names nobody"
            faults = [f"`{display_name(path, project.root)}`: {told}" for path in beside]
            if faults:
                yield SignedExports(source.id, len(files), 0, "", tuple(faults))
            continue
        for path in files:
            answer = examined(project, str(path), trust, now, is_export=True)
            own = organisation_of(answer.signer)
            is_outsider = source.provider.independence.rank >= Independence.EXTERNAL.rank
            if not answer.fault and is_outsider and (
                not own or same_name(own, project.audit.organisation.name)
            ):
                told = f"of `{own}`" if own else "that names no organisation"
                answer = replace(answer, fault=f"it is signed with a certificate {told}")
            if answer.fault:
                faults.append(f"`{display_name(path, project.root)}`: {answer.fault}")
            else:
                signed += 1
                who = who or answer.signer
        yield SignedExports(source.id, len(files), signed, who, tuple(faults))
