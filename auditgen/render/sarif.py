"""The gate as SARIF 2.1.0, for code hosts that show results beside the lines of audit.yaml.

OASIS, Static Analysis Results Interchange Format Version 2.1.0. What is met is a rule without a result; what
is open is a warning, never a pass. A control that was waived is a result with a suppression.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

import orjson

from auditgen import __version__
from auditgen.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditgen.diagnostics import Span
    from auditgen.report.gate import Doubt, Gate, Line

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"high": "warning", "medium": "warning", "low": "note", "note": "note"}
MAX_RELATED = 50
Json = dict[str, Any]


def render(gate: Gate, audit: str, places: Mapping[str, Span], out: BinaryIO) -> None:
    """Write the log. `audit`: the path of audit.yaml with `/`; evidence files start from its folder.

    `places`: where in audit.yaml a criterion, the source of a finding, or a checklist stands, by its id.
    """
    folder = audit.rpartition("/")[0]
    rules: dict[str, Json] = {}
    results: list[Json] = []
    for line in gate.criteria:
        rules.setdefault(f"criterion/{line.id}", _line_rule("criterion", line))
        if line.status.code != "met":
            results.append(_line_result("criterion", line, audit, folder, places.get(line.id)))
    for line in gate.controls:
        if line.blocks or line.status.code == "waived":
            rules.setdefault(f"control/{line.id}", _line_rule("control", line))
            results.append(_line_result("control", line, audit, folder, places.get(line.principle)))
    for doubt in gate.findings:
        rules.setdefault(f"finding/{doubt.view.code}", _finding_rule(doubt))
        results.append(_finding_result(doubt, audit, folder, places.get(doubt.view.source_id)))
    numbers = {name: number for number, name in enumerate(rules)}
    for result in results:
        result["ruleIndex"] = numbers[result["ruleId"]]
    run: Json = {
        "tool": {"driver": {"name": "auditgen", "version": __version__, "rules": list(rules.values())}},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "exitCode": int(gate.exit_code),
                "exitCodeDescription": gate.result,
            }
        ],
        "results": results,
        "properties": dict(gate.meta),
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    out.write(orjson.dumps(log, option=orjson.OPT_INDENT_2) + b"\n")


def _line_rule(kind: str, line: Line) -> Json:
    return {
        "id": f"{kind}/{line.id}",
        "name": line.id,
        "shortDescription": {"text": _said(f"{line.id}: {line.title}")},
        "fullDescription": {"text": _said(line.rule)},
        "help": {
            "text": _said(f"What was looked at, and what would change it: auditgen explain AUDIT {line.id}")
        },
        "properties": {"verdict": line.status.code},
    }


def _finding_rule(doubt: Doubt) -> Json:
    view = doubt.view
    return {
        "id": f"finding/{view.code}",
        "name": view.code,
        "shortDescription": {"text": _said(view.title)},
        "fullDescription": {"text": _said(f"{view.title}. Ask: {view.ask}")},
        "help": {"text": _said(f"What it means: auditgen explain {view.code}. Ask: {view.ask}")},
        "properties": {"severity": view.severity},
    }


def _line_result(kind: str, line: Line, audit: str, folder: str, place: Span | None) -> Json:
    parts = [f"{line.id} is {line.status.word}", line.number, line.reason, line.more]
    result: Json = {
        "ruleId": f"{kind}/{line.id}",
        "level": "error" if line.status.code == "not_met" else "warning",
        "message": {"text": _said(". ".join(part for part in parts if part))},
        "locations": [_location(audit, place)],
        "relatedLocations": list(_related(folder, line.files)),
        "partialFingerprints": {"auditgenResult/v1": _fingerprint(kind, line.id)},
        "properties": {
            "verdict": line.status.code,
            "blocks": line.blocks,
            "figure": None if line.figure is None else line.figure.model_dump(mode="json"),
        },
    }
    if line.status.code == "waived":
        result["level"] = "note"
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": _said(line.reason)}
        ]
    return result


def _finding_result(doubt: Doubt, audit: str, folder: str, place: Span | None) -> Json:
    view = doubt.view
    # counts inside a sentence change from day to day; the finding is the same
    known = _fingerprint("finding", view.code, view.source_id, re.sub(r"[0-9][0-9,.]*", "#", view.detail))
    return {
        "ruleId": f"finding/{view.code}",
        "level": _LEVELS[view.severity],
        "message": {"text": _said(f"{view.id} {view.title}: {view.detail} Ask: {view.ask}")},
        "locations": [_location(audit, place)],
        "relatedLocations": list(_related(folder, view.files)),
        "partialFingerprints": {"auditgenResult/v1": known},
        "properties": {"severity": view.severity, "count": view.count, "blocks": doubt.blocks},
    }


def _location(audit: str, place: Span | None) -> Json:
    region = {"startLine": 1}
    if place is not None:
        region = {
            "startLine": place.line,
            "startColumn": place.column,
            "endLine": place.end_line,
            "endColumn": place.end_column,
        }
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(audit)}, "region": region}}


def _related(folder: str, files: tuple[str, ...]) -> Iterator[Json]:
    # a finding of many files ends with `and 12 more`, which is no file
    named = [name for name in files if not re.fullmatch(r"and \d+ more", name)]
    for number, name in enumerate(named[:MAX_RELATED], 1):
        path = f"{folder}/{name}" if folder else name
        yield {
            "id": number,
            "physicalLocation": {"artifactLocation": {"uri": _uri(path)}},
            "message": {"text": _said(f"evidence {name}")},
        }


def _uri(path: str) -> str:
    """A relative reference: a colon in a first segment would read as a scheme, so it is encoded."""
    return quote(path.encode("utf-8", "replace"), safe="/-._~")


def _said(text: str) -> str:
    """Plain text: no control characters, and nothing that reads as a link, `[text](target)` (3.11.6)."""
    return printable(text).replace("](", "] (")


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
