"""One line of progress on a terminal's stderr; silence everywhere else."""

from __future__ import annotations

import shutil
import sys
from types import TracebackType
from typing import Self

from auditgen.diagnostics import printable


class Progress:
    """Shows what is being worked on. Used as a context manager, it leaves the line clean."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._shown = not quiet and sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def __call__(self, what: str, number: int, total: int) -> None:
        """Step `number` of `total` is `what`."""
        if not self._shown:
            return
        width = shutil.get_terminal_size().columns - 1
        line = f"[{number}/{total}] {printable(what)}"
        sys.stderr.write("\r\x1b[K" + line[:width])
        sys.stderr.flush()
