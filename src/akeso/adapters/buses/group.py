"""Consumer groups of the local bus: members, their queues, and what becomes of messages when they come and go."""

import asyncio
import zlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TypeAlias

from akeso.adapters.buses.log import BusLog
from akeso.adapters.buses.outstanding import Outstanding
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.ports.bus import Message, Topic

Place: TypeAlias = tuple[Topic, int]


class Member:
    """One subscriber: a queue, and what it was given and has not committed."""

    def __init__(self, group: "Group", topics: Sequence[Topic], capacity: int, capacity_bytes: int) -> None:
        self.group, self.topics = group, frozenset(topics)
        self.queue: deque[Message] = deque()
        self.given: OrderedDict[Place, Message] = OrderedDict()
        self._capacity, self._capacity_bytes = capacity, capacity_bytes
        self._bytes = 0
        self.closed = False
        self._arrived, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()

    def put(self, message: Message) -> None:
        self.queue.append(message)
        self._bytes += _size(message)
        self._arrived.set()
        if self._behind():
            self._room.clear()

    async def room(self) -> None:
        """Returns once the member is not behind by more than its capacity, or is gone."""
        await self._room.wait()

    def _behind(self) -> bool:
        # One message is never too large for a queue that is empty otherwise.
        return len(self.queue) > self._capacity or (len(self.queue) > 1 and self._bytes > self._capacity_bytes)

    def __aiter__(self) -> AsyncIterator[Message]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[Message]:
        while True:
            await asyncio.sleep(0)  # a long queue must not keep the loop from everybody else
            while not self.queue and not self.closed:
                self._arrived.clear()
                await self._arrived.wait()
            if self.closed:
                return
            message = self.queue.popleft()
            self._bytes -= _size(message)
            if not self._behind():
                self._room.set()
            self.given[message.topic, message.offset] = message
            yield message
            del message  # or it would be kept until the next one comes

    async def commit(self, message: Message) -> None:
        """Raises Unavailable when the log cannot take it; the message may then be delivered again."""
        if self.given.pop((message.topic, message.offset), None) is not None:
            await self.group.done(message.topic, message.offset)

    def take_all(self) -> list[Message]:
        """Empties the queue."""
        taken = list(self.queue)
        self.queue.clear()
        self._bytes = 0
        self._room.set()
        return taken

    def leave(self) -> list[Message]:
        """Ends the iteration; what was not committed, in the order of delivery."""
        self.closed = True
        self._arrived.set()
        unfinished = [*self.given.values(), *self.take_all()]
        self.given.clear()
        return unfinished


def _size(message: Message) -> int:
    """About how many bytes a message takes; only telemetry is large."""
    return message.payload.nbytes if isinstance(message.payload, TelemetryBatch) else 0


class Group:
    """The members of one consumer group. Each key goes to one member, until members come or go.

    Without members, messages of durable topics stay in the log, and the newest of each other topic wait here (twice
    the capacity): whoever restarts goes on where it stopped, and a group that never returns stops nobody.
    """

    def __init__(self, name: str, committer: BusLog, durable: frozenset[Topic], capacity: int) -> None:
        self.name = name
        self.members: list[Member] = []
        self._committer, self._durable, self._capacity = committer, durable, capacity
        self._parked: dict[Topic, deque[Message]] = {}
        self._outstanding: dict[Topic, Outstanding] = {}

    def reads(self, topic: Topic) -> bool:
        """Whether some member reads the topic now."""
        return any(topic in member.topics for member in self.members)

    def offer(self, message: Message) -> Member | None:
        """Give the message to the member whose turn its key is; None when nobody is there to take it."""
        readers = [member for member in self.members if message.topic in member.topics]
        if not readers:
            if message.topic in self._parked:
                self._parked[message.topic].append(message)
            return None
        member = readers[zlib.crc32(message.key.encode()) % len(readers)]
        member.put(message)
        return member

    def arrive(self, message: Message) -> Member | None:
        """`offer` for a message that is new to the group."""
        if message.topic in self._durable and self.reads(message.topic):
            self._outstanding.setdefault(message.topic, Outstanding()).given(message.offset)
        return self.offer(message)

    def join(self, member: Member, backlog: Iterable[Message]) -> None:
        """backlog: of the durable topics that nobody in the group read until now."""
        if member.closed:
            return
        waiting = [message for other in self.members for message in other.take_all()]
        fresh = [topic for topic in member.topics & self._durable if not self.reads(topic)]
        self._outstanding.update({topic: Outstanding() for topic in fresh})
        self.members.append(member)
        for topic in member.topics - self._durable:
            waiting += self._parked.get(topic, ())
            self._parked[topic] = deque(maxlen=2 * self._capacity)
        for message in waiting:
            self.offer(message)
        for message in backlog:
            if message.topic in fresh:
                self.arrive(message)

    def leave(self, member: Member) -> None:
        """What the member had not committed goes to the others, before what waits for them."""
        if member not in self.members:
            return
        self.members.remove(member)
        unfinished = member.leave()
        waiting = [message for other in self.members for message in other.take_all()]
        for message in (*unfinished, *waiting):
            self.offer(message)

    async def done(self, topic: Topic, offset: int) -> None:
        if topic not in self._durable:
            return
        reached = self._outstanding.setdefault(topic, Outstanding()).done(offset)
        if reached is not None:
            await self._committer.commit(self.name, topic, reached)
