"""Checking the signatures inside a PDF (ISO 32000-2 section 12.8, PAdES).

Three questions, kept apart: does each signature hold over its byte range (answered by our own
strict CMS reading), does the last one cover the whole file, and was anything that earlier signers
saw changed since (answered by pyHanko's difference analysis). Every exception is a failed check.
"""

from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING, Any

from auditgen.errors import Exit
from auditgen.verify.cms import LARGEST_CMS_BYTES, CmsFault, read_cms
from auditgen.verify.facts import judge
from auditgen.verify.limits import TookTooLong, deadline
from auditgen.verify.model import Check, Findings, Status, changed, not_checked, passed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from auditgen.verify.model import Policy

LARGEST_PDF_BYTES = 512 << 20
SECONDS = 60.0
"""Longest time spent on one PDF. A crafted file can keep a parser busy for hours."""
_MOST_SIGNATURES = 16
_UPPER_HEX = re.compile(rb"(?:[0-9A-F]{2})+")
_ROLES = frozenset({"prepared", "reviewed", "approved"})


def check_pdf(
    data: bytes, target: str, missing: Exit, anchors: Sequence[bytes], policy: Policy
) -> Findings:
    """Findings about all signatures of a PDF; `missing` is the exit when a required one is absent.

    Never raises for anything the bytes hold.
    """
    if len(data) > LARGEST_PDF_BYTES:
        reason = f"it is larger than {LARGEST_PDF_BYTES >> 20} MiB and was not read"
        return Findings((not_checked("signature", target, reason, int(Exit.NOT_CHECKABLE)),))
    try:
        with deadline(SECONDS):
            return _check(data, target, missing, anchors, policy)
    except TookTooLong:
        reason = f"reading it took longer than {SECONDS:.0f} s; its structure is not honest"
    except Exception as error:
        text = str(error).splitlines()[0][:200] if str(error) else ""
        reason = f"it cannot be read as a signed PDF ({type(error).__name__}: {text})"
    return Findings((changed("signature", target, reason),))


def _check(
    data: bytes, target: str, missing: Exit, anchors: Sequence[bytes], policy: Policy
) -> Findings:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.fields import enumerate_sig_fields

    reader = PdfFileReader(io.BytesIO(data), strict=True)
    if reader.encrypted:
        reason = "it is encrypted, which auditgen never does"
        return Findings((changed("signature", target, reason),))
    filled = list(enumerate_sig_fields(reader, filled_status=True))
    if not filled:
        return Findings((_unsigned(data, target, missing),))
    embedded = reader.embedded_signatures
    if len(embedded) != len(filled) or len(filled) > _MOST_SIGNATURES:
        reason = "it holds signatures of an unknown kind, or too many"
        return Findings((changed("signature", target, reason),))
    findings = Findings()
    for signature in embedded:
        is_last = signature is embedded[-1]
        findings += _one_signature(data, signature, target, anchors, policy, is_last=is_last)
    return findings + _required_roles(findings, target, missing, policy)


def _unsigned(data: bytes, target: str, missing: Exit) -> Check:
    if b"/ByteRange" in data:
        reason = "a signature is in the file but has been taken out of use"
        return changed("signature", target, reason)
    reason = "it carries no signature (never signed, or cut back to before signing)"
    if missing is Exit.CHANGED:
        return changed("signature", target, reason)
    return not_checked("signature", target, reason, int(missing))


def _required_roles(findings: Findings, target: str, missing: Exit, policy: Policy) -> Findings:
    present = {fact.role for fact in findings.signatures}
    checks = []
    for role in policy.required_roles:
        if role in present:
            checks.append(passed("required-role", target, f"signed as `{role}`"))
        else:
            reason = f"no valid signature as `{role}`"
            checks.append(Check("required-role", target, Status.FAILED, "", reason, int(missing)))
    return Findings(tuple(checks))


def _one_signature(
    data: bytes,
    signature: Any,
    target: str,
    anchors: Sequence[bytes],
    policy: Policy,
    *,
    is_last: bool,
) -> Findings:
    role = str(signature.field_name).lower()[:60]
    label = f"{target} ({role})"
    if signature.sig_object_type == "/DocTimeStamp":
        reason = "a document time stamp is present; this version cannot check it"
        return Findings((not_checked("timestamp", label, reason, int(Exit.NOT_CHECKABLE)),))
    if signature.sig_object_type != "/Sig":
        return Findings((changed("signature", label, "it is not marked as a signature"),))
    try:
        start, end, covered_to = _byte_range(data, signature)
        container = _container(data, start, end, signature)

        def digest(algorithm: str) -> bytes:
            made = hashlib.new(algorithm)
            made.update(memoryview(data)[:start])
            made.update(memoryview(data)[end:covered_to])
            return made.digest()

        found = read_cms(container, digest)
    except CmsFault as error:
        return Findings((changed("signature", label, str(error)),))
    covers_all = covered_to == len(data)
    structure = _structure(data, signature, label, covered_to, is_last=is_last)
    coverage = (
        "covers the whole file"
        if covers_all
        else f"covers the first {covered_to} of {len(data)} bytes (an earlier revision)"
    )
    signed_at = found.signed_at or _claimed_time(signature)
    who = judge(target, role, found.chain, found.algorithm, signed_at, coverage, anchors, policy)
    return who + Findings(tuple(structure))


def _byte_range(data: bytes, signature: Any) -> tuple[int, int, int]:
    """Start and end of the gap, and the end of what is covered, in bytes from the file's start."""
    numbers = [int(number) for number in signature.byte_range]
    if len(numbers) != 4:
        raise CmsFault("its byte range does not have four numbers")
    first, start, end, length = numbers
    if first != 0 or not 0 < start < end or length <= 0 or end + length > len(data):
        raise CmsFault("its byte range is not one stretch with one gap inside the file")
    return start, end, end + length


def _container(data: bytes, start: int, end: int, signature: Any) -> bytes:
    """The CMS bytes in the gap, which must be all of it: `<`, upper-case hex, zero padding, `>`."""
    gap = data[start:end]
    if len(gap) > 8 * LARGEST_CMS_BYTES:
        raise CmsFault("the gap in its byte range is too large")
    digits = gap[1:-1]
    if gap[:1] != b"<" or gap[-1:] != b">" or not _UPPER_HEX.fullmatch(digits):
        raise CmsFault("the signature is not one upper-case hexadecimal string; bytes were changed")
    raw = bytes.fromhex(digits.decode("ascii"))
    if raw != signature.pkcs7_content:
        raise CmsFault("the gap in its byte range is not the signature's own contents")
    length = _der_length(raw)
    if any(raw[length:]):
        raise CmsFault("the padding behind the signature is not zero; bytes were changed")
    return raw[:length]


def _der_length(raw: bytes) -> int:
    """Length in bytes of the DER element at the start, header included (X.690 section 8.1.3)."""
    if len(raw) < 2 or raw[0] != 0x30:
        raise CmsFault("the signature's contents are empty or not DER (zeroed?)")
    if raw[1] < 0x80:
        return 2 + raw[1]
    count = raw[1] & 0x7F
    if not 1 <= count <= 4 or len(raw) < 2 + count:
        raise CmsFault("the signature's contents are not DER")
    return 2 + count + int.from_bytes(raw[2 : 2 + count], "big")


def _claimed_time(signature: Any) -> datetime | None:
    """`/M` of the signature dictionary (inside the byte range), when it has a time zone."""
    from pyhanko.pdf_utils.generic import parse_pdf_date

    text = signature.sig_object.get("/M")
    if text is None:
        return None
    moment: datetime = parse_pdf_date(str(text), strict=True)
    return moment if moment.tzinfo else None


def _structure(
    data: bytes, signature: Any, label: str, covered_to: int, *, is_last: bool
) -> list[Check]:
    """Whether the last signature reaches the end, and what pyHanko says of later changes."""
    checks: list[Check] = []
    rest = len(data) - covered_to
    if is_last and rest:
        what = (
            "a later revision that nobody signed"
            if b"%%EOF" in data[covered_to:]
            else "bytes behind the end of the document"
        )
        checks.append(changed("coverage", label, f"{rest} bytes were added after signing: {what}"))
    elif is_last and not re.search(rb"%%EOF[\r\n]{0,2}\Z", data[-16:]):
        checks.append(changed("coverage", label, "bytes stand behind the end of the document"))
    else:
        text = "the signature covers the whole file" if is_last else "its revision is kept whole"
        checks.append(passed("coverage", label, text))
    signature.compute_integrity_info()
    info = signature.summarise_integrity_info()
    if info["docmdp_ok"] is True and info["coverage"].name in {"ENTIRE_FILE", "ENTIRE_REVISION"}:
        level = getattr(info["diff_result"], "modification_level", None)
        text = "nothing" if covered_to == len(data) else str(getattr(level, "name", level)).lower()
        checks.append(passed("modifications", label, f"changed since this signature: {text}"))
    else:
        difference = str(info["diff_result"])[:200]
        reason = f"the document was changed in a way this signature forbids ({difference})"
        checks.append(changed("modifications", label, reason))
    return checks
