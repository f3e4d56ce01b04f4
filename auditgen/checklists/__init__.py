"""Checklists of regulatory controls, written in YAML: the model, the loader and its diagnostics."""

from auditgen.checklists.applicability import Applicability, Profile, applicability
from auditgen.checklists.catalogue import EVIDENCE_CODES, EvidenceKind
from auditgen.checklists.deadlines import Deadline, incident_deadlines
from auditgen.checklists.load import (
    available_checklists,
    checklist_files,
    load_checklist,
    load_checklists,
)
from auditgen.checklists.model import (
    TEXT_BASIS,
    Checklist,
    Control,
    EvidenceNeed,
    Mapping,
    Predicate,
    Sampling,
)

__all__ = [
    "EVIDENCE_CODES",
    "TEXT_BASIS",
    "Applicability",
    "Checklist",
    "Control",
    "Deadline",
    "EvidenceKind",
    "EvidenceNeed",
    "Mapping",
    "Predicate",
    "Profile",
    "Sampling",
    "applicability",
    "available_checklists",
    "checklist_files",
    "incident_deadlines",
    "load_checklist",
    "load_checklists",
]
