"""`auditgen report` and `demo` as a user meets them: exit codes, words, and what is on the disk."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pypdf
import pytest
from helpers.workshop import audit, inspect_log, samples, write_project

from auditgen.cli import run

if TYPE_CHECKING:
    from helpers.workshop import Demo

    from auditgen.seal import KeyPaths

GOOD = inspect_log(samples(200))
DAY = ["--as-of", "2026-10-05"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without a signer."""
    return write_project(tmp_path / "project", audit(), {"evidence/lab.json": GOOD})


def drafts(project: Path, out: Path, *more: str) -> int:
    return run(["report", str(project), "-o", str(out), "--unsigned", *DAY, *more])


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


class TestExitCodes:
    """Each number means one thing."""

    def test_0(self, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert drafts(project, tmp_path / "out", "--formats", "json") == 0
        said = capsys.readouterr()
        assert said.err == ""
        assert "Found: One promise is supported, with comments" in said.out
        assert "report.json" in said.out
        assert "Unsigned drafts: nothing protects them from change" in said.out
        assert "auditgen verify" not in said.out

    def test_0_although_contradicted(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = write_project(
            tmp_path / "p", audit(), {"evidence/lab.json": inspect_log(samples(10, 90))}
        )
        assert drafts(path, tmp_path / "out", "--formats", "json") == 0
        assert "One promise is contradicted (P1)" in capsys.readouterr().out

    def test_quiet_is_quiet(
        self, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert drafts(project, tmp_path / "out", "--formats", "json", "-q") == 0
        assert capsys.readouterr() == ("", "")

    @pytest.mark.parametrize(
        "place", ["a-file/out", "/proc/auditgen/out", "a-file", "/dev/null/x", "/proc/self/x"]
    )
    def test_1_unwritable(
        self, place: str, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "a-file").write_text("mine")
        out = place if place.startswith("/") else str(tmp_path / place)
        code = run(["report", str(project), "-o", out, "--unsigned", *DAY])
        said = capsys.readouterr().err
        assert code == (2 if place == "a-file" else 1)
        assert out in said
        assert (tmp_path / "a-file").read_text() == "mine"
        assert names(tmp_path) == ["a-file", "project"]

    def test_1_existing(
        self, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert drafts(project, tmp_path / "out", "--formats", "json,html", "-q") == 0
        before = (tmp_path / "out" / "report.html").read_bytes()
        assert drafts(project, tmp_path / "out", "--formats", "json") == 1
        said = capsys.readouterr().err
        assert "already holds report.html, report.json; nothing was done" in said
        assert "replace them with --force" in said
        assert (tmp_path / "out" / "report.html").read_bytes() == before
        assert drafts(project, tmp_path / "out", "--formats", "json", "--force", "-q") == 0
        assert names(tmp_path / "out") == ["report.json"]

    @pytest.mark.parametrize(
        "evidence",
        [
            {},
            {"evidence/lab.json": inspect_log([])},
            {"evidence/lab.json": inspect_log(samples(9, failed=True))},
            {"evidence/lab.json": inspect_log(samples(9), model="other")},
            {"evidence/lab.bin": b"\x00"},
        ],
    )
    def test_3_nothing(
        self, evidence: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = write_project(tmp_path / "p", audit(), evidence)
        assert drafts(path, tmp_path / "deep" / "out") == 3
        said = capsys.readouterr().err
        assert "nothing was measured" in said
        assert "auditgen inspect" in said
        assert names(tmp_path) == ["p"]

    def test_3_although_every_control_lies_outside(self, tmp_path: Path) -> None:
        """Controls that do not apply are no success of the organisation."""
        value = audit(standards=["eu-ai-act"], profile={"roles": [], "risk_classes": []})
        path = write_project(tmp_path / "p", value, {})
        assert drafts(path, tmp_path / "out") == 3
        path = write_project(tmp_path / "p", value, {"evidence/lab.json": GOOD})
        assert drafts(path, tmp_path / "out", "--formats", "json", "-q") == 0
        document = json.loads((tmp_path / "out" / "report.json").read_bytes())
        tally = dict(document["frameworks"][0]["tally"])
        assert sum(tally.values()) == document["frameworks"][0]["total"]
        assert "met" not in tally
        assert "not applicable" in tally

    def test_4_audit_yaml(
        self, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        project.write_text("schema: x\n")
        assert drafts(project, tmp_path / "out") == 4
        assert f"--> {project}:1:" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()

    def test_4_no_signer(
        self, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["report", str(project), "-o", str(tmp_path / "out"), *DAY]) == 4
        said = capsys.readouterr().err
        assert "names no `signer`" in said
        assert "--unsigned" in said

    def test_4_strict(
        self, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project.parent / "evidence" / "lab.bin").write_bytes(b"\x00")
        assert drafts(project, tmp_path / "out", "--strict") == 4
        said = capsys.readouterr().err
        assert "evidence/lab.bin: no reader recognises this content" in said
        assert "without --strict each becomes a finding" in said
        assert not (tmp_path / "out").exists()

    def test_4_strict_and_a_source_without_files(self, tmp_path: Path) -> None:
        value = audit()
        value["sources"].append({**value["sources"][0], "id": "none", "files": ["nothing/*.json"]})
        path = write_project(tmp_path / "p", value, {"evidence/lab.json": GOOD})
        assert drafts(path, tmp_path / "out", "--strict") == 4
        assert drafts(path, tmp_path / "out", "--formats", "json", "-q") == 0

    def test_4_a_day_before_the_period(
        self, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arguments = ["report", str(project), "-o", str(tmp_path / "out"), "--unsigned"]
        assert run([*arguments, "--as-of", "2026-06-30"]) == 4
        assert "before the period begins" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("formats", "wanted"),
    [
        ("html", ["report.html"]),
        ("json,html", ["report.html", "report.json"]),
        (" xlsx , json ,xlsx", ["report.json", "report.xlsx"]),
    ],
)
def test_formats(formats: str, wanted: list[str], project: Path, tmp_path: Path) -> None:
    assert drafts(project, tmp_path / "out", "--formats", formats, "-q") == 0
    assert names(tmp_path / "out") == wanted


def test_drafts_are_marked_in_every_output(project: Path, tmp_path: Path) -> None:
    assert drafts(project, tmp_path / "out", "-q") == 0
    out = tmp_path / "out"
    assert names(out) == ["report.html", "report.json", "report.pdf", "report.xlsx"]
    html = (out / "report.html").read_text()
    assert '<span class="state">unsigned draft</span>' in html
    assert "This is an unsigned draft.</strong> Nothing protects it from change." in html
    assert "What the signature proves" not in html
    assert "auditgen verify" not in html
    reader = pypdf.PdfReader(out / "report.pdf")
    for page in reader.pages:
        assert "unsigned draft" in page.extract_text()
    document = json.loads((out / "report.json").read_bytes())
    assert document["signature"]["state"] == "draft"
    assert document["signature"]["proves"] == []
    assert document["signature"]["certificate"] == ""
    book = openpyxl.load_workbook(out / "report.xlsx", read_only=True)
    assert "unsigned draft" in str(book["Summary"]["A1"].value)
    about = {row[0]: row[1] for row in book["About"].iter_rows(min_row=2, values_only=True)}
    assert about["State"] == "unsigned draft"
    book.close()


def test_a_development_key_is_marked_in_every_output(demo: Demo) -> None:
    html = (demo.folder / "report.html").read_text()
    assert "development key \u2013 not for publication" in html
    assert "Development key, not for publication." in html
    for page in pypdf.PdfReader(demo.folder / "report.pdf").pages:
        assert "development key" in page.extract_text()
    assert demo.document["signature"]["state"] == "development"
    assert any(
        "development key that anybody can make" in t
        for t in demo.document["signature"]["does_not_prove"]
    )


def test_demo_says_what_to_read_and_how_to_verify(
    demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {
        "quarter",
        "report.html",
        "report.pdf",
        "report.xlsx",
        "report.json",
        "pack.zip",
        "ca.pem",
    } <= set(names(demo.folder))
    arguments = ["verify", str(demo.folder / "pack.zip"), "--trust", str(demo.folder / "ca.pem")]
    assert run(arguments) == 0
    capsys.readouterr()
    for name in ("report.html", "report.xlsx", "report.json", "report.pdf"):
        assert run(["verify", str(demo.folder / name), "--trust", str(demo.folder / "ca.pem")]) == 0
    capsys.readouterr()
    assert run(["demo", "-o", str(demo.folder)]) == 1
    assert "already exists and is not empty; nothing was done" in capsys.readouterr().err


def test_demo_where_it_cannot_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "-o", "/proc/auditgen-demo"]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_project_in_a_place_that_cannot_be_written(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store goes elsewhere; the report does not notice."""
    (project.parent / ".auditgen").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert drafts(project, tmp_path / "out", "--formats", "json", "-q") == 0
    assert (tmp_path / "cache" / "auditgen" / "store").is_dir()
    assert (
        drafts(
            project, tmp_path / "again", "--formats", "json", "-q", "--store", str(tmp_path / "s")
        )
        == 0
    )
    assert (tmp_path / "out" / "report.json").read_bytes() == (
        tmp_path / "again" / "report.json"
    ).read_bytes()


def test_as_a_process_from_another_directory(project: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "auditgen", "report", "audit.yaml", "--unsigned", *DAY]
    done = subprocess.run(
        [*command, "--formats", "json"],
        cwd=project.parent,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert names(project.parent / "report") == ["report.json"]
    again = subprocess.run(
        [*command, "--formats", "json"],
        cwd=project.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1
    assert again.stdout == ""


def test_a_reader_that_goes_away_is_no_error(project: Path) -> None:
    """`auditgen inspect | head -1` must not end in a stack of Python."""
    command = [sys.executable, "-m", "auditgen", "inspect", "-q", str(project.parent / "evidence")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert "Traceback" not in said


class TestInspect:
    """`auditgen inspect` describes, in words and for machines."""

    KEYS = (
        "path",
        "sha256",
        "format",
        "tool",
        "tool_version",
        "runs",
        "counts",
        "anomalies",
        "completeness",
    )

    def test_json(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = project.parent / "evidence"
        (folder / "z.bin").write_bytes(b"\x00\x01")
        assert run(["inspect", "--format", "json", str(folder)]) == 0
        out = capsys.readouterr().out
        assert out.isascii()
        first, second = json.loads(out)
        assert tuple(first)[: len(self.KEYS)] == self.KEYS
        assert (first["format"], first["tool"]) == ("inspect.json", "Inspect AI")
        assert first["counts"]["observations"] == first["counts"]["planned"] == 200
        assert re.fullmatch("[0-9a-f]{64}", first["sha256"])
        assert first["runs"][0]["suite"] == "policy"
        assert set(first["completeness"].values()) <= {"present", "derived", "absent"}
        assert second["format"] == ""
        assert [a["code"] for a in second["anomalies"]] == ["unrecognised"]

    def test_text(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["inspect", str(project.parent / "evidence" / "lab.json")]) == 0
        said = capsys.readouterr()
        assert "planned 200, in the file 200" in said.out
        assert "1 files, 1 recognised" in said.err

    def test_nothing_recognised(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "x").write_bytes(b"\x00")
        assert run(["inspect", str(tmp_path / "x")]) == 3
        assert "NO EVIDENCE  [unrecognised]" in capsys.readouterr().out
        (tmp_path / "empty").mkdir()
        assert run(["inspect", str(tmp_path / "empty")]) == 3

    def test_no_escape_reaches_the_terminal(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        evil = "\x1b[31m\x1b]0;owned\x07\u202efdp\u2066\x9b2J\r\x00\nall is well"
        log = inspect_log(
            samples(3), task=f"task{evil}", model=f"m{evil}", run=f"r{evil}", status=f"s{evil}"
        )
        name = "lab\x1b[2J\u202e\nfdp.json"
        (tmp_path / name).write_text(json.dumps(log))
        table = "time,a\x1b[31m\n2026-09-01,\x1b[31m\n2026-09-02,1\n"
        (tmp_path / "t.csv").write_text(table)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as packed:
            packed.writestr("header.json", "{}")
            packed.writestr(f"samples/{evil[:9]}.json", "{broken")
        (tmp_path / "z.eval").write_bytes(buffer.getvalue())
        assert run(["inspect", str(tmp_path)]) == 0
        said = capsys.readouterr()
        for char in "\x1b\x07\x9b\x00\r\u202e\u2066":
            assert char not in said.out + said.err
        assert "task\ufffd[31m" in said.out
        assert (
            len([line for line in said.out.splitlines() if not line.startswith(" ") and line]) == 3
        )
        assert run(["inspect", "--format", "json", str(tmp_path)]) == 0
        assert capsys.readouterr().out.isascii()


def test_refusals_are_safe_for_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = audit()
    value["principles"][0]["criteria"][0]["indicator"] = "\u202e\u2066refusal"
    value["sources"][0]["title"] = "a\u202eb"
    path = write_project(tmp_path / "p", value, {})
    assert drafts(path, tmp_path / "out") == 4
    said = capsys.readouterr().err
    assert "unknown indicator" in said
    assert "\u202e" not in said
    path.write_text("schema: auditgen-audit-1\n\x1b[31m: 1\n")
    assert drafts(path, tmp_path / "out") == 4
    assert "\x1b" not in capsys.readouterr().err
    (tmp_path / "p" / "evidence").mkdir()
    (tmp_path / "p" / "evidence" / "lab\x1b[31m\u202e.bin").write_bytes(b"\x00")
    write_project(tmp_path / "p", audit(), {"evidence/lab.json": GOOD})
    assert drafts(path, tmp_path / "out", "--strict") == 4
    said = capsys.readouterr().err
    assert "lab\ufffd[31m\ufffd.bin" in said
    assert "\x1b" not in said


def test_keys_made_by_the_command_sign_a_report(
    project: Path, tmp_path: Path, keys: KeyPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project.parent / "keys"
    shutil.copytree(keys.ca.parent, folder)
    text = project.read_text() + (
        "signer: {certificate: keys/signer.pem, key: keys/signer.key.pem, chain: [keys/ca.pem],"
        " person: {name: A, role: B}}\n"
    )
    project.write_text(text)
    (folder / "signer.key.pem").chmod(0o644)
    out = tmp_path / "out"
    assert run(["report", str(project), "-o", str(out), "--formats", "json,html", *DAY]) == 0
    said = capsys.readouterr()
    assert "warning: the key" in said.err
    assert "can be read by others" in said.err
    assert f"auditgen verify {out / 'pack.zip'} --trust {out / 'ca.pem'}" in said.out
    assert "(signed with a DEVELOPMENT key)" in said.out
    assert run(["verify", str(out / "pack.zip")]) == 21
