"""What the two checklists that ship say: complete, in our own words, and linked both ways."""

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
    "9": "9(1) 9(2)(a) 9(2)(b) 9(2)(c) 9(2)(d) 9(4) 9(5) 9(5)(a) 9(5)(b) 9(5)(c) 9(6) 9(7) 9(8) 9(9)",
    "12": "12(1) 12(2)(a) 12(2)(b) 12(2)(c) 12(3)",
    "15": "15(1) 15(3) 15(4) 15(5)",
    "26": "26(1) 26(2) 26(4) 26(5) 26(6) 26(7) 26(8) 26(9) 26(10) 26(11) 26(12)",
    "50": "50(1) 50(2) 50(3) 50(4)/1 50(4)/2 50(5)",
    "55": "55(1)(a) 55(1)(b) 55(1)(c) 55(1)(d)",
    "72": "72(1) 72(2) 72(3)",
    "73": "73(1) 73(2) 73(3) 73(4) 73(5) 73(6)",
}
RMF_CATEGORIES = {
    "GOVERN": (7, 3, 2, 3, 2, 2),
    "MAP": (6, 3, 5, 2, 2),
    "MEASURE": (3, 13, 3, 3),
    "MANAGE": (4, 4, 2, 3),
}
SHIPPED = ("eu-ai-act", "nist-ai-rmf")
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


def test_exactly_the_two_checklists_ship() -> None:
    assert tuple(available_checklists()) == SHIPPED
    for name in SHIPPED:
        assert checklist(name).framework.id == name


def test_every_paragraph_of_the_eight_articles_is_there_in_order() -> None:
    wanted = [one for ids in EU_IDS.values() for one in ids.split()]
    assert [c.id for c in checklist("eu-ai-act").controls] == wanted
    counts = Counter(c.group for c in checklist("eu-ai-act").controls)
    assert dict(counts) == {
        "art-9": 14,
        "art-12": 5,
        "art-15": 4,
        "art-26": 11,
        "art-50": 6,
        "art-55": 4,
        "art-72": 3,
        "art-73": 6,
    }
    assert len(wanted) == 53


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
    known = {f"{name}:{c.id}": c for name in SHIPPED for c in checklist(name).controls}
    for name in SHIPPED:
        for control in checklist(name).controls:
            targets = [mapping.to for mapping in control.maps]
            assert len(targets) == len(set(targets)), control.id
            for mapping in control.maps:
                assert mapping.to.split(":")[0] in set(SHIPPED) - {name}
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


@pytest.mark.parametrize(
    ("old", "in_2026", "in_2027"), [("no", A, A), ("yes", NY, A), (None, U, A)]
)
def test_systemic_risk_models_old_and_new(
    old: str | None, in_2026: Applicability, in_2027: Applicability
) -> None:
    facts = {} if old is None else {"gpai_model_on_market_before_2025_08_02": old}
    profile = Profile(frozenset({"gpai_sr_provider"}), None, facts)
    for control_id in EU_IDS["55"].split():
        assert answer(control_id, profile, "2025-08-01") is NY
        assert answer(control_id, profile, "2026-11-20") is in_2026
        assert answer(control_id, profile, "2027-08-02") is in_2027
