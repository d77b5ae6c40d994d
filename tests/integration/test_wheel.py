"""A built wheel holds the package and its metadata, and nothing else of the checkout."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACES = ("build", "dist")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build from a copy of the checkout without the traces of earlier builds, which setuptools would take up."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for path in ROOT.iterdir():
        if path.is_dir() and not path.name.startswith(".") and path.suffix != ".egg-info" and path.name not in TRACES:
            shutil.copytree(path, source / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.is_file():
            shutil.copy(path, source)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(source)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = target.glob("*.whl")
    return zipfile.ZipFile(path)


def test_it_holds_every_module_the_type_marker_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "librarian_cli").rglob("*.py")}
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == package | {"librarian_cli/py.typed"}


def test_it_brings_the_licence_the_command_and_the_readme(wheel: zipfile.ZipFile) -> None:
    held = {name.partition(".dist-info/")[2]: name for name in wheel.namelist() if ".dist-info/" in name}
    licence = next(name for place, name in held.items() if place.endswith("LICENSE"))
    assert wheel.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert b"librarian = librarian_cli.__main__:main" in wheel.read(held["entry_points.txt"])
    head, _, text = wheel.read(held["METADATA"]).decode().partition("\n\n")
    assert "Requires-Python: >=3.11" in head.splitlines()
    assert text.strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()
