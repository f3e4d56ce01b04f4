"""Every record of an audit, counted once: so many records of one profile and one prompt.

A profile is what records have in common in all columns by which anything is counted. There are few of them,
so whatever is asked (an indicator, a slice of it, a tally) is asked of the profiles, and the records
themselves are read once, however many numbers a report has. Integers only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditgen.evidence.cube import from_us
from auditgen.evidence.engine import COUNTED_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import numpy as np
    import numpy.typing as npt

    from auditgen.evidence.engine import Evidence
    from auditgen.indicators.selection import Query

    Numbers = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]
    Weights = npt.NDArray[np.float64]

FIELDS = tuple(name for name in COUNTED_COLUMNS if name not in {"prompt_key", "first_at", "last_at", "n"})
"""What makes a profile."""
ALONE = 0
"""The cluster of records that are a prompt of their own."""
SEEDS = 4
"""Hashes that are tried before a slower one that always tells lines apart."""
_NO_TIME = {"first_at": 2**63 - 1, "last_at": -(2**63)}


@dataclass(frozen=True, slots=True)
class Cells:
    """The counted records. Arrays of rows have one place per (profile, prompt), sorted by profile."""

    evidence: Evidence
    starts: Numbers
    """Shape (profiles + 1,): where the rows of each profile begin."""
    cluster: Numbers
    """Shape (rows,): a number for each prompt of a suite of a source; `ALONE` for records without one."""
    n: Numbers
    """Shape (rows,): records; negative where copies are taken away again."""
    records: Numbers
    """Shape (profiles,)."""
    first_at: Numbers
    """Shape (profiles,): microseconds since 1970 UTC; a very large number where no record has a time."""
    last_at: Numbers
    words: Mapping[str, Sequence[object]]
    """By field: its values."""
    codes: Mapping[str, Numbers]
    """By field, shape (profiles,): the number of its value."""
    _masks: dict[tuple[str, tuple[Any, ...]], Flags] = field(default_factory=dict)

    @property
    def profiles(self) -> int:
        """How many there are."""
        return len(self.records)

    def where(self, query: Query) -> Flags:
        """Which profiles fulfil all conditions; what is not known fulfils none. Shape (profiles,)."""
        import numpy as np

        out = np.ones(self.profiles, dtype=bool)
        for condition in query.conditions:
            if condition not in self._masks:
                sql, parameters = condition
                found = self.evidence.count(f"SELECT number FROM profile WHERE {sql}", parameters)
                mask = np.zeros(self.profiles, dtype=bool)
                mask[[int(str(number)) for (number,) in found]] = True
                self._masks[condition] = mask
            out &= self._masks[condition]
        return out

    def rows(self, mask: Flags) -> tuple[Numbers, Numbers]:
        """The numbers of the rows of some profiles, and the profile of each."""
        import numpy as np

        chosen = np.flatnonzero(mask)
        lengths = self.starts[chosen + 1] - self.starts[chosen]
        ends = np.cumsum(lengths)
        if not len(ends):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        offsets = np.repeat(self.starts[chosen] - (ends - lengths), lengths)
        return offsets + np.arange(ends[-1]), np.repeat(chosen, lengths)

    def tally(self, name: str, mask: Flags) -> dict[str, int]:
        """Records by the values of one field, sorted; what has none is called by the empty text."""
        import numpy as np

        chosen = np.flatnonzero(mask)
        totals = np.zeros(len(self.words[name]), dtype=np.int64)
        np.add.at(totals, self.codes[name][chosen], self.records[chosen])
        out: dict[str, int] = {}
        for word, total in zip(self.words[name], totals.tolist(), strict=True):
            if total > 0:
                text = "" if word is None else str(word)
                out[text] = out.get(text, 0) + total
        return dict(sorted(out.items()))

    def span(self, mask: Flags) -> tuple[datetime | None, datetime | None]:
        """The first and the last time of some profiles' records."""
        import numpy as np

        chosen = np.flatnonzero(mask & (self.records > 0))
        if not len(chosen):
            return None, None
        first, last = int(self.first_at[chosen].min()), int(self.last_at[chosen].max())
        return (
            None if first == _NO_TIME["first_at"] else from_us(first),
            None if last == _NO_TIME["last_at"] else from_us(last),
        )


def read_cells(evidence: Evidence) -> Cells:
    """All records of the view `observation`, which is read twice: once by profile, once by prompt.

    Memory grows with the view's rows, by some 50 bytes each.
    """
    import numpy as np

    of_profile = _group(evidence)
    profiles = _columns(evidence, "SELECT hash, n, first_at, last_at FROM profile ORDER BY number")
    cluster, again = (_hash((seed, "source_id", "suite", "prompt_key")) for seed in ("'0'", "'1'"))
    columns = _columns(
        evidence,
        f"SELECT {of_profile} AS hash, n::BIGINT AS n,"
        f" CASE WHEN prompt_key IS NULL THEN {ALONE} ELSE {cluster} END AS cluster,"
        f" CASE WHEN prompt_key IS NULL THEN {ALONE} ELSE {again} END AS again FROM observation",
    )
    total = len(profiles["n"])
    profile = np.searchsorted(profiles["hash"], columns["hash"])
    order = np.argsort(profile.astype(np.uint16) if total < 2**16 else profile, kind="stable")
    words, codes = _encoded(evidence)
    return Cells(
        evidence=evidence,
        starts=np.searchsorted(profile[order], np.arange(total + 1)),
        cluster=without_collisions(columns["cluster"], columns["again"])[order],
        n=columns["n"][order],
        records=profiles["n"],
        first_at=profiles["first_at"],
        last_at=profiles["last_at"],
        words=words,
        codes=codes,
    )


def _hash(columns: Sequence[str]) -> str:
    return f"(hash({', '.join(columns)}) >> 1)::BIGINT"


def _digest(columns: Sequence[str]) -> str:
    """A number for lines that no hash of the engine tells apart: slower, and nobody can make it collide."""
    parts = (f"coalesce(length({c}::VARCHAR)::VARCHAR || ':' || {c}::VARCHAR, '-')" for c in columns)
    return f"('0x' || left(sha256(concat({', '.join(parts)})), 15))::BIGINT"


def _group(evidence: Evidence) -> str:
    """Make the temporary table `profile`, in the order of a hash that tells its lines apart: its SQL."""
    listed = ", ".join(FIELDS)
    evidence.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE grouped AS SELECT {listed}, sum(n::BIGINT)::BIGINT AS n,"
        f" coalesce(epoch_us(min(first_at)), {_NO_TIME['first_at']}) AS first_at,"
        f" coalesce(epoch_us(max(last_at)), {_NO_TIME['last_at']}) AS last_at"
        f" FROM observation GROUP BY {listed}"
    )
    hashes = [_hash((f"'{seed}'", *FIELDS)) for seed in range(SEEDS)]
    # the engine's hash takes each column by itself: words made to collide do so under every seed
    found = next((sql for sql in hashes if _tells_apart(evidence, sql)), _digest(FIELDS))
    evidence.connection.execute(
        "CREATE OR REPLACE TEMP TABLE profile AS"
        f" SELECT row_number() OVER (ORDER BY {found}) - 1 AS number, {found} AS hash, * FROM grouped"
    )
    evidence.connection.execute("DROP TABLE grouped")
    return found


def _tells_apart(evidence: Evidence, found: str) -> bool:
    [(lines, hashes)] = evidence.count(f"SELECT count(*), count(DISTINCT {found}) FROM grouped")
    return lines == hashes


def _encoded(evidence: Evidence) -> tuple[dict[str, Sequence[object]], dict[str, Numbers]]:
    """By field: its values, and the number of its value in each profile."""
    words: dict[str, Sequence[object]] = {}
    codes: dict[str, Numbers] = {}
    sql = f"SELECT {', '.join(FIELDS)} FROM profile ORDER BY number"
    table = evidence.connection.sql(sql).to_arrow_table()
    for name in FIELDS:
        encoded = table.column(name).combine_chunks().dictionary_encode(null_encoding="encode")
        words[name] = encoded.dictionary.to_pylist()
        codes[name] = encoded.indices.to_numpy(zero_copy_only=False)
    return words, codes


def _columns(evidence: Evidence, sql: str) -> dict[str, Numbers]:
    table = evidence.connection.sql(sql).to_arrow_table()
    return {name: table.column(name).to_numpy() for name in table.schema.names}


def without_collisions(cluster: Numbers, again: Numbers) -> Numbers:
    """Numbers of prompts; where two prompts share the first number, the second tells them apart."""
    import numpy as np

    order = np.argsort(cluster, kind="stable")
    sorted_, checks = cluster[order], again[order]
    same = sorted_[1:] == sorted_[:-1]
    if not (same & (checks[1:] != checks[:-1])).any():
        return cluster
    _, numbers = np.unique(np.stack([cluster, again]), axis=1, return_inverse=True)
    made: Numbers = np.where(cluster == ALONE, ALONE, numbers.reshape(-1) + 1)
    return made
