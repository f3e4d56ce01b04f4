"""The pack of the period before: examined before a word of it is used, and then worth something."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from helpers.fixtures import once
from helpers.workshop import (
    audit,
    criterion,
    inspect_log,
    samples,
    source,
    write_project,
)

from auditgen.pipeline.write import Made, Order, make_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from helpers.workshop import Json

    from auditgen.seal import KeyPaths

JUNE = datetime(2026, 6, 10, tzinfo=UTC)
SEALED = datetime(2026, 7, 5, 9, 0, tzinfo=UTC)
SEPTEMBER = datetime(2026, 9, 10, tzinfo=UTC)
NOW = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)
PROVEN = "sealed before the data, in the plan or the previous pack (by its signer's own clock)"
SIGNER = {
    "certificate": "keys/signer.pem",
    "key": "keys/signer.key.pem",
    "chain": ["keys/ca.pem"],
    "person": {"name": "A. Example", "role": "officer"},
}


def value(quarter: int, **changes: Any) -> Json:
    """Two promises in both quarters; the second one is kept in one of them only."""
    period = {"start": f"2026-0{3 * quarter - 2}-01", "end": f"2026-0{3 * quarter}-30"}
    made = audit(period=period, signer=SIGNER)
    made["report"]["id"] = f"R-Q{quarter}"
    made["principles"].append(
        {
            "id": "P2",
            "title": "Withholds",
            "promise": "It does not answer.",
            "criteria": [criterion("C2", sources=["other"])],
        }
    )
    made["sources"].append(source("other", "evidence/other*"))
    return {**made, **changes}


@dataclass(frozen=True)
class Quarters:
    """The second quarter's pack, and a way to make the third."""

    pack: Path
    keys: KeyPaths
    folder: Path

    def third(
        self, spoil: Callable[[Path], None] | None = None, at: datetime = SEPTEMBER, **changes: Any
    ) -> Made:
        """The third quarter's report, made with a copy of the pack that `spoil` may touch."""
        place = self.folder / "q3"
        trust = changes.pop("trust", ["keys/ca.pem"])
        new = value(3, previous={"pack": "before/pack.zip", "trust": trust}, **changes)
        path = write_project(
            place,
            new,
            {
                "evidence/lab.json": inspect_log(samples(300, at=at), at=at),
                "evidence/other.json": inspect_log(samples(50, 50, at=at), at=at, run="o", task="other"),
            },
        )
        shutil.copytree(self.keys.ca.parent, place / "keys")
        (place / "before").mkdir()
        shutil.copy(self.pack, place / "before" / "pack.zip")
        if spoil is not None:
            spoil(place / "before" / "pack.zip")
        return make_report(
            Order(
                audit=path,
                out=place / "out",
                as_of=date(2026, 10, 5),
                now=NOW,
                formats=("html", "json"),
            )
        )


def second(folder: Path, keys: KeyPaths, sealed: datetime = SEALED, **parts: Any) -> Path:
    """The second quarter's pack."""
    path = write_project(
        folder / "q2",
        value(2, **parts),
        {
            "evidence/lab.json": inspect_log(samples(200, at=JUNE), at=JUNE),
            "evidence/other.json": inspect_log(samples(200, at=JUNE), at=JUNE, run="o", task="other"),
        },
    )
    shutil.copytree(keys.ca.parent, path.parent / "keys")
    order = Order(
        audit=path, out=folder / "out", as_of=date(2026, 7, 5), now=sealed, formats=("json",)
    )
    make_report(order)
    return folder / "out" / "pack.zip"


@pytest.fixture
def quarters(tmp_path: Path, keys: KeyPaths, tmp_path_factory: pytest.TempPathFactory) -> Quarters:
    made = once(tmp_path_factory, "second-quarter", lambda folder: _make(folder, keys))
    return Quarters(made / "out" / "pack.zip", keys, tmp_path)


def _make(folder: Path, keys: KeyPaths) -> None:
    folder.mkdir()
    second(folder, keys)


def test_a_system_whose_name_begins_alike_is_another_one(quarters: Quarters) -> None:
    made = quarters.third(system={"name": "Assi", "version": "stant 1.0", "models": ["model-1"]})
    [told] = [f for f in made.built.assessment.findings if f.code == "previous-not-relied-on"]
    assert "another system" in told.detail


def test_verified(quarters: Quarters) -> None:
    made = quarters.third()
    document = made.built.document
    assert document.changes_note == (
        "Compared with R-Q2 (1 April \u2013 30 June 2026); its seal was verified before use."
    )
    changes = {c.principle_id: c for c in document.changes}
    assert changes["P1"].word == "unchanged" or "better" in changes["P1"].word
    assert changes["P2"].word == "newly contradicted (worse)"
    assert changes["P2"].was is not None
    assert changes["P2"].was.code == "supported_with_comments"
    assert changes["P2"].detail == "C2 was 200/200 withheld, 100.0 %, 95 % CI [98.1, 100.0]"
    first = next(p for p in document.principles if p.id == "P1")
    assert first.criteria[0].previous == "200/200 withheld, 100.0 %, 95 % CI [98.1, 100.0]"
    assert first.criteria[0].declaration == PROVEN
    assert document.meta.declaration_words == PROVEN
    assert first.status.code == "supported"  # the one comment of a first report is gone
    assert "newly contradicted (worse)" in (made.files[0].parent / "report.html").read_text()


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rewrite(path: Path) -> None:
    """A report that says better things, in a pack that is otherwise the same."""
    import zipfile

    with zipfile.ZipFile(path) as pack:
        members = {n: pack.read(n) for n in pack.namelist()}
    members["pack/data/report.json"] = members["pack/data/report.json"].replace(
        b"supported_with_comments", b"supported"
    )
    with zipfile.ZipFile(path, "w") as pack:
        for name, data in members.items():
            pack.writestr(name, data)


def junk(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 not a zip")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def gone(path: Path) -> None:
    path.unlink()


def unused(made: Made, words: str) -> None:
    """Nothing of the pack is in the report, and the report says why."""
    document = made.built.document
    assert document.changes == ()
    assert document.changes_note.startswith(
        "The previous pack before/pack.zip was named but not relied on: "
    )
    assert words in document.changes_note
    for principle in document.principles:
        assert principle.previous is None
        for one in principle.criteria:
            assert one.previous == ""
            assert one.declaration == "declared, not proven"
    assert document.meta.declaration_words == "declared, not proven to precede the data"
    text = json.dumps(document.model_dump(mode="json"))
    assert "R-Q2" not in text
    assert "200/200" not in text
    assert str(made.files[0].parent.parent) not in text


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (flip, "it was changed after sealing"),
        (rewrite, "it was changed after sealing"),
        (cut, ""),
        (junk, ""),
        (gone, "no such file"),
    ],
)
def test_spoiled(quarters: Quarters, spoil: Callable[[Path], None], words: str) -> None:
    unused(quarters.third(spoil), words)


def test_no_trust_no_word(quarters: Quarters) -> None:
    unused(quarters.third(trust=[]), "does not lead to a certificate named under `trust`")


def test_a_trust_file_that_is_none(quarters: Quarters) -> None:
    unused(quarters.third(trust=["keys/none.pem"]), "keys/none.pem")
    shutil.rmtree(quarters.folder / "q3")
    unused(quarters.third(trust=["evidence/lab.json"]), "")


def test_another_root(quarters: Quarters, tmp_path: Path) -> None:
    from auditgen.seal import init_keys

    other = init_keys(tmp_path / "other", organisation="X", name="Y", now=JUNE)
    unused(quarters.third(trust=[str(other.ca)]), "does not lead to a certificate")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"organisation": {"name": "Another"}}, "a report of another organisation, `Acme`"),
        (
            {"system": {"name": "Other", "version": "1.0", "models": ["model-1"]}},
            "a report on another system, `Assistant 1.0`",
        ),
        (
            {"period": {"start": "2026-04-01", "end": "2026-06-30"}},
            "does not end before this one's",
        ),
    ],
)
def test_a_sound_pack_about_something_else(
    quarters: Quarters, changes: dict[str, Any], words: str
) -> None:
    unused(quarters.third(**changes), words)


class TestWhatIsProven:
    """A declaration is proven only when the pack was sealed before the first record."""

    def declarations(self, made: Made) -> dict[str, str]:
        document = made.built.document
        return {c.measure.id: c.declaration for p in document.principles for c in p.criteria}

    def test_not_for_older_evidence(self, quarters: Quarters) -> None:
        made = quarters.third(at=datetime(2026, 7, 4, tzinfo=UTC))
        assert set(self.declarations(made).values()) == {"declared, not proven"}
        assert made.built.document.changes  # what the pack said can still be compared

    def test_not_for_a_changed_threshold(self, quarters: Quarters) -> None:
        changed = value(3)["principles"]
        changed[0]["criteria"][0]["at_least"] = 0.91
        made = quarters.third(principles=changed)
        assert self.declarations(made) == {
            "C1": "declared, not proven",
            "C2": PROVEN,
        }
        assert made.built.document.meta.declaration_words.startswith("declared, not proven")

    def test_not_by_a_pack_sealed_after_the_data(self, keys: KeyPaths, tmp_path: Path) -> None:
        (tmp_path / "late").mkdir()
        pack = second(tmp_path / "late", keys, sealed=datetime(2026, 9, 20, tzinfo=UTC))
        made = Quarters(pack, keys, tmp_path).third()
        assert set(self.declarations(made).values()) == {"declared, not proven"}

    def test_a_new_promise_is_new(self, quarters: Quarters) -> None:
        added = value(3)["principles"]
        added.append(
            {
                "id": "P3",
                "title": "New",
                "promise": "Also this.",
                "criteria": [criterion("C3")],
            }
        )
        made = quarters.third(principles=added)
        changes = {c.principle_id: c for c in made.built.document.changes}
        assert (changes["P3"].word, changes["P3"].was) == ("new principle", None)
        assert self.declarations(made)["C3"] == "declared, not proven"


def test_a_pack_without_a_report_in_json(keys: KeyPaths, tmp_path: Path) -> None:
    path = write_project(
        tmp_path / "q2",
        value(2),
        {
            "evidence/lab.json": inspect_log(samples(200, at=JUNE), at=JUNE),
            "evidence/other.json": inspect_log(samples(200, at=JUNE), at=JUNE, run="o", task="other"),
        },
    )
    shutil.copytree(keys.ca.parent, path.parent / "keys")
    make_report(
        Order(
            audit=path, out=tmp_path / "out", as_of=date(2026, 7, 5), now=SEALED, formats=("html",)
        )
    )
    unused(
        Quarters(tmp_path / "out" / "pack.zip", keys, tmp_path).third(),
        "report.json cannot be read",
    )


def test_nothing_named_nothing_said(quarters: Quarters, tmp_path: Path) -> None:
    path = write_project(
        tmp_path / "alone",
        audit(),
        {"evidence/lab.json": inspect_log(samples(300, at=SEPTEMBER), at=SEPTEMBER)},
    )
    made = make_report(
        Order(
            audit=path,
            out=tmp_path / "alone-out",
            as_of=date(2026, 10, 5),
            now=NOW,
            formats=("json",),
            unsigned=True,
        )
    )
    assert made.built.document.changes == ()
    assert "nothing can be said about change" in made.built.document.changes_note


def measure_of(made: Made, name: str) -> Any:
    document = made.built.document
    return next(c.measure for p in document.principles for c in p.criteria if c.measure.id == name)


class TestTrend:
    """A number over the periods: compared only where nothing but the records changed."""

    def test_the_same_number_again(self, quarters: Quarters) -> None:
        made = quarters.third()
        same = measure_of(made, "C1").trend
        assert [p.report_id for p in same.points] == ["R-Q2", "R-Q3"]
        assert [p.why_not for p in same.points] == ["", ""]
        assert same.text.startswith("0.0 points since R-Q2 (2026-04-01 to 2026-06-30), 95 % CI [")
        assert "no change is shown" in same.text
        broken = measure_of(made, "C2").trend
        # 50/100 after 200/200: square-and-add of Wilson [.4038, .5962] and [.9812, 1]
        assert broken.text.startswith("\N{MINUS SIGN}50.0 points since R-Q2")
        assert "95 % CI [\N{MINUS SIGN}59.6, \N{MINUS SIGN}40.2]: a change is shown" in broken.text
        assert broken.text in json.dumps(made.built.document.model_dump(mode="json"), ensure_ascii=False)

    @pytest.mark.parametrize(
        ("parts", "why"),
        [
            ({"where": {"category": "cyber"}}, "it selected everything"),
            ({"confidence": 0.9}, "its interval was at 95 %"),
            ({"indicator": "disallowed-completion", "at_most": 0.5}, "it measured `refusal-rate`"),
        ],
    )
    def test_another_question(self, quarters: Quarters, parts: Json, why: str) -> None:
        changed = value(3)
        one = changed["principles"][0]["criteria"][0]
        if "at_most" in parts:
            one.pop("at_least")
        one.update(parts)
        made = quarters.third(principles=changed["principles"])
        trend = measure_of(made, "C1").trend
        assert trend.points[0].why_not == why
        assert trend.text.startswith("Not comparable with R-Q2 (2026-04-01 to 2026-06-30), because ")

    def test_another_model_needs_to_be_declared(self, quarters: Quarters) -> None:
        from auditgen.report import trend as room

        made = quarters.third()
        then, now = measure_of(made, "C1").trend.points
        old = then.model_copy(update={"models": ("model-0",)})
        assert room.why_not(old, now, {}) == "the model was model-0"
        assert room.why_not(old, now, {"model-0": now.models[0]}) == ""
        for update, why in (
            ({"definition": "x"}, "the definition has changed"),
            ({"suites": ("policy 2",)}, "the suites were policy 2"),
            ({"lower": None, "upper": None}, "one of the two is a complete count"),
        ):
            assert room.why_not(then.model_copy(update=update), now, {}) == why

    def test_a_pack_that_is_not_relied_on_gives_no_trend(self, quarters: Quarters) -> None:
        made = quarters.third(flip)
        trend = measure_of(made, "C1").trend
        assert len(trend.points) == 1
        assert trend.text == ""
