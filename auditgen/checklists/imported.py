"""What an import gives: a checklist, and a count of everything that was not carried over."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditgen.checklists.checks import check_document
from auditgen.checklists.writing import to_yaml
from auditgen.errors import InputRefused
from auditgen.yamlspan import read_yaml_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from auditgen.checklists.model import Checklist, LicencePolicy

PUBLIC_DOMAIN = re.compile(r"\bpublic[ -]domain\b", re.IGNORECASE)
_DENIED = re.compile(r"\b(not|no|nor|never|without|except|unless|cannot|isn't|non)\b", re.IGNORECASE)
_WORD = re.compile(r"[^a-z0-9]+")
SHORT_TITLE = 80
"""Longest id that may stand as a title."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person who imports decides."""

    today: date
    """Written as `last_checked`: the day of the import."""
    id: str | None = None
    policy: LicencePolicy | None = None


@dataclass(slots=True)
class LeftOut:
    """Kinds of things that have no place in a checklist, and how many of each there were."""

    kinds: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, name: str | None = None, count: int = 1) -> None:
        """`count` more of a kind, perhaps with the id of what it was."""
        if not count:
            return
        self.kinds[kind] += count
        if name is not None:
            self.named.setdefault(kind, []).append(name)

    def all_but(self, keys: Iterable[str], known: Iterable[str], what: str) -> None:
        """Every key that nobody reads."""
        for key in sorted({*keys} - {*known}):
            self.add(f"{what}: `{key[:80]}`")


@dataclass(frozen=True, slots=True)
class Imported:
    """The result, as our own YAML and as the checklist that YAML holds."""

    checklist: Checklist
    yaml: str
    left_out: LeftOut
    basis: str
    """Why the licence policy is what it is."""


def licence_of(texts: Iterable[str], wish: Wish, file: str) -> tuple[LicencePolicy, str]:
    """The policy and its reason: said by the person, or public domain by the file's own words.

    Raises InputRefused where neither says anything: auditgen invents no licence.
    """
    said = next((s for text in texts for s in _sentences(text) if _is_public(s)), None)
    if wish.policy is not None:
        return wish.policy, "chosen with --licence-policy"
    if said is not None:
        return "verbatim_ok", f"the file says: {said[:300]}"
    raise InputRefused(
        f"`{file}` does not say that its text is in the public domain; nothing was imported",
        hint="say what you may hold: --licence-policy verbatim_ok, paraphrase_only or ids_only",
    )


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[.;!?])\s+|\n", text[:20_000]) if part.strip()]


def _is_public(sentence: str) -> bool:
    return bool(PUBLIC_DOMAIN.search(sentence)) and not _DENIED.search(sentence)


def slug(text: str, *, fallback: str = "g") -> str:
    """`text` as an id of ours: small letters, digits and `-`."""
    return (_WORD.sub("-", text.lower()).strip("-") or fallback)[:70].strip("-")


@dataclass(slots=True)
class Names:
    """Names given out once; a number is added where one is taken."""

    taken: set[str] = field(default_factory=set)
    last: dict[str, int] = field(default_factory=dict)
    """The number last tried for a name, so that a thousand equal ones cost a thousand steps."""

    def give(self, wanted: str) -> str:
        """`wanted`, or `wanted-2`, and so on."""
        out, number = wanted, self.last.get(wanted, 1)
        while out in self.taken:
            number += 1
            out = f"{wanted}-{number}"
        self.last[wanted] = number
        self.taken.add(out)
        return out


def reference_only(policy: LicencePolicy, title: str, name: str, left_out: LeftOut) -> str:
    """A title that the policy lets stand; the id where only ids and titles of one's own may."""
    if policy == "ids_only":
        left_out.add("titles that the licence policy does not let stand")
        return name[:SHORT_TITLE]
    return title


def finish(value: dict[str, Any], left_out: LeftOut, basis: str, file: str) -> Imported:
    """The checklist a dictionary describes, checked as if somebody had written the YAML.

    Raises InputRefused with every fault, each at its place in the checklist.
    """
    text = to_yaml(value)
    document = read_yaml_text(text, f"the checklist made from {file}")
    if document.value == value:
        checklist, faults = check_document(document)
        if checklist is not None and not faults:
            return Imported(checklist, text, left_out, basis)
    else:
        faults = [document.fault("not-the-same", "what was written reads back differently", ())]
    count = len(faults)
    raise InputRefused(
        f"{count} fault{'s' if count != 1 else ''} in the checklist made from `{file}`; nothing was imported",
        diagnostics=faults,
    )
