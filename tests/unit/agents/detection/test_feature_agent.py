"""The feature agent closes slots in order, live and from history, and publishes each once."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from akeso.adapters.telemetry.hot import HotWindow
from akeso.agents.detection.feature import FeatureAgent, FeatureAgentOptions
from akeso.domain.errors import Unavailable
from akeso.domain.telemetry.batches import NANOSECONDS, Change, SeriesKey, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.bus import Message, Subscription, Topic
from akeso.testing.feature_bench import FeatureBench

UP = SeriesKey("acme", "cart", "depth")


class RecordingBus:
    """Keeps what is published; refuses as often as it is told to."""

    def __init__(self) -> None:
        self.published: list[Any] = []
        self.refusals = 0

    async def publish(self, topic: Topic, key: str, payload: Any) -> None:
        assert key
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("bus is away")
        assert topic is Topic.FEATURES
        self.published.append(payload)

    def subscribe(self, topics: Sequence[Topic], group: str) -> AbstractAsyncContextManager[Subscription]:
        raise NotImplementedError

    async def close(self) -> None: ...


class SetClock:
    def __init__(self) -> None:
        self.at = 0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at / NANOSECONDS, UTC)

    def nanoseconds(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.at / NANOSECONDS

    async def sleep(self, duration: timedelta) -> None:
        raise NotImplementedError


class Desk:
    """A feature agent with its surroundings; time is that of `bench`."""

    def __init__(self, bench: FeatureBench, lateness: float = 1.0) -> None:
        self.bench, self.bus, self.clock = bench, RecordingBus(), SetClock()
        self.features = features = SeriesTable()
        self.window = HotWindow(timedelta(seconds=1), timedelta(minutes=1), features)
        options = FeatureAgentOptions(lateness=timedelta(seconds=lateness))
        self.agent = FeatureAgent(self.bus, self.clock, bench.ingest, features, self.window, options)

    def message(self, received: float, value: float = 1.0) -> Message:
        batch = self.bench.batch(received, (UP, received - 0.1, value))
        return Message(Topic.RAW_EVENTS, "acme", batch)

    async def handle(self, now: float, message: Message) -> None:
        self.clock.at = self.bench.at(now)
        await self.agent.handle(message)

    async def tick(self, now: float) -> None:
        self.clock.at = self.bench.at(now)
        await self.agent.tick(self.clock.now())

    @property
    def ends(self) -> list[float]:
        return [frame.end / NANOSECONDS - self.bench.START for frame in self.bus.published]


@pytest.fixture
def desk(bench: FeatureBench) -> Desk:
    return Desk(bench)


async def test_live_slots_close_by_the_clock_after_the_lateness(desk: Desk) -> None:
    await desk.handle(1.5, desk.message(1.5))
    await desk.tick(2.9)
    assert desk.ends == [1]
    await desk.tick(3.0)
    assert desk.ends == [1, 2]
    assert desk.bus.published[-1].values.tolist() == [1.0, 0.5]
    assert desk.window.now == desk.bench.at(2)


async def test_before_the_first_batch_nothing_is_published(desk: Desk) -> None:
    await desk.tick(100.0)
    assert desk.ends == []


async def test_history_is_closed_by_its_own_time_and_not_by_the_clock(desk: Desk) -> None:
    for second in range(10):
        await desk.handle(500.0, desk.message(second + 0.5, float(second)))
        await desk.tick(500.1)
    assert desk.ends == list(range(9))
    assert [frame.values[0] for frame in desk.bus.published[1:]] == list(range(8))


async def test_after_history_the_gap_is_skipped_and_live_slots_go_on(desk: Desk) -> None:
    for second in range(10):
        await desk.handle(500.0, desk.message(second + 0.5))
    await desk.tick(501.5)
    await desk.handle(501.6, desk.message(501.6))
    await desk.tick(503.0)
    assert desk.ends == sorted(set(desk.ends))
    assert desk.ends[-1] == 502
    assert len(desk.ends) < 30


async def test_a_second_try_after_a_failed_publication_publishes_each_frame_once(desk: Desk) -> None:
    await desk.handle(1.5, desk.message(1.5))
    late = desk.message(4.5)
    desk.bus.refusals = 1
    with pytest.raises(Unavailable):
        await desk.handle(4.5, late)
    await desk.handle(4.5, late)
    await desk.tick(6.0)
    assert desk.ends == [1, 2, 3, 4, 5]
    assert desk.agent.tally.repeated == 0


async def test_changes_reach_the_window(desk: Desk) -> None:
    deploy = Change("cart", "deploy", "2", datetime.fromtimestamp(desk.bench.START, UTC))
    batch = TelemetryBatch("acme", desk.bench.at(1.0), changes=(deploy,))
    await desk.handle(1.0, Message(Topic.RAW_EVENTS, "acme", batch))
    assert list(desk.window.changes("acme", 0, desk.bench.at(1.0))) == [deploy]


async def test_each_slot_is_looked_at_once_before_it_is_over(bench: FeatureBench) -> None:
    desk = Desk(bench, lateness=0.4)
    for received in (1.0, 2.1, 2.3):
        await desk.handle(received, desk.message(received, value=received))
    desk.bus.published.clear()
    for now in (2.4, 2.6, 2.7, 2.95, 3.3, 3.4):
        await desk.tick(now)
    assert desk.ends == pytest.approx([2.0, 2.7, 3.0])
    _, early, whole = desk.bus.published
    assert early.partial
    assert not whole.partial
    row = desk.features.find(UP)
    assert early.values[row] == whole.values[row] == 2.3


async def test_a_slot_in_which_nothing_arrived_is_not_looked_at(bench: FeatureBench) -> None:
    desk = Desk(bench, lateness=0.4)
    await desk.handle(1.1, desk.message(1.1))
    for quarter in range(5, 16):
        await desk.tick(quarter / 4)
    looks = [frame.end / NANOSECONDS - bench.START for frame in desk.bus.published if frame.partial]
    assert looks == pytest.approx([0.7, 1.7])
