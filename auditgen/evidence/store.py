"""The evidence store: records as Parquet beside what was learned about each file, by content hash.

An entry's key binds the bytes of the file, the reader's version and the mapping; a re-run therefore
reads only what changed, and a changed mapping never meets old records. Entries appear whole or not
at all: they are written under a temporary name and renamed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from auditgen.canonical import digest_of, record_id, sha256_bytes, sha256_file
from auditgen.errors import EnvironmentRefused
from auditgen.evidence.columns import column
from auditgen.evidence.model import (
    DECIDED,
    ERRORS,
    Anomaly,
    Counts,
    Observation,
    Presence,
    PublishedCount,
    Reading,
    Run,
    Score,
)
from auditgen.evidence.repeats import Repeats, counted, sample_repeats_sql
from auditgen.evidence.schemas import (
    OBSERVATION_COLUMNS,
    SIDE_TABLES,
    observation_schema,
    run_schema,
    score_schema,
    side_schemas,
    source_file_schema,
)
from auditgen.evidence.tallies import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pyarrow as pa
    import pyarrow.parquet as pq

    from auditgen.evidence.model import Alert, Incident, MetricPoint

STORE_VERSION = "8"
ENTRY_FILES = (
    "observations.parquet", "reading.json", "runs.parquet", "scores.parquet", "source_file.parquet",
)  # fmt: skip
BATCH_ROWS, BATCH_CHARS = 2000, 2_000_000
"""After so many records, or so much text, a batch is written."""
FEW_RECORDS = 200_000
"""Up to so many records are compared without loading Arrow's functions."""
MAX_METRICS, MAX_VALUES = 200, 8
_DECIDED = frozenset(DECIDED)
_ERRORS = frozenset(ERRORS)

_COMPUTED = ("obs_id", "prompt_sha256", "refusal_detected", "refusal_judged")
_OBSERVED = tuple(name for name in OBSERVATION_COLUMNS if name not in _COMPUTED)
_SCORE_COLUMNS = ("obs_id", *(f.name for f in fields(Score)))
_SCORED = attrgetter(*_SCORE_COLUMNS[1:])


class EvidenceStore:
    """A directory of entries, one per (file, reader, mapping)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def key(self, sha256: str, reader: str, reader_version: str, mapping: Mapping[str, Any]) -> str:
        """The entry's name."""
        return digest_of([STORE_VERSION, sha256, reader, reader_version, dict(mapping)])[:40]

    def cached(self, key: str) -> Reading | None:
        """What was read before under this key, or None. A damaged entry counts as absent."""
        try:
            entry = self.directory / key
            digests = orjson.loads((entry / "digests.json").read_bytes())
            if any(sha256_file(entry / name) != digests[name] for name in {*ENTRY_FILES, *digests}):
                return None
            return _reading_from(orjson.loads((entry / "reading.json").read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def observations(self, key: str) -> Path:
        """The entry's observation table."""
        return self.directory / key / "observations.parquet"

    def side(self, key: str, table: str) -> Path | None:
        """The entry's table of metric points, alerts or incidents, None where it has none."""
        path = self.directory / key / f"{table}.parquet"
        return path if path.exists() else None

    def derived(self, key: str, make: Callable[[Path], dict[str, Any]]) -> tuple[Path, dict[str, Any]]:
        """A table copied out of a file, made once: its place and what `make` said of it.

        `make` writes the table to the path it is given. A damaged copy is made again.
        """
        place = self.directory / key
        try:
            about: dict[str, Any] = orjson.loads((place / "about.json").read_bytes())
            if sha256_file(place / "table.parquet") == about["sha256"]:
                return place / "table.parquet", about
        except (OSError, ValueError, KeyError, TypeError):
            pass
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{key[:8]}-", dir=self.directory) as name:
                work = Path(name) / "made"
                work.mkdir()
                about = make(work / "table.parquet")
                about["sha256"] = sha256_file(work / "table.parquet")
                (work / "about.json").write_bytes(orjson.dumps(about))
                shutil.rmtree(place, ignore_errors=True)
                work.rename(place)
        except OSError as error:
            raise _unwritable(self.directory, error) from error
        return place / "table.parquet", about

    def write(self, key: str, file_sha256: str) -> EntryWriter:
        """A writer for a new entry."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=f".{key[:8]}-", dir=self.directory))
        except OSError as error:
            raise _unwritable(self.directory, error) from error
        return EntryWriter(work, self.directory / key, file_sha256)


class EntryWriter:
    """Takes the records of one file, keeps the tallies, and publishes the entry at the end."""

    def __init__(self, work: Path, final: Path, file_sha256: str) -> None:
        self._work = work
        self._final = final
        self._sha256 = file_sha256
        self._rows: list[Observation] = []
        self._detected: list[bool | None] = []
        self._judged: list[bool | None] = []
        self._tallies = Tallies()
        self._tallied = 0
        """How many of the rows that wait are in the tallies already."""
        self._scores: list[tuple[Any, ...]] = []
        self._pending = 0
        self._writers: dict[str, pq.ParquetWriter] = {}
        self.count = 0
        self.with_score = 0
        self.scores: dict[str, dict[str, int]] = {}
        self._side: dict[str, list[Any]] = {}
        self.beside: dict[str, int] = {}

    def add_beside(self, record: MetricPoint | PublishedCount | Alert | Incident) -> None:
        """Keep one record that is no response."""
        if isinstance(record, PublishedCount):
            self._tallies.note(record.model, record.published_at)
        name = next(name for name, kind in SIDE_TABLES.items() if type(record) is kind)
        self.beside[name] = self.beside.get(name, 0) + 1
        rows = self._side.setdefault(name, [])
        rows.append(record)
        if len(rows) >= BATCH_ROWS:
            self._flush_side(name)

    def add(
        self, observation: Observation, *, detected: bool | None = None, judged: bool | None = None
    ) -> None:
        """Keep one observation and its scores.

        `detected` and `judged` are the refusal labels that do not come from its file; they replace its own.
        """
        self.count += 1
        self._rows.append(observation)
        self._detected.append(observation.refusal_detected if detected is None else detected)
        self._judged.append(observation.refusal_judged if judged is None else judged)
        self._pending += len(observation.prompt or "") + len(observation.response or "")
        if observation.scores:
            self._add_scores(observation)
        if len(self._rows) >= BATCH_ROWS or self._pending >= BATCH_CHARS:
            self._flush()

    def _add_scores(self, observation: Observation) -> None:
        obs_id = record_id(self._sha256, observation.locator)
        self.with_score += any(score.value is not None for score in observation.scores)
        for score in observation.scores:
            self._tally_score(score.metric, score.raw)
            self._scores.append((obs_id, *_SCORED(score)))
            self._pending += len(score.rationale or "")

    @property
    def tallies(self) -> Tallies:
        """What was counted of the records so far."""
        if self._tallied < len(self._rows):
            self._tallies.take(self._rows[self._tallied :])
            self._tallied = len(self._rows)
        return self._tallies

    @property
    def duplicates(self) -> int:
        """Records whose run, sample and epoch an earlier one has already."""
        found = self.tallies.identities
        if len(found) <= FEW_RECORDS:
            return len(found) - len(set(found))
        import pyarrow as pa
        import pyarrow.compute as pc

        identities = pa.Array.from_buffers(pa.uint64(), len(found), [None, pa.py_buffer(found)])
        # sorted, equal ones are neighbours; a hash table of distinct ones takes twenty times the memory
        ordered = identities.take(pc.array_sort_indices(identities))
        return int(pc.sum(pc.equal(ordered[1:], ordered[:-1])).as_py())

    def counts(self, planned: int | None) -> Counts:
        """The denominators seen so far; `executed` leaves out what failed."""
        outcomes = self.tallies.outcomes
        scored = sum(n for name, n in outcomes.items() if name in _DECIDED)
        errored = sum(n for name, n in outcomes.items() if name in _ERRORS)
        return Counts(
            planned=planned,
            observations=self.count,
            executed=self.count - errored,
            errored=errored,
            scored=scored,
            unscored=self.count - errored - scored,
            with_score=self.with_score,
            guarded=self.tallies.guarded,
            duplicates=self.duplicates,
        )

    def repeats(self) -> Repeats:
        """What the records are whose id an earlier one has. No record can be added afterwards."""
        if not self.duplicates:
            return Repeats()
        from auditgen.evidence.tables import connect, sql_file

        self._flush()
        self._writers["observations"].close()
        origin = (
            f"SELECT * FROM read_parquet({sql_file(self._work / 'observations.parquet')},"
            " hive_partitioning = false, file_row_number = true)"
        )
        return counted(connect(), sample_repeats_sql(origin))

    def publish(self, reading: Reading) -> None:
        """Finish the tables and make the entry visible under its final name."""
        self._flush()
        try:
            self._finish(reading)
        except OSError as error:
            raise _unwritable(self._final.parent, error) from error

    def _finish(self, reading: Reading) -> None:
        about = _cleaned(_source_file_row(reading))
        self._write("source_file", {name: [about[name]] for name in about}, source_file_schema())
        runs = [_cleaned(row) for row in _run_rows(reading)]
        self._write("runs", {n: [row[n] for row in runs] for n in run_schema().names}, run_schema())
        for writer in self._writers.values():
            writer.close()
        (self._work / "reading.json").write_bytes(
            orjson.dumps(reading, option=orjson.OPT_SORT_KEYS | orjson.OPT_NAIVE_UTC)
        )
        names = [*ENTRY_FILES, *(f"{name}.parquet" for name in self.beside)]
        digests = {name: sha256_file(self._work / name) for name in names}
        (self._work / "digests.json").write_bytes(orjson.dumps(digests))
        if self._final.exists():  # damaged, or another process was faster: the content is the same
            shutil.rmtree(self._final, ignore_errors=True)
        try:
            self._work.rename(self._final)
        except OSError:
            shutil.rmtree(self._work, ignore_errors=True)
            if not (self._final / "reading.json").exists():
                raise

    def discard(self) -> None:
        """Leave nothing behind."""
        for writer in self._writers.values():
            writer.close()
        shutil.rmtree(self._work, ignore_errors=True)

    def _tally_score(self, metric: str, raw: str) -> None:
        """Count a score's raw value; beyond a few distinct ones only that there are others."""
        if metric not in self.scores and len(self.scores) >= MAX_METRICS:
            return
        values = self.scores.setdefault(_storable(metric), {})
        value = _storable(raw)[:40]
        if value not in values and len(values) >= MAX_VALUES:
            value = "other values"
        values[value] = values.get(value, 0) + 1

    def _flush(self) -> None:
        rows = self._rows
        self.tallies  # noqa: B018 - what is written was counted
        values: dict[str, Sequence[Any]] = {
            name: _fit(list(map(attrgetter(name), rows))) for name in _OBSERVED
        }
        values["obs_id"] = [record_id(self._sha256, row.locator) for row in rows]
        values["prompt_sha256"] = [_prompt_digest(row.prompt) for row in rows]
        values["refusal_detected"], values["refusal_judged"] = self._detected, self._judged
        self._write("observations", values, observation_schema())
        self._write("scores", _columns(_SCORE_COLUMNS, self._scores), score_schema())
        self._rows, self._scores, self._pending, self._tallied = [], [], 0, 0
        self._detected, self._judged = [], []
        for name in self._side:
            self._flush_side(name)

    def _flush_side(self, name: str) -> None:
        rows = self._side.get(name, [])
        columns = [f.name for f in fields(SIDE_TABLES[name])]
        values: dict[str, Sequence[Any]] = {c: [_cell(getattr(row, c)) for row in rows] for c in columns}
        self._write(name, values, side_schemas()[name])
        self._side[name] = []

    def _write(self, name: str, values: dict[str, Sequence[Any]], schema: pa.Schema) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            if name not in self._writers:
                path = self._work / f"{name}.parquet"
                self._writers[name] = pq.ParquetWriter(path, schema, compression="zstd")
            if values[schema.names[0]]:
                arrays = [column(values[field.name], field.type) for field in schema]
                self._writers[name].write_table(pa.Table.from_arrays(arrays, schema=schema))
        except OSError as error:  # the disk, not the evidence
            raise _unwritable(self._final.parent, error) from error


def _unwritable(directory: Path, error: OSError) -> EnvironmentRefused:
    return EnvironmentRefused(
        f"the evidence store `{directory}` cannot be written: {error.strerror or error}",
        hint="name another directory with --store",
    )


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, Sequence[Any]]:
    """Rows as columns by name, with every text fit for Parquet."""
    if not rows:
        return dict.fromkeys(names, ())
    found = zip(*rows, strict=True)
    return {name: _fit(values) for name, values in zip(names, found, strict=True)}


def _fit(values: Sequence[Any]) -> Sequence[Any]:
    """The values of one column, with every text fit for Parquet."""
    try:
        if "".join([value for value in values if value is not None]).isascii():
            return values
    except TypeError:  # numbers, flags, times
        pass
    return [_storable(value) if isinstance(value, str) else value for value in values]


def _prompt_digest(prompt: str | None) -> str | None:
    return None if prompt is None else sha256_bytes(prompt.encode("utf-8", "surrogatepass"))


def _cell(value: Any) -> Any:
    """A field of a record beside the responses, fit for Parquet; labels as sorted pairs."""
    if isinstance(value, Mapping):
        return [(_storable(k), _storable(v)) for k, v in sorted(value.items())]
    return _storable(value) if isinstance(value, str) else value


def _storable(text: str) -> str:
    """Text that Parquet takes: lone surrogates become the replacement character."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _cleaned(value: Any) -> Any:
    """`value` with every text in it fit for Parquet."""
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, dict):
        return {name: _cleaned(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, tuple):  # an entry of a map
        return tuple(_cleaned(item) for item in value)
    return value


def _source_file_row(reading: Reading) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: getattr(reading, name) for name in source_file_schema().names if name != "completeness"
    }
    row["anomalies"] = [
        {f.name: getattr(anomaly, f.name) for f in fields(anomaly)} for anomaly in reading.anomalies
    ]
    row["completeness"] = [(k, v.value) for k, v in sorted(reading.completeness.items())]
    return row


def _run_rows(reading: Reading) -> list[dict[str, Any]]:
    counts = reading.counts
    totals = {
        "file_observations": counts.observations,
        "file_executed": counts.executed,
        "file_errored": counts.errored,
        "file_scored": counts.scored,
    }
    return [
        {f.name: getattr(run, f.name) for f in fields(run) if f.name != "native_aggregates"}
        | {"native_aggregates": sorted(run.native_aggregates.items())}
        | totals
        for run in reading.runs
    ]


def reading_as_dict(reading: Reading) -> dict[str, Any]:
    """A reading as plain JSON types."""
    out: dict[str, Any] = orjson.loads(orjson.dumps(reading, option=orjson.OPT_NAIVE_UTC))
    return out


def _reading_from(raw: dict[str, Any]) -> Reading:
    def times(item: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
        return {name: _time(item[name]) for name in names}

    runs = tuple(Run(**{**r, **times(r, ("started_at", "ended_at"))}) for r in raw["runs"])
    return Reading(
        **{
            **raw,
            **times(raw, ("first_at", "last_at")),
            "runs": runs,
            "counts": Counts(**raw["counts"]),
            "anomalies": tuple(Anomaly(**a) for a in raw["anomalies"]),
            "models": tuple(raw["models"]),
            "about": tuple(raw["about"]),
            "completeness": {k: Presence(v) for k, v in raw["completeness"].items()},
        }
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
