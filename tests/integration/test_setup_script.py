"""The script that sets up the environment, on machines that lack something."""

import shutil
import subprocess
from pathlib import Path

import pytest

from akeso.testing.servers.running import ENVIRONMENT

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).parents[2] / "scripts" / "setup.sh"
OLD = """#!/bin/sh
[ "$1" = --version ] && echo "Python 3.9.2" && exit 0
exit 1
"""
BARE = """#!/bin/sh
[ "$1" = -m ] && mkdir -p "$3/bin" && echo "ensurepip is not available" >&2 && exit 1
exit 0
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with the script alone."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(SCRIPT, tmp_path / "scripts")
    return tmp_path


def set_up(tree: Path, python: str, *arguments: str) -> tuple[int, str]:
    """Its exit code and what it says of its failure, where `python` is the text of the only Python there is."""
    interpreter = tree / "python"
    interpreter.write_text(python)
    interpreter.chmod(0o755)
    command = ["bash", str(tree / "scripts" / "setup.sh"), *arguments]
    environment = {**ENVIRONMENT, "PYTHON": str(interpreter)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stderr


def test_a_python_that_is_too_old_is_named_with_its_version_and_the_one_that_is_wanted(tree: Path) -> None:
    code, said = set_up(tree, OLD, "demo")
    assert code == 1
    assert "needs Python 3.11 or newer" in said
    assert "Python 3.9.2" in said


def test_a_python_without_virtual_environments_leaves_none_behind_and_says_what_is_missing(tree: Path) -> None:
    code, said = set_up(tree, BARE, "demo")
    assert code == 1
    assert "python3-venv" in said
    assert not (tree / ".venv").exists()


def test_an_unknown_extent_is_refused(tree: Path) -> None:
    code, said = set_up(tree, BARE, "everything")
    assert code == 2
    assert "demo|full" in said
