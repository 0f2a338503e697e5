"""A clock that tests move."""

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2030, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FakeClock:
    """Implements akeso.ports.clock.Clock. Stands still until `advance`; `sleep` returns when its time has come."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start.astimezone(UTC)
        self._sleepers: list[tuple[datetime, asyncio.Event]] = []

    def now(self) -> datetime:
        return self._now

    def nanoseconds(self) -> int:
        return (self._now - _EPOCH) // timedelta(microseconds=1) * 1000

    def monotonic(self) -> float:
        return (self._now - _EPOCH) / timedelta(seconds=1)

    @property
    def sleepers(self) -> int:
        """How many are asleep."""
        return len(self._sleepers)

    async def sleep(self, duration: timedelta) -> None:
        if duration <= timedelta(0):
            await asyncio.sleep(0)
            return
        sleeper = (self._now + duration, asyncio.Event())
        self._sleepers.append(sleeper)
        try:
            await sleeper[1].wait()
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    async def advance(self, duration: timedelta, settle: int = 20) -> None:
        """Move on by `duration`, waking sleepers one instant after the other, each with the clock at its own time.

        settle: turns of the event loop that everybody gets before the clock moves and after each waking.
        """
        end = self._now + duration
        await _turns(settle)
        while due := [at for at, _ in self._sleepers if at <= end]:
            self._now = max(self._now, min(due))
            self._wake()
            await _turns(settle)
        self._now = end

    def _wake(self) -> None:
        for sleeper in [s for s in self._sleepers if s[0] <= self._now]:
            self._sleepers.remove(sleeper)
            sleeper[1].set()


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
