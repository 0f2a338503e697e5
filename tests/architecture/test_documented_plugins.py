"""The plugins that docs/plugins.md shows are what a newcomer's file has to be: they pass as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "plugins.md"
EXAMPLE = re.compile(r'^```python title="(\w+)/(\w+)\.py"\n(.*?)^```', re.MULTILINE | re.DOTALL)
PLAIN = re.compile(r"^```python$", re.MULTILINE)
SUITES = (
    "tests/unit/plugins/detectors/test_detector_conformance.py",
    "tests/unit/plugins/actions/test_action_conformance.py",
    "tests/unit/plugins/test_conformance.py",
)
# What a newcomer's file must not need: a word anywhere else.
WANTED = {"detectors", "actions", "notifiers"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the path of modules: a package of the examples, installed with its entry points."""
    folder = tmp_path_factory.mktemp("site")
    points = []
    for kind, name, code in EXAMPLE.findall(PAGE.read_text()):
        place = folder / "documented" / kind
        place.mkdir(parents=True, exist_ok=True)
        for package in (folder / "documented", place):
            (package / "__init__.py").touch()
        (place / f"{name}.py").write_text(code)
        points.append(f"{kind}.{name} = documented.{kind}.{name}")
    about = folder / "documented-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: documented\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("\n".join(["[akeso.plugins]", *points, ""]))
    return folder


def ran(*command: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(map(str, filter(None, (ROOT / "src", path))))}
    whole = [sys.executable, "-m", *command]
    return subprocess.run(whole, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_every_python_block_is_an_example_that_is_checked() -> None:
    assert not PLAIN.search(PAGE.read_text())
    assert {kind for kind, _, _ in EXAMPLE.findall(PAGE.read_text())} >= WANTED


def test_the_examples_are_formatted_and_linted_as_everything_is(installed: Path) -> None:
    rules = ("--config", str(ROOT / "pyproject.toml"), "--no-cache", str(installed))
    for check in (("format", "--check"), ("check",)):
        done = ran("ruff", *check, *rules)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_examples_are_typed_strictly(installed: Path) -> None:
    done = ran("mypy", "--config-file", str(ROOT / "pyproject.toml"), str(installed / "documented"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_examples_are_discovered_and_pass_the_suites_of_their_kinds(installed: Path) -> None:
    names = [name for _, name, _ in EXAMPLE.findall(PAGE.read_text())]
    options = ("-v", "-p", "no:cacheprovider", "-k", " or ".join(names))
    done = ran("pytest", *options, *SUITES, path=installed)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in names:
        assert re.search(rf"\b{name}\b.*PASSED", done.stdout), f"{name} was not tried:\n{done.stdout}"
