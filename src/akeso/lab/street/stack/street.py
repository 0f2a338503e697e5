"""A running street, as the tools hold it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import aiohttp

from akeso.lab.errors import ShopNotRunning
from akeso.lab.load.client import VisitorsClient
from akeso.lab.shop.running import eventually, exchange
from akeso.lab.shop.supervision import Program as Running
from akeso.lab.shop.supervision import Supervisor
from akeso.lab.street.folder import Facts, StreetFolder
from akeso.lab.street.stack.facts import Addresses
from akeso.lab.street.telling.ways import way_of

# nginx leaves an upstream alone for ten seconds after it refused a connection; only then may the next one go.
APART_S = 11.0


@dataclass(frozen=True, slots=True)
class Street:
    """Reaches every part of a street through what its folder says."""

    folder: StreetFolder
    facts: Facts

    @classmethod
    def at(cls, folder: StreetFolder) -> Self:
        """The street whose facts stand in `folder`. Raises ShopNotRunning when there are none."""
        return cls(folder, folder.facts())

    @property
    def addresses(self) -> Addresses:
        """Where services find each other."""
        return Addresses(self.facts.ports, self.facts.own_mounts)

    @property
    def dsn(self) -> str:
        """The database, for the lab's own tools."""
        return f"postgresql://library@127.0.0.1:{self.facts.ports['postgres']}/postgres"

    @property
    def supervisor(self) -> Supervisor:
        """Its supervisor."""
        return Supervisor(f"http://127.0.0.1:{self.facts.ports['supervisor']}/RPC2")

    @property
    def visitors(self) -> VisitorsClient:
        """Asks the visitors, and sends more of them."""
        return VisitorsClient(f"http://127.0.0.1:{self.facts.ports['visitors']}")

    def phases(self) -> dict[int, list[str]]:
        """What starts by itself, by phase."""
        found: dict[int, list[str]] = {}
        for line in (self.folder.path / "phases").read_text().splitlines():
            phase, name = line.split()
            found.setdefault(int(phase), []).append(name)
        return dict(sorted(found.items()))

    def usual_programs(self) -> frozenset[str]:
        """The full names of what runs on a good day."""
        return frozenset(name for names in self.phases().values() for name in names)

    async def programs(self, service: str) -> tuple[Running, ...]:
        """The declared processes of a service, running or not."""
        return tuple(each for each in await self.supervisor.programs() if each.group == service)

    async def is_down(self, service: str) -> bool:
        """Whether none of its processes runs."""
        return not await self.supervisor.running(service)

    async def start(self, service: str) -> None:
        """Start all of its processes that do not run."""
        for program in await self.programs(service):
            await self.supervisor.start(program.full_name)

    async def stop(self, service: str) -> None:
        """Stop all of its processes, and wait for their end."""
        for program in await self.programs(service):
            await self.supervisor.stop(program.full_name)

    async def restart(self, service: str) -> None:
        """Stop and start its processes one after the other, as a rolling deploy does."""
        for number, program in enumerate(await self.programs(service)):
            if number:
                await asyncio.sleep(APART_S)
            await self.supervisor.stop(program.full_name)
            await self.supervisor.start(program.full_name)
            await self.serving(program.name)

    async def serving(self, program: str) -> None:
        """Return once a process answers; at once for those that have no door."""
        if program in ("web", "loans", "catalog_0", "catalog_1"):
            await answering(f"http://127.0.0.1:{self.facts.ports[program]}/healthz")

    async def announce(self, service: str, kind: str, version: str) -> None:
        """Tell Akeso of a change where the way of telling has changes; one that does not take it stops nothing."""
        if self.facts.akeso_url is None or not way_of(self.facts.way).changes:
            return
        event = {
            "service": service,
            "kind": kind,
            "version": version,
            "at": datetime.now(UTC).isoformat(),
            "by": "deployer",
        }
        try:
            await exchange("POST", f"{self.facts.akeso_url}/api/v1/changes", event, self.facts.akeso_key)
        except (ShopNotRunning, aiohttp.ClientError):
            return


async def answering(url: str, within_s: float = 90.0) -> None:
    """Return once a door answers at all. Raises NotReady."""

    async def answers() -> bool:
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session, session.get(url):
                return True
        except (aiohttp.ClientError, TimeoutError):
            return False

    await eventually(answers, f"{url} answering", within_s)
