"""Every way auditgen refuses to go on, and the exit code each one ends with.

The table of exit codes is part of the interface: a number is never reused. Faults in *evidence* are
not errors (they are findings in the report); what is raised here stops the work before anything
is written.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class Exit(IntEnum):
    """What the process tells its caller. When several apply: 70, 2, 4, 1, 3, then 20 > 21 > 22."""

    DONE = 0
    """The work was done; for `verify`: everything that was required was checked and holds."""
    ENVIRONMENT = 1
    """The machine would not let us: a directory, a library, a permission."""
    USAGE = 2
    """The command line was wrong (click's own code)."""
    NOTHING_TO_ASSESS = 3
    """No evidence was read, or all of it was vacuous."""
    INPUT = 4
    """Something the user writes cannot be used as written: audit.yaml, a standard, a key."""
    INSUFFICIENT = 10
    """A gate found that evidence is insufficient."""
    NOT_MET = 11
    """A gate found a criterion that is not met."""
    CHANGED = 20
    """Something was changed after sealing, or a required signature of a pack is missing."""
    UNTRUSTED = 21
    """Intact, but the signer does not lead to an anchor the reader trusts."""
    NOT_CHECKABLE = 22
    """Intact as far as it goes, but a required check could not run."""
    BUG = 70
    """A mistake of ours."""


class AuditgenError(Exception):
    """The root of every refusal: a message that says what is wrong, and a hint that says what next."""

    exit_code: Exit = Exit.ENVIRONMENT

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class EnvironmentRefused(AuditgenError):
    """The machine would not let us do it: unwritable directory, missing system library."""

    exit_code = Exit.ENVIRONMENT


class NothingToAssess(AuditgenError):
    """There is no evidence, or none of it says anything. A report would be empty paper."""

    exit_code = Exit.NOTHING_TO_ASSESS


class InputRefused(AuditgenError):
    """What the user wrote cannot be used as written. Carries every fault found, not the first."""

    exit_code = Exit.INPUT

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        diagnostics: Sequence[Any] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        # `auditgen.diagnostics.Diagnostic`; this room lies below that one and does not know it
        self.diagnostics: tuple[Any, ...] = tuple(diagnostics)


class SignerRefused(InputRefused):
    """A key or certificate that cannot be used: absent, unreadable, expired, not matching."""
