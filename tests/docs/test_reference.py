"""The reference pages hold every code, key, word and format of the program, and nothing that is none."""

from __future__ import annotations

import re
from enum import Enum, StrEnum
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, get_args

import pytest
from pydantic import BaseModel

from auditgen.assessment.doubts import CODES, DAMAGE
from auditgen.assessment.model import Conclusion, Severity, Verdict
from auditgen.errors import Exit
from auditgen.evidence import mapping
from auditgen.evidence.model import DECIDED, ERRORS, Basis, Expected, Outcome, Watch, WatchBasis
from auditgen.indicators import FILTER_FIELDS, core_indicators
from auditgen.indicators.definition import check_indicator
from auditgen.project import model
from auditgen.report import words
from auditgen.yamlspan import read_yaml_text
from tests.docs import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

FINDINGS = {
    path.stem: pages.text(path) for path in (pages.DOCS / "findings").iterdir() if path.name != "README.md"
}
INDICATORS = pages.text(pages.DOCS / "indicators.md")
AUDIT = pages.sections(pages.DOCS / "audit-yaml.md")
REPORT = pages.sections(pages.DOCS / "report.md")
NOT_IN_FULL = "**Not read in full**: criteria that use its source cannot be `met`."


def test_every_exit_code() -> None:
    table = re.findall(r"^\| (\d+) \| `(\w+)` \|", pages.text(pages.DOCS / "exit-codes.md"), re.MULTILINE)
    assert [(int(number), name) for number, name in table] == [(e.value, e.name) for e in sorted(Exit)]


def test_every_finding_has_a_page_and_stands_in_the_list() -> None:
    assert set(FINDINGS) == set(CODES)
    listed = {
        row[0].partition("]")[0].strip("["): row[1:]
        for row in pages.rows(pages.sections(pages.DOCS / "findings" / "README.md")["All of them"])
    }
    assert listed == {
        code: [severity.value, title, "yes" if code in DAMAGE else ""]
        for code, (severity, title, _) in CODES.items()
    }


@pytest.mark.parametrize("code", CODES)
def test_a_finding_is_explained_as_the_program_has_it(code: str) -> None:
    severity, title, ask = CODES[code]
    section = FINDINGS[code]
    assert section.startswith(f"# {code}\n")
    assert f"**{title}.** Weight: {severity.value}." in section
    assert f"* Ask: {ask}\n" in section
    for part in ("* Means: ", "* Matters because: ", "* Effect: "):
        assert part in section
    assert (NOT_IN_FULL in section) == (code in DAMAGE)


def test_every_indicator_is_listed_as_it_is_defined() -> None:
    rows = [row for row in _table(INDICATORS) if row[0].startswith("`") and len(row) == 5]
    assert rows == [
        [f"`{i.id}`", i.title, i.question, ", ".join(f"`{code}`" for code in i.codes), i.records]
        for i in core_indicators().values()
    ]


def test_the_own_indicator_of_the_page_is_one() -> None:
    [written] = [block for block in pages.blocks(pages.DOCS / "indicators.md", "yaml") if "schema:" in block]
    indicator, faults = check_indicator(read_yaml_text(written, "page"))
    assert not faults
    assert indicator is not None
    assert indicator.id not in core_indicators()


def _table(section: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("| ") and not line.startswith("| |")
    ]


SHARED: dict[type[BaseModel], str] = {
    model.Person: "A person",
    mapping.Rule: "A rule",
    mapping.OutcomeRule: "A rule",
    mapping.WatchRule: "A rule",
    mapping.TimeRule: "A rule",
    model.Provider: "`sources[].provider`",
    mapping.Band: "A band",
    model.ModelAlias: "`sources[].model`",
}


def _models(cls: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Every model below `cls` with the heading of its section."""
    yield SHARED.get(cls, f"`{path}`" if path else "The file"), cls
    for name, field in cls.model_fields.items():
        key = field.alias or name
        many = "[]" if "tuple[" in str(field.annotation) else ""
        for below in _inside(field.annotation):
            yield from _models(below, f"{path}.{key}{many}".lstrip("."))


def _inside(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _inside(part)


BLOCKS = sorted(set(_models(model.Audit)), key=lambda pair: (pair[0], pair[1].__name__))


@pytest.mark.parametrize(("heading", "cls"), BLOCKS, ids=[f"{h} {c.__name__}" for h, c in BLOCKS])
def test_every_key_of_audit_yaml(heading: str, cls: type[BaseModel]) -> None:
    keys = {row[0].strip("`"): row for row in pages.rows(AUDIT[heading])}
    fields = {field.alias or name: field for name, field in cls.model_fields.items()}
    if heading == "A rule":
        assert set(fields) <= set(keys) == {"from", "is", "values", "bands", "basis", "pseudonym", "unit"}
        return
    assert list(keys) == list(fields)
    for key, field in fields.items():
        default = field.default.value if isinstance(field.default, Enum) else field.default
        plain = isinstance(default, str | int | float)
        wanted = "yes" if field.is_required() else f"`{default}`" if plain else ""
        assert keys[key][1] == wanted, key


def test_every_section_of_audit_yaml_is_a_block() -> None:
    extra = {"Outcomes", "What each format brings"}
    assert set(AUDIT) == {heading for heading, _ in BLOCKS} | extra


@pytest.mark.parametrize("vocabulary", [Basis, Expected, Watch, WatchBasis, model.Independence, model.Mode])
def test_every_word_of_audit_yaml(vocabulary: type[StrEnum]) -> None:
    text = pages.text(pages.DOCS / "audit-yaml.md")
    for word in vocabulary:
        assert f"`{word.value}`" in text


def test_every_field_to_select_on() -> None:
    text = AUDIT["`principles[].criteria[]`"] + AUDIT["`also_measured[]`"]
    for field in FILTER_FIELDS:
        assert f"`{field}`" in text


def test_every_outcome_and_what_it_counts_as() -> None:
    def counts_as(outcome: Outcome) -> str:
        return "decided" if outcome in DECIDED else "failed" if outcome in ERRORS else "undecided"

    found = {row[0].strip("`"): row[2] for row in pages.rows(AUDIT["Outcomes"])}
    assert found == {outcome.value: counts_as(outcome) for outcome in Outcome}


def test_every_reader_and_renderer() -> None:
    readme = pages.text(pages.ROOT / "README.md")
    own = {
        group: {p.name for p in entry_points(group=group) if p.dist and p.dist.name == "auditgen"}
        for group in ("auditgen.sources", "auditgen.renderers")
    }
    listed = {row[0].strip("`") for row in pages.rows(AUDIT["What each format brings"])}
    assert listed == own["auditgen.sources"]
    for names in own.values():
        for name in names:
            assert f"`{name}`" in readme


def test_every_status() -> None:
    for heading, table in (
        ("Conclusions on a principle", words.CONCLUSIONS),
        ("Verdicts on a criterion or a control", words.VERDICTS),
    ):
        rows = {row[1].strip("`"): row[0] for row in pages.rows(REPORT[heading])}
        assert rows == {status.code: status.word for status in table.values()}
    assert set(words.CONCLUSIONS) == set(Conclusion)
    assert set(words.VERDICTS) == set(Verdict)
    for severity in Severity:
        assert f"`{severity.value}`" in REPORT["Other words"]
