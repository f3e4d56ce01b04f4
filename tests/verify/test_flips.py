"""Any one byte changed, anywhere, in anything sealed: never exit 0.

The positions differ from run to run under hypothesis; the loops are seeded and cover the structural
stretches completely (headers, CMS containers, envelope), where lenient parsers forgive.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.errors import Exit

SEALED = ["pack.zip", "report.pdf", "reviewed.pdf", "report.html", "report.json", "report.xlsx"]


def _flipped(data: bytes, place: int, mask: int) -> bytes:
    spoiled = bytearray(data)
    spoiled[place] ^= mask
    return bytes(spoiled)


def _beside(quarter: Any, name: str) -> bytes | None:
    path = quarter.directory / f"{name}.p7s"
    return path.read_bytes() if path.exists() else None


@pytest.mark.parametrize("name", SEALED)
@given(data=st.data())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_flipped_byte_of_the_file(quarter: Any, look: Any, name: str, data: Any) -> None:
    good = (quarter.directory / name).read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    spoiled = _flipped(good, place, data.draw(st.integers(1, 255)))
    found = look(spoiled, name, signature=_beside(quarter, name))
    assert found.exit_code is Exit.CHANGED, (place, found.failures())


def test_every_byte_of_a_detached_signature(quarter: Any, look: Any, tools: Any) -> None:
    signature = _beside(quarter, "report.html")
    assert signature is not None
    generator = random.Random(7)
    for place in range(len(signature)):  # about 2,000, a few milliseconds each
        mask = generator.randrange(1, 256)
        spoiled = _flipped(signature, place, mask)
        found = look(tools.HTML, "report.html", signature=spoiled)
        assert found.exit_code is Exit.CHANGED, (place, mask, found.failures())


def test_the_headers_directory_and_tag_files_of_the_pack(quarter: Any, look: Any) -> None:
    """Every byte of two headers and of the end; every few bytes of directory and envelope."""
    pdf_at, pack = quarter.pack.index(quarter.pdf), quarter.pack
    tail = pdf_at + len(quarter.pdf)
    generator = random.Random(11)
    places = [
        *range(130),
        *range(pdf_at - 60, pdf_at + 8),
        *range(tail - 4, tail + 60),
        *range(tail + 60, len(pack) - 30, 9),
        *range(len(pack) - 30, len(pack)),
    ]
    for place in places:
        mask = generator.choice([1, 2, 4, 8, 16, 32, 64, 128])
        found = look(_flipped(quarter.pack, place, mask), "pack.zip")
        assert found.exit_code is Exit.CHANGED, (place, mask, found.failures())


def test_the_gap_and_the_ends_of_a_signed_pdf(quarter: Any, look: Any) -> None:
    """Bytes the signature does not cover (its own hexadecimal) and those parsers live on."""
    start = quarter.pdf.rindex(b"/ByteRange") - 200
    generator = random.Random(13)
    places = [*range(200), *range(start, len(quarter.pdf), 13), *range(len(quarter.pdf) - 80,
              len(quarter.pdf))]  # fmt: skip
    for place in places:
        mask = generator.choice([1, 2, 4, 8, 16, 32, 64, 128])
        found = look(_flipped(quarter.pdf, place, mask), "report.pdf")
        assert found.exit_code is Exit.CHANGED, (place, mask, found.failures())


@pytest.mark.parametrize("name", ["pack.zip", "report.pdf"])
def test_a_byte_taken_out_or_put_in(quarter: Any, look: Any, name: str) -> None:
    good = (quarter.directory / name).read_bytes()
    generator = random.Random(17)
    for _ in range(100):
        place = generator.randrange(len(good))
        for spoiled in (good[:place] + good[place + 1 :], good[:place] + b"0" + good[place:]):
            if spoiled != good:
                assert look(spoiled, name).exit_code is Exit.CHANGED, place


@given(junk=st.binary(max_size=300), name=st.sampled_from(["a.zip", "a.pdf", "a.html"]))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_junk_never_raises_and_never_passes(look: Any, junk: bytes, name: str) -> None:
    assert look(junk, name, signature=junk).exit_code in {Exit.CHANGED, Exit.NOT_CHECKABLE}
