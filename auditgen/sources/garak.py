"""garak's report and hit log (`*.report.jsonl`, `*.hitlog.jsonl`), and aggregates of reports.

A hit log holds successes only. Alone it would show an attack that always succeeds, so no record is taken
from it: it names what is missing. Beside the report of its run it is compared with it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Anomaly, Presence, Run
from auditgen.sources.garak_report import EVALUATED, MAX_NAMES, Report
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import as_count, as_dict, as_list, as_number, as_text, loads
from auditgen.sources.lines import Lines
from auditgen.sources.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HIT_KEYS = frozenset({"goal", "prompt", "output", "triggers"})
"""What a hit begins with; no line of a report has these at its top."""


class GarakSource:
    """garak 0.13 and later."""

    name: ClassVar[str] = "garak"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the first line's entry type, or by the keys of a hit."""
        line = probe.first_line
        if isinstance(line, dict) and line.get("entry_type") == "start_run setup":
            if "aggregation" in line:
                return Recognition("garak.aggregate", "first line is the set-up of several reports in one")
            return Recognition("garak.report", "first line is garak's run set-up")
        if probe.head.startswith(b"{") and _is_hit(line, probe):
            return Recognition("garak.hitlog", "first line is a hit of garak")
        return None

    def companions(self, path: Path, available: Sequence[Path]) -> Sequence[Path]:
        """For a hit log, the report of the same run."""
        probe = Probe(path)
        if not _is_hit(probe.first_line, probe):
            return ()
        run = _run_of_hits(path)
        return [other for other in available if other != path and run and _run_of_report(other) == run][:1]

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Two passes over a report: the first learns the pass marks, the second yields the attempts."""
        probe = Probe(path)
        if _is_hit(probe.first_line, probe):
            yield from _read_hits(path, context.companions)
            return
        report = Report(context, self.name)
        for _, _, entry in report.lines.objects(path):
            report.learn(entry)
        report.bound_thresholds()
        for number, offset, entry in Lines().objects(path):
            if entry.get("entry_type") == "attempt" and entry.get("status") == EVALUATED:
                yield from report.observations(entry, f"line:{number}@{offset}")
        yield from report.closing()


def _is_hit(line: Any, probe: Probe) -> bool:
    if isinstance(line, dict):
        return line.keys() >= HIT_KEYS | {"attempt_id", "detector"}
    return probe.top_keys >= HIT_KEYS and "entry_type" not in probe.top_keys


def _run_of_hits(path: Path) -> str:
    first = next(iter(Lines().objects(path)), None)
    return as_text(first[2].get("run_id")) if first else ""


def _run_of_report(path: Path) -> str:
    """The run a report is of, read from its first lines; empty for any other file."""
    try:
        with path.open("rb") as stream:
            head = [stream.readline(1 << 20) for _ in range(2)]
        setup, init = (as_dict(loads(line)[0]) for line in head)
    except (OSError, ValueError):
        return ""
    is_report = setup.get("entry_type") == "start_run setup" and init.get("entry_type") == "init"
    return as_text(init.get("run")) if is_report else ""


def _read_hits(path: Path, companions: Sequence[Path]) -> Iterator[Item]:
    lines, probes = Lines(), Counter[str]()
    scored = _scores_above_zero(companions[0]) if companions else None
    count = unknown = 0
    first: dict[str, Any] = {}
    for _, _, hit in lines.objects(path):
        first = first or {name: hit.get(name) for name in ("run_id", "generator")}
        count += 1
        probe = as_text(hit.get("probe"))
        if probe in probes or len(probes) < MAX_NAMES:
            probes[probe] += 1
        if scored is not None and not scored[_place(hit)]:
            unknown += 1
    yield from lines.anomalies()
    if scored is None:
        shown = ", ".join(f"`{name[:80]}` ({number})" for name, number in probes.most_common(5))
        message = (
            f"{count} hits and nothing else: how many attempts there were is not in the file, so no rate "
            f"can be taken from it; hits by probe: {shown}"
        )
        yield Anomaly("hits-only", message, count, blocks=True)
    elif unknown:
        message = f"hits that the report `{companions[0].name}` of the same run does not have"
        yield Anomaly("aggregate-mismatch", message, unknown)
    run = as_text(first.get("run_id"))
    model = as_text(first.get("generator"))
    if scored is None:
        yield Run(run or "run", run or None, ", ".join(sorted(probes)), model, "generator" if model else "")
    yield Facts(
        tool="garak",
        role="records" if scored is None else "companion",
        completeness={
            "run": Presence.PRESENT if run else Presence.ABSENT,
            "time": Presence.ABSENT,
            "model": Presence.PRESENT if model else Presence.ABSENT,
            "version": Presence.ABSENT,
            "denominator": Presence.ABSENT,
            "threshold": Presence.ABSENT,
        },
    )


def _scores_above_zero(report: Path) -> Tally:
    """Every score of a report that can be a hit, by attempt, output and detector."""
    found = Tally()
    for _, _, entry in Lines().objects(report):
        if entry.get("entry_type") != "attempt" or entry.get("status") != EVALUATED:
            continue
        for detector, scores in as_dict(entry.get("detector_results")).items():
            for index, score in enumerate(as_list(scores)):
                number = as_number(score)
                if number:
                    found[f"{as_text(entry.get('uuid'))}\n{index}\n{detector}\n{number}"] = 1
    return found


def _place(hit: dict[str, Any]) -> str:
    index, score = as_count(hit.get("attempt_idx")), as_number(hit.get("score"))
    return f"{as_text(hit.get('attempt_id'))}\n{index}\n{as_text(hit.get('detector'))}\n{score}"
