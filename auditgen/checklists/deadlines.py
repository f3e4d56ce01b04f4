"""How soon incidents must be reported, by regime: `standards/deadlines/incidents.yaml`."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, Field, ValidationError

from auditgen.checklists.model import FROZEN, Slug, Text, TextBasis
from auditgen.errors import InputRefused
from auditgen.resources import resource_dir
from auditgen.yamlspan import read_yaml, validation_diagnostics

FILE = "deadlines/incidents.yaml"


class Deadline(BaseModel):
    """One duty to report, in our own words."""

    model_config = FROZEN
    id: Slug
    framework: Slug
    """The checklist of the same regime."""
    cite: Text
    trigger: Text
    """Which incidents it is about; a person decides whether one is."""
    clock: Text
    """When the time begins."""
    within_hours: Annotated[int, Field(gt=0, le=8760)] | None = None
    """None where the text names no number."""
    then: Text | None = None
    to: Text
    text_basis: TextBasis


class Deadlines(BaseModel):
    """The whole file."""

    model_config = FROZEN
    schema_: Annotated[Literal["auditgen-deadlines-1"], Field(alias="schema")]
    last_checked: date
    legal_review: Text
    deadlines: Annotated[tuple[Deadline, ...], Field(min_length=1)]


@cache
def incident_deadlines() -> dict[str, Deadline]:
    """The deadlines that ship, by id."""
    document = read_yaml(resource_dir("standards") / FILE)
    try:
        found = Deadlines.model_validate_json(orjson.dumps(document.value))
    except ValidationError as error:
        faults = validation_diagnostics(document, error, Deadlines)
        raise InputRefused(f"`{FILE}` cannot be used", diagnostics=faults) from error
    return {deadline.id: deadline for deadline in found.deadlines}
