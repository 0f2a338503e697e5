"""The locks: what is installed is what was checked, wherever it comes from."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FULL = ROOT / "requirements.lock"
SMALLER = sorted((ROOT / "requirements").glob("core*.lock"))
LOCKS = [FULL, *sorted((ROOT / "requirements").glob("*.lock"))]
PINNED = re.compile(r"^([a-z0-9][\w.-]*==[^ ;]+)(.*)$", re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_address(lock: Path) -> None:
    assert re.findall(r"^.*(?:://|--index|--extra-index|--find-links|--trusted-host).*$", lock.read_text(), re.M) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_of_a_lock_has_its_hash(lock: Path) -> None:
    packages = PINNED.findall(lock.read_text())
    assert packages
    assert [package for package, rest in packages if not rest.endswith("\\")] == []


@pytest.mark.parametrize("lock", SMALLER, ids=lambda lock: lock.name)
def test_a_smaller_lock_holds_the_versions_of_the_large_one(lock: Path) -> None:
    pinned = {package for package, _ in PINNED.findall(FULL.read_text())}
    assert {package for package, _ in PINNED.findall(lock.read_text())} <= pinned
