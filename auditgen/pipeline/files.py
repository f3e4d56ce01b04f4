"""Which files audit.yaml means: names, globs, and what is no evidence of its own."""

from __future__ import annotations

import glob
import os
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from auditgen.pipeline.statements import is_signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from auditgen.project import Project, SourceBlock


def evidence_files(project: Project) -> list[tuple[SourceBlock, Path]]:
    """The files of every source; a signature that lies beside the file it signs is no evidence of its own."""
    out = []
    for source in project.audit.sources:
        files = list(expand(project, source.files or ()))
        known = frozenset(files)
        # without `signed_by` nobody said that files are signed: then nothing is set aside
        signs = bool(source.provider.signed_by)
        out += [(source, path) for path in files if not (signs and is_signature(path, known))]
    return out


def expand(project: Project, patterns: Sequence[str]) -> list[Path]:
    """The files that match, sorted; a name without wildcards stands for itself even when absent."""
    names: dict[str, None] = {}
    for pattern in patterns:
        if not glob.has_magic(pattern):
            if os.path.lexists(project.root / pattern):
                names.setdefault(pattern)
            continue
        parts = tuple(part for part in pattern.split("/") if part not in {"", "."})
        if "**" in parts and not os.path.isabs(pattern):
            found = _walked(project.root, parts)
        else:
            found = (n for n in glob.glob(pattern, root_dir=project.root) if not (project.root / n).is_dir())
        names |= dict.fromkeys(sorted(found))
    return [project.root / name for name in names]


def _walked(root: Path, parts: tuple[str, ...]) -> Iterator[str]:
    """Names that fit a pattern with `**`, each once.

    Links to folders are named and not followed: two of them can lead round in circles for ever, and one
    out of the project.
    """
    seen: set[tuple[str, int]] = set()
    waiting = [("", 0)]
    while waiting:
        folder, at = place = waiting.pop()
        if place in seen or at >= len(parts):
            continue
        seen.add(place)
        part, is_last = parts[at], at == len(parts) - 1
        if part != "**" and not glob.has_magic(part):
            name = f"{folder}{part}"
            if (root / name).is_dir():
                waiting.append((f"{name}/", at + 1))
            elif is_last and os.path.lexists(root / name):
                yield name
            continue
        if part == "**" and not is_last:
            waiting.append((folder, at + 1))
        try:
            entries = list(os.scandir(root / folder))
        except OSError:  # it is named, so that nobody takes it for read
            yield folder.rstrip("/")
            continue
        for entry in entries:
            name = f"{folder}{entry.name}"
            if entry.name.startswith(".") and not part.startswith("."):
                continue
            if part == "**":
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((f"{name}/", at))
                elif is_last or entry.is_dir():
                    yield name
            elif fnmatchcase(entry.name, part):
                if entry.is_dir():
                    waiting.append((f"{name}/", at + 1))
                elif is_last:
                    yield name
