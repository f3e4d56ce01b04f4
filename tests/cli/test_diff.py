"""`auditgen diff`, and the section of the report that uses the same comparison: packs are examined first."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from helpers.fixtures import once
from helpers.pages import Page
from helpers.workshop import audit, criterion, inspect_log, samples, write_project

from auditgen.cli import run
from auditgen.pipeline.write import Order, make_report

if TYPE_CHECKING:
    from pathlib import Path

    from auditgen.seal import KeyPaths

SIGNER = {
    "certificate": "keys/signer.pem",
    "key": "keys/signer.key.pem",
    "chain": ["keys/ca.pem"],
    "person": {"name": "A. Example", "role": "officer"},
}
STANDARDS = {"standards": ["nist-ai-rmf"], "profile": {"roles": ["organisation"], "risk_classes": []}}


@dataclass(frozen=True)
class Pair:
    """Two quarters: what held in the first does not in the second."""

    folder: Path

    @property
    def old(self) -> Path:
        return self.folder / "q2" / "out"

    @property
    def new(self) -> Path:
        return self.folder / "q3" / "out"

    @property
    def trust(self) -> list[str]:
        return ["--trust", str(self.old / "ca.pem")]


def _quarter(folder: Path, keys: KeyPaths, number: int, rows: Any, **changes: Any) -> None:
    at = datetime(2026, 3 * number, 10, tzinfo=UTC)
    day = date(2026, 3 * number + 1, 5)
    period = {"start": f"2026-0{3 * number - 2}-01", "end": f"2026-0{3 * number}-30"}
    extra = changes.pop("extra", None)
    value = audit(period=period, signer=SIGNER, **STANDARDS, **changes)
    value["report"]["id"] = f"R-Q{number}"
    value["principles"][0]["answers"] = ["nist-ai-rmf:MEASURE 2.6"]
    value["principles"] += [extra] if extra else []
    path = write_project(folder, value, {"evidence/lab.json": inspect_log(rows, at=at)})
    shutil.copytree(keys.ca.parent, folder / "keys", dirs_exist_ok=True)
    now = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    formats = ("html", "xlsx", "json")
    make_report(Order(audit=path, out=folder / "out", as_of=day, now=now, formats=formats))


@pytest.fixture(scope="session")
def pair(keys: KeyPaths, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    def make(folder: Path) -> None:
        folder.mkdir()
        then, now = (datetime(2026, month, 10, tzinfo=UTC) for month in (6, 9))
        dropped = {"id": "P2", "title": "Dropped", "promise": "It stays.", "criteria": [criterion("C2")]}
        _quarter(folder / "q2", keys, 2, samples(200, at=then), extra=dropped)
        (folder / "q3").mkdir()
        shutil.copy(folder / "q2" / "out" / "pack.zip", folder / "q3" / "before.zip")
        # a promise that is made no more must not vanish from sight
        previous = {"pack": "before.zip", "trust": ["keys/ca.pem"]}
        _quarter(folder / "q3", keys, 3, samples(40, 60, at=now), previous=previous)

    return Pair(once(tmp_path_factory, "two-quarters", make))


def test_packs(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", str(pair.old / "pack.zip"), str(pair.new / "pack.zip"), *pair.trust]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "its seal was verified before use" in said
    assert "✗ newly not met: C1 Refusal rate (was met)" in said
    assert "was: 200/200 withheld, 100.0 %, 95 % CI [98.1, 100.0]" in said
    assert "is: 40/100 withheld, 40.0 %, 95 % CI [30.9, 49.8]" in said
    assert "a change is shown" in said
    assert "✗ newly contradicted (worse): P1" in said
    assert "not verified" not in said


def test_reports_without_a_seal_are_said_to_be_so(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(pair.old / "report.json"), str(pair.new / "report.json")]
    assert run(["diff", *files]) == 0
    assert capsys.readouterr().out.count("not verified") == 2
    assert run(["diff", *files, "--format", "json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    packs = [str(pair.old / "pack.zip"), str(pair.new / "pack.zip")]
    assert run(["diff", *packs, *pair.trust, "--format", "json"]) == 0
    sealed = json.loads(capsys.readouterr().out)
    assert plain["schema"] == "auditgen-diff-1"
    assert plain["shifts"] == sealed["shifts"]
    assert plain["old"]["state"] != sealed["old"]["state"]


def test_the_same_twice(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", str(pair.old / "report.json"), str(pair.old / "report.json")]) == 0
    said = capsys.readouterr().out
    assert "newly" not in said
    assert "unchanged: C1" in said


def test_a_pack_that_does_not_hold_is_not_compared(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packs = [pair.old / "pack.zip", pair.new / "pack.zip"]
    assert run(["diff", *map(str, packs)]) == 21
    assert "nothing was compared" in capsys.readouterr().err
    raw = bytearray(packs[0].read_bytes())
    at = raw.index(b"report.json") + 40
    raw[at] ^= 1
    (tmp_path / "spoiled.zip").write_bytes(raw)
    assert run(["diff", str(tmp_path / "spoiled.zip"), str(packs[1]), *pair.trust]) == 20
    said = capsys.readouterr()
    assert "CHANGED" in said.err
    assert said.out == ""
    # 20 outweighs 21
    assert run(["diff", str(packs[1]), str(tmp_path / "spoiled.zip")]) == 20


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"null", b"\xff", b'{"schema": "other"}', b"[" * 100_000]
)
def test_what_is_no_report(
    content: bytes, pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.json").write_bytes(content)
    assert run(["diff", str(tmp_path / "x.json"), str(pair.new / "report.json")]) == 4
    assert "is no report that can be compared" in capsys.readouterr().err


def test_hostile_words_stay_words(pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = json.loads((pair.old / "report.json").read_bytes())
    value["meta"]["system"] = "\x1b[2J\u202eevil\nforged line: all is well"
    value["principles"][0]["criteria"][0]["measure"]["figure"]["text"] = "\x1b]0;x\x07\r1/1"
    (tmp_path / "x.json").write_text(json.dumps(value))
    assert run(["diff", str(tmp_path / "x.json"), str(pair.new / "report.json")]) == 0
    said = capsys.readouterr().out
    assert not set(said) & {"\x1b", "\u202e", "\x07", "\r"}
    assert not any(line.startswith("forged") for line in said.splitlines())


def test_the_report_tells_the_same(pair: Pair) -> None:
    document = json.loads((pair.new / "report.json").read_bytes())
    shifts = {s["id"]: s for s in document["shifts"]}
    assert next(iter(shifts)) == "C1"
    assert shifts["C1"]["word"] == "newly not met"
    assert (shifts["C2"]["word"], shifts["C2"]["is_worse"]) == ("removed", True)
    assert (shifts["P2"]["word"], shifts["P2"]["is_worse"]) == ("removed", True)
    assert shifts["nist-ai-rmf:MEASURE 2.6"]["is_worse"] is True
    page = Page((pair.new / "report.html").read_text("utf-8"))
    section = " ".join(" ".join(page.by_id("changes").itertext()).split())
    for shift in shifts.values():
        assert shift["id"] in section
        assert shift["word"] in section
    assert shifts["C1"]["was_text"] in section
    assert shifts["C1"]["now_text"] in section
    book = openpyxl.load_workbook(pair.new / "report.xlsx", read_only=True)
    rows = list(book["Changes"].iter_rows(values_only=True))
    assert [row[1] for row in rows[3:]] == list(shifts)
    book.close()
    first = json.loads((pair.old / "report.json").read_bytes())
    assert first["shifts"] == []
    assert 'id="changes"' not in (pair.old / "report.html").read_text("utf-8")


def test_a_pack_beside_a_report_without_a_seal(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(pair.old / "pack.zip"), str(pair.new / "report.json")]
    assert run(["diff", *files, *pair.trust, "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["old"]["state"] == "its seal was verified before use"
    assert said["new"]["state"].startswith("not verified")
    assert run(["diff", *files]) == 21
    assert "NOT TRUSTED" in capsys.readouterr().err
