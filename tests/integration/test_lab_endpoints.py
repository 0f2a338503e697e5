"""The small HTTP endpoints of the lab, and the client that reads Akeso's, over the loopback address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.sdk._logs import LoggerProvider

from akeso.lab.chassis.conditions import Conditions
from akeso.lab.chassis.control import Control
from akeso.lab.chassis.telemetry import ServiceLog
from akeso.lab.errors import ShopNotRunning
from akeso.lab.flags import Flags
from akeso.lab.scoring.akeso_client import AkesoClient, AkesoSilent
from akeso.lab.shop.folder import RunFolder
from akeso.lab.shop.ports import free_ports
from akeso.lab.shop.running import exchange

pytestmark = pytest.mark.integration


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def conditions(folder: Path) -> Conditions:
    return Conditions(ServiceLog(LoggerProvider().get_logger("test"), "cart_0"), folder / "dump", None, 100)


async def test_a_flag_is_off_until_it_is_switched_on(tmp_path: Path) -> None:
    async with served(Flags(RunFolder(tmp_path)).application()) as url:
        assert await exchange("GET", f"{url}/flags/fallback/status") == {"enabled": False}
        assert await exchange("POST", f"{url}/flags/fallback/on") == {"enabled": True}
        assert await exchange("GET", f"{url}/flags/fallback/status") == {"enabled": True}
        assert await exchange("POST", f"{url}/flags/fallback/off") == {"enabled": False}


async def test_a_flag_can_only_be_switched_on_or_off(tmp_path: Path) -> None:
    async with served(Flags(RunFolder(tmp_path)).application()) as url:
        with pytest.raises(ShopNotRunning, match="404"):
            await exchange("POST", f"{url}/flags/fallback/sideways")


async def test_conditions_are_set_told_and_lifted_through_the_control_port(tmp_path: Path) -> None:
    async with served(Control(conditions(tmp_path), dict).application()) as url:
        told = await exchange("POST", f"{url}/conditions", {"name": "latency", "strength": 250})
        assert told["conditions"] == {"latency": 250.0}
        assert (await exchange("DELETE", f"{url}/conditions"))["conditions"] == {}
        assert (await exchange("GET", f"{url}/"))["conditions"] == {}


@pytest.mark.parametrize("wanted", [{"name": "boredom", "strength": 1}, {"name": "latency"}])
async def test_a_condition_that_makes_no_sense_is_refused(tmp_path: Path, wanted: dict[str, Any]) -> None:
    async with served(Control(conditions(tmp_path), dict).application()) as url:
        with pytest.raises(ShopNotRunning, match="422"):
            await exchange("POST", f"{url}/conditions", wanted)


async def test_a_stalled_consumer_goes_on_when_the_condition_is_lifted(tmp_path: Path) -> None:
    stalled = conditions(tmp_path)
    await stalled.before_message()
    stalled.begin("stall", 1)
    waiting = asyncio.ensure_future(stalled.before_message())
    await asyncio.sleep(0)
    assert not waiting.done()
    stalled.end()
    await asyncio.wait_for(waiting, 1.0)


async def test_debug_output_is_written_on_the_requests_time(tmp_path: Path) -> None:
    flooding = conditions(tmp_path)
    flooding.begin("verbose", 20)
    began = asyncio.get_running_loop().time()
    await flooding.during_request()
    assert asyncio.get_running_loop().time() - began >= 0.02
    assert (tmp_path / "dump").read_text().startswith("DEBUG cache entry 0 ")


async def test_a_leak_keeps_its_memory_until_it_is_lifted(tmp_path: Path) -> None:
    leaking = conditions(tmp_path)
    leaking.begin("leak", 50)
    await asyncio.sleep(0)
    assert leaking.active == {"leak": 50}
    leaking.end()
    assert leaking.active == {}


async def test_the_scorer_asks_with_its_key_and_since_the_injection() -> None:
    asked: list[tuple[str | None, str]] = []

    async def incidents(request: web.Request) -> web.Response:
        asked.append((request.headers.get("X-API-Key"), request.query["since"]))
        return web.json_response({"incidents": []})

    app = web.Application()
    app.add_routes([web.get("/api/v1/incidents", incidents)])
    async with served(app) as url:
        assert await AkesoClient(url, "secret").incidents(1_700_000_000.25) == ()
    assert asked == [("secret", "2023-11-14T22:13:20.250000Z")]


async def test_an_akeso_that_is_starting_is_not_ready_and_a_refusal_is_an_error() -> None:
    async def starting(_request: web.Request) -> web.Response:
        return web.json_response({"status": "starting"}, status=503)

    async def refused(_request: web.Request) -> web.Response:
        return web.json_response({"error": "key"}, status=401)

    app = web.Application()
    app.add_routes([web.get("/api/v1/health/ready", starting), web.get("/api/v1/incidents", refused)])
    async with served(app) as url:
        client = AkesoClient(url, "wrong")
        assert not await client.is_ready()
        with pytest.raises(AkesoSilent, match="401"):
            await client.incidents(0.0)


async def test_an_akeso_that_is_not_there_is_not_ready() -> None:
    assert not await AkesoClient(f"http://127.0.0.1:{free_ports(1)[0]}", "k").is_ready()
