"""The wheel: built, installed elsewhere, and run from another directory with nothing of this checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from helpers.fixtures import once

from auditgen import __version__


def installed(folder: Path, root: Path) -> None:
    """Build the wheel, and install it without its dependencies, which are only lent."""
    folder.mkdir()
    sources = folder / "checkout"
    skipped = shutil.ignore_patterns(".*", "__pycache__", "tests", "node_modules", "auditgen-demo*")
    shutil.copytree(root, sources, ignore=skipped)
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir"]
    done = subprocess.run(
        [*build, str(folder / "dist"), str(sources)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    shutil.rmtree(sources)
    (wheel,) = (folder / "dist").glob("*.whl")
    home = folder / "home"
    venv.create(home, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = home / "lib" / version / "site-packages"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(library)
    # the dependencies of this environment, without the checkout that is installed into it
    lent = folder / "lent"
    lent.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "auditgen" not in entry.name and entry.suffix != ".pth":
            (lent / entry.name).symlink_to(entry)
    (library / "lent.pth").write_text(f"{os.path.relpath(lent, library)}\n")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """A directory with `dist` (the wheel) and `home` (an environment in which it is installed)."""
    return once(tmp_path_factory, "wheel", lambda folder: installed(folder, pytestconfig.rootpath))


def test_what_travels(home: Path) -> None:
    (wheel,) = (home / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    data = {n.removeprefix("auditgen/_data/") for n in names if n.startswith("auditgen/_data/")}
    assert {"templates/report/report.html.j2", "templates/report/print.css"} <= data
    assert {"templates/fonts/OFL.txt", "standards/eu-ai-act.yaml"} <= data
    assert {"suites/garak.yaml", "suites/inspect-evals.yaml", "suites/petri.yaml"} <= data
    assert {"samples/quarter/audit.yaml", "standards/indicators/refusal-rate.yaml"} <= data
    assert len([n for n in data if n.startswith("samples/quarter/evidence/")]) >= 6
    assert len([n for n in data if n.endswith(".woff2")]) >= 4
    assert not [n for n in names if "test" in n.split("/")[0] or "keys/" in n or ".auditgen" in n]
    assert not [n for n in names if n.endswith((".key.pem", ".pyc"))]


def test_demo_from_another_directory(home: Path, tmp_path: Path) -> None:
    python = home / "home" / "bin" / "python"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV"))}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(python), "-m", "auditgen", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    where = subprocess.run(
        [str(python), "-c", "import auditgen; print(auditgen.__file__)"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(home / "home") in where.stdout
    assert __version__ in call("--version").stdout
    made = call("demo", "-o", "out")
    assert made.returncode == 0, made.stderr
    assert "Found: One promise is contradicted (P2)" in made.stdout
    checked = call("verify", "out/pack.zip", "--trust", "out/ca.pem", "--format", "json")
    assert checked.returncode == 0, checked.stdout
    assert json.loads(checked.stdout)["exit_code"] == 0
    listed = call("standards", "list")
    assert "eu-ai-act" in listed.stdout
    assert "nist-ai-rmf" in listed.stdout
