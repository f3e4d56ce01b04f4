"""Packed text files: gzip and zstd, told by their magic numbers; a missing end is noticed."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import zstandard

if TYPE_CHECKING:
    from pathlib import Path

GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
DAMAGED = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""What reading on raises where a packed file is damaged or cut off."""
_BUFFER = 1 << 20


_TAKEN = 2048
"""So much is unpacked at once: the most that zstd can make of it is 64 MiB."""


class _Frames(io.RawIOBase):
    """Zstd frames, one behind the other, that must all have an end.

    The stream reader of `zstandard` takes a frame that was cut off for a whole one.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._packed = b""
        self._text = memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        while not self._text:
            self._packed = self._packed or self._file.read(_TAKEN)
            if not self._packed:
                if self._frame is not None:
                    message = "the last zstd frame has no end"
                    raise EOFError(message)
                return 0
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._text = memoryview(self._frame.decompress(self._packed))
            self._packed = b""
            if self._frame.eof:
                self._packed, self._frame = self._frame.unused_data, None
        taken = min(len(buffer), len(self._text))
        buffer[:taken] = self._text[:taken]
        self._text = self._text[taken:]
        return taken


def packing(head: bytes) -> str:
    """`gzip`, `zstd` or nothing, by the magic number."""
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if head.startswith(ZSTD_MAGIC) else ""


def is_packed(path: Path) -> bool:
    """Whether the file is a gzip or zstd one."""
    with path.open("rb") as stream:
        return bool(packing(stream.read(4)))


def open_packed(path: Path, packed: str) -> BinaryIO:
    """The text of a file that is packed with `gzip`, `zstd` or nothing. Reading may raise `DAMAGED`."""
    if packed == "gzip":
        return cast("BinaryIO", gzip.open(path))
    if packed == "zstd":
        return io.BufferedReader(_Frames(path), _BUFFER)
    return path.open("rb")


def open_unpacked(path: Path) -> BinaryIO:
    """The file's text as a stream, whatever it is packed with. Reading may raise `DAMAGED`."""
    with path.open("rb") as stream:
        packed = packing(stream.read(4))
    return open_packed(path, packed)


def beginning(packed: bytes, limit: int) -> bytes:
    """What the first bytes of a packed file hold, as far as they can be unpacked."""
    if packing(packed) != "gzip":
        return _beginning_of_frames(packed, limit)
    text = b""
    while packed and len(text) < limit:
        member = zlib.decompressobj(31)
        try:
            text += member.decompress(packed, limit - len(text))
        except zlib.error:
            break
        packed = member.unused_data
    return text


def _beginning_of_frames(packed: bytes, limit: int) -> bytes:
    text = b""
    frame = zstandard.ZstdDecompressor().decompressobj()
    for at in range(0, len(packed), _TAKEN):
        try:
            text += frame.decompress(packed[at : at + _TAKEN])
        except zstandard.ZstdError:
            break
        if len(text) >= limit or frame.eof:
            break
    return text[:limit]
