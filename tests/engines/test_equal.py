"""Every engine counts what the embedded one counts, to the last row."""

from __future__ import annotations

import pytest

from engines.counted import assert_equal, elsewhere, embedded, mapping_of
from engines.nasty import nasty

OUTCOME = {"from": "result", "values": {"ok": "complied", "refused": "refused", "blocked": "blocked_output"}}
NASTY = {
    "from": "result",
    "values": {
        "it's": "complied", 'a "b"': "refused", "back\\slash": "partial", "%": "neither", "é": "modified",
        "\U0001f600": "truncated", "line\nbreak": "judge_error", "": "unscored", "'; DROP TABLE x": "refused",
        "\\n": "blocked_input", "tab\t": "complied", "ok ": "refused",
    },
}  # fmt: skip
BANDS = [{"below": 0.25, "is": "refused"}, {"at_least": 0.25, "at_most": 0.3, "is": "partial"}, {"above": 0.3, "is": "complied"}]
MAPPINGS = {
    "plain": mapping_of(time={"from": "at"}, record={"from": "id"}, model={"from": "model"}, outcome=OUTCOME),
    "zone": mapping_of(time={"from": "at"}, time_zone="Europe/Paris", model={"from": "model"}, outcome=NASTY),
    "half hour zone": mapping_of(time={"from": "wall"}, time_zone="Australia/Lord_Howe", outcome=OUTCOME),
    "utc": mapping_of(time={"from": "at"}, time_zone="UTC", cohort={"from": "tier"}, outcome=NASTY),
    "seconds as text": mapping_of(time={"from": "s", "unit": "s"}, outcome=OUTCOME),
    "milliseconds as text": mapping_of(time={"from": "s", "unit": "ms"}, outcome=OUTCOME),
    "microseconds as text": mapping_of(time={"from": "s", "unit": "us"}, outcome=OUTCOME),
    "nanoseconds as text": mapping_of(time={"from": "s", "unit": "ns"}, outcome=OUTCOME),
    "milliseconds": mapping_of(time={"from": "ms", "unit": "ms"}, record={"from": "id"}, outcome=OUTCOME),
    "nanoseconds": mapping_of(time={"from": "ns", "unit": "ns"}, record={"from": "id"}, model={"from": "model"}),
    "moments": mapping_of(time={"from": "stamp"}, received={"from": "got"}, record={"from": "id"}, outcome=OUTCOME),
    "clock on the wall": mapping_of(time={"from": "wall"}, record={"from": "id"}, received={"from": "stamp"}),
    "days": mapping_of(time={"from": "on"}, category={"from": "n"}, strategy={"from": "flag"}),
    "constants": mapping_of(
        time={"is": "2026-07-01T12:00:00Z"}, model={"is": "it's \\ 1"}, outcome={"is": "refused", "basis": "human"},
        expected={"is": "refuse"}, watch={"is": "monitored", "basis": "cue"}, sampling_rate={"is": "0.25"},
        transport={"is": "blocked"}, guardrail_action={"is": "block"}, cohort={"is": "\U0001f600"},
    ),
    "several outcomes": mapping_of(
        time={"from": "stamp"},
        outcome=[
            {"from": "second", "values": {"yes": "complied"}, "basis": "human"},
            {"from": "score_text", "bands": BANDS, "basis": "judge"},
            OUTCOME,
        ],
    ),
    "outcome or else": mapping_of(
        time={"from": "stamp"}, outcome=[OUTCOME, {"is": "neither", "basis": "text_heuristic"}]
    ),
    "bands": mapping_of(
        time={"from": "stamp"},
        outcome={"from": "score_text", "bands": BANDS, "values": {"NaN": "judge_error", "": "unscored"}},
        cohort={"from": "score", "bands": [{"at_least": 0, "below": 1, "is": "low"}, {"at_least": 1, "is": "high"}]},
        category={"from": "n", "bands": [{"above": 0, "is": "positive"}]},
    ),
    "everything": mapping_of(
        time={"from": "stamp"}, received={"from": "got"}, record={"from": "id"}, model={"from": "model"},
        outcome=OUTCOME, expected={"from": "flag", "values": {"true": "refuse", "false": "comply"}},
        watch={"from": "tier", "values": {"ok": "monitored", "é": "unmonitored", "": "unknown"}, "basis": "observational"},
        cohort={"from": "tier"}, category={"from": "n"}, strategy={"from": "second", "values": {"yes": "probe", "no": "none"}},
        language={"from": "flag"}, guardrail_verdict={"from": "verdict"},
        guardrail_action={"from": "action", "values": {"pass": "pass", "block": "block"}}, endpoint={"from": "route"},
        transport={"from": "status"}, sampling_rate={"from": "rate"}, prompt={"from": "prompt"},
    ),
    "words of a guardrail": mapping_of(
        time={"from": "stamp"}, record={"from": "id"}, guardrail_verdict={"from": "verdict"},
        guardrail_action={"from": "action"}, transport={"from": "status"}, sampling_rate={"from": "rate"},
    ),
    "names with dots": mapping_of(time={"from": "stamp"}, category={"from": "a b.c"}, outcome=OUTCOME),
}  # fmt: skip
RATES = mapping_of(time={"from": "stamp"}, sampling_rate={"from": "rate_text"})
STRUCTS = mapping_of(
    time={"from": "stamp"}, category={"from": "ctx.deep.n"}, cohort={"from": "ctx.tier"}, language={"from": "ctx.deep.a.b"},
    record={"from": "id"}, outcome={**OUTCOME, "from": "ctx.tier"},
)  # fmt: skip


@pytest.fixture(scope="session")
def log(server):
    """The nasty log on the server, and as a file."""
    return server.give(nasty(structs=server.has_structs))


@pytest.mark.parametrize("name", MAPPINGS)
def test_counts_are_equal(name, connection, log, tmp_path):
    table, path = log
    mapping = MAPPINGS[name]
    assert_equal(embedded(path, mapping, tmp_path), elsewhere(connection, table, mapping))


def test_structs_by_dotted_names(server, connection, log, tmp_path):
    if not server.has_structs:
        pytest.skip("this engine has no structs")
    table, path = log
    assert_equal(embedded(path, STRUCTS, tmp_path), elsewhere(connection, table, STRUCTS))


def test_compiled_queries_count_alike(server, connection, log, tmp_path):
    """The other tests let Spark interpret its queries, for compiling them takes most of their time."""
    if server.name != "spark":
        pytest.skip("only Spark is told not to compile")
    usual = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
    before = {name: connection.session.conf.get(name) for name in usual}
    table, path = log
    try:
        for name, value in usual.items():
            connection.session.conf.set(name, value)
        mapping = MAPPINGS["everything"]
        assert_equal(embedded(path, mapping, tmp_path), elsewhere(connection, table, mapping))
        mapping = MAPPINGS["zone"]
        assert_equal(embedded(path, mapping, tmp_path), elsewhere(connection, table, mapping))
    finally:
        for name, value in before.items():
            connection.session.conf.set(name, value)
