"""Two reports as files, examined where they can be, and compared only when they hold."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from auditgen.errors import Exit, InputRefused
from auditgen.pipeline.previous import MAX_BYTES, sealed_report
from auditgen.report.comparing import Comparison, compare, snapshot
from auditgen.verify import Policy, examine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from auditgen.report.comparing import Snapshot
    from auditgen.verify.model import Examination

VERIFIED = "its seal was verified before use"
UNVERIFIED = "not verified: a report.json by itself proves nothing"
_MAGIC = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of it."""

    comparison: Comparison | None
    """None when a pack does not hold."""
    states: tuple[str, str]
    refused: tuple[tuple[str, Examination], ...]
    exit_code: Exit


def compare_files(old: Path, new: Path, trust: Sequence[Path]) -> Compared:
    """Compare two packs, or files of report.json. Raises InputRefused for what is neither."""
    policy = Policy(trust=tuple(trust), now=datetime.now(UTC))
    paths = (old, new)
    examined = [examine(path, policy) if _is_pack(path) else None for path in paths]
    pairs = zip(paths, examined, strict=True)
    refused = tuple((str(p), e) for p, e in pairs if e is not None and e.exit_code is not Exit.DONE)
    states = tuple(UNVERIFIED if e is None else VERIFIED for e in examined)
    if refused:
        worst = min(e.exit_code for _, e in refused)  # 20 before 21 before 22
        return Compared(None, (states[0], states[1]), refused, worst)
    sides = [_snapshot(p, is_pack=e is not None) for p, e in zip(paths, examined, strict=True)]
    return Compared(compare(sides[0], sides[1]), (states[0], states[1]), (), Exit.DONE)


def _is_pack(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def _snapshot(path: Path, *, is_pack: bool) -> Snapshot:
    try:
        report: dict[str, Any] = sealed_report(path) if is_pack else _plain(path)
        return snapshot(report)
    except (OSError, KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        why = str(error) if isinstance(error, ValueError) else f"{type(error).__name__} {error}"
        raise InputRefused(
            f"`{path}` is no report that can be compared: {why}; nothing was compared",
            hint="name two packs (pack.zip), or two files report.json",
        ) from error


def _plain(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_BYTES:
        message = f"it is larger than {MAX_BYTES:,} bytes"
        raise ValueError(message)
    report: dict[str, Any] = orjson.loads(path.read_bytes())
    return report
