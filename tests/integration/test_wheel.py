"""The wheel that is built of this tree, in an environment that holds nothing but it and the core's lock."""

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from akeso.testing.servers.running import ENVIRONMENT, Akeso

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with Akeso in it."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def akeso(self, *arguments: str, cwd: Path) -> str:
        """What the command prints. Fails unless it ends well."""
        command = [str(self.folder / "bin" / "akeso"), *arguments]
        ended = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


def _run(*command: str | Path) -> None:
    """With the environment of the tests, which may say where packages come from, but not where Akeso is."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing of an earlier build gets into it."""
    tree, built = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("built")
    shutil.copytree(SOURCE, tree / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tree / name)
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(built))
    _run(sys.executable, "-m", "pip", "wheel", *options, tree)
    (file,) = built.glob("akeso-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    _run(sys.executable, "-m", "venv", "--without-pip", folder)
    pip = (sys.executable, "-m", "pip", "--python", folder, "install", "--quiet", "--no-compile")
    _run(*pip, "--require-hashes", "--requirement", ROOT / "requirements" / "core.lock")
    _run(*pip, "--no-deps", wheel)
    return Installed(folder)


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("akeso/")}
    here = {
        str(path.relative_to(SOURCE))
        for path in (SOURCE / "akeso").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == here


def test_the_lock_of_the_core_has_all_that_the_wheel_asks_for(installed: Installed) -> None:
    _run(sys.executable, "-m", "pip", "--python", installed.folder, "check")


def test_the_command_explains_itself(installed: Installed, tmp_path: Path) -> None:
    assert "Usage: akeso" in installed.akeso("--help", cwd=tmp_path)


def test_the_files_that_ship_can_be_written_out(installed: Installed, tmp_path: Path) -> None:
    installed.akeso("init", str(tmp_path / "etc"), cwd=tmp_path)
    assert {path.suffix for path in (tmp_path / "etc").rglob("*.*")} >= {".toml", ".yaml", ".cedar"}


def test_it_starts_and_takes_an_event(installed: Installed, tmp_path: Path) -> None:
    event = {"component": "checkout", "latency": 12.5, "error_rate": 0.0}
    akeso = Akeso(tmp_path, python=installed.python)
    with akeso.running(), akeso.client() as client:
        assert client.post("/add-event", json=event).status_code == 200
        assert "<html" in client.get("/").text
