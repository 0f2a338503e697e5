import asyncio
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from akeso.adapters.telemetry.codec import encode
from akeso.adapters.telemetry.sqlite import SqliteTelemetryOptions, SqliteTelemetryStore
from akeso.adapters.telemetry.writer import Writer
from akeso.domain.errors import Overloaded, Unavailable
from akeso.domain.telemetry.batches import Change, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.telemetry import noisy_batch, same_batch, sample_batch


def heavy(at: int) -> TelemetryBatch:
    """About 20 kB that no compression takes away."""
    noise = "".join(chr(33 + (i * i * 7919 + i // 3 * at) % 12_000) for i in range(10_000))
    return TelemetryBatch("default", at, changes=(Change("cart", "deploy", noise, datetime(2026, 1, 1, tzinfo=UTC)),))


async def append_many(store: SqliteTelemetryStore, count: int) -> None:
    """Marks how far it came."""
    for at in range(1, count + 1):
        assert await store.append(heavy(at)) == at
        await store.mark("taken", at)


async def test_everything_is_there_after_closing_and_opening_again(tmp_path: Path) -> None:
    table, fresh = SeriesTable(), SeriesTable()
    first = SqliteTelemetryStore(tmp_path / "deep" / "t.db", table)
    batch = sample_batch(table)
    await first.append(batch)
    await first.mark("features", 1)
    await first.close()
    second = SqliteTelemetryStore(tmp_path / "deep" / "t.db", fresh)
    assert await second.marked("features") == 1
    replayed = [found async for _, found in second.replay(fresh)]
    assert same_batch(batch, table, replayed[0], fresh)
    assert await second.append(sample_batch(fresh)) == 2
    await second.close()


async def test_batches_that_arrive_together_are_numbered_and_stored_each(tmp_path: Path) -> None:
    table = SeriesTable()
    store = SqliteTelemetryStore(tmp_path / "t.db", table)
    batch = sample_batch(table)
    sequences = await asyncio.gather(*(store.append(batch) for _ in range(200)))
    assert sorted(sequences) == list(range(1, 201))
    assert len([item async for item in store.replay(table)]) == 200
    await store.close()


async def test_what_waits_is_written_in_one_transaction(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "t.db", 1000, timedelta(seconds=1))
    onlooker = sqlite3.connect(tmp_path / "t.db", check_same_thread=False)
    go, committed = threading.Event(), list[int]()

    def hold(_: sqlite3.Connection) -> int:
        return int(go.wait(5))

    def write(connection: sqlite3.Connection) -> int:
        committed.append(onlooker.execute("SELECT count(*) FROM marks").fetchone()[0])
        return connection.execute("INSERT INTO marks VALUES (hex(randomblob(8)), 1)").rowcount

    held = asyncio.create_task(writer.run(hold))
    waiting = [asyncio.create_task(writer.run(write)) for _ in range(50)]
    await asyncio.sleep(0.05)
    go.set()
    await asyncio.gather(held, *waiting)
    assert committed == [0] * 50
    assert onlooker.execute("SELECT count(*) FROM marks").fetchone() == (50,)
    onlooker.close()
    await writer.close()


async def test_a_full_queue_refuses_and_says_when_to_come_back(tmp_path: Path) -> None:
    table = SeriesTable()
    options = SqliteTelemetryOptions(queue_bytes=70_000, retry_after=timedelta(seconds=3))
    store = SqliteTelemetryStore(tmp_path / "t.db", table, options)
    blocker = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    accepted = [asyncio.create_task(store.append(heavy(at))) for at in (1, 2)]
    await asyncio.sleep(0.05)
    with pytest.raises(Overloaded) as refused:
        await asyncio.wait_for(asyncio.gather(*(store.append(heavy(at)) for at in range(3, 9))), 2)
    assert refused.value.retry_after == timedelta(seconds=3)
    blocker.execute("ROLLBACK")
    blocker.close()
    await asyncio.gather(*accepted)
    assert await store.append(heavy(99)) > 2
    await store.close()


async def test_a_batch_larger_than_the_queue_is_taken_when_nothing_waits(tmp_path: Path) -> None:
    store = SqliteTelemetryStore(tmp_path / "t.db", SeriesTable(), SqliteTelemetryOptions(queue_bytes=10))
    assert await store.append(heavy(1)) == 1
    await store.close()


async def test_a_full_disk_refuses_and_pruning_makes_room_again(tmp_path: Path) -> None:
    table = SeriesTable()
    store = SqliteTelemetryStore(tmp_path / "t.db", table, SqliteTelemetryOptions(largest_bytes=200_000))
    with pytest.raises(Unavailable, match="full"):
        await append_many(store, 100)
    taken = await store.marked("taken")
    assert 1 < taken < 100
    assert len([item async for item in store.replay(table)]) == taken
    assert await store.prune(taken) == taken - 1
    assert await store.append(heavy(100)) == taken + 1
    assert [sequence async for sequence, _ in store.replay(table)] == [taken, taken + 1]
    await store.close()


async def test_a_corrupt_batch_is_passed_over(tmp_path: Path) -> None:
    table = SeriesTable()
    store = SqliteTelemetryStore(tmp_path / "t.db", table)
    for at in (1, 2, 3):
        await store.append(sample_batch(table, at))
    vandal = sqlite3.connect(tmp_path / "t.db")
    vandal.execute("UPDATE batches SET body = x'01020304' WHERE sequence = 2")
    vandal.commit()
    vandal.close()
    assert [sequence async for sequence, _ in store.replay(table)] == [1, 3]
    await store.close()


async def test_a_place_that_cannot_hold_a_database_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable):
        SqliteTelemetryStore(tmp_path / "file" / "t.db", SeriesTable())
    (tmp_path / "no.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(Unavailable):
        SqliteTelemetryStore(tmp_path / "no.db", SeriesTable())


async def test_closing_writes_what_still_waits(tmp_path: Path) -> None:
    table = SeriesTable()
    store = SqliteTelemetryStore(tmp_path / "t.db", table)
    waiting = [asyncio.create_task(store.append(sample_batch(table, at))) for at in range(1, 30)]
    await asyncio.sleep(0)
    await store.close()
    assert sorted(await asyncio.gather(*waiting)) == list(range(1, 30))


async def test_a_caller_that_gave_up_does_not_disturb_the_others(tmp_path: Path) -> None:
    table = SeriesTable()
    store = SqliteTelemetryStore(tmp_path / "t.db", table)
    gone = asyncio.create_task(store.append(sample_batch(table)))
    await asyncio.sleep(0)
    gone.cancel()
    assert await store.append(sample_batch(table)) == 2
    await store.close()


async def test_the_writer_outlives_work_that_it_cannot_do(tmp_path: Path) -> None:
    table = SeriesTable()
    store = SqliteTelemetryStore(tmp_path / "t.db", table)
    with pytest.raises(Unavailable):
        await store.mark("far", 2**80)
    assert await store.append(sample_batch(table)) == 1
    await store.close()


async def test_the_file_gives_back_what_was_forgotten(tmp_path: Path) -> None:
    table = SeriesTable()
    store = SqliteTelemetryStore(tmp_path / "t.db", table, SqliteTelemetryOptions(reserve_bytes=0))
    for at in range(1, 301):
        await store.append(noisy_batch(table, at, 16_000))
    await store.prune(300)
    await store.close()
    assert (tmp_path / "t.db").stat().st_size < 17.5 * 2**20
    reader = sqlite3.connect(tmp_path / "t.db")
    assert reader.execute("SELECT count(*) FROM batches").fetchone() == (1,)
    assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    reader.close()


async def test_a_file_of_an_earlier_version_is_read_and_learns_to_shrink(tmp_path: Path) -> None:
    table = SeriesTable()
    old = sqlite3.connect(tmp_path / "t.db")
    old.executescript(
        "CREATE TABLE batches (sequence INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL,"
        "body BLOB NOT NULL); CREATE INDEX batches_received_at ON batches (received_at);"
    )
    batch = sample_batch(table)
    old.execute("INSERT INTO batches (received_at, body) VALUES (1, ?)", (encode(batch, table),))
    old.commit()
    old.close()
    store = SqliteTelemetryStore(tmp_path / "t.db", table)
    assert await store.append(sample_batch(table, 2)) == 2
    ((_, first), _) = [item async for item in store.replay(table)]
    assert same_batch(first, table, batch, table)
    await store.close()
    reader = sqlite3.connect(tmp_path / "t.db")
    assert reader.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    assert reader.execute("SELECT tenant, kinds FROM batches").fetchall() == [(None, None), ("default", 15)]
    reader.close()


async def test_one_tenant_s_queue_leaves_room_for_another(tmp_path: Path) -> None:
    table = SeriesTable()
    store = SqliteTelemetryStore(tmp_path / "t.db", table, SqliteTelemetryOptions(queue_bytes=50_000))
    blocker = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    flood = [asyncio.create_task(store.append(heavy(at))) for at in range(1, 9)]
    await asyncio.sleep(0.05)
    assert sum(task.done() for task in flood) > 0
    trickle = asyncio.create_task(store.append(sample_batch(table, tenant="quiet")))
    await asyncio.sleep(0.05)
    assert not trickle.done()
    blocker.execute("ROLLBACK")
    blocker.close()
    assert await trickle > 0
    await asyncio.gather(*flood, return_exceptions=True)
    await store.close()
