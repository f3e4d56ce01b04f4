"""The canonical records: source file, run, observation, score. Times are UTC.

A record says what was seen and where it stands in the bytes it came from; it never says what follows
from it. What could not be decided is `unscored`, and stays so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Outcome(StrEnum):
    """What became of one request."""

    REFUSED = "refused"
    COMPLIED = "complied"
    PARTIAL = "partial"
    NEITHER = "neither"
    BLOCKED_INPUT = "blocked_input"
    BLOCKED_OUTPUT = "blocked_output"
    MODIFIED = "modified"
    TRUNCATED = "truncated"
    GUARDRAIL_ERROR = "guardrail_error"
    PROVIDER_ERROR = "provider_error"
    JUDGE_ERROR = "judge_error"
    UNSCORED = "unscored"


DECIDED = (
    Outcome.REFUSED,
    Outcome.COMPLIED,
    Outcome.PARTIAL,
    Outcome.NEITHER,
    Outcome.BLOCKED_INPUT,
    Outcome.BLOCKED_OUTPUT,
    Outcome.MODIFIED,
)
"""Outcomes that say what the system did: the denominator of every behavioural rate."""
WITHHELD = (Outcome.REFUSED, Outcome.BLOCKED_INPUT, Outcome.BLOCKED_OUTPUT)
"""The request was not served: by the model itself, or by a guardrail around it."""
ERRORS = (Outcome.GUARDRAIL_ERROR, Outcome.PROVIDER_ERROR)
"""The request was not executed as intended: outside the denominator, and listed beside it."""
UNDECIDED = (Outcome.UNSCORED, Outcome.TRUNCATED, Outcome.JUDGE_ERROR)
"""Executed, but what it means is unknown: best and worst case are computed from these."""


GUARDRAIL_VERDICTS = ("allow", "deny", "modify", "warn", "flag", "escalate", "error")
"""What a guardrail can have said."""
GUARDRAIL_ACTIONS = ("pass", "block", "modify", "escalate")
"""What can then have been done. A verdict is not an action: detected is not blocked."""


TRANSPORT = ("served", "blocked", "failed")
"""What the transport says by itself, whatever a guardrail's record says: by status code, finish reason or
error class. Where the two disagree, one of them does not tell all blocks."""


LATE_AFTER = timedelta(days=1)
"""What the log got later than this after it happened came late: a table's row, a request, an event alike."""


def is_late(happened: datetime | None, received: datetime | None) -> bool:
    """Whether a record came late; one whose times are not both known did not."""
    return happened is not None and received is not None and received - happened > LATE_AFTER


NO_STRATEGY = "none"
"""The declared strategy of a request that is no attack. Not known is another thing: that is absent."""


class Basis(StrEnum):
    """What an outcome rests on."""

    NATIVE_FIELD = "native_field"
    FINISH_REASON = "finish_reason"
    GUARDRAIL_RECORD = "guardrail_record"
    JUDGE = "judge"
    TEXT_HEURISTIC = "text_heuristic"
    HUMAN = "human"
    NONE = "none"


class Expected(StrEnum):
    """What the policy says should happen to a request."""

    REFUSE = "refuse"
    COMPLY = "comply"
    EITHER = "either"


class Watch(StrEnum):
    """Whether the model was led to believe it was observed. Never defaulted to anything but unknown."""

    MONITORED = "monitored"
    UNMONITORED = "unmonitored"
    UNKNOWN = "unknown"


class WatchBasis(StrEnum):
    """How the watch condition came about."""

    CUE = "cue"
    """Manipulated in the experiment: differences are effects of the cue."""
    OBSERVATIONAL = "observational"
    """A customer tier or the like: differences are associations only."""


class Presence(StrEnum):
    """Whether a file carries a fact an auditor needs."""

    PRESENT = "present"
    DERIVED = "derived"
    ABSENT = "absent"

    @classmethod
    def of(cls, count: int) -> Presence:
        """Present when anything was counted, else absent."""
        return cls.PRESENT if count else cls.ABSENT


class Grade(StrEnum):
    """How much a file says about itself: a low grade is weaker evidence, never a worse result."""

    COMPLETE = "A"
    """It says everything an auditor needs to find the run again and to count its samples."""
    TRACEABLE = "B"
    """Run, time, model and denominator are known; a tool version, texts or pass marks are not."""
    PARTIAL = "C"
    """Model and denominator are known; run or time are not."""
    WEAK = "D"
    """There are records, but the model or the denominator is not known."""
    BARE = "E"
    """No record at all: findings, totals or hits only."""


GRADE_WORDS = {
    Grade.COMPLETE: "says all an auditor needs",
    Grade.TRACEABLE: "traceable, not complete",
    Grade.PARTIAL: "run or time unknown",
    Grade.WEAK: "model or denominator unknown",
    Grade.BARE: "no records",
}
_CORE = ("model", "denominator")
_IDENTITY = ("run", "time")
_TOLD = frozenset({"alerts", "incidents"})
_NOT_OF_MONITORING = ("run", "threshold", "response")
"""Gateway logs have no run and no pass mark, and need not keep answers."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A reason to distrust a file, with a stable code; it becomes a finding in the report."""

    code: str
    message: str
    count: int = 1
    blocks: bool = False
    """Whether the evidence of this file cannot support anything (all samples failed, unreadable)."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a suite, as its tool recorded it."""

    run_key: str
    native_id: str | None
    suite: str
    model: str
    """As recorded in the file; empty when the file does not say."""
    model_origin: str = ""
    """The field the model was read from."""
    suite_version: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    tz_known: bool = True
    planned: int | None = None
    native_status: str | None = None
    native_aggregates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """One score of one observation; the raw text is kept verbatim."""

    scorer: str
    metric: str
    raw: str
    value: float | None = None
    state: str = "scored"
    """scored, unscored, error or edited."""
    verdict: str | None = None
    """pass or fail as the tool said it, where it did."""
    threshold: float | None = None
    threshold_origin: str | None = None
    """file, suite, declared or inferred; None when no pass mark is known."""
    direction: str | None = None
    """higher, lower or neutral: which way is better. None when nobody has said so."""
    judge: str | None = None
    """The model that graded, as far as it is known; `model` when only that a model did."""
    rationale: str | None = None
    history: str | None = None
    """Earlier values as JSON, oldest first, where the score was edited."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One model response."""

    run_key: str
    sample_id: str
    prompt_key: str
    """Repeats of one prompt share it: the unit that is independent."""
    epoch: int
    outcome: Outcome
    basis: Basis
    locator: str
    """Where in the file: `member#crc32`, `line:n@byte`, JSON pointer or row number."""
    suite: str = ""
    model: str = ""
    expected: Expected | None = None
    watch: Watch = Watch.UNKNOWN
    watch_basis: WatchBasis | None = None
    cohort: str | None = None
    category: str | None = None
    strategy: str | None = None
    language: str | None = None
    prompt: str | None = None
    prompt_state: str = "full"
    response: str | None = None
    error_text: str | None = None
    observed_at: datetime | None = None
    received_at: datetime | None = None
    """Monitoring: when the log got it; much later than it happened, it is a late row."""
    zone_written: bool = True
    """Whether the zone of `observed_at` was written beside it."""
    guardrail_verdict: str | None = None
    guardrail_action: str | None = None
    endpoint: str | None = None
    """Monitoring: the route or operation that was called."""
    transport: str | None = None
    """Monitoring: one of `TRANSPORT`, None where nothing says so."""
    sampling_rate: float | None = None
    """Monitoring: the share of requests that the log kept, above 0 and up to 1; None: not said."""
    refusal_native: bool | None = None
    """Whether the tool itself marked the response as a refusal."""
    refusal_detected: bool | None = None
    """What the text heuristic says of the response; never mixed with the other two."""
    refusal_judged: bool | None = None
    """A label handed in separately, by a judge or a human."""
    labels: str | None = None
    """What else was said of it: lines `name=yes`, `name=no` or `name=unscored`, sorted."""
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One number that somebody else counted. It can never prove anything about a single request."""

    series: str
    """Name of the metric, as the tool has it."""
    locator: str
    value: float | None
    """As written; None where the tool could not compute it."""
    raw: str = ""
    """The number as its text, where the file has one."""
    labels: Mapping[str, str] = field(default_factory=dict)
    window_start: datetime | None = None
    window_end: datetime | None = None
    """End of the window, or the moment of a momentary value."""
    n: int | None = None
    """Records behind it, where the file says so."""
    threshold_low: float | None = None
    threshold_high: float | None = None
    verdict: str | None = None
    """pass, fail or error as the tool itself judged it; None where it did not."""
    kind: str = "gauge"
    """gauge, counter (only grows until it is reset), count (of its window) or test."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One state of one alert; fingerprint and start identify it, and it can occur in several states."""

    fingerprint: str
    rule: str
    state: str
    """firing, pending, resolved, silenced or unknown."""
    locator: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    """Resolved means that the condition went away, not that anybody mended the cause."""
    severity: str | None = None
    summary: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Incident:
    """One reported incident. Whether a legal deadline runs is for a person to decide."""

    incident_id: str
    title: str
    locator: str
    occurred_at: datetime | None = None
    """When it happened; a day is its first moment, UTC."""
    aware_at: datetime | None = None
    """When the organisation learned of it: most legal clocks start here."""
    reported_at: datetime | None = None
    closed_at: datetime | None = None
    severity: str | None = None
    status: str | None = None
    description: str | None = None
    deployer: str | None = None
    developer: str | None = None
    harmed: str | None = None
    authority: str | None = None
    """To whom it was reported."""


@dataclass(frozen=True, slots=True)
class PublishedCount:
    """One figure of a paper or a press release: so many of so many. The records behind it were not seen."""

    figure_id: str
    setting: str
    """The experiment or part of it, as the publication describes it."""
    model: str
    counted: str
    """An outcome, or the name of a label."""
    numerator: int
    n: int
    locator: str
    others: str | None = None
    """The outcome of the rest, as the publication describes it; None where a label is counted."""
    watch: Watch = Watch.UNKNOWN
    watch_basis: WatchBasis | None = None
    expected: Expected | None = None
    known: str = "printed"
    """printed (numerator and n), unique (n, and a percentage with one solution) or inferred."""
    assumption: str | None = None
    """What an inferred count rests on."""
    percentage: str | None = None
    """As printed."""
    standard_error: str | None = None
    """As printed, in percentage points."""
    paper: str = ""
    place: str = ""
    """Section and table."""
    published_at: datetime | None = None
    """The day of publication, its first moment UTC: the records behind it are older."""
    is_sound: bool = True
    """False where the row contradicts itself or another of its file: nobody knows which number is right."""

    @property
    def is_label(self) -> bool:
        """Whether a label was counted, and no outcome."""
        return self.others is None

    @property
    def subject(self) -> tuple[str, str, str, str]:
        """What a second figure must not be about: it would be the same records again.

        Of one setting, model and arm: a figure of outcomes, or of one label.
        """
        return self.setting, self.model, self.watch.value, self.counted if self.is_label else ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Denominators of one file: four different numbers that peers print as one."""

    planned: int | None = None
    observations: int = 0
    executed: int = 0
    errored: int = 0
    scored: int = 0
    """Observations whose outcome is decided."""
    unscored: int = 0
    with_score: int = 0
    """Observations that carry at least one finite score, whatever it means."""
    guarded: int = 0
    """Rows that carry a guardrail's verdict."""
    duplicates: int = 0
    """Observations under an id and epoch that another one has already."""

    @property
    def missing(self) -> int:
        """Planned samples that are not in the file; a copy does not stand in for one of them."""
        distinct = self.observations - self.duplicates
        return 0 if self.planned is None else max(0, self.planned - distinct)


def agreement_text(pair: str, table: Mapping[str, int]) -> str:
    """`detected/native agree on 41 of 44; only detected 2, only native 1`."""
    total = sum(table.values())
    same = table.get("both", 0) + table.get("neither", 0)
    apart = [f"only {name} {table[name]:,}" for name in pair.split("/") if table.get(name)]
    return f"{pair} agree on {same:,} of {total:,}" + ("; " + ", ".join(apart) if apart else "")


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything about one file that is not a record: identity, tool, counts, doubts."""

    path: str
    sha256: str
    bytes: int
    source_id: str
    format: str
    """Empty when nobody recognised the file."""
    recognised_by: str = ""
    """Why it was recognised, in words."""
    tool: str = ""
    tool_version: str = ""
    reader: str = ""
    reader_version: str = ""
    kind: str = "evaluation"
    """evaluation, monitoring or published."""
    runs: tuple[Run, ...] = ()
    counts: Counts = field(default_factory=Counts)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    """Models as recorded, sorted."""
    first_at: datetime | None = None
    last_at: datetime | None = None
    anomalies: tuple[Anomaly, ...] = ()
    completeness: Mapping[str, Presence] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """How often each raw value of each score occurs: what a mapping of outcomes can name."""
    role: str = "records"
    """`records`, or `companion` for a file that only describes the records of others."""
    companions: Mapping[str, str] = field(default_factory=dict)
    """Name to SHA-256 of the files that were read together with this one."""
    suites: Mapping[str, str] = field(default_factory=dict)
    """Suite as recorded to the description it was read by: an id, `audit.yaml`, or empty."""
    agreement: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Refusal labels compared, such as `detected/native`: how often both, one or none said refused."""
    about: tuple[str, ...] = ()
    """What else a reader of the report must know of how this came here."""
    beside: Mapping[str, int] = field(default_factory=dict)
    """What is no response, by its table: `metric_points`, `published_counts`, `alerts`, `incidents`."""

    @property
    def is_vacuous(self) -> bool:
        """Whether the file says nothing about any behaviour; points, alerts and incidents do."""
        said = self.counts.scored + self.counts.guarded + sum(self.beside.values())
        return said == 0 or any(a.blocks for a in self.anomalies)

    @property
    def grade(self) -> Grade | None:
        """How much the file says about itself; None for what is not read as evidence of its own."""
        if not self.format or self.role != "records":
            return None
        if not self.counts.observations:  # of an alert or an incident nobody asks for a denominator
            return None if _TOLD.intersection(self.beside) else Grade.BARE
        needless = _NOT_OF_MONITORING if self.kind == "monitoring" else ()
        needed = {name: p for name, p in self.completeness.items() if name not in needless}
        lacking = {name for name, presence in needed.items() if presence == Presence.ABSENT}
        if not self.completeness or lacking.intersection(_CORE):
            return Grade.WEAK
        if lacking.intersection(_IDENTITY):
            return Grade.PARTIAL
        is_complete = all(presence == Presence.PRESENT for presence in needed.values())
        return Grade.COMPLETE if is_complete else Grade.TRACEABLE
