"""The notification agent: people are told that an incident began, waits for them, or ended."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from akeso.domain.errors import ActionFailed, NotFound, RequestRefused, Unavailable
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.notice import notice_of
from akeso.engine.breaker import BreakerOptions, CircuitBreaker
from akeso.engine.deadline import within
from akeso.engine.incident_store import IncidentStore
from akeso.ports.bus import Message, Topic
from akeso.ports.clock import Clock
from akeso.ports.notifier import Notifier

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NotificationOptions:
    """How persistently people are told.

    attempts: tries of one notice by one notifier that refuses it, or breaks, before it is given up.
    keeps_trying: for how long a notice is tried that cannot be delivered because nobody answers.
    first_wait: pause before the second try; each further one is twice as long.
    longest_wait: the longest pause between two tries.
    within: time for one try.
    waiting: notices that may wait for one notifier; beyond that the oldest is given up.
    breaker: when a notifier that fails is left alone for a while.
    """

    attempts: int = 6
    keeps_trying: timedelta = timedelta(hours=24)
    first_wait: timedelta = timedelta(seconds=1)
    longest_wait: timedelta = timedelta(seconds=30)
    within: timedelta = timedelta(seconds=15)
    waiting: int = 10_000
    breaker: BreakerOptions = field(default_factory=lambda: BreakerOptions(reset=timedelta(seconds=30)))


class Positions(Protocol):
    """Where durable positions are kept, by name; 0 where there is none."""

    async def mark(self, name: str, value: int) -> None: ...

    async def marked(self, name: str) -> int: ...


class _Forgotten:
    # Positions of nothing that outlives the process.
    async def mark(self, name: str, value: int) -> None:
        del name, value

    async def marked(self, name: str) -> int:
        del name
        return 0


class NotificationAgent:
    """INCIDENT_LOG → notifiers, each at its own pace and in the order of the events.

    A message is handled once its notice waits; healing never waits for it. What still waits when the process ends is
    told by the next one: each notifier has a durable position in the journal. A process that dies between telling and
    writing that down tells it again, under the same name (see akeso.ports.notifier).
    """

    name = "notification"
    topics = (Topic.INCIDENT_LOG,)

    def __init__(
        self,
        notifiers: Mapping[str, Notifier],
        incident_store: IncidentStore,
        clock: Clock,
        options: NotificationOptions | None = None,
        positions: Positions | None = None,
    ) -> None:
        self._options = options or NotificationOptions()
        self._incident_store, self._clock = incident_store, clock
        kept = positions or _Forgotten()
        self._channels = [_Channel(name, each, clock, self._options, kept) for name, each in notifiers.items()]

    async def start(self) -> None:
        """What the process before this one still had to tell waits again."""
        for channel in self._channels:
            if position := await channel.position():
                await self._catch_up(channel, position)

    async def handle(self, message: Message) -> None:
        entry: Entry = message.payload
        for channel in self._channels:
            await self._put(channel, entry)

    async def _catch_up(self, channel: "_Channel", position: int) -> None:
        oldest = self._clock.now() - self._options.keeps_trying
        async for entry in self._incident_store.journal.all_entries(position):
            if entry.at >= oldest:
                await self._put(channel, entry)

    async def _put(self, channel: "_Channel", entry: Entry) -> None:
        if notice_of(entry.event) is None:
            return
        try:
            incident = await self._incident_store.get(entry.incident)
        except NotFound:
            return
        await channel.put(incident, entry)

    async def tick(self, at: datetime) -> None: ...

    async def stop(self) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels))


def _unanswered(failure: Exception) -> bool:
    """Whether it is worth trying for long: nobody answered, so nobody said no."""
    if isinstance(failure, RequestRefused):
        return False
    return isinstance(failure, Unavailable | ActionFailed)


class _Channel:
    # What waits for one notifier, and the task that tells it.
    def __init__(
        self, name: str, notifier: Notifier, clock: Clock, options: NotificationOptions, positions: Positions
    ) -> None:
        self._name, self._notifier, self._clock, self._options = name, notifier, clock, options
        self._positions, self._mark = positions, f"notified: {name}"
        self._begun = False  # whether there is a position
        self._taken: deque[int] = deque(maxlen=1000)
        self._breaker = CircuitBreaker(name, clock, options.breaker)
        self._waiting: deque[tuple[Incident, Entry]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def position(self) -> int:
        """The journal line up to which all was told; 0 before the first."""
        position = await self._positions.marked(self._mark)
        self._begun = position > 0
        return position

    async def put(self, incident: Incident, entry: Entry) -> None:
        """Wait to be told. A line that was put before is passed over."""
        if entry.sequence in self._taken:
            return
        self._taken.append(entry.sequence)
        if not self._begun:
            await self._positions.mark(self._mark, max(1, entry.sequence - 1))
            self._begun = True
        if len(self._waiting) >= self._options.waiting:
            self._given_up(self._waiting.popleft()[1], "too many wait")
        self._waiting.append((incident, entry))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name=f"notifying {self._name}")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        while self._waiting:
            incident, entry = self._waiting[0]
            await self._tell(incident, entry)
            # Somebody may have had to make room for others meanwhile.
            if self._waiting and self._waiting[0][1] is entry:
                self._waiting.popleft()
            left = (waiting.sequence for _, waiting in self._waiting)
            await self._positions.mark(self._mark, min(left, default=entry.sequence + 1) - 1)

    async def _tell(self, incident: Incident, entry: Entry) -> None:
        wait, left = self._options.first_wait, self._options.attempts
        until = self._clock.now() + self._options.keeps_trying
        while True:
            await self._clock.sleep(self._breaker.remaining)
            failure = await self._tried(incident, entry)
            if failure is None:
                return
            left -= not _unanswered(failure)
            if not left or self._clock.now() >= until:
                self._given_up(entry, str(failure))
                return
            log.warning("notification.tries_again", notifier=self._name, incident=entry.incident, error=str(failure))
            await self._clock.sleep(wait)
            wait = min(2 * wait, self._options.longest_wait)

    async def _tried(self, incident: Incident, entry: Entry) -> Exception | None:
        try:
            await self._breaker.call(
                lambda: within(self._clock, self._options.within, self._notifier.notify(incident, entry))
            )
        # The boundary of the worker: whatever a plugin raises is tried again and written down.
        except Exception as failure:  # noqa: BLE001
            return failure
        return None

    def _given_up(self, entry: Entry, why: str) -> None:
        log.error(
            "notification.given_up", notifier=self._name, incident=entry.incident, sequence=entry.sequence, why=why
        )
