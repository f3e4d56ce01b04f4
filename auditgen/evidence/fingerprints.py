"""What a file is, by its bytes: read once, several files at a time, remembered while nothing touches it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

CHUNK_BYTES = 1 << 20
SETTLED_NS = 2_000_000_000
"""A file that changed a moment before it was read could change again within the same tick of its clock."""
NAME = "fingerprints.json"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Digest and size of a file's bytes."""

    sha256: str
    size: int
    lines: int
    """Line feeds, and one more for a last line without."""


def take(path: Path) -> Fingerprint:
    """Read the file from beginning to end. Raises OSError."""
    digest = hashlib.sha256()
    size, lines, last = 0, 0, b"\n"
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return Fingerprint(digest.hexdigest(), size, lines + (last != b"\n"))


class Fingerprints:
    """Fingerprints by place, kept between runs in the evidence store.

    One is taken again as soon as size, inode, time of writing or time of change differ. The time of change
    is set by the system and not by whoever writes the file.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self._known: dict[str, list[object]] = {}
        try:
            found = orjson.loads(self._path.read_bytes())
            self._known = {k: v for k, v in found.items() if isinstance(v, list) and len(v) == 7}
        except (OSError, ValueError, AttributeError):
            pass  # a cache: what cannot be read is taken again
        self._is_changed = False
        self._taken: dict[str, tuple[list[int], Fingerprint]] = {}

    def once(self, path: Path) -> Fingerprint:
        """The same, taken once in a run while nothing touches the file: for files that many others need.

        Raises OSError.
        """
        stamp, name = _place(path)
        known = self._taken.get(name)
        return known[1] if known is not None and known[0] == stamp else self.of(path)

    def of(self, path: Path) -> Fingerprint:
        """The file's fingerprint. Raises OSError."""
        stamp, name = _place(path)
        found = self._of(path, stamp, name)
        self._taken[name] = stamp, found
        return found

    def _of(self, path: Path, stamp: list[int], name: str) -> Fingerprint:
        known = self._known.get(name)
        if known is not None and known[:4] == stamp:
            return Fingerprint(str(known[4]), int(str(known[5])), int(str(known[6])))
        taken = take(path)
        after = os.stat(path)
        is_settled = time.time_ns() - max(after.st_mtime_ns, after.st_ctime_ns) > SETTLED_NS
        is_same = [after.st_size, after.st_ino, after.st_mtime_ns, after.st_ctime_ns] == stamp
        if is_settled and is_same:
            self._known[name] = [*stamp, taken.sha256, taken.size, taken.lines]
            self._is_changed = True
        return taken

    def prepare(
        self, paths: Iterable[Path], progress: Callable[[Path], None] = lambda _: None
    ) -> None:
        """Take several at once; what cannot be read is left for whoever asks for it."""

        def one(path: Path) -> Path:
            with contextlib.suppress(OSError, ValueError):
                self.of(path)
            return path

        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            for path in pool.map(one, paths):
                progress(path)

    def save(self) -> None:
        """Keep them for the next run; a store that cannot be written is somebody else's fault to tell."""
        if not self._is_changed:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".fingerprints-")
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(orjson.dumps(self._known))
            os.rename(name, self._path)
        except OSError:
            pass


def _place(path: Path) -> tuple[list[int], str]:
    """What changes when a file does, and how it is called."""
    status = os.stat(path)
    stamp = [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]
    return stamp, os.path.abspath(os.fsdecode(path)).encode("utf-8", "backslashreplace").decode()
