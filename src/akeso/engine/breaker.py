"""A circuit breaker for coroutines (Nygard, Release It!, chapter "Stability Patterns")."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from akeso.domain.errors import CircuitOpen
from akeso.ports.clock import Clock

Result = TypeVar("Result")


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerOptions:
    """When something that fails is left alone for a while.

    failures: consecutive failures after which no call is made.
    reset: how long none is made before one trial call.
    """

    failures: int = 5
    reset: timedelta = timedelta(seconds=5)


class CircuitBreaker:
    """Refuses calls to a target that failed `failures` times in a row, then lets one call through as a trial."""

    def __init__(self, name: str, clock: Clock, options: BreakerOptions | None = None) -> None:
        self.name = name
        self._clock = clock
        self._options = options or BreakerOptions()
        self._failures = 0
        self._opened_at: datetime | None = None
        self._trying = False

    @property
    def state(self) -> Circuit:
        if self._opened_at is None:
            return Circuit.CLOSED
        return Circuit.OPEN if self.remaining > timedelta(0) else Circuit.HALF_OPEN

    @property
    def remaining(self) -> timedelta:
        """How long the circuit stays open; zero when a call may be tried."""
        if self._opened_at is None:
            return timedelta(0)
        return max(timedelta(0), self._opened_at + self._options.reset - self._clock.now())

    async def call(self, function: Callable[[], Awaitable[Result]]) -> Result:
        """The result of `function`. Raises CircuitOpen without calling it while the circuit is open."""
        state = self.state
        if state is Circuit.OPEN or (state is Circuit.HALF_OPEN and self._trying):
            raise CircuitOpen(f"{self.name} failed {self._failures} times in a row; next try in {self.remaining}")
        self._trying = True
        try:
            result = await function()
        except Exception:
            self._failed(state)
            raise
        finally:
            self._trying = False
        self._failures, self._opened_at = 0, None
        return result

    def _failed(self, state: Circuit) -> None:
        self._failures += 1
        if state is Circuit.HALF_OPEN or self._failures >= self._options.failures:
            self._opened_at = self._clock.now()
