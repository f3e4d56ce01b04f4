"""The cache changes how long loading takes and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from auditgen.checklists import cache, load, load_checklist
from auditgen.errors import InputRefused

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache"
    monkeypatch.setenv(cache.SWITCH, str(path))
    return path


@pytest.fixture
def file(sound: str, tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(sound)
    return path


def no_parsing(*_: object) -> None:
    message = "the file was parsed"
    raise AssertionError(message)


def test_the_second_time_nothing_is_parsed(folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_checklist(file)
    assert len(list(folder.iterdir())) == 1
    monkeypatch.setattr(load, "read_yaml_bytes", no_parsing)
    again = load_checklist(file)
    assert again == first
    assert again.controls[0].evidence[0].model_fields_set == first.controls[0].evidence[0].model_fields_set


def test_a_changed_file_is_read_anew(folder: Path, file: Path) -> None:
    load_checklist(file)
    file.write_text(file.read_text().replace("Keep logs", "Keep all logs"))
    assert load_checklist(file).controls[1].title == "Keep all logs"
    assert len(list(folder.iterdir())) == 2


def test_a_faulty_file_is_not_kept(folder: Path, file: Path) -> None:
    file.write_text(file.read_text().replace("severity: high", "severty: high"))
    for _ in range(2):
        with pytest.raises(InputRefused) as refusal:
            load_checklist(file)
        assert refusal.value.diagnostics[0].span.line == 37
    assert not folder.exists()


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other", "forged"])
def test_a_damaged_entry_is_written_again(folder: Path, file: Path, damage: str) -> None:
    first = load_checklist(file)
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    spoiled = {
        "cut": whole[: len(whole) // 2],
        "flipped": whole.replace(b"Keep logs", b"Keep lags"),
        "empty": b"",
        "other": b"\xff\x00\n{}",
        "forged": cache.sha256_bytes(b"{}").encode() + b"\n{}",
    }[damage]
    entry.write_bytes(spoiled)
    assert load_checklist(file) == first
    assert entry.read_bytes() == whole
    assert [p.name for p in folder.iterdir()] == [entry.name]


def test_other_code_means_another_key(folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_checklist(file)
    monkeypatch.setattr(cache, "_judged_by", lambda: "another")
    assert cache.find(file.read_bytes()) is None


def test_a_place_that_cannot_be_written_is_done_without(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no directory")
    monkeypatch.setenv(cache.SWITCH, str(tmp_path / "file" / "below"))
    assert len(load_checklist(file).controls) == 2


def test_it_can_be_switched_off_and_lies_where_xdg_says(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.SWITCH, "off")
    assert cache.cache_dir() is None
    load_checklist(file)
    monkeypatch.delenv(cache.SWITCH)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_dir() == tmp_path / "xdg" / "auditgen" / "checklists"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.cache_dir() == tmp_path / ".cache" / "auditgen" / "checklists"


def test_old_entries_go(folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_ENTRIES", 3)
    for number in range(5):
        file.write_text(file.read_text() + f"# {number}\n")
        load_checklist(file)
        for age, path in enumerate(sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime_ns)):
            os.utime(path, ns=(age, age))
    assert len(list(folder.iterdir())) == 3
    assert cache.find(file.read_bytes()) is not None
