"""Columns built from buffers are the arrays that Arrow itself would make."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditgen.evidence.columns import column

TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]))
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])
COLUMNS = st.one_of(
    st.tuples(st.just(pa.string()), st.lists(TEXT)),
    st.tuples(st.just(pa.bool_()), st.lists(st.none() | st.booleans(), max_size=40)),
    st.tuples(st.just(pa.int32()), st.lists(st.none() | st.integers(-(2**31), 2**31 - 1))),
    st.tuples(st.just(pa.int64()), st.lists(st.none() | st.integers(-(2**63), 2**63 - 1))),
    st.tuples(st.just(pa.float64()), st.lists(st.none() | st.floats(allow_nan=False))),
    st.tuples(
        st.just(pa.timestamp("us", tz="UTC")),
        st.lists(st.none() | st.datetimes(timezones=ZONES)),
    ),
    st.tuples(
        st.just(pa.map_(pa.string(), pa.float64())),
        st.lists(st.lists(st.tuples(st.text("ab"), st.none() | st.floats(allow_nan=False)), max_size=3)),
    ),
    st.tuples(
        st.just(pa.list_(pa.struct([("code", pa.string()), ("count", pa.int64())]))),
        st.lists(st.lists(st.fixed_dictionaries({"code": TEXT, "count": st.integers(0, 9)}), max_size=3)),
    ),
)


@settings(deadline=None)
@given(case=COLUMNS)
def test_as_arrow_would_have_made_it(case: tuple[pa.DataType, list[Any]]) -> None:
    arrow_type, values = case
    made = column(values, arrow_type)
    made.validate(full=True)
    assert made.type == arrow_type
    assert made.equals(pa.array(values, type=arrow_type))


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="no column of type date32"):
        column([], pa.date32())


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(OverflowError):
        column([2**31], pa.int32())


def test_writing_an_entry_does_without_pandas() -> None:
    code = """
import sys, tempfile
from pathlib import Path
from auditgen.evidence.model import Basis, Observation, Outcome, Reading, Run, Score
from auditgen.evidence.store import EvidenceStore
with tempfile.TemporaryDirectory() as folder:
    store = EvidenceStore(Path(folder))
    writer = store.write("k" * 40, "0" * 64)
    writer.add(Observation("r", "s", "s", 1, Outcome.REFUSED, Basis.JUDGE, "line:1@0", scores=(Score("a", "a", "1", 1.0),)))
    writer.publish(Reading("p", "0" * 64, 1, "s", "f", counts=writer.counts(1), runs=(Run("r", None, "t", "m"),)))
    assert store.cached("k" * 40) is not None
print("pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
