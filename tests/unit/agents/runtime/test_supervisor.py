"""The supervisor: agents join before any starts, and those that die or hang start anew."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from akeso.adapters.buses.local import LocalBus
from akeso.adapters.clocks.system import SystemClock
from akeso.agents.runtime.metrics import LOOP_LAG_EVERY_S, AgentMetrics
from akeso.agents.runtime.runner import AgentRunner, RuntimeOptions
from akeso.agents.runtime.supervisor import Supervisor, SupervisorOptions
from akeso.domain.errors import NotFound, Unavailable
from akeso.domain.messages import ConfigUpdate
from akeso.ports.bus import Message, Topic
from akeso.testing.agents import ScriptedAgent
from akeso.testing.clock import START

MS = timedelta(milliseconds=1)
QUICK = SupervisorOptions(
    hung_after=150 * MS, start_within=1000 * MS, look_every=10 * MS, first_wait=5 * MS, longest_wait=20 * MS
)
RUNTIME = RuntimeOptions(tick=10 * MS, heartbeat=10 * MS, attempts=2, first_wait=1 * MS)


class FailingBus(LocalBus):
    """Heartbeats cannot be published while `down`."""

    down = False

    async def publish(self, topic: Topic, key: str, payload: Any) -> None:
        if self.down and topic is Topic.AGENT_METRICS:
            raise Unavailable("the bus is away")
        await super().publish(topic, key, payload)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


@dataclass
class Place:
    agents: Sequence[ScriptedAgent]
    options: SupervisorOptions = QUICK
    bus: FailingBus = field(default_factory=FailingBus)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        metrics, clock = AgentMetrics(self.registry), SystemClock()
        runner = partial(AgentRunner, bus=self.bus, clock=clock, metrics=metrics, options=RUNTIME)
        self.supervisor = Supervisor(self.agents, runner, clock, metrics, self.options)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Supervisor]:
        try:
            await self.supervisor.start()
            yield self.supervisor
        finally:
            await self.supervisor.stop()
            await self.bus.close()

    def restarts(self, name: str) -> float:
        return self.registry.get_sample_value("akeso_agent_restarts_total", {"agent": name}) or 0.0


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(1.8):
        while not done():  # noqa: ASYNC110 - whatever is awaited here is seen from outside only
            await asyncio.sleep(0.002)


async def test_start_returns_when_every_agent_has_started() -> None:
    slow, quick, gate = ScriptedAgent("slow"), ScriptedAgent("quick"), asyncio.Event()

    async def at_the_gate() -> None:
        await gate.wait()

    slow.on_start = at_the_gate
    place = Place([slow, quick])
    starting = asyncio.create_task(place.supervisor.start())
    await until(lambda: quick.starts == 1)
    await asyncio.sleep(0.02)
    assert not starting.done()
    assert place.supervisor.alive == {"slow": False, "quick": True}
    gate.set()
    await starting
    assert all(place.supervisor.alive.values())
    await place.supervisor.stop()
    await place.bus.close()


async def test_what_an_agent_publishes_at_its_start_reaches_all_others() -> None:
    speaker, listener = ScriptedAgent("speaker", ()), ScriptedAgent("listener")
    place = Place([speaker, listener])

    async def speak() -> None:
        await place.bus.publish(Topic.CONFIG_UPDATES, "k", ConfigUpdate("hello", "", START, "speaker"))

    speaker.on_start = speak
    async with place.running():
        await until(lambda: len(listener.calls) == 1)


async def test_an_agent_that_does_not_start_is_named() -> None:
    stuck = ScriptedAgent("stuck")

    async def forever() -> None:
        await asyncio.Event().wait()

    stuck.on_start = forever
    place = Place([stuck, ScriptedAgent("fine")], SupervisorOptions(start_within=50 * MS, look_every=10 * MS))
    with pytest.raises(Unavailable, match=r": stuck$"):
        async with place.running():
            pass


async def test_an_agent_that_dies_at_its_start_is_started_again() -> None:
    weak = ScriptedAgent("weak")

    async def weakly() -> None:
        if weak.starts < 3:
            raise OSError("not yet")

    weak.on_start = weakly
    place = Place([weak])
    async with place.running():
        assert weak.starts == 3
        assert place.restarts("weak") == 2


async def test_a_dead_agent_is_started_again_and_loses_no_message() -> None:
    mortal = ScriptedAgent("mortal")
    place = Place([mortal])
    async with place.running() as supervisor:
        place.bus.down = True
        await until(lambda: place.restarts("mortal") >= 1)
        await place.bus.publish(Topic.CONFIG_UPDATES, "k", ConfigUpdate("meanwhile", "", START, "test"))
        place.bus.down = False
        await until(lambda: len(mortal.calls) == 1)
        assert supervisor.alive == {"mortal": True}
    assert mortal.starts == mortal.stops >= 2


async def test_a_hung_agent_is_started_again_and_its_message_delivered_again() -> None:
    sleeper = ScriptedAgent("sleeper")

    async def first_time_for_ever(message: Message) -> None:
        if len(sleeper.calls) == 1:
            await asyncio.Event().wait()

    sleeper.on_message = first_time_for_ever
    place = Place([sleeper])
    async with place.running():
        await place.bus.publish(Topic.CONFIG_UPDATES, "k", ConfigUpdate("a", "", START, "test"))
        await until(lambda: len(sleeper.calls) == 2)
        assert place.restarts("sleeper") == 1
        await asyncio.sleep(0.2)
        assert len(sleeper.calls) == 2


async def test_one_that_hangs_does_not_disturb_the_others() -> None:
    sleeper, other = ScriptedAgent("sleeper", ()), ScriptedAgent("other")

    async def for_ever(given: object) -> None:
        await asyncio.Event().wait()

    sleeper.on_tick = for_ever
    place = Place([sleeper, other])
    async with place.running() as supervisor:
        await until(lambda: not supervisor.alive["sleeper"] or place.restarts("sleeper") > 0)
        assert supervisor.alive["other"]
        assert place.restarts("other") == 0


async def test_stop_waits_until_every_agent_has_stopped() -> None:
    agents = [ScriptedAgent("a"), ScriptedAgent("b")]
    place = Place(agents)
    async with place.running():
        pass
    assert [agent.stops for agent in agents] == [1, 1]
    assert not [task for task in asyncio.all_tasks() if task.get_name() in {"a", "b", "loop-lag"}]


async def test_the_lateness_of_the_event_loop_is_measured() -> None:
    place = Place([ScriptedAgent("a")])

    def lag() -> float:
        return place.registry.get_sample_value("akeso_loop_lag_seconds") or 0.0

    async with place.running():
        await asyncio.sleep(0)  # the first reading has begun
        assert lag() == 0
        time.sleep(LOOP_LAG_EVERY_S + 0.3)  # noqa: ASYNC251 - what makes the loop late
        await until(lambda: lag() > 0.25)


async def test_a_restart_that_was_asked_for_ends_a_hung_life_and_begins_another() -> None:
    stuck, fine = ScriptedAgent("stuck"), ScriptedAgent("fine")

    async def hang(message: Message) -> None:
        if len(stuck.calls) == 1:
            await asyncio.Event().wait()

    stuck.on_message = hang
    place = Place([stuck, fine], SupervisorOptions(look_every=10 * MS, first_wait=5 * MS))
    async with place.running() as supervisor:
        await place.bus.publish(Topic.CONFIG_UPDATES, "k", ConfigUpdate("hang", "", START, "test"))
        await until(lambda: len(stuck.calls) == 1)
        await supervisor.restart("stuck")
        assert (place.restarts("stuck"), place.restarts("fine")) == (1, 0)
        await until(lambda: len(stuck.calls) == 2)  # what it hung on comes again
        assert stuck.starts == 2
        with pytest.raises(NotFound, match="nobody"):
            await supervisor.restart("nobody")
