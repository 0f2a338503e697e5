"""Replay: agents driven by a recording instead of by the clock on the wall."""

from collections.abc import AsyncIterable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from akeso.agents.runtime.agent import Agent
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.times import duration_ns
from akeso.ports.bus import Bus, Topic
from akeso.ports.clock import Clock


class MovableClock(Clock, Protocol):
    """A clock that is told the time."""

    def move_to(self, instant: int) -> None: ...


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How time passes in a replay.

    tick: how often the agents' `tick` is called, in the time of the recording.
    pause: longer stretches without telemetry are jumped over when no incident is open.
    after: how long time goes on after the last batch, for slots to close.
    """

    tick: timedelta = timedelta(milliseconds=250)
    pause: timedelta = timedelta(seconds=60)
    after: timedelta = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Played:
    """How much was replayed. first, last: arrival of the first and last batch, ns; 0 without any."""

    batches: int = 0
    points: int = 0
    first: int = 0
    last: int = 0


class Replay:
    """Hands batches to the agents at the time at which they arrived. `busy` tells whether a pause must be lived
    through. The agents are those of the running Akeso; an error of one ends the replay."""

    def __init__(
        self,
        agents: Sequence[Agent],
        bus: Bus,
        clock: MovableClock,
        busy: Callable[[], bool],
        options: ReplayOptions | None = None,
    ) -> None:
        self._agents, self._bus, self._clock, self._busy = agents, bus, clock, busy
        self._options = options or ReplayOptions()
        self._tick, self._pause = duration_ns(self._options.tick), duration_ns(self._options.pause)

    async def play(self, recording: AsyncIterable[TelemetryBatch]) -> Played:
        """All of it, at full speed."""
        for agent in self._agents:
            await agent.start()
        played = Played()
        async for batch in recording:
            if not played.batches:
                self._clock.move_to(batch.received_at)
            await self._live_until(batch.received_at)
            await self._bus.publish(Topic.RAW_EVENTS, batch.tenant, batch)
            first = played.first or batch.received_at
            played = Played(played.batches + 1, played.points + len(batch), first, max(played.last, batch.received_at))
        await self._live(self._clock.nanoseconds() + duration_ns(self._options.after))
        for agent in self._agents:
            await agent.stop()
        return played

    async def _live_until(self, instant: int) -> None:
        while instant - self._clock.nanoseconds() > self._pause:
            await self._live(self._clock.nanoseconds() + self._pause)
            if not self._busy():
                self._clock.move_to(instant - self._tick)
        await self._live(instant)

    async def _live(self, instant: int) -> None:
        """Time goes on tick by tick, on the same grid however the batches lie."""
        due = self._clock.nanoseconds() // self._tick * self._tick + self._tick
        while due <= instant:
            self._clock.move_to(due)
            for agent in self._agents:
                await agent.tick(self._clock.now())
            due += self._tick
        self._clock.move_to(instant)
