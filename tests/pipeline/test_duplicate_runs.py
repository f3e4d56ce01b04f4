"""One run handed in twice, in different bytes, counts once and is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from auditgen.cli import run

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "quarter"


def _report(folder: Path, out: str) -> dict[str, Any]:
    audit = folder / "audit.yaml"
    code = run(
        ["report", str(audit), "-o", str(folder / out), "--as-of", "2026-10-05", "--unsigned",
         "--formats", "json", "-q"]
    )  # fmt: skip
    assert code == 0
    value: dict[str, Any] = json.loads((folder / out / "report.json").read_bytes())
    return value


def _gap(report: dict[str, Any]) -> dict[str, Any]:
    principle = next(p for p in report["principles"] if p["id"] == "P2")
    figure: dict[str, Any] = principle["criteria"][0]["measure"]["figure"]
    return figure


def test_a_copy_of_a_run_is_set_aside_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "quarter"
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("keys", ".auditgen", "report"))
    before = _gap(_report(folder, "one"))
    log = next((folder / "evidence" / "lantern-rock").glob("*watch-cue*.json"))
    copy = log.with_name(log.name.replace(".json", "-again.json"))
    copy.write_bytes(log.read_bytes() + b"\n")
    report = _report(folder, "two")
    assert _gap(report)["arms"] == before["arms"]
    finding = next(f for f in report["findings"] if f["code"] == "duplicate-run")
    assert "P2" in finding["principles"]
    assert finding["severity"] == "high"
    assert len(finding["files"]) == 1
