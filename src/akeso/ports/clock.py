"""Time."""

from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where time comes from, so that tests move it instead of waiting."""

    def now(self) -> datetime:
        """The current instant, in UTC with time zone."""
        ...

    def nanoseconds(self) -> int:
        """The current instant as nanoseconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, for durations: it never goes back, whatever is done to the date."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Returns once `duration` has passed on this clock."""
        ...
