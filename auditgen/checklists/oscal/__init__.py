"""OSCAL: catalogs and profiles in, mappings out."""

from auditgen.checklists.oscal.convert import import_oscal
from auditgen.checklists.oscal.mapping import mapping_collection

__all__ = ["import_oscal", "mapping_collection"]
