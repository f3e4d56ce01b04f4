"""Checklists of regulatory controls, written in YAML: the model, the loader and its diagnostics."""

from auditgen.checklists.applicability import Applicability, Profile, applicability
from auditgen.checklists.load import available_checklists, load_checklist, load_checklists
from auditgen.checklists.model import (
    EVIDENCE_CODES,
    Checklist,
    Control,
    EvidenceKind,
    EvidenceNeed,
)

__all__ = [
    "EVIDENCE_CODES",
    "Applicability",
    "Checklist",
    "Control",
    "EvidenceKind",
    "EvidenceNeed",
    "Profile",
    "applicability",
    "available_checklists",
    "load_checklist",
    "load_checklists",
]
