"""The door for notebooks: the same quantities from a pandas DataFrame, by the same counting.

The frame becomes the views that evidence has, and everything after that is what a report goes through.
Pandas is imported here and nowhere else in this room.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditgen.diagnostics import did_you_mean
from auditgen.evidence.engine import COUNTED_COLUMNS, RECORD_COLUMNS, Evidence, Period
from auditgen.evidence.mapping import LABEL_WORDS
from auditgen.evidence.model import (
    GUARDRAIL_ACTIONS,
    GUARDRAIL_VERDICTS,
    TRANSPORT,
    Basis,
    Expected,
    Incident,
    Outcome,
    Watch,
    WatchBasis,
)
from auditgen.evidence.repeats import LOGGED, row_repeats_sql, sample_repeats_sql
from auditgen.evidence.tables import connect, sql_text
from auditgen.indicators.cells import read_cells
from auditgen.indicators.definition import FILTER_FIELDS, Indicator, core_indicators, load_indicators
from auditgen.indicators.inference import checks
from auditgen.indicators.measuring import measure
from auditgen.indicators.model import Quantity, Request, Unmeasured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd

    from auditgen.indicators.model import Measured

SOURCE = "frame"
"""What the records of a frame have as their source."""
LABEL = "label_"
"""How the column of a label begins."""
WORDS: Mapping[str, Sequence[str]] = {
    "outcome": tuple(Outcome),
    "basis": tuple(Basis),
    "expected": tuple(Expected),
    "watch": tuple(Watch),
    "watch_basis": tuple(WatchBasis),
    "kind": ("evaluation", "monitoring"),
    "guardrail_verdict": GUARDRAIL_VERDICTS,
    "guardrail_action": GUARDRAIL_ACTIONS,
    "transport": TRANSPORT,
}
"""Columns that know only some words."""
TEXTS = (
    "model", "suite", "cohort", "category", "strategy", "language", "endpoint", "prompt_key", "run_key",
    "sample_id",
)  # fmt: skip
"""Columns of any text, or of whole numbers that are read as text."""
COLUMNS = (*WORDS, *TEXTS, "epoch", "sampling_rate", "observed_at")
"""All columns a frame of records may have, beside those of labels."""
TIMES = ("occurred_at", "aware_at", "reported_at", "closed_at")
"""Columns of a frame of incidents that hold times."""
_SEEN_ONLY = ("prompt_sha256", "response", "error_text")
_DEFAULTS = {
    "outcome": f"'{Outcome.UNSCORED}'",
    "basis": f"'{Basis.NONE}'",
    "watch": f"'{Watch.UNKNOWN}'",
    "kind": "'evaluation'",
    "model": "''",
    "run_key": f"'{SOURCE}'",
    "epoch": "1",
}


def measure_frame(
    frame: pd.DataFrame,
    indicator: str | Path | Indicator,
    *,
    where: Mapping[str, str | Iterable[str]] | None = None,
    confidence: float = 0.95,
    columns: Mapping[str, str] | None = None,
    missing: int = 0,
    limit_hours: float | None = None,
    period: tuple[date, date] | None = None,
) -> Measured:
    """One indicator over the records of a frame, one row each; over incidents where it is a delay.

    `indicator`: the id of one that ships, a definition, or the path of one. `where`: only records with these
    values. `columns`: the canonical name to the frame's own; columns that it does not name are left aside,
    and without it every column must have a canonical name. `missing`: planned samples that are not in the
    frame. `limit_hours`: of a delay. `period`: first and last day, both included; rows of monitoring outside
    are left out, and hours can be covered only where it is known.

    Raises ValueError for columns, words and numbers that mean nothing, TypeError for what is no frame.
    """
    found = _definition(indicator)
    request = Request(
        "frame", found, (SOURCE,), _where(where), checks.confidence(confidence), _limit(found, limit_hours)
    )
    absent = {SOURCE: checks.whole("missing", missing)}
    if found.shape == "delay":
        _refuse_where(found, request.where)
        cells = read_cells(_evidence(_no_rows(), (), None))
        return measure(cells, [request], absent, {SOURCE: _incidents(frame, columns)})[request.id]
    named = _named(frame, columns, COLUMNS)
    evidence = _evidence(named, _labels(named), _period(found, period))
    return measure(read_cells(evidence), [request], absent)[request.id]


def slices(
    frame: pd.DataFrame,
    indicator: str | Path | Indicator,
    by: str,
    *,
    where: Mapping[str, str | Iterable[str]] | None = None,
    confidence: float = 0.95,
    columns: Mapping[str, str] | None = None,
    missing: int = 0,
    period: tuple[date, date] | None = None,
) -> pd.DataFrame:
    """One row for each value of `by`: what was counted, the estimate, its interval and the worst case.

    A rate has `x` of `n`, a gap those of both its arms. Where nothing can be said there are no numbers, and
    `reason` says why. Records without a value have a row of their own, the last. `missing` samples could
    belong to any of the values, so each takes all of them. Intervals are not adjusted for how many there are.
    """
    import pandas as pd

    found = _definition(indicator)
    if not found.is_of_versions:
        message = f"`{found.id}` is not broken down: it counts no records by their outcome or labels"
        raise ValueError(message)
    _known("column to break down by", by, FILTER_FIELDS)
    named = _named(frame, columns, COLUMNS)
    if by not in named.columns:
        message = f"the frame has no column `{by}`; it has {_list(named.columns)}"
        raise ValueError(message)
    labels, reach = _labels(named), _period(found, period)
    conditions, level = _where(where), checks.confidence(confidence)
    absent = {SOURCE: checks.whole("missing", missing)}
    texts = _texts(named[by])
    kept = conditions.get(by, tuple(sorted({text for text in texts if text is not None})))
    requests = [
        Request(value, found, (SOURCE,), {**conditions, by: (value,)}, level)
        for value in kept
        if value in texts
    ]
    known = measure(read_cells(_evidence(named, labels, reach)), requests, absent)
    measured: dict[str | None, Measured] = {value: known[value] for value in known}
    without = [text is None for text in texts]
    if any(without) and by not in conditions:
        alone = Request("", found, (SOURCE,), conditions, level)
        cells = read_cells(_evidence(named[without], labels, reach))
        measured[None] = measure(cells, [alone], absent)[""]
    rows = [_row(value) for value in measured.values()]
    names = [pd.NA if name is None else name for name in measured]
    out = pd.DataFrame(rows, index=pd.Index(names, name=by, dtype="object"), columns=_row_names(found))
    whole = [n for n in out.columns if n.startswith(("x", "n", "undecided", "errors"))]
    kinds = {n: "Int64" if n in whole else "string" if n == "reason" else "Float64" for n in out.columns}
    return out.astype(kinds)


def _definition(indicator: str | Path | Indicator) -> Indicator:
    if isinstance(indicator, Indicator):
        return indicator
    if isinstance(indicator, Path):
        [found] = load_indicators([indicator])
        return found
    _known("indicator", indicator, core_indicators())
    return core_indicators()[indicator]


def _known(what: str, word: object, known: Iterable[str]) -> None:
    """Raises ValueError for a word that is none of the known ones."""
    listed = tuple(map(str, known))
    if word in listed:
        return
    near = "".join(f"; {text}" for text in did_you_mean(str(word), listed))
    message = f"no {what} `{word}`{near}; known: {', '.join(listed)}"
    raise ValueError(message)


def _list(names: Iterable[object]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _where(where: Mapping[str, str | Iterable[str]] | None) -> dict[str, tuple[str, ...]]:
    out = {}
    for name, values in (where or {}).items():
        _known("filter", name, FILTER_FIELDS)
        out[name] = (str(values),) if isinstance(values, str) else tuple(str(value) for value in values)
        if not out[name]:
            message = f"`where` names no value of `{name}`"
            raise ValueError(message)
        for value in out[name] if name in WORDS else ():
            _known(f"value of `{name}`", value, WORDS[name])
    return out


def _refuse_where(indicator: Indicator, where: Mapping[str, object]) -> None:
    if where:
        message = f"`{indicator.id}` counts incidents, which `where` does not select"
        raise ValueError(message)


def _limit(indicator: Indicator, limit_hours: float | None) -> float | None:
    if (limit_hours is not None) != (indicator.shape == "delay"):
        needs = indicator.shape == "delay"
        message = (
            f"`{indicator.id}` needs `limit_hours`: how many hours are in time"
            if needs
            else f"`limit_hours` belongs to delays, and `{indicator.id}` is none"
        )
        raise ValueError(message)
    return None if limit_hours is None else checks.positive("limit_hours", limit_hours)


def _period(indicator: Indicator, period: tuple[date, date] | None) -> Period | None:
    if period is None:
        if indicator.shape == "coverage":
            message = f"`{indicator.id}` counts the hours of a period: give `period=(first day, last day)`"
            raise ValueError(message)
        return None
    start, end = period
    if start > end:
        message = f"the period ends on {end.isoformat()}, before it begins on {start.isoformat()}"
        raise ValueError(message)
    return Period(date(start.year, start.month, start.day), date(end.year, end.month, end.day))


def _named(
    frame: pd.DataFrame, columns: Mapping[str, str] | None, known: Sequence[str], *, has_labels: bool = True
) -> pd.DataFrame:
    """The frame with canonical names only, and a plain index."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        message = f"need a pandas DataFrame, got {type(frame).__name__}"
        raise TypeError(message)
    own = {str(name): str(name) for name in frame.columns} if columns is None else dict(columns)
    for name in own:
        if has_labels and name.startswith(LABEL) and _is_label(name.removeprefix(LABEL)):
            continue
        _known("column", name, (*known, f"{LABEL}NAME") if has_labels else known)
    out = {}
    for name, theirs in own.items():
        if columns is not None and theirs not in frame.columns:
            _known("column in the frame", theirs, map(str, frame.columns))
        chosen = frame[theirs]
        if isinstance(chosen, pd.DataFrame):
            message = f"the frame has several columns `{theirs}`"
            raise ValueError(message)
        out[name] = chosen
    return pd.DataFrame(out, index=frame.index).reset_index(drop=True)


def _is_label(name: str) -> bool:
    letters = name.replace("_", "")
    return bool(name) and len(name) <= 40 and name[0].isalpha() and letters.isalnum() and name.islower()


def _labels(frame: pd.DataFrame) -> tuple[str, ...]:
    return tuple(sorted(str(name) for name in frame.columns if str(name).startswith(LABEL)))


def _no_rows() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"outcome": []})


def _evidence(frame: pd.DataFrame, labels: Sequence[str], period: Period | None) -> Evidence:
    """The views of evidence over a frame with canonical names.

    As in files: a sample that stands there twice in the same way counts once, and where the two contradict
    each other nobody knows what became of either.
    """
    import pyarrow as pa

    size = len(frame)
    moment = pa.timestamp("us")
    types = {"epoch": pa.int32(), "sampling_rate": pa.float64(), "observed_at": moment}
    readers: dict[str, Callable[[pd.Series], list[Any]]] = {
        "epoch": _repeats, "sampling_rate": _shares, "observed_at": _times,
    }  # fmt: skip
    data = {}
    for name in (*COLUMNS, *labels, *_SEEN_ONLY):
        read: Callable[[pd.Series], list[Any]] = readers.get(name, _texts)
        values = read(frame[name]) if name in frame.columns else [None] * size
        known = LABEL_WORDS if name in labels else WORDS.get(name)
        if known is not None:
            for word in sorted({value for value in values if value is not None}):
                _known(f"value of `{name}`", word, known)
        data[name] = pa.array(values, types.get(name, pa.string()))
    data["place"] = pa.array(range(size), pa.int64())
    connection = connect()
    connection.register("frame_columns", pa.table(data))
    evidence = Evidence(connection, period or Period(date(1970, 1, 1), date(1970, 1, 1)))
    _make_views(evidence, labels, period)
    return evidence


def _make_views(evidence: Evidence, labels: Sequence[str], period: Period | None) -> None:
    lines = [
        f"CASE WHEN {name} IS NOT NULL THEN {sql_text(name.removeprefix(LABEL) + '=')} || {name} END"
        for name in labels
    ]
    own = {name: f"coalesce({name}, {value})" for name, value in _DEFAULTS.items()}
    own |= {
        "labels": f"nullif(concat_ws(chr(10), {', '.join(lines)}), '')" if lines else "NULL::VARCHAR",
        # what a gateway logged belongs to no suite
        "suite": "CASE WHEN kind = 'monitoring' THEN 'production' ELSE coalesce(suite, '') END",
        "watch_basis": f"CASE WHEN coalesce(watch, '') NOT IN ('', '{Watch.UNKNOWN}') THEN watch_basis END",
        "basis": f"CASE WHEN outcome IS NULL THEN '{Basis.NONE}' ELSE coalesce(basis, '{Basis.NONE}') END",
        "prompt_key": "coalesce(prompt_key, CASE WHEN kind IS DISTINCT FROM 'monitoring' THEN sample_id END)",
        "source_id": sql_text(SOURCE),
        "file_sha256": "''",
        "recorded_model": "coalesce(model, '')",
        "locator": "'row:' || place",
        "prompt": "NULL::VARCHAR",
        "prompt_state": "'absent'",
        "file_row_number": "place",
    }
    names = dict.fromkeys((*RECORD_COLUMNS, *_SEEN_ONLY, "place", "file_row_number"))
    listed = ", ".join(f"{own.get(name, name)} AS {name}" for name in names)
    reached = "true"
    if period is not None:
        reached = (
            f"(kind IS DISTINCT FROM 'monitoring' OR (observed_at >= TIMESTAMP '{period.start.isoformat()}'"
            f" AND observed_at < TIMESTAMP '{period.end.isoformat()}' + INTERVAL 1 DAY))"
        )
    run = evidence.connection.execute
    run(f"CREATE TEMP TABLE given AS SELECT {listed} FROM frame_columns WHERE {reached}")
    samples = sample_repeats_sql("SELECT * FROM given WHERE kind = 'evaluation' AND sample_id IS NOT NULL")
    logged = ", ".join(dict.fromkeys((*LOGGED, "sample_id", "observed_at", "place")))
    rows = row_repeats_sql(
        f"SELECT {logged} FROM given WHERE kind = 'monitoring' AND sample_id IS NOT NULL"
        " AND observed_at IS NOT NULL",
        ("sample_id",),
    )
    run(
        f"CREATE TEMP TABLE repeated AS SELECT place, is_copy, differs FROM ({samples})"
        f" UNION ALL SELECT place, is_copy, false FROM ({rows})"
    )
    own = {
        "outcome": f"CASE WHEN r.differs THEN '{Outcome.UNSCORED}' ELSE given.outcome END",
        "basis": f"CASE WHEN r.differs THEN '{Basis.NONE}' ELSE given.basis END",
    }
    columns = ", ".join(f"{own.get(name, f'given.{name}')} AS {name}" for name in RECORD_COLUMNS)
    run(
        f"CREATE VIEW record AS SELECT {columns} FROM given LEFT JOIN repeated AS r USING (place)"
        " WHERE r.is_copy IS NOT TRUE"
    )
    alone = {"n": "1::HUGEINT", "first_at": "observed_at", "last_at": "observed_at"}
    counted = ", ".join(f"{alone.get(name, name)} AS {name}" for name in COUNTED_COLUMNS)
    run(f"CREATE VIEW observation AS SELECT {counted} FROM record")
    run(
        "CREATE VIEW hours AS SELECT source_id, date_trunc('hour', observed_at) AS hour, count(*) AS n"
        " FROM record WHERE kind = 'monitoring' AND observed_at IS NOT NULL GROUP BY ALL"
    )


def _texts(series: pd.Series) -> list[str | None]:
    """A column as texts; yes and no for truth values, None where nothing is said."""
    import numpy as np

    out: list[str | None] = []
    for value, is_unknown in _with_unknown(series):
        is_flag = isinstance(value, bool | np.bool_)
        if is_unknown:
            out.append(None)
        elif is_flag and str(series.name).startswith(LABEL):
            out.append("yes" if value else "no")
        elif isinstance(value, str | Integral) and not is_flag:
            out.append(str(value))
        else:
            message = f"`{series.name}` holds {value!r}, which is no text"
            raise ValueError(message)
    return out


def _repeats(series: pd.Series) -> list[int | None]:
    values = [None if is_unknown else value for value, is_unknown in _with_unknown(series)]
    for value in values:
        if value is not None and (isinstance(value, bool) or value != int(value)):
            message = f"`{series.name}` holds {value!r}, which is no number of a repeat"
            raise ValueError(message)
    return [None if value is None else int(value) for value in values]


def _shares(series: pd.Series) -> list[float | None]:
    out: list[float | None] = []
    for value, is_unknown in _with_unknown(series):
        if not is_unknown and (isinstance(value, bool | str) or not 0 < value <= 1):
            message = f"`{series.name}` holds {value!r}, which is no share above 0 and up to 1"
            raise ValueError(message)
        out.append(None if is_unknown else float(value))
    return out


def _times(series: pd.Series) -> list[Any]:
    """Times in UTC without their zone; those that have none are taken as UTC."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(series, skipna=True)
    if kind not in {"datetime", "datetime64", "date", "empty"}:
        message = f"`{series.name}` holds no times but {kind}; `pandas.to_datetime` makes times of them"
        raise ValueError(message)
    times = pd.to_datetime(series, utc=True).dt.tz_localize(None).dt.as_unit("us")
    return [None if is_unknown else value.to_pydatetime() for value, is_unknown in _with_unknown(times)]


def _with_unknown(series: pd.Series) -> list[tuple[Any, bool]]:
    return list(zip(series.tolist(), series.isna().tolist(), strict=True))


def _incidents(frame: pd.DataFrame, columns: Mapping[str, str] | None) -> list[Incident]:
    known = [field.name for field in fields(Incident) if field.name != "locator"]
    named = _named(frame, columns, known, has_labels=False)
    size = len(named)
    read: dict[str, list[Any]] = {
        "incident_id": [str(number) for number in range(size)],
        "title": [""] * size,
        "locator": [f"row:{number}" for number in range(size)],
    }
    for name in map(str, named.columns):
        if name in TIMES:
            read[name] = [at if at is None else at.replace(tzinfo=UTC) for at in _times(named[name])]
        else:
            read[name] = _texts(named[name])
    return [Incident(**{name: values[number] for name, values in read.items()}) for number in range(size)]


def _row_names(indicator: Indicator) -> list[str]:
    counts = ["x", "n"]
    if indicator.is_gap:
        counts = ["x_first", "n_first", "x_second", "n_second"]
    limits = ["estimate", "lower", "upper", "worst_lower", "worst_upper"]
    return [*counts, *limits, "undecided", "errors", "reason"]


def _row(found: Measured) -> dict[str, Any]:
    """One line of a breakdown; what is not known is not there."""
    if isinstance(found, Unmeasured):
        return {"undecided": found.undecided, "errors": found.errors, "reason": found.reason}
    assert isinstance(found, Quantity)
    assert found.interval is not None
    sides = ("",) if len(found.arms) == 1 else ("_first", "_second")
    counts: dict[str, Any] = {}
    for side, arm in zip(sides, found.arms, strict=True):
        counts |= {f"x{side}": arm.numerator, f"n{side}": arm.denominator}
    return {
        **counts,
        "estimate": found.estimate,
        "lower": found.interval.lower,
        "upper": found.interval.upper,
        "worst_lower": found.worst.lower,
        "worst_upper": found.worst.upper,
        "undecided": sum(arm.undecided for arm in found.arms),
        "errors": sum(arm.errors for arm in found.arms),
    }
