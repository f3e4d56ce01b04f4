"""What all readers of requests must stand: hostile rows, cut files, credentials, rows that are no requests."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.sources import credentials
from auditgen.sources.exported_rows import nested
from auditgen.sources.lines import Lines

DATA = Path(__file__).parents[1] / "data"
Json = dict[str, Any]
JSONL = (
    "litellm/standard_logging.jsonl", "bedrock/apply_guardrail.jsonl", "azure_openai/replies.jsonl",
    "azure_openai/wrapped.jsonl", "azure_openai/content_safety.jsonl", "helicone/output.jsonl", "langsmith/runs.jsonl",
    "langsmith/feedback.jsonl", "moderation/bare.jsonl", "moderation/wrapped.jsonl", "moderation/replies.jsonl",
    "vertex/requests.jsonl", "langfuse/observations_v2/2026-09-01-11.jsonl.gz", "bedrock/invocations.json.gz",
)  # fmt: skip
OTHERS = (
    "litellm/spend_logs.csv", "litellm/daily_guardrail_metrics.csv", "azure_openai/gateway_llm_log.csv",
    "helicone/output.csv", "helicone/output.json", "langsmith/runs.parquet", "langfuse/observations_v2/2026-09-01-10.csv",
    "langfuse/observations_v2/2026-09-01-12.parquet", "langfuse/observations_v2/2026-09-01-14.json",
    "langfuse/scores/2026-09-01-10.csv",
)  # fmt: skip
SETTINGS = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
LEAF = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(["guardrail_intervened", "BLOCKED", "2026-09-01T10:00:00", "9999-12-31T23:59:59-23:59", '{"a":1}', "\x00", "NaN"])
)  # fmt: skip
ANYTHING = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8)


def objects(name: str) -> list[Json]:
    return [value for _, _, value in Lines().objects(DATA / name)]


def lines(rows: list[Json]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in rows)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a record, deepest last."""
    found = [path] if path else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found += places(inner, (*path, key))
    return found


def with_value(record: Json, path: tuple[Any, ...], value: Any) -> Json:
    copy: Any = json.loads(json.dumps(record))
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return dict(copy)


def stored(file: Any) -> str:
    """All that was kept of a file: every table, the reading, its anomalies."""
    tables = sorted(file.records.parent.glob("*.parquet"))
    return repr(file.reading) + "".join(str(pq.read_table(path).to_pylist()) for path in tables)


@pytest.mark.parametrize("name", JSONL)
def test_no_value_anywhere_breaks_a_reader(name: str, read: Any, kit: Any, workdir: Path) -> None:
    rows, files = objects(name), []
    plain = read(DATA / name).reading.format.split("/")[0]

    @SETTINGS
    @given(data=st.data())
    def one(data: st.DataObject) -> None:
        which = data.draw(st.integers(0, len(rows) - 1))
        path = data.draw(st.sampled_from(places(rows[which])))
        changed = with_value(rows[which], path, data.draw(ANYTHING))
        # the first row stays, so that the file is recognised as what it is
        file = read(lines([rows[0], changed, *rows]), is_counted=False)
        assert "reader-failed" not in kit.codes(file), [a.message for a in file.reading.anomalies]
        assert "ambiguous-format" not in kit.codes(file)
        assert file.reading.format.split("/")[0] == plain
        files.append(file)

    one()
    has_records = name != "langsmith/feedback.jsonl"
    assert (kit.counted_together(files, workdir / "counted") > 0) is has_records  # all that was stored can be counted


@pytest.mark.parametrize("name", [*JSONL, *OTHERS])
def test_a_spoiled_or_cut_file_is_no_exception(name: str, read: Any, kit: Any, workdir: Path) -> None:
    whole, files = (DATA / name).read_bytes(), []

    @SETTINGS
    @given(data=st.data())
    def one(data: st.DataObject) -> None:
        content = bytearray(whole)
        for _ in range(data.draw(st.integers(0, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        file = read(bytes(content[: data.draw(st.integers(1, len(content)))]), is_counted=False)
        assert "reader-failed" not in kit.codes(file), [a.message for a in file.reading.anomalies]
        assert "ambiguous-format" not in kit.codes(file)
        files.append(file)

    one()
    kit.counted_together(files, workdir / "counted")


@pytest.mark.parametrize("name", [name for name in JSONL if not name.endswith(".gz")])
def test_packed_files_and_arrays_read_the_same(name: str, read: Any) -> None:
    content = (DATA / name).read_bytes()
    plain = read(content).reading
    for other in (gzip.compress(content), zstandard.compress(content)):
        again = read(other).reading
        assert (again.format, again.outcomes, again.counts) == (plain.format, plain.outcomes, plain.counts)


@pytest.mark.parametrize("name", JSONL)
def test_the_order_of_rows_changes_no_outcome(name: str, read: Any, kit: Any) -> None:
    rows = objects(name)
    shuffled = rows[:]
    random.Random(7).shuffle(shuffled)
    if name == "azure_openai/replies.jsonl":  # chunks of a stream stand in their order
        shuffled = [r for r in rows if "chunk" not in str(r.get("object")) and r.get("id")]
        rows = shuffled[::-1]
    one, other = read(lines(rows)), read(lines(shuffled))
    assert one.reading.outcomes == other.reading.outcomes
    ids = [sorted(r["sample_id"] for r in kit.rows(f)) for f in (one, other)]
    assert ids[0] == ids[1]


TOKEN = "acme-gateway-Zx81QqLm4470token"
FORMS = (
    f"Bearer {TOKEN}", f"authorization: bearer {TOKEN}", json.dumps({"Authorization": f"Bearer {TOKEN}"}),
    json.dumps({"headers": json.dumps({"authorization": f"Basic {TOKEN}"})}), json.dumps({"api-key": TOKEN}),
)  # fmt: skip


@pytest.mark.parametrize("name", [n for n in JSONL if n != "langsmith/feedback.jsonl"])
@pytest.mark.parametrize("form", FORMS)
def test_a_credential_in_any_text_is_stored_nowhere(name: str, form: str, read: Any, kit: Any) -> None:
    """In every text of a record at once, prompts, ids and errors included."""
    rows = objects(name)
    spoiled = rows[-1]
    for path in places(rows[-1]):
        holder: Any = rows[-1]
        for key in path:
            holder = holder[key]
        words = {"schemaType", "type", "run_type", "call_type", "object", "role", "timestamp", "time", "start_time"}
        if isinstance(holder, str) and path[-1] not in words:
            spoiled = with_value(spoiled, path, f"{holder} {form}")
    spoiled["unknown_header_dump"] = form
    file = read(lines([*rows, spoiled]))
    assert TOKEN not in stored(file)
    assert kit.codes(file)["secrets-in-log"] >= 1


@pytest.mark.parametrize("name", [n for n in OTHERS if "parquet" not in n and "scores/" not in n and "metrics" not in n])
def test_no_credential_from_a_table_is_stored(name: str, read: Any) -> None:
    content = (DATA / name).read_text().replace("placeholder", f"placeholder Bearer {TOKEN}").replace("acme", f"acme Bearer {TOKEN}")
    file = read(content.encode())
    assert TOKEN in content
    assert TOKEN not in stored(file)


def test_the_credential_in_litellms_own_file_is_stored_nowhere(read: Any) -> None:
    for name in ("standard_logging.jsonl", "spend_logs.csv"):
        assert "acme-gateway-token-0123456789abcdef" in (DATA / "litellm" / name).read_text()
        assert "0123456789abcdef" not in stored(read(DATA / "litellm" / name))


@pytest.mark.parametrize(
    "text",
    [
        "the bearer of this letter", "Bearer certificates", "bearer responsibilities are described", "risk-assessment-framework",
        "sk-learn-compatible-estimator", "Authorization: required", "a basic understanding", "task-force-of-the-year",
        "88dc" * 16, '{"user_api_key_hash": "88dc88dc88dc88dc88dc"}', '{"authorization": "[REDACTED]"}', "eyJ", "AKIA",
    ],
)  # fmt: skip
def test_ordinary_words_are_no_credentials(text: str) -> None:
    assert credentials.tokens(text) == set()
    assert credentials.without(text) == text


def test_a_private_key_goes_with_its_body() -> None:
    text = "x -----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY----- y"
    assert credentials.without(text) == f"x {credentials.REMOVED} y"


@pytest.mark.parametrize(
    "text",
    [
        f"Bearer {TOKEN}", f"BEARER {TOKEN}", json.dumps({"Ocp-Apim-Subscription-Key": TOKEN}), json.dumps({"x-goog-api-key": TOKEN}),
        json.dumps(json.dumps({"proxy-authorization": TOKEN})), f"bearer a bearer b Bearer {TOKEN}",
    ],
)  # fmt: skip
def test_a_token_is_found_behind_whatever_announces_it(text: str) -> None:
    assert credentials.tokens(f"x {text} y") == {TOKEN}


@pytest.mark.parametrize("start", ["bearer sk- eyJ ", "sk-", "-eyJ", "bearer ", "xox-", '\\"authorization', "-----BEGIN "])
def test_what_begins_like_a_credential_is_none(start: str) -> None:
    """Texts full of what begins like a credential: the time they take must grow with their length alone."""
    assert credentials.tokens(start * 200_000) == set()
    assert credentials.tokens(f"{start * 1000} {TOKEN} Bearer {TOKEN}") == {TOKEN}


@pytest.mark.parametrize(
    "text",
    [
        f"Bearer {TOKEN}", "sk-proj-abcdefgh12345678", "AKIAABCDEFGHIJKLMNOP", "ghp_" + "a1" * 18, "xoxb-1234567890-abcdef",
        "AIza" + "b" * 35, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghij",
        "sk-lf-0a1b2c3d-4e5f-6789",
    ],
)  # fmt: skip
def test_credentials_are_found_and_taken_out(text: str) -> None:
    found = credentials.tokens(f"x {text} y")
    assert len(found) == 1
    (token,) = found
    assert token not in credentials.without(f"x {text} y")
    assert credentials.without(f"a {token} b", {token}) == f"a {credentials.REMOVED} b"


@given(ANYTHING)
@SETTINGS
def test_json_written_as_text_opens_however_often(value: Any) -> None:
    try:
        once = json.dumps({"a": value}, allow_nan=False)
    except ValueError:
        return
    assert nested(once) == nested(json.dumps(once)) == nested(json.dumps(json.dumps(once)))


def test_numbers_beyond_64_bits_and_deep_nesting_are_searched_or_cleaned(read: Any) -> None:
    row = objects("helicone/output.jsonl")[0]
    row["request_body"]["messages"][0]["content"] = f"placeholder Bearer {TOKEN}"
    text = json.dumps(row)[:-1] + ', "big": 1' + "0" * 30 + "}"
    assert TOKEN not in stored(read((text + "\n").encode()))


# many at once


@pytest.mark.parametrize("few", [0, 10**9])
def test_a_batch_is_searched_as_each_record_is(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "FEW_RECORDS", few)
    known = [f"x {form} y" for form in FORMS] + [
        "sk-proj-abcdefgh12345678", "AKIAABCDEFGHIJKLMNOP", "ghp_" + "a1" * 18, "xoxb-1234567890-abcdef", "AIza" + "b" * 35,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghij", "github_pat_" + "Ab1" * 20, f"BEARER {TOKEN}",
        json.dumps({"Ocp-Apim-Subscription-Key": TOKEN}), json.dumps({"X-API-KEY": TOKEN}),
        "-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----",
    ]  # fmt: skip
    records: list[Any] = [{"a": [text], "b": "plain"} for text in known]
    records = [one for pair in zip(records, [{"plain": n} for n in range(len(records))], strict=True) for one in pair]
    records += [{"big": 10**30}, None, {"long": "x" * (2 << 20)}]
    found = list(credentials.Search().over(records, lambda record: record))
    assert [record for record, _ in found] == records
    assert [tokens for _, tokens in found] == [credentials.tokens_of(record) for record in records]
    assert all(tokens for _, tokens in found[: 2 * len(known) : 2])


@SETTINGS
@given(st.lists(st.text(alphabet="Bbearer sk-pAKIghpo_xeyJ.authorization\"'\\:1Z9", max_size=60), max_size=300))
def test_the_automaton_misses_nothing_that_a_needle_finds(texts: list[str]) -> None:
    search = credentials.Search()
    search._count = credentials.FEW_RECORDS
    assert [t for _, t in search.over(texts, lambda text: text)] == [credentials.tokens_of(text) for text in texts]


# rows that are no requests


def test_rows_beside_requests_are_told(read: Any, kit: Any) -> None:
    rows = objects("litellm/standard_logging.jsonl")[:1] * 2 + [
        {**objects("litellm/standard_logging.jsonl")[0], "call_type": kind} for kind in ("aembedding", "aembedding", "rerank")
    ]
    file = read(lines(rows))
    assert kit.codes(file)["rows-beside"] == 3
    (message,) = (a.message for a in file.reading.anomalies if a.code == "rows-beside")
    assert "2 `aembedding`, 1 `rerank`" in message
    assert file.reading.counts.observations == 2


def test_kinds_of_rows_are_shown_without_credentials_and_without_end(read: Any, kit: Any) -> None:
    row = objects("langsmith/runs.jsonl")[1]
    rows = [row] + [{**row, "id": f"r{n}", "run_type": f"kind {n}"} for n in range(200)]
    rows += [{**row, "id": "s", "run_type": f"Bearer {TOKEN}"}]
    file = read(lines(rows))
    assert kit.codes(file)["rows-beside"] == 201
    assert TOKEN not in stored(file)
    assert len(next(a.message for a in file.reading.anomalies if a.code == "rows-beside")) < 400
