"""`auditgen inspect --cross-check`: our reading against the official package's."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from auditgen.cli import run
from auditgen.sources.inspect_archive import open_archive, sample_members, whole_sample
from auditgen.sources.jsontext import loads

DATA = Path(__file__).resolve().parent.parent / "data" / "inspect"
LOG = DATA / "policy-0.3.285.eval"
Official = Callable[..., None]


def _samples(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".json":
        samples: list[dict[str, Any]] = loads(path.read_bytes())[0]["samples"]
        return samples
    with path.open("rb") as stream:
        archive = open_archive(path, stream)
        return [whole_sample(archive, info)[0] for info in sample_members(archive)]


def _value(value: Any) -> Any:
    return float("nan") if value == "NaN" else value


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> Official:
    """A stand-in for `inspect_ai` that reads a log as it is, or with `change` done to its samples."""

    def install(change: Callable[[list[Any]], Any] = lambda samples: samples) -> None:
        def read_eval_log(location: str, **options: str) -> Any:
            assert options == {"format": "json" if location.endswith(".json") else "eval"}
            found = [
                SimpleNamespace(
                    id=s["id"],
                    epoch=s["epoch"],
                    error=s.get("error"),
                    scores={k: SimpleNamespace(value=_value(v["value"])) for k, v in s["scores"].items()},
                )
                for s in _samples(Path(location))
            ]
            return SimpleNamespace(samples=change(found))

        package, log = ModuleType("inspect_ai"), ModuleType("inspect_ai.log")
        log.read_eval_log = read_eval_log  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "inspect_ai", package)
        monkeypatch.setitem(sys.modules, "inspect_ai.log", log)

    return install


@pytest.mark.parametrize("name", ["policy-0.3.285.eval", "policy-0.3.43.eval", "policy-0.3.285.json"])
def test_two_readers_that_agree(name: str, official: Official, capsys: pytest.CaptureFixture[str]) -> None:
    official()
    assert run(["inspect", "--quiet", "--cross-check", str(DATA / name)]) == 0
    out = capsys.readouterr().out
    counts = "2 samples, 0 failed, 8 scores" if name.endswith("json") else "6 samples, 0 failed, 24 scores"
    (line,) = (line for line in out.splitlines() if line.startswith("cross-check of "))
    assert line.endswith(f"{counts}: agree")


def _drop(samples: list[Any]) -> list[Any]:
    return samples[1:]


def _fail(samples: list[Any]) -> list[Any]:
    samples[0].error = {"message": "x"}
    return samples


def _regrade(samples: list[Any]) -> list[Any]:
    samples[0].scores["verdict"].value = {"refused": 0, "complied": 0}
    return samples


def _lose(samples: list[Any]) -> list[Any]:
    del samples[0].scores["includes"]
    return samples


def _twice(samples: list[Any]) -> list[Any]:
    return [*samples, samples[0]]


def _refuse(samples: list[Any]) -> list[Any]:
    message = "no such log"
    raise ValueError(message)


@pytest.mark.parametrize(
    ("change", "words", "count"),
    [
        (_drop, "read 1 times, by the official reader 0 times", 2),
        (_fail, "did not fail, by the official reader failed", 1),
        (_regrade, "`verdict.refused` is `1`, by the official reader `0`", 1),
        (_lose, "`includes` is `C`, by the official reader absent", 1),
        (_twice, "read 1 times, by the official reader 2 times", 2),
        (_refuse, "cannot read the file (ValueError: no such log)", 1),
    ],
)
def test_two_readers_that_differ(
    change: Any, words: str, count: int, official: Official, capsys: pytest.CaptureFixture[str]
) -> None:
    official(change)
    assert run(["inspect", "--quiet", "--cross-check", str(LOG)]) == 22
    out = capsys.readouterr().out
    assert words in out
    assert f"{count} DIFFERENCES" in out


def test_differences_are_in_the_json(official: Official, capsys: pytest.CaptureFixture[str]) -> None:
    official(lambda samples: [])
    assert run(["inspect", "--quiet", "--cross-check", "--format", "json", str(LOG)]) == 22
    (entry,) = json.loads(capsys.readouterr().out)
    check = entry["cross_check"]
    assert (check["agrees"], check["samples"], check["difference_count"]) == (False, 6, 7)
    assert len(check["differences"]) == 7


def test_files_of_other_tools_are_passed_over(
    official: Official, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    official()
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    assert run(["inspect", "--quiet", "--cross-check", str(other)]) == 22
    assert "no Inspect log among these files" in capsys.readouterr().out
    shutil.copy(LOG, tmp_path / "log.eval")
    assert run(["inspect", "--quiet", "--cross-check", str(tmp_path)]) == 0


def test_without_the_package_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    monkeypatch.delitem(sys.modules, "inspect_ai.log", raising=False)
    assert run(["inspect", "--quiet", "--cross-check", str(LOG)]) == 1
    assert "pip install 'auditgen[inspect]'" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("inspect_ai") is None, reason="inspect_ai is not installed")
def test_the_official_reader_agrees(quarter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every log of ours but the one that the official reader itself cannot read back."""
    logs = [str(p) for p in sorted(DATA.iterdir()) if p.suffix in {".eval", ".json"} and p.stem != "chunked"]
    logs += [str(path) for path in sorted(quarter.rglob("*.eval"))]
    assert run(["inspect", "--quiet", "--cross-check", *logs]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("cross-check of ")]
    assert len(lines) == len(logs)
    assert all(line.endswith(": agree") for line in lines)
