"""An examination in words, for a reader who is not an engineer: the verdict first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditgen.diagnostics import printable
from auditgen.errors import Exit
from auditgen.verify.model import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.verify.model import Examination, SignatureFact

_SYMBOL = {Status.PASSED: "✓", Status.FAILED: "✗", Status.NOT_CHECKED: "–"}
_WORD = {Status.PASSED: "passed", Status.FAILED: "FAILED", Status.NOT_CHECKED: "not checked"}
_QUESTION = {
    "container": "container",
    "bag": "bag structure",
    "manifest": "manifest",
    "digest": "files unchanged",
    "statement-signature": "signed statement",
    "signature": "signature",
    "trust": "signer trusted",
    "validity-at-signing": "certificate valid",
    "coverage": "coverage",
    "modifications": "later changes",
    "required-role": "required role",
    "timestamp": "time stamp",
    "revocation": "revocation",
}
_COMMON_NAME = re.compile(r"(?:\A|,)CN=((?:\\.|[^,\\])*)")
_LONGEST_LINE = 400


def describe(examination: Examination) -> str:
    """The whole text output. Names from the file are stripped of control characters."""
    parts = [verdict(examination), ""]
    if any(s.is_development for s in examination.signatures):
        parts += [
            "!! DEVELOPMENT KEY: signed with a key made for trying things out. Anyone who has the",
            "!! key directory can sign as this name. Do not rely on it outside of tests.",
            "",
        ]
    parts += _statement_lines(examination)
    parts += _check_lines(examination)
    parts += _signature_lines(examination.signatures)
    parts += _meaning(examination)
    return "\n".join(_clean(line) for line in parts) + "\n"


def verdict(examination: Examination) -> str:
    """One sentence: intact or not, by whom, trusted or not."""
    exit_code = examination.exit_code
    failures = examination.failures()
    if exit_code is Exit.CHANGED:
        first = next(c for c in failures if c.exit_class == int(Exit.CHANGED))
        count = sum(c.exit_class == int(Exit.CHANGED) for c in failures)
        more = f" (and {count - 1} more, below)" if count > 1 else ""
        return _clean(f"CHANGED after sealing: {first.target}: {first.reason}{more}")
    if exit_code is Exit.UNTRUSTED:
        reason = next(c.reason for c in failures if c.exit_class == int(Exit.UNTRUSTED))
        return _clean(f"intact, but the signer is NOT TRUSTED: {reason}")
    if exit_code is Exit.NOT_CHECKABLE:
        if not examination.signatures:
            reason = failures[0].reason if failures else "no signature was found"
            return _clean(f"NOT CHECKABLE: {examination.path}: {reason}")
        names = ", ".join(dict.fromkeys(f"{c.id}: {c.reason}" for c in failures))
        return _clean(f"intact, but NOT FULLY CHECKED: {names}")
    signers = " and ".join(dict.fromkeys(common_name(s.subject) for s in examination.signatures))
    anchors = " and ".join(dict.fromkeys(common_name(s.anchor) for s in examination.signatures))
    return _clean(f"INTACT and signed by {signers}, trusted through {anchors}")


def common_name(subject: str) -> str:
    """The CN of an RFC 4514 name, or the whole name when it has none."""
    found = _COMMON_NAME.search(subject)
    return re.sub(r"\\(.)", r"\1", found.group(1)) if found else subject


def _statement_lines(examination: Examination) -> list[str]:
    said = examination.statement
    if said is None:
        return []
    rows = [
        ("period", said.period),
        ("system", said.system),
        ("models", ", ".join(said.models)),
        ("thresholds", said.thresholds_sha256),
        ("records", said.record_count),
        ("files bound", str(said.file_count)),
        ("sealed at", f"{said.sealed_at} (claimed by signer)"),
        *(("left out", f"of recomputation: {one}") for one in said.left_out),
    ]
    lines = [f"  {name:<12} {value}" for name, value in rows if value]
    return ["What the signed statement says", *lines, ""]


def _check_lines(examination: Examination) -> list[str]:
    """Every check; the same answer about several things stands once, with all of them named."""
    groups: dict[tuple[str, Status, str], list[str]] = {}
    for check in examination.checks:
        groups.setdefault((check.id, check.status, check.detail or check.reason), []).append(check.target)
    lines = ["What was checked"]
    for (id_, status, text), targets in groups.items():
        state = f"{_SYMBOL[status]} {_WORD[status]:<11}"
        lines.append(f"  {state} {_QUESTION.get(id_, id_):<18} {', '.join(targets)}")
        if text:
            lines.append(f"    {'':<31}{text}")
    return [*lines, ""]


def _signature_lines(signatures: Sequence[SignatureFact]) -> list[str]:
    """One block per certificate, with everything it signed."""
    keys: dict[str, list[SignatureFact]] = {}
    for fact in signatures:
        keys.setdefault(fact.sha256_fingerprint, []).append(fact)
    return [line for facts in keys.values() for line in _key_lines(facts)]


def _key_lines(facts: Sequence[SignatureFact]) -> list[str]:
    first = facts[0]
    trusted = first.anchor or f"{_WORD[first.chain]} ({first.chain_reason})"
    now = "valid now" if first.valid_now else "NOT valid now"
    mark = "  [DEVELOPMENT key]" if first.is_development else ""
    lines = [
        f"Signer{mark}",
        f"  subject      {first.subject}",
        f"  issuer       {first.issuer}",
        f"  fingerprint  SHA-256 {first.sha256_fingerprint}",
        f"  certificate  {first.not_before} to {first.not_after}; {now}",
        f"  trust        {trusted}",
    ]
    for number, fact in enumerate(facts):
        label = "signed" if not number else ""
        when = f"{fact.signed_at or 'time not stated'} ({fact.time_source})"
        lines.append(f"  {label:<12} {fact.target} ({fact.role}): {fact.algorithm}, {when}")
    for name in ("timestamp", "revocation"):
        label = {"timestamp": "time stamp"}.get(name, name)
        lines += [f"  {label:<12} {value}" for value in dict.fromkeys(getattr(f, name) for f in facts)]
    return [*lines, ""]


def _meaning(examination: Examination) -> list[str]:
    limits = [
        "It does not prove that what was signed is true, complete, or was signed at the time",
        "claimed: no independent time stamp and no revocation data were checked.",
    ]
    if examination.exit_code is Exit.DONE:
        proof = "This proves that every byte covered above is as the named key signed it."
        return ["What this means", f"  {proof}", *(f"  {line}" for line in limits)]
    if examination.exit_code is Exit.CHANGED:
        text = [
            "What lies here is not what was sealed, or a required signature is gone. Ask the",
            "sender for the original and do not rely on this copy. This does not say who changed",
            "it, or why.",
        ]
    elif examination.exit_code is Exit.UNTRUSTED:
        text = [
            "The bytes fit the signature, but anybody can make a key and sign. Get the signer's",
            "root certificate by a way you trust (not with the report) and name it with --trust.",
        ]
    else:
        text = [
            "A check that was needed could not run; the lines above name it. This is neither",
            "proof of a change nor proof that there was none.",
        ]
    return ["What this means", *(f"  {line}" for line in text)]


def _clean(line: str) -> str:
    one_line = printable(line).replace("\n", " ").replace("\t", " ")
    return one_line if len(one_line) <= _LONGEST_LINE else one_line[:_LONGEST_LINE] + "…"
