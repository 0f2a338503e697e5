"""The event loop whose time is moved instead of waited for."""

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from akeso.engine.background_thread import aside
from akeso.ports.clock import Clock
from akeso.worlds.running.loop import Stalled, VirtualClock, VirtualTimeLoop

T = TypeVar("T")
DAY = timedelta(days=1)


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


def clock_of_loop(start: int = 0) -> Clock:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    return VirtualClock(loop, start)


def test_a_day_of_sleep_takes_no_time() -> None:
    async def sleep() -> datetime:
        clock = clock_of_loop(start=1_893_456_000_123_457_000)
        await clock.sleep(DAY)
        return clock.now()

    before = time.monotonic()
    assert run(sleep()) == datetime(2030, 1, 2, 0, 0, 0, 123457, tzinfo=UTC)
    assert time.monotonic() - before < 1


def test_many_short_sleeps_add_up_exactly() -> None:
    async def sleep() -> int:
        clock = clock_of_loop()
        for _ in range(4_000):
            await clock.sleep(timedelta(milliseconds=250))
        return clock.nanoseconds()

    assert run(sleep()) == 1_000 * 10**9


def test_sleepers_wake_in_the_order_of_their_times() -> None:
    async def all_of_them() -> list[tuple[str, float]]:
        clock, woken = clock_of_loop(), list[tuple[str, float]]()

        async def sleeper(name: str, seconds: float) -> None:
            for _ in range(2):
                await clock.sleep(timedelta(seconds=seconds))
                woken.append((name, clock.monotonic()))

        await asyncio.gather(sleeper("slow", 3), sleeper("quick", 2))
        return woken

    assert run(all_of_them()) == [("quick", 2), ("slow", 3), ("quick", 4), ("slow", 6)]


def test_a_time_out_passes_on_virtual_time() -> None:
    async def wait() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        return clock_of_loop().monotonic()

    assert run(wait()) == 3600


def test_work_for_threads_is_done_before_time_goes_on() -> None:
    async def work() -> tuple[int, int, float]:
        one = await asyncio.to_thread(lambda: 6 * 7)
        other = await aside(lambda: 7 * 6, "other")
        return one, other, clock_of_loop().monotonic()

    assert run(work()) == (42, 42, 0.0)


def test_work_for_threads_raises_where_it_is_awaited() -> None:
    async def work() -> None:
        await aside(lambda: 1 // 0, "none")

    with pytest.raises(ZeroDivisionError):
        run(work())


def test_what_can_never_come_is_an_error_and_no_endless_wait() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stalled):
        run(wait())
