"""Writing a pack: deterministic, streamed, whole or not at all, and fit for any system's names."""

from __future__ import annotations

import base64
import io
import json
import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from auditgen.canonical import sha256_bytes, sha256_file
from auditgen.errors import EnvironmentRefused, InputRefused
from auditgen.seal import PackSummary, Signer, sign_statement, write_pack
from auditgen.seal import pack as pack_module
from auditgen.seal.ziplayout import Entry, write_directory, write_local_header

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path


def _write(
    target: Path, files: Mapping[str, Path | bytes], signer: Signer, now: datetime
) -> PackSummary:
    return write_pack(
        target,
        files,
        statement_predicate={"period": "Q2"},
        signer=signer,
        signed_at=now,
        bag_info={"Source-Organization": "Acme"},
    )


def test_the_statement_binds_every_payload_file(
    tmp_path: Path, signer: Signer, now: datetime
) -> None:
    source = tmp_path / "big.bin"
    source.write_bytes(b"0123456789" * 300_000)
    summary = _write(tmp_path / "p.zip", {"b/big.bin": source, "a": b"1"}, signer, now)
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        infos = archive.infolist()
        envelope = json.loads(archive.read("pack/statement.dsse.json"))
        bag_info = archive.read("pack/bag-info.txt")
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert statement["subject"] == [
        {"name": "data/a", "digest": {"sha256": sha256_bytes(b"1")}},
        {"name": "data/b/big.bin", "digest": {"sha256": sha256_file(source)}},
    ]
    assert statement["predicate"]["seal"] == {
        "signed_at": "2025-06-02T09:30:00Z",
        "signer_sha256": signer.sha256_fingerprint,
        "tag_files": {"bag-info.txt": sha256_bytes(bag_info)},
    }
    assert [i.filename for i in infos] == sorted(i.filename for i in infos)
    for info in infos:
        assert info.compress_type == zipfile.ZIP_STORED
        assert info.date_time == (1980, 1, 1, 0, 0, 0)
        assert not info.extra
        assert not info.comment
    assert summary.sha256 == sha256_file(tmp_path / "p.zip")
    assert summary.size == (tmp_path / "p.zip").stat().st_size
    assert (summary.file_count, summary.payload_bytes) == (2, 3_000_001)


def test_the_same_input_gives_the_same_bag(tmp_path: Path, signer: Signer, now: datetime) -> None:
    """All but the statement (PSS is salted) and what holds its digest."""

    def members(name: str, files: dict[str, Path | bytes]) -> dict[str, bytes]:
        _write(tmp_path / name, files, signer, now)
        with zipfile.ZipFile(tmp_path / name) as archive:
            return {
                n: archive.read(n)
                for n in archive.namelist()
                if "statement" not in n and "tagmanifest" not in n
            }

    assert members("1.zip", {"a": b"1", "b": b"2"}) == members("2.zip", {"b": b"2", "a": b"1"})


@pytest.mark.parametrize(
    "name",
    ["../up", "/root", "a//b", "a/./b", "", "a\\b", "a:b", "50%.csv", "a\nb", "a\u202eb",
     "e\u0301.txt", "a/" + "x" * 256, "dot.", " a", "x/" * 600 + "y"],
)  # fmt: skip
def test_names_that_mean_different_things_elsewhere_are_refused(
    tmp_path: Path, signer: Signer, now: datetime, name: str
) -> None:
    with pytest.raises(InputRefused) as refusal:
        _write(tmp_path / "p.zip", {name: b"x", "good": b"y"}, signer, now)
    assert len(refusal.value.diagnostics) == 1
    assert list(tmp_path.iterdir()) == []


def test_names_that_clash_without_case_are_refused(
    tmp_path: Path, signer: Signer, now: datetime
) -> None:
    with pytest.raises(InputRefused) as refusal:
        _write(tmp_path / "p.zip", {"A.txt": b"x", "a.txt": b"y"}, signer, now)
    assert [d.code for d in refusal.value.diagnostics] == ["pack-name-clash"]


def test_an_empty_pack_is_refused(tmp_path: Path, signer: Signer, now: datetime) -> None:
    with pytest.raises(InputRefused):
        _write(tmp_path / "p.zip", {}, signer, now)


def test_nothing_is_left_behind_when_writing_fails(
    tmp_path: Path, signer: Signer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "p.zip"
    old.write_bytes(b"last quarter's pack")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(EnvironmentRefused, match="No space left"):
        _write(old, {"a": b"1"}, signer, now)
    assert [p.name for p in tmp_path.iterdir()] == ["p.zip"]
    assert old.read_bytes() == b"last quarter's pack"


def test_a_missing_file_is_named(tmp_path: Path, signer: Signer, now: datetime) -> None:
    with pytest.raises(EnvironmentRefused, match="absent.csv"):
        _write(tmp_path / "p.zip", {"a": tmp_path / "absent.csv"}, signer, now)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_changes_meanwhile_stops_the_packing(
    tmp_path: Path, signer: Signer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"1")
    real = sign_statement

    def slow(statement: dict[str, object], signer: Signer) -> bytes:
        source.write_bytes(b"2")
        return real(statement, signer)

    monkeypatch.setattr(pack_module, "sign_statement", slow)
    with pytest.raises(EnvironmentRefused, match="changed while"):
        _write(tmp_path / "p.zip", {"a.csv": source}, signer, now)
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("info", [{"A:B": "x"}, {"A": "x\ny"}, {"": "x"}])
def test_bag_info_stays_on_its_lines(
    tmp_path: Path, signer: Signer, now: datetime, info: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="bag-info"):
        write_pack(
            tmp_path / "p.zip",
            {"a": b"1"},
            statement_predicate={},
            signer=signer,
            signed_at=now,
            bag_info=info,
        )


def test_the_seal_of_the_predicate_is_ours(tmp_path: Path, signer: Signer, now: datetime) -> None:
    with pytest.raises(ValueError, match="seal"):
        write_pack(
            tmp_path / "p.zip",
            {"a": b"1"},
            statement_predicate={"seal": {}},
            signer=signer,
            signed_at=now,
            bag_info={},
        )


def test_headers_beyond_4_gib_are_read_by_zipfile() -> None:
    """Headers only: the 5 GiB of data between them are never written."""
    large, after = Entry("pack/a", 5 << 30, 1), Entry("pack/b", 3, 2)
    local = io.BytesIO()
    write_local_header(local, large)
    offset = len(local.getvalue()) + large.size
    second = io.BytesIO()
    write_local_header(second, after)
    start = offset + len(second.getvalue()) + after.size
    tail = io.BytesIO()
    write_directory(tail, [(large, 0), (after, offset)], start)

    class Sparse(io.RawIOBase):
        """A file that begins with one header and ends with the directory."""

        def __init__(self) -> None:
            self.place, self.size = 0, start + len(tail.getvalue())

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            self.place = offset + (0, self.place, self.size)[whence]
            return self.place

        def tell(self) -> int:
            return self.place

        def read(self, count: int = -1) -> bytes:
            at = self.place - start
            assert at >= 0
            data = tail.getvalue()[at:] if count < 0 else tail.getvalue()[at : at + count]
            self.place += len(data)
            return data

    with zipfile.ZipFile(Sparse()) as archive:
        found = [(i.filename, i.file_size, i.header_offset) for i in archive.infolist()]
    assert found == [("pack/a", 5 << 30, 0), ("pack/b", 3, offset)]
