"""Reading a pack's zip without believing it: every header is rebuilt and compared.

The layout (docs/sealing.md, "The container") leaves no field free: given a member's name, size and
content there is one local header, one directory entry and one end record. So a lenient parser's
tolerance (comments, extra fields, gaps, second directories, symbolic links) has nowhere to live.
Nothing is ever inflated: members are stored, and a declared size beyond the file's end is refused
before anything is read.
"""

from __future__ import annotations

import hashlib
import os
import struct
import unicodedata
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from auditgen.canonical import CHUNK_BYTES

TOP = "pack/"
MOST_MEMBERS = 200_000
LONGEST_NAME_BYTES = 1024 + len(TOP)
_LONGEST_PART_BYTES = 255
_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_LOCAL_FIELDS = (
    ("signature", 0, 4),
    ("version needed", 4, 6),
    ("flags", 6, 8),
    ("compression method", 8, 10),
    ("modification time", 10, 12),
    ("modification date", 12, 14),
    ("checksum", 14, 18),
    ("stored size", 18, 22),
    ("size", 22, 26),
    ("name length", 26, 28),
    ("extra field length", 28, 30),
)
_ENTRY_FIELDS = (
    ("signature", 0, 4),
    ("version made by", 4, 6),
    ("version needed", 6, 8),
    ("flags", 8, 10),
    ("compression method", 10, 12),
    ("modification time", 12, 14),
    ("modification date", 14, 16),
    ("checksum", 16, 20),
    ("stored size", 20, 24),
    ("size", 24, 28),
    ("name length", 28, 30),
    ("extra field length", 30, 32),
    ("comment length", 32, 34),
    ("disk number", 34, 36),
    ("internal attributes", 36, 38),
    ("file attributes (such as a symbolic link)", 38, 42),
    ("offset", 42, 46),
)
_NEVER = "\\:*?\"<>|%"


class ContainerFault(Exception):
    """The container is not the one layout; the message says where it departs."""


@dataclass(frozen=True, slots=True)
class Member:
    """One stored member, with digests over the bytes that really are there."""

    name: str
    """Without the top folder."""
    header_at: int
    """Byte offset of the local header."""
    data_at: int
    size: int
    sha256: str
    crc32: int
    declared_crc32: int


def scan(stream: BinaryIO) -> tuple[Member, ...]:
    """Every member in file order, read in one pass with constant memory per member.

    Raises ContainerFault at the first departure from the layout. A wrong checksum is left to the
    caller (`declared_crc32`), so that a changed member can be named as such.
    """
    stream.seek(0, os.SEEK_END)
    end = stream.tell()
    stream.seek(0)
    members: list[Member] = []
    previous = b""
    while (mark := stream.read(4)) == b"PK\x03\x04":
        stream.seek(-4, os.SEEK_CUR)
        if len(members) >= MOST_MEMBERS:
            raise ContainerFault(f"it has more than {MOST_MEMBERS} members")
        member = _read_member(stream, end)
        encoded = member.name.encode("utf-8")
        if members and encoded == previous:
            raise ContainerFault(f"duplicate member `{member.name}`")
        if members and encoded < previous:
            raise ContainerFault(f"member `{member.name}` is out of order (or a duplicate)")
        previous = encoded
        members.append(member)
    if not members:
        raise ContainerFault("it does not begin with a zip member")
    if mark not in {b"PK\x01\x02", b"PK\x06\x06", b"PK\x05\x06"}:
        place = stream.tell() - len(mark)
        raise ContainerFault(f"neither a member nor the directory stands at byte {place}")
    stream.seek(-len(mark), os.SEEK_CUR)
    _check_directory(stream, members)
    return tuple(members)


def _read_member(stream: BinaryIO, end: int) -> Member:
    start = stream.tell()
    header = stream.read(_LOCAL.size)
    if len(header) < _LOCAL.size:
        raise ContainerFault("it is cut off inside a member header")
    fields = _LOCAL.unpack(header)
    crc, size, name_length, extra_length = fields[6], fields[8], fields[9], fields[10]
    if name_length > LONGEST_NAME_BYTES:
        raise ContainerFault(f"a member name of {name_length} bytes is too long")
    raw_name = stream.read(name_length)
    name = _member_name(raw_name)
    wide = size == 0xFFFFFFFF
    extra = stream.read(20) if wide else b""
    if wide:
        if len(extra) < 20:
            raise ContainerFault(f"`{name}`: the zip64 size is cut off")
        size = struct.unpack("<HHQQ", extra)[2]
        if size < 0xFFFFFFFF:
            raise ContainerFault(f"`{name}`: a zip64 size where none is needed")
    data_at = stream.tell()
    if size > end - data_at:
        raise ContainerFault(f"`{name}` declares {size} bytes, more than the file holds")
    expected = _local_header(raw_name, size, crc)
    if header + raw_name + extra != expected:
        wrong = _first_difference(header, expected, _LOCAL_FIELDS)
        if extra_length and not wide:
            wrong = "extra field length"
        raise ContainerFault(f"`{name}`: {wrong} in the member header is not the canonical one")
    digest, actual = _digest(stream, size)
    return Member(name, start, data_at, size, digest, actual, crc)


def _digest(stream: BinaryIO, size: int) -> tuple[str, int]:
    digest, crc, left = hashlib.sha256(), 0, size
    while left:
        chunk = stream.read(min(CHUNK_BYTES, left))
        if not chunk:
            raise ContainerFault("it is cut off inside a member")
        digest.update(chunk)
        crc = zlib.crc32(chunk, crc)
        left -= len(chunk)
    return digest.hexdigest(), crc


def _member_name(raw: bytes) -> str:
    """The name below the top folder; refused unless it is a plain, portable relative path."""
    try:
        full = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ContainerFault(f"a member name is not UTF-8: {raw[:40]!r}") from None
    if not full.startswith(TOP):
        raise ContainerFault(f"member `{full}` lies outside `{TOP}` (path traversal?)")
    name = full[len(TOP) :]
    parts = name.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise ContainerFault(f"member `{full}` is not a plain relative path (path traversal?)")
    portable = (
        unicodedata.is_normalized("NFC", name)
        and not any(char in _NEVER or unicodedata.category(char)[0] == "C" for char in name)
        and not any(part != part.strip() or part.endswith(".") for part in parts)
        and all(len(part.encode("utf-8")) <= _LONGEST_PART_BYTES for part in parts)
    )
    if not portable:
        raise ContainerFault(f"member `{full}` has a name no pack may use")
    return name


def _local_header(raw_name: bytes, size: int, crc: int) -> bytes:
    large = size >= 0xFFFFFFFF
    extra = struct.pack("<HHQQ", 1, 16, size, size) if large else b""
    short = 0xFFFFFFFF if large else size
    fixed = _LOCAL.pack(
        b"PK\x03\x04",
        45 if large else 20,
        0 if raw_name.isascii() else 0x800,
        0,
        0,
        0x21,
        crc,
        short,
        short,
        len(raw_name),
        len(extra),
    )
    return fixed + raw_name + extra


def _directory_entry(member: Member) -> bytes:
    raw_name = (TOP + member.name).encode("utf-8")
    wide = b""
    if member.size >= 0xFFFFFFFF:
        wide += struct.pack("<QQ", member.size, member.size)
    if member.header_at >= 0xFFFFFFFF:
        wide += struct.pack("<Q", member.header_at)
    extra = struct.pack("<HH", 1, len(wide)) + wide if wide else b""
    short = min(member.size, 0xFFFFFFFF)
    fixed = struct.pack(
        "<4s6H3L5H2L",
        b"PK\x01\x02",
        0x32D,
        45 if wide else 20,
        0 if raw_name.isascii() else 0x800,
        0,
        0,
        0x21,
        member.declared_crc32,
        short,
        short,
        len(raw_name),
        len(extra),
        0,
        0,
        0,
        0o100644 << 16,
        min(member.header_at, 0xFFFFFFFF),
    )
    return fixed + raw_name + extra


def _check_directory(stream: BinaryIO, members: list[Member]) -> None:
    """The directory and end records must be exactly those the members imply, and end the file."""
    start, length = stream.tell(), 0
    for member in members:
        expected = _directory_entry(member)
        found = stream.read(len(expected))
        length += len(expected)
        if found != expected:
            wrong = _first_difference(found, expected, _ENTRY_FIELDS)
            raise ContainerFault(
                f"`{member.name}`: {wrong} in the directory is not the canonical one"
            )
    expected = _end_records(len(members), length, start)
    if stream.read(len(expected)) != expected:
        raise ContainerFault("the end of the directory is not the canonical one")
    if stream.read(1):
        raise ContainerFault("bytes follow the end of the zip")


def _end_records(count: int, length: int, start: int) -> bytes:
    out = b""
    if count >= 0xFFFF or length >= 0xFFFFFFFF or start >= 0xFFFFFFFF:
        totals = struct.pack("<4Q", count, count, length, start)
        out += struct.pack("<4sQ2H2L", b"PK\x06\x06", 44, 0x32D, 45, 0, 0) + totals
        out += struct.pack("<4sLQL", b"PK\x06\x07", 0, start + length, 1)
    short = min(count, 0xFFFF)
    sizes = (min(length, 0xFFFFFFFF), min(start, 0xFFFFFFFF))
    return out + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, short, short, *sizes, 0)


def _first_difference(
    found: bytes, expected: bytes, fields: tuple[tuple[str, int, int], ...]
) -> str:
    for name, start, end in fields:
        if found[start:end] != expected[start:end]:
            return name
    return "the name or extra field"
