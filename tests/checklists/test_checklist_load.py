"""One spoiled file per fault: each is found, at its exact place, with a next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditgen import yamlspan
from auditgen.checklists import load_checklist, load_checklists
from auditgen.errors import Exit, InputRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from auditgen.diagnostics import Diagnostic

    Check = Callable[[str | bytes], list[Diagnostic]]


def place(diagnostic: Diagnostic) -> tuple[str, int, int]:
    return diagnostic.code, diagnostic.span.line, diagnostic.span.column


def test_the_sound_text_is_sound(sound: str, faults_of: Check) -> None:
    assert faults_of(sound) == []
    assert faults_of(sound.replace("\n", "\r\n")) == []
    assert faults_of(b"\xef\xbb\xbf" + sound.encode()) == []


SPOILED = [
    pytest.param(
        "    severity: high", "    severty: high", "extra-forbidden", 37, 5, "severty", id="typo"
    ),
    pytest.param("  binding: internal\n", "", "missing", 2, 1, "`binding`", id="missing"),
    pytest.param("kind: obligation", "kind: obligaton", "literal-error", 27, 11, "", id="literal"),
    pytest.param(
        "    severity: high",
        "    severity: high\n    severity: low",
        "duplicate-key",
        38,
        5,
        "severity",
        id="key-twice",
    ),
    pytest.param('  - id: "2"', '  - id: "1"', "duplicate-id", 43, 9, "`1`", id="control-twice"),
    pytest.param(
        "controls:\n",
        "  - {id: two, title: Again, cite: s. 2}\ncontrols:\n",
        "duplicate-id",
        21,
        10,
        "`two`",
        id="group-twice",
    ),
    pytest.param(
        "groups:\n",
        "  - {id: talks_to_people, ask: Again?, values: ['yes']}\ngroups:\n",
        "duplicate-id",
        18,
        10,
        "talks_to_people",
        id="question-twice",
    ),
    pytest.param(
        "duty_bearer: [provider]",
        "duty_bearer: [provder]",
        "unknown-role",
        28,
        19,
        "provder",
        id="duty-bearer",
    ),
    pytest.param(
        "        - role: provider",
        "        - role: user",
        "unknown-role",
        31,
        17,
        "user",
        id="role",
    ),
    pytest.param(
        "{risk_class: high_risk}",
        "{risk_class: high_rsk}",
        "unknown-risk_class",
        36,
        28,
        "high_rsk",
        id="risk-class",
    ),
    pytest.param(
        "fact: talks_to_people", "fact: talks", "unknown-fact", 32, 17, "talks", id="fact"
    ),
    pytest.param(
        '          equals: "yes"',
        "          equals: maybe",
        "unknown-answer",
        33,
        19,
        "maybe",
        id="answer",
    ),
    pytest.param(
        "any_of: [EV-REF]", "any_of: [EV-REFF]", "unknown-code", 40, 18, "EV-REFF", id="code"
    ),
    pytest.param("    group: two", "    group: tow", "unknown-group", 44, 12, "tow", id="group"),
    pytest.param("parent: one", "parent: none", "unknown-group", 20, 50, "none", id="parent"),
    pytest.param("parent: one", "parent: two", "parent-circle", 20, 50, "itself", id="circle"),
    pytest.param("{always: true}", "{always: no}", "literal-error", 49, 23, "", id="always-no"),
    pytest.param("{always: true}", "{role: }", "value-error", 49, 14, "exactly one", id="no-role"),
    pytest.param("{always: true}", "{any: []}", "too-short", 49, 20, "at least 1", id="empty-any"),
    pytest.param(
        "{always: true}",
        "{always: true, role: provider}",
        "value-error",
        49,
        14,
        "exactly one",
        id="two-conditions",
    ),
    pytest.param("2026-01-01", "2026-02-30", "date-parsing", 35, 15, "date", id="no-such-day"),
]


@pytest.mark.parametrize(("old", "new", "code", "line", "column", "says"), SPOILED)
def test_each_fault_has_its_place(
    sound: str,
    faults_of: Check,
    old: str,
    new: str,
    code: str,
    line: int,
    column: int,
    says: str,
) -> None:
    assert sound.count(old) == 1
    found = faults_of(sound.replace(old, new))
    assert [place(d) for d in found] == [(code, line, column)]
    assert says in found[0].message
    shifted = faults_of("# first line\r\n" + sound.replace(old, new).replace("\n", "\r\n"))
    assert [place(d) for d in shifted] == [(code, line + 1, column)]


def test_an_unknown_key_is_answered_with_the_nearest_known_one(
    sound: str, faults_of: Check
) -> None:
    (fault,) = faults_of(
        sound.replace("    requirement: Logs", "    requirment: x\n    requirement: Logs")
    )
    assert fault.message == "unknown key `requirment`"
    assert fault.helps == ("did you mean `requirement`?",)
    (fault,) = faults_of(sound.replace("        - role: provider", "        - roles: provider"))
    assert fault.code == "extra-forbidden"
    assert fault.helps == ("did you mean `role`?",)


def test_a_wrong_word_is_answered_with_the_nearest_known_one(sound: str, faults_of: Check) -> None:
    (fault,) = faults_of(sound.replace("duty_bearer: [provider]", "duty_bearer: [provder]"))
    assert fault.helps == ("did you mean `provider`?",)
    (fault,) = faults_of(sound.replace("kind: principle", "kind: principal"))
    assert fault.helps == ("did you mean `principle`?",)
    (fault,) = faults_of(sound.replace("any_of: [EV-REF]", "any_of: [EV-RREF]"))
    assert fault.helps == ("did you mean `EV-REF`?",)
    (fault,) = faults_of(sound.replace("group: two", "group: zzz"))
    assert fault.helps == ("known: one, two",)


def test_duplicates_show_both_places(sound: str, faults_of: Check) -> None:
    (fault,) = faults_of(sound.replace('  - id: "2"', '  - id: "1"'))
    assert [(span.line, words) for span, words in fault.related] == [(22, "first time here")]


def test_all_faults_come_at_once(sound: str, faults_of: Check) -> None:
    text = sound.replace("group: two", "group: tow").replace("[provider]", "[nobody]")
    text = text.replace("fact: talks_to_people", "fact: talks")
    assert [d.code for d in faults_of(text)] == ["unknown-role", "unknown-fact", "unknown-group"]


def test_an_alias_is_refused_before_it_expands(sound: str, faults_of: Check) -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    (fault,) = faults_of(bomb)
    assert place(fault) == ("yaml-alias", 2, 8)
    assert "aliases" in fault.message


def test_not_utf8(sound: str, faults_of: Check) -> None:
    raw = sound.encode().replace(b"Refuse harm", b"Refuse h\xe4rm")
    (fault,) = faults_of(raw)
    assert place(fault) == ("not-utf8", 24, 1)
    assert f"byte {raw.index(0xE4)}" in fault.message


def test_too_deep(faults_of: Check) -> None:
    (fault,) = faults_of("x:\n  " + "[" * 5000 + "]" * 5000)
    assert place(fault) == ("yaml-depth", 2, 2 + yamlspan.MAX_DEPTH)


def test_too_large(faults_of: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamlspan, "MAX_BYTES", 100)
    (fault,) = faults_of("#" * 101)
    assert place(fault) == ("yaml-too-large", 1, 1)
    assert fault.message == "the file has 101 bytes; at most 100 are read"


def test_two_documents(sound: str, faults_of: Check) -> None:
    (fault,) = faults_of(sound + "---\n" + sound)
    assert place(fault) == ("yaml-documents", 1 + sound.count("\n"), 1)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "null\n"])
def test_an_empty_file(text: str, faults_of: Check) -> None:
    (fault,) = faults_of(text)
    assert fault.code == "empty"
    assert fault.span.column == 1


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n", "42\n", "true\n"])
def test_not_a_mapping(text: str, faults_of: Check) -> None:
    (fault,) = faults_of(text)
    assert place(fault) == ("not-a-mapping", 1, 1)


def test_syntax(sound: str, faults_of: Check) -> None:
    (fault,) = faults_of(sound.replace("any_of: [EV-REF]", "any_of: [EV-REF"))
    assert place(fault)[:2] == ("yaml-syntax", 41)
    (fault,) = faults_of(sound.replace("scope: everything", "scope: \x07"))
    assert fault.code == "yaml-syntax"


def test_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.yaml", "unreadable"), (tmp_path, "not-a-file")):
        with pytest.raises(InputRefused) as caught:
            load_checklist(path)
        assert [d.code for d in caught.value.diagnostics] == [code]
        assert caught.value.exit_code is Exit.INPUT


def test_several_files_are_all_reported(sound: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(sound.replace("group: two", f"group: {name}"))
    with pytest.raises(InputRefused, match="2 faults") as caught:
        load_checklists([tmp_path / "a.yaml", "nist-ai-rmf", tmp_path / "b.yaml"])
    files = [d.file for d in caught.value.diagnostics]
    assert files == [str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")]


PASTED = [
    ("title: Keep logs", "title: {}", 45, 12),
    ("requirement: Logs are complete.", "requirement: {}", 46, 18),
    ("          - the denominator", "          - {}", 42, 13),
    ("title: Second,", "title: {},", 20, 22),
]


@pytest.mark.parametrize(("old", "new", "line", "column"), PASTED)
def test_a_pasted_text_breaks_the_licence_policy(
    sound: str, faults_of: Check, old: str, new: str, line: int, column: int
) -> None:
    assert sound.count(old) == 1
    long = sound.replace(old, new.format("x" * 401))
    (fault,) = faults_of(long)
    assert place(fault) == ("licence-policy", line, column)
    assert "401 characters; `paraphrase_only` allows 400" in fault.message
    assert faults_of(sound.replace(old, new.format("x" * 400))) == []
    assert faults_of(long.replace("paraphrase_only", "verbatim_ok")) == []
    short = sound.replace("paraphrase_only", "ids_only")
    assert faults_of(short.replace(old, new.format("x" * 80))) == []
    (fault,) = faults_of(short.replace(old, new.format("x" * 81)))
    assert "`ids_only` allows 80" in fault.message


@pytest.mark.parametrize(
    "tagged",
    ["!!binary aGk=", "!!int 99999999999999999999", "!!float nan", "!!timestamp 2026-01-01"],
)
def test_values_that_json_cannot_hold_are_faults_not_crashes(
    sound: str, faults_of: Check, tagged: str
) -> None:
    found = faults_of(sound.replace("scope: everything", f"scope: {tagged}"))
    assert {place(d) for d in found if d.code == "yaml-value"} == {("yaml-value", 12, 10)}
    assert {d.span.line for d in found} == {12}
