"""Writer and verifier each know the zip layout; beyond 4 GiB only their headers are compared."""

from __future__ import annotations

import io

import pytest

from auditgen.seal.ziplayout import Entry, write_directory, write_local_header
from auditgen.verify import container

EDGE = 0xFFFFFFFF


@pytest.mark.parametrize("size", [0, 1, EDGE - 1, EDGE, EDGE + 1, 9 << 30])
@pytest.mark.parametrize("offset", [0, EDGE - 1, EDGE, 9 << 30])
@pytest.mark.parametrize("name", ["data/a", "data/Prüfung"])
def test_headers_at_the_edges_of_zip64(size: int, offset: int, name: str) -> None:
    entry = Entry(f"pack/{name}", size, 0x12345678)
    local, directory = io.BytesIO(), io.BytesIO()
    write_local_header(local, entry)
    start = offset + len(local.getvalue()) + size
    write_directory(directory, [(entry, offset)], start)

    raw_name = entry.name.encode()
    assert container._local_header(raw_name, size, entry.crc32) == local.getvalue()
    member = container.Member(name, offset, 0, size, "", entry.crc32, entry.crc32)
    header = container._directory_entry(member)
    expected = header + container._end_records(1, len(header), start)
    assert expected == directory.getvalue()


def test_more_members_than_16_bits_count() -> None:
    directory = io.BytesIO()
    entries = [(Entry("pack/a", 0, 0), 0)] * 0xFFFF
    write_directory(directory, entries, 77)
    header = container._directory_entry(container.Member("a", 0, 0, 0, "", 0, 0))
    tail = container._end_records(0xFFFF, len(header) * 0xFFFF, 77)
    assert directory.getvalue() == header * 0xFFFF + tail
