"""The team's files are read again while Akeso runs: all of them or none, and what is wrong is named with its line."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from akeso.composition.system import System
from akeso.config.settings import load_settings
from akeso.domain.errors import InvalidSettings

GOOD = "services:\n  cart:\n    tier: 1\n"


@pytest.fixture
async def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[System]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "services.yaml").write_text(GOOD)
    settings = load_settings(None, {"data": str(tmp_path / "data"), "services": str(tmp_path / "services.yaml")})
    system = await System.open(settings)
    yield system
    await system.stop()


async def test_what_the_files_say_now_is_in_force(system: System, tmp_path: Path) -> None:
    held = system.services
    (tmp_path / "services.yaml").write_text("services:\n  web:\n    tier: 0\n")
    assert (await system.reloading.reload("ann"))["services"] == 1
    assert (held["web"].tier, held["cart"].tier, set(held.specs)) == (0, 3, {"web"})


async def test_a_wrong_file_leaves_all_as_it_was_and_is_named_with_its_line(system: System, tmp_path: Path) -> None:
    (tmp_path / "services.yaml").write_text("services:\n  web:\n    owner: shop\n    tier: first\n")
    with pytest.raises(InvalidSettings, match=r"services\.yaml: services\.web\.tier: .* \(line 4\)"):
        await system.reloading.reload("ann")
    await system.reloading.reload_or_say("SIGHUP")
    assert set(system.services.specs) == {"cart"}
