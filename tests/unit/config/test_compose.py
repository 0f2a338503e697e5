"""What `docker compose` starts for users: nothing listens beyond this machine, no image or password is left open."""

from pathlib import Path
from typing import Any

import pytest
import yaml

SERVICES: dict[str, Any] = yaml.safe_load((Path(__file__).parents[3] / "compose.yaml").read_text())["services"]


def test_there_are_the_servers_that_akeso_can_use() -> None:
    assert set(SERVICES) == {"postgres", "kafka"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_server_listens_here_only_and_keeps_its_data(name: str) -> None:
    service = SERVICES[name]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["volumes"]
    _, _, tag = service["image"].partition(":")
    assert tag not in {"", "latest"}
    secrets = [value for key, value in service["environment"].items() if "PASSWORD" in key]
    assert all(value.startswith("${") for value in secrets)
