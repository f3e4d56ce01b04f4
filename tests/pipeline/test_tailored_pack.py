"""A tailoring in the pack: whoever unpacks it has what it rests on, and reads what it weakened."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from helpers.workshop import audit, inspect_log, samples, write_project

from auditgen.cli import run

if TYPE_CHECKING:
    from pathlib import Path

    from auditgen.seal import KeyPaths

FIRST = """\
schema: auditgen-tailoring-1
id: base
title: The framework as it concerns us
version: "1"
extends: nist-ai-rmf
include: [measure-2]
"""
SECOND = """\
schema: auditgen-tailoring-1
id: ours
title: The same for one product
version: "1"
extends: ../base/first.yaml
modify:
  "MEASURE 2.6":
    max_age_days: 999
    reason: It is tested once in two years.
"""


def test_what_it_rests_on_travels(tmp_path: Path, keys: KeyPaths) -> None:
    signer = {
        "certificate": "keys/signer.pem",
        "key": "keys/signer.key.pem",
        "chain": ["keys/ca.pem"],
        "person": {"name": "S. Example", "role": "officer"},
    }
    value = audit(standards=["own/second.yaml"], signer=signer)
    value["report"]["pack_evidence"] = "include"
    place = tmp_path / "project"
    files = {
        "evidence/lab.json": inspect_log(samples(300)),
        "own/second.yaml": SECOND,
        "base/first.yaml": FIRST,
    }
    path = write_project(place, value, files)
    shutil.copytree(keys.ca.parent, place / "keys")
    order = ["--as-of", "2026-10-05", "--formats", "json,html", "-q"]
    out, again = tmp_path / "out", tmp_path / "again"
    assert run(["report", str(path), "-o", str(out), *order]) == 0
    shutil.unpack_archive(out / "pack.zip", tmp_path / "unpacked")
    inputs = tmp_path / "unpacked" / "pack" / "data" / "inputs"
    assert (inputs / "base" / "first.yaml").read_text() == FIRST
    assert run(["report", str(inputs / "audit.yaml"), "-o", str(again), "--unsigned", *order]) == 0
    first, second = (json.loads((folder / "report.json").read_bytes()) for folder in (out, again))
    for document in (first, second):
        document.pop("signature")
    assert first == second
    [framework] = first["frameworks"]
    assert framework["total"] == 13
    [weak] = [c for c in framework["controls"] if c["id"] == "MEASURE 2.6"]
    assert "tailored:" in weak["notes"]
    assert weak["notes"] in " ".join((out / "report.html").read_text("utf-8").split())
