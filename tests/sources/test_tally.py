"""A tally answers as a dictionary does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from auditgen.sources.tally import Tally

WORDS = st.text(st.characters(exclude_categories=()), max_size=4)


@given(st.lists(st.tuples(WORDS, st.integers(-(2**40), 2**40)), max_size=60))
def test_as_a_dictionary(pairs: list[tuple[str, int]]) -> None:
    tally, known = Tally(), dict[str, int]()
    for word, number in pairs:
        tally[word] = known[word] = number
    assert {word: tally[word] for word in known} == known
    assert len(tally) == len(known)
    assert sorted(tally.values()) == sorted(known.values())
    assert tally["a word that is longer"] == 0


def test_it_grows() -> None:
    tally = Tally()
    for _ in range(2):
        for number in range(20_000):
            tally.add(str(number))
    assert len(tally) == 20_000
    assert set(tally.values()) == {2}
