"""Checking what was sealed, without the project, the network, or trust in whoever sent it.

Shares no code with `auditgen.seal` but the canonical bytes: container, manifests, envelope and tree
are read here a second time, from the specification in `docs/sealing.md`. Nothing that lies in a
file under examination can raise: what cannot be read is a failed check.
"""

from __future__ import annotations

from auditgen.verify.examine import examine
from auditgen.verify.merkle import proves_inclusion
from auditgen.verify.model import (
    Check,
    Examination,
    Policy,
    SignatureFact,
    StatementSummary,
    Status,
)

__all__ = [
    "Check",
    "Examination",
    "Policy",
    "SignatureFact",
    "StatementSummary",
    "Status",
    "examine",
    "proves_inclusion",
]
