"""A scored case on a real shop, with a scripted healer in Akeso's place."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from akeso.lab.faults.fault import Site
from akeso.lab.faults.register import FAULTS
from akeso.lab.scoring.akeso_client import AkesoClient
from akeso.lab.scoring.case import Bench
from akeso.lab.scoring.run import Order, score
from akeso.lab.shop.folder import RunFolder
from akeso.lab.shop.opening import Plan, close, prepare, start

pytestmark = [pytest.mark.xdist_group("shop"), pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]


@dataclass
class Healer:
    """Opens one incident when visitors suffer and restarts the service it was told to blame."""

    site: Site
    blamed: str
    incidents: list[dict[str, Any]] = field(default_factory=list)

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.get("/api/v1/incidents", self._list), web.get("/api/v1/health/ready", self._ready)])
        return app

    async def watch(self) -> None:
        await self.site.visitors.wait_healthy(0.5, 30.0)
        await self.site.visitors.wait_unhealthy(time.time(), 30.0)
        self.incidents.append(self._incident())
        await self.site.shop.restart(self.blamed)
        over = datetime.now(UTC).isoformat()
        self.incidents[0] |= {"status": "RESOLVED", "outcome": "recovered", "resolved_at": over}

    def _incident(self) -> dict[str, Any]:
        return {
            "id": "i1",
            "status": "EXECUTING",
            "service": self.blamed,
            "title": "requests fail",
            "detected_at": datetime.now(UTC).isoformat(),
            "resolved_at": None,
            "hypotheses": [{"service": self.blamed, "fault_class": "crash", "confidence": 0.9, "evidence": []}],
            "actions": [
                {"action": "restart", "target": self.blamed, "status": "applied", "dry_run": False, "applied_at": None}
            ],
            "outcome": None,
        }

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response({"incidents": self.incidents})

    async def _ready(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ready"})


@asynccontextmanager
async def healing(site: Site, blamed: str) -> AsyncIterator[str]:
    """A healer at work, with its URL."""
    healer = Healer(site, blamed)
    runner = web.AppRunner(healer.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    task = asyncio.create_task(healer.watch())
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await runner.cleanup()


async def test_a_case_is_scored_by_what_visitors_saw_and_by_what_akeso_said(tmp_path: Path) -> None:
    shop = await prepare(Plan(RunFolder(tmp_path / "shop"), seed=1))
    out = tmp_path / "out"
    order = Order((FAULTS["crash"],), 1, 3, out, 0.0)
    target = FAULTS["crash"].drawn(3, 0).target
    try:
        await start(shop)
        site = Site(shop)
        await site.visitors.begin_learning(6.0)
        await site.visitors.wait_learnt(15.0)
        async with healing(site, target) as url:
            await score(Bench(site, AkesoClient(url, "key")), order, lambda _: None)
    finally:
        await close(shop)
    report = json.loads((out / "report.json").read_text())
    (case,) = report["cases"]
    assert (case["fault"], case["target"], case["detected"], case["healed"]) == ("crash", target, True, True)
    assert case["root_cause"] == {"expected": target, "ranked": [target]}
    assert case["actions"]["applied"] == [{"action": "restart", "target": target}]
    assert (case["verdict"], case["unneeded_actions"], case["error"]) == ("recovered", 0, None)
    assert 0 <= case["delay_s"] < 10
    assert case["hurt_after_s"] < case["time_to_heal_s"] < 20
    assert report["summary"]["acceptable_action"] == 1.0
