"""Finds what ships beside the code: templates, standards and the demo's sample.

In a checkout they lie at the top level; in a wheel under `auditgen/_data`. One function knows.
"""

from __future__ import annotations

from pathlib import Path

from auditgen.errors import EnvironmentRefused

_PACKAGE = Path(__file__).resolve().parent


def resource_dir(name: str) -> Path:
    """The directory of shipped files called `name` (`templates`, `standards`, `samples/quarter`).

    Raises EnvironmentRefused when the installation is incomplete.
    """
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        candidate = root / name
        if candidate.is_dir():
            return candidate
    raise EnvironmentRefused(
        f"the shipped files `{name}` are missing from this installation",
        hint="install auditgen again from its wheel or a complete checkout",
    )
