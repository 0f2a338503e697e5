"""For tests of telemetry: a store in memory, batches with something of everything, and the contract of every store."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np

from akeso.domain.errors import Unavailable
from akeso.domain.telemetry.batches import (
    Change,
    LogBlock,
    MetricBlock,
    SeriesKey,
    SpanBlock,
    SpanKind,
    TelemetryBatch,
    Temporality,
)
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.telemetry_store import TelemetryStore

StoreOf: TypeAlias = Callable[[SeriesTable], TelemetryStore]


def sample_batch(table: SeriesTable, received_at: int = 1, tenant: str = "default") -> TelemetryBatch:
    """A batch with points of two series, logs, spans and a change."""
    keys = (
        SeriesKey(tenant, "cart", "http.server.request.duration", (("route", "/x"),), "s", Temporality.DELTA, "sum"),
        SeriesKey(tenant, "cart", "process.memory.usage", (), "By"),
    )
    series = table.intern_all(keys)[[1, 0, 1]]
    time = np.array([received_at, received_at + 1, received_at + 2], np.int64)
    return TelemetryBatch(
        tenant,
        received_at,
        metrics=MetricBlock(series, time, np.array([0.5, -1.25, 3e300])),
        logs=(sample_logs(received_at),),
        spans=(sample_spans(received_at),),
        changes=(Change("cart", "deploy", "2", datetime(2026, 1, 2, tzinfo=UTC), "ann", labels=(("a", "b"),)),),
    )


def noisy_batch(table: SeriesTable, at: int, points: int) -> TelemetryBatch:
    """Points of one series that no compression makes smaller than 8 bytes each."""
    series = np.full(points, table.intern(SeriesKey("default", "cart", "noise")), np.int32)
    return TelemetryBatch(
        "default", at, MetricBlock(series, np.full(points, at), np.random.default_rng(at).random(points))
    )


def sample_logs(at: int) -> LogBlock:
    """Two records of one service."""
    trace = np.array([2**64 - 1, 0], np.uint64)
    return LogBlock("cart", np.array([at, at + 5]), np.array([9, 17], np.uint8), ("hällo", ""), trace, (("pod", "1"),))


def sample_spans(at: int) -> SpanBlock:
    """A server span and the client span below it."""
    return SpanBlock(
        service="cart",
        operations=("GET /x", "SELECT"),
        peers=("", "db"),
        trace=np.array([at, at], np.uint64),
        span=np.array([1, 2**63], np.uint64),
        parent=np.array([0, 1], np.uint64),
        operation=np.array([0, 1], np.int32),
        peer=np.array([0, 1], np.int32),
        kind=np.array([SpanKind.SERVER, SpanKind.CLIENT], np.uint8),
        start=np.array([at, at + 10], np.int64),
        duration=np.array([100, 50], np.int64),
        error=np.array([False, True]),
        link=np.array([0, 5], np.uint64),
    )


def same_batch(one: TelemetryBatch, its_table: SeriesTable, other: TelemetryBatch, other_table: SeriesTable) -> bool:
    """Whether two batches say the same, though their series have other ids."""
    plain = (one.tenant, one.received_at, one.changes) == (other.tenant, other.received_at, other.changes)
    return (
        plain
        and [its_table[i] for i in one.metrics.series] == [other_table[i] for i in other.metrics.series]
        and np.array_equal(one.metrics.time, other.metrics.time)
        and np.array_equal(one.metrics.value, other.metrics.value, equal_nan=True)
        and _same_blocks(one.logs, other.logs)
        and _same_blocks(one.spans, other.spans)
    )


def _same_blocks(some: Sequence[LogBlock | SpanBlock], others: Sequence[LogBlock | SpanBlock]) -> bool:
    return len(some) == len(others) and all(map(_same_block, some, others))


def _same_block(one: LogBlock | SpanBlock, other: LogBlock | SpanBlock) -> bool:
    names = [field.name for field in fields(one)]
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


class TelemetryStoreContract:
    """What every TelemetryStore keeps. Derive a test class and give it a fixture `store_of` that opens a store over a
    series table; called twice it opens the same store again."""

    async def test_numbers_batches_from_one(self, store_of: StoreOf) -> None:
        table = SeriesTable()
        store = store_of(table)
        assert [await store.append(sample_batch(table, at)) for at in (10, 20, 30)] == [1, 2, 3]
        await store.close()

    async def test_replays_what_was_appended_into_another_table(self, store_of: StoreOf) -> None:
        table, fresh = SeriesTable(), SeriesTable([SeriesKey("other", "x", "y")])
        store = store_of(table)
        sent = [sample_batch(table, at) for at in (10, 20)]
        for batch in sent:
            await store.append(batch)
        replayed = [item async for item in store.replay(fresh)]
        assert [sequence for sequence, _ in replayed] == [1, 2]
        for batch, (_, found) in zip(sent, replayed, strict=True):
            assert same_batch(batch, table, found, fresh)
        await store.close()

    async def test_replays_from_a_time_and_after_a_sequence(self, store_of: StoreOf) -> None:
        table = SeriesTable()
        store = store_of(table)
        for at in (10, 20, 30, 40):
            await store.append(TelemetryBatch("default", at))
        assert [sequence async for sequence, _ in store.replay(table, since=20)] == [2, 3, 4]
        assert [sequence async for sequence, _ in store.replay(table, since=20, after=3)] == [4]
        assert [sequence async for sequence, _ in store.replay(table, since=41)] == []
        await store.close()

    async def test_prunes_by_age_and_never_gives_a_number_again(self, store_of: StoreOf) -> None:
        table = SeriesTable()
        store = store_of(table)
        for at in (10, 20, 30):
            await store.append(TelemetryBatch("default", at))
        assert await store.prune(30) == 2
        assert [sequence async for sequence, _ in store.replay(table)] == [3]
        assert await store.prune(31) == 1
        assert await store.append(TelemetryBatch("default", 40)) == 4
        await store.close()

    async def test_prunes_the_oldest_beyond_a_size(self, store_of: StoreOf) -> None:
        table = SeriesTable()
        store = store_of(table)
        for at in range(1, 401):
            await store.append(noisy_batch(table, at, 2_000))
        assert await store.prune(0, 100 * 2**20) == 0
        pruned = await store.prune(0, 4 * 2**20)
        left = [sequence async for sequence, _ in store.replay(table)]
        assert 50 < len(left) < 399
        assert left == list(range(pruned + 1, 401))
        assert await store.prune(0, 4 * 2**20) == 0
        await store.close()

    async def test_remembers_marks(self, store_of: StoreOf) -> None:
        store = store_of(SeriesTable())
        assert await store.marked("features") == 0
        await store.mark("features", 7)
        await store.mark("features", 9)
        assert (await store.marked("features"), await store.marked("other")) == (9, 0)
        await store.close()

    async def test_refuses_after_it_was_closed(self, store_of: StoreOf) -> None:
        store = store_of(SeriesTable())
        await store.close()
        await store.close()
        try:
            await store.append(TelemetryBatch("default", 1))
        except Unavailable:
            return
        raise AssertionError("a closed store took a batch")
