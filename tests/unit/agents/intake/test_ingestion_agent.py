import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from akeso.adapters.telemetry.memory import MemoryTelemetryStore
from akeso.agents.intake.ingestion import IngestionAgent, IngestionOptions
from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import Overloaded, Unavailable
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.bus import Subscription, Topic
from akeso.ports.source import Answer, Intake, Rejected
from akeso.testing.telemetry import same_batch, sample_batch

SECOND = 1_000_000_000
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_NS = int(NOON.timestamp()) * SECOND


class StillClock:
    def __init__(self) -> None:
        self.ns = NOON_NS

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.ns / SECOND, UTC)

    def nanoseconds(self) -> int:
        return self.ns

    def monotonic(self) -> float:
        return self.ns / SECOND

    async def sleep(self, duration: timedelta) -> None:
        self.ns += duration // timedelta(microseconds=1) * 1000


class NotingBus:
    """Notes what is published, and how much the store held then."""

    def __init__(self, store: MemoryTelemetryStore, table: SeriesTable) -> None:
        self.published: list[tuple[Topic, str, Any]] = []
        self.stored: list[int] = []
        self.stuck = False
        self._store, self._table = store, table

    async def publish(self, topic: Topic, key: str, payload: Any) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        self.stored.append(len([item async for item in self._store.replay(self._table)]))
        self.published.append((topic, key, payload))

    @asynccontextmanager
    async def _none(self) -> AsyncIterator[Subscription]:
        raise NotImplementedError
        yield

    def subscribe(self, topics: Sequence[Topic], group: str) -> AbstractAsyncContextManager[Subscription]:
        del topics, group
        return self._none()

    async def close(self) -> None: ...


class House:
    """An agent with all it stands on."""

    def __init__(self, store: MemoryTelemetryStore | None = None, publish_queue_bytes: int = 2**20) -> None:
        self.table = SeriesTable()
        self.store = store or MemoryTelemetryStore(self.table)
        self.bus, self.clock = NotingBus(self.store, self.table), StillClock()
        options = IngestionOptions(publish_within=timedelta(milliseconds=20), publish_queue_bytes=publish_queue_bytes)
        self.agent = IngestionAgent(self.store, self.bus, self.clock, self.table, options)

    def intake(self, at: int = NOON_NS, alerts: tuple[Alert, ...] = ()) -> Intake:
        return Intake(sample_batch(self.table, at), Answer(202, b"taken"), alerts)


ALERT = Alert("default", "f1", "test", "cart", "slow", Severity.ERROR, AlertStatus.FIRING, NOON)


async def test_a_batch_is_stored_before_it_is_published_and_then_answered() -> None:
    house = House()
    answer = await house.agent.accept(intake := house.intake(), "shop")
    assert answer is intake.answer
    ((topic, tenant, batch),) = house.bus.published
    assert (topic, tenant, batch.author) == (Topic.RAW_EVENTS, "default", "shop")
    assert batch.metrics is intake.batch.metrics
    assert house.bus.stored == [1]
    assert (house.agent.batches, house.agent.points) == (1, 8)


async def test_alerts_are_published_by_fingerprint_before_the_answer() -> None:
    house = House()
    await house.agent.accept(house.intake(alerts=(ALERT, replace(ALERT, fingerprint="f2"))), "shop")
    assert [(topic, key) for topic, key, _ in house.bus.published[1:]] == [
        (Topic.ALERTS, "f1"),
        (Topic.ALERTS, "f2"),
    ]
    assert house.agent.alerts == 2


async def test_what_was_left_out_is_counted() -> None:
    house = House()
    rejected = (Rejected("[1]", "at", "is none"), Rejected("", "", "and 4 more", 4))
    for _ in range(2):
        await house.agent.accept(replace(house.intake(), rejected=rejected, omitted={"traceId": 3}), "shop")
    assert (house.agent.rejected, house.agent.omitted) == (10, {"traceId": 6})


async def test_an_empty_batch_is_neither_stored_nor_published() -> None:
    house = House()
    await house.agent.accept(Intake(TelemetryBatch("default", NOON_NS), Answer(), (ALERT,)), "shop")
    assert [topic for topic, _, _ in house.bus.published] == [Topic.ALERTS]
    assert [item async for item in house.store.replay(house.table)] == []


@pytest.mark.parametrize("failure", [Overloaded("full", timedelta(seconds=1)), Unavailable("no disk")])
async def test_what_the_store_refuses_is_not_published(failure: Overloaded | Unavailable) -> None:
    house = House()
    house.store.failure = failure
    with pytest.raises(type(failure)):
        await house.agent.accept(house.intake(alerts=(ALERT,)), "shop")
    assert house.bus.published == []
    assert (house.agent.refused, house.agent.batches) == (1, 0)


async def test_a_sender_of_what_is_stored_is_answered_though_subscribers_are_behind() -> None:
    house = House()
    house.bus.stuck = True
    intake = house.intake()
    assert await house.agent.accept(intake, "shop") is intake.answer
    assert (house.agent.refused, house.agent.batches) == (0, 1)


async def test_a_sender_of_an_alert_is_told_to_come_back_when_subscribers_are_behind() -> None:
    house = House()
    house.bus.stuck = True
    with pytest.raises(Overloaded, match="alerts"):
        await house.agent.accept(Intake(TelemetryBatch("default", NOON_NS), Answer(), (ALERT,)), "shop")
    assert house.agent.refused == 1


async def test_who_finds_no_room_behind_the_store_is_refused_before_anything_is_stored() -> None:
    house = House(publish_queue_bytes=3_000)
    house.bus.stuck = True
    answers = [
        await asyncio.gather(house.agent.accept(house.intake(), "shop"), return_exceptions=True) for _ in range(10)
    ]
    refused = [answer for (answer,) in answers if isinstance(answer, Overloaded)]
    assert "wait for the detectors" in str(refused[0])
    assert 0 < len(refused) < 10
    assert len([item async for item in house.store.replay(house.table)]) == 10 - len(refused)


async def test_points_of_series_beyond_the_limit_are_left_out_wherever_they_come_from() -> None:
    house = House()
    house.table.most = 1
    await house.agent.accept(house.intake(), "shop")
    ((_, stored),) = [item async for item in house.store.replay(house.table)]
    assert (len(stored.metrics), len(stored.logs), len(stored.spans)) == (1, 1, 1)


async def test_the_hot_window_is_handed_out_again_after_a_start_a_second_at_a_time() -> None:
    before = House()
    times = [NOON_NS - 700 * SECOND, NOON_NS - 599 * SECOND, NOON_NS - 599 * SECOND + 5, NOON_NS - SECOND]
    for at in times:
        await before.agent.accept(before.intake(at), "shop")
    after = House(before.store)
    await after.agent.start()
    found = [payload for topic, _, payload in after.bus.published if topic is Topic.RAW_EVENTS]
    assert [(batch.received_at, len(batch)) for batch in found] == [(times[2], 16), (times[3], 8)]
    assert same_batch(found[1], after.table, sample_batch(before.table, times[3]), before.table)
    assert after.agent.replayed == 3


async def test_tenants_are_kept_apart_when_the_hot_window_is_handed_out() -> None:
    table = SeriesTable()
    store = MemoryTelemetryStore(table)
    for tenant in ("a", "b", "a"):
        await store.append(sample_batch(table, NOON_NS - SECOND, tenant))
    after = House(store)
    await after.agent.start()
    assert [(key, payload.tenant, len(payload)) for _, key, payload in after.bus.published] == [
        ("a", "a", 16),
        ("b", "b", 8),
    ]


async def test_an_agent_that_is_started_again_repeats_nothing() -> None:
    before = House()
    await before.agent.accept(before.intake(), "shop")
    after = House(before.store)
    await after.agent.start()
    await after.agent.start()
    assert len(after.bus.published) == 1


async def test_what_arrives_before_the_start_is_not_handed_out_twice() -> None:
    house = House()
    await house.agent.accept(house.intake(), "shop")
    await house.agent.start()
    assert len(house.bus.published) == 1


async def test_old_telemetry_is_forgotten_every_ten_seconds() -> None:
    house = House()
    await house.agent.accept(house.intake(NOON_NS - 25 * 3600 * SECOND), "shop")
    await house.agent.accept(house.intake(NOON_NS), "shop")
    await house.agent.tick(house.clock.now())
    assert [sequence async for sequence, _ in house.store.replay(house.table)] == [2]
    house.clock.ns += 25 * 3600 * SECOND
    await house.agent.tick(NOON + timedelta(seconds=9))
    assert house.agent.pruned == 1
    await house.agent.tick(NOON + timedelta(seconds=10))
    assert house.agent.pruned == 2
