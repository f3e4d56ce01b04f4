"""promptfoo's CSV: one line a test, and for each answer the columns Status, Score, Named Scores, ...

Column names repeat, so places count, not names. A status is all there is: `ERROR` means that the call
failed; `PASS` and `FAIL` mix checks of every kind, and a grader's own failure is a `FAIL` too.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditgen.canonical import sha256_bytes
from auditgen.evidence.model import Anomaly, Basis, Observation, Outcome, Presence, Run, Score
from auditgen.sources.interface import Facts, Item
from auditgen.sources.promptfoo_rows import REDACTED, Doubts
from auditgen.sources.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from auditgen.sources.fields import FieldReader

GROUP = ("Status", "Score", "Named Scores")
STATUSES = {"PASS", "FAIL", "ERROR"}
MAX_CELL = 64 * 1024 * 1024
MAX_LINE = 256 * 1024 * 1024
MAX_WIDTH = 5000


@dataclass(frozen=True)
class Answer:
    """Where one provider's answers stand."""

    column: int
    model: str
    label: str
    """Of the prompt."""
    reason: int | None
    metrics: tuple[tuple[int, str], ...]


def has_result_columns(head: bytes) -> bool:
    """Whether the first line is the header of such a file."""
    if b"Named Scores" not in head or b"\x00" in head:
        return False
    try:
        return bool(_answers(next(csv.reader(io.StringIO(head.decode("utf-8-sig", "replace"))))))
    except (csv.Error, StopIteration):
        return False


def _answers(header: Sequence[str]) -> list[Answer]:
    starts = [i - 1 for i in range(1, len(header)) if tuple(header[i : i + 3]) == GROUP]
    out = []
    for start, end in zip(starts, [*starts[1:], len(header)], strict=False):
        model, _, label = header[start].partition("] ")
        if not model.startswith("["):
            model, label = "", header[start]
        names = range(start + 1, end)
        reason = next((i for i in names if header[i] == "Grader Reason"), None)
        metrics = tuple((i, header[i][8:]) for i in names if header[i].startswith("Metric: "))
        out.append(Answer(start, model.removeprefix("["), label, reason, metrics))
    return out


class _Places:
    """Lines of a file as text, and where the next one begins."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.offset = 0
        self.number = 1

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(MAX_LINE):
            self.offset += len(line)
            self.number += 1
            yield line.replace(b"\x00", "\N{REPLACEMENT CHARACTER}".encode()).decode(
                "utf-8-sig" if self.number == 2 else "utf-8", "replace"
            )


def read_csv(path: Path, fields: FieldReader) -> Iterator[Item]:
    """Every answer of every line."""
    csv.field_size_limit(MAX_CELL)  # of the whole process: there is no other
    doubts, repeats, fault = Doubts(), Tally(), ""
    models: set[str] = set()
    ragged = 0
    with path.open("rb") as stream:
        places = _Places(stream)
        rows = csv.reader(places)
        answers: list[Answer] = []
        header: list[str] = []
        try:
            header = next(rows, [])[:MAX_WIDTH]
            answers = _answers(header)
            where = (places.number, places.offset)
            for row in rows:
                if row and len(row) != len(header):
                    ragged += 1
                elif row:
                    place = f"line:{where[0]}@{where[1]}"
                    for answer in answers:
                        models.add(answer.model)
                        yield _observation(row, header, answer, place, fields, doubts, repeats)
                where = (places.number, places.offset)
        except csv.Error as error:
            fault = str(error)[:120]
    if fault:
        yield Anomaly("truncated", f"the file breaks off or is damaged: {fault}")
    if ragged:
        yield Anomaly("lines-unreadable", "lines that do not have the header's number of cells", ragged)
    models.discard("")
    yield Run("eval", None, "eval", ", ".join(sorted(models)), "column names" if models else "")
    yield from fields.anomalies()
    yield from doubts.anomalies()
    yield Facts(
        tool="promptfoo",
        suites=fields.suites,
        completeness={
            "run": Presence.ABSENT,
            "time": Presence.ABSENT,
            "model": Presence.PRESENT if models else Presence.ABSENT,
            "version": Presence.ABSENT,
            "denominator": Presence.ABSENT,
            "threshold": Presence.ABSENT,
        },
    )


def _observation(
    row: list[str], header: list[str], answer: Answer, place: str, fields: FieldReader,
    doubts: Doubts, repeats: Tally,
) -> Observation:  # fmt: skip
    doubts.rows += 1
    first = min(a for a in (answer.column, header.index("Status") - 1) if a >= 0)
    last = max((i for i, name in enumerate(header) if name == "Comment"), default=len(header))
    outside = {n: v for n, v in zip(header[:first], row[:first], strict=True) if n != "Description"}
    about = dict(zip(header[last + 1 :], row[last + 1 :], strict=True))
    plugin = about.get("pluginId") or about.get("Plugin") or ""
    status, text = row[answer.column + 1].strip().upper(), row[answer.column]
    scores = tuple(_scores(row, answer, status))
    record: dict[str, Any] = {
        "vars": outside, "metadata": about, "plugin": plugin, "status": status, "label": answer.label,
        "scores": {score.metric: score.raw for score in scores},
    }  # fmt: skip
    mapped = fields.read(record, suite=plugin or "eval", response=text or None, scores=scores)
    outcome, basis = Outcome.UNSCORED, Basis.NONE
    if status == "ERROR":
        doubts.errors += 1
        outcome, basis = Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD
    elif mapped.outcome is not None:
        outcome, basis = mapped.outcome
    else:
        doubts.ungraded += 1
    variables = "\n".join(f"{name}={outside[name]}" for name in sorted(outside))
    is_redacted = REDACTED in variables
    doubts.redacted += is_redacted
    key = mapped.prompt_key or sha256_bytes(f"{plugin}\n{variables}".encode("utf-8", "surrogatepass"))[:20]
    strategy = mapped.strategy or about.get("strategyId") or None
    epoch = repeats.add(f"{key}\n{strategy}\n{answer.column}")
    is_failed = status == "ERROR"
    reason = row[answer.reason] if answer.reason is not None else ""
    return Observation(
        run_key="eval",
        sample_id=f"{place}/{answer.column}",
        prompt_key=key,
        epoch=epoch,
        outcome=outcome,
        basis=basis,
        locator=f"{place}/columns/{answer.column}",
        suite="red team" if plugin else "eval",
        model=mapped.model or answer.model,
        expected=mapped.expected,
        watch=mapped.watch,
        watch_basis=mapped.watch_basis,
        cohort=mapped.cohort,
        category=mapped.category or plugin or None,
        strategy=strategy,
        language=mapped.language,
        labels=mapped.labels,
        prompt=None,  # the file has the variables, not the prompt made of them
        prompt_state="redacted_by_tool" if is_redacted else "absent",
        response=None if is_failed else text or None,
        error_text=reason or text or "status ERROR" if is_failed else None,
        scores=mapped.scores,
    )


def _scores(row: list[str], answer: Answer, status: str) -> Iterator[Score]:
    verdict = {"PASS": "pass", "FAIL": "fail"}.get(status)
    reason = row[answer.reason][:2000] if answer.reason is not None and row[answer.reason] else None
    yield _score("score", row[answer.column + 2], verdict, reason)
    for column, name in answer.metrics:
        if row[column]:
            yield _score(name, row[column], None, None)


def _score(name: str, raw: str, verdict: str | None, reason: str | None) -> Score:
    from auditgen.sources.jsontext import as_number

    try:
        value = as_number(float(raw))
    except ValueError:
        value = None
    state = "unscored" if value is None else "scored"
    return Score(name, name, raw or "null", value, state=state, verdict=verdict, rationale=reason)
