"""The feed: hands every journal event to whoever listens right now (WebSockets, the page)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from akeso.domain.incident.events import Entry
from akeso.ports.bus import Message, Topic


class FeedAgent:
    """Fans INCIDENT_LOG out to listeners. A listener that does not keep up is told so and gets nothing more."""

    name = "feed"
    topics = (Topic.INCIDENT_LOG,)

    def __init__(self) -> None:
        self._listeners: dict[asyncio.Queue[Entry], asyncio.Event] = {}

    @contextmanager
    def listen(self, queue: asyncio.Queue[Entry]) -> Iterator[asyncio.Event]:
        """Entries go into `queue` until the block ends; the event is set when one had to be left out."""
        overrun = self._listeners[queue] = asyncio.Event()
        try:
            yield overrun
        finally:
            del self._listeners[queue]

    async def start(self) -> None: ...

    async def handle(self, message: Message) -> None:
        for queue, overrun in self._listeners.items():
            try:
                queue.put_nowait(message.payload)
            except asyncio.QueueFull:
                overrun.set()

    async def tick(self, at: datetime) -> None: ...

    async def stop(self) -> None: ...
