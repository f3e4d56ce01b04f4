"""Ranges of numbers: the rule in Python and the same rule in the query engine never disagree."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from auditgen.evidence.columnar import canonical_sql
from auditgen.evidence.mapping import RecordMap, Rule
from auditgen.evidence.model import Outcome
from auditgen.evidence.tables import connect, describe
from auditgen.sources.fields import FieldReader
from auditgen.sources.interface import Context

WORDS = st.sampled_from(["refused", "complied", "partial", "neither"])
BOUNDS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 0.5, 0.1, 0.3, 1e-7, 1e22, -1.0, 5e-324, 1.7976931348623157e308]),
    st.floats(allow_nan=False, allow_infinity=False),
)


@st.composite
def bands(draw: Any) -> dict[str, Any]:
    """One band with one or two bounds."""
    out: dict[str, Any] = {"is": draw(WORDS)}
    low, high = draw(st.sampled_from(["at_least", "above", None])), draw(st.sampled_from(["at_most", "below", None]))
    low = low or (None if high else "at_least")
    for name in (low, high):
        if name:
            out[name] = draw(BOUNDS)
    return out


RULES = st.fixed_dictionaries(
    {"from": st.just("value"), "bands": st.lists(bands(), min_size=1, max_size=3)},
    optional={"values": st.dictionaries(st.text(max_size=3) | st.sampled_from(["1", "n/a", "'"]), WORDS, max_size=3)},
)
DIGITS = st.text("0123456789", max_size=25)
NUMBERS = st.one_of(
    st.builds(
        lambda sign, whole, dot, part, power: f"{sign}{whole}{dot}{part}{power}",
        st.sampled_from(["", "+", "-", " ", "--"]),
        DIGITS,
        st.sampled_from(["", ".", ",", ".."]),
        DIGITS,
        st.sampled_from(["", "e5", "E-5", "e+400", "e-400", "e", "e99999", " ", "\n"]),
    ),
    st.floats().map(repr),
    BOUNDS.map(repr),
    st.integers().map(str),
    st.sampled_from(
        ["", "NaN", "nan", "inf", "-Infinity", "1_000", "0x1", "1e5", "١", "½", "true", "1" * 300, "1" * 301,
         "0." + "9" * 200, "0" * 198 + "19", "0." + "3" * 300, "9007199254740993", "2.2250738585072011e-308"]
    ),
)  # fmt: skip
TEXTS = st.text(max_size=12) | NUMBERS


@pytest.fixture(scope="module")
def engine() -> Any:
    return connect()


@settings(max_examples=150, deadline=None)
@given(rule=RULES, texts=st.lists(st.none() | TEXTS, min_size=1, max_size=30))
def test_both_translate_every_text_alike(rule: dict[str, Any], texts: list[str | None], engine: Any) -> None:
    texts = [None if t is None else t.encode("utf-8", "replace").decode() for t in texts]
    mapping = RecordMap.model_validate_json(json.dumps({"outcome": rule}))
    (outcome,) = mapping.outcomes
    wanted = [None if text is None else outcome.translate(text) for text in texts]
    reader = FieldReader(Context(mapping), "table")
    read = [reader.read({"value": text}).outcome for text in texts]
    assert [found and found[0].value for found in read] == wanted, "a log is read by the rule itself"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.parquet"
        pq.write_table(pa.table({"value": pa.array(texts, pa.string())}), path)
        table = describe(path, "parquet")
        sql = canonical_sql(table, mapping)
        found = [row[0] for row in engine.execute(f"SELECT outcome FROM ({sql}) ORDER BY row").fetchall()]
    assert found == [value or Outcome.UNSCORED.value for value in wanted]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("0.75", "complied"),
        ("0.7499999999999999", "partial"),
        ("0.74999999999999999999", "complied"),  # the nearest number there is is 0.75
        (".25", "partial"),
        ("2.5e-1", "partial"),
        ("0.2", "refused"),
        ("-3", "refused"),
        ("1.5", None),
        ("high", None),
        ("NaN", None),
        ("", None),
        ("0,75", None),
        ("skip", "neither"),
    ],
)
def test_the_first_band_that_holds_it_decides(text: str, word: str | None) -> None:
    rule = Rule.model_validate_json(
        json.dumps(
            {
                "from": "x",
                "values": {"skip": "neither"},
                "bands": [
                    {"is": "complied", "at_least": 0.75, "at_most": 1},
                    {"is": "partial", "at_least": 0.25, "below": 0.75},
                    {"is": "refused", "below": 0.25},
                ],
            }
        )
    )
    assert rule.translate(text) == word


@pytest.mark.parametrize(
    "band",
    [{}, {"at_least": 0, "above": 0}, {"at_most": 0, "below": 0}, {"at_least": "0"}, {"more": 1}],
)
def test_a_band_says_one_thing(band: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate_json(json.dumps({"from": "x", "bands": [{"is": "a", **band}]}))
