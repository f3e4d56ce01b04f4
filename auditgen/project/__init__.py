"""audit.yaml: the user's own file. Its model, and a loader that answers like a good compiler."""

from auditgen.project.load import Project, criterion_declaration, load_project, principle_declaration
from auditgen.project.model import Audit, Criterion, Mode, Principle, SourceBlock
from auditgen.project.terms import Independence

__all__ = [
    "Audit",
    "Criterion",
    "Independence",
    "Mode",
    "Principle",
    "Project",
    "SourceBlock",
    "criterion_declaration",
    "load_project",
    "principle_declaration",
]
