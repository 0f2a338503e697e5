"""An event loop whose time is moved instead of waited for.

Everything that asks the loop for time (sleeps, timers, time-outs) lives on virtual time: when nothing is ready, the
loop's time jumps to the next timer. Work for executors is done at once, on the loop's own thread, and takes no virtual
time, so that no race of threads decides what happens first. The order of everything is the order in which it was asked
for, so that the same program with the same input runs the same way.
"""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

from akeso.domain.errors import AkesoError
from akeso.domain.telemetry.batches import NANOSECONDS

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Stalled(AkesoError):
    """Nothing is ready and no timer is set: what is awaited will never come."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """See the module. Sockets and threads that it did not start itself are not served while timers are pending."""

    def __init__(self) -> None:
        super().__init__(_Jumping(self._jump))
        self._ns = 0
        # Timers are compared in seconds; a nanosecond of rounding must not keep one that is due waiting.
        self._clock_resolution = 1e-7

    @property
    def nanoseconds(self) -> int:
        """Virtual nanoseconds since the loop was made."""
        return self._ns

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._ns / NANOSECONDS

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """The work is done before this returns, whoever the executor is."""
        del executor
        answer: asyncio.Future[T] = self.create_future()
        try:
            answer.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is raised where it is awaited
            answer.set_exception(error)
        return answer

    def _jump(self, seconds: float | None) -> None:
        if seconds is None:
            raise Stalled("nothing is ready and no timer is set: what is awaited will never come")
        self._ns += round(seconds * NANOSECONDS)


class VirtualClock:
    """Implements akeso.ports.clock.Clock on a VirtualTimeLoop. start: ns since the epoch at its 0."""

    def __init__(self, loop: VirtualTimeLoop, start: int) -> None:
        self._loop, self._start = loop, start

    def now(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.nanoseconds() // 1_000)

    def nanoseconds(self) -> int:
        return self._start + self._loop.nanoseconds

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(duration.total_seconds())


class _Jumping(selectors.BaseSelector):
    """Hands waiting to `jump`; the files that the loop itself registers are remembered and never become ready."""

    def __init__(self, jump: Callable[[float | None], None]) -> None:
        self._jump = jump
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = self._keys[number] = selectors.SelectorKey(fileobj, number, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj if isinstance(fileobj, int) else fileobj.fileno())

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self._jump(timeout)
        return []

    def get_map(self) -> dict[int, selectors.SelectorKey]:  # type: ignore[override] # a mapping by number, as asked
        return self._keys
