"""An agent that does what a test says, for tests of what runs agents."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from akeso.ports.bus import Message, Topic

Handler = Callable[[Message], Awaitable[None]]


async def nothing(*given: object) -> None:
    """Does nothing."""
    del given


class ScriptedAgent:
    """Implements akeso.agents.runtime.agent.Agent. calls: payloads of every call of `handle`, failed ones included;
    starts, stops, ticks: how often each was called."""

    def __init__(self, name: str = "scripted", topics: tuple[Topic, ...] = (Topic.CONFIG_UPDATES,)) -> None:
        self.name, self.topics = name, topics
        self.calls: list[object] = []
        self.starts = self.stops = self.ticks = 0
        self.on_start: Callable[[], Awaitable[None]] = nothing
        self.on_message: Handler = nothing
        self.on_tick: Callable[[datetime], Awaitable[None]] = nothing

    async def start(self) -> None:
        self.starts += 1
        await self.on_start()

    async def handle(self, message: Message) -> None:
        self.calls.append(message.payload)
        await self.on_message(message)

    async def tick(self, at: datetime) -> None:
        self.ticks += 1
        await self.on_tick(at)

    async def stop(self) -> None:
        self.stops += 1
