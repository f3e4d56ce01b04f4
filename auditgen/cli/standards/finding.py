"""What the commands of `standards` share: finding a checklist by name, wrapping words, writing a new file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditgen.checklists import Checklist

WIDTH = 96
SHOWN = 8
"""How many known names a hint lists."""


def load(name: str) -> Checklist:
    """A checklist by the id of one that ships or the path of a file. Raises InputRefused."""
    from auditgen.checklists import available_checklists, load_checklist
    from auditgen.errors import InputRefused

    shipped = available_checklists()
    if name in shipped:
        return load_checklist(shipped[name])
    if not Path(name).exists():
        message = f"no checklist `{name}` ships, and no such file exists"
        raise InputRefused(message, hint=nearest(name, list(shipped)))
    return load_checklist(Path(name))


def nearest(word: str, known: list[str]) -> str:
    """The known word that was probably meant, or some of those there are."""
    from auditgen.diagnostics import did_you_mean

    shown = ", ".join(known[:SHOWN]) + (", ..." if len(known) > SHOWN else "")
    return next(iter(did_you_mean(word, known)), f"known: {shown}")


def wrap(text: str, indent: str, first: str | None = None) -> Iterator[str]:
    """`text` in lines of at most `WIDTH`; the first may begin otherwise. Its own lines stay lines."""
    import textwrap

    for number, line in enumerate(text.splitlines() or [""]):
        inner = " " * (len(line) - len(line.lstrip()))
        begin = indent if first is None or number else first
        yield from textwrap.wrap(
            line.strip(),
            WIDTH,
            initial_indent=begin + inner,
            subsequent_indent=indent + inner,
            break_long_words=False,
            break_on_hyphens=False,
        )


def say(lines: Iterable[str]) -> None:
    """Print lines whose text comes from files."""
    from auditgen.diagnostics import printable

    for line in lines:
        click.echo(printable(line).rstrip())


def say_json(value: object) -> None:
    """Print a JSON value, indented."""
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def write_new(out: Path, text: str) -> None:
    """Write a whole file or nothing, and never over one that is there: somebody may have finished it."""
    import os
    import tempfile

    from auditgen.errors import EnvironmentRefused

    if out.exists() or out.is_symlink():
        message = f"`{out}` is there already; nothing was written"
        raise click.UsageError(message)
    try:
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name[:50]}.")
        try:
            with open(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            os.chmod(name, 0o644)
            os.link(name, out)  # fails where a file came in between, which `replace` would not
        finally:
            os.unlink(name)
    except FileExistsError as error:
        message = f"`{out}` is there already; nothing was written"
        raise click.UsageError(message) from error
    except OSError as error:
        raise EnvironmentRefused(f"`{out}` cannot be written: {error.strerror or error}") from error
