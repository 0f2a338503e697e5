"""The clock of the machine."""

import asyncio
import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """Implements akeso.ports.clock.Clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def nanoseconds(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(duration.total_seconds())
