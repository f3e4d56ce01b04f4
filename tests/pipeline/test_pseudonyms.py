"""Pseudonyms: the same in readers and tables, kept from everybody without the key, refused without one."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.workshop import (
    GATEWAY_MAP,
    audit,
    csv_text,
    gateway_rows,
    inspect_log,
    sample,
    samples,
    source,
    write_project,
)
from pydantic import ValidationError

from auditgen.cli import run
from auditgen.evidence.engine import Period, open_evidence
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.pseudonym import KEY_VARIABLE
from auditgen.evidence.store import EvidenceStore
from auditgen.sources.counting import count_logged
from auditgen.sources.reading import SourceRegistry, read_file

KEY = "correct horse battery staple"
PEOPLE = ["Hannelore", "zelda@example.org", "Bob", "Ünal ☃", ""]
MAP: dict[str, Any] = {**GATEWAY_MAP, "cohort": {"from": "user", "pseudonym": True}}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)


def expected(value: str, key: str = KEY) -> str:
    return hmac.new(key.encode(), value.encode(), hashlib.sha256).hexdigest()[:16]


def rows() -> list[dict[str, str]]:
    made = gateway_rows([date(2026, 7, 1)])
    return [{**row, "user": PEOPLE[n % len(PEOPLE)]} for n, row in enumerate(made)]


def table(folder: Path, form: str) -> Path:
    path = folder / f"log.{form}"
    if form == "csv":
        path.write_text(csv_text(rows()), "utf-8")
    elif form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows()), "utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(rows()), path)
    return path


def cohorts(path: Path, store: Path, mapping: dict[str, Any] = MAP) -> Counter[str]:
    record_map = RecordMap.model_validate_json(json.dumps(mapping))
    kept = EvidenceStore(store)
    file = read_file(
        path, name="x", source_id="s", mapping=record_map, store=kept, registry=SourceRegistry.load(), is_alone=False
    )
    counted = count_logged([file], source_id="s", mapping=record_map, store=kept)
    assert [a.code for f in counted.files for a in f.reading.anomalies] == []
    evidence = open_evidence([], Period(date(2026, 7, 1), date(2026, 9, 30)), counted.logged)
    found = evidence.count("SELECT cohort, sum(n) FROM observation WHERE cohort IS NOT NULL GROUP BY 1")
    return Counter({str(name): int(str(n)) for name, n in found})


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_of_tables(form: str, tmp_path: Path) -> None:
    found = cohorts(table(tmp_path, form), tmp_path / "store")
    wanted = Counter(expected(row["user"]) for row in rows() if row["user"] or form != "csv")
    assert found == wanted


def test_of_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    taken = [sample(n, user=person) for n, person in enumerate(PEOPLE)]
    path.write_text(json.dumps(inspect_log(taken)), "utf-8")
    mapping = RecordMap.model_validate_json(json.dumps({"cohort": {"from": "metadata.user", "pseudonym": True}}))
    file = read_file(
        path, name="x", source_id="s", mapping=mapping, store=EvidenceStore(tmp_path / "store"),
        registry=SourceRegistry.load(),
    )  # fmt: skip
    assert file.records is not None
    found = pq.read_table(file.records).column("cohort").to_pylist()
    assert found == [expected(person) for person in PEOPLE]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_another_key_is_another_count(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path, form)
    first = cohorts(path, tmp_path / "store")
    monkeypatch.setenv(KEY_VARIABLE, "another key, as long")
    second = cohorts(path, tmp_path / "store")
    assert not first.keys() & second.keys()
    assert sorted(first.values()) == sorted(second.values())
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    assert cohorts(path, tmp_path / "store") == first


def project(folder: Path) -> Path:
    sources = [source("lab", "evidence/lab*"), source("gateway", "evidence/log.csv", map=MAP)]
    return write_project(
        folder, audit(sources=sources),
        {"evidence/lab.json": inspect_log(samples(60)), "evidence/log.csv": csv_text(rows())},
    )  # fmt: skip


@pytest.mark.parametrize("short", [None, "", "fifteen letters"])
def test_without_a_key_audit_yaml_is_refused(
    short: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    if short is not None:
        monkeypatch.setenv(KEY_VARIABLE, short)
    path = project(tmp_path / "p")
    assert run(["report", str(path), "-o", str(tmp_path / "out"), "--unsigned"]) == 4
    said = capsys.readouterr().err
    number = next(n for n, line in enumerate(path.read_text("utf-8").splitlines(), 1) if "pseudonym" in line)
    assert f"audit.yaml:{number}:" in said
    assert "a pseudonym needs a key of 16 bytes or more" in said
    assert not short or short not in said
    assert not (tmp_path / "out").exists()


def test_the_key_stands_nowhere_and_its_id_in_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project(tmp_path / "p")
    order = ["report", str(path), "-o", str(tmp_path / "out"), "--unsigned", "--formats", "json,html"]
    assert run([*order, "--as-of", "2026-10-05"]) == 0
    said = capsys.readouterr()
    id_ = hashlib.sha256(b"auditgen pseudonym" + KEY.encode()).hexdigest()[:8]
    report = (tmp_path / "out" / "report.json").read_text("utf-8")
    assert f"cohort from `user`, as a pseudonym under key {id_}" in report
    assert KEY not in said.out + said.err
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


@pytest.mark.parametrize(
    "rules",
    [
        {"outcome": {"from": "x", "pseudonym": True}},
        {"model": {"from": "x", "pseudonym": True}},
        {"time": {"from": "x", "pseudonym": True}},
        {"guardrail_verdict": {"from": "x", "pseudonym": True}},
        {"sampling_rate": {"from": "x", "pseudonym": True}},
        {"cohort": {"is": "x", "pseudonym": True}},
        {"cohort": {"from": "x", "values": {"a": "b"}, "pseudonym": True}},
        {"cohort": {"from": "x", "pseudonym": False}},
        {"records": "evaluation", "prompt_text": {"from": "x", "pseudonym": True}},
    ],
)
def test_where_there_can_be_none(rules: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RecordMap.model_validate_json(json.dumps(rules))
