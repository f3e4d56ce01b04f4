"""Every command line in the documentation parses, and every command is in it."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest

from auditgen.cli import COMMANDS, cli
from tests.docs import pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _written() -> Iterator[tuple[str, str, bool]]:
    """(page, line, whether it must be complete)."""
    for page in pages.PAGES:
        for block in pages.blocks(page, "sh", ""):
            for line in block.splitlines():
                if re.match(r"\s*auditgen\s", line):
                    yield pages.name(page), line.strip(), True
        for code in pages.codes(page):
            if re.match(r"auditgen\s", code):
                yield pages.name(page), code, False


LINES = sorted(set(_written()))


def _find(arguments: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = cli
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        context = click.Context(command, info_name="auditgen")
        found = command.get_command(context, arguments[0])
        assert found is not None, f"no command `{arguments[0]}`"
        command, arguments = found, arguments[1:]
    return command, arguments


def test_there_are_lines_to_check() -> None:
    assert sum(1 for page, _, _ in LINES if page == "README.md") >= 5


@pytest.mark.parametrize(("page", "line", "whole"), LINES, ids=[f"{p}: {x}" for p, x, _ in LINES])
def test_a_command_line_parses(page: str, line: str, whole: bool) -> None:
    del page
    command, arguments = _find(shlex.split(line, comments=True)[1:])
    context = click.Context(command, info_name=command.name, help_option_names=["-h", "--help"])
    values, left, _ = command.make_parser(context).parse_args(arguments)  # no such option: raises
    assert not left
    for param in command.params:
        value = values.get(param.name or "")
        if isinstance(param, click.Argument) and param.required and whole:
            assert value, f"`{param.name}` is missing"
        if isinstance(param.type, click.Choice) and isinstance(value, str):
            param.type.convert(value, param, context)
        if param.callback is not None and isinstance(value, str):
            param.callback(context, param, value)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_explained(name: str) -> None:
    page = pages.text(pages.DOCS / "commands.md")
    command, _ = _find([name])
    below = command.commands if isinstance(command, click.Group) else {"": command}
    for sub in below:
        assert re.search(rf"`auditgen {name} {sub}".strip() + "`", page), f"{name} {sub}"


def test_every_file_a_command_writes_is_explained(tmp_path: Path) -> None:
    from auditgen.cli.report import FORMATS

    table = pages.sections(pages.DOCS / "report.md")["The files in the output directory"]
    for file in (*(f"report.{f}" for f in FORMATS), "pack.zip", "ca.pem", "record-salts.json"):
        assert f"`{file}`" in table
        assert f"`{file}`" in pages.text(pages.ROOT / "README.md")
        if file.startswith("report.") and file != "report.pdf":
            assert f"`{file}.p7s`" in table
