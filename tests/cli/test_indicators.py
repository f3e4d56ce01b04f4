"""`auditgen standards indicators`: every definition is listed and explained, and its sizes are true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditgen.cli import run
from auditgen.indicators import Indicator, core_indicators, proportion_interval
from auditgen.indicators.definition import available_indicators
from auditgen.indicators.inference.power import required_n_equivalence

if TYPE_CHECKING:
    from collections.abc import Callable

SHIPPED = sorted(core_indicators())
RATES = [name for name, i in core_indicators().items() if not i.is_complete_count and not i.is_gap]
GAPS = [name for name, i in core_indicators().items() if i.is_gap]
Said = tuple[int, str, str]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """(exit code, standard output, standard error) of `auditgen standards indicators`."""

    def _say(*arguments: str) -> Said:
        capsys.readouterr()
        code = run(["standards", "indicators", *arguments])
        return code, *capsys.readouterr()

    return _say


def test_the_list(say: Callable[..., Said]) -> None:
    code, out, err = say()
    assert (code, err) == (0, "")
    found = dict(line.split("  ", 1) for line in out.splitlines())
    assert {name.strip(): title.strip() for name, title in found.items()} == {
        name: indicator.title for name, indicator in core_indicators().items()
    }


@pytest.mark.parametrize("name", SHIPPED)
def test_each_is_explained(name: str, say: Callable[..., Said]) -> None:
    code, out, err = say(name)
    assert (code, err) == (0, "")
    indicator = core_indicators()[name]
    flat = " ".join(out.split())
    for text in (
        indicator.question,
        *indicator.caveats,
        *indicator.misleads,
        *indicator.needs,
        *indicator.references,
    ):
        assert " ".join(text.split()) in flat
    assert out.startswith(f"{name}  {indicator.title}  (version {indicator.version})\n")
    assert f"interval: {indicator.interval}; independent of each other: each {indicator.unit}" in flat
    word = {"higher": "at_least", "lower": "at_most", "zero": "within"}[indicator.better]
    assert f"a criterion judges it by `{word}`" in flat
    assert all(code in out for code in indicator.codes)
    assert max(map(len, out.splitlines())) <= 100
    assert ("how many decided samples" in out) == (not indicator.is_complete_count)


def test_json_is_the_definitions(say: Callable[..., Said]) -> None:
    code, out, _ = say("--format", "json")
    assert code == 0
    read = [Indicator.model_validate_json(json.dumps(each)) for each in json.loads(out)]
    assert read == list(core_indicators().values())


@pytest.mark.parametrize("name", SHIPPED)
def test_json_of_one(name: str, say: Callable[..., Said]) -> None:
    code, out, _ = say(name, "--format", "json")
    assert code == 0
    assert Indicator.model_validate_json(out) == core_indicators()[name]


@pytest.mark.parametrize("name", SHIPPED)
def test_yaml_makes_the_round(name: str, say: Callable[..., Said], tmp_path: Path) -> None:
    """What is printed is the file that ships, and the linter takes it."""
    code, out, _ = say(name, "--format", "yaml")
    assert code == 0
    assert out == available_indicators()[name].read_text("utf-8")
    path = tmp_path / "own.yaml"
    path.write_text(out, "utf-8")
    assert run(["standards", "lint", str(path)]) == 0
    assert say(str(path))[1] == say(name)[1]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("refusal-rat", "did you mean `refusal-rate`?"),
        ("compliance_gap", "did you mean `compliance-gap`?"),
        ("zzz", f"known: {', '.join(SHIPPED)}"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "yaml"])
def test_an_unknown_id(word: str, hint: str, form: str, say: Callable[..., Said]) -> None:
    code, out, err = say(word, "--format", form)
    assert (code, out) == (4, "")
    assert f"error: no indicator `{word}` ships, and no such file exists" in err
    assert hint in err


def test_yaml_of_all_is_no_file(say: Callable[..., Said]) -> None:
    code, out, err = say("--format", "yaml")
    assert (code, out) == (2, "")
    assert "name one indicator with `--format yaml`" in err


def test_a_faulty_file_is_answered_with_its_place(say: Callable[..., Said], tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        available_indicators()["refusal-rate"].read_text("utf-8").replace("shape: rate", "shape: gap"),
        "utf-8",
    )
    code, out, err = say(str(path))
    assert (code, out) == (4, "")
    assert f"{path}:8:8" in err


def table(out: str, head: str) -> list[list[str]]:
    """The lines of a table of sizes, cut into cells, without its first two lines."""
    lines = out.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(head))
    rows = []
    for line in lines[start + 2 :]:
        cells = [cell for cell in line.split("  ") if cell.strip()]
        if len(cells) != 4:
            break
        rows.append([cell.strip() for cell in cells])
    return rows


@pytest.mark.parametrize(
    "name", sorted({(i.interval, i.better): n for n, i in core_indicators().items() if n in RATES}.values())
)
def test_sizes_of_a_rate_by_brute_force(name: str, say: Callable[..., Said]) -> None:
    """The smallest number of samples with so many the other way whose whole interval keeps the limit."""
    indicator = core_indicators()[name]
    rows = table(say(name)[1], "how many decided samples show it")
    assert len(rows) == 5
    for limit, row in zip((0.10, 0.05, 0.02, 0.01, 0.001), rows, strict=True):
        shown = limit if indicator.better == "lower" else 1 - limit
        assert row[0] == f"at {'most' if indicator.better == 'lower' else 'least'} {shown * 100:g} %"
        for bad, cell in zip((0, 1, 3), row[1:], strict=True):
            n = int(cell.replace(",", ""))
            if limit < 0.01:  # thousands of sizes: only the edge
                sizes = range(n - 2, n + 3)
            else:
                sizes = range(max(bad, 1), n + 50)
            kept = [proportion_interval(bad, size, indicator.interval).upper <= limit for size in sizes]
            assert kept == [size >= n for size in sizes]
            good = proportion_interval(n - bad, n, indicator.interval).lower
            assert good >= 1 - limit - 1e-12, "the same seen from the other side"


@pytest.mark.parametrize("name", GAPS)
def test_sizes_of_a_gap(name: str, say: Callable[..., Said]) -> None:
    rows = table(say(name)[1], "how many decided samples in each arm")
    assert [row[0] for row in rows] == ["±10 points", "±5 points", "±2 points"]
    for margin, row in zip((0.10, 0.05, 0.02), rows, strict=True):
        for p, cell in zip((0.5, 0.1, 0.02), row[1:], strict=True):
            n = int(cell.replace(",", ""))
            # 2 p q (z_alpha + z_(beta / 2))^2 / margin^2 with alpha = 0.05 and beta = 0.2
            exact = 2 * p * (1 - p) * (1.6448536269514722 + 1.2815515655446004) ** 2 / margin**2
            assert n - 1 < exact <= n
            assert n == required_n_equivalence(p, margin)
