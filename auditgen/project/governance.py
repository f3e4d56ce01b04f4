"""What people decided about gaps: waivers, and who repairs what until when."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

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


class IncidentDuty(BaseModel):
    """What a person decided about incidents: which deadline they fall under, or that they fall under none."""

    model_config = FROZEN
    source: Id
    """The register."""
    incidents: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Their ids in it."""
    deadline: Text | None = None
    """Id of a deadline (`auditgen standards deadlines`); left out: no duty to report, with the reason."""
    reason: Text | None = None
    decided_by: Person
    decided_on: Day

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if self.deadline is None and self.reason is None:
            message = "`reason` is needed where no `deadline` is named"
            raise ValueError(message)
        return self


class Deployment(BaseModel):
    """From which day on the system ran with which system prompt and which safeguards."""

    model_config = FROZEN
    from_: Annotated[Day, Field(alias="from")]
    """First day, UTC; it lasts until the next one begins."""
    system_prompt: Text
    """Its version, as the evaluations name it too."""
    safeguards: Text
    """The version of guardrails and filters around the model."""
