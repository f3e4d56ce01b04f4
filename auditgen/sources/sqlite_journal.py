"""Files that belong to a SQLite database: journals, and the index of a write-ahead log.

They hold rows that the database itself does not have yet, so the readers of databases apply them to
their copy. Handed in by themselves they can be read by nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from auditgen.evidence.model import Anomaly
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

WAL, INDEX = "sqlite.wal", "sqlite.shm"
FORMS = (
    (b"\x37\x7f\x06\x82", WAL),
    (b"\x37\x7f\x06\x83", WAL),
    (b"\x18\xe2\x2d\x00", INDEX),
    (b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "sqlite.journal"),
)
"""How the files begin, by https://www.sqlite.org/fileformat2.html and /walformat.html."""
ENDINGS = ("-wal", "-shm", "-journal")


class SqliteJournalSource:
    """Write-ahead logs, their index, rollback journals."""

    name: ClassVar[str] = "sqlite-journal"
    version: ClassVar[str] = "1"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the first bytes."""
        for magic, form in FORMS:
            if probe.head.startswith(magic):
                return Recognition(form, "magic number of a SQLite journal")
        return None

    def companions(self, path: Path, available: Sequence[Path]) -> list[Path]:
        """The database it belongs to."""
        names = {path.name.removesuffix(end) for end in ENDINGS if path.name.endswith(end)}
        return [other for other in available if other.parent == path.parent and other.name in names]

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """No records of its own."""
        with path.open("rb") as stream:
            is_index = stream.read(4) == FORMS[2][0]
        if not context.companions and not is_index:
            message = "the journal of a database that was not handed in beside it: its rows are lost"
            yield Anomaly("records-withheld", message, blocks=True)
        yield Facts(tool="SQLite", role="companion")
