"""The bus inside one process: messages pass by reference, topics that must not be lost go through a log first."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from akeso.adapters.buses.codec import PayloadCodec
from akeso.adapters.buses.group import Group, Member
from akeso.adapters.buses.log import BusLog, MemoryLog
from akeso.adapters.buses.sqlite_log import SqliteLog
from akeso.domain.errors import Unavailable
from akeso.ports.bus import Message, Subscription, Topic

# What comes from outside and is acknowledged, and what agents must not miss. Everything else is either in a store of
# its own (telemetry, the journal) or made anew with the next slot.
DURABLE = frozenset({Topic.ALERTS, Topic.FEEDBACK, Topic.CONFIG_UPDATES})


@dataclass(frozen=True, slots=True)
class LocalBusOptions:
    """How much waits in memory and on disk.

    capacity: messages that a subscriber may be behind before publishers wait for it.
    capacity_bytes: about how many bytes of telemetry it may be behind; each publisher may add the batch it waits with.
    kept: messages of each durable topic that are kept for groups that have not joined yet.
    """

    capacity: int = 1024
    capacity_bytes: int = 64 * 2**20
    kept: int = 10_000


class LocalBus:
    """Implements akeso.ports.bus.Bus. log: the SQLite file of the durable topics; without one they are as durable as
    the process. Raises Unavailable when the file cannot be opened."""

    def __init__(self, log: Path | None = None, options: LocalBusOptions | None = None) -> None:
        self._options = options or LocalBusOptions()
        self._log: BusLog = (
            MemoryLog(self._options.kept) if log is None else SqliteLog(log, PayloadCodec(), self._options.kept)
        )
        self._groups: dict[str, Group] = {}
        self._offsets: Counter[Topic] = Counter()
        self._closed = False

    async def publish(self, topic: Topic, key: str, payload: Any) -> None:
        self._check_open()
        takers: list[Member] = []
        if topic in DURABLE:
            await self._log.append(topic, key, payload, lambda o: takers.extend(self._deliver(topic, key, payload, o)))
        else:
            self._offsets[topic] += 1
            takers += self._deliver(topic, key, payload, self._offsets[topic])
        for member in takers:
            await member.room()

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[Topic], group: str) -> AsyncIterator[Subscription]:
        self._check_open()
        joined = self._groups.get(group)
        if joined is None:
            joined = self._groups[group] = Group(group, self._log, DURABLE, self._options.capacity)
        member = Member(joined, topics, self._options.capacity, self._options.capacity_bytes)
        await self._join(joined, member)
        try:
            yield member
        finally:
            joined.leave(member)

    async def close(self) -> None:
        """Subscriptions end; what was published durably is kept. Closing twice does nothing."""
        self._closed = True
        for group in self._groups.values():
            for member in list(group.members):
                group.leave(member)
        await self._log.close()

    async def _join(self, group: Group, member: Member) -> None:
        unread = sorted(topic for topic in member.topics & DURABLE if not group.reads(topic))
        # The callback runs between the messages published before and after the question, so none is missed or doubled.
        try:
            await self._log.backlog(unread, group.name, lambda found: group.join(member, found))
        except BaseException:
            member.leave()  # so that an answer that comes all the same finds nobody
            group.leave(member)
            raise

    def _deliver(self, topic: Topic, key: str, payload: Any, offset: int) -> list[Member]:
        message = Message(topic, key, payload, offset)
        return [member for group in self._groups.values() if (member := group.arrive(message)) is not None]

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the bus is closed")
