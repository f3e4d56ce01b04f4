"""The container of an Inspect log: members of an `.eval` zip, or the parts of a plain `.json`.

Everything is bounded before it is inflated, and checked after. A member is named by the directory at
the end of the zip; where that is gone (a file cut short), members that are still whole are found by
their own headers.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any

from auditgen.sources.interface import ZIP_FAULTS
from auditgen.sources.jsontext import FiniteStream, as_list, build_object, loads, parse_events

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

MAX_MEMBER_BYTES = 512 * 1024 * 1024
"""A member that inflates beyond this is a bomb, or nothing an auditor could read."""
MAX_RATIO, RATIO_FROM = 2000, 64 * 1024 * 1024
"""How often its packed size a large member may inflate to; repeated tracebacks reach a few hundred."""
WHOLE_BYTES = 16 * 1024 * 1024
"""A list longer than this is parsed item by item."""
CHUNKS_BYTES, MAX_MESSAGES = 64 * 1024 * 1024, 100_000
"""How much of a sample that is spread over many members is put together."""
ZIP_STORED, ZIP_DEFLATED, ZIP_ZSTD = 0, 8, 93
FAULTS = (ValueError, OSError, zlib.error, struct.error, RecursionError)
"""What reading a damaged member raises; the message says what is wrong."""
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_SIZES_FOLLOW, _ENCRYPTED = 0x8, 0x1
_MEMBER = re.compile(r"samples/.*\.json", re.DOTALL)
_PART = re.compile(
    r"(?P<place>samples/.+_epoch_[0-9]+)/"
    r"(?:sample|metadata|skeleton|(?:messages|events|calls|attachments)/(?:(?P<start>[0-9]{1,18})|stats|uuids))\.json",
    re.DOTALL,
)
_SHELL = "/sample.json"


@dataclass(frozen=True, slots=True)
class Archive:
    """The members of one zip by name; of those that share a name the last, as Inspect reads it."""

    stream: BinaryIO
    members: Mapping[str, zipfile.ZipInfo]
    superseded: int
    """Members that a later one of the same name replaces."""
    is_recovered: bool
    """Whether the directory is gone and members were found by their own headers."""
    entangled: frozenset[str]
    """Names of members that share bytes with another one."""
    sequences: Mapping[str, Sequence[tuple[int, str]]]
    """For samples in many members: `samples/ID_epoch_N/messages` to (first item, member) in order."""

    def read(self, name: str) -> bytes:
        """A member's bytes. Raises one of `FAULTS` for damage and for bombs."""
        if name in self.entangled:
            message = "it shares its bytes with another member"
            raise ValueError(message)
        return inflate(self.stream, self.members[name])

    def items(self, name: str) -> Iterator[Any]:
        """The items of a member that is a JSON array, without holding a long one. Raises `FAULTS`."""
        data = self.read(name)
        if len(data) <= WHOLE_BYTES:
            yield from as_list(loads(data)[0])
            return
        import ijson

        events = parse_events(FiniteStream(BytesIO(data)))
        try:
            for prefix, event, _ in events:
                if prefix == "item" and event == "start_map":
                    yield build_object(events, "item")
        except ijson.JSONError as error:
            raise ValueError(str(error)) from None


def open_archive(path: Path, stream: BinaryIO) -> Archive:
    """The archive behind an open file. Raises ValueError when nothing in it can be found."""
    fault = ""
    try:
        with zipfile.ZipFile(path) as directory:
            found, is_recovered = directory.infolist(), False
    except ZIP_FAULTS as error:
        fault = str(error)[:120] or type(error).__name__
        found, is_recovered = list(_whole_members(stream)), True
    if not found:
        message = fault or "it holds nothing"
        raise ValueError(message)
    members = {info.filename: info for info in found}
    return Archive(
        stream=stream,
        members=members,
        superseded=len(found) - len(members),
        is_recovered=is_recovered,
        entangled=frozenset(_entangled(members.values())),
        sequences=_sequences(members),
    )


def _whole_members(stream: BinaryIO) -> Iterator[zipfile.ZipInfo]:
    """Members in the order they lie in the file, up to the first that is not whole."""
    size = os.fstat(stream.fileno()).st_size
    at = 0
    while at + _LOCAL_HEADER.size <= size:
        stream.seek(at)
        header = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
        magic, _, flags, method, _, _, crc, packed, plain, name_length, extra_length = header
        if magic != b"PK\x03\x04" or flags & _SIZES_FOLLOW:
            return
        end = at + _LOCAL_HEADER.size + name_length + extra_length + packed
        if end > size:
            return
        raw = stream.read(name_length)
        info = zipfile.ZipInfo(raw.decode("utf-8", "replace").partition("\0")[0])
        info.orig_filename = raw.decode("utf-8", "replace")
        info.header_offset, info.compress_type, info.CRC = at, method, crc
        info.compress_size, info.file_size, info.flag_bits = packed, plain, flags
        yield info
        at = end


def _sequences(members: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = {}
    for name in members:
        part = _PART.fullmatch(name) if name.count("/") > 2 else None
        if part is not None and part["start"] is not None:
            found.setdefault(name.rpartition("/")[0], []).append((int(part["start"]), name))
    return {place: sorted(starts) for place, starts in found.items()}


def _entangled(members: Any) -> Iterator[str]:
    """Members whose bytes another one claims too: how a small zip is made to inflate without end."""
    end, owner = 0, ""
    for info in sorted(members, key=lambda info: info.header_offset):
        if info.header_offset < end:
            yield from (owner, info.filename)
        own_end = info.header_offset + _LOCAL_HEADER.size + info.compress_size
        if own_end > end:
            end, owner = own_end, info.filename


def inflate(stream: BinaryIO, info: zipfile.ZipInfo) -> bytes:
    """The member's bytes, checked against its name, size and CRC. Raises one of `FAULTS`."""
    if info.file_size > MAX_MEMBER_BYTES:
        message = f"inflates beyond {MAX_MEMBER_BYTES} bytes"
        raise ValueError(message)
    if info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * info.compress_size:
        message = f"inflates beyond {MAX_RATIO} times its size"
        raise ValueError(message)
    if max(info.header_offset, info.compress_size) > os.fstat(stream.fileno()).st_size:
        message = "the directory points beyond the end of the file"
        raise ValueError(message)
    stream.seek(info.header_offset)
    header = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
    if header[0] != b"PK\x03\x04":
        message = "no local header where the directory says"
        raise ValueError(message)
    if (header[2] | info.flag_bits) & _ENCRYPTED:
        message = "it is encrypted"
        raise ValueError(message)
    name = stream.read(header[-2])
    if not _is_named(name, info):
        message = "the directory gives it another name than its own header"
        raise ValueError(message)
    stream.seek(header[-1], os.SEEK_CUR)
    raw = stream.read(info.compress_size)
    if info.compress_type == ZIP_STORED:
        data = raw
    elif info.compress_type == ZIP_DEFLATED:
        data = zlib.decompressobj(-15).decompress(raw, info.file_size + 1)
    elif info.compress_type == ZIP_ZSTD:
        data = _inflate_zstd(raw, info.file_size + 1)
    else:
        message = f"compression method {info.compress_type} is not used by Inspect"
        raise ValueError(message)
    if len(data) != info.file_size:
        message = f"it does not hold the {info.file_size} bytes that the directory says"
        raise ValueError(message)
    if zlib.crc32(data) != info.CRC:
        message = "its checksum does not match its bytes"
        raise ValueError(message)
    return data


def _is_named(raw: bytes, info: zipfile.ZipInfo) -> bool:
    return any(
        raw.decode(encoding, "replace") == info.orig_filename for encoding in ("utf-8", "cp437")
    )


def _inflate_zstd(raw: bytes, limit: int) -> bytes:
    import zstandard

    try:
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
            raw, read_across_frames=True
        )
        return reader.read(limit)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None


def sample_members(archive: Archive) -> Iterator[zipfile.ZipInfo]:
    """The member that stands for each sample: the whole of it, or the shell of one in many members.

    A sample in many members (`samples/ID_epoch_N/sample.json` and others beside it) is what Inspect's
    converter for large samples writes.
    """
    for name, info in archive.members.items():
        if not _MEMBER.fullmatch(name):
            continue
        part = _PART.fullmatch(name)
        if part is None or name.endswith(_SHELL) or part["place"] + _SHELL not in archive.members:
            yield info


def whole_sample(archive: Archive, info: zipfile.ZipInfo) -> tuple[dict[str, Any], int]:
    """A sample and the count of its non-finite numbers. Raises one of `FAULTS`."""
    value, nonfinite = loads(archive.read(info.filename))
    if not isinstance(value, dict):
        message = "not a JSON object"
        raise ValueError(message)
    if info.filename.endswith(_SHELL) and _PART.fullmatch(info.filename):
        nonfinite += _put_together(archive, info.filename.removesuffix(_SHELL), value)
    return value, nonfinite


def _put_together(archive: Archive, place: str, sample: dict[str, Any]) -> int:
    """Add metadata, conversation and attachments to a sample's shell. Returns non-finite numbers."""
    nonfinite = 0
    if f"{place}/metadata.json" in archive.members:
        sample["metadata"], nonfinite = loads(archive.read(f"{place}/metadata.json"))
    attachments = _sequence(archive, f"{place}/attachments")
    if attachments is not None:
        sample["attachments"] = {str(number): text for number, text in enumerate(attachments)}
    messages = _sequence(archive, f"{place}/messages")
    if messages is not None:
        numbers = islice(_numbers(sample.get("message_refs"), len(messages)), MAX_MESSAGES)
        sample["messages"] = [messages[number] for number in numbers]
    return nonfinite


def _numbers(ranges: Any, count: int) -> Iterator[int]:
    for pair in as_list(ranges):
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(end, int) for end in pair):
            yield from range(max(0, pair[0]), min(pair[1], count))


def _sequence(archive: Archive, place: str) -> list[Any] | None:
    """The items of a sequence of members; None when there is too much of it."""
    names = [name for _, name in archive.sequences.get(place, ())]
    if sum(archive.members[name].file_size for name in names) > CHUNKS_BYTES:
        return None
    return [item for name in names for item in as_list(loads(archive.read(name))[0])]


def json_parts(stream: BinaryIO | FiniteStream) -> Iterator[tuple[str, Any]]:
    """(place, value) of a plain log in one pass: `eval`, `status`, ..., `samples`, `reductions`.

    A reduction comes as (scorer, reducer, item). Raises ValueError where the file breaks off.
    """
    import ijson

    events = parse_events(stream)
    scorer, reducer = "", None
    try:
        for prefix, event, value in events:
            if prefix == "samples.item":
                if event == "start_map":
                    yield "samples", build_object(events, prefix)
                elif event not in {"end_array", "end_map"}:
                    yield "samples", None
            elif prefix == "reductions.item.samples.item" and event == "start_map":
                yield "reductions", (scorer, reducer, build_object(events, prefix))
            elif prefix == "reductions.item" and event == "start_map":
                scorer, reducer = "", None
            elif prefix == "reductions.item.scorer":
                scorer = value
            elif prefix == "reductions.item.reducer":
                reducer = value
            elif prefix in {"eval", "stats", "results", "metadata"} and event == "start_map":
                yield prefix, build_object(events, prefix)
            elif prefix == "tags.item" and event == "string":
                yield "tags", value
            elif prefix in {"status", "version", "invalidated"} and event != "start_map":
                yield prefix, value
    except (ijson.JSONError, RecursionError) as error:
        raise ValueError(str(error)) from None
