"""Counting rows of monitoring: alike files of one source in one pass, remembered by what they hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditgen.canonical import digest_of
from auditgen.evidence.cube import CUBE_VERSION, file_totals
from auditgen.evidence.logged import Logged, count_into, repeats_within
from auditgen.evidence.model import Anomaly
from auditgen.evidence.pseudonym import key_id
from auditgen.evidence.tables import TableFault, connect, hive_values
from auditgen.sources.interface import ReadFile
from auditgen.sources.table_summary import summarised

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditgen.evidence.mapping import RecordMap
    from auditgen.evidence.store import EvidenceStore


@dataclass(frozen=True, slots=True)
class Counted:
    """The files of one source with what was counted, in their order, and where the counts are."""

    files: tuple[ReadFile, ...]
    logged: tuple[Logged, ...]


def count_logged(
    files: Sequence[ReadFile],
    *,
    source_id: str,
    mapping: RecordMap | None,
    store: EvidenceStore,
    aliases: Mapping[str, str] | None = None,
) -> Counted:
    """Count what was logged. A table that cannot be counted is unreadable, and only that one."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, file in enumerate(files):
        kind = _alike(file)
        if kind is not None:
            groups.setdefault(kind, []).append(number)
    out, logged = list(files), []
    for numbers in groups.values():
        for some in _countable(files, numbers, source_id, mapping, store, aliases or {}):
            if isinstance(some, Logged):
                logged.append(some)
                continue
            number, file = some
            out[number] = file
    return Counted(tuple(out), tuple(logged))


def _alike(file: ReadFile) -> tuple[str, ...] | None:
    """What files have in common that can be counted in one pass; None for what is not counted so."""
    if not file.is_logged:
        return None
    if file.table is None:
        return ("records",)
    if not file.table.is_numbered:
        return ("alone", str(file.table.path))
    return (file.table.format, file.table.types, *file.table.hive)


def _countable(
    files: Sequence[ReadFile],
    numbers: Sequence[int],
    source_id: str,
    mapping: RecordMap | None,
    store: EvidenceStore,
    aliases: Mapping[str, str],
) -> list[Logged | tuple[int, ReadFile]]:
    chosen = [files[number] for number in numbers]
    group = Logged(
        source_id=source_id,
        cube=store.directory,  # known once it is made
        digests=tuple(file.reading.sha256 for file in chosen),
        tables=tuple(file.table for file in chosen if file.table),
        mapping=mapping,
        records=tuple(file.records for file in chosen if file.records),
        aliases=aliases,
    )
    try:
        beside = [sorted(file.reading.companions.items()) for file in chosen]
        cube, about = store.derived(_key(group, beside), lambda out: count_into(group, out))
    except TableFault as error:
        if len(numbers) > 1:  # one of them is at fault; the others are counted without it
            return [
                found
                for number in numbers
                for found in _countable(files, [number], source_id, mapping, store, aliases)
            ]
        anomaly = Anomaly("unreadable", error.message, blocks=True)
        reading = chosen[0].reading
        anomalies = (*reading.anomalies, anomaly)
        return [(numbers[0], replace(chosen[0], reading=replace(reading, anomalies=anomalies)))]
    group = replace(group, cube=cube, is_unique=about["unique"], exposed=tuple(about["exposed"]))
    out: list[Logged | tuple[int, ReadFile]] = [group]
    if group.tables and mapping is not None:
        totals = file_totals(connect(), cube)
        for place, (number, file) in enumerate(zip(numbers, chosen, strict=True)):
            total = totals.get(place)
            known = about["open"].get(str(place), {})
            reading = summarised(file.reading, total, known, mapping)
            out.append((number, replace(file, reading=reading)))
    return out


def _key(group: Logged, beside: Sequence[Sequence[tuple[str, str]]]) -> str:
    mapping = None if group.mapping is None else group.mapping.model_dump(mode="json", by_alias=True)
    folders = [hive_values(table.path) if table.hive else {} for table in group.tables]
    read = [table.format for table in group.tables] or [path.parent.name for path in group.records]
    along = [list(map(list, names)) for names in beside]
    parts = [list(group.digests), mapping, read, along, folders, key_id(group.mapping)]
    return digest_of(["cube", CUBE_VERSION, *parts])[:40]


def count_alone(file: ReadFile, *, mapping: RecordMap | None, store: EvidenceStore) -> ReadFile:
    """One file by itself, with what repeats inside it."""
    counted = count_logged([file], source_id=file.reading.source_id, mapping=mapping, store=store)
    [file] = counted.files
    for group in counted.logged:
        found = repeats_within(group)
        if found.copies:
            message = "rows that repeat a record's id; each record counts once"
            anomaly = Anomaly("duplicate-rows", message, found.copies)
            reading = replace(file.reading, anomalies=(*file.reading.anomalies, anomaly))
            file = replace(file, reading=reading)
    return file
