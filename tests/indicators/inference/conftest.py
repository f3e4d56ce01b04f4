"""A profile for `make mutants`: the same examples each time, and none made smaller, as nobody reads them."""

from __future__ import annotations

from hypothesis import Phase, settings

settings.register_profile(
    "mutants", phases=(Phase.explicit, Phase.generate), derandomize=True, database=None, deadline=None
)
