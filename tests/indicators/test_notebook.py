"""The page for notebooks: its blocks run one after the other and print what stands below them."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from auditgen.indicators.frames import COLUMNS, TIMES, WORDS

PAGE = Path(__file__).parents[2] / "docs" / "notebook.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_every_block_prints_what_stands_below_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    languages = [language for language, _ in BLOCKS]
    assert languages == ["python", "text"] * (len(BLOCKS) // 2)
    assert len(BLOCKS) >= 14
    names: dict[str, Any] = {}
    for (_, code), (_, expected) in zip(BLOCKS[::2], BLOCKS[1::2], strict=True):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, str(PAGE), "exec"), names)
        assert out.getvalue() == expected
        assert expected.strip()


def test_every_column_and_word_is_told() -> None:
    told = set(re.findall(r"`([^`\n]+)`", PAGE.read_text("utf-8")))
    assert {*COLUMNS, *TIMES, "label_NAME"} <= told
    for name in ("outcome", "expected", "watch", "watch_basis", "kind"):
        assert set(map(str, WORDS[name])) <= told
