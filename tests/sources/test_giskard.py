"""Giskard scans: findings in words are passed on and never counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def scan(**detectors: Any) -> bytes:
    return json.dumps(detectors).encode()


def test_words_become_findings_and_no_evidence(read: Any, kit: Any) -> None:
    file = read(scan(InjectionDetector={"minor": ["a"], "major": ["b", "c"]}, BiasDetector={}))
    assert kit.codes(file) == {"tool-finding": 3, "records-withheld": 1}
    first, second, _ = (a.message for a in file.reading.anomalies)
    assert (first, second) == ("InjectionDetector, major: b (and 1 more)", "InjectionDetector, minor: a")
    assert file.reading.is_vacuous
    assert file.reading.grade == "E"
    assert set(file.reading.completeness.values()) == {"absent"}


def test_a_clean_scan_proves_nothing_either(read: Any, kit: Any) -> None:
    assert kit.codes(read(scan(BiasDetector={}))) == {"records-withheld": 1}


def test_spoiled_scans(read: Any, kit: Any) -> None:
    assert kit.codes(read(scan(BiasDetector={})[:-1]))["truncated"] == 1
    odd = scan(ADetector=[1], BDetector={"major": "text"}, CDetector={"x": [None, {"y": 1}]})
    assert kit.codes(read(odd)) == {"tool-finding": 2, "records-withheld": 1}
    strange = read(scan(BiasDetector={}, other=1)).reading
    assert strange.format != "giskard.scan", "one strange key and it is no scan"


def test_a_hostile_scan_is_cut_short(read: Any, kit: Any) -> None:
    made = {f"N{n}Detector": {"major": ["\x1b[2J<script>" * 100]} for n in range(1000)}
    file = read(scan(**made))
    assert kit.codes(file)["tool-finding"] == 200
    assert all(len(a.message) < 500 for a in file.reading.anomalies)


def test_giskard_itself(read: Any, kit: Any) -> None:
    """Three detectors found something, at one level each: four sentences."""
    path = Path(__file__).parents[1] / "data" / "giskard" / "scan.json"
    found = {name: levels for name, levels in json.loads(path.read_text()).items() if levels}
    assert [sum(map(len, levels.values())) for levels in found.values()] == [2, 1, 1]
    assert kit.codes(read(path)) == {"tool-finding": 4, "records-withheld": 1}


def test_genuine_export(extra_exports: Path, read: Any, kit: Any) -> None:
    folder = extra_exports / "evaluation" / "giskard"
    assert kit.codes(read(folder / "scan.json")) == {"tool-finding": 3, "records-withheld": 1}
    assert kit.codes(read(folder / "scan_clf.json"))["tool-finding"] >= 3
