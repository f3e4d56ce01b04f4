"""A project whose answers carry everything that coders must not see, and its workbooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from helpers import coding

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    return coding.secretive(tmp_path / "project")


@pytest.fixture
def labels(audit: Path) -> Path:
    """The folder of two fresh workbooks."""
    return coding.written(audit, n=40)
