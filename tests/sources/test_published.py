"""Published counts: every row is so many of so many, and a row that cannot be right is named by its line."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditgen.cli.file_block import describe
from auditgen.evidence.model import PublishedCount, Watch
from auditgen.evidence.published import stored_counts
from auditgen.sources.interface import Probe
from auditgen.sources.published import OPTIONAL, REQUIRED, SCHEMA, PublishedSource, _Figures, solutions
from auditgen.sources.reading import ReadFile

COLUMNS = (*REQUIRED, *OPTIONAL)
GOOD = {
    SCHEMA: "a-free", "setting": "default prompt", "model": "model-1", "arm": "monitored", "arm_basis": "cue",
    "counted": "refused", "others": "complied", "numerator": "324", "n": "400", "expected": "refuse",
    "known": "unique", "percentage": "81.0", "paper": "A paper", "place": "Table 5", "published_on": "2024-12-20",
}  # fmt: skip

Read = Callable[..., ReadFile]


def row(**parts: str) -> dict[str, str]:
    return {**GOOD, **{SCHEMA if name == "id" else name: value for name, value in parts.items()}}


def table(rows: Sequence[dict[str, str]], columns: Sequence[str] = COLUMNS, delimiter: str = ",") -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def figures(file: ReadFile) -> tuple[PublishedCount, ...]:
    assert file.records is not None
    return stored_counts(file.records.parent / "published_counts.parquet")


def message(file: ReadFile, code: str) -> str:
    [found] = [a.message for a in file.reading.anomalies if a.code == code]
    return found


class TestReading:
    def test_a_figure_is_one_record_beside_the_records(self, read: Read, kit: Any) -> None:
        file = read(table([row(), row(id="a-paid", arm="unmonitored", numerator="381", percentage="95.3")]))
        first, second = figures(file)
        assert (first.figure_id, first.numerator, first.n, first.counted, first.others) == (
            "a-free", 324, 400, "refused", "complied",
        )  # fmt: skip
        assert (first.watch, second.watch) == (Watch.MONITORED, Watch.UNMONITORED)
        assert first.locator == "line:2@{}".format(len(",".join(COLUMNS)) + 1)
        assert first.published_at is not None
        assert first.published_at.isoformat() == "2024-12-20T00:00:00+00:00"
        reading = file.reading
        assert (reading.kind, reading.format, reading.beside) == ("published", "published.csv", {"published_counts": 2})
        assert (reading.counts.observations, reading.counts.scored, kit.rows(file)) == (0, 0, [])
        assert reading.models == ("model-1",)
        assert reading.grade is not None
        assert reading.grade.value == "E"
        assert not reading.is_vacuous
        assert kit.codes(file) == {"published-counts": 2}
        assert "2 figures, as published, records not seen" in describe(reading)

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_however_it_was_saved(self, delimiter: str, read: Read, kit: Any) -> None:
        content = table([row()], delimiter=delimiter)
        for data in (content, b"\xef\xbb\xbf" + content, gzip.compress(content), content.replace(b"\n", b"\r\n")):
            file = read(data)
            assert len(figures(file)) == 1
            assert kit.codes(file) == {"published-counts": 1}

    def test_it_is_known_by_the_schema_alone(self, workdir: Path) -> None:
        path = workdir / "x.csv"
        path.write_bytes(table([row()]))
        assert PublishedSource().recognise(Probe(path)) is not None
        path.write_bytes(table([row()]).replace(SCHEMA.encode(), b"id"))
        assert PublishedSource().recognise(Probe(path)) is None

    def test_labels_are_counted_too(self, read: Read) -> None:
        [found] = figures(read(table([row(counted="label alignment_faking", others="", known="printed", percentage="")])))
        assert (found.counted, found.others, found.is_label) == ("alignment_faking", None, True)

    def test_inferred_counts_are_told_with_their_number(self, read: Read, kit: Any) -> None:
        file = read(table([row(known="inferred", assumption="n is 400"), row(id="b", arm="unmonitored")]))
        assert kit.codes(file) == {"published-counts": 2, "counts-inferred": 1}
        assert figures(file)[0].assumption == "n is 400"
        assert file.reading.completeness["denominator"] == "derived"


FAULTS = {
    "`numerator` 401 is more than `n` 400": {"numerator": "401", "known": "printed", "percentage": ""},
    "`n` is 0": {"n": "0", "numerator": "0", "known": "printed", "percentage": ""},
    "`numerator` is no whole number": {"numerator": "3.5"},
    "`n` is no whole number": {"n": "-400"},
    "`setting` is empty": {"setting": ""},
    "`paper` is empty": {"paper": ""},
    "`known` is": {"known": "guessed"},
    "`counted` is": {"counted": "unscored"},
    "`others` is empty": {"others": ""},
    "`others` is the same": {"others": "refused"},
    "`others` is `unscored`": {"others": "unscored"},
    "`others` belongs to outcomes": {"counted": "label faking"},
    "`arm` is": {"arm": "free"},
    "`arm` and `arm_basis` belong together": {"arm_basis": ""},
    "`expected` is": {"expected": "refused"},
    "an inferred count needs its `assumption`": {"known": "inferred"},
    "`assumption` belongs to `inferred`": {"assumption": "n is 400"},
    "a `unique` count needs the `percentage`": {"percentage": ""},
    "`percentage` is no number": {"percentage": "81 percent"},
    "81 % of 400 has 5 solutions": {"percentage": "81"},
    "`published_on` is no day": {"published_on": "2024-13-01"},
    "is no id": {"id": "a free"},
}


class TestValidation:
    @pytest.mark.parametrize("said", FAULTS)
    def test_a_row_that_is_no_figure_is_named_by_its_line(self, said: str, read: Read, kit: Any) -> None:
        good = row(id="z", setting="another")
        file = read(table([good, row(**FAULTS[said])]))
        assert [f.figure_id for f in figures(file)] == ["z"]
        assert kit.codes(file) == {"lines-unreadable": 1, "published-counts": 1}
        told = message(file, "lines-unreadable")
        assert told.startswith("rows that are no figure: line 3: ")
        assert said in told

    def test_all_faults_of_all_rows_at_once(self, read: Read) -> None:
        told = message(read(table([row(n="x", known="y"), row(model="")])), "lines-unreadable")
        assert "line 2: `known` is `y`" in told
        assert "`n` is no whole number" in told
        assert "line 3: `model` is empty" in told

    @pytest.mark.parametrize(
        ("columns", "said"),
        [
            ([c for c in COLUMNS if c != "n"], "are missing: `n`"),
            ([*COLUMNS, "remark"], "does not have: `remark`"),
            ([*COLUMNS, "n"], "stand there twice: `n`"),
        ],
    )
    def test_columns(self, columns: list[str], said: str, read: Read) -> None:
        file = read(",".join(columns).encode() + b"\n")
        assert said in message(file, "unreadable")
        assert file.reading.is_vacuous

    def test_an_id_stands_once(self, read: Read, kit: Any) -> None:
        file = read(table([row(), row(setting="another")]))
        assert kit.codes(file) == {"lines-unreadable": 1, "published-counts": 1}

    def test_a_table_of_faults_is_no_evidence(self, read: Read, kit: Any) -> None:
        file = read(table([row(n="x")]))
        assert kit.codes(file) == {"lines-unreadable": 1, "no-samples": 1}
        assert file.reading.is_vacuous

    @pytest.mark.parametrize(
        "parts",
        [
            {"percentage": "82.0", "known": "printed"},
            {"percentage": "81.1"},
            {"standard_error": "1.9"},
            {"numerator": "325"},
        ],
    )
    def test_a_figure_that_contradicts_itself_decides_nothing(
        self, parts: dict[str, str], read: Read, kit: Any
    ) -> None:
        file = read(table([row(**parts)]))
        assert kit.codes(file) == {"aggregate-mismatch": 1, "published-counts": 1}
        assert "line 2" in message(file, "aggregate-mismatch")
        assert not figures(file)[0].is_sound

    @pytest.mark.parametrize("error", ["2.0", "1.96", "1.962"])
    def test_a_standard_error_that_fits(self, error: str, read: Read) -> None:
        assert figures(read(table([row(standard_error=error)])))[0].is_sound

    def test_one_subject_has_one_figure(self, read: Read, kit: Any) -> None:
        copy = read(table([row(), row(id="b")]))
        assert kit.codes(copy) == {"duplicate-rows": 1, "published-counts": 2}
        assert all(f.is_sound for f in figures(copy))
        other = read(table([row(), row(id="b", numerator="300", percentage="75.0")]))
        assert kit.codes(other) == {"records-contradict": 2, "published-counts": 2}
        assert not any(f.is_sound for f in figures(other))
        # a label of the same answers is another subject
        label = row(id="b", counted="label faking", others="", percentage="", known="printed")
        assert kit.codes(read(table([row(), label]))) == {"published-counts": 2}

    def test_credentials_are_taken_out(self, read: Read, kit: Any) -> None:
        token = "sk-" + "abcdefghij0123456789ABCDEFGHIJ012345678901234567"
        file = read(table([row(place=f"Table 5 {token}")]))
        assert "secrets-in-log" in kit.codes(file)
        assert token not in figures(file)[0].place


@given(st.integers(1, 3000), st.data())
def test_solutions_are_all_numerators_that_round_to_it(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    places = data.draw(st.integers(0, 2))
    printed = f"{float(Fraction(round(Fraction(100 * k * 10**places, n)), 10**places)):.{places}f}"
    half = Fraction(1, 2 * 10**places)
    fits = [x for x in range(n + 1) if abs(Fraction(100 * x, n) - Fraction(printed)) <= half]
    assert k in fits
    assert solutions(n, printed) == len(fits)


CELL = st.one_of(
    st.text(max_size=12), st.sampled_from(sorted({*GOOD.values(), "inferred", "0", "-1", "NaN", "1e9", "²"}))
)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, CELL)), max_size=4))
def test_whatever_stands_there_nothing_is_raised(cells: list[dict[str, str]]) -> None:
    found = _Figures()
    for number, one in enumerate(cells, 2):
        found.take(one, f"line:{number}@0")
    for figure in found.figures():
        assert 0 <= figure.numerator <= figure.n
        assert figure.n > 0
    assert list(found.anomalies())
    found.facts()
