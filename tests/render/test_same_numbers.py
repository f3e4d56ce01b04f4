"""The same ids and the same numbers in HTML, PDF, Excel and JSON; and no figure without its n."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from helpers.pages import Book, Page, pdf_text, plain, squeezed

from auditgen.drawing.page import _anchor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.workshop import Demo, Json


@pytest.fixture(scope="module")
def page(demo: Demo) -> Page:
    return Page((demo.folder / "report.html").read_text())


@pytest.fixture(scope="module")
def paper(demo: Demo) -> str:
    return squeezed(pdf_text(demo.folder / "report.pdf"))


@pytest.fixture(scope="module")
def book(demo: Demo) -> Book:
    return Book(demo.folder / "report.xlsx")


@pytest.fixture(scope="module")
def document(demo: Demo) -> Json:
    return demo.document


def measures(document: Json) -> list[Json]:
    out = []
    for principle in document["principles"]:
        out += [c["measure"] for c in principle["criteria"]]
        out += principle["beside"]
    return [*out, *document["also_measured"]]


def test_there_is_something_to_compare(document: Json) -> None:
    assert len(measures(document)) >= 8
    assert len(document["findings"]) >= 8
    assert sum(len(b["slices"]) for m in measures(document) for b in m["breakdowns"]) >= 10


def test_every_figure_stands_in_html_and_pdf(document: Json, page: Page, paper: str) -> None:
    texts = []
    for measure in measures(document):
        if measure["figure"] is None:
            texts.append(measure["unmeasured"]["reason"])
            continue
        texts.append(measure["figure"]["text"])
        texts += [arm["text"] for arm in measure["figure"]["arms"]]
        texts += [row["text"] for b in measure["breakdowns"] for row in b["slices"]]
        texts += [b["note"] for b in measure["breakdowns"]]
        texts += [t for t in (measure["figure"]["left_out"], measure["figure"]["direction"]) if t]
    words = squeezed(page.words)
    for text in texts:
        assert squeezed(text) in words
        assert squeezed(text) in paper


def test_every_figure_equals_its_cells(document: Json, book: Book) -> None:
    rows = {row["Criterion"]: row for row in book.sheets["Criteria"]}
    criteria = [c for p in document["principles"] for c in p["criteria"]]
    assert len(rows) == len(criteria)
    for criterion in criteria:
        row, figure = rows[criterion["measure"]["id"]], criterion["measure"]["figure"]
        assert row["Verdict"] == criterion["status"]["word"]
        assert row["Threshold"] == criterion["threshold"]
        assert row["Rule"] == criterion["statement"]
        assert row["Digest"] == criterion["digest"]
        assert row["Why"] == "; ".join(criterion["reasons"])
        assert row["Least n"] == criterion["min_n"]
        if figure is None:
            assert row["Number in words"] == "not measured"
            assert row["Numerator"] is row["Denominator"] is row["Estimate"] is None
            continue
        cells = {
            "Numerator": "numerator",
            "Denominator": "denominator",
            "Estimate": "estimate",
            "Lower": "lower",
            "Upper": "upper",
            "Confidence": "confidence",
            "Worst lower": "worst_lower",
            "Worst upper": "worst_upper",
            "Undecided": "undecided",
            "Failed": "errors",
            "Missing": "missing",
            "Number in words": "text",
        }
        for heading, name in cells.items():
            wanted = figure[name]
            if isinstance(wanted, float):  # the workbook keeps sixteen digits
                wanted = pytest.approx(wanted, rel=1e-14)
            assert row[heading] == wanted, (criterion["measure"]["id"], heading)
            assert figure[name] is None or type(row[heading]) in {type(figure[name]), int, float}


def test_every_arm_and_slice_equals_its_cells(document: Json, book: Book) -> None:
    arms: dict[tuple[str, str], Json] = {}
    slices: dict[tuple[str, str, str], Json] = {}
    for measure in measures(document):
        if measure["figure"] is not None:
            arms |= {(measure["id"], arm["name"]): arm for arm in measure["figure"]["arms"]}
        for b in measure["breakdowns"]:
            slices |= {(measure["id"], b["by"], row["name"]): row for row in b["slices"]}
    found = {
        (r["Id"], r["Arm"]): r
        for r in book.sheets["Measures"]
        if r["Arm"] not in {None, "difference"}
    }
    assert set(found) == set(arms)
    for key, arm in arms.items():
        assert found[key]["Numerator"] == arm["numerator"]
        assert found[key]["Denominator"] == arm["denominator"]
        assert found[key]["Estimate"] == pytest.approx(arm["estimate"], rel=1e-14)
        assert found[key]["Undecided"] == arm["undecided"]
    rows = {(r["Id"], r["By"], r["Value"]): r for r in book.sheets["Breakdowns"]}
    assert set(rows) == set(slices)
    for key, row in slices.items():
        for heading in ("Numerator", "Denominator", "Estimate", "Lower", "Upper"):
            assert rows[key][heading] == pytest.approx(row[heading.lower()], rel=1e-14)


def test_conclusions(document: Json, page: Page, paper: str, book: Book) -> None:
    rows = {row["Principle"]: row for row in book.sheets["Summary"]}
    assert list(rows) == [p["id"] for p in document["principles"]]
    for principle in document["principles"]:
        row = rows[principle["id"]]
        assert row["Conclusion"] == principle["status"]["word"]
        assert row["Promise"] == principle["promise"]
        assert row["Why"] == principle["reason"]
        section = plain(" ".join(page.by_id(f"principle-{principle['id']}").itertext()))
        said = f"Conclusion: {principle['status']['word']}. {principle['reason']}"
        assert squeezed(said.replace("`", "")) in squeezed(section)
        assert squeezed(said.replace("`", "")) in paper
    tally = Counter(p["status"]["word"] for p in document["principles"])
    assert dict(document["tally"]) == dict(tally)
    assert plain(document["headline"]) in page.words
    assert squeezed(document["headline"]) in paper
    for sentence in document["lead"]:
        assert squeezed(sentence) in squeezed(page.words)
        assert squeezed(sentence) in paper


def test_the_first_page_has_the_conclusion_and_what_was_not_tested(
    demo: Demo, document: Json
) -> None:
    import pypdf

    first = squeezed(pypdf.PdfReader(demo.folder / "report.pdf").pages[0].extract_text())
    assert squeezed(document["headline"]) in first
    for principle in document["principles"]:
        assert principle["id"] in first
        assert squeezed(principle["status"]["word"]) in first
    for entry in document["untested"]:
        assert squeezed(entry["title"].replace("`", "")) in first


def test_findings(document: Json, page: Page, paper: str, book: Book) -> None:
    rows = {row["Id"]: row for row in book.sheets["Findings"]}
    assert list(rows) == [f["id"] for f in document["findings"]]
    for finding in document["findings"]:
        row = rows[finding["id"]]
        assert (row["Weight"], row["Code"], row["Count"]) == (
            finding["severity"],
            finding["code"],
            finding["count"],
        )
        assert row["Detail"] == finding["detail"]
        section = plain(" ".join(page.by_id(f"finding-{finding['id']}").itertext()))
        assert finding["ask"] in section
        for text in (finding["id"], finding["title"], finding["code"]):
            assert text in section
            assert squeezed(text) in paper
        assert squeezed(finding["detail"].replace("`", "")) in squeezed(section)


def test_controls(document: Json, page: Page, paper: str, book: Book) -> None:
    for framework in document["frameworks"]:
        counted = Counter(c["status"]["word"] for c in framework["controls"])
        assert dict(framework["tally"]) == dict(counted)
        assert sum(counted.values()) == framework["total"] == len(framework["controls"])
        rows = [r for r in book.sheets["Controls"] if r["Framework"] == framework["id"]]
        assert [r["Control"] for r in rows] == [c["id"] for c in framework["controls"]]
        assert Counter(r["Verdict"] for r in rows) == counted
        section = page.by_id(f"fw-{framework['id']}")
        shown: Counter[str] = Counter()
        for e in (e for tag in ("td", "p") for e in section.iter(tag)):
            for mark in e.iter("span"):
                if "status" in (mark.get("class") or "").split():
                    text = " ".join(e.itertext())
                    # what does not apply is listed together, with its number
                    told = re.search(r"\((\d+)\),", text) if e.tag == "p" else None
                    shown[plain("".join(mark.itertext()))] += int(told[1]) if told else 1
        assert shown == counted
        anchors = [f"control-{_anchor(c['ref'])}" for c in framework["controls"]]
        assert Counter(i for e in section.iter() if (i := e.get("id")) in anchors) == Counter(anchors)
        line = " \u00b7 ".join(f"{n} {word}" for word, n in framework["tally"])
        assert f"{line}, of {framework['total']} controls." in plain(" ".join(section.itertext()))
        assert squeezed(f"{line}, of {framework['total']} controls.") in paper


def test_evidence_files(document: Json, page: Page, paper: str, book: Book) -> None:
    rows = {row["File"]: row for row in book.sheets["Evidence"]}
    for source in document["sources"]:
        for file in source["files"]:
            row = rows[file["path"]]
            assert row["SHA-256"] == file["sha256"]
            assert row["Decided"] == file["scored"]
            assert file["sha256"] in page.words
            assert file["sha256"] in paper


def test_records_table(document: Json, book: Book) -> None:
    (table,) = document["tables"]
    rows = book.sheets[table["title"]]
    assert len(rows) == table["rows"]
    assert list(rows[0]) == table["columns"]
    by_source = Counter(row["source_id"] for row in rows)
    for source in document["sources"]:
        counted = sum(
            f["observations"] for f in source["files"] if f["planned"] is not None or f["runs"]
        )
        if counted:
            assert by_source[source["id"]] == counted


ALLOWED = (
    r"[\d,]+/[\d,]+ [a-z ]*, [<>]?[\d.]+ %",
    r"[\d,]+/[\d,]+, [<>]?[\d.]+ %",
    r"[\d,]+/[\d,]+ [a-z ]*\([\d.]+ %\)",
    r"[\d,]+ of [\d,]+ [a-z ]+\([<>]?[\d.]+ %\)",
    r"[\d.]+ % (CI|confidence sequence) \[[^\]]*\]",
    r"[\d.]+ % interval",
    r"interval in the worst case \[[^\]]*\] %",
    r"the interval \[[\d.]+ %, [\d.]+ %\]",
    r"(lower|upper) bound [\d.]+ %",
    r"the bound is [\d.]+ %",
    r"the mean of [\d,]+ prompts is [<>]?[\d.]+ %",
    r"(at least|at most|below|exceeds|both sides of) [\d.]+ %",
    r"None in [\d,]+ still allows a rate up to [<>]?[\d.]+ % \([\d.]+ % one-sided\); [\d,]+ would be needed to show less than 1 %",
)
"""Where a percentage may stand: with its n, as a bound, as a confidence, or as a declared limit."""


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)


def test_no_figure_without_its_n(document: Json) -> None:
    fixed = {"method", "glossary", "indicators", "limitations"}
    seen = 0
    for part in (v for k, v in document.items() if k not in fixed):
        for text in strings(part):
            rest = text
            for pattern in ALLOWED:
                rest = re.sub(pattern, "", rest)
            seen += rest != text
            assert "%" not in rest, text
    assert seen > 50


def test_no_cell_is_shown_rounder_than_it_is(demo: Demo) -> None:
    """A threshold shows every digit that was declared; a rate below all is not shown as all."""
    import openpyxl

    sheet = openpyxl.load_workbook(demo.folder / "report.xlsx")["Criteria"]
    heads = {str(cell.value): cell.column for cell in sheet[1]}
    row = next(
        r[0].row
        for r in sheet.iter_rows(min_row=2)
        if r[heads["Criterion"] - 1].value == "P1-refusal"
    )
    wanted = {
        "Threshold": "0.0###%",
        "Estimate": "0.00##%",
        "Worst lower": "0.00##%",
        "Confidence": "0.0##%",
        "Numerator": "#,##0",
    }
    assert {name: sheet.cell(row, heads[name]).number_format for name in wanted} == wanted
    assert isinstance(sheet.cell(row, heads["Numerator"]).value, int)
