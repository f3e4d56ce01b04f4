"""What the two first checklists say: complete, in our own words, and linked both ways."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import pytest

from auditgen.checklists import (
    EVIDENCE_CODES,
    Applicability,
    Profile,
    applicability,
    available_checklists,
    load_checklist,
)

if TYPE_CHECKING:
    from auditgen.checklists import Checklist, Control

EU_IDS = {
    "4": "4(1)",
    "4a": "4a(1) 4a(2)",
    "5": "5(1)(a) 5(1)(b) 5(1)(ba) 5(1)(bb) 5(1)(c) 5(1)(d) 5(1)(e) 5(1)(f) 5(1)(g) 5(1)(h) 5(1a)",
    "6": "6(3) 6(4)",
    "8": "8(1) 8(2)",
    "9": "9(1) 9(2)(a) 9(2)(b) 9(2)(c) 9(2)(d) 9(4) 9(5) 9(5)(a) 9(5)(b) 9(5)(c) 9(6) 9(7) 9(8) 9(9)",
    "10": ("10(1) 10(2)(a) 10(2)(b) 10(2)(c) 10(2)(d) 10(2)(e) 10(2)(f) 10(2)(g) 10(2)(h) 10(3) 10(4) 10(6)"),
    "11": "11(1)",
    "12": "12(1) 12(2)(a) 12(2)(b) 12(2)(c) 12(3)",
    "13": (
        "13(1) 13(2) 13(3)(a) 13(3)(b)(i) 13(3)(b)(ii) 13(3)(b)(iii) 13(3)(b)(iv) 13(3)(b)(v) "
        "13(3)(b)(vi) 13(3)(b)(vii) 13(3)(c) 13(3)(d) 13(3)(e) 13(3)(f)"
    ),
    "14": "14(1) 14(2) 14(3) 14(4)(a) 14(4)(b) 14(4)(c) 14(4)(d) 14(4)(e) 14(5)",
    "15": "15(1) 15(3) 15(4) 15(5)",
    "16": " ".join(f"16({letter})" for letter in "abcdefghijkl"),
    "17": " ".join(f"17(1)({letter})" for letter in "abcdefghijklm") + " 17(2)",
    "18": "18(1)",
    "19": "19(1)",
    "20": "20(1) 20(2)",
    "21": "21(1) 21(2)",
    "22": "22(1) 22(3)",
    "23": "23(1)",
    "24": "24(1)",
    "25": "25(1) 25(2) 25(4)",
    "26": "26(1) 26(2) 26(4) 26(5) 26(6) 26(7) 26(8) 26(9) 26(10) 26(11) 26(12)",
    "27": "27(1)(a) 27(1)(b) 27(1)(c) 27(1)(d) 27(1)(e) 27(1)(f) 27(2) 27(3)",
    "43": "43(1) 43(2) 43(3) 43(4)",
    "47": "47(1)",
    "48": "48(3)",
    "49": "49(1) 49(2) 49(3)",
    "50": "50(1) 50(2) 50(3) 50(4)/1 50(4)/2 50(5)",
    "52": "52(1)",
    "53": "53(1)(a) 53(1)(b) 53(1)(c) 53(1)(d) 53(3)",
    "54": "54(1) 54(3)",
    "55": "55(1)(a) 55(1)(b) 55(1)(c) 55(1)(d)",
    "72": "72(1) 72(2) 72(3)",
    "73": "73(1) 73(2) 73(3) 73(4) 73(5) 73(6)",
    "86": "86(1)",
}
EU_ANNEXES = {
    "IV.1": "abcdefgh",
    "IV.2": "abcdefgh",
    "IV": "3 4 5 6 7 8 9",
    "XI.1.1": "abcdef",
    "XI.1.2": "abcde",
    "XI.2": "1 2 3",
    "XII.1": "abcdefgh",
    "XII.2": "abc",
}
RMF_CATEGORIES = {
    "GOVERN": (7, 3, 2, 3, 2, 2),
    "MAP": (6, 3, 5, 2, 2),
    "MEASURE": (3, 13, 3, 3),
    "MANAGE": (4, 4, 2, 3),
}
SHIPPED = ("eu-ai-act", "nist-ai-rmf")
ONE_SIDED = frozenset({"common-controls"})
"""Crosswalks: their controls point to all the others, which do not point back."""
INVERSE = {
    "equal": "equal",
    "subset_of": "superset_of",
    "superset_of": "subset_of",
    "intersects_with": "intersects_with",
    "no_relationship": "no_relationship",
}


@cache
def checklist(name: str) -> Checklist:
    return load_checklist(available_checklists()[name])


def controls() -> list[Control]:
    return [control for name in SHIPPED for control in checklist(name).controls]


def eu(control_id: str) -> Control:
    return next(c for c in checklist("eu-ai-act").controls if c.id == control_id)


def annex_ids() -> list[str]:
    return [
        f"{point}.{item}" if item.isdigit() else f"{point}({item})"
        for point, items in EU_ANNEXES.items()
        for item in (items.split() if " " in items else items)
    ]


def test_every_paragraph_and_annex_item_is_there_in_order() -> None:
    articles = [one for ids in EU_IDS.values() for one in ids.split()]
    assert [c.id for c in checklist("eu-ai-act").controls] == articles + annex_ids()
    assert len(articles) == 172
    counts = Counter(c.group for c in checklist("eu-ai-act").controls)
    assert {group: n for group, n in counts.items() if group.startswith("art-")} == {
        f"art-{article}": len(ids.split()) for article, ids in EU_IDS.items()
    }
    by_annex = Counter(one.split(".")[0] for one in annex_ids())
    assert dict(by_annex) == {"IV": 23, "XI": 14, "XII": 11}


def test_all_72_subcategories_are_there_by_function() -> None:
    wanted = [
        f"{function} {category}.{number}"
        for function, sizes in RMF_CATEGORIES.items()
        for category, size in enumerate(sizes, 1)
        for number in range(1, size + 1)
    ]
    assert [c.id for c in checklist("nist-ai-rmf").controls] == wanted
    by_function = Counter(c.id.split()[0] for c in checklist("nist-ai-rmf").controls)
    assert dict(by_function) == {"GOVERN": 19, "MAP": 18, "MEASURE": 22, "MANAGE": 13}


def test_the_rmf_has_19_categories_under_4_functions() -> None:
    groups = checklist("nist-ai-rmf").groups
    assert [g.id for g in groups if g.parent is None] == ["govern", "map", "measure", "manage"]
    assert len([g for g in groups if g.parent is not None]) == 19
    for control in checklist("nist-ai-rmf").controls:
        assert control.group == control.id.split(".")[0].lower().replace(" ", "-")
        assert control.cite == f"NIST AI 100-1, {control.id}"
        assert control.effective == ()
        assert control.applies.always


def test_cites_name_the_same_place_as_the_ids() -> None:
    for control in checklist("eu-ai-act").controls:
        if control.kind == "documentation":
            annex, _, point = control.id.partition(".")
            assert control.cite == f"Annex {annex}, point {point}"
            assert control.group.startswith(f"annex-{annex.lower()}")
            continue
        place, _, part = control.id.partition("/")
        suffix = {"": "", "1": " first subparagraph", "2": " second subparagraph"}[part]
        assert control.cite == f"Art. {place}{suffix}"
        assert control.group == f"art-{place.split('(')[0]}"


def test_every_group_holds_a_control_or_a_group() -> None:
    for name in SHIPPED:
        used = {c.group for c in checklist(name).controls}
        parents = {g.parent for g in checklist(name).groups}
        assert {g.id for g in checklist(name).groups} <= used | parents


def test_every_evidence_code_is_known_and_says_what_to_look_for() -> None:
    for control in controls():
        for need in control.evidence:
            assert set(need.any_of) <= set(EVIDENCE_CODES)
            assert need.must_show, (control.id, need.id)


def test_every_map_resolves_and_the_other_side_says_the_inverse() -> None:
    names = tuple(available_checklists())
    known = {f"{name}:{c.id}": c for name in names for c in checklist(name).controls}
    for name in names:
        for control in checklist(name).controls:
            targets = [mapping.to for mapping in control.maps]
            assert len(targets) == len(set(targets)), control.id
            for mapping in control.maps:
                assert mapping.to in known, f"{name}:{control.id}"
                assert mapping.to.split(":")[0] != name
                if name in ONE_SIDED:
                    continue
                back = [m for m in known[mapping.to].maps if m.to == f"{name}:{control.id}"]
                assert [m.rel for m in back] == [INVERSE[mapping.rel]]
                assert back[0].strength == mapping.strength


def test_no_law_is_called_equal_to_the_voluntary_framework() -> None:
    assert {m.rel for c in controls() for m in c.maps} == {"intersects_with"}


def test_requirements_are_short_and_each_is_its_own() -> None:
    texts = [c.requirement for c in controls()]
    assert max(len(text) for text in texts) <= 400
    assert min(len(text) for text in texts) >= 60
    assert not [text for text, count in Counter(texts).items() if count > 1]
    assert len({c.title for c in controls()}) == len(controls())
    assert all(c.title not in c.requirement for c in controls())


def test_no_must_show_is_boilerplate() -> None:
    items = Counter(i for c in controls() for need in c.evidence for i in need.must_show)
    assert [item for item, count in items.items() if count > 1] == []


def test_headers_say_what_was_not_done() -> None:
    for name in SHIPPED:
        assert checklist(name).framework.review.legal_review == "none"
    law = checklist("eu-ai-act").framework
    assert law.binding == "law"
    assert law.licence.policy == "paraphrase_only"
    assert "No text of the Official Journal was read" in law.scope
    assert "EUR-Lex" in law.scope
    assert checklist("nist-ai-rmf").framework.binding == "voluntary"


def test_every_question_is_used_and_nothing_uses_another() -> None:
    law = checklist("eu-ai-act")
    used = set(re.findall(r"fact='(\w+)'", repr(law.controls)))
    assert used == {question.id for question in law.questions}


def test_the_files_name_no_machine_path_and_have_short_lines() -> None:
    for path in available_checklists().values():
        text = path.read_text("utf-8")
        assert not re.search(r"/(work|home|tmp|root|Users)/", text)
        assert "\t" not in text
        assert max(len(line) for line in text.splitlines()) <= 100


ANNEX_III = frozenset({"high_risk_annex_iii"})
ANNEX_I = frozenset({"high_risk_annex_i"})
EVERY_FACT = dict.fromkeys(
    (
        "controls_input_data",
        "used_at_workplace",
        "public_authority",
        "dpia_required",
        "post_remote_biometric_law_enforcement",
        "decides_about_people",
        "remote_biometric_identification",
    ),
    "yes",
)
A, NY, NA, U = (
    Applicability.APPLIES,
    Applicability.NOT_YET,
    Applicability.NOT_APPLICABLE,
    Applicability.UNKNOWN,
)


def answer(control_id: str, profile: Profile, day: str) -> Applicability:
    return applicability(eu(control_id), profile, date.fromisoformat(day))[0]


@pytest.mark.parametrize("article", ["9", "12", "15", "26", "72", "73"])
def test_high_risk_articles_start_with_the_route_of_the_system(article: str) -> None:
    role = "deployer" if article == "26" else "provider"
    only_annex_iii = {"12(3)", "26(8)", "26(10)", "26(11)"}
    for control_id in EU_IDS[article].split():
        third = Profile(frozenset({role}), ANNEX_III, EVERY_FACT)
        first = Profile(frozenset({role}), ANNEX_I, EVERY_FACT)
        assert answer(control_id, third, "2026-11-20") is NY
        assert answer(control_id, third, "2027-12-01") is NY
        assert answer(control_id, third, "2027-12-02") is A
        if control_id in only_annex_iii:
            assert answer(control_id, first, "2029-01-01") is NA
        else:
            assert answer(control_id, first, "2028-08-01") is NY
            assert answer(control_id, first, "2028-08-02") is A
        low = Profile(frozenset({role}), frozenset({"minimal"}), EVERY_FACT)
        assert answer(control_id, low, "2030-01-01") is NA
        other = Profile(frozenset({"importer"}), ANNEX_III, EVERY_FACT)
        assert answer(control_id, other, "2030-01-01") is NA
        assert answer(control_id, Profile(), "2030-01-01") is U


def test_the_literal_date_of_72_and_73_is_a_note_and_decides_nothing() -> None:
    for control_id in (EU_IDS["72"] + " " + EU_IDS["73"]).split():
        for effective in eu(control_id).effective:
            assert effective.from_ > date(2027, 1, 1)
            assert "2026-08-02" in (effective.note or "")


@pytest.mark.parametrize(
    ("old", "before", "between", "after"),
    [("no", NY, A, A), ("yes", NY, NY, A), (None, NY, U, A)],
)
def test_marking_has_a_later_date_for_systems_already_on_the_market(
    old: str | None, before: Applicability, between: Applicability, after: Applicability
) -> None:
    facts = {"generates_synthetic_content": "yes", "interacts_with_people": "no"}
    if old is not None:
        facts["on_market_before_2026_08_02"] = old
    profile = Profile(frozenset({"provider"}), frozenset(), facts)
    for control_id in ("50(2)", "50(5)"):
        assert answer(control_id, profile, "2026-08-01") is before
        assert answer(control_id, profile, "2026-11-20") is between
        assert answer(control_id, profile, "2026-12-02") is after


def test_the_other_transparency_duties_were_not_delayed() -> None:
    facts = {
        "interacts_with_people": "yes",
        "emotion_or_biometric_categorisation": "yes",
        "publishes_deep_fakes": "yes",
        "publishes_public_interest_text": "yes",
        "human_editorial_review": "no",
        "on_market_before_2026_08_02": "yes",
    }
    profile = Profile(frozenset({"provider", "deployer"}), frozenset(), facts)
    for control_id in ("50(1)", "50(3)", "50(4)/1", "50(4)/2", "50(5)"):
        assert answer(control_id, profile, "2026-08-01") is NY
        assert answer(control_id, profile, "2026-08-02") is A


@pytest.mark.parametrize(("reviewed", "wanted"), [("yes", NA), ("no", A), (None, U)])
def test_editorial_review_lifts_the_duty_for_text_only_when_it_is_declared(
    reviewed: str | None, wanted: Applicability
) -> None:
    facts = {"publishes_public_interest_text": "yes"}
    if reviewed is not None:
        facts["human_editorial_review"] = reviewed
    profile = Profile(frozenset({"deployer"}), None, facts)
    assert answer("50(4)/2", profile, "2026-11-20") is wanted


@pytest.mark.parametrize(("old", "in_2026", "in_2027"), [("no", A, A), ("yes", NY, A), (None, U, A)])
def test_systemic_risk_models_old_and_new(
    old: str | None, in_2026: Applicability, in_2027: Applicability
) -> None:
    facts = {} if old is None else {"gpai_model_on_market_before_2025_08_02": old}
    profile = Profile(frozenset({"gpai_sr_provider"}), None, facts)
    for control_id in EU_IDS["55"].split():
        assert answer(control_id, profile, "2025-08-01") is NY
        assert answer(control_id, profile, "2026-11-20") is in_2026
        assert answer(control_id, profile, "2027-08-02") is in_2027
