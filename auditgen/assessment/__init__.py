"""The judgement: verdicts on criteria and controls, conclusions on principles, findings."""

from auditgen.assessment.assess import assess
from auditgen.assessment.model import (
    Assessment,
    Conclusion,
    ControlResult,
    CriterionResult,
    DocumentRecord,
    ExpectedResult,
    Finding,
    PreviousReport,
    PrincipleResult,
    Register,
    Severity,
    Verdict,
)
from auditgen.assessment.needs import attestation_fault

__all__ = [
    "Assessment",
    "Conclusion",
    "ControlResult",
    "CriterionResult",
    "DocumentRecord",
    "ExpectedResult",
    "Finding",
    "PreviousReport",
    "PrincipleResult",
    "Register",
    "Severity",
    "Verdict",
    "assess",
    "attestation_fault",
]
