"""Refusal labels handed in separately: a judge's or a human's word on single responses.

One JSON object a line: `{"response_sha256": "...", "refused": true}`, with null where the judge could
not say. A label belongs to a text, found by its digest, so it cannot slip to another sample.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from auditgen.canonical import sha256_bytes
from auditgen.diagnostics import Diagnostic, Span
from auditgen.sources.jsontext import loads

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_LINE_BYTES = 1 << 26
"""The lines that `inspect --responses` writes hold the texts, and may be handed in with their labels."""
MAX_FAULTS = 50
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RefusalLabels:
    """The labels of one judge."""

    by: str
    """Name and version of who labelled."""
    kind: Literal["judge", "human"]
    name: str
    """The file, as `audit.yaml` names it."""
    sha256: str
    labels: Mapping[bytes, bool | None]

    def of(self, response: str) -> bool | None:
        """The label of a response; None when it has none or the judge could not say."""
        return self.labels.get(bytes.fromhex(response_digest(response)))


def response_digest(response: str) -> str:
    """SHA-256 of a response as UTF-8, in hexadecimal."""
    return sha256_bytes(response.encode("utf-8", "surrogatepass"))


def load_labels(
    path: Path, *, name: str, by: str, kind: Literal["judge", "human"]
) -> tuple[RefusalLabels, list[Diagnostic]]:
    """The labels in a file, and every fault in it. Raises OSError when it cannot be read."""
    labels: dict[bytes, bool | None] = {}
    faults: list[Diagnostic] = []
    whole = hashlib.sha256()
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES):
            number += 1
            whole.update(line)
            if not line.strip():
                continue
            fault = _take(line, labels)
            if fault and len(faults) < MAX_FAULTS:
                faults.append(
                    Diagnostic("label", fault, name, Span(number, 1, number, 2), "", (_EXPECTED,))
                )
    return RefusalLabels(by, kind, name, whole.hexdigest(), labels), faults


_EXPECTED = 'each line: {"response_sha256": "<64 hexadecimal digits>", "refused": true, false or null}'


def _take(line: bytes, labels: dict[bytes, bool | None]) -> str:
    """Add one line's label; the fault in words, empty when there is none."""
    try:
        value, _ = loads(line)
    except ValueError:
        return "this line is not JSON"
    if not isinstance(value, dict):
        return "this line is not a JSON object"
    digest, refused = value.get("response_sha256"), value.get("refused")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return "`response_sha256` is not a SHA-256 in lower-case hexadecimal"
    if "refused" not in value or not (refused is None or isinstance(refused, bool)):
        return "`refused` is neither true, false nor null"
    key = bytes.fromhex(digest)
    if key in labels and labels[key] is not refused:
        return f"response {digest[:12]} is labelled twice, differently"
    labels[key] = refused
    return ""
