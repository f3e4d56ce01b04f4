"""One pass over a JSON document of any size: the objects and scalars at named places, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ijson

from auditgen.evidence.model import Anomaly
from auditgen.sources.jsontext import FiniteStream, build_object, is_irregular_file, parse_events
from auditgen.sources.lines import DAMAGED, is_packed, open_unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLACE_ITEM = "item"


class Walk:
    """A pass over a file, unpacked where it is packed. Damage ends it and is remembered."""

    def __init__(self, path: Path, *places: str) -> None:
        self._path = path
        self._places = frozenset(places)
        self.nonfinite = 0
        self.fault = ""

    def values(self) -> Iterator[tuple[str, Any]]:
        """(place, value) in file order; places are written as ijson does (`testCases.item`).

        An array at a place that is not itself an item list comes as nothing: name its `.item`.
        """
        with open_unpacked(self._path) as raw:
            is_strict = not is_packed(self._path) and not is_irregular_file(self._path)
            finite = None if is_strict else FiniteStream(raw)
            events = parse_events(finite or raw)
            try:
                for place, event, value in events:
                    if place not in self._places or event in {"end_map", "end_array", "map_key"}:
                        continue
                    if event == "start_map":
                        yield place, build_object(events, place)
                    elif event != "start_array":
                        yield place, value
                    elif place.endswith(PLACE_ITEM):
                        yield place, []  # an array where an object should be
            except (ijson.JSONError, ValueError, RecursionError, *DAMAGED) as error:
                self.fault = str(error)[:120]
            self.nonfinite = finite.count if finite is not None else 0

    def anomalies(self) -> Iterator[Anomaly]:
        """Whether the file breaks off, and numbers that are none."""
        if self.fault:
            yield Anomaly("truncated", f"the file breaks off or is damaged: {self.fault}")
        if self.nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", self.nonfinite)
