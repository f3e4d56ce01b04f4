"""The documentation as the tests see it: its files, code, links, headings and tables."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(DOCS.rglob("*.md")),
)
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


def text(path: Path) -> str:
    return path.read_text("utf-8")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, *languages: str) -> list[str]:
    """Fenced blocks in one of the languages, without the indentation of a list they stand in."""
    return [
        re.sub(f"^{indent}", "", body, flags=re.MULTILINE)
        for indent, language, body in _FENCE.findall(text(path))
        if language in languages
    ]


def prose(path: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text(path))


def codes(path: Path) -> list[str]:
    """What stands between single backticks outside of blocks."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose(path))]


def anchors(path: Path) -> list[str]:
    """The anchors that a forge makes of the headings."""
    headings = re.findall(r"^#{1,6} (.+)$", prose(path), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings]


def sections(path: Path) -> dict[str, str]:
    """Second-level sections: heading to body."""
    parts = re.split(r"^## (.+)$", text(path), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def rows(section: str) -> list[list[str]]:
    """The cells of the first table of a section, without its head."""
    lines = []
    for line in section.splitlines():
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip("|").split("|")])
        elif lines:
            break
    return lines[2:]
