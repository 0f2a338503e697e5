"""Clocks: the machine's, and the one that tests move."""

import asyncio
from datetime import UTC, datetime, timedelta

from akeso.adapters.clocks.system import SystemClock
from akeso.ports.clock import Clock
from akeso.testing.clock import START, FakeClock


async def test_the_system_clock_tells_utc_and_passes() -> None:
    clock: Clock = SystemClock()
    before = clock.nanoseconds()
    await clock.sleep(timedelta(milliseconds=5))
    assert clock.nanoseconds() - before >= 4_000_000
    assert clock.now().tzinfo is UTC
    assert abs(clock.nanoseconds() - clock.now().timestamp() * 1e9) < 1e9


async def test_a_sleeper_wakes_when_the_test_moves_the_clock() -> None:
    clock = FakeClock()
    woken: list[tuple[str, datetime]] = []

    async def sleeper(name: str, seconds: int) -> None:
        for _ in range(2):
            await clock.sleep(timedelta(seconds=seconds))
            woken.append((name, clock.now()))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sleeper("slow", 3))
        tasks.create_task(sleeper("quick", 2))
        await clock.advance(timedelta(seconds=1))
        assert woken == []
        assert clock.sleepers == 2
        await clock.advance(timedelta(seconds=10))
    seconds = [(name, (at - START).total_seconds()) for name, at in woken]
    assert seconds == [("quick", 2), ("slow", 3), ("quick", 4), ("slow", 6)]
    assert clock.now() == START + timedelta(seconds=11)


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = FakeClock()
    task = asyncio.ensure_future(clock.sleep(timedelta(seconds=1)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.sleepers == 0


async def test_nanoseconds_are_exact() -> None:
    clock = FakeClock(datetime(2030, 1, 1, 0, 0, 0, 123457, tzinfo=UTC))
    assert clock.nanoseconds() == 1_893_456_000_123_457_000
    await clock.sleep(timedelta(0))
