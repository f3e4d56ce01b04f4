"""OSCAL profiles: chosen, filled in and altered as they say, or refused where they say what is not done."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from helpers import oscal

from auditgen.checklists.foreign import import_file
from auditgen.checklists.imported import Wish
from auditgen.errors import InputRefused

if TYPE_CHECKING:
    from pathlib import Path

    from auditgen.checklists.imported import Imported

WISH = Wish(date(2026, 11, 20), None, "verbatim_ok")


def profile(imports: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "profile": {
            "uuid": "p",
            "metadata": {"title": "Baseline", "version": "1"},
            "imports": imports,
            **more,
        }
    }


def resolved(folder: Path, value: dict[str, Any], name: str = "profile.json") -> Imported:
    (folder / "sub").mkdir(exist_ok=True)
    (folder / "catalog.json").write_text(json.dumps(oscal.catalog(total=60, controls=20)))
    (folder / "sub" / name).write_text(json.dumps(value))
    return import_file(folder / "sub" / name, WISH)


def ids(found: Imported) -> list[str]:
    return [control.id for control in found.checklist.controls]


def refused(folder: Path, value: dict[str, Any]) -> str:
    with pytest.raises(InputRefused) as refusal:
        resolved(folder, value)
    return "\n".join(f"{d.code} {d.message} {' '.join(d.helps)}" for d in refusal.value.diagnostics)


HREF = {"href": "../catalog.json"}


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"include-controls": [{"with-ids": ["at-1", "ac-1"]}]}, ["ac-1", "at-1"]),
        (
            {"include-controls": [{"with-ids": ["ac-1"], "with-child-controls": "yes"}]},
            ["ac-1", "ac-1.1", "ac-1.2"],
        ),
        ({"include-controls": [{"matching": [{"pattern": "a[ct]-1"}]}]}, ["ac-1", "at-1"]),
        (
            {
                "include-controls": [{"matching": [{"pattern": "ac-*"}]}],
                "exclude-controls": [{"with-ids": ["ac-1.1"]}],
            },
            ["ac-1", "ac-1.2"],
        ),
    ],
)
def test_what_an_import_chooses(tmp_path: Path, chosen: dict[str, Any], expected: list[str]) -> None:
    assert ids(resolved(tmp_path, profile([HREF | chosen]))) == expected


def test_everything_but(tmp_path: Path) -> None:
    left = {"include-all": {}, "exclude-controls": [{"with-ids": ["ac-1"], "with-child-controls": "yes"}]}
    found = resolved(tmp_path, profile([HREF | left]))
    assert len(ids(found)) == 57
    assert "ac" not in {group.id for group in found.checklist.groups}
    assert found.checklist.framework.title == "Baseline"


def test_an_enhancement_alone_names_no_parent(tmp_path: Path) -> None:
    found = resolved(tmp_path, profile([HREF | {"include-controls": [{"with-ids": ["ac-1.1"]}]}]))
    assert found.checklist.controls[0].parent is None


def test_a_chain_of_profiles_and_the_back_matter(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    first = profile([HREF | {"include-controls": [{"with-ids": ["ac-1", "at-1"]}]}])
    (tmp_path / "sub" / "first.json").write_text(json.dumps(first))
    links = [
        {"href": "https://example.org/first.xml"},
        {"href": "first.json", "media-type": "application/json"},
    ]
    second = profile(
        [{"href": "#r", "include-all": {}, "exclude-controls": [{"with-ids": ["at-1"]}]}],
        **{"back-matter": {"resources": [{"uuid": "r", "rlinks": links}]}},
    )
    assert ids(resolved(tmp_path, second)) == ["ac-1"]


MODIFY: dict[str, Any] = {
    "set-parameters": [
        {"param-id": "ac-1_prm_1", "values": ["our policy"]},
        {"param-id": "ac-1_prm_2", "values": ["mission", "system"]},
    ],
    "alters": [
        {
            "control-id": "ac-1",
            "removes": [
                {"by-name": "guidance"},
                {"by-id": "ac-1_smt.b"},
                {"by-name": "sort-id", "by-item-name": "prop"},
            ],
            "adds": [
                {
                    "position": "after",
                    "by-id": "ac-1_smt.a.1",
                    "parts": [{"id": "x", "name": "item", "prose": "added inside;"}],
                },
                {
                    "position": "ending",
                    "parts": [{"name": "guidance", "prose": "Added guidance."}],
                    "props": [{"name": "label", "value": "OUR-1", "class": "ours"}],
                },
            ],
        }
    ],
}


def test_parameters_are_set_and_controls_altered(tmp_path: Path) -> None:
    only = HREF | {"include-controls": [{"with-ids": ["ac-1"]}]}
    found = resolved(tmp_path, profile([only], modify=MODIFY))
    (control,) = found.checklist.controls
    assert control.statement.splitlines() == [
        "The organization:",
        "  a. Documents our policy:",
        "    1. at mission; system level; and",
        "    added inside;",
        "    2. with its purpose;",
    ]
    assert control.notes is not None
    assert "Added guidance." in control.notes
    assert "Guidance of" not in control.notes
    assert "control property `sort-id`" in found.left_out.kinds  # counted where it was read


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (profile([]), "/profile/imports`: a profile imports at least one"),
        (
            profile([{"href": "https://example.org/c.json", "include-all": {}}]),
            "/profile/imports/0/href`: `https://",
        ),
        (profile([{"href": "/etc/passwd", "include-all": {}}]), "is not fetched"),
        (profile([{"href": "file:///etc/passwd", "include-all": {}}]), "is not fetched"),
        (profile([{"href": "../katalog.json", "include-all": {}}]), "did you mean `catalog.json`?"),
        (profile([{"href": "#gone", "include-all": {}}]), "is no resource with a link"),
        (profile([{"href": "profile.json", "include-all": {}}]), "imports itself in the end"),
        (profile([HREF]), "either `include-all` or `include-controls` is required"),
        (
            profile([HREF | {"include-controls": [{"with-ids": ["ac-11"]}]}]),
            "there is no control `ac-11` did you mean",
        ),
        (profile([HREF | {"include-all": {}, "include-some": {}}]), "`include-some` is not known"),
        (
            profile([HREF | {"include-all": {}}], merge={"custom": {}}),
            "/profile/merge/custom`: an own grouping",
        ),
        (profile([HREF | {"include-all": {}}], merge={"flat": {}}), "/profile/merge/flat"),
        (profile([HREF | {"include-all": {}}] * 2), "comes from two imports"),
        (
            profile([HREF | {"include-all": {}}], modify={"set-parameters": [{"param-id": "ac-1_prm_9"}]}),
            "/profile/modify/set-parameters/0/param-id`: no chosen control has the parameter",
        ),
        (
            profile([HREF | {"include-all": {}}], modify={"alters": [{"control-id": "zz-1"}]}),
            "/profile/modify/alters/0/control-id`: `zz-1` is not among",
        ),
        (
            profile(
                [HREF | {"include-all": {}}],
                modify={"alters": [{"control-id": "ac-1", "removes": [{"by-item-name": "mapping"}]}]},
            ),
            "removes/0/by-item-name`: removing `mapping` is not resolved",
        ),
        (
            profile(
                [HREF | {"include-all": {}}],
                modify={"alters": [{"control-id": "ac-1", "removes": [{"by-id": "nothing"}]}]},
            ),
            "nothing of `ac-1` matches",
        ),
        (
            profile(
                [HREF | {"include-all": {}}],
                modify={"alters": [{"control-id": "ac-1", "adds": [{"by-id": "gone", "parts": []}]}]},
            ),
            "`ac-1` has no part `gone`",
        ),
    ],
)
def test_what_cannot_be_resolved_is_refused_by_its_path(
    tmp_path: Path, value: dict[str, Any], says: str
) -> None:
    assert says in refused(tmp_path, value)


def test_a_circle_over_two_files_ends(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    back = profile([{"href": "profile.json", "include-all": {}}])
    (tmp_path / "sub" / "other.json").write_text(json.dumps(back))
    assert "imports itself" in refused(tmp_path, profile([{"href": "other.json", "include-all": {}}]))
