"""What an agent is to the runtime."""

from datetime import datetime
from typing import Protocol

from akeso.ports.bus import Message, Topic


class Agent(Protocol):
    """Consumes topics, runs stages, publishes. Thin: everything that decides is a stage.

    The runtime calls `start` once before the first message, `handle` for each message (it commits the message after
    `handle` returned; an error is retried with backoff and counted), `tick` once a second, `stop` at the end.
    All calls of one agent are made one after the other.
    """

    @property
    def name(self) -> str: ...

    @property
    def topics(self) -> tuple[Topic, ...]:
        """What it consumes."""
        ...

    async def start(self) -> None: ...

    async def handle(self, message: Message) -> None: ...

    async def tick(self, at: datetime) -> None: ...

    async def stop(self) -> None: ...
