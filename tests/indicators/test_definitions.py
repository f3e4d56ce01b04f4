"""Every fault of a definition has words and a place; what is sound is read as it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from auditgen.errors import InputRefused
from auditgen.indicators import Indicator, core_indicators
from auditgen.indicators.definition import available_indicators, load_indicators

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = {name: path.read_text("utf-8") for name, path in available_indicators().items()}
RATE, GAP, FORCED = SHIPPED["refusal-rate"], SHIPPED["compliance-gap"], SHIPPED["forced-completion"]
STANDARD, HOURS, DELAY = (
    SHIPPED[name] for name in ("evaluation-production-gap", "monitoring-coverage", "time-to-detect")
)
LABEL = SHIPPED["evaluation-awareness"]
COUNTED = "rate, gap, conditional, standardised-gap, and only there"
TWO = "gap, conditional, standardised-gap, and only there"
ARMS = "arms: {by: watch, first: {name: a, values: [monitored]}, second: {name: b, values: [unmonitored]}}\n"


def faults(folder: Path, text: str) -> list[tuple[str, int, int]]:
    """(message, line, column) of every fault, in the order of their places."""
    path = folder / "own.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputRefused) as refused:
        load_indicators([path])
    found = refused.value.diagnostics
    assert {fault.file for fault in found} == {str(path)}
    return sorted(
        ((f.message, f.span.line, f.span.column) for f in found), key=lambda fault: (fault[1:], fault[0])
    )


def place(text: str, words: str, skip: int = 0) -> tuple[int, int]:
    """Line and column, from 1, of what follows the first `skip` characters of some words."""
    at = text.index(words) + skip
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def without(text: str, key: str) -> str:
    """A definition without one of its top-level keys."""
    kept, is_inside = [], False
    for line in text.splitlines(keepends=True):
        is_inside = line.startswith(f"{key}:") or (is_inside and line[0] in " -")
        if not is_inside:
            kept.append(line)
    return "".join(kept)


CASES: dict[str, tuple[str, str, str]] = {
    "a filter's word": (
        RATE.replace("{expected: refuse}", "{expected: refus}"),
        "`refus` is no value of `expected`; known: refuse, comply, either",
        "refus}",
    ),
    "one of a filter's words": (
        RATE.replace("{expected: refuse}", "{expected: refuse, watch: [monitored, watched]}"),
        "`watched` is no value of `watch`; known: monitored, unmonitored",
        "watched]",
    ),
    "a filter on attacks": (
        RATE.replace("{expected: refuse}", '{attack: "maybe"}'),
        "`maybe` is no value of `attack`; known: yes, no",
        '"maybe"',
    ),
    "a filter on kinds": (
        RATE.replace("{expected: refuse}", "{kind: production}"),
        "`production` is no value of `kind`; known: evaluation, monitoring",
        "production}",
    ),
    "arms of a rate": (RATE + ARMS, f"`arms` belong to {TWO}", "{by: watch"),
    "a gap without arms": (without(GAP, "arms"), f"`arms` belong to {TWO}", "gap\nfilter"),
    "a rate without a numerator": (without(RATE, "numerator"), f"`numerator` belongs to {COUNTED}", "rate\nfilter"),
    "a rate with an empty numerator": (
        without(RATE, "numerator") + "numerator: {}\n",
        f"`numerator` belongs to {COUNTED}",
        "rate\nfilter",
    ),
    "hours with a numerator": (
        HOURS + "numerator: {outcomes: []}\ndenominator: {guardrail_verdict: [deny]}\n",
        f"`denominator` belongs to {COUNTED}",
        "{guardrail_verdict",
    ),
    "a condition of a rate": (
        RATE + "given: {outcomes: [refused]}\n",
        "`given` belongs to `conditional`, and only there",
        "{outcomes: [refused]}\n",
    ),
    "a conditional without one": (
        without(FORCED, "given"),
        "`given` belongs to `conditional`, and only there",
        "conditional\nfilter",
    ),
    "a delay of a rate": (
        RATE + "delay: {from: aware_at, to: closed_at}\n",
        "`delay` belongs to the shape `delay`, and only there",
        "{from: aware_at",
    ),
    "a delay without times": (
        without(DELAY, "delay"),
        "`delay` belongs to the shape `delay`, and only there",
        "delay\nunit",
    ),
    "a delay of records": (
        DELAY.replace("records: incidents", "records: monitoring"),
        "`records: incidents` belongs to the shape `delay`, and only there",
        "monitoring",
    ),
    "incidents of a rate": (
        RATE.replace("records: evaluation", "records: incidents"),
        "`records: incidents` belongs to the shape `delay`, and only there",
        "incidents",
    ),
    "a standard of a gap": (
        GAP + "standardise_by: category\n",
        "`standardise_by` belongs to `standardised-gap`, and only there",
        "category\n",
    ),
    "a standardised gap without one": (
        without(STANDARD, "standardise_by"),
        "`standardise_by` belongs to `standardised-gap`, and only there",
        "standardised-gap",
    ),
    "a rate that should be zero": (
        RATE.replace("better: higher", "better: zero"),
        "`better: zero` belongs to gaps, and only there",
        "zero\n",
    ),
    "a gap that should be low": (
        GAP.replace("better: zero", "better: lower"),
        "`better: zero` belongs to gaps, and only there",
        "lower\n",
    ),
    "a complete count of samples": (
        RATE.replace("interval: wilson", "interval: census"),
        "`interval: census` belongs to complete counts (coverage, unevaluated), and only there",
        "census",
    ),
    "hours with an interval": (
        HOURS.replace("interval: census", "interval: wilson"),
        "`interval: census` belongs to complete counts (coverage, unevaluated), and only there",
        "wilson",
    ),
    "an undecided result": (
        RATE.replace("[refused, complied,", "[refused, unscored, complied,"),
        "`unscored` is undecided or failed, and belongs in no denominator",
        "unscored,",
    ),
    "a failed result": (
        RATE.replace("[refused, complied,", "[refused, provider_error, complied,"),
        "`provider_error` is undecided or failed, and belongs in no denominator",
        "provider_error,",
    ),
    "a numerator outside": (
        RATE.replace("[refused, complied,", "[complied,"),
        "every outcome of `numerator` must be in the denominator: `refused` is not",
        "refused, blocked_input",
    ),
    "a condition outside": (
        FORCED.replace("given: {outcomes: [refused, ", "given: {outcomes: [truncated, "),
        "every outcome of `given` must be in the denominator: `truncated` is not",
        "truncated",
    ),
    "a label outside": (
        LABEL.replace('{evaluation_aware: ["yes", "no"]}', '{evaluation_aware: "no"}'),
        "the values of the label `evaluation_aware` in `numerator` must be in the denominator",
        '"yes"}}',
    ),
    "a denominator of two minds": (
        LABEL.replace('denominator: {labels', "denominator: {outcomes: [refused], labels"),
        "a denominator selects on `outcomes` or on `labels`",
        '{evaluation_aware: ["yes", "no"]}}',
    ),
    "one value on both sides": (
        GAP.replace("values: [unmonitored]", "values: [unmonitored, monitored]"),
        "`arms`: `monitored` stands on both sides",
        "by: watch",
    ),
    "a side of an unknown word": (
        GAP.replace("values: [unmonitored]", "values: [unwatched]"),
        "`arms`: `unwatched` is no value of `watch`; known: monitored, unmonitored",
        "by: watch",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_fault_has_its_place(case: str, tmp_path: Path) -> None:
    text, message, words = CASES[case]
    assert text not in SHIPPED.values()
    assert faults(tmp_path, text) == [(message, *place(text, words))]


def test_all_faults_at_once(tmp_path: Path) -> None:
    text = RATE.replace("shape: rate", "shape: gap").replace("{expected: refuse}", "{expected: refus}")
    text = text.replace("interval: wilson", "interval: census")
    assert [(message.partition(" b")[0], line) for message, line, _ in faults(tmp_path, text)] == [
        ("`arms`", 8),
        ("`refus` is no value of `expected`; known: refuse, comply, either", 9),
        ("`interval: census`", 13),
        ("`better: zero`", 14),
    ]


SHAPE = {
    "an unknown key": (RATE + "numerater: {}\n", "unknown key `numerater`", "numerater"),
    "a missing schema": (without(RATE, "schema"), "`schema: auditgen-indicator-1` is required here", "id: refusal"),
    "another shape": (RATE.replace("shape: rate", "shape: ratio"), "`shape`: `ratio` is not one of", "ratio\n"),
    "an id": (RATE.replace("id: refusal-rate", "id: Refusal"), "`id`: string should match pattern", "Refusal\n"),
    "a label that is unscored": (
        LABEL.replace('["yes", "no"]', '["yes", "unscored"]'),
        "is not one of 'yes' or 'no'",
        '"unscored"',
    ),
    "no caveats": (without(RATE, "caveats"), "`caveats` is required here", "schema"),
    "a list": ("- a\n", "a definition begins with keys such as", "- a"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(SHAPE))
def test_faults_of_form(case: str, tmp_path: Path) -> None:
    text, message, words = SHAPE[case]
    found = faults(tmp_path, text)
    assert any(message in said and (line, column) == place(text, words) for said, line, column in found), (
        found
    )


def test_one_id_twice(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(RATE, "utf-8")
    with pytest.raises(InputRefused) as refused:
        load_indicators([tmp_path / "a.yaml", tmp_path / "b.yaml"])
    (fault,) = refused.value.diagnostics
    assert (fault.code, fault.message) == ("duplicate-id", "`refusal-rate` is defined twice")
    assert (fault.file, fault.span.line, fault.span.column) == (str(tmp_path / "b.yaml"), 2, 5)


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_what_ships_is_its_file_and_no_more(name: str, tmp_path: Path) -> None:
    """Written out and read again it is the same; its id is the name of its file."""
    indicator = core_indicators()[name]
    assert indicator.id == name
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(indicator.model_dump(mode="json", by_alias=True, exclude_defaults=True)
                                   | {"schema": "auditgen-indicator-1"}), "utf-8")  # fmt: skip
    (again,) = load_indicators([path])
    assert again == indicator
    assert again.digest == indicator.digest


CHANGES: list[tuple[dict[str, Any], bool]] = [
    ({"title": "Another"}, False),
    ({"question": "Why?"}, False),
    ({"caveats": ("Other.",)}, False),
    ({"references": ("Elsewhere",)}, False),
    ({"noun": "kept back"}, False),
    ({"slices": ()}, False),
    ({"version": "2"}, True),
    ({"id": "other"}, True),
    ({"records": "any"}, True),
    ({"filter": {}}, True),
    ({"filter": {"expected": "comply"}}, True),
    ({"numerator": {"outcomes": ("refused",)}}, True),
    ({"interval": "clopper-pearson"}, True),
    ({"better": "lower"}, True),
    ({"unit": "record"}, True),
]


@pytest.mark.parametrize(("change", "is_another"), CHANGES)
def test_the_digest_is_of_what_decides_the_number(change: dict[str, Any], is_another: bool) -> None:
    shipped = core_indicators()["refusal-rate"]
    other = Indicator.model_validate_json(
        yaml_to_json({**shipped.model_dump(mode="json", by_alias=True), **change})
    )
    assert (other.digest != shipped.digest) == is_another


def yaml_to_json(value: Any) -> bytes:
    import orjson

    return orjson.dumps(value)
