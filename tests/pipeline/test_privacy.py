"""What belongs to people or opens doors stays in the store: no report, no message and no `inspect` shows it.

Each text of a log is replaced in turn by a credential, an address, a telephone number and a prompt.
"""

from __future__ import annotations

import copy
import gzip
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.workshop import (
    GATEWAY_MAP,
    audit,
    csv_text,
    gateway_rows,
    inspect_log,
    samples,
    source,
    write_project,
)

from auditgen.cli import run

DATA = Path(__file__).parents[1] / "data"
PLANTED = {
    "token": ("Bearer zq9TokenZq9TokenZq9Token01", "zq9Token"),
    "mail": ("zelda.privat@example.org", "zelda"),
    "phone": ("+49 170 7654321", "7654321"),
    "prompt": ("kindly explain whether Hannelore may mix warfarin with wine", "Hannelore"),
}
MARKS = [mark for _, mark in PLANTED.values()]
LEAVES_AT_MOST = 400
Json = dict[str, Any]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to every text of a record."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value[:1]):
            yield from leaves(inner, (*path, place))
    elif isinstance(value, str):
        yield path


def planted(record: Any, path: tuple[Any, ...], text: str) -> Any:
    """A copy of the record with another text at one place."""
    out = copy.deepcopy(record)
    at = out
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = text
    return out


def variants(records: list[Any]) -> list[Any]:
    """The records, and one more for each text of them and each thing to plant there."""
    out, seen = list(records), set()
    for record in records:
        for path in leaves(record):
            if path in seen or len(seen) >= LEAVES_AT_MOST:
                continue
            seen.add(path)
            out += [planted(record, path, text) for text, _ in PLANTED.values()]
    return out


def as_lines(records: list[Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def lines_of(name: str) -> list[Any]:
    data = (DATA / name).read_bytes()
    text = gzip.decompress(data) if name.endswith(".gz") else data
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def gateway() -> list[Json]:
    from datetime import date

    rows: list[Json] = [
        {**row, "user": "someone", "asked": "something", "note": "nothing"}
        for row in gateway_rows([date(2026, 7, 1), date(2026, 7, 2)])
    ]
    return rows


def logs() -> dict[str, tuple[str, bytes, Json]]:
    """By name: the file, its bytes, and the mapping of its source."""
    rows = gateway()
    mapping = {**GATEWAY_MAP, "cohort": {"from": "note"}, "category": {"from": "asked"}, "endpoint": {"from": "user"}}
    spread = [{**row} for row in rows]
    places = list(rows[0])
    for number, (name, (text, _)) in enumerate((n, p) for n in places for p in PLANTED.values()):
        spread[number % len(spread)] = {**rows[number % len(rows)], name: text}
    return {
        "csv": ("log.csv", csv_text(spread).encode(), GATEWAY_MAP),
        "csv, every column mapped": ("log.csv", csv_text(spread).encode(), mapping),
        "jsonl": ("log.jsonl", as_lines(variants(rows[:2])), GATEWAY_MAP),
        "jsonl, every column mapped": ("log.jsonl", as_lines(variants(rows[:2])), mapping),
        "litellm, words mapped": (
            "l.jsonl",
            as_lines(variants(lines_of("litellm/standard_logging.jsonl")[:2])),
            {"cohort": {"from": "model", "values": {"x": "x"}}, "category": {"from": "call_type"}},
        ),
        "litellm": ("l.jsonl", as_lines(variants(lines_of("litellm/standard_logging.jsonl")[:2])), {}),
        "bedrock": ("b.jsonl", as_lines(variants(lines_of("bedrock/invocations.json.gz")[:2])), {}),
        "otlp": ("o.jsonl", as_lines(variants(lines_of("otlp/traces.jsonl")[:1])), {}),
    }


def found_in(text: str) -> dict[str, str]:
    """Marks that stand in a text, with a little of what is around them."""
    out = {}
    for mark in MARKS:
        place = text.find(mark)
        if place >= 0:
            out[mark] = re.sub(r"\s+", " ", text[max(0, place - 160) : place + 60])
    return out


def texts_of(path: Path) -> Iterator[str]:
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            for name in book.namelist():
                yield book.read(name).decode("utf-8", "replace")
    else:
        yield path.read_bytes().decode("utf-8", "replace")


@pytest.mark.parametrize("kind", list(logs()))
def test_no_report_and_no_message_shows_it(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, data, mapping = logs()[kind]
    sources = [source("lab", "evidence/lab*"), source("gateway", f"evidence/{name}", map=mapping)]
    also = [
        {"id": f"a{n}", "indicator": indicator, "sources": ["gateway"]}
        for n, indicator in enumerate(["production-refusal", "guardrail-deny-but-allowed", "monitoring-coverage"])
    ]
    project = write_project(
        tmp_path / "p", audit(sources=sources, also_measured=also), {"evidence/lab.json": inspect_log(samples(60)), f"evidence/{name}": data}
    )
    out = tmp_path / "out"
    code = run(
        ["report", str(project), "-o", str(out), "--unsigned", "--formats", "json,html,xlsx", "--as-of", "2026-10-05"]
    )
    said = capsys.readouterr()
    leaks = {"messages": found_in(said.out + said.err)}
    assert code == 0, said.err
    for path in sorted(out.rglob("*")):
        if path.is_file():
            for text in texts_of(path):
                leaks[path.name] = leaks.get(path.name, {}) | found_in(text)
    assert {place: marks for place, marks in leaks.items() if marks} == {}
    assert {".json", ".html", ".xlsx"} <= {path.suffix for path in out.rglob("*")}


@pytest.mark.parametrize("kind", list(logs()))
def test_inspect_does_not_show_it(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, data, _ = logs()[kind]
    path = tmp_path / name
    path.write_bytes(data)
    for more in ([], ["--format", "json"]):
        run(["inspect", str(path), *more])
        said = capsys.readouterr()
        assert found_in(said.out + said.err) == {}
