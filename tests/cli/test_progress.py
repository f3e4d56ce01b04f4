"""The progress line: on a terminal only, one line, safe, and gone at the end."""

from __future__ import annotations

import io

import pytest

from auditgen.cli.progress import Progress
from auditgen.diagnostics import Diagnostic, Span, did_you_mean, printable, render_plain


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with Progress() as progress:
        progress("lab\x1b[31m\u202e.json", 1, 2)
        progress("x" * 500, 2, 2)
    said = screen.getvalue()
    assert "[1/2] lab\ufffd[31m\ufffd.json" in said
    assert max(len(part) for part in said.split("\r\x1b[K")) <= 200
    assert said.endswith("\r\x1b[K")


@pytest.mark.parametrize("screen", [io.StringIO(), _Terminal()])
def test_nothing_elsewhere_and_nothing_when_quiet(
    screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", screen)
    with Progress(quiet=screen.isatty()) as progress:
        progress("lab.json", 1, 2)
    assert screen.getvalue() == ""


def test_a_diagnostic_reads_like_a_compilers() -> None:
    text = "one: 1\ntwo: 2\n"
    fault = Diagnostic("bad", "it is `bad`", "a.yaml", Span(2, 6, 2, 7), "here", ("mend it",))
    assert render_plain([fault], {"a.yaml": text}) == (
        "error[bad]: it is `bad`\n"
        " --> a.yaml:2:6\n"
        "  |\n"
        "2 | two: 2\n"
        "  |      ^ here\n"
        "  = help: mend it"
    )


def test_faults_come_in_the_order_of_the_file() -> None:
    faults = [
        Diagnostic("b", "second", "a.yaml", Span(9, 1)),
        Diagnostic("a", "first", "a.yaml", Span(2, 1)),
    ]
    said = render_plain(faults, {})
    assert said.index("first") < said.index("second")


def test_words_for_a_terminal() -> None:
    assert printable("a\x1b[0m\u202eb\tc\nd") == "a\ufffd[0m\ufffdb\tc\nd"
    assert did_you_mean("refusal-rte", ["refusal-rate", "x"]) == ("did you mean `refusal-rate`?",)
    assert did_you_mean("zzz", ["refusal-rate"]) == ()
