"""OSCAL catalogs come in whole: every control, blank, text and order; what does not is counted."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from helpers import oscal
from hypothesis import given, settings
from hypothesis import strategies as st

from auditgen.checklists import load_checklist, pointed
from auditgen.checklists.foreign import import_file
from auditgen.checklists.imported import Imported, Wish, licence_of
from auditgen.checklists.oscal import catalog
from auditgen.checklists.writing import to_yaml
from auditgen.cli import run
from auditgen.errors import InputRefused
from auditgen.yamlspan import read_yaml_text

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2026, 11, 20)
WORD_FOR_WORD = Wish(DAY, "imported", "verbatim_ok")


def imported(folder: Path, value: Any, wish: Wish = WORD_FOR_WORD) -> Imported:
    path = folder / "catalog.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return import_file(path, wish)


def faults(folder: Path, value: Any, wish: Wish = WORD_FOR_WORD) -> list[str]:
    with pytest.raises(InputRefused) as refusal:
        imported(folder, value, wish)
    return [f"{d.code} {d.message}" for d in refusal.value.diagnostics] or [refusal.value.message]


def small(**changes: Any) -> dict[str, Any]:
    made = oscal.catalog(total=3, controls=2)
    made["catalog"] |= changes
    return made


def test_one_the_size_of_sp_800_53_comes_in_whole(tmp_path: Path) -> None:
    source = oscal.catalog()
    found = imported(tmp_path, source)
    controls = {c.id: c for c in found.checklist.controls}
    assert len(controls) == oscal.TOTAL == 1196
    assert sum(c.parent is None for c in controls.values()) == oscal.CONTROLS
    assert len(found.checklist.groups) == 20
    assert list(controls)[:2] == ["ac-1", "ac-1.1"]
    one = controls["ac-1.1"]
    assert one.parent == "ac-1"
    assert one.cite == "AC-1(1); references: Guide 1"
    assert one.requirement.splitlines() == [
        "The organization:",
        "  a. Documents {{ ac-1.1_prm_1 }}:",
        "    1. at {{ ac-1.1_prm_2 }} level; and",
        "    2. with its purpose;",
        "  b. Reviews it {{ ac-1.1_prm_3 }}.",
    ]
    assert "at [Selection (one or more): organization; mission; system] level" in one.statement
    assert "[Selection (one): yearly; [organization-defined frequency]]" in one.statement
    assert one.methods == ("interview",)
    assert one.notes is not None
    assert one.notes.splitlines() == [
        "Guidance of AC-1(1).",
        "Related: AC-1.",
        "Parameter ac-1.1_prm_5: guideline: choose with care",
    ]
    assert all(len(c.parameters) == 5 for c in controls.values())
    assert all(not c.evidence and c.applies.always for c in controls.values())
    assert found.left_out.kinds["control property `sort-id`"] == 1196
    assert found.left_out.kinds["part `assessment-objective` with all below it"] == 1196
    review = found.checklist.framework.review
    assert (review.legal_review, review.text_basis, review.last_checked) == ("none", "read", DAY)


def test_what_was_written_reads_back_as_the_same_and_is_sound(tmp_path: Path) -> None:
    found = imported(tmp_path, small())
    path = tmp_path / "out.yaml"
    path.write_text(found.yaml, "utf-8")
    assert load_checklist(path) == found.checklist
    assert to_yaml(read_yaml_text(found.yaml, "x").value) == found.yaml


def test_every_prose_of_a_statement_is_there_in_its_order(extra_exports: Path) -> None:
    path = extra_exports.parent / "facts" / "oscal" / "simplified_nist_800-53_catalog.json"
    if not path.is_file():
        pytest.skip("the simplified catalog is not at hand")
    found = import_file(path, WORD_FOR_WORD)
    controls = {c.id: c for c in found.checklist.controls}

    def every(node: dict[str, Any]) -> list[dict[str, Any]]:
        below = [c for child in (*node.get("groups", ()), *node.get("controls", ())) for c in every(child)]
        return [
            *([node] if "groups" not in node and "id" in node and node.get("class") != "family" else []),
            *below,
        ]

    def texts(part: dict[str, Any]) -> list[str]:
        own = [part["prose"].strip()] if part.get("prose") else []
        return [*own, *(t for p in part.get("parts", ()) for t in texts(p))]

    source = json.loads(path.read_text("utf-8"))["catalog"]
    raw = [c for group in source["groups"] for c in every({"groups": [], **group})]
    withdrawn = {
        c["id"]
        for c in raw
        if any(p["name"] == "status" and p["value"] == "withdrawn" for p in c.get("props", ()))
    }
    wanted = [
        c for c in raw if c["id"] not in withdrawn and c["id"] not in {g["id"] for g in source["groups"]}
    ]
    assert [c["id"] for c in wanted] == list(controls)
    assert found.left_out.kinds["withdrawn controls"] == len(withdrawn) == 5
    for item in wanted:
        text = controls[item["id"]].requirement
        at = 0
        for part in item.get("parts", ()):
            if part["name"] == "statement":
                for prose in texts(part):
                    first = prose.splitlines()[0].replace("insert: param, ", "").strip()
                    at = text.index(first, at)
        assert {p["id"] for p in item.get("params", ())} <= {p.id for p in controls[item["id"]].parameters}


@pytest.mark.parametrize(
    ("remarks", "policy"),
    [
        ("This text is in the public domain.", "verbatim_ok"),
        ("It is public-domain material; use it.", "verbatim_ok"),
        ("This text is not in the public domain.", None),
        ("Nothing of it may be treated as public domain except the ids.", None),
        (None, None),
    ],
)
def test_no_licence_is_invented(tmp_path: Path, remarks: str | None, policy: str | None) -> None:
    source = oscal.catalog(total=2, controls=2, remarks=remarks)
    if policy is None:
        (said,) = faults(tmp_path, source, Wish(DAY))
        assert "does not say that its text is in the public domain" in said
    else:
        found = imported(tmp_path, source, Wish(DAY))
        assert found.checklist.framework.licence.policy == policy
        assert remarks is not None
        assert found.basis.startswith("the file says: ")


@pytest.mark.parametrize("policy", ["ids_only", "paraphrase_only"])
def test_text_that_may_not_be_held_is_not_there(tmp_path: Path, policy: Any) -> None:
    found = imported(tmp_path, small(), Wish(DAY, None, policy))
    for words in ("The organization", "Guidance of", "organization-defined", "Guide 1"):
        assert words not in found.yaml
    assert ("Control AC-1" in found.yaml) == (policy == "paraphrase_only")
    assert found.left_out.kinds["texts that the licence policy does not let stand"] == 3


def spoiled(change: str) -> Any:
    made = small()
    groups = made["catalog"]["groups"]
    first = groups[0]["controls"][0]
    if change == "number for title":
        first["title"] = 5
    elif change == "list for params":
        first["params"] = {"id": "x"}
    elif change == "text among controls":
        groups[0]["controls"].append("ac-9")
    elif change == "no id":
        del first["id"]
    elif change == "same id twice":
        groups[1]["controls"].append(dict(first))
    elif change == "same group twice":
        groups.append({**groups[0], "controls": []})
    elif change == "unknown parameter":
        first["parts"][0]["prose"] = "{{ insert: param, nowhere }}"
    elif change == "long statement":
        first["parts"][0]["prose"] = "x" * 20_001
    elif change == "odd how-many":
        first["params"][1]["select"]["how-many"] = "some"
    return made


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        (
            "number for title",
            "wrong-type",
            "/catalog/groups/0/controls/0/title`: got a number, expected text",
        ),
        (
            "list for params",
            "wrong-type",
            "/catalog/groups/0/controls/0/params`: got an object, expected a list",
        ),
        ("text among controls", "wrong-type", "/catalog/groups/0/controls/1`: got text, expected an object"),
        ("no id", "missing", "/catalog/groups/0/controls/0`: `id` is required"),
        ("same id twice", "duplicate-id", "/catalog/groups/1/controls/1`: the control `ac-1` stands at"),
        ("same group twice", "duplicate-id", "two groups have the id `ac`"),
        ("unknown parameter", "unknown-parameter", "/parts/0`: the parameter `nowhere` is declared nowhere"),
        ("long statement", "too-long", "/catalog/groups/0/controls/0`: the statement has"),
        ("odd how-many", "unknown-word", "/params/1/select/how-many`: `some` is neither"),
    ],
)
def test_a_fault_is_told_by_its_pointer(tmp_path: Path, change: str, code: str, pointer: str) -> None:
    said = faults(tmp_path, spoiled(change))
    assert any(line.startswith(code) and pointer in line for line in said), said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1 column 1"),
        ("[]", "neither `catalog` nor `profile`"),
        ('{"component-definition": {}}', "there is `component-definition`"),
        ('{"catalog": []}', "`: got a list, expected an object"),
        ('{"catalog": {"metadata": {"title": "t"}}}', "there is no control in it"),
        ('{"catalog": NaN}', "`NaN` is no number"),
        ('{"catalog": 1e999, "x": -Infinity}', "`-Infinity` is no number"),
        ('{"catalog": {}, "catalog": {}}', "the key `catalog` is written twice"),
        ('{"catalog": ' + "1" * 5000 + "}", "too long to be read"),
        ("[" * 100_000, "nested too deep"),
        ('{"catalog": "\\ud800"}', "half of a character"),
    ],
)
def test_what_is_no_catalog_is_refused(tmp_path: Path, text: str, says: str) -> None:
    assert any(says in line for line in faults(tmp_path, "{" + text[1:] if text.startswith("{") else text))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    path.write_bytes(b'{"catalog": "\xff"}')
    with pytest.raises(InputRefused) as refusal:
        import_file(path, WORD_FOR_WORD)
    assert refusal.value.diagnostics[0].code == "not-utf8"
    with pytest.raises(InputRefused):
        import_file(tmp_path / "gone.json", WORD_FOR_WORD)
    with pytest.raises(InputRefused):
        import_file(tmp_path, WORD_FOR_WORD)


def test_deep_groups_controls_and_parts_are_refused(tmp_path: Path) -> None:
    for kind, extra in (
        ("groups", {"title": "t"}),
        ("controls", {"id": "c", "title": "t"}),
        ("parts", {"name": "n"}),
    ):
        node: dict[str, Any] = {}
        for _ in range(60):
            node = {**extra, kind: [node]} if node else dict(extra)
        made = small(groups=[node]) if kind == "groups" else small()
        if kind != "groups":
            made["catalog"]["groups"][0]["controls"][0].setdefault(kind, []).append(node)
        assert any("too-deep" in line for line in faults(tmp_path, made)), kind


def test_what_is_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "MAX_CONTROLS", 2)
    assert any(line.startswith("too-many") for line in faults(tmp_path, small()))
    monkeypatch.setattr(pointed, "MAX_BYTES", 100)
    assert any("at most 100 are read" in line for line in faults(tmp_path, small()))


def test_many_faults_are_counted_not_listed(tmp_path: Path) -> None:
    made = small()
    made["catalog"]["groups"][0]["controls"] += ["text"] * 80
    with pytest.raises(InputRefused) as refusal:
        imported(tmp_path, made)
    assert refusal.value.message.startswith("80 faults in ")
    assert len(refusal.value.diagnostics) == pointed.MAX_FAULTS


def test_circles_of_parameters_end(tmp_path: Path) -> None:
    made = small()
    one = made["catalog"]["groups"][0]["controls"][0]
    one["params"] = [
        {"id": "a", "label": "A {{ insert: param, b }}"},
        {"id": "b", "label": "B {{ insert: param, a }}"},
    ]
    one["parts"] = [{"name": "statement", "prose": "Do {{ insert: param, a }}."}]
    statement = imported(tmp_path, made).checklist.controls[0].statement
    assert statement.startswith("Do [A [B ")


def test_a_long_chain_of_parameters_is_no_recursion(tmp_path: Path) -> None:
    made = small()
    one = made["catalog"]["groups"][0]["controls"][0]
    one["params"] = [{"id": f"p{n}", "label": f"x {{{{ insert: param, p{n + 1} }}}}"} for n in range(3000)]
    one["params"].append({"id": "p3000", "label": "the end"})
    one["parts"] = [{"name": "statement", "prose": "Do {{ insert: param, p0 }}."}]
    assert len(imported(tmp_path, made).checklist.controls[0].parameters) == 3001


def test_many_groups_of_one_name_each_get_an_id(tmp_path: Path) -> None:
    groups = [{"title": "Same", "controls": [{"id": f"c{n}", "title": "T"}]} for n in range(3000)]
    found = imported(tmp_path, small(groups=groups)).checklist.groups
    assert len({group.id for group in found}) == 3000
    assert [group.id for group in found[:3]] == ["same", "same-2", "same-3"]


def test_a_value_that_is_none_of_the_choices_stays(tmp_path: Path) -> None:
    made = small()
    made["catalog"]["groups"][0]["controls"][0]["params"][1]["values"] = ["something else"]
    found = imported(tmp_path, made)
    parameter = found.checklist.controls[0].parameters[1]
    assert (parameter.value, parameter.choices) == ("something else", ())
    assert found.left_out.kinds["choices of parameters whose value is none of them"] == 1


def test_hostile_words_reach_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = small()
    made["catalog"]["\x1b[31mred"] = 1
    made["catalog"]["groups"][0]["controls"][0]["props"].append({"name": "\x1b]0;x\x07", "value": "v"})
    path = tmp_path / "c.json"
    path.write_text(json.dumps(made))
    out = tmp_path / "out.yaml"
    assert run(["standards", "import", str(path), "--out", str(out), "--licence-policy", "verbatim_ok"]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.err + said.out
    assert "not carried over" in said.err
    assert run(["standards", "import", str(path), "--out", str(out), "--licence-policy", "verbatim_ok"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert run(["standards", "validate", str(out)]) == 0


def test_a_refused_import_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "c.json", tmp_path / "out.yaml"
    path.write_text(json.dumps(spoiled("no id")))
    assert run(["standards", "import", str(path), "--out", str(out), "--licence-policy", "verbatim_ok"]) == 4
    assert not out.exists()
    assert "`id` is required here" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["c.json"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_no_exception_escapes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Any value anywhere in a sound catalog: it is imported or refused, nothing else."""
    made = small()
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key, value in list(node.items()) if isinstance(node, dict) else list(enumerate(node)):
            places.append((node, key))
            if isinstance(value, dict | list):
                walk(value)

    walk(made)
    for _ in range(data.draw(st.integers(1, 3))):
        node, key = data.draw(st.sampled_from(places))
        node[key] = data.draw(JSON)
    folder = tmp_path_factory.mktemp("spoiled")
    with contextlib.suppress(InputRefused):
        found = imported(folder, made)
        again = folder / "again.yaml"
        again.write_text(found.yaml, "utf-8")
        assert load_checklist(again) == found.checklist


TRICKY = st.sampled_from(
    [
        *(
            "no",
            "010",
            "1e3",
            "08",
            "1:30",
            "2026-11-20",
            "~",
            "<<",
            "- a",
            ": b",
            "a #b",
            "'",
            "|",
            "  a",
            "a  ",
        ),
        *("a\n", "\na", "a\r\nb", "\x85", "\u2028", "{{ x }}", "&a", "*b", "!x", "%a", "0x1f", ".5", ".inf"),
        *("\ufeff", "\x07", "word " * 60),
    ]
)
LEAF = (
    st.text(st.characters(blacklist_categories=["Cs"]))
    | TRICKY
    | st.integers(-(10**17), 10**17)
    | st.booleans()
)


@given(
    st.recursive(LEAF | st.none(), lambda c: st.lists(c, max_size=3) | st.dictionaries(TRICKY, c, max_size=3))
)
@settings(max_examples=300, deadline=None)
def test_what_we_write_reads_back(value: Any) -> None:
    document = read_yaml_text(to_yaml(value), "x")
    assert document.diagnostics == []
    assert document.value == value


def test_the_licence_is_looked_for_sentence_by_sentence() -> None:
    texts = ["This is not free. This is in the public domain. No warranty."]
    assert licence_of(texts, Wish(DAY), "f")[1] == "the file says: This is in the public domain."
    assert Counter(licence_of(texts, Wish(DAY, None, "ids_only"), "f"))["ids_only"] == 1
