"""A plan sealed before the data: what will be judged, by which thresholds, over which expected evidence."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import orjson

from auditgen import __version__
from auditgen.assessment.model import SealedPlan
from auditgen.canonical import canonical_json, digest_of
from auditgen.pipeline.beside import indicator_files, own_member, suite_files
from auditgen.pipeline.previous import examined, sealed_at
from auditgen.pipeline.signing import packed_line, signer_of
from auditgen.project import criterion_declaration, load_project
from auditgen.seal import write_pack

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from auditgen.project import Project, SourceBlock
    from auditgen.seal import PackSummary

SCHEMA = "auditgen-plan-1"
NAME = "plan.json"
MEMBER = f"pack/data/{NAME}"
MAX_BYTES = 64 * 1024 * 1024


def plan_of(project: Project) -> dict[str, Any]:
    """What is fixed beforehand: promises, criteria with their digests, expected evidence, checklists."""
    audit = project.audit
    return {
        "schema": SCHEMA,
        "organisation": audit.organisation.name,
        "system": {"name": audit.system.name, "version": audit.system.version},
        "models": list(audit.system.models),
        "period": {"start": audit.period.start.isoformat(), "end": audit.period.end.isoformat()},
        "declaration_sha256": project.declaration_digest,
        "principles": [
            {
                "id": p.id,
                "title": p.title,
                "promise": p.promise,
                "criteria": [_criterion(project, c) for c in p.criteria],
            }
            for p in audit.principles
        ],
        "report": audit.report.id,
        # what decides how records are read and whose they are said to be is as weighty as a threshold
        "sources": {source.id: source_digest(source) for source in audit.sources},
        "expected": [orjson.loads(e.model_dump_json(exclude_none=True)) for e in audit.expected],
        "checklists": [
            {"id": c.framework.id, "version": c.framework.checklist_version} for c in project.checklists
        ],
    }


def source_digest(source: SourceBlock) -> str:
    """Over how a source is read and who is said to have made it; not over which files it is."""
    value = orjson.loads(source.model_dump_json(by_alias=True, exclude_none=True))
    return digest_of({k: v for k, v in value.items() if k not in {"custody", "files", "snapshot", "title"}})


def _criterion(project: Project, criterion: Any) -> dict[str, Any]:
    declaration = criterion_declaration(criterion, project.indicators[criterion.indicator])
    return {"id": criterion.id, "digest": digest_of(declaration), "declaration": declaration}


def seal_plan(audit: Path, out: Path, now: datetime) -> PackSummary:
    """Seal the plan of an audit.yaml as a pack of its own. Raises AuditgenError; then nothing was written.

    No evidence is read: none need exist yet.
    """
    project = load_project(audit, needs_signer=True)
    signer = signer_of(project, now)
    plan = plan_of(project)
    files: dict[str, Path | bytes] = {NAME: canonical_json(plan), "inputs/audit.yaml": project.path}
    for number, found in enumerate([*suite_files(project), *indicator_files(project)], 1):
        files[own_member(number, found)] = found.path
    return write_pack(
        out,
        files,
        statement_predicate={
            "plan": {"schema": SCHEMA, "id": project.audit.report.id},
            "organisation": plan["organisation"],
            "period": plan["period"],
            "system": plan["system"],
            "models": plan["models"],
            "thresholds_sha256": plan["declaration_sha256"],
            "criteria": {c["id"]: c["digest"] for p in plan["principles"] for c in p["criteria"]},
        },
        signer=signer,
        signed_at=now,
        bag_info={
            "Source-Organization": packed_line(plan["organisation"]),
            "External-Identifier": project.audit.report.id,
            "External-Description": packed_line(f"plan of {plan['system']['name']}"),
            "Bag-Software-Agent": f"auditgen {__version__}",
        },
    )


def load_plan(project: Project, now: datetime) -> SealedPlan | None:
    """The plan that audit.yaml names, None when it names none. A fault makes it unverified."""
    block = project.audit.plan
    if block is None:
        return None
    path = project.resolve(block.pack)
    found = examined(project, block.pack, block.trust, now)
    if found.fault:
        return SealedPlan(block.pack, found.sha256, is_verified=False, status=found.fault)
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(MEMBER).file_size > MAX_BYTES:
                raise ValueError
            plan = orjson.loads(archive.read(MEMBER))
        fault = _not_ours(project, plan)
        if fault:
            return SealedPlan(block.pack, found.sha256, is_verified=False, status=fault)
        now_said = plan_of(project)
        changed = frozenset(
            name for name, digest in plan["sources"].items() if now_said["sources"].get(name) != digest
        )
        items = {str(e["id"]): e for e in plan["expected"]}
        lighter = frozenset(str(e["id"]) for e in now_said["expected"] if items.get(e["id"], e) != e)
        digests = {str(c["id"]): str(c["digest"]) for p in plan["principles"] for c in p["criteria"]}
        principles = {str(c["id"]): str(p["id"]) for p in plan["principles"] for c in p["criteria"]}
        expected = frozenset(items)
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        status = f"its {NAME} cannot be read: {type(error).__name__}"
        return SealedPlan(block.pack, found.sha256, is_verified=False, status=status)
    return SealedPlan(
        block.pack,
        found.sha256,
        is_verified=True,
        status="its seal was verified before use",
        signed_at=sealed_at(found.statement),
        digests=digests,
        principles=principles,
        expected=expected,
        changed_expected=lighter,
        changed_sources=changed,
    )


def _not_ours(project: Project, plan: dict[str, Any]) -> str:
    """Why a sound plan is not the one of this audit; empty when it is."""
    audit = project.audit
    if plan["schema"] != SCHEMA:
        return f"it is no plan that this version knows, but `{str(plan['schema'])[:40]}`"
    if plan["organisation"] != audit.organisation.name:
        return f"it is a plan of another organisation, `{plan['organisation']}`"
    if plan["system"]["name"] != audit.system.name:
        return f"it is a plan for another system, `{plan['system']['name']}`"
    if plan["report"] != audit.report.id:
        return f"it is the plan of another report, `{plan['report']}`"
    if plan["system"]["version"] != audit.system.version or plan["models"] != list(audit.system.models):
        return "it is a plan for another version of the system, or for other models"
    start, end = plan["period"]["start"], plan["period"]["end"]
    if (start, end) != (audit.period.start.isoformat(), audit.period.end.isoformat()):
        return f"it is a plan for another period, {start} to {end}"
    return ""

