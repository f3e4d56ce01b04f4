"""The evidence pack: a BagIt bag (RFC 8493) with a signed statement, in one canonical zip.

A bag lets anybody check the digests with `sha256sum`; the statement says who vouches for them.
Everything in the pack is bound by the statement, directly or because it can be derived from it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import unicodedata
import zlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditgen.canonical import CHUNK_BYTES, sha256_bytes
from auditgen.diagnostics import Diagnostic
from auditgen.errors import EnvironmentRefused, InputRefused
from auditgen.seal.statement import build_statement, sign_statement
from auditgen.seal.ziplayout import Entry, write_directory, write_local_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from typing import BinaryIO

    from auditgen.seal.signer import Signer

TOP = "pack"
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_LONGEST_PART_BYTES = 255
_LONGEST_NAME_BYTES = 1024
_FORBIDDEN = frozenset('\\:*?"<>|%')
"""Not legal on Windows, or (`%`) encoded in a BagIt manifest in ways that readers disagree on."""


@dataclass(frozen=True, slots=True)
class PackSummary:
    """What was written."""

    path: Path
    sha256: str
    """Over the whole zip."""
    size: int
    """Bytes of the zip."""
    file_count: int
    """Payload files."""
    payload_bytes: int
    statement_sha256: str
    """Over `statement.dsse.json`."""


@dataclass(frozen=True, slots=True)
class _Content:
    source: Path | bytes
    size: int
    sha256: str
    crc32: int


def write_pack(
    target: Path,
    files: Mapping[str, Path | bytes],
    *,
    statement_predicate: dict[str, Any],
    signer: Signer,
    signed_at: datetime,
    bag_info: Mapping[str, str],
) -> PackSummary:
    """Write `target`, replacing it, with every file of `files` (name under `data/` to content).

    The statement's subjects are all payload files as `data/<name>` with their final digests. To
    `statement_predicate` a member `seal` is added: `signed_at` (claimed), the signer's certificate
    digest, and the digest of bag-info.txt. Files are streamed; the pack is written beside the
    target and renamed, so that no failure leaves a part of it. Raises InputRefused for names that
    cannot be packed, EnvironmentRefused when reading or writing fails.
    """
    if signed_at.tzinfo is None:
        raise ValueError("`signed_at` needs a time zone")
    if "seal" in statement_predicate:
        raise ValueError("`seal` in the predicate is written by `write_pack` itself")
    _refuse_names(files)
    try:
        payload = {f"data/{name}": _examine(source) for name, source in files.items()}
        info = _bag_info(bag_info, payload, signed_at)
        moment = signed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        seal = {
            "signed_at": moment,
            "signer_sha256": signer.sha256_fingerprint,
            "tag_files": {"bag-info.txt": sha256_bytes(info)},
        }
        statement = build_statement(
            {name: content.sha256 for name, content in payload.items()},
            {**statement_predicate, "seal": seal},
        )
        envelope = sign_statement(statement, signer)
        tags = {
            "bag-info.txt": info,
            "bagit.txt": DECLARATION,
            "manifest-sha256.txt": _manifest({n: c.sha256 for n, c in payload.items()}),
            "statement.dsse.json": envelope,
        }
        tags["tagmanifest-sha256.txt"] = _manifest({n: sha256_bytes(d) for n, d in tags.items()})
        members = payload | {name: _examine(data) for name, data in tags.items()}
        digest, size = _write_zip(target, members)
    except OSError as error:
        place = error.filename or target
        raise EnvironmentRefused(
            f"cannot write the pack `{target}`: `{place}`: {error.strerror or error}",
            hint="no pack was written",
        ) from error
    return PackSummary(
        path=target,
        sha256=digest,
        size=size,
        file_count=len(payload),
        payload_bytes=sum(content.size for content in payload.values()),
        statement_sha256=sha256_bytes(envelope),
    )


def _refuse_names(files: Mapping[str, Path | bytes]) -> None:
    faults = [
        Diagnostic("pack-name", f"`{name}` cannot be packed: {reason}")
        for name in files
        if (reason := _name_fault(name))
    ]
    seen: dict[str, str] = {}
    for name in files:
        folded = unicodedata.normalize("NFC", name).casefold()
        if other := seen.get(folded):
            message = f"`{other}` and `{name}` are one file on systems that ignore case"
            faults.append(Diagnostic("pack-name-clash", message))
        seen[folded] = name
    if not files:
        faults.append(Diagnostic("pack-empty", "there is no file to pack"))
    if faults:
        raise InputRefused(
            "no pack was written", hint="rename the files", diagnostics=tuple(faults)
        )


def _name_fault(name: str) -> str:
    if any(unicodedata.category(char)[0] == "C" for char in name):
        return "it holds a control or invisible character"
    if unicodedata.normalize("NFC", name) != name:
        return "its letters are not in Unicode normal form C"
    if bad := sorted(_FORBIDDEN & set(name)):
        return f"it holds `{bad[0]}`"
    if len(name.encode("utf-8")) > _LONGEST_NAME_BYTES:
        return f"it is longer than {_LONGEST_NAME_BYTES} bytes"
    for part in name.split("/"):
        if part in {"", ".", ".."}:
            return "it is not a plain relative path"
        if part != part.strip() or part.endswith("."):
            return "a part of it begins or ends with a blank, or ends with a dot"
        if len(part.encode("utf-8")) > _LONGEST_PART_BYTES:
            return f"a part of it is longer than {_LONGEST_PART_BYTES} bytes"
    return ""


def _chunks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def _examine(source: Path | bytes) -> _Content:
    """One pass over a source for what the headers and manifests need."""
    digest, crc, size = hashlib.sha256(), 0, 0
    for chunk in _chunks(source):
        digest.update(chunk)
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
    return _Content(source, size, digest.hexdigest(), crc)


def _bag_info(
    given: Mapping[str, str], payload: Mapping[str, _Content], signed_at: datetime
) -> bytes:
    """bag-info.txt (RFC 8493 section 2.2.2), sorted by label."""
    octets = sum(content.size for content in payload.values())
    fields = {
        **given,
        "Bagging-Date": signed_at.astimezone(UTC).strftime("%Y-%m-%d"),
        "Payload-Oxum": f"{octets}.{len(payload)}",
    }
    for label, value in fields.items():
        if ":" in label or not label.isprintable() or not value.isprintable() or not label.strip():
            raise ValueError(f"bag-info `{label}` cannot be written on one line")
    return "".join(f"{label}: {fields[label]}\n" for label in sorted(fields)).encode("utf-8")


def _manifest(digests: Mapping[str, str]) -> bytes:
    """A BagIt manifest (RFC 8493 section 2.1.3), which is also `sha256sum --check` input."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode("utf-8")


def _write_zip(target: Path, members: Mapping[str, _Content]) -> tuple[str, int]:
    """Write the container beside `target` and rename it; returns its SHA-256 and size in bytes."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            _write_members(stream, members)
            stream.flush()
            os.fsync(stream.fileno())
            size = stream.tell()
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        temporary.chmod(0o644)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(target.parent)
    return digest, size


def _write_members(stream: BinaryIO, members: Mapping[str, _Content]) -> None:
    entries: list[tuple[Entry, int]] = []
    for name in sorted(members):
        content = members[name]
        entry = Entry(f"{TOP}/{name}", content.size, content.crc32)
        entries.append((entry, stream.tell()))
        write_local_header(stream, entry)
        digest = hashlib.sha256()
        for chunk in _chunks(content.source):
            digest.update(chunk)
            stream.write(chunk)
        if digest.hexdigest() != content.sha256:
            raise EnvironmentRefused(
                f"`{content.source!s}` changed while it was being packed",
                hint="no pack was written; run again when nothing writes to it",
            )
    write_directory(stream, entries, stream.tell())


def _sync_directory(directory: Path) -> None:
    """Make the rename itself survive a power cut, where the system knows how."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
