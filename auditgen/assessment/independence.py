"""How far the maker of evidence stands from the developers, as far as it was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.project.terms import Independence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditgen.assessment.model import Register
    from auditgen.project.model import Audit


def shown_distances(audit: Audit, register: Register) -> Mapping[str, Independence]:
    """By source. A claim nobody signed is weaker than a signed one; a broken signature is worse than none.

    * Unsigned: as declared, yet never accredited: that word needs the accredited body's own signature.
    * Signed by a certificate of the provider, every file of it: as declared.
    * Said to be signed, and one file is not, or changed since: as near as the developers themselves.
    """
    signed = {s.source_id: s for s in register.signed}
    out = {}
    for source in audit.sources:
        declared, found = source.provider.independence, signed.get(source.id)
        if found is None:
            out[source.id] = min(declared, Independence.EXTERNAL, key=lambda i: i.rank)
        elif found.faults or not found.files:
            out[source.id] = Independence.SELF
        elif source.labels is not None:  # its outcomes come from a file that its maker did not sign
            out[source.id] = min(declared, Independence.EXTERNAL, key=lambda i: i.rank)
        else:
            out[source.id] = declared
    return out
