"""What people decided about gaps: waivers, and who repairs what until when."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, model_validator

from auditgen.project.terms import FROZEN, Day, Id, Person, Text


class Waiver(BaseModel):
    """A named person accepts, for a time, that a control is not shown to be met.

    It changes the word that is printed, never what stands underneath, and never a conclusion on a principle.
    """

    model_config = FROZEN
    id: Id
    control: Text
    """`framework:control`."""
    reason: Text
    approver: Person
    compensating: Text
    """What is done instead."""
    approved_on: Day
    last_day: Day
    """The last day on which it counts."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_day < self.approved_on:
            message = "`last_day` is before `approved_on`"
            raise ValueError(message)
        return self


class Remedy(BaseModel):
    """Who repairs a weakness, how and until when."""

    model_config = FROZEN
    id: Id
    of: Text
    """A criterion's id, a control as `framework:control`, or the code of a finding."""
    source: Id | None = None
    """Of a finding: the source it is about; without it, every finding with the code."""
    owner: Person
    action: Text
    opened_on: Day
    due: Day
    status: Literal["open", "in_progress", "done"]
    closed_on: Day | None = None

    @model_validator(mode="after")
    def _closed(self) -> Self:
        if (self.status == "done") != (self.closed_on is not None):
            message = "`closed_on` is written when `status` is `done`, and only then"
            raise ValueError(message)
        if self.due < self.opened_on or (self.closed_on is not None and self.closed_on < self.opened_on):
            message = "`due` and `closed_on` cannot be before `opened_on`"
            raise ValueError(message)
        return self
