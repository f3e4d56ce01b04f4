"""Entry points: formats and renderers register through one door, built-ins included.

A plugin that does not load is a fact to report, never a crash; two plugins under one name are an
error, because the report could not say which one took part.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from auditgen.errors import EnvironmentRefused

OWN_DISTRIBUTION = "auditgen"


@dataclass(frozen=True, slots=True)
class Plugin:
    """One registered extension, loaded or not."""

    name: str
    distribution: str
    """The package that registered it; `auditgen` for built-ins."""
    version: str
    value: Any = None
    """The loaded object, None when loading failed."""
    failure: str = ""
    """Why it could not be loaded; empty when it was."""

    @property
    def is_third_party(self) -> bool:
        """Whether somebody else's code would take part in the result."""
        return self.distribution != OWN_DISTRIBUTION


def plugin_names(group: str) -> tuple[str, ...]:
    """The registered names of a group, sorted, without loading anything."""
    return tuple(sorted({point.name for point in entry_points(group=group)}))


def load_plugins(group: str) -> tuple[Plugin, ...]:
    """Every plugin of an entry-point group (`auditgen.sources`, ...), by name.

    Raises EnvironmentRefused when none is registered or one name is registered twice.
    """
    found: dict[str, Plugin] = {}
    for point in sorted(entry_points(group=group), key=lambda p: (p.name, p.value)):
        distribution = point.dist.name if point.dist else "unknown"
        version = point.dist.version if point.dist else "unknown"
        if point.name in found:
            if found[point.name].distribution == distribution:
                continue  # the same distribution seen twice on the path (an editable install)
            raise EnvironmentRefused(
                f"two packages register `{point.name}` in `{group}`: "
                f"`{found[point.name].distribution}` and `{distribution}`",
                hint="uninstall one of them",
            )
        try:
            value, failure = point.load(), ""
        except Exception as error:
            value, failure = None, f"{type(error).__name__}: {error}"
        found[point.name] = Plugin(point.name, distribution, version, value, failure)
    if not found:
        raise EnvironmentRefused(
            f"nothing is registered under `{group}`",
            hint="install auditgen with pip, so that its entry points exist",
        )
    return tuple(found.values())
