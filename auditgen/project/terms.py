"""Words and small blocks that several parts of audit.yaml share."""

from __future__ import annotations

import unicodedata
from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

FROZEN = ConfigDict(
    frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
)
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)]
Day = date
Fraction = Annotated[float, Field(ge=0, le=1)]


class Independence(StrEnum):
    """How far the maker of evidence stands from the developers of the system."""

    SELF = "self"
    """The developers themselves, or people who answer to them."""
    INTERNAL_SEPARATE = "internal_separate"
    """Inside the organisation, outside the development line."""
    EXTERNAL = "external"
    """Another organisation."""
    EXTERNAL_ACCREDITED = "external_accredited"
    """Another organisation that an accreditation body found competent for this kind of test."""

    @property
    def rank(self) -> int:
        """Order: an accredited outsider stands farthest."""
        return list(type(self)).index(self)


def same_name(one: str, other: str) -> bool:
    """Whether two names differ in case, in the form of their letters or in blanks only."""
    return folded_name(one) == folded_name(other)


def folded_name(name: str) -> str:
    """A name without regard to case, the form of its letters and blanks."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


class Person(BaseModel):
    """A named person in a role."""

    model_config = FROZEN
    name: Text
    role: Text


class Provider(BaseModel):
    """Who made the evidence."""

    model_config = FROZEN
    name: Text
    independence: Independence
    paid_by: Text | None = None
    signed_by: tuple[Text, ...] = ()
    """Certificates of the provider: each file must carry a detached signature beside it that leads to one."""
