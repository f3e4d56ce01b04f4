"""Where genuine exports lie: the sample quarter, and more of them where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("plain", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("plain")  # a busy machine is no failure

REPOSITORY = Path(__file__).resolve().parent.parent
os.environ["AUDITGEN_CHECKLIST_CACHE"] = "off"  # no test reads or leaves anything in the user's own cache


@pytest.fixture(scope="session")
def quarter() -> Path:
    """The evidence of the sample quarter."""
    return REPOSITORY / "samples" / "quarter" / "evidence"


@pytest.fixture(scope="session")
def extra_exports() -> Path:
    """More genuine exports than the samples; a test that wants them is skipped without them."""
    named = os.environ.get("AUDITGEN_EXTRA_EXPORTS")
    path = Path(named) if named else REPOSITORY.parent / "shared" / "exports"
    if not path.is_dir():
        pytest.skip("extra genuine exports are not at hand")
    return path
