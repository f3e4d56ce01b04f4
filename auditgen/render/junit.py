"""The gate as JUnit XML, which most continuous integration shows as a list of tests.

There is no official schema; the shape is the one that Jenkins, GitLab and GitHub actions read. Only `met` is
a passed test. What fails the gate is a failure (not met) or an error (open, or a finding); what does not fail
it is skipped with its verdict, so that nothing open is ever counted as passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO
from xml.sax.saxutils import escape, quoteattr

from auditgen import __version__
from auditgen.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditgen.report.gate import Doubt, Gate, Line

_FEED = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


def render(gate: Gate, out: BinaryIO) -> None:
    """Write UTF-8 XML: one suite for each principle, then the controls that block, then the findings."""
    suites = []
    for name, title, status in gate.principles:
        lines = [line for line in gate.criteria if line.principle == name]
        suites.append(_suite(f"{name} {title}", [_case(line) for line in lines], status.code))
    if any(line.blocks for line in gate.controls):
        suites.append(_suite("controls", [_case(line) for line in gate.controls], ""))
    if gate.findings:
        suites.append(_suite("findings", [_finding(doubt) for doubt in gate.findings], ""))
    totals = [sum(counts) for counts in zip(*(counts for _, counts in suites), strict=True)] or [0, 0, 0, 0]
    name = _attribute(f"auditgen {gate.meta['report_id']}")
    head = f'<testsuites name={name} {_counts(totals)} time="0">'
    lines_out = ['<?xml version="1.0" encoding="UTF-8"?>', head]
    for text, _ in suites:
        lines_out += text
    out.write("\n".join([*lines_out, "</testsuites>", ""]).encode("utf-8"))


Case = tuple[str, list[str]]
"""What became of it (passed, failure, error, skipped), and its lines."""


def _suite(name: str, cases: Iterable[Case], conclusion: str) -> tuple[list[str], list[int]]:
    found = list(cases)
    kinds = [kind for kind, _ in found]
    counts = [len(found), *(kinds.count(kind) for kind in ("failure", "error", "skipped"))]
    properties = list(_properties({"conclusion": conclusion, "tool": f"auditgen {__version__}"}, "    "))
    lines = [f'  <testsuite name={_attribute(name)} {_counts(counts)} time="0">', *properties]
    for _, text in found:
        lines += text
    return [*lines, "  </testsuite>"], counts


def _counts(counts: Iterable[int]) -> str:
    names = ("tests", "failures", "errors", "skipped")
    return " ".join(f'{name}="{number}"' for name, number in zip(names, counts, strict=True))


def _case(line: Line) -> Case:
    values = {"verdict": line.status.code, "rule": line.rule, "number": line.number or "not measured"}
    if line.figure is not None:
        figure = line.figure
        values |= {
            "numerator": _number(figure.numerator),
            "denominator": _number(figure.denominator),
            "n": _number(sum(arm.denominator for arm in figure.arms)),
            "estimate": _number(figure.estimate),
            "lower": _number(figure.lower),
            "upper": _number(figure.upper),
            "worst_lower": _number(figure.worst_lower),
            "worst_upper": _number(figure.worst_upper),
        }
    if line.underlying is not None:
        values["without_waiver"] = line.underlying.code
    code = line.status.code
    kind = "passed" if code == "met" else "skipped"
    if line.blocks:
        kind = "failure" if code == "not_met" else "error"
    said = ". ".join(part for part in (line.number, line.reason, line.more) if part)
    return _written(line.id, line.principle, values, kind, code, f"{line.status.word}: {said}")


def _finding(doubt: Doubt) -> Case:
    view = doubt.view
    kind = "error" if doubt.blocks else "skipped"
    values = {"severity": view.severity, "count": str(view.count), "files": ", ".join(view.files)}
    said = f"{view.title}: {view.detail} Ask: {view.ask}"
    return _written(f"{view.id} {view.code}", "findings", values, kind, view.severity, said)


def _written(name: str, of: str, values: dict[str, str], kind: str, code: str, said: str) -> Case:
    lines = [f'    <testcase name={_attribute(name)} classname={_attribute(of)} time="0">']
    lines += _properties(values, "      ")
    if kind == "skipped":
        lines.append(f"      <skipped message={_attribute(said)}/>")
    elif kind != "passed":
        text = escape(_allowed(said))
        lines.append(f"      <{kind} type={_attribute(code)} message={_attribute(said)}>{text}</{kind}>")
    return kind, [*lines, "    </testcase>"]


def _properties(values: dict[str, str], indent: str) -> Iterator[str]:
    """A block of properties; what is empty is left out."""
    yield f"{indent}<properties>"
    for name, value in values.items():
        if value:
            yield f"{indent}  <property name={_attribute(name)} value={_attribute(value)}/>"
    yield f"{indent}</properties>"


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _attribute(text: str) -> str:
    return quoteattr(_allowed(text), _FEED)


def _allowed(text: str) -> str:
    """The text without what XML 1.0 forbids (section 2.2), nor what repaints a terminal."""
    return printable(text).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
