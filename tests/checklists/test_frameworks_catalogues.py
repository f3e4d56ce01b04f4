"""Catalogues beside the laws: NIST's profile, OWASP, ATLAS, ISO, SOC 2, codes and our own controls.

The lists of ids are written here by hand from inventories, as patterns, so that a control that is
lost, doubled or misnumbered in a YAML file is found.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import pytest

from auditgen.checklists import (
    Applicability,
    Profile,
    applicability,
    available_checklists,
    load_checklist,
)

if TYPE_CHECKING:
    from auditgen.checklists import Checklist, Control

AS_OF = date(2026, 11, 20)
ACTIONS = {
    "GV": "1.1=1 1.2=2 1.3=7 1.4=2 1.5=3 1.6=3 1.7=2 2.1=5 3.2=5 4.1=3 4.2=3 4.3=3 5.1=2 6.1=10 6.2=7",
    "MP": "1.1=4 1.2=2 2.1=2 2.2=2 2.3=5 3.4=6 4.1=10 5.1=6 5.2=2",
    "MS": "1.1=9 1.3=3 2.2=4 2.3=4 2.5=6 2.6=7 2.7=9 2.8=4 2.9=2 2.10=3 2.11=5 2.12=4 2.13=1"
    " 3.2=1 3.3=5 4.2=5",
    "MG": "1.3=2 2.2=9 2.3=1 2.4=4 3.1=5 3.2=9 4.1=7 4.2=3 4.3=3",
}
FUNCTIONS = {"GV": "govern", "MP": "map", "MS": "measure", "MG": "manage"}
SERVED = {1: 31, 2: 18, 3: 31, 4: 29, 5: 4, 6: 57, 7: 58, 8: 73, 9: 51, 10: 28, 11: 14, 12: 36}
"""Risk of NIST AI 600-1: number of actions that serve it."""
ISO_CLAUSES = (
    "4.1 4.2 4.3 4.4 5.1 5.2 5.3 6.1 6.2 6.3 7.1 7.2 7.3 7.4 7.5.1 7.5.2 7.5.3 8.1 8.2 8.3 8.4 9.1"
    " 9.2.1 9.2.2 9.3.1 9.3.2 9.3.3 10.1 10.2"
)
ISO_ANNEX_A = "A.2=3 A.3=2 A.4=5 A.5=4 A.6.1=2 A.6.2=7 A.7=5 A.8=4 A.9=3 A.10=3"
ISO_RISK = "4 5.1 5.2 5.3 5.4 5.5 5.6 5.7 6.1 6.2 6.3 6.4.1 6.4.2 6.4.3 6.4.4 6.5 6.6 6.7 A B C"
SOC2 = (
    "CC1=5 CC2=3 CC3=4 CC4=2 CC5=3 CC6=8 CC7=5 CC8=1 CC9=2 A1=3 C1=2 PI1=5"
    " P1=1 P2=1 P3=2 P4=3 P5=2 P6=7 P7=1 P8=1"
)
ROMAN = "I II III IV V VI VII VIII"
COMMON = "ALN=5 RED=5 EVL=8 MON=5 INC=2 GOV=5 TRN=4 HUM=1 SEC=1 DAT=1 CHG=1 ASR=2"


def sizes(text: str) -> list[tuple[str, int]]:
    """`A.2=3 A.3=2` as pairs of a heading and how many lie under it."""
    pairs = [part.partition("=") for part in text.split()]
    return [(head, int(size)) for head, _, size in pairs]


def numbered(text: str, start: int = 1) -> list[str]:
    return [f"{head}.{n}" for head, size in sizes(text) for n in range(start, start + size)]


def action_ids() -> list[str]:
    return [
        f"{function}-{subcategory}-{n:03d}"
        for function, text in ACTIONS.items()
        for subcategory, size in sizes(text)
        for n in range(1, size + 1)
    ]


IDS = {
    "nist-ai-600-1": [f"GAI-R{n:02d}" for n in range(1, 13)] + action_ids(),
    "owasp-llm-2025": [f"LLM{n:02d}:2025" for n in range(1, 11)],
    "owasp-agentic-2026": [f"ASI{n:02d}" for n in range(1, 11)],
    "mitre-atlas-mitigations": [f"AML.M{n:04d}" for n in range(37)],
    "iso-42001": ISO_CLAUSES.split() + numbered(ISO_ANNEX_A, start=2),
    "iso-23894": ISO_RISK.split(),
    "soc2-tsc": numbered(SOC2),
    "sg-ai-verify": [str(n) for n in range(1, 12)],
    "sg-agentic": [str(n) for n in range(1, 5)],
    "kr-ai-basic-act": [str(n) for n in range(31, 37)],
    "cn-labelling": ["explicit", "implicit", "platform", "user"],
    "seoul-commitments": ROMAN.split(),
    "g7-hiroshima": [str(n) for n in range(1, 12)],
    "frontier-framework-elements": [str(n) for n in range(1, 13)],
    "ai-claims": [f"CLM-{n:02d}" for n in range(1, 13)],
    "common-controls": [f"AGC-{f}-{n:02d}" for f, size in sizes(COMMON) for n in range(1, size + 1)],
    "assurance-report-elements": [f"R{n:02d}" for n in range(1, 37)],
}


@cache
def checklist(name: str) -> Checklist:
    return load_checklist(available_checklists()[name])


def control(name: str, control_id: str) -> Control:
    return next(c for c in checklist(name).controls if c.id == control_id)


def answer(name: str, control_id: str, facts: dict[str, str], day: date = AS_OF) -> Applicability:
    return applicability(control(name, control_id), Profile(facts=facts), day)[0]


@pytest.mark.parametrize("name", IDS)
def test_every_id_of_the_inventory_is_there_once_and_in_order(name: str) -> None:
    assert [c.id for c in checklist(name).controls] == IDS[name]


@pytest.mark.parametrize("name", IDS)
def test_every_group_holds_a_control_or_a_group(name: str) -> None:
    used = {c.group for c in checklist(name).controls}
    parents = {g.parent for g in checklist(name).groups}
    assert {g.id for g in checklist(name).groups} <= used | parents


@pytest.mark.parametrize("name", IDS)
def test_every_need_says_what_one_can_see(name: str) -> None:
    for one in checklist(name).controls:
        assert one.evidence
        for need in one.evidence:
            assert need.must_show, (one.id, need.id)
            assert all(len(item) >= 20 for item in need.must_show), (one.id, need.id)


def test_texts_are_each_their_own() -> None:
    """A sentence that fits two controls says nothing about either."""
    every = [c for name in available_checklists() for c in checklist(name).controls]
    shows = Counter(item for c in every for need in c.evidence for item in need.must_show)
    mine = [c for name in IDS for c in checklist(name).controls]
    items = {item for c in mine for need in c.evidence for item in need.must_show}
    assert {item for item in items if shows[item] > 1} == set()
    assert len({c.requirement for c in mine}) == len(mine)
    assert len({c.title for c in mine}) == len(mine)
    assert [c.id for c in mine if c.title in c.requirement] == []


@pytest.mark.parametrize("name", IDS)
def test_no_text_sets_a_number_to_reach(name: str) -> None:
    for one in checklist(name).controls:
        shown = [item for need in one.evidence for item in need.must_show]
        for text in (one.title, one.requirement, *shown):
            assert not re.search(r"\d\s*%|\b0[.,]\d|four.fifths", text), (one.id, text)
        for need in one.evidence:
            assert need.predicate is None, one.id


@pytest.mark.parametrize("name", IDS)
def test_red_team_results_grow_old_sooner_than_other_evidence(name: str) -> None:
    for one in checklist(name).controls:
        for need in one.evidence:
            codes = set(need.any_of)
            if codes <= {"EV-ASR", "EV-AGT"}:
                assert need.max_age_days == 90, one.id


@pytest.mark.parametrize("name", IDS)
def test_a_document_never_stands_in_for_a_measurement(name: str) -> None:
    """Within one need any code is enough, so papers, evaluations and monitoring are not mixed."""
    for one in checklist(name).controls:
        for need in one.evidence:
            kinds = {"D" if c[:2] not in ("EV", "MO") else c[:2] for c in need.any_of}
            assert len(kinds) == 1, (one.id, need.id)
            assert kinds == {"D"} or need.max_age_days is not None, (one.id, need.id)


@pytest.mark.parametrize("name", ["iso-42001", "iso-23894", "soc2-tsc", "assurance-report-elements"])
def test_texts_under_copyright_are_represented_by_numbers_and_short_words_of_ours(name: str) -> None:
    one = checklist(name)
    assert one.framework.licence.policy == "ids_only"
    for item in one.controls:
        shown = [text for need in item.evidence for text in need.must_show]
        for text in (item.title, item.requirement, item.notes or "", *shown):
            assert len(text) <= 80, (item.id, text)
        assert not re.search(r"\bshall\b", item.requirement), item.id


def test_only_our_own_text_and_public_domain_may_be_quoted_at_length() -> None:
    free = {n for n in IDS if checklist(n).framework.licence.policy == "verbatim_ok"}
    assert free == {"nist-ai-600-1", "frontier-framework-elements", "ai-claims", "common-controls"}


def test_names_of_others_are_attributed() -> None:
    for name in ("owasp-llm-2025", "owasp-agentic-2026"):
        assert "CC BY-SA 4.0" in checklist(name).framework.licence.attribution
    for name in ("mitre-atlas-mitigations", "sg-ai-verify"):
        assert "Apache License 2.0" in checklist(name).framework.licence.attribution


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("iso-42001", "no presumption of conformity with the EU AI Act"),
        ("iso-42001", "The text of the standard was not read"),
        ("iso-23894", "written from memory"),
        ("soc2-tsc", "auditgen never issues one"),
        ("kr-ai-basic-act", "article numbers from memory"),
        ("cn-labelling", "Neither text was read"),
        ("seoul-commitments", "The text was not at hand"),
        ("g7-hiroshima", "The text was not at hand"),
        ("frontier-framework-elements", "no developer issued this list"),
        ("ai-claims", "not the text of any law"),
        ("common-controls", "a draft of our own judgement"),
        ("assurance-report-elements", "Nobody issued this list"),
        ("assurance-report-elements", "claim no conformity with any of these texts"),
    ],
)
def test_the_scope_says_what_the_file_is_not(name: str, sentence: str) -> None:
    assert sentence in checklist(name).framework.scope


def test_how_each_text_was_known() -> None:
    known = {name: checklist(name).framework.review.text_basis for name in IDS}
    assert {n for n, basis in known.items() if basis == "read"} == {
        "nist-ai-600-1",
        "common-controls",
    }
    assert {n for n, basis in known.items() if basis == "memory"} == {
        "iso-23894",
        "kr-ai-basic-act",
        "seoul-commitments",
        "g7-hiroshima",
        "frontier-framework-elements",
        "assurance-report-elements",
    }
    marked = {(n, c.id) for n in IDS for c in checklist(n).controls if c.text_basis is not None}
    read = {"assurance-report-elements": [f"R{n}" for n in (16, 20, 21, 22, 26, 27, 28, 29, 34, 36)]}
    known_otherwise = {"cn-labelling": ["implicit", "platform", "user"], **read}
    assert marked == {(name, one) for name, ids in known_otherwise.items() for one in ids}


def test_an_element_of_a_report_is_read_only_where_no_source_is_from_memory() -> None:
    for one in checklist("assurance-report-elements").controls:
        recalled = re.search(r"ISAE|IIA|ISO/IEC|SOC 2", one.cite) is not None
        assert one.text_basis == (None if recalled else "read"), one.id


def test_actions_lie_under_their_subcategory_and_name_the_risks_they_serve() -> None:
    profile = checklist("nist-ai-600-1")
    served: Counter[int] = Counter()
    for one in profile.controls:
        if one.kind == "risk":
            assert one.group == "risks"
            continue
        function, subcategory, _ = one.id.split("-")
        assert one.group == f"{FUNCTIONS[function]}-{subcategory.replace('.', '-')}"
        numbers = [int(n) for n in re.findall(r"GAI-R(\d\d)", one.notes or "")]
        assert numbers == sorted(set(numbers)), one.id
        served.update(numbers)
        assert f"{FUNCTIONS[function].upper()} {subcategory} of the framework" in (one.notes or "")
    assert dict(sorted(served.items())) == SERVED


def test_the_profile_uses_the_subcategories_of_the_framework() -> None:
    known = {c.id: c.title for c in checklist("nist-ai-rmf").controls}
    groups = [g for g in checklist("nist-ai-600-1").groups if g.parent is not None]
    assert len(groups) == 49
    for group in groups:
        assert known[group.cite.removeprefix("NIST AI 600-1, section 3, ")] == group.title


def test_the_hooks_for_alignment_ask_for_measurements() -> None:
    for name, control_id, code in [
        ("nist-ai-600-1", "MS-4.2-002", "EV-MUG"),
        ("nist-ai-600-1", "MS-2.3-004", "EV-EVA"),
        ("nist-ai-600-1", "MG-2.2-001", "MO-DEV"),
        ("nist-ai-600-1", "MG-3.2-006", "MO-ALR"),
        ("frontier-framework-elements", "6", "EV-AFR"),
        ("owasp-agentic-2026", "ASI10", "EV-MUG"),
        ("mitre-atlas-mitigations", "AML.M0022", "EV-AFR"),
        ("common-controls", "AGC-ALN-02", "EV-MUG"),
    ]:
        codes = {code for need in control(name, control_id).evidence for code in need.any_of}
        assert code in codes, control_id


def test_our_own_controls_bind_measurements_to_the_version_they_were_made_on() -> None:
    for one in checklist("common-controls").controls:
        for need in one.evidence:
            measured = all(code.startswith("EV-") for code in need.any_of)
            assert need.bind_to == (("model_version",) if measured else ()), (one.id, need.id)


def test_those_who_test_did_not_develop() -> None:
    assert control("nist-ai-600-1", "MS-1.3-003").independence == "internal_separate"
    for name, control_id in [
        ("nist-ai-600-1", "MS-1.3-002"),
        ("nist-ai-600-1", "GV-3.2-001"),
        ("frontier-framework-elements", "9"),
        ("common-controls", "AGC-RED-02"),
        ("common-controls", "AGC-ASR-02"),
    ]:
        assert control(name, control_id).independence == "external", control_id


A, NY, NA, U = (
    Applicability.APPLIES,
    Applicability.NOT_YET,
    Applicability.NOT_APPLICABLE,
    Applicability.UNKNOWN,
)


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("seoul-commitments", "signatory_seoul"),
        ("g7-hiroshima", "signatory_hiroshima"),
        ("frontier-framework-elements", "has_frontier_framework"),
        ("sg-agentic", "agentic"),
    ],
)
def test_what_binds_only_some_waits_for_an_answer(name: str, fact: str) -> None:
    for control_id in IDS[name]:
        assert answer(name, control_id, {}) is U
        assert answer(name, control_id, {fact: "yes"}) is A
        assert answer(name, control_id, {fact: "no"}) is NA


def test_one_signature_does_not_bind_to_the_other_text() -> None:
    assert answer("g7-hiroshima", "1", {"signatory_seoul": "yes"}) is U


@pytest.mark.parametrize(
    "name", ["nist-ai-600-1", "iso-42001", "iso-23894", "sg-ai-verify", "assurance-report-elements"]
)
def test_voluntary_catalogues_apply_to_whoever_chose_them(name: str) -> None:
    assert {answer(name, one, {}) for one in IDS[name]} == {A}


def test_soc2_categories_apply_when_they_are_in_scope() -> None:
    for one in IDS["soc2-tsc"]:
        wanted = A if one.startswith("CC") else U
        assert answer("soc2-tsc", one, {}) is wanted, one
    scope = {"soc2_availability": "no", "soc2_confidentiality": "yes"}
    assert answer("soc2-tsc", "A1.1", scope) is NA
    assert answer("soc2-tsc", "C1.1", scope) is A
    assert answer("soc2-tsc", "P1.1", scope) is U


def test_dates_in_korea_and_china() -> None:
    everything = {
        "korean_market": "yes",
        "korean_high_impact": "yes",
        "compute_above_decree_level": "yes",
        "foreign_above_decree_size": "yes",
        "chinese_public": "yes",
        "generates_content": "yes",
        "distributes_content": "yes",
    }
    for name, before, day in [
        ("kr-ai-basic-act", date(2026, 1, 21), date(2026, 1, 22)),
        ("cn-labelling", date(2025, 8, 31), date(2025, 9, 1)),
    ]:
        for one in IDS[name]:
            assert answer(name, one, everything, before) is NY
            assert answer(name, one, everything, day) is A
            assert answer(name, one, {}, day) is U
            outside = {"korean_market": "no", "chinese_public": "no"}
            assert answer(name, one, outside, day) is NA


def test_duties_of_some_operators_in_korea_wait_for_the_decree() -> None:
    market = {"korean_market": "yes"}
    assert answer("kr-ai-basic-act", "33", market) is A
    for one in ("31", "32", "34", "35", "36"):
        assert answer("kr-ai-basic-act", one, market) is U
    assert answer("kr-ai-basic-act", "31", {**market, "generates_content": "yes"}) is A


def test_mitigations_for_agents_are_not_asked_of_a_system_that_cannot_act() -> None:
    agents = {f"AML.M{n:04d}" for n in range(26, 34)}
    for one in IDS["mitre-atlas-mitigations"]:
        other = {"predictive_models": "yes", "physical_sensors": "yes", "relies_on_human_likeness": "yes"}
        wanted = NA if one in agents else A
        assert answer("mitre-atlas-mitigations", one, {**other, "agentic": "no"}) is wanted, one


RELATIONS = (
    "eu-ai-act=28 eu-gpai-code=22 nist-ai-rmf=18 nist-ai-600-1=16 us-ca-sb53=10 iso-42001=9"
    " us-il-ai-safety-measures=6 owasp-llm-2025=5 owasp-agentic-2026=3 soc2-tsc=3"
    " frontier-framework-elements=2 mitre-atlas-mitigations=2 sg-ai-verify=1 us-nyc-ll144=1"
    " us-ny-raise=1 ai-claims=1 kr-ai-basic-act=1 assurance-report-elements=1"
)
"""All 130 rows of the draft."""


def test_the_crosswalk_has_all_its_relations_and_no_dead_end() -> None:
    pairs = [(c.id, m.to) for c in checklist("common-controls").controls for m in c.maps]
    assert len(pairs) == len(set(pairs)) == 130
    assert Counter(to.split(":")[0] for _, to in pairs) == dict(sizes(RELATIONS))
    for _, to in pairs:
        name, _, control_id = to.partition(":")
        assert control(name, control_id).id == control_id
    assert {c.id for c in checklist("common-controls").controls if not c.maps} == set()


def test_relations_of_the_crosswalk_stand_on_one_side_only() -> None:
    """They are a draft: a reader of a law's checklist must not meet them as if they belonged to it."""
    for name in available_checklists():
        for one in checklist(name).controls:
            assert [m.to for m in one.maps if m.to.startswith("common-controls:")] == []
            for mapping in one.maps:
                inside = {"eu-ai-act", "nist-ai-rmf"}
                assert name == "common-controls" or {name, mapping.to.split(":")[0]} == inside


def test_no_relation_carries_a_verdict_to_a_law_or_to_a_text_nobody_read() -> None:
    for one in checklist("common-controls").controls:
        for mapping in one.maps:
            name, _, control_id = mapping.to.partition(":")
            framework = checklist(name).framework
            basis = control(name, control_id).text_basis or framework.review.text_basis
            ours = framework.authority.startswith("auditgen project") and basis != "memory"
            if framework.binding in ("law", "code") or (basis != "read" and not ours):
                assert mapping.rel in ("subset_of", "intersects_with"), (one.id, mapping.to)
            assert mapping.strength is not None


def test_strong_relations_of_the_crosswalk() -> None:
    """The few that would carry a verdict, by name, so that one more is a decision."""
    strong = {
        (c.id, m.to, m.rel)
        for c in checklist("common-controls").controls
        for m in c.maps
        if m.rel in ("equal", "superset_of")
    }
    assert strong == {
        ("AGC-RED-02", "nist-ai-600-1:MS-1.3-003", "superset_of"),
        ("AGC-INC-02", "nist-ai-600-1:GV-4.3-002", "superset_of"),
        ("AGC-TRN-01", "ai-claims:CLM-01", "superset_of"),
        ("AGC-EVL-07", "nist-ai-rmf:MEASURE 2.11", "equal"),
        ("AGC-MON-01", "nist-ai-rmf:MEASURE 2.4", "equal"),
        ("AGC-MON-05", "nist-ai-rmf:MEASURE 3.3", "equal"),
        ("AGC-GOV-01", "nist-ai-rmf:GOVERN 2.3", "equal"),
        ("AGC-GOV-02", "nist-ai-rmf:MANAGE 1.1", "equal"),
        ("AGC-GOV-04", "nist-ai-600-1:GV-2.1-005", "equal"),
    }
