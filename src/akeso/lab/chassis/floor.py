"""What a service's own logic is given, and what it gives: routes and background tasks."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from akeso.lab.chassis.calls import Upstreams
from akeso.lab.chassis.conditions import Conditions
from akeso.lab.chassis.configuration import Configuration
from akeso.lab.chassis.database import Database
from akeso.lab.chassis.identity import Identity
from akeso.lab.chassis.instruments import Instruments
from akeso.lab.chassis.stream import Valkey
from akeso.lab.chassis.telemetry import Telemetry
from akeso.lab.errors import ShopError

Body = dict[str, Any]
WORK_SPREAD = 0.15


@dataclass(frozen=True, slots=True)
class Floor:
    """The parts of a running process that its logic may use."""

    identity: Identity
    configuration: Configuration
    telemetry: Telemetry
    instruments: Instruments
    conditions: Conditions
    upstreams: Upstreams
    maybe_database: Database | None
    maybe_valkey: Valkey | None
    stopping: asyncio.Event

    @property
    def database(self) -> Database:
        """The pool. Raises ShopError in a service that has none."""
        if self.maybe_database is None:
            raise ShopError(f"{self.identity.service} has no database")
        return self.maybe_database

    @property
    def valkey(self) -> Valkey:
        """The queue and cache server. Raises ShopError in a service that has none."""
        if self.maybe_valkey is None:
            raise ShopError(f"{self.identity.service} has no Valkey")
        return self.maybe_valkey

    @property
    def redis(self) -> "Redis":
        """The bare client, for reading state that no request asks for."""
        return self.valkey.client

    async def work(self) -> None:
        """The time the service's own part of a request takes, waiting and not computing."""
        await asyncio.sleep(self.configuration.work_ms / 1000 * random.lognormvariate(0.0, WORK_SPREAD))

    async def pause(self, seconds: float) -> None:
        """Wait, but not past the order to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)


Handler = Callable[[Floor, Body], Awaitable[Body]]
Task = Callable[[Floor], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Route:
    """`path` in aiohttp's form; path and query parameters join the JSON body in what the handler gets."""

    method: str
    path: str
    handler: Handler


@dataclass(frozen=True, slots=True)
class Service:
    """A service's own logic."""

    routes: tuple[Route, ...] = ()
    tasks: tuple[Task, ...] = ()
