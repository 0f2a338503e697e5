"""A bus without queues: what is published is handled before `publish` returns, in one order that repeats exactly."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from akeso.domain.errors import Unavailable
from akeso.ports.bus import Message, Subscription, Topic

Handler = Callable[[Message], Awaitable[None]]


class RelayBus:
    """Implements akeso.ports.bus.Bus for replays, whose agents are called and do not subscribe."""

    def __init__(self) -> None:
        self._handlers: dict[Topic, list[Handler]] = {}
        self._offset = 0

    def on(self, topics: Sequence[Topic], handler: Handler) -> None:
        """Hand every message of these topics to `handler`, after those who asked before."""
        for topic in topics:
            self._handlers.setdefault(topic, []).append(handler)

    async def publish(self, topic: Topic, key: str, payload: Any) -> None:
        self._offset += 1
        message = Message(topic, key, payload, self._offset)
        for handler in self._handlers.get(topic, ()):
            await handler(message)

    def subscribe(self, topics: Sequence[Topic], group: str) -> AbstractAsyncContextManager[Subscription]:
        raise Unavailable(f"a relay has no subscriptions, so {group} cannot read {', '.join(topics)}")

    async def close(self) -> None:
        """There is nothing to close."""
