"""Three-valued applicability: unknown is never a quiet no, and dates decide only what is decided."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditgen.checklists import Applicability, Control, Profile, applicability
from auditgen.checklists.applicability import evaluate, words
from auditgen.checklists.model import Effective, Expression

YES = {"role": "provider"}
NO = {"role": "importer"}
OPEN = {"fact": "asked", "equals": "yes"}
PROFILE = Profile(frozenset({"provider"}), frozenset({"high"}), {"other": "yes"})


def expression(data: object) -> Expression:
    return Expression.model_validate(data, strict=False)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ({"always": True}, True),
        (YES, True),
        (NO, False),
        (OPEN, None),
        ({"risk_class": "high"}, True),
        ({"risk_class": "low"}, False),
        ({"fact": "other", "equals": "yes"}, True),
        ({"fact": "other", "equals": "no"}, False),
        ({"all": [YES, YES]}, True),
        ({"all": [YES, NO]}, False),
        ({"all": [YES, OPEN]}, None),
        ({"all": [OPEN, NO]}, False),
        ({"any": [NO, NO]}, False),
        ({"any": [NO, YES]}, True),
        ({"any": [NO, OPEN]}, None),
        ({"any": [OPEN, YES]}, True),
        ({"none_of": [NO, NO]}, True),
        ({"none_of": [NO, YES]}, False),
        ({"none_of": [NO, OPEN]}, None),
        ({"none_of": [OPEN, YES]}, False),
        ({"none_of": [{"none_of": [OPEN]}]}, None),
        ({"all": [YES, {"any": [NO, {"none_of": [NO]}]}]}, True),
    ],
)
def test_truth_table(data: object, wanted: bool | None) -> None:
    assert evaluate(expression(data), PROFILE) is wanted


@pytest.mark.parametrize("data", [YES, {"risk_class": "high"}, OPEN])
def test_an_empty_profile_knows_nothing(data: object) -> None:
    assert evaluate(expression(data), Profile()) is None


def test_an_empty_answer_is_an_answer() -> None:
    assert evaluate(expression(YES), Profile(roles=frozenset())) is False


def test_words_read_like_a_sentence() -> None:
    data = {"all": [YES, {"any": [{"risk_class": "a"}, {"risk_class": "b"}]}, {"none_of": [OPEN]}]}
    said = words(expression(data))
    assert said == "role provider and (risk class a or risk class b) and none of asked = yes"


def control(applies: object, *effective: tuple[str, object | None]) -> Control:
    return Control.model_validate(
        {
            "id": "1",
            "group": "g",
            "title": "t",
            "requirement": "r",
            "cite": "c",
            "kind": "obligation",
            "applies": expression(applies),
            "effective": tuple(
                Effective.model_validate(
                    {
                        "from": date.fromisoformat(day),
                        "when": None if when is None else expression(when),
                    }
                )
                for day, when in effective
            ),
            "severity": "low",
            "evidence": [{"id": "e", "any_of": ["EV-REF"]}],
        },
        strict=False,
    )


A, NY, NA, U = (
    Applicability.APPLIES,
    Applicability.NOT_YET,
    Applicability.NOT_APPLICABLE,
    Applicability.UNKNOWN,
)
TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("applies", "effective", "wanted"),
    [
        (YES, (), A),
        (NO, (), NA),
        (OPEN, (), U),
        (NO, (("2030-01-01", None),), NA),
        (OPEN, (("2030-01-01", None),), U),
        (YES, (("2026-11-20", None),), A),
        (YES, (("2026-11-21", None),), NY),
        (YES, (("2026-01-01", NO),), NA),
        (YES, (("2026-01-01", NO), ("2030-01-01", None)), NY),
        (YES, (("2026-01-01", OPEN),), U),
        (YES, (("2030-01-01", OPEN),), NY),
        (YES, (("2026-01-01", OPEN), ("2030-01-01", None)), U),
        (YES, (("2026-01-01", OPEN), ("2026-02-01", None)), A),
        (YES, (("2028-01-01", OPEN), ("2027-01-01", None)), NY),
    ],
)
def test_dates(
    applies: object, effective: tuple[tuple[str, object | None], ...], wanted: Applicability
) -> None:
    answer, reason = applicability(control(applies, *effective), PROFILE, TODAY)
    assert answer is wanted
    assert reason


def test_the_reason_names_the_date_or_the_open_question() -> None:
    later = control(YES, ("2027-12-02", None))
    assert applicability(later, PROFILE, TODAY)[1] == "applies from 2027-12-02"
    assert applicability(control(OPEN), PROFILE, TODAY)[1].endswith("asked = yes")


ROLES = ("provider", "deployer")
CLASSES = ("high", "low")
FACTS = ("f", "g")
ANSWERS = ("yes", "no")

leaves = st.one_of(
    st.just({"always": True}),
    st.sampled_from(ROLES).map(lambda r: {"role": r}),
    st.sampled_from(CLASSES).map(lambda r: {"risk_class": r}),
    st.tuples(st.sampled_from(FACTS), st.sampled_from(ANSWERS)).map(
        lambda pair: {"fact": pair[0], "equals": pair[1]}
    ),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.tuples(
        st.sampled_from(("all", "any", "none_of")), st.lists(inner, min_size=1, max_size=3)
    ).map(lambda pair: {pair[0]: pair[1]}),
    max_leaves=10,
).map(expression)
profiles = st.builds(
    Profile,
    st.none() | st.frozensets(st.sampled_from(ROLES)),
    st.none() | st.frozensets(st.sampled_from(CLASSES)),
    st.dictionaries(st.sampled_from(FACTS), st.sampled_from(ANSWERS)),
)


def filled(profile: Profile, other: Profile) -> Profile:
    """`profile` with every question it left open answered as `other` does."""
    return Profile(
        other.roles if profile.roles is None else profile.roles,
        other.risk_classes if profile.risk_classes is None else profile.risk_classes,
        {**other.facts, **profile.facts},
    )


@given(conditions, profiles, profiles)
def test_more_answers_never_turn_true_into_false(
    condition: Expression, profile: Profile, other: Profile
) -> None:
    before = evaluate(condition, profile)
    after = evaluate(condition, filled(profile, other))
    if before is not None:
        assert after is before


@given(
    conditions,
    st.lists(st.tuples(st.integers(-400, 400), st.none() | conditions), max_size=3),
    profiles,
    profiles,
)
def test_more_answers_never_move_a_control_that_applies(
    condition: Expression,
    effective: list[tuple[int, Expression | None]],
    profile: Profile,
    other: Profile,
) -> None:
    one = control({"always": True}).model_copy(
        update={
            "applies": condition,
            "effective": tuple(
                Effective.model_validate({"from": TODAY + timedelta(days=days), "when": when})
                for days, when in effective
            ),
        }
    )
    before, _ = applicability(one, profile, TODAY)
    after, _ = applicability(one, filled(profile, other), TODAY)
    if before in {A, NA}:
        assert after is before
    if before is NY:
        assert after in {NY, NA}


@given(conditions, profiles)
def test_a_complete_profile_leaves_nothing_open(condition: Expression, profile: Profile) -> None:
    complete = Profile(
        profile.roles or frozenset(),
        profile.risk_classes or frozenset(),
        {**dict.fromkeys(FACTS, "no"), **profile.facts},
    )
    assert evaluate(condition, complete) is not None
