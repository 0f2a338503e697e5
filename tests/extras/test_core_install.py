"""The tests of tests/unit need the core install alone: none imports what an extra brings unless it looks first."""

import subprocess
import sys
from pathlib import Path

from akeso.testing.core_install import missing_packages

ROOT = Path(__file__).parents[2]
COLLECT = ("-m", "pytest", "-q", "--collect-only", "-p", "akeso.testing.core_install", "-p", "no:cacheprovider")


def test_extras_bring_packages_that_the_core_has_not() -> None:
    assert {"aiohttp", "sklearn", "redis", "grpc"} <= {*missing_packages()}
    assert {"numpy", "fastapi", "httpx", "pytest"}.isdisjoint(missing_packages())


def test_all_unit_tests_are_collected_without_any_extra() -> None:
    command = [sys.executable, *COLLECT, "tests/unit"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
