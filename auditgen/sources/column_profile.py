"""What the values of a column look like: times, words, numbers, or what somebody wrote."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from auditgen.diagnostics import shown_value
from auditgen.evidence.mapping import number_of
from auditgen.evidence.sampling import MAX_CHARS
from auditgen.sources import credentials
from auditgen.sources.column_words import is_of_person, is_of_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_WORDS = 100
"""A column with more different values is no vocabulary."""
MOSTLY = 0.9
_UNITS: Mapping[str, int] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
UNIT_WORDS: Mapping[str, str] = {
    "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
}  # fmt: skip
_FIRST, _LAST = datetime(2015, 1, 1, tzinfo=UTC).timestamp(), datetime(2045, 1, 1, tzinfo=UTC).timestamp()
"""Between these a number of units since 1970 is believed to be a time."""
_DAY = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_TIME = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
_ZONED = re.compile(rf"{_DAY}[Tt ]{_TIME} ?([Zz]|UTC|GMT|[+-][0-9]{{2}}(:?[0-9]{{2}})?)")
_BARE = re.compile(rf"{_DAY}([Tt ]{_TIME})?")
_LIKE_TIME = re.compile(
    r"(?=.{6,60}$)([0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}.*|.*\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    r"[a-z]*\b.*[0-9]{4}.*)"
)
_ADDRESS = re.compile(r"[0-9]{1,3}([.][0-9]{1,3}){3}|[0-9a-f]{1,4}(:[0-9a-f]{0,4}){4,7}", re.IGNORECASE)
_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f-]{8,}|[A-Za-z]{1,12}[_-][A-Za-z0-9]{12,}|[0-9]{5,}|[A-Za-z0-9]{16,}")


@dataclass(frozen=True)
class Clock:
    """How a column writes times."""

    form: str
    """zoned, bare, s, ms, us, ns, or other: like a time, in a form that is not read."""
    first: str = ""
    last: str = ""
    share: float = 1.0
    """Of the values that are there."""
    mixed: int = 0
    """Of zoned ones, how many have no zone."""


@dataclass(frozen=True)
class Column:
    """A column and the values of its first rows."""

    name: str
    rows: int
    values: Mapping[str, int] = field(repr=False)
    """Text to how often; texts are cut to `MAX_CHARS`."""
    is_zoned_type: bool | None = None
    """Of a typed time, whether its type says UTC."""

    @classmethod
    def of(cls, name: str, texts: Sequence[str | None], is_zoned_type: bool | None = None) -> Column:
        """From the texts of a sample."""
        return cls(name, len(texts), Counter(text for text in texts if text is not None), is_zoned_type)

    @cached_property
    def filled(self) -> int:
        """Rows with anything in them."""
        return sum(self.values.values())

    @cached_property
    def clock(self) -> Clock | None:
        """How it writes times, None where it does not."""
        written = {text: n for text, n in self.values.items() if text.strip()}
        total = sum(written.values())
        if not total or any(_ADDRESS.fullmatch(text) for text in written):
            return None
        if self.is_zoned_type is not None:
            first, last = min(written), max(written)
            return Clock("zoned" if self.is_zoned_type else "bare", first[:10], last[:10])
        zoned = sum(n for text, n in written.items() if _ZONED.fullmatch(text))
        bare = sum(n for text, n in written.items() if _BARE.fullmatch(text))
        if zoned + bare >= MOSTLY * total:
            days = sorted(text[:10] for text in written if _ZONED.fullmatch(text) or _BARE.fullmatch(text))
            share = (zoned + bare) / total
            return Clock("zoned" if zoned else "bare", days[0], days[-1], share, bare if zoned else 0)
        return self._epoch(written, total) or self._other(written, total)

    def _epoch(self, written: Mapping[str, int], total: int) -> Clock | None:
        numbers = {
            number: n for text, n in written.items() if (number := number_of(text.strip())) is not None
        }
        if sum(numbers.values()) < MOSTLY * total:
            return None
        for unit, per_second in _UNITS.items():
            inside = {x: n for x, n in numbers.items() if _FIRST <= x / per_second <= _LAST}
            if sum(inside.values()) >= MOSTLY * total:
                ends = (min(inside), max(inside))
                first, last = (f"{datetime.fromtimestamp(x / per_second, UTC):%Y-%m-%d}" for x in ends)
                return Clock(unit, first, last, sum(inside.values()) / total)
        return None

    def _other(self, written: Mapping[str, int], total: int) -> Clock | None:
        like = {text: n for text, n in written.items() if _LIKE_TIME.fullmatch(text)}
        if sum(like.values()) < MOSTLY * total:
            return None
        form = re.sub("[A-Za-z]+", "x", re.sub("[0-9]", "9", next(iter(like))))
        return Clock("other", form[:40], share=sum(like.values()) / total)

    @cached_property
    def is_private(self) -> bool:
        """Whether it may hold what belongs to one person, what somebody wrote, or a credential."""
        return bool(self.looks_like) or is_of_person(self.name)

    @cached_property
    def looks_like(self) -> str:
        """What of that its values look like; empty for words, numbers, times and ids."""
        if self.is_number or (self.clock is not None and self.clock.form != "other"):
            return ""
        texts = [text for text in self.values if text]
        if any(credentials.tokens(text) for text in texts):
            return "a credential"
        if any("@" in text and " " not in text for text in texts):
            return "an address of mail"
        if any(_ADDRESS.fullmatch(text) for text in texts):
            return "an address of a machine"
        if any(len(text) >= MAX_CHARS or len(text.split()) > 5 for text in texts):
            return "text that somebody wrote"
        if is_of_text(self.name) and len(texts) > MAX_WORDS:
            return "text that somebody wrote"
        return ""

    @cached_property
    def is_number(self) -> bool:
        """Whether every value is a number."""
        return bool(self.values) and all(not text or number_of(text) is not None for text in self.values)

    @cached_property
    def is_status(self) -> bool:
        """Whether every value is a status code of HTTP."""
        return bool(self.values) and all(
            re.fullmatch("[1-5][0-9][0-9]", text) for text in self.values if text
        )

    @cached_property
    def is_vocabulary(self) -> bool:
        """Whether its values are few and can be shown: words, codes, flags."""
        return 0 < len(self.values) <= MAX_WORDS and not self.is_private and self.can_be_shown

    @cached_property
    def can_be_shown(self) -> bool:
        """Whether each of its values may stand in a message."""
        return all(shown_value(text) == f"`{text}`" for text in self.values)

    @cached_property
    def is_id(self) -> bool:
        """Whether its values look like ids: long, with digits, nearly all different."""
        distinct = len([text for text in self.values if text])
        formed = sum(1 for text in self.values if _ID.fullmatch(text))
        return distinct > MAX_WORDS and formed >= MOSTLY * distinct

    @cached_property
    def repeats(self) -> int:
        """Rows whose value an earlier row has."""
        return self.filled - len(self.values)

    def words(self, limit: int = 6) -> str:
        """Its values that may be shown, most frequent first."""
        ordered = sorted(self.values.items(), key=lambda item: (-item[1], item[0]))
        shown = [f"`{text}`" for text, _ in ordered if shown_value(text) == f"`{text}`"][:limit]
        rest = len(self.values) - len(shown)
        return ", ".join(shown) + (f" and {rest:,} more" if rest and shown else "")
