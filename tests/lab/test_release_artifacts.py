from pathlib import Path

import pytest

from akeso.lab.chassis.configuration import Configuration
from akeso.lab.chassis.release import Release
from akeso.lab.shop.blueprint import SHOP
from akeso.lab.shop.release_artifacts import (
    failing_release,
    good_release,
    short_timeout,
    unimportable_release,
    wrong_upstream,
)


def delivered(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_a_good_release_leaves_its_version_in_the_reply(tmp_path: Path) -> None:
    release = Release.load(delivered(tmp_path, good_release("cart", "1.4.0")))
    reply: dict[str, object] = {}
    release.before("/carts", {})
    release.after("/carts", reply)
    assert reply == {"release": "1.4.0"}


def test_a_failing_release_fails_about_its_share(tmp_path: Path) -> None:
    release = Release.load(delivered(tmp_path, failing_release("cart", "1.4.1", 0.5)))
    failures = 0
    for _ in range(400):
        try:
            release.before("/carts", {})
        except KeyError:
            failures += 1
    assert 120 < failures < 280


def test_an_unimportable_release_raises_on_import(tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="shop_contracts"):
        Release.load(delivered(tmp_path, unimportable_release("cart", "1.4.1")))


def test_a_configuration_is_read_back_as_it_was_written() -> None:
    configuration = Configuration.of(SHOP["checkout"])
    assert Configuration.parse(configuration.text()) == configuration


def test_a_configuration_with_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValueError, match="slotz"):
        Configuration.parse('{"slotz": 3}')


def test_wrong_configurations_change_only_what_is_wrong() -> None:
    good = Configuration.of(SHOP["checkout"])
    assert short_timeout(good, 2).timeout_ms == 2
    assert short_timeout(good, 2).slots == good.slots
    assert wrong_upstream(good, "pricing", "127.0.0.1:1").upstreams == {"pricing": "127.0.0.1:1"}
    assert good.upstreams == {}
