from pathlib import Path

import pytest

from akeso.lab.faults.changes import is_good_configuration, is_good_release, settle
from akeso.lab.shop.folder import RunFolder
from akeso.lab.shop.release_artifacts import failing_release, stock_shelves, unimportable_release
from akeso.lab.shop.versions import Versions, successor


@pytest.fixture
def releases(tmp_path: Path) -> Versions:
    folder = RunFolder(tmp_path)
    stock_shelves(folder)
    return Versions(folder.releases("cart"))


def test_every_replaceable_service_starts_with_two_good_releases(releases: Versions) -> None:
    assert (releases.previous(), releases.current()) == ("1.3.0", "1.4.0")
    assert is_good_release(releases)


def test_promoting_moves_current_to_previous(releases: Versions) -> None:
    name = releases.next_name()
    releases.add(name, {"release.py": "VERSION = 1"})
    releases.promote(name)
    assert (name, releases.previous(), releases.current()) == ("1.4.1", "1.4.0", "1.4.1")
    assert releases.read("release.py") == "VERSION = 1"


def test_swapping_twice_changes_nothing(releases: Versions) -> None:
    releases.swap()
    assert (releases.previous(), releases.current()) == ("1.4.0", "1.3.0")
    releases.swap()
    assert (releases.previous(), releases.current()) == ("1.3.0", "1.4.0")


def test_swapping_without_a_previous_version_is_refused(tmp_path: Path) -> None:
    only = Versions(tmp_path / "only")
    only.add("1", {})
    only.promote("1")
    with pytest.raises(FileNotFoundError):
        only.swap()


@pytest.mark.parametrize("files", [failing_release("cart", "1.4.1", 0.5), unimportable_release("cart", "1.4.1")])
def test_a_bad_release_is_known_as_bad_and_settling_unlinks_it(releases: Versions, files: dict[str, str]) -> None:
    releases.add("1.4.1", files)
    releases.promote("1.4.1")
    assert not is_good_release(releases)
    releases.swap()
    settle(releases)
    assert (releases.previous(), releases.current()) == ("1.3.0", "1.4.0")


def test_settling_the_oldest_version_links_the_second(releases: Versions) -> None:
    releases.swap()
    releases.point("previous", "1.3.0")
    settle(releases)
    assert (releases.previous(), releases.current()) == ("1.4.0", "1.3.0")


def test_a_changed_configuration_is_not_the_delivered_one(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    stock_shelves(folder)
    configurations = Versions(folder.configurations("checkout"))
    assert is_good_configuration("checkout", configurations)
    text = configurations.read("config.json").replace('"timeout_ms": 2300', '"timeout_ms": 2')
    configurations.add("3", {"config.json": text})
    configurations.promote("3")
    assert not is_good_configuration("checkout", configurations)


@pytest.mark.parametrize(("version", "after"), [("1.4.0", "1.4.1"), ("1.4.9", "1.4.10"), ("2", "3")])
def test_the_successor_counts_the_last_number(version: str, after: str) -> None:
    assert successor(version) == after


def test_versions_are_ordered_as_numbers(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    for name in ("1.10.0", "1.9.0", "1.9.12"):
        versions.add(name, {})
    assert versions.names() == ("1.9.0", "1.9.12", "1.10.0")
