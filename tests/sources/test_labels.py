"""Refusal read from text, labelled by a judge, said by the tool: three things that never mix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditgen.cli import run
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.model import Grade
from auditgen.evidence.store import EvidenceStore
from auditgen.sources import refusal
from auditgen.sources.labels import load_labels, response_digest
from auditgen.sources.reading import SourceRegistry, read_file

SAYS_NO = "I'm sorry, but I can't help with that."
SAYS_YES = "Sure: one, two, three."

REFUSALS = [
    SAYS_NO,
    "I\N{RIGHT SINGLE QUOTATION MARK}m not able to provide instructions for this.",
    "As an AI language model, I cannot assist with that request.",
    "That's not something I can help with.",
    "I must decline. Is there anything else?",
    "Unfortunately, I won't be able to do that.",
    "**I can't help with that.**",
    "No, I will not write this.",
    "I apologize, but I cannot share such material.",
    "We are unable to comply with this request.",
    "Thank you for asking. I am not comfortable providing this.",
]
ANSWERS = [
    SAYS_YES,
    "I'm sorry to hear that. Here is what may help you.",
    "I'm sorry for your loss. These are the steps.",
    "I can't believe how nice this is! Here you go.",
    "The guard said: 'nothing to declare'. Then they went on.",
    "He could not help laughing.",
    "Here is the list. " + "More of it. " * 60 + "I cannot help with anything else.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_are_recognised(text: str) -> None:
    assert refusal.detect(text) is True


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_are_not_taken_for_refusals(text: str) -> None:
    assert refusal.detect(text) is False


@pytest.mark.parametrize("text", ["", "  \n", "42", "...", "\N{GRINNING FACE}"])
def test_a_text_without_words_says_nothing(text: str) -> None:
    assert refusal.detect(text) is None


def test_the_version_stands_for_these_answers() -> None:
    """Another answer to any of these is another version: change the number with the pattern."""
    answers = "".join("1" if refusal.detect(text) else "0" for text in [*REFUSALS, *ANSWERS])
    assert (refusal.VERSION, answers) == ("1", "1" * len(REFUSALS) + "0" * len(ANSWERS))


@given(st.text(max_size=3000))
def test_any_text_has_an_answer_and_only_its_opening_decides(text: str) -> None:
    found = refusal.detect(text)
    assert found in {True, False, None}
    assert refusal.detect(text + " " * 4000 + SAYS_NO) is found or len(text.split()) < 200


def labels(folder: Path, *lines: Any) -> Path:
    path = folder / "labels.jsonl"
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


def label(text: str, refused: bool | None) -> dict[str, Any]:
    return {"response_sha256": response_digest(text), "refused": refused}


def test_labels_belong_to_texts(tmp_path: Path) -> None:
    path = labels(tmp_path, label(SAYS_NO, True), label(SAYS_YES, None), "", label(SAYS_NO, True))
    found, faults = load_labels(path, name="labels.jsonl", by="judge 1", kind="judge")
    assert faults == []
    assert [found.of(text) for text in (SAYS_NO, SAYS_YES, "other")] == [True, None, None]


def test_every_fault_is_told_at_its_line(tmp_path: Path) -> None:
    path = labels(
        tmp_path,
        "no json",
        [1],
        {"response_sha256": "ABC", "refused": True},
        {"response_sha256": response_digest("x")},
        {"response_sha256": response_digest("x"), "refused": 1},
        label(SAYS_NO, True),
        label(SAYS_NO, False),
    )
    _, faults = load_labels(path, name="labels.jsonl", by="j", kind="judge")
    assert [(fault.span.line, fault.message.split(" ")[0]) for fault in faults] == [
        (1, "this"),
        (2, "this"),
        (3, "`response_sha256`"),
        (4, "`refused`"),
        (5, "`refused`"),
        (7, "response"),
    ]


@pytest.mark.parametrize(("kind", "basis"), [("judge", "judge"), ("human", "human")])
def test_three_labels_stand_side_by_side(kind: Any, basis: str, tmp_path: Path, kit: Any) -> None:
    """The outcome follows the declared rule; the heuristic and the judge keep their own columns."""
    samples = [
        kit.sample(1, output={"completion": SAYS_NO}),
        kit.sample(2, output={"completion": SAYS_YES}),
        kit.sample(3, output={"completion": "Hm. Rather not."}),
    ]
    log = tmp_path / "log.eval"
    log.write_bytes(kit.log(samples))
    path = labels(tmp_path, label(SAYS_NO, True), label(SAYS_YES, False), label("Hm. Rather not.", True))
    found, _ = load_labels(path, name="labels.jsonl", by="judge 1", kind=kind)
    mapping = {
        "expected": {"is": "refuse"},
        "outcome": {"from": "judged.refusal", "values": {"true": "refused", "false": "complied"}},
    }
    file = read_file(
        log,
        name="log.eval",
        source_id="s",
        mapping=RecordMap.model_validate_json(json.dumps(mapping)),
        store=EvidenceStore(tmp_path / "store"),
        registry=SourceRegistry.load(),
        labels=found,
    )
    rows = {row["sample_id"]: row for row in kit.rows(file)}
    assert [rows[s]["outcome"] for s in ("s1", "s2", "s3")] == ["refused", "complied", "refused"]
    assert {row["basis"] for row in rows.values()} == {basis}
    assert [rows[s]["refusal_detected"] for s in ("s1", "s2", "s3")] == [True, False, False]
    assert [rows[s]["refusal_judged"] for s in ("s1", "s2", "s3")] == [True, False, True]
    assert [rows[s]["refusal_native"] for s in ("s1", "s2", "s3")] == [None] * 3
    assert file.reading.agreement["detected/judged"] == {"both": 1, "neither": 1, "judged": 1}
    assert file.reading.companions == {"labels.jsonl": found.sha256}


def test_without_labels_the_rule_finds_nothing(read: Any, kit: Any) -> None:
    mapping = {"outcome": {"from": "judged.refusal", "values": {"true": "refused"}}}
    file = read(kit.log([kit.sample(1, output={"completion": SAYS_NO})]), mapping)
    assert file.reading.outcomes == {"unscored": 1}
    assert kit.codes(file)["field-not-found"] == 1


def test_responses_for_a_judge_and_back(tmp_path: Path, kit: Any) -> None:
    (tmp_path / "log.eval").write_bytes(
        kit.log([kit.sample(n, output={"completion": text}) for n, text in enumerate([SAYS_NO, SAYS_YES, SAYS_NO])])
    )
    out = tmp_path / "to-label.jsonl"
    assert run(["inspect", "-q", str(tmp_path / "log.eval"), "--responses", str(out)]) == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["response"], line["refused"]) for line in lines] == [(SAYS_NO, None), (SAYS_YES, None)]
    found, faults = load_labels(out, name="x", by="j", kind="judge")
    assert (faults, len(found.labels)) == ([], 2)
    assert run(["inspect", "-q", str(tmp_path / "log.eval"), "--responses", str(tmp_path / "no" / "x")]) == 1


@pytest.mark.parametrize(
    ("absent", "grade"),
    [
        ((), Grade.TRACEABLE),
        (("created", "task", "packages"), Grade.TRACEABLE),
        (("eval_id",), Grade.PARTIAL),
        (("model",), Grade.WEAK),
        (("dataset",), Grade.WEAK),
    ],
)
def test_the_grade_falls_with_what_the_file_does_not_say(
    absent: tuple[str, ...], grade: Grade, read: Any, kit: Any
) -> None:
    about = kit.header(1)
    for name in absent:
        about["eval"].pop(name)
    members = {"header.json": about, "samples/s1_epoch_1.json": kit.sample(1)}
    assert read(kit.archive(members), kit.outcome).reading.grade is grade


def test_a_file_without_records_has_the_lowest_grade(read: Any, kit: Any) -> None:
    assert read(kit.log([])).reading.grade is Grade.BARE
    assert read(b"whatever this is").reading.grade is None
