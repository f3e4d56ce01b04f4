"""Small projects made to measure: evaluation logs, gateway tables, an audit.yaml, and a run over them.

Everything here is invented on the spot, so that a test shows the whole of what it judges.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from auditgen.evidence.store import EvidenceStore
from auditgen.pipeline.build import build
from auditgen.pipeline.read import read_inputs
from auditgen.pipeline.write import FORMATS, Made, Order, make_report
from auditgen.project import load_project

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditgen.assessment import PreviousReport
    from auditgen.pipeline.build import Built

AS_OF = date(2026, 10, 5)
NOW = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)
KEYS_AT = datetime(2026, 2, 1, tzinfo=UTC)
RUN_AT = datetime(2026, 9, 10, 13, 5, 11, tzinfo=UTC)
MODEL = "model-1"
Json = dict[str, Any]


def sample(
    number: int | str,
    refused: bool | None = True,
    *,
    epoch: int = 1,
    request: str | None = "disallowed",
    watched: bool | None = None,
    category: str = "cyber",
    asked: str = "a disallowed request",
    answered: str = "an answer",
    failed: bool = False,
    at: datetime | None = RUN_AT,
    **metadata: Any,
) -> Json:
    """One sample of an Inspect log; `refused` None is a sample that no grader scored."""
    out: Json = {
        "id": f"s{number:04d}" if isinstance(number, int) else number,
        "epoch": epoch,
        "input": asked,
        "output": {"completion": answered, "choices": []},
        "scores": {} if refused is None else {"judge": {"value": int(refused)}},
        "metadata": {"category": category, **metadata},
    }
    if request is not None:
        out["metadata"]["request"] = request
    if watched is not None:
        out["metadata"]["watched"] = watched
    if failed:
        out["error"] = {"message": "the provider answered 503"}
    if at is not None:
        out["completed_at"] = at.isoformat()
    return out


def samples(refused: int, complied: int = 0, unscored: int = 0, **parts: Any) -> list[Json]:
    """So many samples of each kind, each its own prompt."""
    kinds = [True] * refused + [False] * complied + [None] * unscored
    return [sample(number, kind, **parts) for number, kind in enumerate(kinds)]


def inspect_log(
    rows: Sequence[Json],
    *,
    task: str = "policy",
    model: str = MODEL,
    planned: int | None = None,
    at: datetime | None = RUN_AT,
    run: str = "run-1",
    **changes: Any,
) -> Json:
    """An Inspect JSON log over these samples."""
    spec: Json = {"task": task, "model": model, "eval_id": run, "config": {}}
    spec["dataset"] = {"samples": len(rows) if planned is None else planned}
    stats: Json = {}
    if at is not None:
        spec["created"] = at.isoformat()
        stats = {"started_at": at.isoformat(), "completed_at": at.isoformat()}
    log = {"version": 2, "status": "success", "eval": spec, "results": {}, "stats": stats}
    return {**log, **changes, "samples": list(rows)}


def gateway_rows(
    days: Iterable[date],
    *,
    per_hour: int = 1,
    verdict: str = "allow",
    action: str = "pass",
    model: str = MODEL,
) -> list[dict[str, str]]:
    """Rows of a gateway that logged in every hour of these days."""
    rows = []
    for day in days:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for number in range(24 * per_hour):
            at = start + timedelta(minutes=number * 60 // per_hour)
            rows.append(
                {
                    "time": at.isoformat().replace("+00:00", "Z"),
                    "id": f"{day.isoformat()}-{number}-{verdict}-{action}",
                    "model": model,
                    "verdict": verdict,
                    "action": action,
                    "class": "disallowed" if verdict == "deny" else "ordinary",
                    "result": "answered" if action == "pass" else "blocked",
                }
            )
    return rows


def csv_text(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


LAB_MAP: Json = {
    "outcome": {
        "from": "scores.judge",
        "values": {"1": "refused", "0": "complied"},
        "basis": "judge",
    },
    "expected": {
        "from": "metadata.request",
        "values": {"disallowed": "refuse", "benign": "comply"},
    },
    "category": {"from": "metadata.category"},
}
GATEWAY_MAP: Json = {
    "time": {"from": "time"},
    "record": {"from": "id"},
    "model": {"from": "model"},
    "outcome": {"from": "result", "values": {"answered": "complied", "blocked": "blocked_output"}},
    "expected": {"from": "class", "values": {"disallowed": "refuse", "ordinary": "comply"}},
    "guardrail_verdict": {"from": "verdict"},
    "guardrail_action": {"from": "action"},
}


def source(name: str, files: str, independence: str = "external", **parts: Any) -> Json:
    """A source block."""
    return {
        "id": name,
        "title": f"Evaluation {name}",
        "files": [files],
        "provider": {"name": f"Provider of {name}", "independence": independence},
        "custody": {"received_from": "them", "received_on": "2026-10-01", "received_by": "us"},
        "map": copy.deepcopy(LAB_MAP),
        **parts,
    }


def criterion(name: str = "C1", **parts: Any) -> Json:
    """A criterion block: refusals in at least 90 of 100, from `lab`."""
    limits = {"at_least", "at_most", "within"}
    base: Json = {"id": name, "indicator": "refusal-rate", "sources": ["lab"], "min_n": 30}
    if not limits & set(parts):
        base["at_least"] = 0.9
    return {**base, **parts}


def audit(**changes: Any) -> Json:
    """An audit.yaml as a value: one promise, one criterion, one source."""
    base: Json = {
        "schema": "auditgen-audit-1",
        "organisation": {"name": "Acme"},
        "system": {"name": "Assistant", "version": "1.0", "models": [MODEL]},
        "period": {"start": "2026-07-01", "end": "2026-09-30"},
        "report": {
            "id": "R-1",
            "prepared_for": "the board",
            "prepared_by": {"name": "A. Example", "role": "officer"},
        },
        "principles": [
            {
                "id": "P1",
                "title": "Refuses",
                "promise": "It refuses what policy disallows.",
                "criteria": [criterion()],
            }
        ],
        "sources": [source("lab", "evidence/lab*")],
    }
    return copy.deepcopy({**base, **changes})


class _Plain(yaml.SafeDumper):
    """Without anchors: audit.yaml refuses them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def yaml_text(value: Any) -> str:
    """A value as YAML."""
    return yaml.dump(value, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=1000)


def write_project(
    folder: Path, value: Json | None = None, files: Mapping[str, Json | str | bytes] | None = None
) -> Path:
    """Write audit.yaml and evidence under `folder`; returns the path of audit.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "audit.yaml"
    path.write_text(yaml_text(audit() if value is None else value), "utf-8")
    for name, content in (files or {}).items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content) if isinstance(content, dict) else content
        target.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


def judged(path: Path, as_of: date = AS_OF, previous: PreviousReport | None = None) -> Built:
    """Everything up to the document, without rendering and with a store of its own."""
    project = load_project(path, needs_signer=False)
    with tempfile.TemporaryDirectory() as folder:
        inputs = read_inputs(project, EvidenceStore(Path(folder)))
        return build(project, inputs, as_of, previous=previous)


def draft(
    path: Path, out: Path, formats: tuple[str, ...] = FORMATS, as_of: date = AS_OF, **parts: Any
) -> Made:
    """Unsigned files of a project."""
    parts.setdefault("now", NOW)
    return make_report(
        Order(audit=path, out=out, as_of=as_of, formats=formats, unsigned=True, **parts)
    )


def verdicts(made: Built) -> dict[str, str]:
    """Verdict by criterion id."""
    return {
        result.criterion.id: result.verdict.value
        for principle in made.assessment.principles
        for result in principle.criteria
    }


def conclusions(made: Built) -> dict[str, str]:
    """Conclusion by principle id."""
    return {p.principle.id: p.conclusion.value for p in made.assessment.principles}


def findings(made: Built) -> dict[str, str]:
    """Detail by code of finding."""
    return {f.code: f.detail for f in made.assessment.findings}


@dataclass(frozen=True)
class Demo:
    """What `auditgen demo` wrote, to be copied before it is touched."""

    folder: Path

    @property
    def audit(self) -> Path:
        """Its audit.yaml."""
        return self.folder / "quarter" / "audit.yaml"

    @property
    def document(self) -> Json:
        """Its report.json."""
        value: Json = json.loads((self.folder / "report.json").read_bytes())
        return value
