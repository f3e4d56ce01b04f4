"""What is said before any work: helps, versions, usage errors, and how little it takes to say it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from auditgen import __version__
from auditgen.cli import COMMANDS, cli, run

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAVY = (
    "pandas",
    "weasyprint",
    "pyhanko",
    "openpyxl",
    "duckdb",
    "ibis",
    "pydantic",
    "yaml",
    "pyarrow",
    "jinja2",
    "cryptography",
    "orjson",
)


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and every group, by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = list(commands(cli))


def test_every_command_is_known() -> None:
    assert {path[0] for path in ALL} == set(COMMANDS)
    assert {("standards", "list"), ("keys", "init")} <= set(ALL)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_has_an_example(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*path, "--help"]) == 0
    said = capsys.readouterr().out
    assert "Example" in said
    assert f"auditgen {' '.join(path)}" in said
    assert max(len(line) for line in said.splitlines()) <= 100
    assert run([*path, "-h"]) == 0


def test_the_first_help_says_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert "Begin with: auditgen demo" in said
    for name, words in COMMANDS.items():
        assert name in said
        assert words in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[*([name] if name else []), "--help"] for name in ("", "report", "inspect", "check", "explain", "diff")],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom auditgen.cli import run\n"
        f"code = run({arguments!r})\n"
        f"print('LOADED', sorted(set({HEAVY!r}) & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED [] 0"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reprot"], "No such command"),
        (["report"], "Missing argument"),
        (["report", "nowhere.yaml"], "does not exist"),
        (["report", "."], "is a directory"),
        (["report", "pyproject.toml", "--formats", "docx"], "`docx` is not one of html, pdf, xlsx, json"),
        (["report", "pyproject.toml", "--formats", ","], "name at least one of html, pdf"),
        (["report", "pyproject.toml", "--as-of", "5.10.2026"], "`5.10.2026` is not a date"),
        (["report", "pyproject.toml", "--as-of", "2026-02-30"], "`2026-02-30` is not a date"),
        (["report", "pyproject.toml", "--quarterly"], "No such option"),
        (["inspect"], "Missing argument"),
        (["inspect", "--format", "xml", "."], "is not one of"),
        (["demo", "-o", "pyproject.toml"], "is a file"),
    ],
)  # fmt: skip
def test_usage_errors_end_in_2(
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)
    assert run(arguments) == 2
    assert said in capsys.readouterr().err


def test_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "auditgen", "reprot"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "No such command" in done.stderr
