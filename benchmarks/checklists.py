"""Loading a checklist of 5,000 controls: against the YAML parser alone, the cache, and judging it.

Run with `python benchmarks/checklists.py [--controls 5000] [--rounds 3]`. Sides are fresh processes,
interleaved; CPU is user plus system seconds without imports, the median of the rounds. `parser` is PyYAML's
C loader over the same file. `cold` loads and validates with an empty cache and leaves an entry, `warm` with
that entry. `judge` holds the same controls against 1,000 criteria of 500 principles, ten to a control.

Goals: cold at most 3 times the parser, warm at most a tenth of cold.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HEAD = """\
schema: auditgen-checklist-1
framework:
  id: large
  title: A large checklist
  authority: Example Ltd
  citation: L
  source_version: "1"
  checklist_version: "1"
  binding: internal
  licence: {text: ours, policy: verbatim_ok, attribution: Example Ltd}
  review: {legal_review: none, last_checked: 2026-11-20, text_basis: read, sources: [us]}
  scope: everything
vocabulary: {roles: [provider], risk_classes: []}
groups:
  - {id: g, title: G, cite: g}
controls:
"""
CONTROL = """\
  - id: "C-{n}"
    group: g
    title: Control number {n} of the large list
    requirement: >-
      The organisation does what control {n} asks for and keeps a record of it, with the date, the
      person and the reason, and looks at it again at least once a year.
    cite: section {n}
    kind: control
    duty_bearer: [provider]
    applies: {{role: provider}}
    effective:
      - from: 2026-01-01
    severity: medium
    evidence:
      - id: refusals
        any_of: [EV-REF, EV-ASR]
        max_age_days: 180
        must_show:
          - the number beside the denominator
      - id: policy
        any_of: [DO-POL]
    notes: read with section {n}
"""
COMMON = """
import json, resource, sys
from pathlib import Path
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
path = Path(sys.argv[1])
"""
LOAD = (
    COMMON
    + """
import orjson, yaml
from auditgen.checklists import load_checklist
start = cpu(); checklist = load_checklist(path); print(json.dumps(cpu() - start))
assert len(checklist.controls) == int(sys.argv[2])
"""
)
SIDES = {
    "parser": COMMON
    + """
import yaml
start = cpu(); value = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader); print(json.dumps(cpu() - start))
assert len(value["controls"]) == int(sys.argv[2])
""",
    "cold": LOAD,
    "warm": LOAD,
    "judge": COMMON
    + """
sys.path.insert(0, sys.argv[3])
from dataclasses import replace
import orjson
from helpers import judging as j
from helpers.workshop import audit as audit_value
from auditgen.assessment import Verdict
from auditgen.assessment.controls import judge_controls
from auditgen.checklists import load_checklist
from auditgen.project.model import Audit
checklist = load_checklist(path)
count = len(checklist.controls)
one = j.judged_as(Verdict.MET)
criteria = [
    replace(one, criterion=one.criterion.model_copy(update={"id": f"C{n}"})) for n in range(1000)
]
principles = []
for n in range(500):
    answers = tuple(f"large:C-{k}" for k in range(count) if n in {(k + step) % 500 for step in range(5)})
    principles.append((j.principle(id=f"P{n}", answers=answers), criteria[2 * n : 2 * n + 2]))
audit = Audit.model_validate_json(orjson.dumps(audit_value(profile={"roles": ["provider"]})))
register = j.register()
start = cpu()
found = judge_controls(audit, [checklist], principles, register, j.AS_OF)
print(json.dumps(cpu() - start))
assert len(found) == count and all(len(result.needs[0].found) == 10 for result in found)
""",
}
"""Each prints its CPU seconds. `cold` and `warm` differ in their cache only; `judge` begins warm."""
TESTS = Path(__file__).resolve().parent.parent / "tests"


def measured(side: str, path: Path, controls: int, cache: Path) -> float:
    """CPU seconds of one fresh process."""
    if side == "cold":
        for entry in cache.glob("*"):
            entry.unlink()
    done = subprocess.run(
        [sys.executable, "-c", SIDES[side], str(path), str(controls), str(TESTS)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "AUDITGEN_CHECKLIST_CACHE": str(cache)},
    )
    return float(json.loads(done.stdout))


def main() -> None:
    """Make the file, measure every side in turn, print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--controls", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    order = parser.parse_args()
    taken: dict[str, list[float]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.yaml"
        path.write_text(HEAD + "".join(CONTROL.format(n=n) for n in range(order.controls)), "utf-8")
        for _ in range(order.rounds):
            for side in SIDES:  # `warm` and `judge` find what `cold` left
                taken[side].append(measured(side, path, order.controls, Path(folder) / "cache"))
        size = path.stat().st_size
    cpu = {side: statistics.median(seconds) for side, seconds in taken.items()}
    result = {
        "controls": order.controls,
        "bytes": size,
        "cpu_seconds": {side: round(seconds, 3) for side, seconds in cpu.items()},
        "ratios": {
            "cold / parser": round(cpu["cold"] / cpu["parser"], 2),
            "warm / cold": round(cpu["warm"] / cpu["cold"], 3),
            "judge / cold": round(cpu["judge"] / cpu["cold"], 3),
        },
        "goals": {"cold / parser": 3.0, "warm / cold": 0.1},
    }
    print(json.dumps(result, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
