"""What waits for one notifier, and the task that tells it: in order, again where it fails, across restarts."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog

from akeso.agents.incidents.held_notices import HeldNotices
from akeso.domain.errors import ActionFailed, RequestRefused, Unavailable
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.engine.breaker import BreakerOptions, CircuitBreaker
from akeso.engine.deadline import within
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
    look: how often open incidents are looked at for calls that nobody answered in time.
    breaker: when a notifier that fails is left alone for a while.
    """

    attempts: int = 6
    keeps_trying: timedelta = timedelta(hours=24)
    first_wait: timedelta = timedelta(seconds=1)
    longest_wait: timedelta = timedelta(seconds=30)
    within: timedelta = timedelta(seconds=15)
    waiting: int = 10_000
    look: timedelta = timedelta(seconds=5)
    breaker: BreakerOptions = field(default_factory=lambda: BreakerOptions(reset=timedelta(seconds=30)))


class Positions(Protocol):
    """Where durable positions are kept, by name; 0 where there is none."""

    async def mark(self, name: str, value: int) -> None: ...

    async def marked(self, name: str) -> int: ...


@dataclass(frozen=True, slots=True)
class _Due:
    # covers: the journal lines, of those that were held back, that are told with it.
    incident: Incident
    entry: Entry
    covers: tuple[int, ...] = ()


class NoticeDelivery:
    """Tells one notifier. Its position is the journal line up to which all was told, held back or given up; `begin` has
    to be called first."""

    def __init__(
        self, name: str, notifier: Notifier, clock: Clock, options: NotificationOptions, positions: Positions
    ) -> None:
        self.held = HeldNotices(name, positions)
        self.name, self._notifier, self._clock, self._options = name, notifier, clock, options
        # The next line, so that 0 means none and not the beginning.
        self._positions, self._mark = positions, f"notify next: {name}"
        self._taken: deque[int] = deque(maxlen=1000)
        self._settled = 0  # up to this line all waits here or is held back durably
        self._breaker = CircuitBreaker(name, clock, options.breaker)
        self._waiting: deque[_Due] = deque()
        self._task: asyncio.Task[None] | None = None

    async def position(self) -> int | None:
        """The journal line up to which all was told; None for a channel that was never told of anything."""
        following = await self._positions.marked(self._mark)
        self._settled = max(following - 1, 0)
        return following - 1 if following else None

    async def begin(self, position: int) -> None:
        """Nothing up to this line is told."""
        self._settled = position
        await self._positions.mark(self._mark, position + 1)

    def takes(self, entry: Entry) -> bool:
        """Whether this line is new here."""
        if entry.sequence in self._taken or entry.sequence in self.held:
            return False
        self._taken.append(entry.sequence)
        return True

    def settle(self, entry: Entry) -> None:
        """It was put, or held back durably."""
        self._settled = max(self._settled, entry.sequence)

    def put(self, incident: Incident, entry: Entry, covers: Sequence[int] = ()) -> None:
        """Wait to be told. covers: the lines, of those held back, that it stands for."""
        if len(self._waiting) >= self._options.waiting:
            self._given_up(self._waiting.popleft().entry, "too many wait")
        self._waiting.append(_Due(incident, entry, tuple(covers)))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name=f"notifying {self.name}")

    async def close(self) -> None:
        """Tells nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        while self._waiting:
            due = self._waiting[0]
            await self._tell(due)
            # Somebody may have had to make room for others meanwhile.
            if self._waiting and self._waiting[0] is due:
                self._waiting.popleft()
            await self._write_down(due)

    async def _write_down(self, told: _Due) -> None:
        left = (due.entry.sequence for due in self._waiting if due.entry.sequence not in due.covers)
        await self._positions.mark(self._mark, min(left, default=max(self._settled, told.entry.sequence) + 1))
        # After the position: what was held back lies behind it, and must not be found there again.
        await self.held.remove(told.covers)

    async def _tell(self, due: _Due) -> None:
        wait, left = self._options.first_wait, self._options.attempts
        until = self._clock.now() + self._options.keeps_trying
        while True:
            await self._clock.sleep(self._breaker.remaining)
            failure = await self._tried(due)
            if failure is None:
                return
            left -= not _unanswered(failure)
            if not left or self._clock.now() >= until:
                self._given_up(due.entry, str(failure))
                return
            log.warning("notification.tries_again", notifier=self.name, incident=due.entry.incident, error=str(failure))
            await self._clock.sleep(wait)
            wait = min(2 * wait, self._options.longest_wait)

    async def _tried(self, due: _Due) -> Exception | None:
        try:
            await self._breaker.call(
                lambda: within(self._clock, self._options.within, self._notifier.notify(due.incident, due.entry))
            )
        # The boundary of the worker: whatever a plugin raises is tried again and written down.
        except Exception as failure:  # noqa: BLE001
            return failure
        return None

    def _given_up(self, entry: Entry, why: str) -> None:
        log.error(
            "notification.given_up", notifier=self.name, incident=entry.incident, sequence=entry.sequence, why=why
        )


def _unanswered(failure: Exception) -> bool:
    """Whether it is worth trying for long: nobody answered, so nobody said no."""
    if isinstance(failure, RequestRefused):
        return False
    return isinstance(failure, Unavailable | ActionFailed)
