"""A small world in which incidents can be healed, for tests of the engine and of the healing agent.

The world outlives the process: a test may kill everything that thinks, build it anew and look at what was done.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import numpy as np

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.case import LogPattern
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.memory import Memory, Recollection
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed
from akeso.domain.incident.plan import Risk, Step
from akeso.domain.telemetry import signal as s
from akeso.domain.telemetry.batches import NANOSECONDS, Change, FeatureMatrix, Floats, SeriesKey
from akeso.domain.telemetry.traces import Traces
from akeso.ports.bus import Message, Topic
from akeso.ports.clock import Clock
from akeso.ports.journal import Draft
from akeso.stages.features.metric_meanings import signal_of
from akeso.testing.journal import MemoryJournal

TENANT = "test"
Handler = Callable[[Message], Awaitable[None]]


class Killed(BaseException):
    """The process was killed here."""


class RelayBus:
    """Hands a message to whoever listens before `publish` returns, and remembers it. No queues, no groups."""

    def __init__(self) -> None:
        self.published: list[Message] = []
        self._handlers: dict[Topic, list[Handler]] = {}

    def on(self, topic: Topic, handler: Handler) -> None:
        self._handlers.setdefault(topic, []).append(handler)

    def off(self, topic: Topic) -> None:
        """Nobody listens to this topic any more."""
        self._handlers.pop(topic, None)

    async def publish(self, topic: Topic, key: str, payload: Any) -> None:
        message = Message(topic, key, payload, len(self.published))
        self.published.append(message)
        for handler in self._handlers.get(topic, ()):
            await handler(message)

    def subscribe(self, topics: Sequence[Topic], group: str) -> Any:
        raise NotImplementedError("a relay has no subscriptions")

    async def close(self) -> None: ...

    def of(self, topic: Topic) -> list[Any]:
        """What was published on a topic."""
        return [m.payload for m in self.published if m.topic == topic]


class MortalJournal(MemoryJournal):
    """A journal in a process that is killed at an append: before it wrote the line, or just after.

    at: which append (1, 2, …; 0: never). From then on every call is killed too, until `reopened`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.at, self.after, self.count, self.dead = 0, False, 0, False
        self.kills = 0

    async def append(self, draft: Draft) -> Entry:
        self.count += 1
        if self.count == self.at and not self.after:
            self._die()
        await self._turn()
        entry = await super().append(draft)
        if self.count == self.at:
            self._die()
            raise Killed
        return entry

    def _die(self) -> None:
        self.dead, self.kills = True, self.kills + 1

    def reopened(self) -> "MortalJournal":
        self.at, self.dead = 0, False
        return self

    async def _turn(self) -> None:
        if self.dead:
            raise Killed
        await super()._turn()


class RecentMemory:
    """Remembers, and recalls the newest."""

    def __init__(self) -> None:
        self.memories: dict[str, Memory] = {}

    async def remember(self, memory: Memory) -> None:
        self.memories[memory.id] = memory

    async def recall(self, tenant: str, text: str, signature: Sequence[str], limit: int = 5) -> Sequence[Recollection]:
        del text, signature
        own = [m for m in self.memories.values() if m.tenant == tenant]
        return [Recollection(m, 0.5) for m in own[-limit:]]

    async def success(self, tenant: str, fault_class: str, action: str) -> tuple[int, int]:
        del tenant, fault_class, action
        return 0, 0


@dataclass
class World:
    """Services with a fault. The fault ends `heals_after` after an action that cures it took place.

    cures: names of the actions that help. broken_from: when the fault began; gone_at: when it ends by itself.
    """

    clock: Clock
    callers: Mapping[str, Sequence[str]] = field(default_factory=lambda: MappingProxyType({"web": ("cart", "items")}))
    faulty: str = "cart"
    cures: frozenset[str] = frozenset({"restart"})
    heals_after: timedelta = timedelta(seconds=1)
    broken_from: datetime | None = None
    gone_at: datetime | None = None
    applied: list[tuple[str, str]] = field(default_factory=list)
    undone: list[tuple[str, str]] = field(default_factory=list)

    def did(self, action: str, target: str, key: str) -> None:
        """An effect took place."""
        self.applied.append((f"{action} {target}", key))
        if action in self.cures and target == self.faulty and self.gone_at is None:
            self.gone_at = self.clock.now() + self.heals_after

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self.callers, *(c for callees in self.callers.values() for c in callees)]))

    def broken(self, slot_end: int) -> bool:
        """Whether the slot that ends then saw the fault."""
        at = slot_end / NANOSECONDS
        began = self.broken_from is not None and at > self.broken_from.timestamp()
        return began and (self.gone_at is None or at <= self.gone_at.timestamp() + 1)

    def hurt(self) -> frozenset[str]:
        """The services in which the fault shows: the faulty one and its callers."""
        return frozenset({self.faulty, *(c for c, callees in self.callers.items() if self.faulty in callees)})


class WorldWindow:
    """The hot window onto a world: latency and errors of every service, a second behind."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def now(self) -> int:
        """The end of the newest slot."""
        return (self._world.clock.nanoseconds() // NANOSECONDS - 1) * NANOSECONDS

    def features(self, tenant: str, start: int, end: int) -> FeatureMatrix:
        """One row a second."""
        last = min(end, self.now)
        times = np.arange(-(-start // NANOSECONDS) * NANOSECONDS, last + 1, NANOSECONDS, dtype=np.int64)
        columns: dict[SeriesKey, Floats] = {}
        for service in self._world.services:
            sick = service in self._world.hurt()
            broken = np.array([sick and self._world.broken(int(t)) for t in times], np.bool_)
            columns[SeriesKey(tenant, service, s.RED_MEAN, unit="ms")] = _noisy(
                times, service, np.where(broken, 900.0, 50.0)
            )
            columns[SeriesKey(tenant, service, s.RED_ERRORS)] = np.where(broken, 0.4, 0.0)
            columns[SeriesKey(tenant, service, s.SILENCE, unit="s")] = np.full(len(times), 0.4)
        keys = tuple(columns)
        signals = np.array([int(signal_of(k)) for k in keys], np.uint8)
        return FeatureMatrix(keys, signals, times, np.stack([columns[k] for k in keys], axis=1))

    def logs(self, tenant: str, start: int, end: int) -> Sequence[LogPattern]:
        del tenant, start, end
        return ()

    def changes(self, tenant: str, start: int, end: int) -> Sequence[Change]:
        del tenant, start, end
        return ()

    def traces(self, tenant: str, start: int, end: int) -> Traces:
        del tenant, start, end
        return Traces()

    def authors(self, tenant: str, services: Collection[str], since: int) -> Mapping[str, frozenset[str]]:
        """The same sender told of everything."""
        del tenant, since
        return dict.fromkeys(services, frozenset({"sender"}))

    def topology(self, tenant: str) -> Topology:
        del tenant
        edges = tuple(Edge(caller, callee) for caller, callees in self._world.callers.items() for callee in callees)
        return Topology(edges, frozenset(self._world.services))


def _noisy(times: Any, service: str, level: Any) -> Floats:
    # The same slot always has the same noise, whoever asks.
    seconds = (times // NANOSECONDS).astype(np.float64)
    return np.asarray(level * (1.0 + 0.05 * np.sin(seconds * 1.7 + len(service))), np.float64)


def symptoms(world: World, at: datetime) -> tuple[Anomaly, ...]:
    """What the detectors would say of the world's fault."""
    onset = world.broken_from or at
    return tuple(
        Anomaly(f"{service}-{metric}-{onset:%H%M%S}", TENANT, key, signal_of(key), onset, at, 6.0, seen, usual, spread)
        for service in sorted(world.hurt())
        for metric, unit, seen, usual, spread in (
            (s.RED_MEAN, "ms", 900.0, 50.0, 2.0),
            (s.RED_ERRORS, "", 0.4, 0.0, 0.01),
        )
        for key in [SeriesKey(TENANT, service, metric, unit=unit)]
    )


@dataclass
class WorldAction:
    """An action on a world, which counts what was really done. A key counts every time: targets need not understand
    idempotency.

    dies: "before" or "after" the effect, the process is killed while `apply` (or `undo`) runs. fails: reasons with
    which the first calls of apply fail, one each.
    """

    world: World
    name: str = "restart"
    reversible: bool = False
    risk: Risk = Risk.LOW
    binding: str = ""
    takes: timedelta = timedelta(0)
    dies: str = ""
    fails: list[str] = field(default_factory=list)

    async def capture(self, step: Step, service: ServiceSpec) -> Mapping[str, str]:
        del service
        await asyncio.sleep(0)
        return {"was": f"{step.target} as before"}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        del service
        return f"would {self.name} {step.target}"

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: Mapping[str, str]) -> EffectOutcome:
        del service, pre_state
        await self.world.clock.sleep(self.takes)
        self._maybe_die("before")
        if self.fails:
            return Failed(self.fails.pop(0))
        self.world.did(self.name, step.target, key)
        self._maybe_die("after")
        return Done(f"did {self.name}")

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: Mapping[str, str]) -> EffectOutcome:
        del service, pre_state
        await asyncio.sleep(0)
        self._maybe_die("before undo")
        self.world.undone.append((f"{self.name} {step.target}", key))
        self._maybe_die("after undo")
        return Done(f"undid {self.name}")

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: Mapping[str, str]) -> EffectOutcome:
        del service, pre_state
        await asyncio.sleep(0)
        if (f"{self.name} {step.target}", key) not in self.world.applied:
            return Failed("it is not there")
        undone = any(what == f"{self.name} {step.target}" for what, _ in self.world.undone)
        return Failed("it was taken back") if undone else Done("it is there")

    def _maybe_die(self, where: str) -> None:
        if self.dies == where:
            self.dies = ""
            raise Killed


def statuses(incident: Incident) -> dict[str, str]:
    """Step → status, for assertions."""
    return {step: record.status.value for step, record in incident.actions.items()}
