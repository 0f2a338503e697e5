"""Akeso beside a world: the world's senders send, Akeso does what it does, and its effects act in the world."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from akeso.composition.system import System
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.engine.codec import encode_event, instant
from akeso.faces.api.server import create_api
from akeso.ports.bus import Topic
from akeso.worlds.delivery import Delivery
from akeso.worlds.running.door import Door, Reply
from akeso.worlds.running.effects import Acting
from akeso.worlds.running.loop import VirtualClock, VirtualTimeLoop
from akeso.worlds.running.parts import virtual
from akeso.worlds.running.setting import Setup, settings_in

T = TypeVar("T")

STEP = 10**9
"""How far a world is ahead of Akeso at most, ns: what Akeso does takes effect in the world within so long."""

_MOST_INCIDENTS = 100_000


class Scene(Acting, Protocol):
    """What happens beside Akeso: akeso.worlds.world.World, or something scripted."""

    @property
    def now(self) -> int: ...

    def advance(self, until: int) -> Sequence[Delivery]: ...


class Run:
    """A running Akeso and the scene that it lives in, on one virtual clock.

    requests: how many were sent; refused: (sender, path, status) → how many of them Akeso did not take in.
    """

    def __init__(self, system: System, clock: VirtualClock, scene: Scene) -> None:
        self.system, self.clock = system, clock
        self.requests, self.refused = 0, Counter[tuple[str, str, int]]()
        self._scene, self._door = scene, Door(create_api(system))
        self._listening: list[asyncio.Task[None]] = []
        self._key = system.key_path.read_text().strip()
        self._sender_key = system.sender_key_path.read_text().strip()

    async def live_until(self, instant: int) -> None:
        """Let time pass until `instant` (ns since the epoch)."""
        while (now := self.clock.nanoseconds()) < instant:
            step = min(now + STEP, instant)
            for delivery in self._scene.advance(step):
                await self._reach(delivery.at)
                await self.deliver(delivery)
            await self._reach(step)

    async def deliver(self, delivery: Delivery) -> Reply:
        """One sender's request, now."""
        return await self.send(delivery.sender, delivery.method, delivery.path, delivery.headers, delivery.body)

    async def send(self, sender: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Anybody's request, now, with the senders' key unless `headers` have another; path with the query."""
        reply = await self._door.send(method, path, {"x-api-key": self._sender_key, **headers}, body)
        self.requests += 1
        if reply.refused:
            self.refused[sender, path, reply.status] += 1
        return reply

    async def call(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        """What a person or a tool of theirs asks of the API, with the admin's key unless `headers` have another."""
        given = {"x-api-key": self._key, "content-type": "application/json", **(headers or {})}
        return await self._door.send(method, path, given, body)

    def listen(self, topics: Sequence[Topic], name: str, hear: Callable[[Any], None]) -> None:
        """Let `hear` have every payload of these topics from now on, as one more consumer of the bus."""
        self._listening.append(asyncio.create_task(self._hear(topics, name, hear), name=name))

    async def _hear(self, topics: Sequence[Topic], name: str, hear: Callable[[Any], None]) -> None:
        async with self.system.bus.subscribe(topics, name) as subscription:
            async for message in subscription:
                hear(message.payload)
                await subscription.commit(message)

    async def incidents(self) -> Sequence[Incident]:
        """All there were, oldest first."""
        found = await self.system.incident_store.recent(limit=_MOST_INCIDENTS)
        return sorted(found, key=lambda incident: (incident.detected_at, incident.id))

    async def journal(self) -> bytes:
        """Every line of the journal, one a line, as it is hashed."""
        return b"".join([_line(entry) async for entry in self.system.journal.all_entries()])

    async def _reach(self, instant: int) -> None:
        ahead = instant - self.clock.nanoseconds()
        if ahead > 0:
            await asyncio.sleep(ahead / 1e9)


def play(scene: Scene, setup: Setup, script: Callable[[Run], Awaitable[T]]) -> T:
    """What `script` returns, from the scene's present on. Akeso runs while the script does, and ends with it."""

    async def whole() -> T:
        async with _running(scene, setup) as run:
            return await script(run)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(whole())


@asynccontextmanager
async def _running(scene: Scene, setup: Setup) -> AsyncIterator[Run]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    clock = VirtualClock(loop, scene.now)
    with tempfile.TemporaryDirectory(prefix="akeso-world-") as folder:
        system = await System.open(settings_in(Path(folder), setup), virtual(clock, scene))
        try:
            await system.start()
            yield Run(system, clock, scene)
        finally:
            await system.stop()


def _line(entry: Entry) -> bytes:
    kind, payload = encode_event(entry.event)
    told: Sequence[Any] = (entry.sequence, entry.incident, instant(entry.at), entry.actor, kind, entry.hash)
    return " ".join(map(str, told)).encode() + b" " + payload + b"\n"
