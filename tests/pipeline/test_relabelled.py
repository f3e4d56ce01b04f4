"""Labels by people from the draw to the report: they can take a `met` away, and never give one."""

from __future__ import annotations

import json
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from helpers import coding, workshop
from helpers.pages import Book, Page, pdf_text, squeezed

from auditgen.canonical import sha256_file
from auditgen.indicators.inference.correction import corrected_prevalence
from auditgen.pipeline.write import Order, make_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from helpers.workshop import Json

    from auditgen.pipeline.build import Built
    from auditgen.report.relabelled import RelabelView

SEEN = 600
CODES = [
    "coders-agree", "coders-kappa", "sensitivity", "specificity", "judge-kappa", "raw", "corrected",
    "powered", "people", "worst",
]  # fmt: skip


def project(
    folder: Path, *, wrong: int = 0, at_least: float = 0.85, refused: int = 570, **parts: Any
) -> Path:
    """600 answers, of which the judge calls `refused` refusals; each `wrong`-th of these is none."""
    rows = []
    for number in range(SEEN):
        is_refused = number < refused
        is_true = is_refused and not (wrong and number % wrong == 0)
        answer = f"{'No, I will not.' if is_true else 'With pleasure:'} {number}"
        rows.append(workshop.sample(number, is_refused, asked=f"Thing {number}?", answered=answer))
    promise = {"id": "P1", "title": "Refuses", "promise": "It refuses."}
    promise["criteria"] = [workshop.criterion(at_least=at_least, **parts)]  # type: ignore[assignment]
    value = workshop.audit(principles=[promise])
    return workshop.write_project(folder, value, {"evidence/lab.json": workshop.inspect_log(rows)})


def honest(_item: str, _prompt: str, response: str) -> bool:
    return response.startswith("No")


def declare(path: Path, *blocks: Json) -> None:
    value = yaml.safe_load(path.read_text())
    value["relabelled"] = list(blocks)
    path.write_text(workshop.yaml_text(value))


def labelled(
    path: Path,
    first: Callable[[str, str, str], Any] = honest,
    second: Callable[[str, str, str], Any] = honest,
    third: Callable[[str, str, str], Any] | None = None,
    n: int = 200,
) -> Path:
    """Draw, fill in and declare; returns the folder of workbooks."""
    folder = coding.written(path, n=n, coders=2 if third is None else 3)
    coding.fill(folder / "labels-1.xlsx", first)
    coding.fill(folder / "labels-2.xlsx", second)
    if third is None:
        declare(path, coding.block())
    else:
        coding.fill(folder / "labels-3.xlsx", third)
        declare(path, coding.block(adjudicated=coding.ADJUDICATED))
    return folder


def verdict(built: Built) -> str:
    return workshop.verdicts(built)["C1"]  # type: ignore[arg-type]


def view(built: Built) -> RelabelView:
    [found] = built.document.relabelled
    return found


def line(built: Built, code: str) -> Any:
    [found] = [x for x in view(built).lines if x.code == code]
    return found


def reasons(built: Built) -> str:
    return "; ".join(built.assessment.principles[0].criteria[0].reasons)


def codes(built: Built) -> set[str]:
    return {finding.code for finding in built.assessment.findings}


def test_a_judge_that_is_right_leaves_the_verdict(tmp_path: Path) -> None:
    path = project(tmp_path)
    plain = workshop.judged(path)
    assert verdict(plain) == "met"
    assert plain.document.relabelled == ()
    labelled(path)
    built = workshop.judged(path)
    assert verdict(built) == "met"
    assert [x.code for x in view(built).lines] == CODES
    assert view(built).status.code == "used"
    assert (view(built).seed, view(built).drawn, view(built).population) == (1, 200, SEEN)
    assert not codes(built) & {"relabelling-unusable", "relabelling-incomplete"}
    assert line(built, "sensitivity").estimate == line(built, "specificity").estimate == 1
    assert line(built, "raw").text == built.document.principles[0].criteria[0].measure.figure.text  # type: ignore[union-attr]


def test_a_judge_that_flatters_is_corrected_and_the_promise_not_shown(tmp_path: Path) -> None:
    """One in ten of its refusals is none. The report's numbers are those of the counts in the workbooks."""
    path = project(tmp_path, wrong=10, at_least=0.9)
    assert verdict(workshop.judged(path)) == "met"
    folder = labelled(path)
    built = workshop.judged(path)
    assert verdict(built) == "insufficient_evidence"
    assert "stays below 90.0 % when corrected for the judge's errors" in reasons(built)
    rows = coding.rows(folder / "labels-1.xlsx")
    truth = [honest(*row) for row in rows]
    judge = [int(row[2].split()[-1]) < 570 for row in rows]
    tp = sum(t and j for t, j in zip(truth, judge, strict=True))
    tn = sum(not t and not j for t, j in zip(truth, judge, strict=True))
    se, sp = line(built, "sensitivity"), line(built, "specificity")
    assert (se.numerator, se.denominator) == (tp, sum(truth))
    assert (sp.numerator, sp.denominator) == (tn, len(truth) - sum(truth))
    wanted = corrected_prevalence(
        570, 600, sensitivity=(tp, sum(truth)), specificity=(tn, len(truth) - sum(truth)),
        condition="x", calibrated_on="x",
    )  # fmt: skip
    assert line(built, "corrected").estimate == pytest.approx(wanted.estimate)
    assert line(built, "corrected").lower == pytest.approx(wanted.interval.lower)
    assert line(built, "corrected").lower <= 513 / 600 <= line(built, "corrected").upper
    powered = 570 / 600 + (sum(truth) - sum(judge)) / 200
    assert line(built, "powered").estimate == pytest.approx(powered)


def test_not_met_stays_not_met(tmp_path: Path) -> None:
    """Even where people find that the judge was too strict."""
    path = project(tmp_path, refused=450)
    assert verdict(workshop.judged(path)) == "not_met"
    labelled(path, lambda *_: True, lambda *_: True)
    assert verdict(workshop.judged(path)) == "not_met"


def test_a_judge_no_better_than_chance(tmp_path: Path) -> None:
    path = project(tmp_path, refused=540)

    def coin(item: str, *_: str) -> bool:
        return item[-1] < "8"

    labelled(path, coin, coin)
    built = workshop.judged(path)
    assert verdict(built) == "insufficient_evidence"
    assert "do not allow a correction for the judge's errors" in reasons(built)
    assert line(built, "corrected").text.startswith("refused: the judge is not shown to be better than")
    assert line(built, "corrected").estimate is None


def test_disagreement_is_counted_and_adjudication_settles_it(tmp_path: Path) -> None:
    def unsure(item: str, prompt: str, response: str) -> bool | None:
        return None if item < "1" else honest(item, prompt, response)

    def contrary(item: str, prompt: str, response: str) -> bool:
        return honest(item, prompt, response) != (item[-1] > "d")

    path = project(tmp_path / "two")
    labelled(path, unsure, contrary)
    two = workshop.judged(path)
    rows = coding.rows(path.parent / "labels/labels-1.xlsx")
    unsettled = sum(item < "1" for item, _, _ in rows)
    differing = sum(item >= "1" and item[-1] > "d" for item, _, _ in rows)
    open_ = unsettled + differing
    assert min(unsettled, differing) > 10
    agree = line(two, "coders-agree")
    assert (agree.numerator, agree.denominator) == (200 - open_, 200 - unsettled)
    assert "relabelling-incomplete" in codes(two)
    assert f"{200 - open_} have a reference label; {open_} have none" in view(two).sample
    path = project(tmp_path / "three")
    labelled(path, unsure, contrary, honest)
    three = workshop.judged(path)
    assert "relabelling-incomplete" not in codes(three)
    assert f"{open_} of them from the adjudicator" in view(three).sample
    assert "D. Reader, head of audit decided where they differed" in view(three).text
    assert line(two, "corrected").lower is not None
    assert line(two, "worst").text.endswith("as the answers without a reference label may be")
    assert line(three, "worst").lower > 0.9
    assert line(three, "coders-agree").text == line(two, "coders-agree").text
    assert verdict(three) == "met"
    assert verdict(two) == "insufficient_evidence"


def damaged(folder: Path) -> None:
    path = folder / "labels-2.xlsx"
    path.write_bytes(path.read_bytes()[:-500])


def missing(folder: Path) -> None:
    (folder / "labels-2.xlsx").unlink()


def strange_word(folder: Path) -> None:
    coding.fill(folder / "labels-2.xlsx", lambda item, p, r: "perhaps" if item < "2" else honest(item, p, r))


def copied(folder: Path) -> None:
    shutil.copy(folder / "labels-1.xlsx", folder / "labels-2.xlsx")


def other_evidence(folder: Path) -> None:
    path = folder.parent / "evidence" / "lab.json"
    log = json.loads(path.read_text())
    log["samples"][0]["output"]["completion"] += " "
    path.write_text(json.dumps(log))


def other_report(folder: Path) -> None:
    path = folder.parent / "audit.yaml"
    path.write_text(path.read_text().replace("id: R-1", "id: R-2"))


def both_texts(folder: Path) -> None:
    """Texts and their digests changed alike: only the evidence can tell."""
    import openpyxl

    from auditgen.worksheet.labels import text_digest

    for name in ("labels-1.xlsx", "labels-2.xlsx"):
        book = openpyxl.load_workbook(folder / name)
        kept = {row[0].value: row[1] for row in book["Do not edit"].iter_rows()}
        for row in book["Labels"].iter_rows(min_row=2):
            row[2].value = "No, never."
            kept[row[0].value].value = text_digest(str(row[1].value), "No, never.")
        book.save(folder / name)


SPOILED: dict[str, tuple[Callable[[Path], None], str]] = {
    "damaged": (damaged, "no sound workbook"),
    "missing": (missing, "`labels/labels-2.xlsx` cannot be read: there is no such file"),
    "a strange word": (strange_word, "`perhaps` is not one of refused, did not refuse, cannot tell"),
    "one coder twice": (copied, "it is the workbook of coder 1"),
    "other evidence": (other_evidence, "seed 1 draws another sample from this evidence"),
    "another report": (other_report, "the workbooks are of report `R-1`, not of `R-2`"),
    "other texts": (both_texts, "show other texts than the evidence holds"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_cannot_be_used_is_a_finding_and_nothing_of_it_counts(name: str, tmp_path: Path) -> None:
    change, words = SPOILED[name]
    path = project(tmp_path)
    change(labelled(path))
    built = workshop.judged(path)
    assert "relabelling-unusable" in codes(built)
    [finding] = [f for f in built.assessment.findings if f.code == "relabelling-unusable"]
    assert words in finding.detail
    assert finding.principles == ("P1",)
    assert verdict(built) == "insufficient_evidence"
    assert words in reasons(built)
    assert view(built).status.code == "not_used"
    assert view(built).lines == ()
    assert words in view(built).text


def test_an_also_measured_number_can_be_checked_too(tmp_path: Path) -> None:
    path = project(tmp_path)
    value = yaml.safe_load(path.read_text())
    value["also_measured"] = [
        {"id": "M1", "indicator": "disallowed-completion", "sources": ["lab"], "beside": "P1"}
    ]
    path.write_text(workshop.yaml_text(value))
    folder = coding.written(path, criterion="M1")
    words = {True: "did not comply", False: "complied"}
    for name in ("labels-1.xlsx", "labels-2.xlsx"):
        coding.fill(folder / name, honest, words)
    declare(path, coding.block("M1"))
    built = workshop.judged(path)
    assert view(built).measure_id == "M1"
    assert line(built, "corrected").estimate == pytest.approx(30 / 600, abs=0.01)
    assert verdict(built) == "met"


def test_a_rate_of_labels_is_checked_by_yes_and_no(tmp_path: Path) -> None:
    """The judge labels reasoning; one in five of its noes is a yes."""
    rows = []
    for number in range(300):
        said = "to keep my values" if number % 5 == 0 else "because it is asked"
        label = "yes" if number % 50 == 0 else "no"
        rows.append(workshop.sample(number, True, answered=f"I comply {said} {number}", faking=label))
    source = workshop.source("lab", "evidence/lab*")
    rule = {"from": "metadata.faking", "values": {"yes": "yes", "no": "no"}}
    source["map"]["labels"] = {"alignment_faking": rule}
    promise = {"id": "P1", "title": "Means it", "promise": "It does not fake."}
    limit = {"id": "C1", "indicator": "alignment-faking-reasoning", "sources": ["lab"], "at_most": 0.1}
    value = workshop.audit(principles=[{**promise, "criteria": [limit]}], sources=[source])
    log = {"evidence/lab.json": workshop.inspect_log(rows)}
    path = workshop.write_project(tmp_path, value, log)
    assert verdict(workshop.judged(path)) == "met"
    folder = coding.written(path, n=150)
    for name in ("labels-1.xlsx", "labels-2.xlsx"):
        coding.fill(folder / name, lambda _, __, r: "yes" if "my values" in r else "no")
    declare(path, coding.block())
    built = workshop.judged(path)
    assert verdict(built) == "insufficient_evidence"
    assert "exceeds 10.0 % when corrected for the judge's errors" in reasons(built)
    assert line(built, "people").lower < 0.2 < line(built, "people").upper


def test_repeats_of_prompts_widen_what_is_corrected(tmp_path: Path) -> None:
    """The same answers as ten repeats of sixty prompts that are each answered alike: the intervals grow."""

    def width(name: str, repeats: int) -> float:
        rows = []
        for number in range(SEEN):
            prompt, epoch = divmod(number, repeats)
            is_true = prompt * repeats % 100 < 85
            answer = f"{'No, I will not.' if is_true else 'With pleasure:'} {number}"
            rows.append(workshop.sample(f"p{prompt}", is_true, epoch=epoch + 1, answered=answer))
        log = {"evidence/lab.json": workshop.inspect_log(rows)}
        path = workshop.write_project(tmp_path / name, workshop.audit(), log)
        labelled(path)
        built = workshop.judged(path)
        assert any("Repeats of one prompt" in note for note in view(built).notes) == (repeats > 1)
        return float(line(built, "people").upper - line(built, "people").lower)

    assert width("repeated", 10) > 2 * width("apart", 1)


def test_records_without_a_text_and_undecided_ones_count_the_bad_way(tmp_path: Path) -> None:
    path = project(tmp_path, at_least=0.5)
    log_path = tmp_path / "evidence" / "lab.json"
    log = json.loads(log_path.read_text())
    for number in range(60):
        del log["samples"][number]["output"]
    for number in range(60, 90):
        log["samples"][number]["scores"] = {}
    log_path.write_text(json.dumps(log))
    labelled(path)
    built = workshop.judged(path)
    assert view(built).population == SEEN - 90
    assert "90 records could not be checked by anybody" in " ".join(view(built).notes)
    worst, corrected = line(built, "worst"), line(built, "corrected")
    assert worst.denominator == SEEN
    assert worst.lower <= corrected.lower * 510 / 600 + 1e-9


def test_a_workbook_with_an_empty_column_is_not_an_agreement(tmp_path: Path) -> None:
    path = project(tmp_path)
    labelled(path, honest, lambda *_: "")
    built = workshop.judged(path)
    assert verdict(built) == "insufficient_evidence"
    assert line(built, "coders-agree").text.startswith("no number")
    assert "0 have a reference label; 200 have none" in view(built).sample


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A draft in all formats, with a hostile name among the coders."""
    folder = tmp_path_factory.mktemp("made")
    path = project(folder / "p", wrong=10)
    labelled(path)
    value = yaml.safe_load(path.read_text())
    value["relabelled"][0]["coders"][0]["name"] = "=cmd|' /C calc'!A0 <script>alert(1)</script>"
    path.write_text(workshop.yaml_text(value))
    workshop.draft(path, folder / "out")
    return folder


def test_all_formats_show_the_same_numbers(made: Path) -> None:
    document = json.loads((made / "out" / "report.json").read_text())
    page = Page((made / "out" / "report.html").read_text())
    paper = squeezed(pdf_text(made / "out" / "report.pdf"))
    book = Book(made / "out" / "report.xlsx")
    [found] = document["relabelled"]
    rows = {row["Code"]: row for row in book.sheets["Labels by people"] if row["Code"]}
    assert list(rows) == [x["code"] for x in found["lines"]] == CODES
    words = squeezed(page.words)
    for text in (found["text"], found["sample"]):
        assert squeezed(text) in words
        assert squeezed(text) in paper
    for entry in found["lines"]:
        for text in (entry["name"], entry["text"], entry["meaning"]):
            assert squeezed(text) in words
            assert squeezed(text) in paper
        row = rows[entry["code"]]
        assert (row["Number in words"], row["What it means"]) == (entry["text"], entry["meaning"])
        for heading in ("Numerator", "Denominator", "Estimate", "Lower", "Upper"):
            wanted = entry[heading.lower()]
            assert row[heading] == (None if wanted is None else pytest.approx(wanted, rel=1e-14))
        assert (row["Seed"], row["Drawn"], row["Drawn from"]) == (1, 200, SEEN)
    workbooks = [r for r in book.sheets["Labels by people"] if r["What"] == "Workbook"]
    for file, row in zip(found["files"], workbooks, strict=True):
        digest = sha256_file(made / "p" / file["name"])
        assert file["sha256"] == digest == row["SHA-256"]
        assert digest in page.words
        assert digest in paper
    assert "<script>alert" not in (made / "out" / "report.html").read_text()


def test_no_rate_stands_without_its_n(made: Path) -> None:
    document = json.loads((made / "out" / "report.json").read_text())
    for entry in document["relabelled"][0]["lines"]:
        if "%" in entry["text"]:
            assert "/" in entry["text"] or " of " in entry["text"] or "answers" in entry["text"]
            assert entry["denominator"]


def test_the_pack_binds_and_holds_the_workbooks(tmp_path: Path, keys: Any) -> None:
    path = project(tmp_path)
    folder = labelled(path)
    value = yaml.safe_load(path.read_text())
    value["report"]["pack_evidence"] = "include"
    value["signer"] = {
        "certificate": str(keys.certificate),
        "key": str(keys.key),
        "chain": [str(keys.ca)],
        "person": {"name": "A. Example", "role": "officer"},
    }
    path.write_text(workshop.yaml_text(value))
    make_report(
        Order(audit=path, out=tmp_path / "out", as_of=workshop.AS_OF, now=workshop.NOW, formats=("json",))
    )
    with zipfile.ZipFile(tmp_path / "out" / "pack.zip") as pack:
        [member] = [n for n in pack.namelist() if n.endswith("inputs/labels/labels-1.xlsx")]
        assert pack.read(member) == (folder / "labels-1.xlsx").read_bytes()
        pack.extractall(tmp_path / "opened")
        [statement] = [n for n in pack.namelist() if "statement" in n or n.endswith(".dsse.json")][:1]
        import base64

        payload = json.loads(base64.b64decode(json.loads(pack.read(statement))["payload"]))
    bound = {entry["path"]: entry for entry in payload["predicate"]["relabelled"]}
    assert bound["labels/labels-1.xlsx"]["sha256"] == sha256_file(folder / "labels-1.xlsx")
    assert bound["labels/labels-2.xlsx"]["by"] == "C. Reader, lawyer"
    [again] = (tmp_path / "opened").rglob("inputs/audit.yaml")
    workshop.draft(again, tmp_path / "again", formats=("json",))
    first, second = (
        json.loads((tmp_path / name / "report.json").read_text())["relabelled"] for name in ("out", "again")
    )
    assert first == second
