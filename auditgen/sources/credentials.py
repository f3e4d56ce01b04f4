"""Credentials in logs: found so that they can be withdrawn, taken out so that nobody keeps them twice.

Gateways write down the headers of a request, and error messages quote them. What is found is counted; no
text that is stored and no message that is shown contains it.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import replace
from itertools import accumulate, repeat
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from auditgen.evidence.model import Observation, Score

T = TypeVar("T")
REMOVED = "[credential removed]"
MAX_REMEMBERED = 1000
"""Credentials of one file that are looked for in its other texts, too."""
_MIN_CHARS = 8
_TOKEN = r"[A-Za-z0-9._~+/-]"
_QUOTE = r"\\*[\"']"
_FORMS = (
    rf"(?i:\bbearer)\s+(?P<bearer>(?=[^\s\"']{{0,500}}(?:[0-9_+=]|[a-z][A-Z]))"
    rf"{_TOKEN}{{8,}}=*|{_TOKEN}{{20,}}=*)",
    rf"(?i:\bauthorization)\s*:\s*(?i:basic|token|apikey)\s+(?P<scheme>{_TOKEN}{{8,}}=*)",
    rf"(?i:{_QUOTE}(?:proxy-)?authorization{_QUOTE}\s*:\s*{_QUOTE}(?:basic|bearer|token|apikey)?\s*)"
    r"(?P<header>[^\s\"'\\*\[<]{8,})",
    rf"(?i:{_QUOTE}(?:x-|x-goog-|ocp-apim-subscription-)?(?:api-key|key){_QUOTE}\s*:\s*{_QUOTE})"
    r"(?P<key>[^\s\"'\\*\[<]{16,})",
    r"(?P<openai>\b[sp]k-(?=[A-Za-z_-]{0,200}[0-9])[A-Za-z0-9_-]{16,})",
    r"(?P<aws>\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)",
    r"(?P<github>\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{40,})",
    r"(?P<slack>\bxox[abprs]-[A-Za-z0-9-]{10,})",
    r"(?P<google>\bAIza[0-9A-Za-z_-]{35})",
    r"(?P<jwt>\beyJ[A-Za-z0-9_-]{8,300}+\.eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,})",
    r"(?P<pem>-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,20000}"
    r"(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?)",
)
_SECRET = re.compile("|".join(_FORMS))
_NEEDLES = {
    "earer ": 1, "EARER ": 1, "uthorization": 24, "sk-": 0, "pk-": 0, "api-key": 16, "Api-Key": 16,
    "API-KEY": 16, "iption-key": 24, "iption-Key": 24, "AKIA": 0, "ASIA": 0, "ghp_": 0, "gho_": 0,
    "ghu_": 0, "ghs_": 0, "ghr_": 0, "github_pat_": 0, "xox": 0, "AIza": 0, "eyJ": 0, "-----BEGIN ": 0,
}  # fmt: skip
"""What stands in every credential, and how many characters before it the credential's form may begin.

Looking for fixed texts is fast, and most records hold none of them.
"""


_SUSPECT = (
    "earer |EARER |uthorization|api-key|Api-Key|API-KEY|iption-key|iption-Key|AKIA|ASIA|github_pat_|AIza"
    "|[sp]k-[A-Za-z0-9_-]{16}|gh[pousr]_[A-Za-z0-9]{30}|xox[abprs]-|eyJ[A-Za-z0-9_-]{8}|-----BEGIN "
)
"""What every text with a credential matches: the needles, with as much of a form as follows them at once."""
BATCH_RECORDS, BATCH_BYTES = 128, 1 << 20
FEW_RECORDS = 1000
"""So many are searched needle by needle, before it is worth the memory to load Arrow's functions."""


def tokens(text: str) -> set[str]:
    """The credentials in a text, without what announces them."""
    return {token for needle, back in _NEEDLES.items() for token in _near(text, needle, back)}


def _near(text: str, needle: str, back: int) -> Iterator[str]:
    place = text.find(needle)
    while place >= 0:
        follow = place + len(needle)
        for start in range(max(0, place - back), place + 1):
            match = _SECRET.match(text, start)
            if match is not None and match.end() > place:
                token = match[match.lastgroup or 0]
                if len(token) >= _MIN_CHARS:
                    yield token
                follow = max(follow, match.end())
                break
        place = text.find(needle, follow)


def tokens_of(record: Any) -> set[str] | None:
    """The credentials anywhere in a record; None where it cannot be written as JSON to be searched."""
    text = _written(record)
    return None if text is None else tokens(text.decode("utf-8"))


_NONE: frozenset[str] = frozenset()


class Search:
    """Looks for credentials in one record after another; many are looked through at once."""

    def __init__(self) -> None:
        self._count = 0

    def over(
        self, items: Iterable[T], raw_of: Callable[[T], Any]
    ) -> Iterator[tuple[T, AbstractSet[str] | None]]:
        """Each item, in order, with the credentials in what `raw_of` gives of it; see `tokens_of`."""
        batch: list[tuple[T, bytes | None]] = []
        size = 0
        for item in items:
            text = _written(raw_of(item))
            batch.append((item, text))
            size += 0 if text is None else len(text)
            if len(batch) >= BATCH_RECORDS or size >= BATCH_BYTES:
                yield from self._searched(batch)
                batch, size = [], 0
        yield from self._searched(batch)

    def _searched(self, batch: list[tuple[T, bytes | None]]) -> Iterator[tuple[T, AbstractSet[str] | None]]:
        is_few = self._count < FEW_RECORDS
        self._count += len(batch)
        suspects = repeat(True) if is_few or not batch else _suspects([text or b"" for _, text in batch])
        for (item, text), is_suspect in zip(batch, suspects, strict=False):
            if text is None:
                yield item, None
            else:
                yield item, tokens(text.decode("utf-8")) if is_suspect else _NONE


def _suspects(texts: list[bytes]) -> Iterable[bool]:
    """Which texts may hold a credential: one automaton for all needles, in linear time."""
    if max(map(len, texts)) > BATCH_BYTES:  # its places must fit into 32 bits
        return repeat(True)
    import pyarrow as pa
    import pyarrow.compute as pc

    offsets = array("i", [0, *accumulate(map(len, texts))])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))]
    column = pa.Array.from_buffers(pa.binary(), len(texts), buffers)
    found: list[bool] = pc.match_substring_regex(column, _SUSPECT).to_pylist()
    return found


def _written(record: Any) -> bytes | None:
    """A record as JSON; None where it cannot be: numbers beyond 64 bits, nesting beyond the writer's."""
    try:
        return orjson.dumps(record, default=str)
    except (TypeError, RecursionError):
        return None


def without(text: str, known: Collection[str] = ()) -> str:
    """The text with every credential replaced, those that look like one and those that are known."""
    for token in sorted(tokens(text).union(known), key=len, reverse=True):
        text = text.replace(token, REMOVED)
    return text


def clean(observation: Observation, known: Collection[str]) -> Observation:
    """The observation without credentials in any of its texts."""
    changed: dict[str, Any] = {}
    for name in observation.__slots__:
        value = getattr(observation, name)
        if type(value) is str:
            cleaned = without(value, known)
            if cleaned != value:
                changed[name] = cleaned
    scores = tuple(clean_score(score, known) for score in observation.scores)
    return replace(observation, scores=scores, **changed)


def clean_score(score: Score, known: Collection[str] = ()) -> Score:
    """The score without credentials in any of its texts."""
    return replace(
        score,
        scorer=without(score.scorer, known),
        metric=without(score.metric, known),
        raw=without(score.raw, known),
        judge=None if score.judge is None else without(score.judge, known),
        rationale=None if score.rationale is None else without(score.rationale, known),
    )
