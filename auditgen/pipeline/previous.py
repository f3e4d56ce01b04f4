"""The previous period's pack: examined before a word of it is used."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from auditgen.assessment import PreviousReport
from auditgen.assessment.governance import weakness_key
from auditgen.canonical import sha256_file
from auditgen.errors import AuditgenError, Exit
from auditgen.verify import Policy, examine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from auditgen.project import Project
    from auditgen.verify.model import StatementSummary

MEMBER = "pack/data/report.json"
MAX_BYTES = 64 * 1024 * 1024


def load_previous(project: Project, now: datetime) -> PreviousReport | None:
    """What the previous pack said, None when audit.yaml names none. A fault makes it unverified."""
    block = project.audit.previous
    if block is None:
        return None
    found = examined(project, block.pack, block.trust, now)
    if found.fault:
        return PreviousReport(block.pack, found.sha256, is_verified=False, status=found.fault)
    try:
        report = sealed_report(project.resolve(block.pack))
        other = _not_ours(project, report["meta"])
        if other:
            return PreviousReport(block.pack, found.sha256, is_verified=False, status=other)
        return _summary(block.pack, found.sha256, report, sealed_at(found.statement))
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        status = f"its report.json cannot be read: {type(error).__name__}"
        return PreviousReport(block.pack, found.sha256, is_verified=False, status=status)


@dataclass(frozen=True, slots=True)
class Examined:
    """A sealed file that audit.yaml names, examined before a word of it is used."""

    sha256: str | None
    fault: str
    """Why it is not relied on; empty when it holds."""
    statement: StatementSummary | None = None
    signer: str = ""
    """Subject of the first signature's certificate."""


def examined(
    project: Project, name: str, trust: Sequence[str], now: datetime, *, is_export: bool = False
) -> Examined:
    """Whether a pack holds and leads to `trust`; of an export, its detached signature, whatever it is."""
    path = project.resolve(name)
    if not path.is_file():
        return Examined(None, "no such file")
    try:
        policy = Policy(trust=tuple(project.resolve(t) for t in trust), now=now)
        examination = examine(path, policy, kind="file" if is_export else "")
    except AuditgenError as error:
        reasons = [d.message for d in getattr(error, "diagnostics", ())] or [error.message]
        # no place of this machine in a report
        return Examined(None, "; ".join(reasons).replace(f"{project.root}/", ""))
    words = {
        Exit.CHANGED: "it was changed after sealing",
        Exit.UNTRUSTED: "its signer does not lead to a certificate named under `trust`",
    }
    fault = ""
    if examination.exit_code is not Exit.DONE:
        fault = words.get(examination.exit_code, "it could not be checked fully")
    signer = examination.signatures[0].subject if examination.signatures else ""
    return Examined(sha256_file(path), fault, examination.statement, signer)


def _not_ours(project: Project, meta: dict[str, Any]) -> str:
    """Why a sound pack is no earlier report on the same system; empty when it is."""
    audit = project.audit
    if meta["organisation"] != audit.organisation.name:
        return f"it is a report of another organisation, `{meta['organisation']}`"
    # a report of an earlier version of this tool holds name and version in one text only
    if str(meta.get("system_name") or str(meta["system"]).rpartition(" ")[0]) != audit.system.name:
        return f"it is a report on another system, `{meta['system']}`"
    if str(meta["period_end"]) >= audit.period.end.isoformat():
        return f"its period does not end before this one's, but on {meta['period_end']}"
    return ""


def sealed_at(statement: StatementSummary | None) -> datetime | None:
    """When the signer says that it was sealed."""
    if statement is None or not statement.sealed_at:
        return None
    return datetime.fromisoformat(statement.sealed_at).astimezone(UTC)


def sealed_report(path: Path) -> dict[str, Any]:
    """report.json of a pack that was examined. Raises OSError, KeyError, ValueError, BadZipFile."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(MEMBER)
        if info.file_size > MAX_BYTES:
            message = "too large"
            raise ValueError(message)
        report: dict[str, Any] = orjson.loads(archive.read(info))
    return report


def _summary(
    pack: str, sha256: str | None, report: dict[str, Any], sealed_at: datetime | None
) -> PreviousReport:
    principles = report["principles"]
    criteria = [criterion for p in principles for criterion in p["criteria"]]
    meta = report["meta"]
    return PreviousReport(
        pack=pack,
        sha256=sha256,
        is_verified=True,
        status="its seal was verified before use",
        report=report,
        report_id=str(meta["report_id"]),
        period=str(meta["period_words"]),
        signed_at=sealed_at,
        conclusions={str(p["id"]): str(p["status"]["code"]) for p in principles},
        figures={
            str(c["measure"]["id"]): str(c["measure"]["figure"]["text"])
            for c in criteria
            if c["measure"]["figure"] is not None
        },
        criterion_digests=frozenset(str(c["digest"]) for c in criteria),
        weaknesses=frozenset(
            weakness_key(str(row["of"]), str(row["source_id"])) for row in report.get("remediation", ())
        ),
        trends=_trends([*(c["measure"] for c in criteria), *_also(report)]),
    )


def _also(report: dict[str, Any]) -> list[dict[str, Any]]:
    beside = [measure for p in report["principles"] for measure in p["beside"]]
    return [*beside, *report["also_measured"]]


def _trends(measures: list[dict[str, Any]]) -> dict[str, tuple[dict[str, Any], ...]]:
    """Points by id; an earlier version of the report had none."""
    out = {}
    for measure in measures:
        trend = measure.get("trend")
        if isinstance(trend, dict) and isinstance(trend.get("points"), list):
            out[str(measure["id"])] = tuple(p for p in trend["points"] if isinstance(p, dict))
    return out
