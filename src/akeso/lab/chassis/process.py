"""One process of the shop, from its start over being ready to its drained end."""

import asyncio
import contextlib
import gc
import importlib
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import uvloop
from aiohttp import web

from akeso.lab.chassis.calls import Upstreams
from akeso.lab.chassis.conditions import Conditions
from akeso.lab.chassis.configuration import Configuration
from akeso.lab.chassis.control import Control
from akeso.lab.chassis.database import Database
from akeso.lab.chassis.directory import Directory, Endpoint, publish, withdraw
from akeso.lab.chassis.floor import Floor, Service
from akeso.lab.chassis.identity import Identity
from akeso.lab.chassis.instruments import Instruments
from akeso.lab.chassis.release import NO_RELEASE, Release
from akeso.lab.chassis.server import Counter
from akeso.lab.chassis.stream import Valkey
from akeso.lab.chassis.telemetry import Telemetry
from akeso.lab.chassis.vitals import Vitals
from akeso.lab.shop.versions import CURRENT, Versions

HOST = "127.0.0.1"
# Callers list the endpoints anew every half second; after that nobody new comes.
LINGER_S = 0.6
DRAIN_WITHIN_S = 1.2
FLUSH_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a process runs: its release and its configuration."""

    release: Release
    configuration: Configuration


def run(identity: Identity, pid: int) -> int:
    """Serve until SIGTERM; returns the exit status. A release or configuration that does not load ends it at once."""
    telemetry = Telemetry.start(identity)
    try:
        delivered = load(identity)
    # Whatever a release raises on import is the reason this process cannot start.
    except Exception as exc:  # noqa: BLE001
        telemetry.log.fatal(f"{identity.service} {identity.version} cannot start: {exc}", exc)
        telemetry.stop(FLUSH_WITHIN_S)
        return 1
    try:
        uvloop.run(Process(identity, delivered, telemetry, pid).serve())
    finally:
        telemetry.stop(FLUSH_WITHIN_S)
    return 0


def load(identity: Identity) -> Delivered:
    """Read configuration and release from their `current` folders."""
    if not identity.blueprint.replaceable:
        return Delivered(NO_RELEASE, Configuration.of(identity.blueprint))
    configuration = Configuration.parse(Versions(identity.folder.configurations(identity.service)).read("config.json"))
    return Delivered(Release.load(identity.folder.releases(identity.service) / CURRENT), configuration)


class Process:
    """Builds the parts, serves, drains."""

    def __init__(self, identity: Identity, delivered: Delivered, telemetry: Telemetry, pid: int) -> None:
        self._identity = identity
        self._delivered = delivered
        self._telemetry = telemetry
        self._pid = pid
        self._instruments = Instruments(telemetry.meter)
        self._vitals = Vitals(identity.blueprint.memory_limit_mb)

    async def serve(self) -> None:
        """Until SIGTERM or SIGINT."""
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        async with AsyncExitStack() as stack:
            floor = await self._furnish(stack, stopping)
            service = _service(self._identity.service)
            if not self._identity.blueprint.exporter:
                self._vitals.observe(self._instruments)
            counter = Counter(floor, self._delivered.release, self._vitals, serves=bool(service.routes))
            tasks = [asyncio.ensure_future(task(floor)) for task in service.tasks]
            endpoint = await self._listen(stack, counter, service, floor.conditions)
            gc.collect()
            gc.freeze()
            publish(self._identity.folder, self._identity.service, endpoint)
            self._telemetry.log.info(f"{self._identity.service} {self._identity.version} is ready")
            ended = asyncio.ensure_future(stopping.wait())
            await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
            await self._drain(counter, tasks)
            stopping.set()
            await asyncio.gather(*tasks)

    async def _furnish(self, stack: AsyncExitStack, stopping: asyncio.Event) -> Floor:
        blueprint, telemetry, instruments = self._identity.blueprint, self._telemetry, self._instruments
        configuration, folder = self._delivered.configuration, self._identity.folder
        facts = folder.facts()
        database = valkey = None
        if "postgresql" in blueprint.stores:
            database = await Database.open(facts.dsn, configuration.pool_size, telemetry, instruments)
            stack.push_async_callback(database.close)
        if "valkey" in blueprint.stores:
            valkey = Valkey(facts.valkey_url, telemetry, instruments)
            stack.push_async_callback(valkey.close)
        upstreams = Upstreams(Directory(folder), configuration, telemetry, instruments)
        stack.push_async_callback(upstreams.close)
        conditions = Conditions(
            log=telemetry.log,
            dump=folder.logs / f"{self._identity.instance}.debug",
            hold_connections=database.hold_one if database else None,
            memory_limit_mb=blueprint.memory_limit_mb,
        )
        return Floor(
            self._identity, configuration, telemetry, instruments, conditions, upstreams, database, valkey, stopping
        )

    async def _listen(
        self, stack: AsyncExitStack, counter: Counter, service: Service, conditions: Conditions
    ) -> Endpoint:
        app = web.Application()
        app.router.add_routes([web.route(route.method, route.path, counter.serve(route)) for route in service.routes])
        control = Control(conditions, lambda: {"active": counter.active, "version": self._identity.version})
        return Endpoint(
            instance=self._identity.instance,
            port=await _open(stack, app),
            control=await _open(stack, control.application()),
            pid=self._pid,
        )

    async def _drain(self, counter: Counter, tasks: Sequence["asyncio.Future[None]"]) -> None:
        withdraw(self._identity.folder, self._identity.service, self._identity.instance)
        self._telemetry.log.info(f"{self._identity.service} {self._identity.version} is stopping")
        if any(task.done() for task in tasks):
            return  # a background task broke; its exception ends the process
        if counter.serves:
            await asyncio.sleep(LINGER_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(counter.idle.wait(), DRAIN_WITHIN_S)


async def _open(stack: AsyncExitStack, app: web.Application) -> int:
    """Serve on a free port of the loopback address; returns the port."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, HOST, 0).start()
    port: int = runner.addresses[0][1]
    return port


def _service(name: str) -> Service:
    module: Any = importlib.import_module(f"akeso.lab.services.{name.replace('-', '_')}")
    service: Service = module.SERVICE
    return service
