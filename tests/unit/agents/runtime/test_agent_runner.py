"""The runner of one agent: consume, handle, commit; retries, poisoned messages, dependencies that are down."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from akeso.adapters.buses.local import LocalBus
from akeso.agents.runtime.metrics import AgentMetrics
from akeso.agents.runtime.runner import AgentRunner, RuntimeOptions
from akeso.domain.errors import CircuitOpen, Unavailable
from akeso.domain.messages import ConfigUpdate, Heartbeat
from akeso.ports.bus import Message, Topic
from akeso.testing.agents import ScriptedAgent
from akeso.testing.bus import take
from akeso.testing.clock import START, FakeClock

SECOND = timedelta(seconds=1)
# Waits between attempts pass for real; all others on the clock that the tests move.
OPTIONS = RuntimeOptions(tick=SECOND / 4, heartbeat=SECOND, attempts=3, first_wait=timedelta(milliseconds=1))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


def update(name: str) -> ConfigUpdate:
    return ConfigUpdate(name, "", START, "test")


@dataclass
class Place:
    """A bus, a clock, an agent and its runner."""

    agent: ScriptedAgent = field(default_factory=ScriptedAgent)
    bus: LocalBus = field(default_factory=LocalBus)
    clock: FakeClock = field(default_factory=FakeClock)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.runner = AgentRunner(self.agent, self.bus, self.clock, AgentMetrics(self.registry), OPTIONS)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        go = asyncio.Event()
        go.set()
        task = asyncio.create_task(self.runner.run(go))
        await self.runner.milestones.started.wait()
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def send(self, *names: str) -> None:
        for name in names:
            await self.bus.publish(Topic.CONFIG_UPDATES, "k", update(name))

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not done():  # noqa: ASYNC110 - whatever is awaited here is seen from outside only
                await asyncio.sleep(0.001)

    def names(self) -> list[str]:
        return [call.name for call in self.agent.calls if isinstance(call, ConfigUpdate)]

    def count(self, metric: str) -> float:
        return self.registry.get_sample_value(f"akeso_agent_{metric}_total", {"agent": "scripted"}) or 0.0


async def test_messages_are_handled_in_order_and_not_again_by_a_successor() -> None:
    place = Place()
    async with place.running():
        await place.send("a", "b", "c")
        await place.until(lambda: place.count("messages") == 3)
    assert place.names() == ["a", "b", "c"]
    assert (place.agent.starts, place.agent.stops) == (1, 1)
    successor = Place(bus=place.bus)
    async with successor.running():
        await successor.send("d")
        await successor.until(lambda: successor.count("messages") == 1)
    assert successor.names() == ["d"]


async def test_a_message_that_fails_at_first_is_tried_again() -> None:
    place = Place()

    async def clumsy(message: Message) -> None:
        if len(place.agent.calls) < 3:
            raise ValueError("not yet")

    place.agent.on_message = clumsy
    async with place.running():
        await place.send("a")
        await place.until(lambda: place.count("messages") == 1)
    assert place.names() == ["a"] * 3
    assert (place.count("failures"), place.count("poisoned")) == (2, 0)


async def test_a_poisoned_message_is_given_up_and_the_next_one_handled() -> None:
    place = Place()

    async def picky(message: Message) -> None:
        if message.payload.name == "poison":
            raise ValueError("no such thing")

    place.agent.on_message = picky
    async with place.running():
        await place.send("poison", "bread")
        await place.until(lambda: place.count("messages") == 2)
    assert place.names() == ["poison"] * OPTIONS.attempts + ["bread"]
    assert place.count("poisoned") == 1


async def test_a_message_whose_dependency_is_down_waits_and_is_never_given_up() -> None:
    place, up = Place(), asyncio.Event()

    async def dependent(message: Message) -> None:
        if not up.is_set():
            raise Unavailable("the database is away")

    place.agent.on_message = dependent
    async with place.running():
        await place.send("a", "b")
        for n in range(1, 4):
            await place.until(lambda n=n: len(place.agent.calls) == n * OPTIONS.attempts)  # type: ignore[misc]
            await place.clock.advance(OPTIONS.heartbeat)
        up.set()
        await place.clock.advance(timedelta(seconds=10))
        await place.until(lambda: place.count("messages") == 2)
    assert set(place.names()[:-1]) == {"a"}
    assert place.names()[-1] == "b"
    assert place.count("poisoned") == 0


async def test_after_many_poisoned_messages_in_a_row_it_pauses() -> None:
    place = Place()

    async def broken(message: Message) -> None:
        raise ValueError("I am broken")

    place.agent.on_message = broken
    async with place.running():
        await place.send(*map(str, range(6)))
        await place.until(lambda: place.count("messages") == 5)
        await asyncio.sleep(0.05)
        assert set(place.names()) == set("01234")
        await place.clock.advance(timedelta(seconds=5))
        await place.until(lambda: "5" in place.names())


async def test_a_breaker_of_what_the_agent_calls_does_not_make_it_spin() -> None:
    place = Place()

    async def refused(message: Message) -> None:
        raise CircuitOpen("the target failed")

    place.agent.on_message = refused
    async with place.running():
        await place.send("a")
        await place.until(lambda: len(place.agent.calls) == OPTIONS.attempts)
        await asyncio.sleep(0.05)
        assert len(place.agent.calls) == OPTIONS.attempts
        assert place.count("poisoned") == 0


async def test_ticks_go_on_when_one_fails() -> None:
    place = Place()

    async def failing(at: object) -> None:
        raise ValueError("this time")

    place.agent.on_tick = failing
    async with place.running():
        for _ in range(4):
            await place.clock.advance(OPTIONS.tick)
        assert place.agent.ticks >= 4
        assert place.count("failures") >= 4


async def test_heartbeats_tell_how_much_was_done() -> None:
    place = Place()
    async with place.bus.subscribe([Topic.AGENT_METRICS], "listener") as beats, place.running():
        (first,) = await take(beats, 1)
        assert first.payload == Heartbeat("scripted", START)
        await place.send("a")
        await place.until(lambda: place.count("messages") == 1)
        await place.clock.advance(OPTIONS.heartbeat)
        (second,) = await take(beats, 1)
        assert (second.payload.handled, second.payload.at) == (1, START + OPTIONS.heartbeat)


async def test_an_agent_that_hangs_misses_its_heartbeat() -> None:
    place, forever = Place(), asyncio.Event()

    async def hanging(message: Message) -> None:
        await forever.wait()

    place.agent.on_message = hanging
    async with place.running():
        await place.send("a")
        await place.until(lambda: bool(place.agent.calls))
        before = place.runner.last_beat
        await place.clock.advance(OPTIONS.heartbeat * 5)
        assert place.runner.last_beat == before
        forever.set()
        await place.until(lambda: place.runner.last_beat > before)


async def test_calls_of_one_agent_are_made_one_after_the_other() -> None:
    place, inside = Place(), 0

    async def alone(given: object) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1
        await asyncio.sleep(0.001)
        inside -= 1

    place.agent.on_message = place.agent.on_tick = alone
    async with place.running():
        await place.send("a", "b")
        for _ in range(5):
            await place.clock.advance(OPTIONS.tick)
        await place.until(lambda: place.count("messages") == 2)
    assert place.count("failures") == 0


class Large:
    """Something that a weak reference can tell of."""


class Forgetful(ScriptedAgent):
    """Counts what it handles as starts."""

    async def handle(self, message: Message) -> None:
        del message
        self.starts += 1


async def test_what_was_handled_is_not_kept() -> None:
    place = Place(Forgetful(topics=(Topic.PREDICTIONS,)))
    async with place.running():
        large = Large()
        left = weakref.ref(large)
        await place.bus.publish(Topic.PREDICTIONS, "k", large)
        del large
        await place.until(lambda: place.agent.starts == 2)
        await place.until(lambda: left() is None)
