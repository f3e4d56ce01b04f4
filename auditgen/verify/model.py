"""What an examination finds: named facts, each passed, failed or not checked with its reason."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from auditgen.errors import Exit

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

SCHEMA_VERSION = 1
REQUIRABLE = frozenset({"timestamp", "revocation"})
NO_REVOCATION = "not checked (verification is offline and no revocation data is embedded)"
NO_TIMESTAMP = "not checked (none present)"
CLAIMED = "claimed by signer"


class Status(StrEnum):
    """How a check ended. There is no fourth word, and `not_checked` never counts as `passed`."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the reader trusts and demands."""

    trust: tuple[Path, ...]
    """PEM files whose certificates are anchors. Nothing else ever is one."""
    now: datetime
    """The reader's present, with a time zone."""
    require: frozenset[str] = frozenset()
    """Of `timestamp` and `revocation`: what must have been checked for exit 0."""
    required_roles: tuple[str, ...] = ("prepared",)
    """Roles that must have signed inside every PDF."""

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("`now` needs a time zone")
        if unknown := sorted(self.require - REQUIRABLE):
            raise ValueError(f"`{unknown[0]}` cannot be required")


@dataclass(frozen=True, slots=True)
class Check:
    """One question about one thing, and its answer."""

    id: str
    """Stable kebab-case name of the question."""
    target: str
    """The file (or member of the pack) it was asked about."""
    status: Status
    detail: str = ""
    """What was found, when it passed."""
    reason: str = ""
    """Why it failed or could not run."""
    exit_class: int = 0
    """The exit code this check leads to when it did not pass; 0 for one that is only listed."""


def passed(id_: str, target: str, detail: str = "") -> Check:
    """A check that holds."""
    return Check(id_, target, Status.PASSED, detail=detail)


def changed(id_: str, target: str, reason: str) -> Check:
    """A check that failed because something is not as it was sealed: exit 20."""
    return Check(id_, target, Status.FAILED, reason=reason, exit_class=int(Exit.CHANGED))


def untrusted(id_: str, target: str, reason: str) -> Check:
    """A check that failed because of who signed: exit 21."""
    return Check(id_, target, Status.FAILED, reason=reason, exit_class=int(Exit.UNTRUSTED))


def not_checked(id_: str, target: str, reason: str, exit_class: int = 0) -> Check:
    """A check that did not run; counts towards the exit code only when something required it."""
    return Check(id_, target, Status.NOT_CHECKED, reason=reason, exit_class=exit_class)


@dataclass(frozen=True, slots=True)
class SignatureFact:
    """Everything known about one signature. Times are ISO 8601 in UTC."""

    target: str
    role: str
    """`prepared`, `reviewed`, `approved`; `statement` for a pack, `detached` for a .p7s."""
    subject: str
    issuer: str
    sha256_fingerprint: str
    algorithm: str
    signed_at: str
    """Empty when the signature states no time."""
    integrity: Status
    """The signature fits the signed bytes and the signer's key."""
    coverage: str
    """Which bytes it speaks for."""
    chain: Status
    chain_reason: str = ""
    anchor: str = ""
    """Subject of the trusted certificate that the chain ends in; empty when there is none."""
    valid_at_signing: Status = Status.NOT_CHECKED
    """The certificate's validity at the claimed time."""
    valid_now: bool = False
    not_before: str = ""
    not_after: str = ""
    is_development: bool = False
    time_source: str = CLAIMED
    revocation: str = NO_REVOCATION
    timestamp: str = NO_TIMESTAMP


@dataclass(frozen=True, slots=True)
class StatementSummary:
    """What the signed statement of a pack says. Filled only when its signature fits."""

    period: str = ""
    system: str = ""
    models: tuple[str, ...] = ()
    thresholds_sha256: str = ""
    record_count: str = ""
    file_count: int = 0
    left_out: tuple[str, ...] = ()
    """Evidence that cannot be recomputed from the pack, with the reason."""
    sealed_at: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """What one part of the examination adds to the whole."""

    checks: tuple[Check, ...] = ()
    signatures: tuple[SignatureFact, ...] = ()
    statement: StatementSummary | None = None

    def __add__(self, other: Findings) -> Findings:
        return Findings(
            self.checks + other.checks,
            self.signatures + other.signatures,
            self.statement or other.statement,
        )


@dataclass(frozen=True, slots=True)
class Examination:
    """The whole answer about one file or pack."""

    kind: str
    """`pack`, `pdf` or `file`."""
    path: str
    checks: tuple[Check, ...]
    signatures: tuple[SignatureFact, ...]
    statement: StatementSummary | None = None
    examined_at: str = ""
    schema_version: int = field(default=SCHEMA_VERSION)

    @property
    def exit_code(self) -> Exit:
        """0, or the gravest of 20 > 21 > 22 among the checks that did not pass."""
        classes = {c.exit_class for c in self.checks if c.status is not Status.PASSED}
        for exit_code in (Exit.CHANGED, Exit.UNTRUSTED, Exit.NOT_CHECKABLE):
            if exit_code in classes:
                return exit_code
        # Nothing failed; but an examination that verified no signature has proved nothing.
        if not any(s.integrity is Status.PASSED for s in self.signatures):
            return Exit.NOT_CHECKABLE
        return Exit.DONE

    def failures(self) -> tuple[Check, ...]:
        """The checks that decide the exit code, gravest first."""
        bad = [c for c in self.checks if c.status is not Status.PASSED and c.exit_class]
        return tuple(sorted(bad, key=lambda c: c.exit_class))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, with the exit code; the published form of an examination."""
        plain: dict[str, Any] = asdict(self)
        plain["checks"] = [asdict(c) | {"status": str(c.status)} for c in self.checks]
        plain["signatures"] = [
            asdict(s)
            | {
                "integrity": str(s.integrity),
                "chain": str(s.chain),
                "valid_at_signing": str(s.valid_at_signing),
            }
            for s in self.signatures
        ]
        if self.statement is not None:
            plain["statement"]["models"] = list(self.statement.models)
            plain["statement"]["left_out"] = list(self.statement.left_out)
        plain["exit_code"] = int(self.exit_code)
        return plain
