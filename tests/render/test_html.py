"""The HTML report is one file that everybody can read: structure, names, links, and no requests."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from helpers.pages import Page, plain, tag
from helpers.workshop import (
    GATEWAY_MAP,
    audit,
    criterion,
    csv_text,
    draft,
    gateway_rows,
    inspect_log,
    samples,
    source,
    write_project,
)

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.workshop import Demo

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


@pytest.fixture(scope="module")
def page(demo: Demo) -> Page:
    return Page((demo.folder / "report.html").read_text())


def test_language_title_and_one_main_heading(page: Page) -> None:
    assert page.root.get("lang") == "en"
    titles = [e for e in page.root.iter("title") if tag(e) == "title"]
    assert plain(titles[0].text or "").startswith(
        "Evidence report ER-2026-Q3: Thistle Assistant 3.2"
    )
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1


def test_headings_go_down_one_step_at_a_time(page: Page) -> None:
    levels = [int(tag(e)[1]) for e in page.all(*HEADINGS)]
    assert levels[0] == 1
    for before, after in pairwise(levels):
        assert after <= before + 1
    assert all(plain("".join(e.itertext())) for e in page.all(*HEADINGS))


def test_no_id_twice_and_every_link_leads_somewhere(page: Page) -> None:
    ids = Counter(e.get("id") for e in page.all() if e.get("id"))
    assert [name for name, n in ids.items() if n > 1] == []
    links = [e.get("href") or "" for e in page.all("a")]
    assert len(links) > 15
    for link in links:
        assert link.startswith("#")
        assert link[1:] in ids
    for element in page.all():
        for attribute in ("aria-labelledby", "aria-describedby", "for", "headers"):
            for name in (element.get(attribute) or "").split():
                assert name in ids, (attribute, name)


def test_every_principle_criterion_and_finding_can_be_linked(page: Page, demo: Demo) -> None:
    ids = {e.get("id") for e in page.all()}
    for principle in demo.document["principles"]:
        assert f"principle-{principle['id']}" in ids
        for one in principle["criteria"]:
            assert f"criterion-{one['measure']['id']}" in ids
        for exhibit in principle["exhibits"]:
            assert f"exhibit-{exhibit['id']}" in ids
    for finding in demo.document["findings"]:
        assert f"finding-{finding['id']}" in ids


def test_tables_have_headers_with_scope(page: Page) -> None:
    tables = page.all("table")
    assert len(tables) > 8
    for table in tables:
        heads = list(table.iter("th"))
        assert heads
        for head in heads:
            assert head.get("scope") in {"col", "row"}
            assert plain("".join(head.itertext())) or list(head)
        (thead,) = list(table.iter("thead"))
        columns = len(list(thead.iter("th")))
        for row in next(table.iter("tbody")).iter("tr"):
            assert len(row) == columns


def test_drawings_have_a_name_or_stand_beside_their_words(page: Page) -> None:
    drawings = page.all("svg")
    assert len(drawings) > 20
    for drawing in drawings:
        if drawing.get("aria-hidden") == "true":
            assert "mark" in (drawing.get("class") or "")
            continue
        assert drawing.get("role") == "img"
        assert drawing.get("aria-label")
        if "mark" not in (drawing.get("class") or ""):
            (title,) = [e for e in drawing if tag(e) == "title"]
            assert title.text == drawing.get("aria-label")


def test_a_status_is_a_word_and_a_shape(page: Page) -> None:
    states = [e for e in page.all("span") if "status" in (e.get("class") or "").split()]
    assert len(states) > 100
    for state in states:
        assert plain("".join(state.itertext()))
        assert [e for e in state if tag(e) == "svg"]


def test_it_asks_nobody_for_anything(page: Page) -> None:
    for element in page.all():
        for name, value in element.attrib.items():
            bare = name.rpartition("}")[2]
            if bare in {"src", "srcset", "href", "action", "formaction", "poster", "data"}:
                assert value.startswith("#"), (element.tag, name)
    (style,) = page.all("style")
    addresses = re.findall(r"url\(([^)]{0,40})", style.text or "")
    assert addresses
    assert all(a.strip("\"'").startswith("data:") for a in addresses)
    assert "@import" not in (style.text or "")
    without = page.text.replace("http://www.w3.org/2000/svg", "").replace(
        "http://www.w3.org/1999/xhtml", ""
    )
    assert not re.search(r"https?://", without.replace(style.text or "", ""))
    assert {tag(e) for e in page.all()} & {"script", "link", "iframe", "img", "object"} == set()


def test_ids_that_look_alike_stay_apart(tmp_path: Path) -> None:
    """Names that an organisation may choose collide with nothing, neither ours nor one another."""
    value = audit(period={"start": "2026-09-01", "end": "2026-09-30"})
    names = ["title", "findings", "F01", "E01", "a.b", "a-b", "a_b", "conclusion"]
    value["principles"] = [
        {
            "id": name,
            "title": "T",
            "promise": "It does.",
            "criteria": [criterion(name if n < 2 else f"{name}-c", sources=["lab"])],
        }
        for n, name in enumerate(names)
    ]
    value["also_measured"] = [
        {"id": f"{name}-m", "indicator": "over-refusal", "sources": ["lab"]} for name in names
    ]
    value["sources"] = [
        source("lab", "evidence/lab*"),
        source("principles", "evidence/gw*", map=GATEWAY_MAP),
        source("a.b", "nothing/*"),
        source("a_b", "nothing/*"),
    ]
    rows = gateway_rows([date(2026, 9, 1)])
    path = write_project(
        tmp_path,
        value,
        {"evidence/lab.json": inspect_log(samples(40, 8)), "evidence/gw.csv": csv_text(rows)},
    )
    draft(path, tmp_path / "out", ("html",))
    made = Page((tmp_path / "out" / "report.html").read_text())
    ids = Counter(e.get("id") for e in made.all() if e.get("id"))
    assert [name for name, n in ids.items() if n > 1] == []
    assert all((e.get("href") or "#")[1:] in ids for e in made.all("a"))
    assert not [name for name in ids if re.search(r"\s", str(name))]
