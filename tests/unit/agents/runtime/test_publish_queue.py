import asyncio
from datetime import timedelta

import pytest

from akeso.agents.runtime.publish_queue import PublishQueue
from akeso.domain.errors import InvalidInput, Overloaded, Unavailable
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.telemetry import noisy_batch

TABLE = SeriesTable()


def batch(tenant: str, points: int = 10_000) -> TelemetryBatch:
    made = noisy_batch(TABLE, 1, points)
    return TelemetryBatch(tenant, 1, made.metrics)


class PullSink:
    """Passes one batch on each time that it is let."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.lets = asyncio.Semaphore(0)
        self.failure: Exception | None = None

    async def publish(self, found: TelemetryBatch) -> None:
        await self.lets.acquire()
        if self.failure is not None:
            raise self.failure
        self.passed.append(found.tenant)


async def test_a_trickle_passes_a_flood_that_waits() -> None:
    sink = PullSink()
    publish_queue = PublishQueue(sink.publish, 2**30, timedelta(seconds=1))
    batches = [batch("loud") for _ in range(30)] + [batch("quiet", 1)]
    for each in batches:
        publish_queue.reserve(each)
    waiting = [asyncio.create_task(publish_queue.pass_on(each)) for each in batches]
    await asyncio.sleep(0)
    for _ in batches:
        sink.lets.release()
    await asyncio.gather(*waiting)
    assert sink.passed.index("quiet") <= 3
    assert publish_queue.waiting_bytes == 0


async def test_room_is_bounded_and_comes_back_whether_a_batch_was_passed_on_or_given_up() -> None:
    sink = PullSink()
    publish_queue = PublishQueue(sink.publish, 500_000, timedelta(seconds=1))
    first, second = batch("a"), batch("a")
    publish_queue.reserve(first)
    with pytest.raises(Overloaded, match="wait for the detectors"):
        publish_queue.reserve(second)
    publish_queue.release(first)
    publish_queue.reserve(second)
    sink.failure = InvalidInput("batch", "is too large for the bus")
    sink.lets.release()
    with pytest.raises(InvalidInput, match="too large"):
        await publish_queue.pass_on(second)
    assert publish_queue.waiting_bytes == 0


async def test_what_is_stored_waits_for_a_bus_that_is_away_and_takes_up_room() -> None:
    sink = PullSink()
    publish_queue = PublishQueue(sink.publish, 500_000, timedelta(0))
    publish_queue.reserve(batch("a"))
    sink.failure = Unavailable("the bus is down")
    passing = asyncio.create_task(publish_queue.pass_on(batch("a")))
    for _ in range(3):
        sink.lets.release()
        await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="wait for the detectors"):
        publish_queue.reserve(batch("a"))
    assert not passing.done()
    sink.failure = None
    sink.lets.release()
    await passing
    assert (sink.passed, publish_queue.waiting_bytes) == (["a"], 0)


async def test_a_sender_that_gives_up_waiting_does_not_take_its_batch_back() -> None:
    sink = PullSink()
    publish_queue = PublishQueue(sink.publish, 2**30, timedelta(seconds=1))
    mine = batch("a")
    publish_queue.reserve(mine)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(publish_queue.pass_on(mine), 0.01)
    sink.lets.release()
    other = batch("a")
    publish_queue.reserve(other)
    sink.lets.release()
    await publish_queue.pass_on(other)
    assert sink.passed == ["a", "a"]
