"""What the local bus keeps of durable topics: in a small SQLite file, or in memory alone.

Both answer in the order in which they were asked, and hand the result over on the event loop before anything that was
asked later: that is what keeps messages in order without a lock.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from akeso.ports.bus import Message, Topic

Appended: TypeAlias = Callable[[int], None]
Found: TypeAlias = Callable[[Sequence[Message]], None]


class BusLog(Protocol):
    """`then` is called on the event loop, before whatever was asked later is answered."""

    async def append(self, topic: Topic, key: str, payload: Any, then: Appended) -> None:
        """Keep a message; its offset goes to `then`. Raises Unavailable; then nothing was kept."""
        ...

    async def backlog(self, topics: Sequence[Topic], group: str, then: Found) -> None:
        """What the group has not committed, oldest first."""
        ...

    async def commit(self, group: str, topic: Topic, offset: int) -> None:
        """The group is done with everything up to `offset`."""
        ...

    async def close(self) -> None: ...


class MemoryLog:
    """Keeps the newest `kept` messages of each topic while the process lives."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._last = 0
        self._messages: dict[Topic, list[Message]] = {}
        self._done: dict[tuple[str, Topic], int] = {}

    async def append(self, topic: Topic, key: str, payload: Any, then: Appended) -> None:
        self._last += 1
        messages = self._messages.setdefault(topic, [])
        messages.append(Message(topic, key, payload, self._last))
        del messages[: -self._kept]
        then(self._last)

    async def backlog(self, topics: Sequence[Topic], group: str, then: Found) -> None:
        found = (m for topic in topics for m in self._messages.get(topic, ()))
        open_ones = [m for m in found if m.offset > self._done.get((group, m.topic), 0)]
        then(sorted(open_ones, key=lambda m: m.offset))

    async def commit(self, group: str, topic: Topic, offset: int) -> None:
        self._done[group, topic] = offset

    async def close(self) -> None: ...
