"""A running shop, as the lab's tools hold it."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import psutil

from akeso.lab.chassis.directory import Endpoint, read_endpoints
from akeso.lab.errors import NotReady, ShopError, ShopNotRunning
from akeso.lab.shop.blueprint import SHOP
from akeso.lab.shop.folder import Facts, RunFolder
from akeso.lab.shop.supervision import Supervisor
from akeso.lab.shop.versions import Versions

READY_WITHIN_S = 60.0
LOOK_EVERY_S = 0.1


async def eventually(check: Callable[[], Awaitable[bool]], what: str, within_s: float = READY_WITHIN_S) -> None:
    """Wait until `check` says yes. Raises NotReady after `within_s`."""
    deadline = time.monotonic() + within_s
    while not await check():
        if time.monotonic() > deadline:
            raise NotReady(f"{what} did not happen within {within_s:.0f} s")
        await asyncio.sleep(LOOK_EVERY_S)


@dataclass(frozen=True, slots=True)
class Shop:
    """Reaches every part of a shop through what its folder says."""

    folder: RunFolder
    facts: Facts

    @classmethod
    def at(cls, folder: RunFolder) -> Self:
        """The shop whose facts stand in `folder`. Raises ShopNotRunning when there are none."""
        return cls(folder, folder.facts())

    @property
    def supervisor(self) -> Supervisor:
        """Its supervisor."""
        return Supervisor(self.facts.rpc_url)

    def releases(self, service: str) -> Versions:
        """The releases of a service."""
        return Versions(self.folder.releases(service))

    def configurations(self, service: str) -> Versions:
        """The configurations of a service."""
        return Versions(self.folder.configurations(service))

    def instances(self, service: str) -> tuple[Endpoint, ...]:
        """Instances on file whose process exists."""
        return tuple(each for each in read_endpoints(self.folder.endpoints(service)) if is_alive(each.pid))

    async def start(self, service: str, instance: str) -> None:
        """Start an instance and wait until it is ready."""
        await self.supervisor.start(f"{service}:{instance}")
        await self.ready(service, instance)

    async def stop(self, service: str, instance: str) -> None:
        """Stop an instance and wait for its end."""
        await self.supervisor.stop(f"{service}:{instance}")

    async def restart(self, service: str) -> None:
        """Restart every running instance of a service, and start the default ones that do not run."""
        running = {program.name for program in await self.supervisor.running(service)}
        for name in sorted(running | set(SHOP[service].default_names)):
            await self.stop(service, name)
            await self.start(service, name)

    async def ready(self, service: str, instance: str) -> None:
        """Wait until an instance has told its callers that it is ready. Raises NotReady."""

        async def is_ready() -> bool:
            return any(each.instance == instance for each in self.instances(service))

        await eventually(is_ready, f"{service}:{instance} being ready")

    async def set_condition(self, service: str, name: str, strength: float) -> None:
        """Set a condition in every instance of a service. Raises ShopError when none takes it."""
        instances = self.instances(service)
        if not instances:
            raise ShopError(f"no instance of {service} runs")
        for each in instances:
            await self._control("POST", each, {"name": name, "strength": strength})

    async def lift_conditions(self, service: str) -> None:
        """Lift all conditions in every instance that answers."""
        for each in self.instances(service):
            try:
                await self._control("DELETE", each)
            except ShopNotRunning:
                continue

    async def has_condition(self, service: str, name: str) -> bool:
        """Whether any instance that answers has the condition."""
        for each in self.instances(service):
            try:
                told = await self._control("GET", each)
            except ShopNotRunning:
                continue
            if name in told["conditions"]:
                return True
        return False

    async def _control(self, method: str, endpoint: Endpoint, body: dict[str, Any] | None = None) -> dict[str, Any]:
        path = "/" if method == "GET" else "/conditions"
        answer: dict[str, Any] = await exchange(method, f"http://127.0.0.1:{endpoint.control}{path}", body)
        return answer


def signal_process(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process of the shop; one that is gone is left alone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def is_alive(pid: int) -> bool:
    """Whether a process exists and has not ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def exchange(method: str, url: str, body: Any = None, key: str | None = None, *, timeout_s: float = 5.0) -> Any:
    """One HTTP exchange of JSON with a part of the shop. key: of an Akeso that wants one. Raises ShopNotRunning when it
    does not answer with 2xx."""
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, url, json=body, headers={"X-API-Key": key} if key else None) as response,
        ):
            if response.status >= 400:
                raise ShopNotRunning(f"{method} {url}: {response.status} {await response.text()}")
            return await response.json()
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise ShopNotRunning(f"{method} {url}: {str(exc) or type(exc).__name__}") from exc
