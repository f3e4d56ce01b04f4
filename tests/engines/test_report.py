"""A whole report through `engine:` says what it says through files, and says how it knows."""

from __future__ import annotations

import json
import re
import zipfile
from datetime import date, timedelta
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from helpers.workshop import (
    AS_OF,
    GATEWAY_MAP,
    KEYS_AT,
    NOW,
    audit,
    conclusions,
    criterion,
    draft,
    findings,
    gateway_rows,
    judged,
    source,
    write_project,
)

from auditgen.cli import run
from auditgen.errors import EnvironmentRefused, InputRefused
from auditgen.evidence.account import embedded_engine
from auditgen.evidence.remote import conformance
from auditgen.evidence.remote.embedded import digest_here, rows_here
from auditgen.evidence.remote.model import Check
from auditgen.pipeline.write import Order, make_report
from auditgen.seal import init_keys
from engines.counted import mapping_of
from engines.servers import SECRET, free_port

DAYS = [date(2026, 7, 1) + timedelta(days=n) for n in range(92)]
SECRET_NAME = "AUDITGEN_TEST_SECRET"


def production() -> pa.Table:
    """A quarter of a gateway: ids repeated within and over a minute, contradictions, foreign words, no times."""
    rows = gateway_rows(DAYS)
    rows += gateway_rows(DAYS[:30], verdict="deny", action="block")
    rows += gateway_rows(DAYS[10:11], verdict="deny", action="pass")
    rows += [dict(row) for row in rows[:40]]
    rows += [{**row, "time": row["time"].replace(":00Z", ":45Z")} for row in rows[100:110]]
    rows += [{**row, "time": row["time"].replace(":00Z", ":30Z"), "result": "blocked"} for row in rows[200:205]]
    rows += [{**rows[0], "id": f"odd-{n}", "result": "odd", "class": "strange"} for n in range(7)]
    rows += [{**rows[0], "id": f"when-{n}", "time": "yesterday"} for n in range(3)]
    return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]})


def project(engine=None, *, table=None, snapshot=None, **changes):
    """An audit of that gateway by four criteria, through files or through an engine."""
    log = source("gateway", "evidence/gateway.parquet", map=GATEWAY_MAP)
    if table is not None:
        del log["files"]
        log |= {"table": table} | ({"snapshot": snapshot} if snapshot else {})
    where = {"sources": ["gateway"], "min_n": 10}
    value = audit(sources=[log], **changes)
    value["principles"][0]["criteria"] = [
        criterion("C1", indicator="monitoring-coverage", at_least=0.9, **where),
        criterion("C2", indicator="guardrail-deny-but-allowed", at_most=0.5, **where),
        criterion("C3", indicator="production-refusal", at_least=0.1, **where),
    ]
    if engine is not None:
        value["engine"] = engine
    return value


@pytest.fixture(scope="session")
def log(server):
    return server.give(production())


CHECK = Check("none", "0" * 64, "nobody", 1, 1, 1, 1, 1)


@pytest.fixture
def unchecked(monkeypatch):
    """Without the check, which other tests are about."""
    monkeypatch.setattr(conformance, "conform", lambda *_: CHECK)


@pytest.fixture
def checked_once(monkeypatch):
    """With the check the first time, and its result from then on."""
    real, kept = conformance.conform, []

    def conform(*given):
        kept.extend([] if kept else [real(*given)])
        return kept[0]

    monkeypatch.setattr(conformance, "conform", conform)


@pytest.fixture
def engine(server, monkeypatch):
    """The `engine:` block of a server."""
    block = {"url": server.url, "name": "the warehouse"}
    if server.secret:
        monkeypatch.setenv(SECRET_NAME, server.secret)
        block["secret_env"] = SECRET_NAME
    return block


def figures(built):
    return {c.measure.id: c.measure.figure for p in built.document.principles for c in p.criteria}


def test_the_same_figures_as_through_files(tmp_path, engine, log, unchecked):
    name, path = log
    files = {"evidence/gateway.parquet": path.read_bytes()}
    by_files = judged(write_project(tmp_path / "files", project(), files))
    by_engine = judged(write_project(tmp_path / "engine", project(engine, table=name)))
    assert figures(by_engine) == figures(by_files)
    assert all(figures(by_files).values())
    shown = findings(by_engine)
    assert "queried-not-held" in shown
    assert findings(by_files).keys() <= shown.keys()
    one, other = (b.document.sources[0].files[0] for b in (by_files, by_engine))
    for field in ("observations", "executed", "scored", "unscored", "first_at", "last_at", "models"):
        assert getattr(one, field) == getattr(other, field)
    assert [c.hourly for c in by_files.document.coverage] == [c.hourly for c in by_engine.document.coverage]
    assert conclusions(by_engine)["P1"] != "supported"


def test_only_a_snapshot_lifts_the_cap(tmp_path, engine, server, unchecked):
    rows = gateway_rows(DAYS) + gateway_rows(DAYS, verdict="deny", action="block")
    table = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]})
    name, _ = server.give(table)
    value = project(engine, table=name)
    for part in value["principles"][0]["criteria"]:
        part["independence"] = "self"
    bare = judged(write_project(tmp_path / "bare", value))
    assert conclusions(bare)["P1"] == "supported_with_comments"
    assert any("queried" in c.lower() or "elsewhere" in c for c in bare.document.principles[0].comments)
    value["sources"][0]["snapshot"] = "v42"
    kept = judged(write_project(tmp_path / "kept", value))
    assert not any("elsewhere" in c for c in kept.document.principles[0].comments)
    assert "queried-not-held" not in findings(kept)
    assert "v42" in findings(kept)["queried-snapshot"]


def test_the_report_tells_how_it_was_counted_twice_the_same(tmp_path, engine, log, server, checked_once):
    name, _ = log
    out = tmp_path / "out"
    value = project(engine, table=name)
    path = write_project(tmp_path / "project", value)
    for again in (out, tmp_path / "again"):
        draft(path, again, formats=("html", "json"))
    for file in ("report.html", "report.json", "engine.json"):
        assert (out / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    told = json.loads((out / "engine.json").read_bytes())["sources"][0]
    rows = production().num_rows
    assert told["rows"] == rows == sum(day["rows"] for day in told["days"])
    assert told["backend"] == ("postgres" if server.name == "postgres" else "pyspark")
    assert told["version"]
    assert told["check"]["expected_by"] == embedded_engine()
    assert told["check"]["rows"] >= 48
    assert told["check"]["values"] > 1000
    assert [q["title"] for q in told["queries"]][:2] == ["cells", "hours"]
    assert all("SELECT" in q["text"] for q in told["queries"])
    days = {day["day"]: day for day in told["days"]}
    assert days[""]["rows"] == 3
    assert len(days) == 93
    file = json.loads((out / "report.json").read_bytes())["sources"][0]["files"][0]
    assert file["path"] == f"{name} on the warehouse"
    assert file["sha256"] == told["counters_sha256"]
    assert any("queried, not held" in note for note in file["notes"])
    page = (out / "report.html").read_text("utf-8")
    assert embedded_engine() in page
    assert f"{told['backend']} {told['version']}" in page
    assert "queried, not held" in page
    assert "the warehouse" in page
    for path in out.iterdir():
        assert SECRET.encode() not in path.read_bytes()


def shown(built):
    return [e for p in built.document.principles for e in p.exhibits]


ID = r"#id=(.+);md5=([0-9a-f]{32})$"


def test_a_few_rows_are_shown_with_table_snapshot_and_id(tmp_path, engine, log, unchecked):
    name, path = log
    value = project(engine, table=name, snapshot="v42")
    built = judged(write_project(tmp_path / "engine", value))
    exhibits = shown(built)
    assert 1 <= len(exhibits) <= 5
    rows = {row["id"]: row for row in production().to_pylist()}
    for one in exhibits:
        assert one.locator.startswith(f"engine:{name}@v42#id=")
        found = re.search(ID, one.locator)
        row = rows[found[1]]
        assert one.sample == f"{found[1]} (repeat 1)"
        # what speaks against one of the two promises: a refused guardrail that let pass, an answer
        assert row["result"] == "answered" or (row["verdict"], row["action"]) == ("deny", "pass")
        assert one.prompt == "(not in the export)"
        assert one.response == "(not in the export)"
    assert len({re.search(ID, e.locator)[1] for e in exhibits}) == len(exhibits)
    # the first criterion with records is that of guardrails: on every engine the five least digests, by Python
    adverse = {
        digest_here(row): row["record"]
        for row in rows_here(path, mapping_of(**GATEWAY_MAP))
        if (row["guardrail_verdict"], row["guardrail_action"]) == ("deny", "pass")
    }
    first = {f"{adverse[digest]};md5={digest}" for digest in sorted(adverse)[:5]}
    assert {e.locator.partition("#id=")[2] for e in exhibits} == first


def test_rows_that_are_shown_are_chosen_by_content(tmp_path, engine, server, unchecked):
    """Whatever the order of rows, of each category in turn, an id once, and none outside the period."""
    rows = gateway_rows(DAYS[:20], verdict="deny", action="pass")
    for number, row in enumerate(rows):
        row["class"] = ("cyber", "bio", "bio", "bio")[number % 4]
        row["id"] = f"token-{number}" if number % 7 else "sk-" + "a1B2" * 10 + str(number)
    rows += [{**rows[1], "time": "2026-03-01T00:00:00Z", "id": f"early-{n}"} for n in range(50)]
    rows += [dict(row) for row in rows[:200]]
    seen = []
    for turn in (rows, rows[::-1]):
        table = pa.table({name: pa.array([row[name] for row in turn], pa.string()) for name in rows[0]})
        name, _ = server.give(table)
        value = project(engine, table=name)
        value["principles"][0]["criteria"] = value["principles"][0]["criteria"][1:2]
        value["sources"][0]["map"] = {**GATEWAY_MAP, "category": {"from": "class"}}
        exhibits = shown(judged(write_project(tmp_path / name, value)))
        assert len(exhibits) == 5
        assert [e.category for e in exhibits].count("cyber") == 2
        assert not any("early" in e.locator or "a1B2" in f"{e.locator} {e.sample}" for e in exhibits)
        seen.append([(e.sample, e.locator.partition("#")[2], e.category) for e in exhibits])
    assert sorted(seen[0]) == sorted(seen[1])


def test_a_signed_pack_of_an_engine_is_verified_and_tells_what_is_left_out(
    tmp_path, engine, log, server, unchecked, capsys
):
    name, _ = log
    keys = init_keys(tmp_path / "project" / "keys", organisation="Acme", name="A. Example", now=KEYS_AT)
    value = project(engine, table=name, snapshot="v42")
    value["signer"] = {
        "person": {"name": "A. Example", "role": "officer"}, "certificate": "keys/signer.pem", "key": "keys/signer.key.pem", "chain": ["keys/ca.pem"],
    }  # fmt: skip
    value["report"]["pack_evidence"] = "include"
    path = write_project(tmp_path / "project", value)
    out = tmp_path / "out"
    make_report(Order(audit=path, out=out, as_of=AS_OF, now=NOW, formats=("json",)))
    assert run(["verify", str(out / "pack.zip"), "--trust", str(out / "ca.pem")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    place = f"{name} on the warehouse"
    assert f"left out of recomputation: {place} (queried, not held: its" in told
    assert "stayed on the warehouse, at snapshot v42, as declared" in told
    with zipfile.ZipFile(out / "pack.zip") as pack:
        held = [member for member in pack.namelist() if "data/" in member]
        [kept] = [member for member in held if member.endswith("engine.json")]
        assert pack.read(kept) == (out / "engine.json").read_bytes()
        assert not any(member.endswith(".parquet") for member in held)
        for member in held:
            assert SECRET.encode() not in pack.read(member)
    document = json.loads((out / "report.json").read_bytes())
    assert any("left out when this report is recomputed" in n for n in document["sources"][0]["files"][0]["notes"])
    assert any("when this report is recomputed from its pack, that source is left out" in m for m in document["method"])
    assert keys.certificate.exists()


def test_a_table_that_is_not_there_is_named_with_its_neighbour(tmp_path, engine, log):
    name, _ = log
    value = project(engine, table=name.replace("log_", "lgo_"))
    with pytest.raises(InputRefused) as refusal:
        judged(write_project(tmp_path, value))
    [fault] = refusal.value.diagnostics
    assert fault.code == "unknown-table"
    assert any(name in text for text in fault.helps)
    assert fault.span is not None


def test_all_columns_that_are_not_there_are_named(tmp_path, engine, log):
    value = project(engine, table=log[0])
    value["sources"][0]["map"] = {**GATEWAY_MAP, "model": {"from": "modle"}, "record": {"from": "idd"}}
    with pytest.raises(InputRefused) as refusal:
        judged(write_project(tmp_path, value))
    faults = {fault.message: fault for fault in refusal.value.diagnostics}
    assert {fault.code for fault in faults.values()} == {"unknown-column"}
    assert len(faults) == 2
    assert any("model" in text for text in faults["`modle` is no column of the table"].helps)


def test_a_column_that_engines_write_differently_is_refused(tmp_path, engine, server):
    name, _ = server.give(pa.table({"time": ["2026-07-01T00:00:00Z"], "score": [0.5]}))
    value = project(engine, table=name)
    value["sources"][0]["map"] = {"time": {"from": "time"}, "category": {"from": "score"}}
    with pytest.raises(InputRefused) as refusal:
        judged(write_project(tmp_path, value))
    [fault] = refusal.value.diagnostics
    assert fault.code == "unfit-column"
    assert "view" in fault.message


def test_an_engine_that_is_not_there(tmp_path, engine, server):
    parts = urlsplit(server.url)
    user = f"{parts.username}@" if parts.username else ""
    end = "/postgres" if parts.username else ""
    engine["url"] = f"{parts.scheme}://{user}127.0.0.1:{free_port()}{end}"
    with pytest.raises(EnvironmentRefused) as refusal:
        judged(write_project(tmp_path, project(engine, table="t")))
    assert "the warehouse" in refusal.value.message
    assert SECRET not in str(refusal.value.message)


def test_a_secret_that_is_not_set(tmp_path, server, monkeypatch):
    monkeypatch.delenv(SECRET_NAME, raising=False)
    block = {"url": server.url, "secret_env": SECRET_NAME}
    with pytest.raises(EnvironmentRefused, match=SECRET_NAME):
        judged(write_project(tmp_path, project(block, table="t")))
