"""A journal handed in beside its database is part of it; alone it is a loss."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from auditgen.evidence.store import EvidenceStore
from auditgen.sources.reading import ReadFile, SourceRegistry, read_file

ATTACKS = Path(__file__).resolve().parent.parent / "data" / "pyrit" / "attacks.db"


def take(path: Path, available: list[Path], store: Path | None = None) -> ReadFile:
    return read_file(
        path,
        name=path.name,
        source_id="s",
        mapping=None,
        store=EvidenceStore(store or path.parent / "store"),
        registry=SourceRegistry.load(),
        available=available,
    )


def unclosed(folder: Path) -> list[Path]:
    """A copy of a genuine database whose last row stands in the write-ahead log only."""
    live, still = folder / "live.db", folder / "attacks.db"
    shutil.copy(ATTACKS, live)
    with closing(sqlite3.connect(live)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("DELETE FROM AttackResultEntries WHERE rowid = 1")
        connection.commit()
        for ending in ("", "-wal", "-shm"):
            shutil.copy(f"{live}{ending}", f"{still}{ending}")
    return [Path(f"{still}{ending}") for ending in ("", "-wal", "-shm")]


def test_rows_of_the_journal_count(tmp_path: Path, kit: Any) -> None:
    files = unclosed(tmp_path)
    whole = take(ATTACKS, [ATTACKS], tmp_path / "store").reading.counts.observations
    database, *others = (take(path, files) for path in files)
    assert database.reading.counts.observations == whole - 1
    assert "attacks.db-wal" in database.reading.companions
    for file in others:
        assert (file.reading.role, file.reading.reader) == ("companion", "sqlite-journal")
        assert kit.codes(file) == {}


def test_a_journal_alone_is_a_loss(tmp_path: Path, kit: Any) -> None:
    _, wal, index = unclosed(tmp_path)
    assert kit.codes(take(wal, [wal])) == {"records-withheld": 1}
    assert kit.codes(take(index, [index])) == {}
