"""An outage of many services, and a kill in the middle of telling: messages that name all, none of them lost."""

from pathlib import Path
from typing import Any

import pytest

from akeso.testing.servers.running import Akeso, eventually
from akeso.testing.servers.scripted_http import ScriptedServer, serving

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SHOP = [f"shop-{n:02}" for n in range(10)]
SERVICES = "services:\n" + "".join(f"  {name}: {{owner: shop}}\n" for name in SHOP)


def alert(service: str) -> dict[str, Any]:
    labels = {"alertname": "DatabaseUnreachable", "service": service, "severity": "critical"}
    return {"status": "firing", "labels": labels, "startsAt": "2030-01-01T00:00:00Z"}


def opened(chat: ScriptedServer) -> list[dict[str, Any]]:
    return [asked.body for asked in chat.asked if asked.body["notice"] == "opened"]


def test_what_was_held_back_when_akeso_was_killed_is_told_by_the_next(tmp_path: Path) -> None:
    with serving(lambda _: (200, {})) as chat:
        (tmp_path / "routes.yaml").write_text("limits: {together: 5s}")
        room = ("notifiers.chat.kind=webhook", f"notifiers.chat.url={chat.url}", "routes=routes.yaml")
        akeso = Akeso(tmp_path, *room, services=SERVICES)
        with akeso.running():
            with akeso.sender() as sender:
                body = {"version": "4", "alerts": [alert(name) for name in SHOP]}
                assert sender.post("/api/v1/alerts/alertmanager", json=body).status_code < 300
            eventually(lambda: len(akeso.incidents()) >= 4 and opened(chat), "there are incidents, and one is told")
            akeso.kill()
            akeso.start()
            known = akeso.incidents()
            eventually(lambda: _named(chat) >= len(known), "all of them are told", 60)
    names = [(body["incident"], body["sequence"]) for body in opened(chat)]
    assert len(names) - len(set(names)) <= 1


def _named(chat: ScriptedServer) -> int:
    """How many incidents the openings speak of: themselves, and as many as they say more."""
    headlines = {body["sequence"]: body["headline"] for body in opened(chat)}.values()
    return sum(1 + int(line.partition("[")[2].partition(" ")[0] or 0) for line in headlines)
