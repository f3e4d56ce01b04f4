"""`auditgen inspect --suggest-mapping` as a user meets it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from helpers.workshop import audit, inspect_log, samples, write_project, yaml_text

from auditgen.cli import run

CSV = "time,id,result,user_email\n" + "".join(
    f"2026-07-01T10:00:0{n}Z,r{n},{'answered' if n % 2 else 'refused'},a{n}@example.org\n" for n in range(6)
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(CSV, "utf-8")
    return path


def test_to_standard_output(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(table), "--suggest-mapping"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    [source] = yaml.safe_load(said.out)
    assert source["map"]["outcome"]["values"] == {"answered": "TODO", "refused": "refused"}
    assert "example.org" not in said.out


def test_to_a_new_file_and_never_over_another(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = table.with_name("map.yaml")
    order = ["inspect", str(table), "--suggest-mapping", "--out", str(out)]
    assert run(order) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "places to fill in" in said.err
    text = out.read_text("utf-8")
    out.write_text(text + "# finished\n", "utf-8")
    assert run(order) == 2
    assert "is there already" in capsys.readouterr().err
    assert out.read_text("utf-8").endswith("# finished\n")


@pytest.mark.parametrize("more", [["--table", "x"], ["--out", "y.yaml"]])
def test_options_that_belong_to_it(table: Path, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(table), *more]) == 2
    assert "belong to --suggest-mapping" in capsys.readouterr().err


def test_only_one_table(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(table), str(table), "--suggest-mapping"]) == 2
    assert run(["inspect", str(table.parent), "--suggest-mapping"]) == 2
    assert run(["inspect", str(table), "--suggest-mapping", "--format", "json"]) == 2
    assert "one table" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x00\x01", "no table that auditgen reads"),
        (b"PAR1 and nothing else", "not readable as parquet"),
        (b"a,b\n" + b'"x\n', "no table that auditgen reads"),
    ],
)
def test_what_is_no_table(
    tmp_path: Path, content: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert run(["inspect", str(path), "--suggest-mapping"]) == 4
    assert said in capsys.readouterr().err


def test_what_a_reader_knows_needs_no_mapping(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_project(tmp_path, audit(), {"lab.json": inspect_log(samples(3))}).with_name("lab.json")
    assert run(["inspect", str(path), "--suggest-mapping"]) == 4
    assert "its reader knows what its fields mean" in capsys.readouterr().err


def test_in_audit_yaml_every_open_place_is_named(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = write_project(tmp_path / "p", audit(), {"evidence/lab.json": inspect_log(samples(60))})
    shutil.copy(table, project.parent)
    monkeypatch.chdir(project.parent)
    assert run(["inspect", table.name, "--suggest-mapping"]) == 0
    entry = capsys.readouterr().out
    first, *others = yaml_text({"sources": audit()["sources"]}).splitlines()
    rest = yaml_text({name: value for name, value in audit().items() if name != "sources"})
    text = "\n".join([rest, first, *(f"  {line}" for line in others), entry])
    project.write_text(text, "utf-8")
    assert run(["report", str(project), "-o", str(tmp_path / "out"), "--unsigned"]) == 4
    said = capsys.readouterr().err
    for place in (
        "title:",
        "name:",
        "independence: TODO",
        "received_from:",
        "received_on: TODO",
        "basis: TODO",
    ):
        assert place in said, said
    assert "`answered` still stands for `TODO`" in said
    assert "8 faults" in said
    assert not (tmp_path / "out").exists()
