"""Checking an evidence pack: container, bag, statement, and every signature that lies inside.

The statement is the root: from its subjects the manifests are derived and compared byte for byte,
in both directions, so a file can neither be added, dropped, renamed nor exchanged.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO

from auditgen.canonical import CHUNK_BYTES
from auditgen.errors import Exit
from auditgen.verify.cms import LARGEST_CMS_BYTES
from auditgen.verify.container import ContainerFault, Member, scan
from auditgen.verify.detached import SUFFIX, check_detached
from auditgen.verify.envelope import (
    LARGEST_ENVELOPE_BYTES,
    EnvelopeFault,
    SignedStatement,
    read_envelope,
    summarise,
)
from auditgen.verify.facts import judge
from auditgen.verify.model import Check, Findings, changed, not_checked, passed
from auditgen.verify.pdf import LARGEST_PDF_BYTES, check_pdf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from auditgen.verify.model import Policy

STATEMENT = "statement.dsse.json"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
_TAG_FILES = frozenset({"bag-info.txt", "bagit.txt", MANIFEST, STATEMENT, TAG_MANIFEST})
_DECLARATION_SHA256 = hashlib.sha256(
    b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
).hexdigest()
_MUST_BE_SIGNED = frozenset(
    f"data/report.{name}" for name in ("html", "json", "xlsx", "oscal.json", "poam.json")
)
MOST_SIGNATURES = 500
MOST_PDFS = 20
"""Signed PDFs in one pack; each may take its full time limit."""
_MOST_NAMED = 20
"""Faults of one kind that are listed singly; the rest is counted."""


def check_pack(path: Path, anchors: Sequence[bytes], policy: Policy) -> Findings:
    """All findings about the pack at `path`. Raises OSError only when it cannot be opened."""
    with path.open("rb") as stream:
        try:
            members = {member.name: member for member in scan(stream)}
        except ContainerFault as error:
            reason = "not reached: the container is not as auditgen writes it"
            return Findings(
                (
                    changed("container", path.name, str(error)),
                    not_checked("statement-signature", STATEMENT, reason),
                    not_checked("digest", "data/", reason),
                )
            )
        findings = Findings(_container_checks(path.name, members))
        statement, about = _statement(stream, members, anchors, policy)
        findings += about + Findings(_bag_checks(members, statement))
        return findings + _inner_signatures(stream, members, anchors, policy)


def _container_checks(name: str, members: Mapping[str, Member]) -> tuple[Check, ...]:
    broken = [m.name for m in members.values() if m.crc32 != m.declared_crc32]
    if broken:
        return tuple(
            changed("container", n, "its bytes do not fit the container's checksum")
            for n in broken[:_MOST_NAMED]
        )
    return (passed("container", name, f"{len(members)} members, every byte accounted for"),)


def _read(stream: BinaryIO, member: Member) -> bytes:
    stream.seek(member.data_at)
    return stream.read(member.size)


def _statement(
    stream: BinaryIO, members: Mapping[str, Member], anchors: Sequence[bytes], policy: Policy
) -> tuple[SignedStatement | None, Findings]:
    member = members.get(STATEMENT)
    if member is None:
        return None, Findings((changed("statement-signature", STATEMENT, "it is missing"),))
    if member.size > LARGEST_ENVELOPE_BYTES:
        return None, Findings((changed("statement-signature", STATEMENT, "it is too large"),))
    try:
        signed = read_envelope(_read(stream, member))
    except EnvelopeFault as error:
        return None, Findings((changed("statement-signature", STATEMENT, str(error)),))
    coverage = f"binds {len(signed.subjects)} files by digest"
    who = judge(
        STATEMENT,
        "statement",
        signed.chain,
        signed.algorithm,
        signed.signed_at,
        coverage,
        anchors,
        policy,
    )
    return signed, who + Findings(statement=summarise(signed))


def _bag_checks(
    members: Mapping[str, Member], statement: SignedStatement | None
) -> tuple[Check, ...]:
    payload = {n: m.sha256 for n, m in members.items() if n.startswith("data/")}
    tags = {n: m.sha256 for n, m in members.items() if n not in payload}
    checks = [
        changed("bag", name, "it is missing") for name in sorted(_TAG_FILES - set(tags))
    ] + [
        changed("bag", name, "no such file belongs in a pack")
        for name in sorted(set(tags) - _TAG_FILES)[:_MOST_NAMED]
    ]
    if tags.get("bagit.txt") not in {None, _DECLARATION_SHA256}:
        checks.append(changed("bag", "bagit.txt", "it is not the BagIt 1.0 declaration"))
    expected_payload = payload if statement is None else statement.subjects
    if tags.get(MANIFEST) not in {None, _manifest_sha256(expected_payload)}:
        what = "the files present" if statement is None else "the signed statement"
        checks.append(changed("manifest", MANIFEST, f"it does not say what {what} implies"))
    others = {name: digest for name, digest in tags.items() if name != TAG_MANIFEST}
    if tags.get(TAG_MANIFEST) not in {None, _manifest_sha256(others)}:
        checks.append(changed("manifest", TAG_MANIFEST, "it does not fit the bag's own files"))
    if not checks:
        checks.append(passed("bag", "pack", "BagIt 1.0; manifests complete in both directions"))
    if statement is None:
        reason = "there is no valid statement to compare with"
        return (*checks, not_checked("digest", "data/", reason))
    return (*checks, *_digest_checks(payload, tags, statement))


def _digest_checks(
    payload: Mapping[str, str], tags: Mapping[str, str], statement: SignedStatement
) -> list[Check]:
    signed = statement.subjects
    missing = sorted(set(signed) - set(payload))
    added = sorted(set(payload) - set(signed))
    differing = sorted(n for n in set(signed) & set(payload) if signed[n] != payload[n])
    checks: list[Check] = []
    for names, reason in (
        (missing, "named in the signed statement, but not in the pack (dropped or renamed)"),
        (added, "in the pack, but not in the signed statement (added or renamed)"),
        (differing, "its digest is not the one in the signed statement (changed or exchanged)"),
    ):
        checks += [changed("digest", name, reason) for name in names[:_MOST_NAMED]]
        if len(names) > _MOST_NAMED:
            more = f"and {len(names) - _MOST_NAMED} more: {reason}"
            checks.append(changed("digest", "data/", more))
    if statement.tag_files != {"bag-info.txt": tags.get("bag-info.txt", "")}:
        reason = "its digest is not the one in the signed statement"
        checks.append(changed("digest", "bag-info.txt", reason))
    if not checks:
        text = f"{len(signed)} files, each with the digest in the signed statement"
        checks.append(passed("digest", "data/", text))
    return checks


def _manifest_sha256(digests: Mapping[str, str]) -> str:
    """The digest a BagIt manifest must have (RFC 8493 section 2.1.3, two blanks, sorted)."""
    made = hashlib.sha256()
    for name in sorted(digests):
        made.update(f"{digests[name]}  {name}\n".encode("utf-8", "surrogatepass"))
    return made.hexdigest()


def _inner_signatures(
    stream: BinaryIO, members: Mapping[str, Member], anchors: Sequence[bytes], policy: Policy
) -> Findings:
    """Reports in the pack carry their own signatures; these are checked like any others."""
    findings = Findings()
    beside = [n for n in members if n.startswith("data/") and n.endswith(SUFFIX)]
    reports = [n for n in members if n.startswith("data/") and n.count("/") == 1]
    inside = [n for n in reports if n.lower().endswith(".pdf")]
    if len(beside) > MOST_SIGNATURES or len(inside) > MOST_PDFS:
        reason = f"more than {MOST_SIGNATURES} signatures or {MOST_PDFS} PDFs are not examined"
        return Findings((not_checked("signature", "data/", reason, int(Exit.NOT_CHECKABLE)),))
    for name in beside:
        content = members.get(name.removesuffix(SUFFIX))
        if content is None:
            findings += Findings((changed("signature", name, "the file it signs is missing"),))
        elif members[name].size > LARGEST_CMS_BYTES:
            findings += Findings((changed("signature", name, "it is too large"),))
        else:
            signature = _read(stream, members[name])
            digest = _member_digest(stream, content)
            findings += check_detached(signature, content.name, digest, anchors, policy)
    for name in sorted(_MUST_BE_SIGNED & set(members)):
        if name + SUFFIX not in members:
            reason = f"its signature `{name}{SUFFIX}` is missing"
            findings += Findings((changed("signature", name, reason),))
    for name in inside:
        if members[name].size > LARGEST_PDF_BYTES:
            reason = "it is too large to be read"
            check = not_checked("signature", name, reason, int(Exit.NOT_CHECKABLE))
            findings += Findings((check,))
        else:
            data = _read(stream, members[name])
            findings += check_pdf(data, name, Exit.CHANGED, anchors, policy)
    return findings


def _member_digest(stream: BinaryIO, member: Member) -> Callable[[str], bytes]:
    def digest(algorithm: str) -> bytes:
        if algorithm == "sha256":
            return bytes.fromhex(member.sha256)
        made, left = hashlib.new(algorithm), member.size
        stream.seek(member.data_at)
        while left and (chunk := stream.read(min(CHUNK_BYTES, left))):
            made.update(chunk)
            left -= len(chunk)
        return made.digest()

    return digest
