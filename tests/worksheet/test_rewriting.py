"""A YAML text with other values: it always holds them, and nothing else of it moves."""

from __future__ import annotations

import copy
import difflib
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditgen.resources import resource_dir
from auditgen.worksheet.emitting import scalar
from auditgen.worksheet.rewriting import rewrite
from auditgen.yamlspan import read_yaml_text

COMMENTED = """\
# about us
organisation: {name: Acme, contact: a@example.org}   # who
system:
  # the version that is deployed
  version: "1.0"
  models:
    - one   # the first
    - two

waivers:
  # agreed in March
  - id: W1
    reason: >-
      because it
      is so
    last_day: 2026-01-01  # not later

  # agreed in April
  - id: W2
    reason: 'it''s'
    approver: {name: A, role: b}
plan:
mapped: {a: [1, 2], "x y": {b: 0.50}}
# the end
"""


def value_of(text: str) -> Any:
    document = read_yaml_text(text, "a.yaml")
    assert not document.diagnostics, document.diagnostics
    return document.value


def changed(text: str, wanted: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Lines that went and lines that came; every block must have been edited in place."""
    made = rewrite(read_yaml_text(text, "a.yaml"), wanted)
    assert value_of(made.text) == wanted
    assert made.anew == ()
    lines = list(difflib.ndiff(text.splitlines(), made.text.splitlines()))
    return [x[2:] for x in lines if x.startswith("- ")], [x[2:] for x in lines if x.startswith("+ ")]


def test_nothing_changed_is_the_same_text() -> None:
    document = read_yaml_text(COMMENTED, "a.yaml")
    assert rewrite(document, copy.deepcopy(document.value)).text == COMMENTED


def _set(path: tuple[Any, ...], value: Any) -> Any:
    wanted = value_of(COMMENTED)
    at = wanted
    for part in path[:-1]:
        at = at[part]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return wanted


CASES: dict[str, tuple[tuple[Any, ...], Any, list[str], list[str]]] = {
    "a word in braces": (
        ("organisation", "name"),
        "Acme: the firm",
        ["organisation: {name: Acme, contact: a@example.org}   # who"],
        ['organisation: {name: "Acme: the firm", contact: a@example.org}   # who'],
    ),
    "a quoted text": (("system", "version"), "2.0", ['  version: "1.0"'], ['  version: "2.0"']),
    "a date before a comment": (
        ("waivers", 0, "last_day"),
        "2027-01-01",
        ["    last_day: 2026-01-01  # not later"],
        ["    last_day: 2027-01-01  # not later"],
    ),
    "a folded text": (
        ("waivers", 0, "reason"),
        "other",
        ["    reason: >-", "      because it", "      is so"],
        ["    reason: other"],
    ),
    "an entry of a list away": (("system", "models", 1), None, ["    - two"], []),
    "an entry of a list more": (
        ("system", "models"),
        ["one", "two", "1e5"],
        [],
        ['    - "1e5"'],
    ),
    "a key away": (("waivers", 1, "approver"), None, ["    approver: {name: A, role: b}"], []),
    "a key more": (
        ("system",),
        {"version": "1.0", "name": "x", "models": ["one", "two"]},
        [],
        ["  name: x"],
    ),
    "an empty value filled": (("plan",), {"pack": "p.zip"}, ["plan:"], ["plan: {pack: p.zip}"]),
    "a key away in braces": (
        ("organisation", "contact"),
        None,
        ["organisation: {name: Acme, contact: a@example.org}   # who"],
        ["organisation: {name: Acme}   # who"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_change_touches_its_own_lines(name: str) -> None:
    path, value, gone, come = CASES[name]
    assert changed(COMMENTED, _set(path, value)) == (gone, come)


def test_entries_come_and_go_by_their_id() -> None:
    wanted = value_of(COMMENTED)
    wanted["waivers"] = [wanted["waivers"][1], {"id": "W3", "reason": "no", "people": [{"id": "a"}]}]
    gone, come = changed(COMMENTED, wanted)
    assert gone == ["  - id: W1", "    reason: >-", "      because it", "      is so",
                    "    last_day: 2026-01-01  # not later"]  # fmt: skip
    assert [line for line in come if line] == [
        "  - id: W3", '    reason: "no"', "    people:", "      - id: a",
    ]  # fmt: skip


def test_a_block_that_goes_and_one_that_comes() -> None:
    wanted = value_of(COMMENTED)
    del wanted["waivers"]
    wanted["last"] = [{"id": "L"}]
    gone, come = changed(COMMENTED, wanted)
    assert gone[0] == "waivers:"
    assert [line for line in come if line] == ["last:", "  - id: L"]
    assert "# the end" in rewrite(read_yaml_text(COMMENTED, "a"), wanted).text


@pytest.mark.parametrize(
    ("text", "wanted", "anew"),
    [
        ("a:\n- id: x\n  b: 1\n", {"a": [{"b": 2}]}, ("a",)),
        ("a:\n  - b: 1\n    id: x\n", {"a": [{"id": "x"}]}, ("a",)),
        ("a: !!str 1\n", {"a": "2"}, ()),
        ('{"a": 1, "b": [2]}', {"a": 1, "b": [2], "c": {"d": 3}}, ()),
        ('{\n  "a": [1,\n2],\n"b": {"c": 1}\n}\n', {"a": [1, 2, 3], "b": {}}, ()),
        ("a: 1", {"a": 1, "b": 2}, ()),
        ("a: 1\n...\n", {"a": 1, "b": 2}, ()),
        ("a: |+\n  x\n\n", {"a": "x\n\n", "b": 2}, ()),
        ("a:\n  b:\n    c: 1\nd: 2\n", {"a": {"b": {"e": 1}}, "d": 2}, ("a",)),
        ("a: {b: 1,}\n", {"a": {"b": 1, "c": 2}}, ()),
        ("? a\n: 1\nb: 2\n", {"a": 2, "b": 2}, ()),
        ("a: 'x\n  y'\nb: 1\n", {"a": "z", "b": 1}, ()),
    ],
)
def test_unusual_spellings(text: str, wanted: dict[str, Any], anew: tuple[str, ...]) -> None:
    document = read_yaml_text(text, "a.yaml")
    made = rewrite(document, wanted)
    assert value_of(made.text) == wanted
    assert made.anew == anew


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
words = st.sampled_from(
    ["a", "yes", "no", "null", "1", "1e5", "2026-01-01", "x: y", "# no", "- a", "{b", "", " a", "~"]
)
scalars = st.one_of(texts, words, st.integers(-99, 99), st.booleans(), st.none(), st.floats(-9, 9))
keys = st.sampled_from(["a", "b", "c", "d", "long key"])


def entries(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.lists(st.dictionaries(keys, values, max_size=3), max_size=4)
    return named.map(lambda items: [{"id": f"i{n}", **item} for n, item in enumerate(items)])


values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.dictionaries(keys, inner, max_size=3), st.lists(scalars, max_size=3), entries(inner)
    ),
    max_leaves=8,
)
files = st.dictionaries(keys, values, min_size=1, max_size=4)


@given(files, files, st.sampled_from([True, False, None]), st.booleans())
@settings(max_examples=400, deadline=None)
@example({"a": [{"id": "i0"}, {"id": "i1"}]}, {"a": [{"id": "i1"}, {"id": "i2"}]}, False, True)
def test_any_value_can_be_written_over_any_text(
    before: dict[str, Any], after: dict[str, Any], is_flow: bool | None, has_comments: bool
) -> None:
    text = yaml.safe_dump(before, default_flow_style=is_flow, sort_keys=False, allow_unicode=True)
    if has_comments and not is_flow:
        text = "".join(
            f"# {n}\n{line}\n" if line[:1] not in " -" else f"{line}\n"
            for n, line in enumerate(text.split("\n"))
        )
    document = read_yaml_text(text, "a.yaml")
    if document.diagnostics or not isinstance(document.value, dict):
        return  # YAML 1.1's writer and our reader differ here and there
    assert value_of(rewrite(document, after).text) == after


@given(st.one_of(texts, words, st.text()))
@settings(max_examples=300, deadline=None)
def test_any_text_reads_back(text: str) -> None:
    if any("\ud800" <= char <= "\udfff" for char in text):
        return
    assert value_of(f"a: {scalar(text)}\n") == {"a": text}
    assert value_of(f"a: {{b: [{scalar(text)}, 1]}}\n") == {"a": {"b": [text, 1]}}
    if text:
        assert value_of(f"{{{scalar(text)}: 1}}\n") == {text: 1}


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_the_sample_keeps_what_was_not_touched(data: st.DataObject) -> None:
    """One text of the sample's waivers, documents or principles is another; only its line is."""
    text = (resource_dir("samples") / "quarter" / "audit.yaml").read_text("utf-8")
    wanted = value_of(text)
    name = data.draw(st.sampled_from(["waivers", "documents", "principles", "expected", "remediation"]))
    entry = data.draw(st.sampled_from(wanted[name]))
    key = data.draw(st.sampled_from([k for k, v in entry.items() if k != "id" and isinstance(v, str)]))
    entry[key] = data.draw(texts.filter(str.strip))
    if wanted == value_of(text):
        return
    gone, come = changed(text, wanted)
    assert len(gone) == len(come) == 1
    assert come[0].lstrip().startswith(f"{key}: ")
