"""YAML with places: values as YAML 1.2 reads them, every place exact, no content makes it raise."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditgen import yamlspan
from auditgen.diagnostics import Span
from auditgen.yamlspan import YamlDocument, read_yaml, read_yaml_text

if TYPE_CHECKING:
    from pathlib import Path


def read(text: str) -> YamlDocument:
    return read_yaml_text(text, "file.yaml")


def value(text: str) -> Any:
    document = read(text)
    assert document.diagnostics == []
    return document.value


def fault(text: str) -> tuple[str, int, int]:
    (diagnostic,) = read(text).diagnostics
    return diagnostic.code, diagnostic.span.line, diagnostic.span.column


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("no", "no"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("~", None),
        ("null", None),
        ("010", 10),
        ("0o10", "0o10"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("-7", -7),
        ("+7", 7),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.e-2", 0.01),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-11-20", "2026-11-20"),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("<<", "<<"),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("123456789012345678", 123456789012345678),
    ],
)
def test_plain_scalars(text: str, wanted: object) -> None:
    for written, got in ((text, value(text)), (f"k: {text}", value(f"k: {text}")["k"])):
        assert got == wanted, written
        assert type(got) is type(wanted), written


def test_keys_are_always_text() -> None:
    text = "no: 1\n2026-01-01: 2\n010: 3\ntrue: 4\n~: 5\n"
    assert value(text) == {"no": 1, "2026-01-01": 2, "010": 3, "true": 4, "~": 5}


def test_a_merge_key_is_a_key_like_any_other() -> None:
    assert value("<<: {a: 1}\nb: 2\n") == {"<<": {"a": 1}, "b": 2}


PLACES = """\
first: 1
outer:
  list:
    - alpha
    - {inner: "x y"}
  text: >-
    folded
    text
"""


@pytest.mark.parametrize(
    ("path", "at_value", "at_key"),
    [
        (("first",), Span(1, 8, 1, 9), Span(1, 1, 1, 6)),
        (("outer", "list"), Span(4, 5, 6, 3), Span(3, 3, 3, 7)),
        (("outer", "list", 0), Span(4, 7, 4, 12), Span(4, 7, 4, 12)),
        (("outer", "list", 1, "inner"), Span(5, 15, 5, 20), Span(5, 8, 5, 13)),
    ],
)
def test_every_key_and_value_has_its_place(
    path: tuple[str | int, ...], at_value: Span, at_key: Span
) -> None:
    for text in (PLACES, PLACES.replace("\n", "\r\n")):
        document = read(text)
        assert document.span(path) == at_value
        assert document.span(path, key=True) == at_key


def test_a_place_that_was_not_written_is_the_nearest_block() -> None:
    document = read(PLACES)
    assert document.span(("outer", "list", 1, "nothing", 3)) == document.span(("outer", "list", 1))
    assert YamlDocument("x").span(("a",)) == Span()


def test_crlf_and_bom_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    plain = read(PLACES)
    for raw in (PLACES.encode(), b"\xef\xbb\xbf" + PLACES.replace("\n", "\r\n").encode()):
        path.write_bytes(raw)
        document = read_yaml(path)
        assert document.diagnostics == []
        assert document.value == plain.value
        assert document.values == plain.values
        assert document.keys == plain.keys
        assert document.text == PLACES


def test_columns_count_characters_not_bytes() -> None:
    document = read('ä😀: "ü"\n{}')
    assert read('k: ["😀é", x]').span(("k", 1)) == Span(1, 11, 1, 12)
    assert document.diagnostics[0].code == "yaml-syntax"


def test_duplicate_keys_keep_the_first_and_show_both() -> None:
    document = read("a: 1\nb: 2\na: 3\n")
    assert document.value == {"a": 1, "b": 2}
    (diagnostic,) = document.diagnostics
    assert diagnostic.code == "duplicate-key"
    assert diagnostic.span == Span(3, 1, 3, 2)
    assert diagnostic.related == ((Span(1, 1, 1, 2), "first time here"),)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a: &x 1\nb: *x\n", ("yaml-alias", 2, 4)),
        ("a: 1\n---\nb: 2\n", ("yaml-documents", 2, 1)),
        ("? [a, b]\n: 1\n", ("yaml-key", 1, 3)),
        ("a: [1, 2\nb: 3\n", ("yaml-syntax", 2, 2)),
        ("a: !!python/object:os.system x\n", ("yaml-syntax", 1, 4)),
        ("a: !!binary aGVsbG8=\n", ("yaml-value", 1, 4)),
        ("a: !!int '99999999999999999999'\n", ("yaml-value", 1, 4)),
        ("a: !!float nan\n", ("yaml-value", 1, 4)),
        ("a: !!timestamp 2026-01-01\n", ("yaml-value", 1, 4)),
        ("a: 1e999\n", ("yaml-value", 1, 4)),
        ("a: !!int many\n", ("yaml-value", 1, 4)),
        ("a: !!bool many\n", ("yaml-value", 1, 4)),
        ("a: !!timestamp many\n", ("yaml-value", 1, 4)),
        ("a: !!float ''\n", ("yaml-value", 1, 4)),
        ("a: \x00\n", ("yaml-syntax", 1, 1)),
        ("[" * 41 + "]" * 41, ("yaml-depth", 1, 41)),
    ],
)
def test_what_has_no_place_here(text: str, wanted: tuple[str, int, int]) -> None:
    assert fault(text) == wanted


def test_forty_levels_are_read() -> None:
    assert value("[" * 40 + "]" * 40) == json.loads("[" * 40 + "]" * 40)


def test_a_bomb_is_refused_without_expanding() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    document = read("\n".join(lines))
    assert document.value is None
    assert [d.code for d in document.diagnostics] == ["yaml-alias"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "   \n"])
def test_an_empty_file_has_no_value_and_no_fault(text: str) -> None:
    assert value(text) is None


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = read_yaml(tmp_path / "absent.yaml")
    assert [d.code for d in absent.diagnostics] == ["unreadable"]
    assert [d.code for d in read_yaml(tmp_path).diagnostics] == ["not-a-file"]
    path = tmp_path / "file.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    (diagnostic,) = read_yaml(path, name="shown.yaml").diagnostics
    assert (diagnostic.code, diagnostic.file, diagnostic.span.line) == ("not-utf8", "shown.yaml", 2)
    path.write_text("a: 1\n", encoding="utf-16")
    assert [d.code for d in read_yaml(path).diagnostics] == ["not-utf8"]
    monkeypatch.setattr(yamlspan, "MAX_BYTES", 10)
    path.write_text("a: 1234567\n")
    assert [d.code for d in read_yaml(path).diagnostics] == ["yaml-too-large"]
    path.write_text("a: 123456\n")
    assert read_yaml(path).value == {"a": 123456}


class QuotingDumper(yaml.SafeDumper):
    """Writes every text in quotes, since YAML 1.1 and 1.2 differ on what may go without."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


QuotingDumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)

texts = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18) + 1, 10**18 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(trees, st.booleans(), st.booleans())
def test_dumped_data_reads_back_equal(data: Any, flow: bool, windows: bool) -> None:
    text = yaml.dump(data, Dumper=QuotingDumper, default_flow_style=flow, allow_unicode=True)
    assert value(text.replace("\n", "\r\n") if windows else text) == data


@given(trees)
def test_every_value_has_a_place_inside_the_text(data: Any) -> None:
    document = read(yaml.dump(data, Dumper=QuotingDumper))
    count = document.text.count("\n") + 1

    def check(path: tuple[str | int, ...], part: Any) -> None:
        span = document.values[path]
        assert 1 <= span.line <= span.end_line <= count
        if isinstance(part, dict):
            for name, inner in part.items():
                assert (*path, name) in document.keys
                check((*path, name), inner)
        elif isinstance(part, list):
            for index, inner in enumerate(part):
                check((*path, index), inner)

    check((), data)


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    document = read(text)
    assert document.value is None or json.dumps(document.value) is not None


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(raw)
    read_yaml(path)


@pytest.mark.parametrize("text", ["a: 1", "a: [", "a: &x 1\nb: *x"])
def test_the_collector_of_cycles_is_left_as_it_was(text: str) -> None:
    assert gc.isenabled()
    read_yaml_text(text, "x")
    assert gc.isenabled()
    gc.disable()
    try:
        read_yaml_text(text, "x")
        assert not gc.isenabled()
    finally:
        gc.enable()
