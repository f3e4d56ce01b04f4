"""The one zip layout a pack may have: stored members, no slack, nothing a reader could disagree on.

Every header field is a function of a member's name, size, checksum and offset (docs/sealing.md).
A verifier can therefore rebuild the container byte for byte, and no byte of it is unaccounted for.
PKWARE APPNOTE 6.3 section numbers are given below.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIMIT_32 = 0xFFFFFFFF
_LIMIT_16 = 0xFFFF
_PLAIN_VERSION = 20
_ZIP64_VERSION = 45
_MADE_BY = (3 << 8) | 45
"""Host system Unix (so that the mode below is read), APPNOTE 4.5."""
_UTF8_FLAG = 0x0800
_DATE_1980 = 0x0021
"""1 January 1980, midnight: the earliest date a zip can hold."""
_MODE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One member: what its headers are made from."""

    name: str
    size: int
    crc32: int


def write_local_header(stream: BinaryIO, entry: Entry) -> None:
    """The local file header (APPNOTE 4.3.7), with a zip64 field only from 4 GiB - 1 on."""
    name = entry.name.encode("utf-8")
    large = entry.size >= _LIMIT_32
    extra = struct.pack("<HHQQ", 1, 16, entry.size, entry.size) if large else b""
    size = _LIMIT_32 if large else entry.size
    stream.write(
        struct.pack(
            "<4sHHHHHLLLHH",
            b"PK\x03\x04",
            _ZIP64_VERSION if large else _PLAIN_VERSION,
            _flags(name),
            0,
            0,
            _DATE_1980,
            entry.crc32,
            size,
            size,
            len(name),
            len(extra),
        )
    )
    stream.write(name + extra)


def write_directory(stream: BinaryIO, entries: Sequence[tuple[Entry, int]], start: int) -> None:
    """The central directory and its end records; `entries` pairs each member with its offset."""
    length = sum(stream.write(_directory_header(entry, offset)) for entry, offset in entries)
    count = len(entries)
    if count >= _LIMIT_16 or length >= _LIMIT_32 or start >= _LIMIT_32:
        # APPNOTE 4.3.14 and 4.3.15.
        stream.write(
            struct.pack(
                "<4sQHHLLQQQQ",
                b"PK\x06\x06",
                44,
                _MADE_BY,
                _ZIP64_VERSION,
                0,
                0,
                count,
                count,
                length,
                start,
            )
        )
        stream.write(struct.pack("<4sLQL", b"PK\x06\x07", 0, start + length, 1))
    short = min(count, _LIMIT_16)
    stream.write(
        struct.pack(
            "<4sHHHHLLH",
            b"PK\x05\x06",
            0,
            0,
            short,
            short,
            min(length, _LIMIT_32),
            min(start, _LIMIT_32),
            0,
        )
    )


def _directory_header(entry: Entry, offset: int) -> bytes:
    """One central directory header (APPNOTE 4.3.12)."""
    name = entry.name.encode("utf-8")
    wide = [entry.size, entry.size] if entry.size >= _LIMIT_32 else []
    if offset >= _LIMIT_32:
        wide.append(offset)
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    size = min(entry.size, _LIMIT_32)
    header = struct.pack(
        "<4sHHHHHHLLLHHHHHLL",
        b"PK\x01\x02",
        _MADE_BY,
        _ZIP64_VERSION if wide else _PLAIN_VERSION,
        _flags(name),
        0,
        0,
        _DATE_1980,
        entry.crc32,
        size,
        size,
        len(name),
        len(extra),
        0,
        0,
        0,
        _MODE,
        min(offset, _LIMIT_32),
    )
    return header + name + extra


def _flags(name: bytes) -> int:
    return 0 if name.isascii() else _UTF8_FLAG
