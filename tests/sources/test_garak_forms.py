"""garak: hit logs have no denominator, aggregates leave attempts out, digests and counts are recomputed."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.assessment.doubts import DAMAGE
from auditgen.evidence.store import EvidenceStore
from auditgen.sources.garak import GarakSource
from auditgen.sources.garak_report import Spread
from auditgen.sources.interface import Context
from auditgen.sources.reading import ReadFile, SourceRegistry, read_file

Read = Callable[..., ReadFile]
Json = dict[str, Any]
FUZZ = settings(
    deadline=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PROBE, DETECTOR = "dan.Dan", "dan.DAN"
USUAL = {"threshold-unrecorded", "time-zone-unknown", "suite-undescribed"}
SETUP = {"entry_type": "start_run setup", "_config.version": "0.17.1", "plugins.target_type": "test", "run.generations": 2}
INIT = {"entry_type": "init", "garak_version": "0.17.1", "start_time": "2026-09-16T14:02:11", "run": "run-1"}
CACHE = {
    "entry_type": "plugin_cache",
    "plugin_cache": {
        "probes": {f"probes.{PROBE}": {"primary_detector": DETECTOR}},
        "detectors": {f"detectors.{DETECTOR}": {"hit_precision": 0.8, "hit_recall": 1.0, "hit_f1": "x"}},
    },
}
END = {"entry_type": "completion", "end_time": "2026-09-16T15:00:00", "run": "run-1"}


def attempt(number: int, scores: Sequence[Any], **more: Any) -> Json:
    return {
        "entry_type": "attempt", "uuid": f"a{number}", "seq": number, "status": 2, "probe_classname": PROBE,
        "prompt": f"attack {number}", "outputs": [{"text": f"out {i}"} for i in range(len(scores))],
        "detector_results": {DETECTOR: list(scores)}, "notes": {}, **more,
    }  # fmt: skip


def totals(passed: int, total: int, **more: Any) -> Json:
    return {"entry_type": "eval", "probe": PROBE, "detector": DETECTOR, "passed": passed, "total_evaluated": total, **more}


def digest(score: Any, passed: int, total: int) -> Json:
    about = {"absolute_score": score, "passed": passed, "total_evaluated": total}
    return {"entry_type": "digest", "eval": {"dan": {PROBE: {DETECTOR: about, "_summary": {}}, "_summary": {}}}}


def lines(*entries: Json) -> bytes:
    return "".join(json.dumps(e) + "\n" for e in entries).encode()


def report(*entries: Json, setup: Json = SETUP, init: Json = INIT, end: bool = True) -> bytes:
    return lines(setup, init, CACHE, *entries, *([END] if end else []))


def hit(number: int, index: int = 0, score: float = 1.0, run: str = "run-1") -> Json:
    return {
        "goal": "g", "prompt": f"attack {number}", "output": {"text": "out"}, "triggers": None, "score": score,
        "run_id": run, "attempt_id": f"a{number}", "attempt_seq": number, "attempt_idx": index,
        "generator": "test None", "probe": PROBE, "detector": DETECTOR, "generations_per_prompt": 2,
    }  # fmt: skip


@pytest.fixture
def beside(registry: SourceRegistry, workdir: Path) -> Callable[..., ReadFile]:
    """Read the first file with the others handed in."""

    def read(*contents: bytes) -> ReadFile:
        folder = workdir / f"{len(list(workdir.iterdir()))}"
        folder.mkdir()
        paths = [folder / f"{number}.jsonl" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        return read_file(
            paths[0], name="x", source_id="s", mapping=None, store=EvidenceStore(folder / "store"),
            registry=registry, available=paths,
        )  # fmt: skip

    return read


# -- hit logs -----------------------------------------------------------------------------------


def test_hits_alone_are_no_evidence(read: Read, kit: Any) -> None:
    file = read(lines(hit(1), hit(2)))
    assert file.reading.format == "garak.hitlog"
    assert kit.codes(file) == {"hits-only": 2}
    assert file.reading.counts.observations == 0
    assert file.reading.is_vacuous
    assert file.reading.role == "records"
    assert "hits-only" in DAMAGE, "a criterion on this source cannot be met"


def test_hits_beside_their_report(beside: Callable[..., ReadFile], kit: Any) -> None:
    whole = report(attempt(1, [1.0, 0.0]), attempt(2, [0.5, 0.0]), totals(2, 4))
    file = beside(lines(hit(1), hit(2, score=0.5)), whole)
    assert (kit.codes(file), file.reading.role) == ({}, "companion")
    assert list(file.reading.companions) == ["1.jsonl"]


@pytest.mark.parametrize("other", [hit(2, index=1), hit(3), hit(2, score=0.9)])
def test_hits_that_the_report_does_not_have(other: Json, beside: Callable[..., ReadFile], kit: Any) -> None:
    whole = report(attempt(1, [1.0, 0.0]), attempt(2, [0.5, 0.0]), totals(2, 4))
    assert kit.codes(beside(lines(hit(1), other), whole)) == {"aggregate-mismatch": 1}


def test_the_report_of_another_run_is_none_of_its_business(beside: Callable[..., ReadFile], kit: Any) -> None:
    file = beside(lines(hit(1, run="run-2")), report(attempt(1, [1.0])), b"{}", b"")
    assert kit.codes(file) == {"hits-only": 1}


def test_the_genuine_pair(extra_exports: Path, registry: SourceRegistry, workdir: Path) -> None:
    folder = extra_exports / "evaluation" / "garak"
    paths = [folder / "gr1.hitlog.jsonl", folder / "gr1.report.jsonl"]
    file = read_file(
        paths[0], name="x", source_id="s", mapping=None, store=EvidenceStore(workdir / "s"),
        registry=registry, available=paths,
    )  # fmt: skip
    assert (file.reading.anomalies, file.reading.role) == ((), "companion")


# -- counts and digest --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "counts",
    [
        {"entry_type": "eval", "probe": PROBE, "detector": DETECTOR, "passed": 3, "total": 4},
        totals(3, 4, fails=1, nones=0, total_processed=4),
    ],
)
def test_counts_as_they_were_and_as_they_are(counts: Json, read: Read, kit: Any) -> None:
    file = read(report(attempt(1, [0.2, 0.6]), attempt(2, [0.1, 0.7]), counts))
    assert file.reading.outcomes == {"neither": 3, "complied": 1}
    assert kit.codes(file).keys() <= USUAL


def test_outputs_without_a_verdict_are_counted(read: Read, kit: Any) -> None:
    file = read(report(attempt(1, [0.0, None]), attempt(2, [1.0, None]), totals(1, 2, nones=2)))
    assert file.reading.outcomes == {"neither": 1, "complied": 1, "unscored": 2}
    assert kit.codes(file)["outcome-undecided"] == 2
    assert file.reading.runs[0].native_aggregates[f"{PROBE}/{DETECTOR}.nones"] == 2
    wrong = read(report(attempt(1, [0.0, None]), totals(1, 1, nones=0)))
    assert kit.codes(wrong)["aggregate-mismatch"] == 1


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        (digest(0.75, 3, 4), set()),
        (digest(0.7501, 3, 4), set()),
        (digest(0.9, 3, 4), {"aggregate-mismatch"}),
        (digest(0.75, 2, 4), {"aggregate-mismatch"}),
        (digest(0.75, 3, 5), {"aggregate-mismatch"}),
        (digest("n/a", 3, 4), set()),
    ],
)
def test_the_digest_is_recomputed(said: Json, codes: set[str], read: Read, kit: Any) -> None:
    file = read(report(attempt(1, [0.0, 0.0]), attempt(2, [0.0, 1.0]), totals(3, 4), said))
    assert kit.codes(file).keys() - USUAL == codes


def test_how_good_the_detector_is_goes_with_the_run(read: Read, kit: Any) -> None:
    mapping = {"cohort": {"from": f"detectors.{DETECTOR}.hit_precision"}}
    file = read(report(attempt(1, [0.0])), mapping)
    assert file.reading.runs[0].native_aggregates[f"detector {DETECTOR}.hit_recall"] == 1.0
    assert kit.rows(file)[0]["cohort"] == "0.8"


def test_a_buff_is_part_of_the_strategy(read: Read, kit: Any) -> None:
    file = read(report(attempt(1, [0.0]), attempt(2, [0.0], notes={"buff_creator": "Base64"})))
    assert [r["strategy"] for r in kit.rows(file)] == [PROBE, f"{PROBE} + Base64"]


def test_a_pass_mark_that_garak_does_not_write(read: Read) -> None:
    file = read(report(attempt(1, [0.0]), setup={**SETUP, "run.eval_threshold": 0.5}))
    assert "garak does not write" in next(a.message for a in file.reading.anomalies if a.code == "threshold-unrecorded")


# -- aggregates ---------------------------------------------------------------------------------


def test_an_aggregate_of_two_reports(read: Read, kit: Any) -> None:
    setup = {**SETUP, "aggregation": ["a.report.jsonl", "b.report.jsonl"]}
    init = {**INIT, "orig_uuid": "run-0", "orig_start_time": "2026-09-01T08:00:00"}
    file = read(
        report(attempt(1, [0.0, 1.0]), totals(1, 2), attempt(2, [0.0, 0.0]), totals(2, 2), setup=setup, init=init, end=False)
    )
    assert file.reading.format == "garak.aggregate"
    assert file.reading.outcomes == {"neither": 3, "complied": 1}
    codes = kit.codes(file)
    assert codes.keys() - USUAL == {"attempts-unevaluated"}
    assert str(file.reading.completeness["denominator"]) == "absent"
    assert file.reading.runs[0].native_status == "aggregate"
    assert file.reading.runs[0].started_at.day == 1, "when the run was, not when the reports were joined"


# -- bounded memory -----------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0.0, 1.0, exclude_min=True))
def test_bounds_hold_the_true_pass_mark(scores: list[float], mark: float) -> None:
    spread = Spread()
    for score in scores:
        spread.add(score)
    passed = sum(score < mark for score in scores)
    found = spread.bounds(passed)
    assert found is not None
    low, high = found
    assert low < mark or low == 0.0
    # a score that is decided by the bounds is decided as the mark does
    assert all(score < mark for score in scores if score <= low)
    assert all(score >= mark for score in scores if score >= high)


def _grown(workdir: Path, attempts: int) -> int:
    path = workdir / f"{attempts}.jsonl"
    rows = [attempt(n, [n % 90 / 90, 0.0]) for n in range(attempts)]
    path.write_bytes(report(*({**r, "status": 1, "detector_results": {}} for r in rows), *rows))
    del rows
    tracemalloc.start()
    for _ in GarakSource().read(path, Context()):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_memory_grows_by_a_few_bytes_an_attempt(workdir: Path) -> None:
    small, large = _grown(workdir, 4_000), _grown(workdir, 16_000)
    assert (large - small) / 12_000 < 100, "one hash and one state; a grown table is copied once"


WRONG = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=6),
    st.lists(st.integers() | st.none() | st.floats(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.none() | st.lists(st.floats(), max_size=2), max_size=2),
)  # fmt: skip


@FUZZ
@given(data=st.data(), wrong=WRONG)
def test_any_field_of_a_hit_may_hold_anything(
    data: st.DataObject, wrong: Any, beside: Callable[..., ReadFile], kit: Any
) -> None:
    key = data.draw(st.sampled_from(sorted(hit(1))))
    whole = report(attempt(1, [1.0, 0.0]), totals(1, 2))
    file = beside(lines(hit(1), {**hit(1), key: wrong}), whole)
    assert "reader-failed" not in kit.codes(file), file.reading.anomalies
    assert file.reading.counts.observations == 0


@FUZZ
@given(data=st.data(), wrong=WRONG)
def test_any_total_may_hold_anything(data: st.DataObject, wrong: Any, read: Read, kit: Any) -> None:
    entries = [SETUP, INIT, CACHE, attempt(1, [0.0, 1.0], notes={"buff_creator": "B"}), totals(1, 2, nones=0), digest(0.5, 1, 2)]
    number = data.draw(st.integers(1, len(entries) - 1))
    changed = json.loads(json.dumps(entries[number]))
    place: Any = changed
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if isinstance(place[key], dict) and place[key] and data.draw(st.booleans()):
            place = place[key]
            continue
        place[key] = wrong
        break
    entries[number] = changed
    file = read(lines(*entries, END))
    assert "reader-failed" not in kit.codes(file), file.reading.anomalies
