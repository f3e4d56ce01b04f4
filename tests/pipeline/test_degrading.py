"""Whatever is taken away from the evidence, or made worse, nothing turns into met or supported.

What is taken away is expected evidence: of files that nobody announced, no tool can know.
"""

from __future__ import annotations

import copy
import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.workshop import (
    AS_OF,
    RUN_AT,
    audit,
    conclusions,
    criterion,
    inspect_log,
    judged,
    sample,
    source,
    verdicts,
    write_project,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.errors import NothingToAssess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from helpers.workshop import Json

SLOW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def rows(draw: Callable[..., Any], refused: int, complied: int, first: int) -> list[Json]:
    """Samples of which some complied, some were never scored and some failed."""
    kinds = [True] * refused + [False] * complied
    kinds = draw(st.permutations(kinds)) if draw(st.booleans()) else kinds
    out = [sample(first + n, kind, watched=bool(n % 2)) for n, kind in enumerate(kinds)]
    out += [sample(first + 5000 + n, None, watched=True) for n in range(draw(st.integers(0, 3)))]
    return out


@st.composite
def evidence(draw: Callable[..., Any]) -> tuple[Json, dict[str, Json]]:
    """A project near its thresholds, with everything that is there announced beforehand."""
    value = audit()
    wanted = [
        criterion("C1", sources=["lab"], at_least=draw(st.sampled_from([0.7, 0.85, 0.9]))),
        criterion(
            "C2",
            indicator="disallowed-completion",
            sources=["lab", "other"],
            at_most=draw(st.sampled_from([0.05, 0.15, 0.3])),
        ),
        criterion("C3", indicator="compliance-gap", sources=["other"], within=0.3),
    ]
    value["principles"] = [
        {"id": f"P{n}", "title": "T", "promise": "It does.", "criteria": [one]}
        for n, one in enumerate(wanted, 1)
    ]
    value["sources"] = [source("lab", "evidence/lab*"), source("other", "evidence/other*")]
    for block in value["sources"]:
        block["map"] = {**copy.deepcopy(block["map"]), "watch": WATCH}
    files: dict[str, Json] = {}
    expected = []
    for name in ("lab", "other"):
        decided = 0
        for number in range(draw(st.integers(1, 2))):
            refused, complied = draw(st.integers(40, 120)), draw(st.integers(0, 25))
            log = inspect_log(
                rows(draw, refused, complied, 10_000 * number), run=f"{name}-{number}", task=name
            )
            files[f"evidence/{name}-{number}.json"] = log
            decided += refused + complied
        expected.append({"id": f"X-{name}", "title": name, "source": name, "min_n": decided})
    value["expected"] = expected
    return value, files


WATCH = {
    "from": "metadata.watched",
    "values": {"true": "monitored", "false": "unmonitored"},
    "basis": "cue",
}


def some(draw: Callable[..., Any], files: Mapping[str, Json]) -> tuple[Json, list[Json]]:
    """One log, and some of its samples."""
    log = files[draw(st.sampled_from(sorted(files)))]
    if not log["samples"]:  # an earlier step took them all
        return log, []
    count = draw(st.integers(1, len(log["samples"])))
    start = draw(st.integers(0, len(log["samples"]) - count))
    chosen: list[Json] = log["samples"][start : start + count]
    return log, chosen


def drop_file(draw: Callable[..., Any], value: Json, files: dict[str, Json]) -> None:
    del files[draw(st.sampled_from(sorted(files)))]


def drop_source(draw: Callable[..., Any], value: Json, files: dict[str, Json]) -> None:
    name = draw(st.sampled_from(["lab", "other"]))
    for path in [path for path in files if f"/{name}" in path]:
        del files[path]


def drop_samples(draw: Callable[..., Any], value: Json, files: dict[str, Json]) -> None:
    log, chosen = some(draw, files)
    log["samples"] = [one for one in log["samples"] if one not in chosen]


def drop_bad_samples(draw: Callable[..., Any], value: Json, files: dict[str, Json]) -> None:
    for log in files.values():
        log["samples"] = [
            s for s in log["samples"] if s["scores"].get("judge", {}).get("value") != 0
        ]


def unscore(draw: Callable[..., Any], value: Json, files: dict[str, Json]) -> None:
    for one in some(draw, files)[1]:
        one["scores"] = {}


def unscore_bad(draw: Callable[..., Any], value: Json, files: dict[str, Json]) -> None:
    for log in files.values():
        for one in log["samples"]:
            if one["scores"].get("judge", {}).get("value") == 0:
                one["scores"] = {}


def fail(draw: Callable[..., Any], value: Json, files: dict[str, Json]) -> None:
    for one in some(draw, files)[1]:
        one["error"] = {"message": "503"}


def forget(draw: Callable[..., Any], value: Json, files: dict[str, Json]) -> None:
    """The expectation, the watch condition or the version of some samples is no longer said."""
    field = draw(st.sampled_from(["request", "watched"]))
    for one in some(draw, files)[1]:
        one["metadata"].pop(field, None)


def age(draw: Callable[..., Any], value: Json, files: dict[str, Json]) -> None:
    log = files[draw(st.sampled_from(sorted(files)))]
    days = draw(st.sampled_from([1, 100, 300, 1000]))
    at = (RUN_AT - timedelta(days=days)).isoformat()
    log["eval"]["created"] = at
    log["stats"] = {"started_at": at, "completed_at": at}
    for one in log["samples"]:
        one["completed_at"] = at


def undate(draw: Callable[..., Any], value: Json, files: dict[str, Json]) -> None:
    log = files[draw(st.sampled_from(sorted(files)))]
    log["eval"].pop("created", None)
    log["stats"] = {}
    for one in log["samples"]:
        one.pop("completed_at", None)


def rename(draw: Callable[..., Any], value: Json, files: dict[str, Json]) -> None:
    files[draw(st.sampled_from(sorted(files)))]["eval"]["model"] = draw(
        st.sampled_from(["", "model-0"])
    )


def nearer(draw: Callable[..., Any], value: Json, files: dict[str, Json]) -> None:
    wanted = draw(st.sampled_from(["internal_separate", "internal"]))
    draw(st.sampled_from(value["sources"]))["provider"]["independence"] = wanted


def damage(draw: Callable[..., Any], value: Json, files: dict[str, Json]) -> None:
    name = draw(st.sampled_from(sorted(files)))
    text = json.dumps(files.pop(name))
    files[name] = {"cut": text[: draw(st.integers(0, len(text) - 1))]}


WORSE = [
    drop_file,
    drop_source,
    drop_samples,
    drop_bad_samples,
    unscore,
    unscore_bad,
    fail,
    forget,
    age,
    undate,
    rename,
    nearer,
    damage,
]


def outcome(value: Json, files: Mapping[str, Json]) -> tuple[dict[str, str], dict[str, str]]:
    """Verdicts and conclusions; a project about nothing has none."""
    with tempfile.TemporaryDirectory() as folder:
        written: dict[str, Json | str | bytes] = {
            name: log.get("cut", log) for name, log in files.items()
        }
        try:
            made = judged(write_project(Path(folder), value, written), AS_OF)
        except NothingToAssess:
            return {}, {}
        return verdicts(made), conclusions(made)


@SLOW
@given(evidence(), st.data())
def test_worse_evidence_never_helps(
    project: tuple[Json, dict[str, Json]], data: st.DataObject
) -> None:
    value, files = project
    external = data.draw(st.booleans())
    for principle in value["principles"]:
        principle["criteria"][0]["independence"] = "external" if external else "self"
    before, concluded = outcome(value, files)
    for change in data.draw(st.lists(st.sampled_from(WORSE), min_size=1, max_size=3)):
        if all("cut" not in log for log in files.values()) and files:
            change(data.draw, value, files)
    after, reached = outcome(value, files)
    for name, verdict in after.items():
        if verdict == "met":
            assert before[name] == "met", name
    for name, conclusion in reached.items():
        if conclusion.startswith("supported"):
            assert concluded[name].startswith("supported"), name


@SLOW
@given(evidence(), st.data())
def test_hiding_one_bad_answer_never_helps(
    project: tuple[Json, dict[str, Json]], data: st.DataObject
) -> None:
    """The smallest lie: of one answer that speaks against the promise, nothing is known any more."""
    value, files = project
    bad = [
        one
        for log in files.values()
        for one in log["samples"]
        if one["scores"].get("judge", {}).get("value") == 0
    ]
    if not bad:
        return
    before, _ = outcome(value, files)
    one = data.draw(st.sampled_from(bad))
    hide = data.draw(st.sampled_from(["scores", "error", "request", "watched", "sample"]))
    if hide == "scores":
        one["scores"] = {}
    elif hide == "error":
        one["error"] = {"message": "timeout"}
    elif hide == "sample":
        for log in files.values():
            log["samples"] = [s for s in log["samples"] if s is not one]
    else:
        one["metadata"].pop(hide)
    after, _ = outcome(value, files)
    for name, verdict in after.items():
        if verdict == "met":
            assert before[name] == "met", name
