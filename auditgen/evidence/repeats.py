"""Records under one id: copies of one another, records of their own, or contradictions.

A copy agrees in everything that was read and counts once; of monitoring only the time may differ, for a
log may write one event twice within moments. What differs is never dropped: whoever gave all bad answers
one id would otherwise have one bad answer left. Where what differs is something that a criterion judges
by, nobody can say which of the records is true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.evidence.tables import connect, sql_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb

SAMPLE = ("run_key", "sample_id", "epoch")
"""What identifies a record of an evaluation inside its file."""
JUDGED = (
    "model", "outcome", "expected", "watch", "watch_basis", "cohort", "category", "strategy", "language",
    "labels", "guardrail_verdict", "guardrail_action",
)  # fmt: skip
"""What criteria select on or count."""
SEEN = (
    *JUDGED, "suite", "basis", "prompt_key", "prompt_sha256", "response", "error_text", "observed_at",
)  # fmt: skip
"""What else tells two records of an evaluation apart."""
LOGGED = (*JUDGED, "basis", "prompt_key")
"""What tells two rows of monitoring apart, beside the time."""
MOMENT = "INTERVAL 1 MINUTE"
"""Equal rows of one record that are no farther apart were logged twice; later ones happened again."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """Records whose id another one has too."""

    copies: int = 0
    """That agree with an earlier one in everything: left out."""
    reused: int = 0
    """Beyond the first of their id, agreeing in what is judged but not in text or time: counted."""
    contradicting: int = 0
    """That differ in what is judged: all but copies, the first of them included."""


def sample_repeats_sql(relation: str) -> str:
    """Of every evaluation record whose id is not its own: `is_first`, `is_copy`, `differs`.

    `relation` has the columns of observations and `file_row_number`; of equal records the first is no copy.
    """
    return _repeats_sql(relation, SAMPLE, SEEN, "file_row_number")


def row_repeats_sql(relation: str, identity: Sequence[str]) -> str:
    """The same of rows of monitoring, all of them with an id and a time; `place` puts them in order."""
    group = ", ".join((*identity, *LOGGED))
    is_near = f"observed_at - min(observed_at) OVER (PARTITION BY {group}) <= {MOMENT}"
    return _repeats_sql(relation, identity, LOGGED, "observed_at, place", is_near)


def _repeats_sql(
    relation: str, identity: Sequence[str], seen: Sequence[str], order: str, is_near: str = "true"
) -> str:
    own, judged, group = (", ".join(names) for names in (identity, (*identity, *JUDGED), (*identity, *seen)))
    return (
        f"SELECT *, row_number() OVER (PARTITION BY {own} ORDER BY {order}) = 1 AS is_first,"
        f" row_number() OVER (PARTITION BY {group} ORDER BY {order}) > 1 AND {is_near} AS is_copy,"
        f" count(*) OVER (PARTITION BY {own}) <> count(*) OVER (PARTITION BY {judged}) AS differs"
        f" FROM (SELECT * FROM ({relation}) QUALIFY count(*) OVER (PARTITION BY {own}) > 1)"
    )


def hold_the_same(one: Path, other: Path) -> bool:
    """Whether two observation tables hold the same samples, alike in all that is judged.

    Raises duckdb.Error when one of them cannot be read.
    """
    columns = ", ".join(("sample_id", "epoch", *JUDGED))
    first, second = (
        f"SELECT {columns} FROM read_parquet({sql_file(path)}, hive_partitioning = false)"
        for path in (one, other)
    )
    query = f"SELECT 1 FROM (({first} EXCEPT ALL {second}) UNION ALL ({second} EXCEPT ALL {first})) LIMIT 1"
    return connect().execute(query).fetchone() is None


def counted(connection: duckdb.DuckDBPyConnection, repeats: str) -> Repeats:
    """The numbers behind a relation made by the functions above. Raises duckdb.Error."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE is_copy),"
        " count(*) FILTER (WHERE NOT is_copy AND NOT differs AND NOT is_first),"
        f" count(*) FILTER (WHERE NOT is_copy AND differs) FROM ({repeats})"
    ).fetchone()
    assert row is not None
    return Repeats(*(int(number) for number in row))
