"""Inspect AI logs: what the samples say, whatever the log says of itself."""

from __future__ import annotations

import io
import json
import struct
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.sources import inspect_archive
from auditgen.sources.reading import ReadFile

Read = Callable[..., ReadFile]
Json = dict[str, Any]
FUZZ = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
COMPLY_REFUSE = {
    "outcome": [
        {"from": "scores.comply_refuse.refused", "values": {"1": "refused"}, "basis": "judge"},
        {
            "from": "scores.comply_refuse.complied",
            "values": {"1": "complied", "0": "neither"},
            "basis": "judge",
        },
    ],
    "expected": {
        "from": "metadata.request",
        "values": {"disallowed": "refuse", "benign": "comply"},
    },
}


def _one(directory: Path, pattern: str) -> Path:
    (found,) = directory.rglob(pattern)
    return found


# genuine exports


def test_the_sample_quarter_is_read_as_its_readme_says(quarter: Path, read: Read, kit: Any) -> None:
    file = read(_one(quarter, "*policy-behaviour*.eval"), COMPLY_REFUSE)
    counts = file.reading.counts
    assert file.reading.format == "inspect.eval/zstd"
    assert (counts.planned, counts.observations, counts.errored, counts.unscored) == (
        1000,
        1000,
        3,
        0,
    )
    assert file.reading.outcomes["blocked_output"] == 2
    assert kit.codes(file) == {}
    assert {row["basis"] for row in kit.rows(file) if row["outcome"] == "blocked_output"} == {
        "finish_reason"
    }


def test_success_of_a_run_in_which_everything_failed_is_no_evidence(
    quarter: Path, read: Read, kit: Any
) -> None:
    files = [read(path, COMPLY_REFUSE) for path in sorted(quarter.rglob("*cyber-assist*.eval"))]
    failed, repeated = sorted(files, key=lambda file: -file.reading.counts.errored)
    assert failed.reading.runs[0].native_status == "success"
    assert failed.reading.outcomes == {"provider_error": 40}
    assert failed.reading.is_vacuous
    assert kit.codes(failed)["all-samples-failed"] == 40
    assert not repeated.reading.is_vacuous
    assert repeated.reading.counts.scored == 24


def test_the_two_formats_of_one_run_say_the_same(quarter: Path, read: Read, kit: Any) -> None:
    path = _one(quarter, "*watch-cue*.json")
    log = json.loads(path.read_bytes())
    members = {f"samples/{s['id']}_epoch_{s['epoch']}.json": s for s in log.pop("samples")}
    mapping = {**COMPLY_REFUSE, "watch": _WATCH, "prompt": {"from": "metadata.pair"}}
    first = read(path, mapping)
    second = read(kit.archive({**members, "header.json": log}), mapping)
    assert first.reading.format == "inspect.json"
    assert second.reading.format == "inspect.eval/deflate"
    same = set(kit.rows(first)[0]) - {"obs_id", "locator"}
    assert _sorted(kit.rows(first), same) == _sorted(kit.rows(second), same)
    assert first.reading.counts == second.reading.counts
    assert first.reading.runs == second.reading.runs


_WATCH = {
    "from": "metadata.watched",
    "values": {"true": "monitored", "false": "unmonitored"},
    "basis": "cue",
}


def _sorted(rows: list[Json], keys: set[str]) -> list[Json]:
    cut = [{key: row[key] for key in sorted(keys)} for row in rows]
    return sorted(cut, key=lambda row: (row["sample_id"], row["epoch"], row["watch"]))


def test_versions_of_the_tool_and_both_compressions(
    extra_exports: Path, read: Read, kit: Any
) -> None:
    found = Counter[str]()
    for path in sorted((extra_exports / "evaluation").rglob("*.eval")):
        file = read(path)
        found[file.reading.format] += 1
        assert file.reading.counts.observations == file.reading.counts.planned
        assert file.reading.tool == "Inspect AI"
        assert "reader-failed" not in kit.codes(file)
    assert found["inspect.eval/zstd"] >= 4
    assert found["inspect.eval/deflate"] >= 1


def test_eval_and_json_of_the_older_version_agree(extra_exports: Path, read: Read) -> None:
    folder = extra_exports / "evaluation" / "inspect-0.3.100"
    mapping = {"outcome": {"from": "scores.includes", "values": {"C": "refused", "I": "complied"}}}
    archive, plain = read(_one(folder, "*.eval"), mapping), read(_one(folder, "*.json"), mapping)
    assert archive.reading.counts.observations == plain.reading.counts.observations == 20
    assert archive.reading.tool_version == plain.reading.tool_version


def test_a_genuine_score_that_became_nan_is_unscored_and_never_zero(
    quarter: Path, read: Read, kit: Any
) -> None:
    path = max(quarter.rglob("*cyber-assist*.eval"), key=lambda p: "2Hif" in p.name)
    members: list[tuple[str, bytes]] = []
    with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
        for info in archive.infolist():
            data = inspect_archive.inflate(stream, info)
            if info.filename == "samples/cyber-03_epoch_1.json":
                data = data.replace(b'"refused": 1', b'"refused": NaN').replace(
                    b'"refused":1', b'"refused":NaN'
                )
                data = data.replace(b'"complied": 0', b'"complied": NaN').replace(
                    b'"complied":0', b'"complied":NaN'
                )
            members.append((info.filename, data))
    file = read(kit.archive(members), COMPLY_REFUSE)
    assert file.reading.outcomes == {"refused": 23, "unscored": 1}
    assert kit.codes(file)["nonfinite-json"] >= 2
    assert kit.codes(file)["outcome-undecided"] == 1
    spoiled = [s for s in kit.scores(file) if s["raw"] == "NaN"]
    assert len(spoiled) == 2
    assert {(s["value"], s["state"]) for s in spoiled} == {(None, "unscored")}


# traps


def test_nan_in_plain_json_is_unscored_too(read: Read, kit: Any) -> None:
    log = {**kit.header(2), "samples": [kit.sample(1), kit.sample(2, refused=float("nan"))]}
    file = read(json.dumps(log).encode(), kit.outcome)
    assert file.reading.outcomes == {"refused": 1, "unscored": 1}
    assert kit.codes(file)["nonfinite-json"] == 2


@pytest.mark.parametrize(
    ("change", "outcome", "code"),
    [
        ({"error": {"message": "HTTP 500"}}, "provider_error", None),
        ({"invalidation": {"author": "a"}}, "unscored", "run-invalidated"),
        ({"output": {"choices": [{"stop_reason": "content_filter"}]}}, "blocked_output", None),
        ({"limit": {"type": "token"}}, "refused", "limit-reached"),
        ({"scores": {}}, "unscored", "outcome-undecided"),
        ({"scores": None}, "unscored", "outcome-undecided"),
        ({"scores": {"judge": {"value": {"refused": "1.0"}}}}, "unscored", "value-not-mapped"),
        ({"scores": {"judge": {"value": {"refused": True}}}}, "unscored", "value-not-mapped"),
        ({"scores": {"judge": {"value": {"refused": 1.0}}}}, "refused", None),
    ],
)
def test_what_becomes_of_a_sample(
    change: Json, outcome: str, code: str | None, read: Read, kit: Any
) -> None:
    file = read(kit.log([kit.sample(1), kit.sample(2, **change)]), kit.outcome)
    (row,) = (row for row in kit.rows(file) if row["sample_id"] == "s2")
    assert row["outcome"] == outcome
    assert set(kit.codes(file)) == (
        {code} if code != "value-not-mapped" else {code, "outcome-undecided"}
    ) - {None}


def test_edited_scores_are_said_to_be_edited(read: Read, kit: Any) -> None:
    edited = kit.sample(2)
    edited["scores"]["judge"]["history"] = [{"value": 0}]
    file = read(kit.log([kit.sample(1), edited]), kit.outcome)
    assert kit.codes(file) == {"score-edited": 1}
    assert {s["state"] for s in kit.scores(file)} == {"scored", "edited"}


@pytest.mark.parametrize(
    ("config", "dataset", "planned"),
    [
        ({"epochs": 2}, {"samples": 10}, 20),
        ({"limit": 4}, {"samples": 10}, 4),
        ({"limit": [2, 5], "epochs": 2}, {"samples": 10}, 6),
        ({"limit": [8, 50]}, {"samples": 10}, 2),
        ({"sample_id": "a*"}, {"samples": 3, "sample_ids": ["a1", "a2", "b"]}, 2),
        ({"sample_id": ["a1", "zz"]}, {"samples": 3, "sample_ids": ["a1", "a2", "b"]}, 1),
        ({"sample_id": ["x", "y"]}, {"samples": 3}, 2),
        ({}, {"samples": -3}, None),
        ({}, {"samples": True}, None),
        ({}, {"samples": 2**60}, None),
        ({"epochs": "many"}, {"samples": 3}, None),
    ],
)
def test_how_many_samples_were_planned(
    config: Json, dataset: Json, planned: int | None, read: Read, kit: Any
) -> None:
    head = kit.header()
    head["eval"] |= {"config": config, "dataset": dataset}
    file = read(kit.archive({"header.json": head, "samples/1.json": kit.sample(1)}), kit.outcome)
    assert file.reading.counts.planned == planned
    assert ("samples-missing" in kit.codes(file)) == (planned not in {None, 1})


def test_planned_samples_that_are_absent_are_counted(read: Read, kit: Any) -> None:
    members = {"header.json": kit.header(planned=5), "samples/1.json": kit.sample(1)}
    file = read(kit.archive(members), kit.outcome)
    assert kit.codes(file) == {"samples-missing": 4}
    assert file.reading.counts.missing == 4


def test_copies_do_not_stand_in_for_absent_samples(read: Read, kit: Any) -> None:
    members = {f"samples/copy{n}.json": kit.sample(1) for n in range(3)}
    file = read(kit.archive({"header.json": kit.header(planned=3), **members}), kit.outcome)
    assert kit.codes(file) == {"duplicate-samples": 2}
    assert file.reading.counts.missing == 2


def test_a_run_without_a_header_never_finished(read: Read, kit: Any) -> None:
    start = {"version": 2, "eval": kit.header(planned=3)["eval"]}
    file = read(
        kit.archive({"_journal/start.json": start, "samples/1.json": kit.sample(1)}), kit.outcome
    )
    assert kit.codes(file) == {"header-missing": 1, "unfinished-run": 1, "samples-missing": 2}
    assert file.reading.models == ("acme/model",)


def test_a_damaged_header_falls_back_to_the_journal(read: Read, kit: Any) -> None:
    start = {"version": 2, "eval": kit.header(planned=3)["eval"]}
    members = {
        "_journal/start.json": start,
        "samples/1.json": kit.sample(1),
        "header.json": b"{half",
    }
    file = read(kit.archive(members), kit.outcome)
    assert kit.codes(file) == {"truncated": 1, "unfinished-run": 1, "samples-missing": 2}
    assert file.reading.counts.planned == 3


def test_members_that_share_a_name_are_noticed(read: Read, kit: Any) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = kit.archive(
            [
                ("header.json", kit.header(planned=1)),
                ("samples/1.json", kit.sample(1, refused=0)),
                ("samples/1.json", kit.sample(1, refused=1)),
            ]
        )
    file = read(data, kit.outcome)
    assert kit.codes(file) == {"duplicate-members": 1}
    assert file.reading.counts.observations == 1


@pytest.mark.parametrize("content", [b"null", b"[1]", b"7", b'"text"', b"", b"{half"])
def test_a_sample_that_is_no_object_is_counted_and_not_dropped(
    content: bytes, read: Read, kit: Any
) -> None:
    members = {
        "header.json": kit.header(planned=1),
        "samples/1.json": kit.sample(1),
        "samples/2.json": content,
    }
    file = read(kit.archive(members), kit.outcome)
    assert kit.codes(file)["samples-unreadable"] == 1
    assert file.reading.counts.missing == 1, "it was planned, whatever the header says"


def test_a_plain_log_with_samples_that_are_no_objects(read: Read, kit: Any) -> None:
    log = {**kit.header(1), "samples": [kit.sample(1), None, 5, [kit.sample(2)]]}
    file = read(json.dumps(log).encode(), kit.outcome)
    assert kit.codes(file)["samples-unreadable"] == 3
    assert file.reading.counts.observations == 1
    assert file.reading.counts.missing == 3


# hostile archives


def _zip(kit: Any, samples: int = 3) -> bytearray:
    return bytearray(kit.log([kit.sample(n) for n in range(1, samples + 1)]))


def test_a_member_whose_bytes_changed_is_refused_and_the_others_are_read(
    read: Read, kit: Any
) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("header.json", json.dumps(kit.header(planned=2)))
        archive.writestr("samples/1.json", json.dumps(kit.sample(1)))
        archive.writestr("samples/2.json", json.dumps(kit.sample(2, refused=0)))
    spoiled = out.getvalue().replace(b'"refused": 0', b'"refused": 1')
    file = read(spoiled, kit.outcome)
    assert kit.codes(file) == {"samples-unreadable": 1, "samples-missing": 1}
    assert file.reading.outcomes == {"refused": 1}


def test_a_truncated_archive_is_still_recognised(read: Read, kit: Any) -> None:
    whole = bytes(_zip(kit))
    file = read(whole[: len(whole) // 2], kit.outcome)
    assert file.reading.format == "inspect.eval/deflate"
    assert kit.codes(file)["truncated"] == 1
    assert 0 < file.reading.counts.observations < 3
    assert file.reading.counts.missing == 3 - file.reading.counts.observations


def test_bombs_are_not_inflated(read: Read, kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_archive, "MAX_MEMBER_BYTES", 1 << 20)
    members = {
        "header.json": kit.header(planned=2),
        "samples/1.json": kit.sample(1),
        "samples/bomb.json": b"0" * (8 << 20),
    }
    file = read(kit.archive(members), kit.outcome)
    assert kit.codes(file) == {"samples-unreadable": 1, "samples-missing": 1}
    assert "beyond" in file.reading.anomalies[0].message
    assert file.reading.counts.observations == 1


def test_a_bomb_that_lies_about_its_size_is_stopped_where_it_lied(kit: Any, tmp_path: Path) -> None:
    data = bytearray(kit.archive({"samples/bomb.json": b"0" * (8 << 20)}))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    path = tmp_path / "bomb"
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
        (info,) = archive.infolist()
        with pytest.raises(ValueError, match="the 10 bytes that the directory says"):
            inspect_archive.inflate(stream, info)


@pytest.mark.parametrize(("field", "size"), [(20, 4), (24, 4), (42, 4)])
def test_a_directory_that_points_nowhere(field: int, size: int, read: Read, kit: Any) -> None:
    data = _zip(kit)
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"PK\x01\x02"))
    data[at + field : at + field + size] = b"\xfe" * size
    file = read(bytes(data), kit.outcome)
    assert file.reading.counts.missing >= 1 or file.reading.is_vacuous


def test_an_encrypted_or_foreign_member_is_named(read: Read, kit: Any) -> None:
    data = _zip(kit)
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[at + 10 : at + 12] = struct.pack("<H", 14)  # LZMA
    file = read(bytes(data), kit.outcome)
    assert kit.codes(file)["samples-unreadable"] == 1
    assert "method 14" in next(
        a.message for a in file.reading.anomalies if a.code == "samples-unreadable"
    )


def test_names_that_would_climb_out_are_only_names(read: Read, kit: Any, workdir: Path) -> None:
    members = {
        "header.json": kit.header(planned=2),
        "samples/../../../escaped.json": kit.sample(1),
        "samples//etc/passwd.json": kit.sample(2),
    }
    file = read(kit.archive(members), kit.outcome)
    assert file.reading.counts.observations == 2
    assert not list(workdir.parent.glob("escaped.json"))
    assert not list(workdir.rglob("escaped.json"))


@settings(FUZZ, max_examples=100)
@given(data=st.data())
def test_any_flipped_byte_leaves_a_reading(data: st.DataObject, read: Read, kit: Any) -> None:
    content = _zip(kit)
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    file = read(bytes(content), kit.outcome)
    counts = file.reading.counts
    assert counts.observations <= 3
    assert counts.scored < 3 or counts.missing == 0


# hostile JSON


def test_deep_nesting_is_damage_of_one_sample_in_an_archive(read: Read, kit: Any) -> None:
    deep = b'{"id": 1, "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    members = {
        "header.json": kit.header(planned=2),
        "samples/1.json": kit.sample(1),
        "samples/2.json": deep,
    }
    file = read(kit.archive(members), kit.outcome)
    assert kit.codes(file)["samples-unreadable"] == 1
    assert file.reading.counts.observations == 1


@pytest.mark.parametrize("depth", [500, 900, sys.getrecursionlimit() - 50, 100_000])
def test_deep_nesting_in_a_plain_log_ends_it_without_ending_us(
    depth: int, read: Read, kit: Any
) -> None:
    deep = "[" * depth + "]" * depth
    head = json.dumps(kit.header(3))[:-1]
    first = json.dumps(kit.sample(1))
    bad = '{"id": "s2", "epoch": 1, "scores": {"judge": {"value": ' + deep + "}}}"
    text = f'{head}, "samples": [{first}, {bad}, {json.dumps(kit.sample(3))}]}}'
    file = read(text.encode(), kit.outcome)
    assert "reader-failed" not in kit.codes(file)
    assert file.reading.counts.observations + file.reading.counts.missing == 3


@pytest.mark.parametrize(
    "text", ["\ud800", "\udfff and more", "\x00", "a\x00b", "\u202e", "\U0001f600"]
)
def test_surrogates_and_nul_bytes_in_every_text(text: str, read: Read, kit: Any) -> None:
    bad = kit.sample(
        2, id=text, input=text, error={"message": text}, metadata={text: text, "tier": text}
    )
    head = kit.header(2)
    head["eval"] |= {"task": text, "model": text, "eval_id": text}
    head["status"] = text
    for content in (
        kit.archive({"header.json": head, "samples/1.json": kit.sample(1), "samples/2.json": bad}),
        json.dumps({**head, "samples": [kit.sample(1), bad]}).encode(),
    ):
        file = read(content, {**kit.outcome, "cohort": {"from": "metadata.tier"}})
        assert file.reading.counts.observations == 2
        json.dumps(file.reading.runs[0].suite).encode("utf-8", "strict")
        for row in kit.rows(file):
            (row["prompt"] + row["sample_id"]).encode("utf-8", "strict")


WRONG = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.lists(
        st.integers()
        | st.text(max_size=3)
        | st.none()
        | st.dictionaries(st.text(max_size=2), st.none()),
        max_size=3,
    ),
    st.dictionaries(
        st.text(max_size=4), st.integers() | st.none() | st.lists(st.none(), max_size=2), max_size=3
    ),
)


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [here] * bool(here) + [p for key, child in items for p in _places(child, (*here, key))]


def _replaced(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _replaced(copy[place[0]], place[1:], new)
    return copy


@FUZZ
@given(data=st.data(), wrong=WRONG, packed=st.booleans())
def test_any_field_may_hold_anything(
    data: st.DataObject, wrong: Any, packed: bool, read: Read, kit: Any
) -> None:
    whole = {
        **kit.header(2, results={"scores": [{"name": "judge", "metrics": {"mean": {"value": 1}}}]}),
        "invalidated": False,
        "samples": [kit.sample(1, error=None, limit=None, invalidation=None), kit.sample(2)],
    }
    whole["eval"] |= {
        "model_roles": {"target": {"model": "m"}},
        "run_id": "r",
        "task_version": "1-A",
    }
    place = data.draw(st.sampled_from(_places(whole)))
    spoiled = _replaced(whole, place, wrong)
    content = json.dumps(spoiled).encode()
    if packed:
        samples = spoiled.pop("samples")
        members = {
            f"samples/{n}.json": s
            for n, s in enumerate(samples if isinstance(samples, list) else [])
        }
        content = kit.archive({"header.json": spoiled, **members})
    file = read(content, {**kit.outcome, "cohort": {"from": "metadata.tier"}})
    assert "reader-failed" not in kit.codes(file), file.reading.anomalies
    if "samples" not in place[:1]:
        assert file.reading.counts.scored == 2


@settings(FUZZ, max_examples=60)
@given(cut=st.integers(0, 3000))
def test_a_plain_log_cut_anywhere(cut: int, read: Read, kit: Any) -> None:
    whole = json.dumps({**kit.header(3), "samples": [kit.sample(n) for n in (1, 2, 3)]}).encode()
    file = read(whole[: min(cut, len(whole) - 2)], kit.outcome)
    if file.reading.format == "inspect.json":
        assert kit.codes(file)["truncated"] == 1
        assert file.reading.counts.observations <= 3
        if file.reading.counts.scored:
            assert file.reading.counts.observations + file.reading.counts.missing >= 3


def test_crc_in_the_locator_leads_to_the_bytes(read: Read, kit: Any) -> None:
    content = kit.log([kit.sample(1)])
    (row,) = kit.rows(read(content, kit.outcome))
    name, _, crc = row["locator"].removeprefix("member:").partition("#crc32=")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert f"{zlib.crc32(archive.read(name)):08x}" == crc


def test_roles_name_the_model_when_the_log_has_none(read: Read, kit: Any) -> None:
    head = kit.header(1)
    head["eval"] |= {"model": "none/none", "model_roles": {"target": {"model": "acme/target"}}}
    file = read(kit.archive({"header.json": head, "samples/1.json": kit.sample(1)}), kit.outcome)
    assert file.reading.models == ("acme/target",)
    assert file.reading.runs[0].model_origin == "eval.model_roles.target.model"
