"""From a signature that was read to checks and a fact: the part every kind of signature shares."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditgen.errors import Exit
from auditgen.verify.model import (
    NO_REVOCATION,
    NO_TIMESTAMP,
    Check,
    Findings,
    SignatureFact,
    Status,
    changed,
    not_checked,
    passed,
)
from auditgen.verify.trust import identify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.verify.model import Policy


def judge(
    target: str,
    role: str,
    chain: Sequence[bytes],
    algorithm: str,
    signed_at: datetime | None,
    coverage: str,
    anchors: Sequence[bytes],
    policy: Policy,
) -> Findings:
    """The findings about a signature whose bytes are intact: who made it and is it trusted."""
    label = f"{target} ({role})" if role else target
    try:
        identity = identify(chain, anchors, signed_at, policy)
    except Exception as error:
        reason = f"its certificate is unreadable ({type(error).__name__})"
        return Findings((changed("signature", label, reason),))
    fact = SignatureFact(
        target=target,
        role=role,
        subject=identity.subject,
        issuer=identity.issuer,
        sha256_fingerprint=identity.fingerprint,
        algorithm=algorithm,
        signed_at=iso(signed_at),
        integrity=Status.PASSED,
        coverage=coverage,
        chain=identity.chain,
        chain_reason=identity.reason,
        anchor=identity.anchor,
        valid_at_signing=identity.valid_at_signing,
        valid_now=identity.valid_now,
        not_before=iso(identity.certificate.not_valid_before_utc),
        not_after=iso(identity.certificate.not_valid_after_utc),
        is_development=identity.is_development,
    )
    checks = [
        passed("signature", label, f"{algorithm}; {coverage}"),
        _trust(label, identity.chain, identity.reason, identity.anchor),
        _validity(label, fact),
        _listed("timestamp", label, NO_TIMESTAMP, policy),
        _listed("revocation", label, NO_REVOCATION, policy),
    ]
    return Findings(tuple(checks), (fact,))


def iso(moment: datetime | None) -> str:
    """ISO 8601 in UTC with `Z`, or empty."""
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _trust(label: str, status: Status, reason: str, anchor: str) -> Check:
    if status is Status.PASSED:
        return passed("trust", label, f"leads to `{anchor}`, which you trust")
    return Check("trust", label, status, reason=reason, exit_class=int(Exit.UNTRUSTED))


def _validity(label: str, fact: SignatureFact) -> Check:
    span = f"{fact.not_before} to {fact.not_after}"
    if fact.valid_at_signing is Status.NOT_CHECKED:
        reason = "the signature states no time"
        return not_checked("validity-at-signing", label, reason, int(Exit.UNTRUSTED))
    if fact.valid_at_signing is Status.FAILED:
        reason = f"the certificate ({span}) was not valid at the claimed time {fact.signed_at}"
        untrusted = int(Exit.UNTRUSTED)
        return Check("validity-at-signing", label, Status.FAILED, "", reason, untrusted)
    detail = f"certificate valid {span}; signed {fact.signed_at} (claimed)"
    if not fact.valid_now:
        detail += "; not valid now, and the signing time is only claimed by the signer"
    return passed("validity-at-signing", label, detail)


def _listed(id_: str, label: str, text: str, policy: Policy) -> Check:
    """Always not checked in this version; it counts only when the reader requires it."""
    reason = text.removeprefix("not checked (").removesuffix(")")
    return not_checked(id_, label, reason, int(Exit.NOT_CHECKABLE) if id_ in policy.require else 0)
