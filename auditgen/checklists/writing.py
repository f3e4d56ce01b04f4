"""Checklists written as YAML that reads back as the same values, by our rules and by those of YAML 1.1."""

from __future__ import annotations

import re
from typing import Any

_NUMBER_LIKE = re.compile(r"^[-+]?(\.[0-9]|[0-9])[0-9._eE+:-]*$")
_ODD_BREAKS = re.compile("[\\r\\x85\\u2028\\u2029\\ufeff]")
"""What YAML folds like a line break unless it is escaped."""
_LOADED: list[Any] = []
WIDTH = 100


def to_yaml(value: Any) -> str:
    """YAML of a JSON value, keys in their order, long texts folded, texts of several lines as blocks."""
    import yaml

    out: str = yaml.dump(
        value,
        Dumper=_dumper(),
        allow_unicode=True,
        default_flow_style=False,
        sort_keys=False,
        width=WIDTH,
    )
    return out


def _dumper() -> Any:
    """A safe dumper that quotes what some version of YAML would take for a number; built on first use."""
    if _LOADED:
        return _LOADED[0]
    import yaml

    class Dumper(yaml.SafeDumper):
        """Plain values only; no aliases, which our reader refuses."""

        def ignore_aliases(self, data: Any) -> bool:
            """Never an alias, even where one object stands twice."""
            del data
            return True

    def text(dumper: Any, value: str) -> Any:
        style = None
        if _ODD_BREAKS.search(value):
            style = '"'
        elif "\n" in value:
            style = "|"
        elif _NUMBER_LIKE.match(value):
            style = "'"
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    _LOADED.append(Dumper)
    return Dumper
