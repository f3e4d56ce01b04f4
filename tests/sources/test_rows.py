"""Tables of evaluation results, in every format, read by a declared mapping."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.evidence.model import Grade

Rows = list[dict[str, Any]]
MAP: dict[str, Any] = {
    "records": "evaluation",
    "time": {"from": "when"},
    "run": {"from": "job"},
    "suite": {"is": "policy"},
    "sample": {"from": "id"},
    "repeat": {"from": "try"},
    "prompt_text": {"from": "question"},
    "response": {"from": "answer"},
    "error": {"from": "failure"},
    "model": {"from": "model"},
    "cohort": {"from": "tier"},
    "outcome": {
        "from": "label",
        "values": {"refused": "refused", "helped": "complied"},
        "basis": "human",
    },
    "expected": {"is": "refuse"},
    "scores": {"harm": "harm"},
}


def rows(number: int = 6) -> Rows:
    return [
        {
            "id": f"s{n // 2}",
            "try": n % 2 + 1,
            "job": "job-7",
            "when": f"2026-09-0{n + 1}T10:00:00Z",
            "question": f"placeholder {n // 2}",
            "answer": "I'm sorry, but I can't help with that." if n % 3 else "Sure: one, two.",
            "label": "refused" if n % 3 else "helped",
            "tier": "free",
            "model": "acme-1",
            "harm": round(n / 10, 1),
            "failure": "",
        }
        for n in range(number)
    ]


def as_csv(made: Rows) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(made[0]))
    writer.writeheader()
    writer.writerows(made)
    return out.getvalue().encode()


def as_jsonl(made: Rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in made)


def as_parquet(made: Rows) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(made), out)
    return out.getvalue()


def as_xlsx(made: Rows, *, title: str = "results") -> bytes:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = title
    sheet.append(list(made[0]))
    for row in made:
        sheet.append(list(row.values()))
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


FORMATS = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet, "xlsx": as_xlsx}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_records(name: str, read: Any, kit: Any) -> None:
    file = read(FORMATS[name](rows()), MAP)
    reading = file.reading
    assert (reading.format, reading.kind) == (f"table.{name}", "evaluation")
    assert reading.outcomes == {"complied": 2, "refused": 4}
    assert reading.models == ("acme-1",)
    assert kit.codes(file) == {}
    assert reading.grade is Grade.TRACEABLE
    assert reading.agreement == {"detected/native": {"both": 4, "neither": 2}}
    assert [run.native_id for run in reading.runs] == ["job-7"]
    first, second, third, *_ = kit.rows(file)
    assert (first["sample_id"], first["epoch"], first["outcome"], first["basis"]) == (
        "s0",
        1,
        "complied",
        "human",
    )
    assert (second["sample_id"], second["epoch"]) == ("s0", 2)
    assert first["prompt_key"] == second["prompt_key"] != third["prompt_key"]
    assert (first["prompt"], first["cohort"], first["suite"]) == ("placeholder 0", "free", "policy")
    assert (first["locator"], third["locator"]) == ("row:1", "row:3")
    assert first["observed_at"].isoformat() == "2026-09-01T10:00:00+00:00"
    assert [s["value"] for s in kit.scores(file)] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])


@pytest.mark.parametrize("name", FORMATS)
def test_what_failed_or_says_nothing_is_no_result(name: str, read: Any, kit: Any) -> None:
    made = rows(4)
    made[0]["failure"] = "timeout"
    made[1]["label"] = "???"
    made[2]["when"] = "soon"
    made[3]["when"] = "2026-09-04T10:00:00"
    file = read(FORMATS[name](made), MAP)
    assert file.reading.outcomes == {"complied": 1, "provider_error": 1, "unscored": 1, "refused": 1} or (
        file.reading.outcomes == {"complied": 1, "provider_error": 1, "refused": 1, "unscored": 1}
    )
    assert kit.codes(file) == {
        "outcome-undecided": 1,
        "value-not-mapped": 1,
        "undated-rows": 1,
        "time-zone-unknown": 1,
    }
    assert kit.rows(file)[0]["error_text"] == "timeout"


def test_a_table_of_errors_is_no_evidence(read: Any, kit: Any) -> None:
    made = [{**row, "failure": "quota"} for row in rows()]
    file = read(as_csv(made), MAP)
    assert kit.codes(file)["all-samples-failed"] == 6
    assert file.reading.is_vacuous


def test_fields_of_evaluations_need_records_evaluation(read: Any) -> None:
    with pytest.raises(ValueError, match="only for tables with `records: evaluation`"):
        read(as_csv(rows()), {"time": {"from": "when"}, "response": {"from": "answer"}})


def test_a_sheet_is_named_or_the_others_are_a_finding(read: Any, kit: Any) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.title = "notes"
    workbook.active.append(["remark", "of"])
    workbook.active.append(["nothing", "anybody"])
    sheet = workbook.create_sheet("results")
    sheet.append(list(rows()[0]))
    for row in rows():
        sheet.append([*row.values(), None, "a remark beyond the columns"])
    out = io.BytesIO()
    workbook.save(out)
    named = read(out.getvalue(), {**MAP, "sheet": "results"})
    assert named.reading.counts.scored == 6
    assert kit.codes(named) == {"cells-unread": 6}
    unnamed = read(out.getvalue(), MAP)
    assert kit.codes(unnamed)["sheets-unread"] == 1
    assert "`results`" in next(a.message for a in unnamed.reading.anomalies if a.code == "sheets-unread")
    wrong = read(out.getvalue(), {**MAP, "sheet": "result"})
    assert kit.codes(wrong) == {"unreadable": 1}
    assert "it has `notes`, `results`" in wrong.reading.anomalies[0].message


def test_a_workbook_can_be_monitoring_too(read: Any) -> None:
    mapping = {
        "time": {"from": "when"},
        "outcome": {"from": "label", "values": {"refused": "refused", "helped": "complied"}},
    }
    reading = read(as_xlsx(rows()), mapping).reading
    assert (reading.kind, reading.counts.scored) == ("monitoring", 6)
    assert reading.first_at is not None
    assert reading.first_at.isoformat() == "2026-09-01T10:00:00+00:00"


def test_formulas_count_as_the_values_that_were_saved(read: Any, kit: Any) -> None:
    """openpyxl saves a formula without a value, as a program that never calculated does."""
    made = rows(2)
    made[0]["label"] = '=CONCATENATE("ref","used")'
    file = read(as_xlsx(made), MAP)
    assert [row["outcome"] for row in kit.rows(file)] == ["unscored", "refused"]


def bomb(member: str, size: int) -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(as_xlsx(rows()))) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for info in source.infolist():
            if info.filename != member:
                target.writestr(info.filename, source.read(info.filename))
        with target.open(member, "w") as stream:
            for _ in range(size // (1 << 20)):
                stream.write(b" " * (1 << 20))
    return out.getvalue()


@pytest.mark.parametrize("member", ["xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"])
def test_bombs_are_measured_before_they_are_opened(member: str, read: Any, kit: Any) -> None:
    size = (300 if "Strings" in member else 1100) << 20
    file = read(bomb(member, size), MAP)
    assert kit.codes(file) == {"unreadable": 1}
    assert "inflate beyond" in file.reading.anomalies[0].message


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"xl/workbook.xml", b"xl/workbook.xmm"),
        lambda data: data[:200] + b"\0" * 400 + data[600:],
    ],
    ids=["cut", "renamed", "overwritten"],
)
def test_a_spoiled_workbook_is_said_so(spoil: Any, read: Any, kit: Any) -> None:
    file = read(spoil(as_xlsx(rows())), MAP)
    assert set(kit.codes(file)) <= {"unreadable", "unrecognised", "truncated"}
    assert kit.codes(file)


def test_an_entity_bomb_in_a_sheet_does_not_grow(read: Any, kit: Any) -> None:
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    xml = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{lol}]><worksheet>&l11;</worksheet>'
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(as_xlsx(rows()))) as source, zipfile.ZipFile(out, "w") as target:
        for info in source.infolist():
            data = xml.encode() if info.filename == "xl/worksheets/sheet1.xml" else source.read(info.filename)
            target.writestr(info.filename, data)
    assert set(kit.codes(read(out.getvalue(), MAP))) <= {"unreadable", "no-samples"}


CELLS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(st.dictionaries(st.sampled_from(sorted(rows()[0])), CELLS), min_size=1, max_size=6))
def test_whatever_a_jsonl_row_holds_it_is_one_record(made: Rows, read: Any) -> None:
    file = read(b"".join(json.dumps(row).encode() + b"\n" for row in [*rows(2), *made]), MAP)
    assert file.reading.counts.observations == len(made) + 2
    assert not [a for a in file.reading.anomalies if a.code in {"reader-failed", "truncated"}]


SECRET = "ghp_" + "a1B2c3" * 6
ANOTHER = "ghp_" + "Z9y8X7" * 6


@pytest.mark.parametrize("name", FORMATS)
def test_no_record_holds_a_credential_and_its_cells_are_counted(name: str, read: Any, kit: Any) -> None:
    for column in rows()[0]:
        if column in {"harm", "try"}:
            continue
        made = rows()
        made[1][column] = made[3][column] = f"x {SECRET}"
        file = read(FORMATS[name](made), MAP)
        stored = repr(file.reading) + repr(kit.rows(file)) + repr(kit.scores(file))
        assert SECRET not in stored, column
        assert kit.codes(file)["secrets-in-log"] == 2
        assert file.reading.counts.observations == 6


def test_samples_whose_ids_are_credentials_stay_apart(read: Any, kit: Any) -> None:
    made = rows()
    made[0]["id"], made[1]["id"] = f"Bearer {SECRET}", f"Bearer {ANOTHER}"
    file = read(as_csv(made), MAP)
    assert {row["sample_id"] for row in kit.rows(file)} == {"row 1", "row 2", "s1", "s2"}
    assert not {"duplicate-samples", "samples-contradict", "ids-reused"} & kit.codes(file).keys()


def test_a_pseudonym_is_made_before_credentials_are_taken_out(
    read: Any, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITGEN_PSEUDONYM_KEY", "k" * 32)
    made = rows()
    made[0]["tier"], made[1]["tier"] = f"x {SECRET}", f"x {ANOTHER}"
    file = read(as_jsonl(made), {**MAP, "cohort": {"from": "tier", "pseudonym": True}})
    assert len({row["cohort"] for row in kit.rows(file)}) == 3
    assert SECRET not in repr(kit.rows(file))


def test_words_that_no_rule_translates_are_told_without_credentials(read: Any, kit: Any) -> None:
    made = rows()
    made[0]["label"] = "AKIA" + "A1B2C3D4" * 2
    file = read(as_csv(made), MAP)
    assert "A1B2" not in repr(file.reading)
    assert kit.codes(file)["value-not-mapped"] == 1
