"""Ids, dates and conditions of the European and United States checklists, held to lists of their own."""

from __future__ import annotations

import re
from datetime import date
from functools import cache

import pytest

from auditgen.checklists import (
    Applicability,
    Profile,
    applicability,
    available_checklists,
    load_checklist,
)
from auditgen.checklists.model import Checklist, Control

A, NY, NA, U = (
    Applicability.APPLIES,
    Applicability.NOT_YET,
    Applicability.NOT_APPLICABLE,
    Applicability.UNKNOWN,
)
LAW = (
    "eu-ai-act",
    "eu-gpai-code",
    "us-ca-sb53",
    "us-co-sb26-189",
    "us-ct-pa26-15",
    "us-il-ai-safety-measures",
    "us-ny-raise",
    "us-nyc-ll144",
    "us-tx-traiga",
)


def letters(prefix: str, last: str, first: str = "a") -> list[str]:
    return [f"{prefix}({chr(code)})" for code in range(ord(first), ord(last) + 1)]


def numbers(prefix: str, last: int, first: int = 1) -> list[str]:
    return [f"{prefix}({number})" for number in range(first, last + 1)]


def code_ids() -> list[str]:
    """Measures per commitment, counted in the three chapters of the Code."""
    ids = ["T.1", *(f"T.1.{n}" for n in range(1, 4)), "C.1", *(f"C.1.{n}" for n in range(1, 6))]
    for commitment, measures in enumerate((4, 2, 5, 2, 1, 2, 7, 3, 4, 2), 1):
        ids.append(f"S.{commitment}")
        ids += [f"S.{commitment}.{measure}" for measure in range(1, measures + 1)]
    for appendix, items in (("A1.4", 4), ("A3", 5), ("A4", 5)):
        ids += [f"S.{appendix}.{item}" for item in range(1, items + 1)]
    return ids


IDS = {
    "eu-gpai-code": code_ids(),
    "us-ca-sb53": [
        *numbers("22757.12(a)", 10),
        *numbers("22757.12(b)", 2),
        *numbers("22757.12(c)", 2),
        *["22757.12(d)", "22757.12(e)(1)", "22757.12(f)", "22757.13"],
        "Labor 1107.1",
    ],
    "us-co-sb26-189": [
        *letters("6-1-1702(1)", "e"),
        *["6-1-1702(2)", "6-1-1702(4)", "6-1-1704(1)", "6-1-1704(adverse)", "6-1-17xx(review)"],
    ],
    "us-ct-pa26-15": ["frontier", "companion", "employment"],
    "us-il-ai-safety-measures": [
        *letters("10", "d"),
        "10(d)(1)",
        *letters("10(d)(2)", "G", "A"),
        *["10(d)(3)", "10(d)(4)", "10(e)", "10(f)", "10(g)"],
    ],
    "us-ny-raise": [*numbers("1421", 5), "1422", "1428"],
    "us-nyc-ll144": [
        *["20-871(a)(1)", "20-871(a)(2)", "20-871(b)", "5-301(b)", "5-301(c)", "5-301(unknown)"],
        *["5-301(2pct)", "5-302", "5-303"],
    ],
    "us-tx-traiga": [*(f"552.05{n}" for n in range(1, 8)), "552.105(e)"],
}


@cache
def checklist(name: str) -> Checklist:
    return load_checklist(available_checklists()[name])


def control(name: str, control_id: str) -> Control:
    return next(one for one in checklist(name).controls if one.id == control_id)


def answer(name: str, control_id: str, profile: Profile, day: str) -> Applicability:
    return applicability(control(name, control_id), profile, date.fromisoformat(day))[0]


def says(*roles: str, classes: str = "", **facts: str) -> Profile:
    return Profile(frozenset(roles), frozenset(classes.split()), facts)


@pytest.mark.parametrize("name", IDS)
def test_no_id_is_lost_doubled_or_out_of_order(name: str) -> None:
    assert [one.id for one in checklist(name).controls] == IDS[name]


@pytest.mark.parametrize("name", LAW)
def test_every_text_is_short_and_its_own(name: str) -> None:
    items: list[str] = []
    for one in checklist(name).controls:
        assert 60 <= len(one.requirement) <= 400
        assert one.title not in one.requirement
        assert one.evidence
        for need in one.evidence:
            assert need.must_show, (one.id, need.id)
            items += need.must_show
    assert len(items) == len(set(items))
    for field in ("title", "requirement"):
        texts = [getattr(one, field) for one in checklist(name).controls]
        assert len(texts) == len(set(texts))


@pytest.mark.parametrize("name", LAW)
def test_headers_say_what_was_not_done(name: str) -> None:
    framework = checklist(name).framework
    assert framework.review.legal_review == "none"
    assert framework.licence.policy == "paraphrase_only"
    assert framework.binding == ("code" if name == "eu-gpai-code" else "law")
    assert "Not covered" in framework.scope
    assert re.search(r"\bread\b", framework.scope)


@pytest.mark.parametrize("name", LAW)
def test_an_empty_profile_is_never_a_quiet_no(name: str) -> None:
    for one in checklist(name).controls:
        found = applicability(one, Profile(), date(2030, 1, 1))[0]
        assert found is (A if one.applies.always else U), one.id


@pytest.mark.parametrize("name", LAW)
def test_nothing_is_promised_and_no_pass_mark_is_invented(name: str) -> None:
    text = available_checklists()[name].read_text("utf-8")
    assert not re.search(r"\b0\.8|80 ?%|95 ?%|\bcompliant\b|predicate:", text)


def test_what_was_not_read_is_marked() -> None:
    marked = {
        f"{name}:{one.id}": one.text_basis
        for name in LAW
        for one in checklist(name).controls
        if one.text_basis is not None
    }
    assert marked == {
        "eu-ai-act:72(3)": "secondary",
        **{f"eu-gpai-code:S.A4.{n}": "memory" for n in range(1, 6)},
        **{f"eu-gpai-code:T.1.{n}": "memory" for n in range(1, 4)},
        **{f"eu-gpai-code:C.1.{n}": "memory" for n in range(1, 6)},
        "us-ca-sb53:22757.13": "memory",
        "us-ca-sb53:Labor 1107.1": "memory",
        "us-ny-raise:1422": "secondary",
        "us-ny-raise:1428": "secondary",
        "us-nyc-ll144:5-302": "read",
        **{f"us-tx-traiga:552.05{n}": "memory" for n in (1, 3, 4, 5, 7)},
    }
    assert {name: checklist(name).framework.review.text_basis for name in LAW} == {
        "eu-ai-act": "read",
        "eu-gpai-code": "read",
        "us-ca-sb53": "read",
        "us-co-sb26-189": "secondary",
        "us-ct-pa26-15": "secondary",
        "us-il-ai-safety-measures": "read",
        "us-ny-raise": "read",
        "us-nyc-ll144": "memory",
        "us-tx-traiga": "secondary",
    }


# The AI Act


@pytest.mark.parametrize("control_id", ["5(1)(a)", "5(1)(c)", "5(1)(g)"])
def test_the_old_bans_hold_for_everybody_since_february_2025(control_id: str) -> None:
    assert answer("eu-ai-act", control_id, Profile(), "2025-02-01") is NY
    assert answer("eu-ai-act", control_id, Profile(), "2025-02-02") is A


@pytest.mark.parametrize("control_id", ["5(1)(ba)", "5(1)(bb)", "5(1a)"])
def test_the_new_bans_begin_in_december_2026(control_id: str) -> None:
    profile = says("deployer", generates_pictures_or_sound="yes")
    assert answer("eu-ai-act", control_id, profile, "2026-12-01") is NY
    assert answer("eu-ai-act", control_id, profile, "2026-12-02") is A


def test_a_system_without_pictures_or_sound_makes_no_intimate_deep_fakes() -> None:
    profile = says("provider", generates_pictures_or_sound="no")
    assert answer("eu-ai-act", "5(1)(ba)", profile, "2027-01-01") is NA
    assert answer("eu-ai-act", "5(1)(ba)", says("provider"), "2027-01-01") is U
    assert answer("eu-ai-act", "5(1)(bb)", profile, "2027-01-01") is A


def test_literacy_was_softened_and_not_abolished() -> None:
    for role in ("provider", "deployer"):
        assert answer("eu-ai-act", "4(1)", says(role), "2026-11-20") is A
    assert answer("eu-ai-act", "4(1)", says("importer"), "2026-11-20") is NA


LITERAL = {"43", "47", "48", "49", "72", "73", "86"}


def test_only_the_articles_of_the_residual_date_have_a_literal_date_of_their_own() -> None:
    for one in checklist("eu-ai-act").controls:
        for effective in one.effective:
            if one.group.removeprefix("art-") in LITERAL:
                assert effective.literal == date(2026, 8, 2)
                assert effective.from_ in {date(2027, 12, 2), date(2028, 8, 2)}
            else:
                assert effective.literal is None


@pytest.mark.parametrize(
    ("control_id", "role", "facts"),
    [
        ("8(1)", "provider", {}),
        ("10(2)(f)", "provider", {}),
        ("11(1)", "provider", {}),
        ("14(4)(e)", "provider", {}),
        ("17(1)(m)", "provider", {}),
        ("22(3)", "authorised_representative", {}),
        ("23(1)", "importer", {}),
        ("24(1)", "distributor", {}),
        ("25(4)", "third_party", {"third_party_components": "yes"}),
        ("43(4)", "provider", {}),
        ("47(1)", "provider", {}),
        ("IV.2(g)", "provider", {}),
    ],
)
def test_high_risk_duties_wait_for_the_route(control_id: str, role: str, facts: dict[str, str]) -> None:
    third = says(role, classes="high_risk_annex_iii", **facts)
    first = says(role, classes="high_risk_annex_i", **facts)
    assert answer("eu-ai-act", control_id, third, "2027-12-01") is NY
    assert answer("eu-ai-act", control_id, third, "2027-12-02") is A
    assert answer("eu-ai-act", control_id, first, "2028-08-01") is NY
    assert answer("eu-ai-act", control_id, first, "2028-08-02") is A
    assert answer("eu-ai-act", control_id, says(role, classes="minimal"), "2030-01-01") is NA


@pytest.mark.parametrize("control_id", ["14(5)", "27(3)", "43(1)", "43(2)", "49(1)", "86(1)"])
def test_rules_on_annex_iii_do_not_reach_products_of_annex_i(control_id: str) -> None:
    for role in ("provider", "deployer"):
        profile = says(role, classes="high_risk_annex_i")
        assert answer("eu-ai-act", control_id, profile, "2030-01-01") is NA


def test_biometric_and_other_systems_take_different_routes() -> None:
    for biometric, by_body, by_itself in (("yes", A, NA), ("no", NA, A)):
        profile = says("provider", classes="high_risk_annex_iii", annex_iii_biometrics=biometric)
        assert answer("eu-ai-act", "43(1)", profile, "2028-01-01") is by_body
        assert answer("eu-ai-act", "43(2)", profile, "2028-01-01") is by_itself
    undecided = says("provider", classes="high_risk_annex_iii")
    assert answer("eu-ai-act", "43(1)", undecided, "2028-01-01") is U


@pytest.mark.parametrize("control_id", ["6(3)", "6(4)", "49(2)"])
def test_the_derogation_concerns_those_who_claim_it(control_id: str) -> None:
    assert answer("eu-ai-act", control_id, says("provider"), "2028-01-01") is U
    claims = says("provider", claims_not_high_risk="yes")
    assert answer("eu-ai-act", control_id, claims, "2028-01-01") is A
    assert answer("eu-ai-act", control_id, claims, "2026-11-20") is NY


@pytest.mark.parametrize("control_id", ["53(1)(a)", "53(1)(b)", "XI.1.1(a)", "XII.2(c)"])
def test_open_models_are_free_of_papers_unless_they_carry_systemic_risk(control_id: str) -> None:
    day, new = "2026-11-20", {"gpai_model_on_market_before_2025_08_02": "no"}
    closed = says("gpai_provider", open_source_model="no", **new)
    opened = says("gpai_provider", open_source_model="yes", **new)
    systemic = says("gpai_sr_provider", open_source_model="yes", **new)
    assert answer("eu-ai-act", control_id, closed, day) is A
    assert answer("eu-ai-act", control_id, opened, day) is NA
    assert answer("eu-ai-act", control_id, systemic, day) is A
    assert answer("eu-ai-act", control_id, says("gpai_provider", **new), day) is U


def test_open_models_still_owe_copyright_and_the_summary() -> None:
    for control_id in ("53(1)(c)", "53(1)(d)"):
        opened = says("gpai_provider", open_source_model="yes")
        assert answer("eu-ai-act", control_id, opened, "2027-08-02") is A


# The GPAI Code


@pytest.mark.parametrize(
    ("control_id", "role", "chapter"),
    [
        ("T.1.1", "gpai_provider", "transparency"),
        ("C.1.4", "gpai_provider", "copyright"),
        ("S.7.3", "gpai_sr_provider", "safety"),
        ("S.A3.2", "gpai_sr_provider", "safety"),
    ],
)
def test_the_code_binds_those_who_signed_the_chapter(control_id: str, role: str, chapter: str) -> None:
    fact = f"signed_{chapter}_chapter"
    day = "2026-11-20"
    assert answer("eu-gpai-code", control_id, says(role, **{fact: "yes"}), day) is A
    assert answer("eu-gpai-code", control_id, says(role, **{fact: "no"}), day) is NA
    assert answer("eu-gpai-code", control_id, says(role), day) is U
    assert answer("eu-gpai-code", control_id, says("deployer", **{fact: "yes"}), day) is NA


def test_every_measure_lies_under_its_commitment() -> None:
    for one in checklist("eu-gpai-code").controls:
        if one.kind == "measure":
            assert one.parent == one.id.rpartition(".")[0]
            assert control("eu-gpai-code", one.parent).kind == "commitment"
        else:
            assert one.parent is None


def test_deception_asks_for_all_four_kinds_of_evidence() -> None:
    needs = control("eu-gpai-code", "S.A1.4.2").evidence
    assert [need.any_of for need in needs] == [("EV-AFR",), ("EV-MUG",), ("EV-EVA",), ("EV-SBG",)]


# The United States


@pytest.mark.parametrize(
    ("name", "control_id", "profile", "start"),
    [
        ("us-ca-sb53", "22757.12(a)(10)", says("large_frontier_developer"), "2026-01-01"),
        ("us-ca-sb53", "22757.12(c)(1)", says("frontier_developer"), "2026-01-01"),
        ("us-ny-raise", "1422", says("large_frontier_developer"), "2027-01-01"),
        ("us-il-ai-safety-measures", "10(c)", says("frontier_developer"), "2027-01-01"),
        ("us-il-ai-safety-measures", "10(d)", says("large_frontier_developer"), "2028-01-01"),
        ("us-il-ai-safety-measures", "10(d)(2)(G)", says("auditor"), "2028-01-01"),
        (
            "us-co-sb26-189",
            "6-1-1704(1)",
            says("deployer", admt_consequential_decision="yes"),
            "2027-01-01",
        ),
        ("us-tx-traiga", "552.056", says("developer"), "2026-01-01"),
        ("us-ct-pa26-15", "companion", says("operator", operates_ai_companion="yes"), "2027-01-01"),
        (
            "us-nyc-ll144",
            "5-301(b)",
            says("employer", uses_aedt_in_nyc="yes", aedt_output="both"),
            "2023-07-05",
        ),
    ],
)
def test_each_act_begins_on_its_day(name: str, control_id: str, profile: Profile, start: str) -> None:
    eve = date.fromordinal(date.fromisoformat(start).toordinal() - 1).isoformat()
    assert answer(name, control_id, profile, eve) is NY
    assert answer(name, control_id, profile, start) is A


def test_duties_of_large_developers_do_not_reach_small_ones() -> None:
    small = says("frontier_developer")
    assert answer("us-ca-sb53", "22757.12(a)(1)", small, "2026-11-20") is NA
    assert answer("us-il-ai-safety-measures", "10(d)", small, "2028-06-01") is NA
    assert answer("us-ca-sb53", "22757.12(e)(1)", small, "2026-11-20") is A


def test_a_tool_that_only_scores_needs_no_selection_rates() -> None:
    scores = says("auditor", uses_aedt_in_nyc="yes", aedt_output="score")
    assert answer("us-nyc-ll144", "5-301(b)", scores, "2026-11-20") is NA
    assert answer("us-nyc-ll144", "5-301(c)", scores, "2026-11-20") is A


def test_the_illinois_audit_comes_from_outside() -> None:
    for one in checklist("us-il-ai-safety-measures").controls:
        audit = one.id in {"10(d)", "10(d)(1)"} or one.id.startswith("10(d)(2)")
        assert one.independence == ("external" if audit else "none")
        if audit:
            assert ("AT-IND",) in [need.any_of for need in one.evidence]


def test_what_the_laws_do_not_say() -> None:
    assert "no pass mark" in checklist("us-nyc-ll144").framework.scope
    assert "SB 24-205" in checklist("us-co-sb26-189").framework.scope
    assert "not current law" in checklist("us-co-sb26-189").framework.scope
    assert "no presumption of conformity" in checklist("eu-ai-act").framework.scope
    assert "disparate impact alone is no violation" in checklist("us-tx-traiga").framework.scope
