"""The notification agent: people are told that an incident began, waits for them, or ended."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from akeso.domain.errors import NotFound
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

    attempts: tries of one notice by one notifier before it is given up.
    first_wait: pause before the second try; each further one is twice as long.
    longest_wait: the longest pause between two tries.
    within: time for one try.
    waiting: notices that may wait for one notifier; beyond that the oldest is given up.
    breaker: when a notifier that fails is left alone for a while.
    """

    attempts: int = 6
    first_wait: timedelta = timedelta(seconds=1)
    longest_wait: timedelta = timedelta(seconds=30)
    within: timedelta = timedelta(seconds=15)
    waiting: int = 200
    breaker: BreakerOptions = field(default_factory=lambda: BreakerOptions(reset=timedelta(seconds=30)))


class NotificationAgent:
    """INCIDENT_LOG → notifiers, each at its own pace and in the order of the events.

    A message is handled once its notice waits; healing never waits for it. What still waits when the process ends is
    not told by the next one.
    """

    name = "notification"
    topics = (Topic.INCIDENT_LOG,)

    def __init__(
        self,
        notifiers: Mapping[str, Notifier],
        incident_store: IncidentStore,
        clock: Clock,
        options: NotificationOptions | None = None,
    ) -> None:
        options = options or NotificationOptions()
        self._incident_store = incident_store
        self._channels = [_Channel(name, notifier, clock, options) for name, notifier in notifiers.items()]

    async def start(self) -> None: ...

    async def handle(self, message: Message) -> None:
        entry: Entry = message.payload
        if notice_of(entry.event) is None:
            return
        try:
            incident = await self._incident_store.get(entry.incident)
        except NotFound:
            return
        for channel in self._channels:
            channel.put(incident, entry)

    async def tick(self, at: datetime) -> None: ...

    async def stop(self) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels))


class _Channel:
    # What waits for one notifier, and the task that tells it.
    def __init__(self, name: str, notifier: Notifier, clock: Clock, options: NotificationOptions) -> None:
        self._name, self._notifier, self._clock, self._options = name, notifier, clock, options
        self._breaker = CircuitBreaker(name, clock, options.breaker)
        self._waiting: deque[tuple[Incident, Entry]] = deque()
        self._task: asyncio.Task[None] | None = None

    def put(self, incident: Incident, entry: Entry) -> None:
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
            await self._tell(*self._waiting.popleft())

    async def _tell(self, incident: Incident, entry: Entry) -> None:
        wait = self._options.first_wait
        for left in reversed(range(self._options.attempts)):
            await self._clock.sleep(self._breaker.remaining)
            failure = await self._tried(incident, entry)
            if failure is None:
                return
            if not left:
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
