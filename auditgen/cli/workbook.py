"""Files for `auditgen worksheet export` and `import`: read, checked and written whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from auditgen import __version__
from auditgen.canonical import sha256_bytes
from auditgen.diagnostics import Diagnostic, Span
from auditgen.errors import EnvironmentRefused, InputRefused
from auditgen.project import load_project
from auditgen.worksheet.importing import candidate_faults, propose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.project import Project
    from auditgen.worksheet.faults import Fault
    from auditgen.worksheet.importing import Proposal

MAX_FAULTS = 100


def export_book(audit: Path, target: Path, *, force: bool) -> Path:
    """Write the workbook of an audit.yaml. Raises InputRefused and EnvironmentRefused."""
    import io

    from auditgen.worksheet.book import Origin, write_book
    from auditgen.worksheet.pages import pages_of

    _may_write(target, force=force)
    project, raw = _load(audit)
    origin = Origin(sha256_bytes(raw), __version__, project.audit.report.id, project.audit.period.end)
    out = io.BytesIO()
    write_book(pages_of(project), origin, out)
    _replace(_part(target, out.getvalue(), audit), target)
    return target


def import_book(workbook: Path, audit: Path, target: Path, *, force: bool, is_merge: bool) -> Proposal:
    """Write the audit.yaml that a workbook asks for.

    Raises InputRefused with every fault, and EnvironmentRefused.
    """
    _may_write(target, force=force)
    project, raw = _load(audit)
    data = _read(workbook)
    proposal = propose(data, project, sha256_bytes(raw), is_merge=is_merge)
    if proposal.faults:
        raise _refusal(workbook, proposal.faults, is_other=proposal.is_other)
    part = _part(target, raw if not proposal.changes else _spelled(proposal.text, raw), audit)
    try:
        faults = candidate_faults(proposal, part)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if faults:
        part.unlink(missing_ok=True)
        raise _refusal(workbook, faults, is_other=False)
    _replace(part, target)
    return proposal


def _load(audit: Path) -> tuple[Project, bytes]:
    project = load_project(audit, needs_signer=False)
    raw = _read(audit)
    if raw.decode("utf-8-sig", "replace").replace("\r\n", "\n") != project.document.text:
        raise EnvironmentRefused(f"`{audit}` changed while it was read", hint="try again")
    return project, raw


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EnvironmentRefused(f"`{path}` cannot be read: {error.strerror or error}") from error


def _may_write(target: Path, *, force: bool) -> None:
    if target.exists() and not force:
        raise EnvironmentRefused(
            f"`{target}` lies there already; nothing was written",
            hint="name another file with --out, or add --force",
        )


def _spelled(text: str, raw: bytes) -> bytes:
    """The text with the line ends and the mark at the beginning that the file had."""
    if b"\r\n" in raw:
        text = text.replace("\n", "\r\n")
    mark = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
    return mark + text.encode("utf-8")


def _part(target: Path, data: bytes, like: Path) -> Path:
    """The bytes in a hidden file beside the target, readable by whoever may read `like`."""
    try:
        handle, name = tempfile.mkstemp(prefix=".auditgen-", suffix=target.suffix, dir=target.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        shutil.copymode(like, name)
    except OSError as error:
        raise _unwritable(target, error) from error
    return Path(name)


def _replace(part: Path, target: Path) -> None:
    try:
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> EnvironmentRefused:
    return EnvironmentRefused(
        f"`{target}` cannot be written: {error.strerror or error}", hint="name another file with --out"
    )


def _refusal(workbook: Path, faults: Sequence[Fault], *, is_other: bool) -> InputRefused:
    shown = [
        Diagnostic(fault.code, fault.text, str(workbook), Span(*fault.place, *fault.place))
        for fault in faults[:MAX_FAULTS]
    ]
    if is_other:
        return InputRefused(
            f"`{workbook}` was made from something else; nothing was written",
            hint="export anew and edit that, or add --merge to take over what was edited, cell by cell",
            diagnostics=shown,
        )
    count = len(faults)
    more = f"; the first {MAX_FAULTS} are shown" if count > MAX_FAULTS else ""
    return InputRefused(
        f"{count} fault{'' if count == 1 else 's'} in `{workbook}`{more}; nothing was written",
        hint="mend the cells that are named, save, and import again",
        diagnostics=shown,
    )
