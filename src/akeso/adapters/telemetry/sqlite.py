"""The telemetry store on SQLite."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias

from akeso.adapters.telemetry import codec
from akeso.adapters.telemetry.recording import Stretch, answered, open_recording, stored_batches
from akeso.adapters.telemetry.reserve import Reserve
from akeso.adapters.telemetry.writer import Writer, connect
from akeso.domain.errors import Unavailable
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.telemetry_store import Answer_co, TelemetryQuery

_Choice: TypeAlias = Callable[[sqlite3.Connection], Iterator[tuple[int, int]]]

_PRUNE_AT_ONCE, _PRUNE_BYTES = 500, 32 * 2**20
_SHRINK_AT_ONCE, _SPARE_PAGES = 512, 4096


@dataclass(frozen=True, slots=True)
class SqliteTelemetryOptions:
    """How much is written and read at a time.

    queue_bytes: bytes of batches, not yet compressed, that wait for the disk; beyond them `append` refuses.
    retry_after: after how long whoever was refused should try again.
    largest_bytes: how large the database may grow; None: as the disk allows.
    page: batches that are read at a time.
    reserve_bytes: kept free on the disk for forgetting; more than the write-ahead log usually takes (4 MiB).
    questions: queries that are worked on at once.
    """

    queue_bytes: int = 64 * 2**20
    retry_after: timedelta = timedelta(seconds=1)
    largest_bytes: int | None = None
    page: int = 64
    reserve_bytes: int = 16 * 2**20
    questions: int = 2


class SqliteTelemetryStore:
    """See akeso.ports.telemetry_store.TelemetryStore. Batches are rows of encoded bytes, in the order of arrival.

    An acknowledged batch survives kill -9 and loss of power: the write-ahead log is synced before `append` returns.
    A disk that is full or broken makes `append` raise Unavailable until it is neither; nothing else is needed.
    The constructor opens the file and raises Unavailable when it cannot.
    """

    def __init__(self, path: Path, table: SeriesTable, options: SqliteTelemetryOptions | None = None) -> None:
        self._path, self._table = path, table
        self._options = options or SqliteTelemetryOptions()
        self._known = codec.KnownKeys()
        own = self._options
        self._writer = Writer(path, own.queue_bytes, own.retry_after, own.largest_bytes)
        self._reserve = Reserve(path.with_name(f"{path.name}.reserve"), own.reserve_bytes)
        self._reserve.fill()
        self._asking = asyncio.Semaphore(own.questions)

    async def append(self, batch: TelemetryBatch) -> int:
        """Durable when it returns; the batch's sequence."""
        plain = codec.packed(batch, self._table, self._known)
        # Compressed on the writer's thread, so that the loop and the compression run side by side.
        return await self._writer.run(partial(_insert, batch=batch, plain=plain), len(plain), batch.tenant)

    async def replay(
        self, table: SeriesTable, since: int = 0, after: int = 0
    ) -> AsyncIterator[tuple[int, TelemetryBatch]]:
        """Batches from the store, oldest first. One that the disk has corrupted is reported and passed over."""
        reader = await asyncio.to_thread(connect, self._path)
        async for found in stored_batches(reader, table, Stretch(since, after=after), self._options.page):
            yield found

    async def ask(self, query: TelemetryQuery[Answer_co]) -> Answer_co:
        """The query's answer, worked out on a thread; a few at a time."""
        async with self._asking:
            reader = await asyncio.to_thread(open_recording, self._path)
            return await asyncio.to_thread(answered, reader, query)

    async def mark(self, name: str, value: int) -> None:
        """Remember a position under a name, durably."""
        await self._writer.run(lambda connection: _mark(connection, name, value))

    async def marked(self, name: str) -> int:
        """The remembered position; 0 if there is none."""
        return await self._writer.run(lambda connection: _marked(connection, name))

    async def prune(self, before: int, most_bytes: int | None = None) -> int:
        """Forget batches received before `before`, then the oldest beyond `most_bytes`; how many.

        In portions, so that appends get their turn. The file gives back what it will not need soon: it holds at most an
        eighth (and 16 MiB) more than its content, besides the write-ahead log of at most 64 MiB.
        """
        try:
            pruned = await self._pruned(before, most_bytes)
        except Unavailable:
            # On a full disk not even a deletion can be written down.
            if not await asyncio.to_thread(self._reserve.spend):
                raise
            pruned = await self._pruned(before, most_bytes)
        while await self._writer.run(_shrink):
            pass
        await asyncio.to_thread(self._reserve.fill)
        return pruned

    async def _pruned(self, before: int, most_bytes: int | None) -> int:
        pruned = 0
        for chosen in (partial(_of_age, before), partial(_of_size, most_bytes)):
            while portion := await self._writer.run(partial(_prune, chosen)):
                pruned += portion
        return pruned

    async def close(self) -> None:
        """Writes what waits, then closes."""
        await self._writer.close()


def _insert(connection: sqlite3.Connection, batch: TelemetryBatch, plain: bytes) -> int:
    oldest, newest = batch.span
    row = connection.execute(
        "INSERT INTO batches (received_at, tenant, oldest, newest, kinds, body) VALUES (?, ?, ?, ?, ?, ?)",
        (batch.received_at, batch.tenant, oldest, newest, int(batch.kinds), codec.sealed(plain)),
    )
    assert row.lastrowid is not None
    return row.lastrowid


def _mark(connection: sqlite3.Connection, name: str, value: int) -> int:
    connection.execute("INSERT OR REPLACE INTO marks (name, value) VALUES (?, ?)", (name, value))
    return value


def _marked(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def _prune(chosen: _Choice, connection: sqlite3.Connection) -> int:
    rows: list[tuple[int]] = []
    size = 0
    for sequence, length in chosen(connection):
        rows.append((sequence,))
        size += length
        if len(rows) == _PRUNE_AT_ONCE or size > _PRUNE_BYTES:
            break
    connection.executemany("DELETE FROM batches WHERE sequence = ?", rows)
    return len(rows)


def _of_age(before: int, connection: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    query = "SELECT sequence, length(body) FROM batches WHERE received_at < ? ORDER BY received_at"
    return iter(connection.execute(query, (before,)).fetchmany(_PRUNE_AT_ONCE))


def _of_size(most_bytes: int | None, connection: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    excess = 0 if most_bytes is None else _pages(connection)[0] * _page_bytes(connection) - most_bytes
    if excess > 0:
        for sequence, length in connection.execute(
            "SELECT sequence, length(body) FROM batches ORDER BY sequence LIMIT ?", (_PRUNE_AT_ONCE,)
        ).fetchall():
            yield sequence, length
            excess -= length
            if excess <= 0:
                return


def _shrink(connection: sqlite3.Connection) -> int:
    """Gives some pages back to the file system; how many. What is kept free saves new batches from growing the file."""
    used, free = _pages(connection)
    spare = free - max(_SPARE_PAGES, used // 8)
    if spare <= 0:
        return 0
    connection.execute(f"PRAGMA incremental_vacuum({min(spare, _SHRINK_AT_ONCE)})").fetchall()
    return free - _pages(connection)[1]


def _pages(connection: sqlite3.Connection) -> tuple[int, int]:
    """Used and free ones."""
    (total,), (free,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count"))
    return total - free, free


def _page_bytes(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_size").fetchone()[0])
