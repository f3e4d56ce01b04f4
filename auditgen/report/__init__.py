"""The report as a value: the frozen document every renderer reads, and its composition."""

from auditgen.report.compose import compose
from auditgen.report.measures import Details
from auditgen.report.model import Document, TableRef

__all__ = ["Details", "Document", "TableRef", "compose"]
