"""Credentials in logs: found so that they can be withdrawn, taken out so that nobody keeps them twice.

Gateways write down the headers of a request, and error messages quote them. What is found is counted; no
text that is stored and no message that is shown contains it.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from itertools import accumulate, repeat
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from auditgen.evidence.secret_forms import REMOVED, SUSPECT, tokens, without

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from auditgen.evidence.model import Observation, Score

T = TypeVar("T")
MAX_REMEMBERED = 1000
"""Credentials of one file that are looked for in its other texts, too."""
BATCH_RECORDS, BATCH_BYTES = 128, 1 << 20
FEW_RECORDS = 1000
"""So many are searched needle by needle, before it is worth the memory to load Arrow's functions."""


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
    found: list[bool] = pc.match_substring_regex(column, SUSPECT).to_pylist()
    return found


def _written(record: Any) -> bytes | None:
    """A record as JSON; None where it cannot be: numbers beyond 64 bits, nesting beyond the writer's."""
    try:
        return orjson.dumps(record, default=str)
    except (TypeError, RecursionError):
        return None


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


__all__ = [
    "MAX_REMEMBERED", "REMOVED", "Search", "clean", "clean_score", "tokens", "tokens_of", "without",
]  # fmt: skip
