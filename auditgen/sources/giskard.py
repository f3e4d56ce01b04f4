"""Giskard scans: findings in words, without prompts, counts, times or a model.

`scan.json` maps detectors to levels to sentences. There is nothing to count in it, so it can support no
rate; what it found is passed on as findings, for nobody to overlook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Anomaly, Presence
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_text, load_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 64 * 1024 * 1024
SUFFIX = "Detector"
LEVELS = ("major", "medium", "minor")
MAX_FINDINGS = 200
SHOWN_CHARS = 240


class GiskardSource:
    """Giskard 2: `report.to_json()`."""

    name: ClassVar[str] = "giskard"
    version: ClassVar[str] = "1"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By keys that all name detectors."""
        names = probe.top_keys
        if names and all(name.endswith(SUFFIX) for name in names):
            return Recognition("giskard.scan", "JSON whose keys are all detectors")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """No records, and a finding for every detector and level."""
        try:
            scan, nonfinite = load_file(path, MAX_BYTES)
        except (OSError, ValueError) as error:
            yield Anomaly("truncated", f"the file breaks off or is damaged: {str(error)[:120]}", blocks=True)
            scan, nonfinite = {}, 0
        if nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", nonfinite)
        yield from _findings(as_dict(scan))
        message = "findings in words only: no prompt, no count, no time and no model to hold them against"
        yield Anomaly("records-withheld", message, blocks=True)
        absent = ("run", "time", "model", "version", "denominator", "threshold")
        yield Facts(tool="Giskard", completeness=dict.fromkeys(absent, Presence.ABSENT))


def _findings(scan: dict[str, Any]) -> Iterator[Anomaly]:
    told = 0
    for detector, levels in scan.items():
        known = as_dict(levels)
        for level in [*(name for name in LEVELS if name in known), *sorted(set(known) - set(LEVELS))]:
            texts = as_list(known[level])
            if not texts or told >= MAX_FINDINGS:
                continue
            told += 1
            more = f" (and {len(texts) - 1} more)" if len(texts) > 1 else ""
            text = f"{as_text(detector)[:80]}, {as_text(level)[:20]}: {as_text(texts[0])[:SHOWN_CHARS]}{more}"
            yield Anomaly("tool-finding", text, len(texts))
