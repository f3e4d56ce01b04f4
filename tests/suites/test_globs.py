"""Globs compared with each other, against `fnmatch` itself."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditgen.sources.globs import covers, has_wildcard, overlap

GLOBS = st.text(alphabet="ab*?", min_size=1, max_size=6)
NAMES = st.text(alphabet="ab", max_size=8)


@given(GLOBS, GLOBS, NAMES)
def test_what_both_fit_overlaps(one: str, two: str, name: str) -> None:
    if fnmatchcase(name, one) and fnmatchcase(name, two):
        assert overlap(one, two)


@given(GLOBS, GLOBS)
def test_overlap_is_mutual(one: str, two: str) -> None:
    assert overlap(one, two) == overlap(two, one)


@given(GLOBS, GLOBS, NAMES)
def test_what_is_covered_fits(one: str, two: str, name: str) -> None:
    if covers(one, two) and fnmatchcase(name, two):
        assert fnmatchcase(name, one)


def _names(length: int) -> list[str]:
    return [""] if not length else [c + rest for c in "ab" for rest in _names(length - 1)]


@given(st.text(alphabet="ab*?", min_size=1, max_size=4), st.text(alphabet="ab*?", min_size=1, max_size=4))
def test_overlap_means_that_a_common_name_exists(one: str, two: str) -> None:
    # the shortest common name needs no more characters than both globs have
    common = any(
        fnmatchcase(name, one) and fnmatchcase(name, two) for size in range(9) for name in _names(size)
    )
    assert overlap(one, two) == common


@pytest.mark.parametrize(
    ("one", "two", "both"),
    [
        ("a*", "*b", True), ("a*c", "ab?", True), ("ab", "ac", False), ("[ab]x", "bx", True), ("[ab]x", "cx", False),
        ("[!a]x", "bx", True), ("[!a]x", "ax", False), ("[a", "[a", True), ("*", "", True), ("?", "", False),
        ("a*b*c", "a-c", False), ("[ab]*", "[cd]*", True),
    ],
)  # fmt: skip
def test_overlap(one: str, two: str, both: bool) -> None:
    assert overlap(one, two) is both  # two sets count as if they shared a character


@pytest.mark.parametrize(
    ("glob", "other", "holds"),
    [
        ("*", "anything", True), ("*", "a*b", True), ("a*", "ab*", True), ("ab*", "a*", False), ("?", "*", False),
        ("a?", "ab", True), ("[!b]*", "?x", False), ("[!b]*", "ax", True), ("*_score", "safety_*_score", True),
        ("safety_*", "*_score", False), ("a", "a", True),
    ],
)  # fmt: skip
def test_covers(glob: str, other: str, holds: bool) -> None:
    assert covers(glob, other) is holds


def test_wildcards() -> None:
    assert [has_wildcard(g) for g in ("plain", "a*", "a?", "[ab]")] == [False, True, True, True]


def test_long_globs_are_compared_in_bounded_work() -> None:
    assert overlap("*a" * 99 + "*", "*b" * 99 + "*")
    assert not overlap("*a" * 100, "*b" * 100)
    assert not overlap("x" + "*a" * 90, "y" + "*a" * 90)
