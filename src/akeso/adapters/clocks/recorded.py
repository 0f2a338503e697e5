"""The time of a recording."""

import asyncio
from datetime import UTC, datetime, timedelta

from akeso.domain.telemetry.batches import NANOSECONDS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RecordedClock:
    """Implements akeso.ports.clock.Clock. Stands still until `move_to`, and never goes back."""

    def __init__(self, start: int = 0) -> None:
        self._ns = start
        self._sleepers: list[tuple[int, asyncio.Event]] = []

    def now(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self._ns // 1_000)

    def nanoseconds(self) -> int:
        return self._ns

    def monotonic(self) -> float:
        return self._ns / NANOSECONDS

    async def sleep(self, duration: timedelta) -> None:
        """Returns once the recording has gone on by that much; at its end, never."""
        woken = asyncio.Event()
        sleeper = (self._ns + round(duration.total_seconds() * NANOSECONDS), woken)
        self._sleepers.append(sleeper)
        try:
            await woken.wait()
        finally:
            self._sleepers.remove(sleeper)

    def move_to(self, instant: int) -> None:
        """Go on to `instant` (ns)."""
        self._ns = max(self._ns, instant)
        for at, woken in self._sleepers:
            if at <= self._ns:
                woken.set()
