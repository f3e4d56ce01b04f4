"""Files made to hurt: each is answered by a word of its own, in bounded time, and the rest is read."""

from __future__ import annotations

import glob
import io
import json
import os
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from helpers.workshop import audit, source, write_project
from hypothesis import given, settings
from hypothesis import strategies as st

from auditgen.cli import run
from auditgen.cli.file_block import describe
from auditgen.pipeline.read import expand
from auditgen.project import load_project
from auditgen.sources.hidden import hidden_parts

MAP: dict[str, Any] = {
    "records": "evaluation",
    "sample": {"from": "id"},
    "outcome": {"from": "label", "values": {"refused": "refused", "helped": "complied"}},
    "expected": {"is": "refuse"},
}


def workbook(change: Any = None, names: tuple[str, ...] = ("results",)) -> bytes:
    """Ten refusals and ten answers, after `change` has had the workbook."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name in names:
        sheet = made.create_sheet(name)
        sheet.append(["id", "label", "note"])
        for number in range(20):
            sheet.append([f"s{number}", "refused" if number % 2 else "helped", "x"])
    if change is not None:
        change(made)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


class TestHidden:
    """A person who opens the workbook sees another table than the one that is counted."""

    def test_nothing_is_hidden(self, read: Any, kit: Any) -> None:
        assert kit.codes(read(workbook(), MAP)) == {}

    def test_rows_that_a_filter_hides(self, read: Any, kit: Any) -> None:
        def change(made: Any) -> None:
            sheet = made.active
            sheet.auto_filter.ref = "A1:C21"
            for number in range(2, 22, 2):
                sheet.row_dimensions[number].hidden = True

        file = read(workbook(change), MAP)
        assert kit.codes(file) == {"cells-hidden": 10}
        assert file.reading.outcomes == {"complied": 10, "refused": 10}

    def test_rows_of_no_height(self, read: Any, kit: Any) -> None:
        def change(made: Any) -> None:
            made.active.row_dimensions[3].height = 0.1

        assert kit.codes(read(workbook(change), MAP)) == {"cells-hidden": 1}

    def test_columns(self, read: Any, kit: Any) -> None:
        def change(made: Any) -> None:
            made.active.column_dimensions["B"].hidden = True

        assert kit.codes(read(workbook(change), MAP)) == {"cells-hidden": 1}

    @pytest.mark.parametrize("state", ["hidden", "veryHidden"])
    def test_the_sheet_itself(self, state: str, read: Any, kit: Any) -> None:
        def change(made: Any) -> None:
            made["results"].sheet_state = state
            made.active = made["shown"]

        data = workbook(change, ("results", "shown"))
        named = read(data, {**MAP, "sheet": "results"})
        assert kit.codes(named) == {"cells-hidden": 1}
        assert "`results`, is hidden" in named.reading.anomalies[0].message
        assert set(kit.codes(read(data, MAP))) == {"cells-hidden", "sheets-unread"}

    @pytest.mark.parametrize(
        "xml",
        [
            b"", b"<", b"<row hidden='1'/>", b"\0\0", b"<a><row hidden='1'>", b"<a><row r='x' hidden='1'/><row hidden='true'/></a>",
            b"<a><col hidden='1' min='1' max='999999999'/></a>", b"<a><col hidden='1' min='9' max='-1'/></a>",
            b"<!DOCTYPE a [<!ENTITY l 'lol'><!ENTITY m '&l;&l;&l;'>]><a>&m;</a>",
        ],
    )  # fmt: skip
    def test_any_xml_ends(self, xml: bytes) -> None:
        found = hidden_parts(io.BytesIO(xml))
        assert 0 <= found.rows <= 1
        assert 0 <= found.columns <= 16_384


def zip_with(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, "{}")
    return out.getvalue()


def database(*statements: str) -> Any:
    def make(path: Path) -> None:
        with closing(sqlite3.connect(path)) as made:
            for statement in statements:
                made.execute(statement)
            made.commit()

    return make


LOOP = (
    "CREATE VIEW AttackResultEntries AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
    " SELECT x AS id, 'success' AS outcome FROM n",
    "CREATE TABLE PromptMemoryEntries (id)",
    "CREATE TABLE ScoreEntries (id)",
)
HOSTILE: dict[str, Any] = {
    "fifo": os.mkfifo,
    "zeros": lambda path: path.write_bytes(bytes(1 << 20)),
    "sparse": lambda path: (path.touch(), os.truncate(path, 64 << 20)),
    "deep.json": lambda path: path.write_text("[" * 1_000_000),
    "deep-closed.json": lambda path: path.write_text('{"a":' * 200_000 + "1" + "}" * 200_000),
    "deep.jsonl": lambda path: path.write_text(('{"a":' * 50_000 + "1" + "}" * 50_000 + "\n") * 2),
    "long.json": lambda path: path.write_text(json.dumps({"evalId": "x", "results": "y" * (8 << 20)})),
    "upwards.zip": lambda path: path.write_bytes(zip_with("../../evil", "/etc/passwd", "header.json", "samples/../x.json")),
    "loop.db": database(*LOOP),
    "dangling": lambda path: path.symlink_to("nowhere"),
    "circle": lambda path: path.symlink_to("circle"),
    "up": lambda path: path.symlink_to(".", target_is_directory=True),
    "unreadable": lambda path: (path.write_text("x"), path.chmod(0)),
    "empty": lambda path: path.touch(),
    "cut.xlsx": lambda path: path.write_bytes(workbook()[:2000]),
    "row.csv": lambda path: path.write_bytes(b'a,b\n1,"' + b"x" * (2 << 20)),
    "evil\x1b[31m\nname": lambda path: path.write_text("a,b\n1,2\n"),
}  # fmt: skip


@pytest.mark.parametrize("names", [[name] for name in HOSTILE] + [list(HOSTILE)], ids=lambda n: ascii(n[0])[:9])
def test_what_lies_beside_them_is_read(
    names: list[str], tmp_path: Path, kit: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in names:
        HOSTILE[name](tmp_path / name)
    (tmp_path / "good.eval").write_bytes(kit.log([kit.sample(1), kit.sample(2)]))
    assert run(["inspect", "-q", "--format", "json", str(tmp_path)]) == 0
    found = {Path(r["path"]).name: r for r in json.loads(capsys.readouterr().out)}
    assert found["good.eval"]["counts"]["observations"] == 2
    assert not (tmp_path.parent / "evil").exists()
    assert len(found) == len(names) + 1
    for name, reading in found.items():
        if name != "good.eval":
            assert reading["anomalies"], f"{name} is told"
            assert all(a["code"] != "reader-failed" for a in reading["anomalies"]), reading["anomalies"]
    assert run(["inspect", "-q", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert all(part.strip() for part in shown.split("\n\n")), "no name begins a block of its own"


def test_folders_in_circles_end(tmp_path: Path) -> None:
    """Two links to their own folder make as many paths as there are steps to take: too many to count."""
    evidence = tmp_path / "evidence" / "deep"
    evidence.mkdir(parents=True)
    for name in ("a", "b", "c"):
        (evidence / name).symlink_to("..", target_is_directory=True)
    (evidence / "log.json").write_text("{}")
    value = audit()
    value["sources"] = [source("lab", "evidence/**")]
    project = load_project(write_project(tmp_path, value), needs_signer=False)
    found = [path.relative_to(tmp_path).as_posix() for path in expand(project, project.audit.sources[0].files)]
    assert found == ["evidence/deep/a", "evidence/deep/b", "evidence/deep/c", "evidence/deep/log.json"]


NAMES = st.sampled_from(["a", "b", "ev", ".h", "x.json", "y.txt"])
PATTERNS = st.lists(st.sampled_from(["**", "*", "a", "b*", "x.*", "[e]v", ".h", "."]), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(paths=st.lists(st.lists(NAMES, min_size=1, max_size=4), max_size=10), pattern=PATTERNS)
def test_globs_find_what_globs_find(paths: list[list[str]], pattern: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        value = audit()
        value["sources"] = [source("lab", "/".join([*pattern, "**"]))]
        project = load_project(write_project(root, value), needs_signer=False)
        for parts in paths:
            place = root.joinpath(*parts)
            if not any(parent.is_file() for parent in place.parents) and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
        found = [path.relative_to(root).as_posix() for path in expand(project, project.audit.sources[0].files)]
        (wanted,) = project.audit.sources[0].files
        names = glob.glob(wanted, root_dir=root, recursive=True)
        assert found == sorted({os.path.normpath(n) for n in names if n[-1:] != "/" and (root / n).is_file()})


@pytest.mark.parametrize("width", [40, 80, None])
def test_a_block_fits_the_terminal(width: int | None, read: Any, kit: Any) -> None:
    """Labels stand in a column of their own, and the words of a file never do."""
    scores = {f"a_rather_long_name_of_a_score_{n}": {"value": n, "history": []} for n in range(20)}
    file = read(kit.log([kit.sample(1, scores=scores, id="x" * 200)]), name="a name\nNO EVIDENCE  [all] " + "y" * 60)
    text = describe(file.reading, width)
    first, *lines = text.split("\n")
    assert first.startswith("a name NO EVIDENCE")
    assert "and 8 more scores" in text
    assert all(line.startswith("  ") for line in lines)
    labels = {line[2:15].strip() for line in lines}
    assert {"doubt", "format", "records", "scores", "sha256"} <= labels
    assert "NO EVIDENCE" not in labels
    if width == 80:
        assert max(map(len, lines)) <= width
    assert file.reading.sha256 in text
