"""Lists of runs that Inspect writes beside its logs: `eval-set.json` and `logs.json`.

They name every task of a set, or every log of a folder, whether or not it was handed in. A run that
was left out shows here; a failing run that was deleted before the list was written does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Anomaly
from auditgen.sources.inspect_archive import open_archive
from auditgen.sources.interface import ZIP_FAULTS, Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_text, load_file, loads
from auditgen.sources.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAX_BYTES = 256 * 1024 * 1024
MAX_HEAD = 1 << 26
SHOWN = 5
HEADERS = ("_journal/start.json", "header.json")


class InspectSetSource:
    """Inspect AI's own lists of logs."""

    name: ClassVar[str] = "inspect-set"
    version: ClassVar[str] = "1"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the keys of the set, or by file names whose values are headers of logs."""
        if probe.top_keys >= {"eval_set_id", "tasks"}:
            return Recognition("inspect.eval-set", "JSON with eval_set_id and tasks")
        names = probe.top_keys
        is_list = bool(names) and all(name.endswith((".eval", ".json")) for name in names)
        if is_list and b'"eval"' in probe.head and b'"status"' in probe.head:
            return Recognition("inspect.logs", "JSON of file names and the headers of their logs")
        return None

    def companions(self, path: Path, available: Sequence[Path]) -> list[Path]:
        """The logs that were handed in from the same folder, or from one below it."""
        return sorted(
            other
            for other in available
            if other != path and path.parent in other.parents and _identities(other)
        )

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """No records: which of the runs it names were not handed in."""
        try:
            value, nonfinite = load_file(path, MAX_BYTES)
        except (OSError, ValueError) as error:
            yield Anomaly("truncated", f"the list of runs is damaged: {str(error)[:120]}")
            value, nonfinite = {}, 0
        if nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", nonfinite)
        listed = _listed(as_dict(value))
        known = {identity for other in context.companions for identity in _identities(other)}
        missing = [name for name, identities in listed if not identities & known]
        if missing:
            shown = ", ".join(f"`{name[:80]}`" for name in missing[:SHOWN])
            more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
            message = f"the tool's own list names runs that were not handed in: {shown}{more}"
            yield Anomaly("runs-withheld", message, len(missing))
        yield Facts(tool="Inspect AI", role="companion")


def _listed(value: dict[str, Any]) -> list[tuple[str, frozenset[str]]]:
    """Every run of a list: how to call it, and the ids by which its log can be known."""
    out = []
    if "tasks" in value:
        for item in as_list(value["tasks"]):
            task = as_dict(item)
            name = f"{as_text(task.get('name')) or 'task'} on {as_text(task.get('model'))}"
            out.append((name, _ids(task)))
        return out
    for name, item in value.items():
        out.append((as_text(name), _ids(as_dict(as_dict(item).get("eval")))))
    return out


def _ids(spec: dict[str, Any]) -> frozenset[str]:
    """A log is known by its own id; a task of a set by the task's, which its retries share."""
    names = ("eval_id",) if spec.get("eval_id") else ("task_id",)
    return frozenset(f"{name}={as_text(spec[name])}" for name in names if spec.get(name))


def _identities(path: Path) -> frozenset[str]:
    """The ids of a log, read from its header; empty for whatever is no log."""
    try:
        spec = _spec(path)
    except (OSError, ValueError, KeyError, *ZIP_FAULTS):
        return frozenset()
    return frozenset(f"{name}={as_text(spec[name])}" for name in ("eval_id", "task_id") if spec.get(name))


def _spec(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        if stream.read(4) == b"PK\x03\x04":
            archive = open_archive(path, stream)
            for name in HEADERS:
                try:
                    return as_dict(as_dict(loads(archive.read(name))[0]).get("eval"))
                except KeyError:
                    continue
            return {}
    if not path.name.endswith(".json") or {"version", "status", "eval"} - Probe(path).top_keys:
        return {}
    for _, value in Walk(path, "eval").values():
        return as_dict(value)
    return {}
