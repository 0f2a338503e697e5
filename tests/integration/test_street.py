"""The street as a command: up, one fault, visitors hurt, undone, down, and nothing of it is left."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

UP_WITHIN_S = 60.0


class StreetCommands:
    """`akeso lab street` with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "akeso", "lab", "street", *arguments, "--run", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def view(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("view"))
        return found

    def until(self, healthy: bool, within_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + within_s
        while (view := self.view())["healthy"] != healthy:
            assert time.monotonic() < deadline, view["reasons"]
        return view


@pytest.fixture
def street(tmp_path: Path) -> Iterator[StreetCommands]:
    commands = StreetCommands(tmp_path / "street")
    yield commands
    if (commands.folder / "supervisord.pid").exists():
        commands.run("down")


def of_the_street(folder: Path) -> list[int]:
    """Processes that were started with something of its folder."""
    found = psutil.process_iter(["cmdline"])
    return [each.pid for each in found if any(str(folder) in part for part in each.info["cmdline"] or ())]


def test_a_killed_service_hurts_visitors_until_it_is_started_again(street: StreetCommands) -> None:
    began = time.monotonic()
    street.run("up", "--tell", "write")
    assert time.monotonic() - began < UP_WITHIN_S
    street.until(healthy=True, within_s=20.0)
    truth = json.loads(street.run("inject", "process_killed"))["truth"]
    assert truth["entities"][0] == "loans"
    assert any("failed" in reason for reason in street.until(healthy=False, within_s=10.0)["reasons"])
    assert "loans: started" in street.run("clear")
    street.until(healthy=True, within_s=20.0)
    street.run("down")
    assert of_the_street(street.folder) == []
