"""A fault in a suite file is answered at its place, and all of them at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from auditgen.diagnostics import Diagnostic
from auditgen.errors import InputRefused
from auditgen.sources.suites import SuiteLibrary

SUITE = """
    suites:
      - id: own/one
        title: One
        tool: inspect-ai
        names: [one]
        measures: Something.
        map:
          expected: {is: refuse}
        read_from: our own notes
"""


def faults(*paths: Path) -> list[Diagnostic]:
    with pytest.raises(InputRefused) as caught:
        SuiteLibrary.load(list(paths))
    found = list(caught.value.diagnostics)
    assert str(len(found)) in str(caught.value)
    return found


def place(fault: Diagnostic, path: Path) -> str:
    """The text that the diagnostic points at."""
    lines = path.read_text().splitlines()
    assert fault.file == str(path)
    assert fault.span.end_line >= fault.span.line
    return lines[fault.span.line - 1][fault.span.column - 1 :]


def second(**changes: str) -> str:
    """Another suite beside the first."""
    keys = {"id": "own/two", "title": "Two", "tool": "inspect-ai", "names": "[two]", "measures": "Something."}
    keys |= {"map": "{expected: {is: refuse}}", "read_from": "our own notes"} | changes
    return SUITE + "      - " + "\n        ".join(f"{k}: {v}" for k, v in keys.items()) + "\n"


def test_a_whole_file_is_fine(write: Any) -> None:
    library = SuiteLibrary.load([write(second(names='["tw*", three]'))])
    assert library.files[0].id == "own"
    found = library.find("inspect-ai", "twenty")
    assert found is not None
    assert found.id == "own/two"


@pytest.mark.parametrize(
    ("changes", "code", "at"),
    [
        ({"id": "own/one"}, "duplicate-id", "own/one"),
        ({"names": "[one]"}, "duplicate-name", "one"),
        ({"tool": "inspect_ai"}, "unknown-tool", "inspect_ai"),
        ({"map": "{expected: {is: perhaps}}"}, "value-error", "{expected"),
        ({"map": "{outcome: {from: scores.a}}"}, "value-error", "{outcome"),
        ({"map": "{}"}, "value-error", "id: own/two"),
        ({"scores": "[{metric: a, means: x, better: up}]"}, "literal-error", "up"),
        ({"scores": "[{metric: a, means: x, better: higher, low: 1, high: 1}]"}, "value-error", "{metric: a"),
        ({"scores": "[{metric: a, means: x, better: lower, high: 1, threshold: 2}]"}, "value-error", "{metric: a"),
        ({"scores": "[{metric: 'a*', means: x, better: lower}, {metric: ab, means: y, better: lower}]"}, "unreached-metric", "ab"),
        ({"meassures": "typo"}, "extra-forbidden", "meassures"),
    ],
)
def test_a_fault_is_shown_where_it_stands(
    write: Any, changes: dict[str, str], code: str, at: str
) -> None:
    path = write(second(**changes))
    (fault,) = faults(path)
    assert fault.code == code
    assert place(fault, path).startswith(at)


@pytest.mark.parametrize(
    ("first", "other"),
    [('["safe_*"]', '["*_quiz"]'), ('["a*_x"]', '["*b_x"]'), ('["one?"]', '["?ne2"]')],
)
def test_globs_that_fit_the_same_names_equally_well(write: Any, first: str, other: str) -> None:
    path = write(SUITE.replace("[one]", first) + second(names=other).split(SUITE)[1])
    (fault,) = faults(path)
    assert fault.code == "ambiguous-name"
    assert place(fault, path).startswith(other[1:-1])


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ('["a*"]', '["ab*"]'),  # the longer one counts
        ('["ab"]', '["a*"]'),  # the plain one counts
        ('["a*x"]', '["b*x"]'),  # no name fits both
    ],
)
def test_names_that_differ_in_rank_do_not_clash(write: Any, first: str, other: str) -> None:
    library = SuiteLibrary.load([write(SUITE.replace("[one]", first) + second(names=other).split(SUITE)[1])])
    assert len(library.files[0].suites) == 2


def test_versions_that_exclude_each_other_may_share_a_name(write: Any) -> None:
    first = SUITE.replace("names: [one]", 'names: [one]\n        versions: ["1.*"]')
    fine = first + second(names="[one]", versions='["2.*"]').split(SUITE)[1]
    library = SuiteLibrary.load([write(fine)])
    ids = [library.find("inspect-ai", "one", v) for v in ("1.4", "2.0", "3.0")]
    assert [s.id if s else None for s in ids] == ["own/one", "own/two", None]
    path = write(first + second(names="[one]", versions='["1.2*"]').split(SUITE)[1], "clash.yaml")
    (fault,) = faults(path)
    assert fault.code == "duplicate-name"


def test_a_strategy_described_twice(write: Any) -> None:
    path = write(
        SUITE
        + """
    strategies:
      - {tool: promptfoo, names: [base64, hex], family: encoding, means: text}
      - {tool: promptfoo, names: [rot13, hex], family: encoding, means: text}
"""
    )
    (fault,) = faults(path)
    assert (fault.code, place(fault, path)[:3]) == ("duplicate-name", "hex")


def test_all_faults_of_all_files_come_at_once(write: Any) -> None:
    one = write(second(id="own/one", names="[one]"), "one.yaml")
    broken = write("suites: [\n", "broken.yaml")
    same = write(SUITE.replace("own/one", "own/three"), "same.yaml")
    fine = write(SUITE, "fine.yaml", head="schema: auditgen-suites-1\nid: own\ntitle: Again\n")
    found = faults(one, broken, same, fine)
    by_file = sorted((Path(f.file).name, f.code) for f in found)
    assert by_file == [
        ("broken.yaml", "yaml-syntax"),
        ("fine.yaml", "duplicate-id"),
        ("one.yaml", "duplicate-id"),
        ("one.yaml", "duplicate-name"),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not-a-mapping"),
        ("- a list\n", "not-a-mapping"),
        ("schema: auditgen-suites-2\nid: a\ntitle: b\n", "literal-error"),
        ("schema: auditgen-suites-1\nid: a\n", "missing"),
        ("a: &x 1\nb: *x\n", "yaml-alias"),
        ("schema: auditgen-suites-1\nid: a\nid: b\ntitle: c\n", "duplicate-key"),
        ("schema: auditgen-suites-1\nid: A b\ntitle: c\n", "string-pattern-mismatch"),
    ],
)
def test_what_is_no_suite_file(write: Any, text: str, code: str) -> None:
    found = faults(write("", head=text))
    assert code in {f.code for f in found}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path / "absent.yaml")
    assert fault.file.endswith("absent.yaml")


def test_a_slip_in_a_readers_name_is_answered_with_the_right_one(write: Any) -> None:
    (fault,) = faults(write(second(tool="promptfo")))
    assert fault.helps == ("did you mean `promptfoo`?",)


def test_many_names_are_checked_in_bounded_time(write: Any) -> None:
    names = ", ".join(f'"n{number:04}*"' for number in range(1500))
    library = SuiteLibrary.load([write(second(names=f"[{names}]"))])
    found = library.find("inspect-ai", "n1499x")
    assert found is not None
    assert found.id == "own/two"


def test_endless_names_do_not_fill_the_memory() -> None:
    library = SuiteLibrary.load()
    for number in range(10_500):
        library.find("garak", f"made.Up{number}")
    assert len(library._found) <= 10_001
