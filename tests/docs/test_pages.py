"""Every page: its links lead somewhere, the files and targets it names exist, it keeps within bounds."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.docs import pages

if TYPE_CHECKING:
    from pathlib import Path

EVERY_PAGE = pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
MAX_README_LINES = 150
MAX_PICTURE_BYTES = 300_000
_PATH = re.compile(r"\.?[A-Za-z0-9_][A-Za-z0-9_./-]*")
_TOP = {"auditgen", "docs", "samples", "setup", "standards", "templates", "tests", "benchmarks", ".ci"}


@EVERY_PAGE
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", pages.prose(page)):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), target
        assert found.is_relative_to(pages.ROOT), target
        if anchor:
            assert anchor in pages.anchors(found), target


@EVERY_PAGE
def test_files_that_are_named_exist(page: Path) -> None:
    for code in pages.codes(page):
        top = code.split("/")[0]
        if _PATH.fullmatch(code) and "/" in code and top in _TOP:
            assert (pages.ROOT / code.partition("::")[0]).exists(), code


def test_contributing_names_enough_files() -> None:
    """The check above must not pass because nothing was recognised as a path."""
    named = {c for c in pages.codes(pages.ROOT / "CONTRIBUTING.md") if "/" in c and "<" not in c}
    assert {
        "auditgen/sources/interface.py",
        "standards/indicators/refusal-rate.yaml",
        "auditgen/checklists/model.py",
        "auditgen/cli/report.py",
    } <= named


@EVERY_PAGE
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", pages.text(pages.ROOT / "Makefile"), re.MULTILINE))
    shell = "\n".join(pages.blocks(page, "sh"))
    lines = [*pages.codes(page), *shell.splitlines()]
    used = {m.group(1) for line in lines if (m := re.match(r"make ([a-z]+)", line.strip()))}
    assert used <= targets


@EVERY_PAGE
def test_no_registry_and_no_machine_is_named(page: Path) -> None:
    for number, line in enumerate(pages.text(page).splitlines(), 1):
        found = re.search(
            r"pypi\.org|pythonhosted|npmjs|conda\.|/(work|home|root|opt|srv|tmp|Users)/|localhost", line
        )
        assert found is None, f"{pages.name(page)}:{number}: {line}"


def test_readme_is_short_and_its_picture_small() -> None:
    readme = pages.ROOT / "README.md"
    assert len(pages.text(readme).splitlines()) <= MAX_README_LINES
    picture = pages.DOCS / "images" / "first-page.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < MAX_PICTURE_BYTES
    assert "docs/images/first-page.png" in pages.text(readme)


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    todo = [pages.ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = re.findall(r"\]\(([^)#\s]+)", pages.prose(page))
        todo += [(page.parent / link).resolve() for link in links if not link.startswith("https://")]
    assert set(pages.PAGES) <= seen


def test_every_decision_is_whole_and_listed() -> None:
    folder = pages.DOCS / "adr"
    files = sorted(folder.glob("[0-9]*.md"))
    assert [f.name[:4] for f in files] == [f"{n:04d}" for n in range(1, len(files) + 1)]
    listed = re.findall(r"\]\(([0-9][^)]+)\)", pages.text(folder / "README.md"))
    assert listed == [f.name for f in files]
    for file in files:
        assert pages.text(file).startswith(f"# {file.name[:4]}. ")
        assert list(pages.sections(file)) == ["Context", "Decision", "Consequences", "Considered as well"]


def test_the_changelog_says_what_changes_a_verdict() -> None:
    from auditgen import __version__

    releases = {h: b for h, b in pages.sections(pages.ROOT / "CHANGELOG.md").items() if h[1:2].isdigit()}
    assert f"[{__version__}]" in {h.split(" ")[0] for h in releases}
    for heading, body in releases.items():
        assert "### Changes a verdict" in body, heading


def test_the_rooms_are_those_of_the_import_contract() -> None:
    with (pages.ROOT / "pyproject.toml").open("rb") as stream:
        contracts = tomllib.load(stream)["tool"]["importlinter"]["contracts"]
    (layers,) = (c["layers"] for c in contracts if c["id"] == "one-way")
    page = pages.DOCS / "architecture.md"
    assert pages.blocks(page, "text")[1].splitlines() == layers
    described = "".join(re.findall(r"^\*\*.+?:", pages.text(page), re.MULTILINE))
    for layer in layers:
        for room in layer.split(" | "):
            assert room.startswith("(") or f"**{room}**" in described, room
