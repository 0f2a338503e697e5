"""The telemetry store on SQLite."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import structlog

from akeso.adapters.telemetry import codec
from akeso.adapters.telemetry.writer import Writer, connect
from akeso.domain.errors import InvalidInput, Unavailable
from akeso.domain.series import SeriesTable
from akeso.domain.telemetry import TelemetryBatch

log = structlog.get_logger(__name__)

_Row: TypeAlias = tuple[int, bytes]

_PRUNE_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class SqliteTelemetryOptions:
    """queue_bytes: encoded batches that may wait for the disk; beyond them `append` refuses with retry_after.
    largest_bytes: how large the database may grow (None: as the disk allows); page: batches read at a time."""

    queue_bytes: int = 64 * 2**20
    retry_after: timedelta = timedelta(seconds=1)
    largest_bytes: int | None = None
    page: int = 64


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

    async def append(self, batch: TelemetryBatch) -> int:
        """Durable when it returns; the batch's sequence."""
        body = codec.encode(batch, self._table, self._known)
        return await self._writer.run(lambda connection: _insert(connection, batch.received_at, body), len(body))

    async def replay(
        self, table: SeriesTable, since: int = 0, after: int = 0
    ) -> AsyncIterator[tuple[int, TelemetryBatch]]:
        """Batches from the store, oldest first. One that the disk has corrupted is reported and passed over."""
        reader, known = await asyncio.to_thread(connect, self._path), codec.KnownKeys()
        try:
            position = max(after, await asyncio.to_thread(_before, reader, since))
            while rows := await asyncio.to_thread(_page, reader, position, since, self._options.page):
                for sequence, body in rows:
                    if (batch := _decoded(sequence, body, table, known)) is not None:
                        yield sequence, batch
                position = rows[-1][0]
        except sqlite3.Error as bad:
            raise Unavailable(f"the telemetry store cannot be read: {bad}") from bad
        finally:
            reader.close()

    async def mark(self, name: str, value: int) -> None:
        """Remember a position under a name, durably."""
        await self._writer.run(lambda connection: _mark(connection, name, value))

    async def marked(self, name: str) -> int:
        """The remembered position; 0 if there is none."""
        return await self._writer.run(lambda connection: _marked(connection, name))

    async def prune(self, before: int) -> int:
        """Forget batches received before `before`, in portions, so that appends get their turn; how many."""
        pruned = 0
        while True:
            portion = await self._writer.run(lambda connection: _prune(connection, before))
            pruned += portion
            if portion < _PRUNE_AT_ONCE:
                return pruned

    async def close(self) -> None:
        """Writes what waits, then closes."""
        await self._writer.close()


def _insert(connection: sqlite3.Connection, received_at: int, body: bytes) -> int:
    row = connection.execute("INSERT INTO batches (received_at, body) VALUES (?, ?)", (received_at, body))
    assert row.lastrowid is not None
    return row.lastrowid


def _mark(connection: sqlite3.Connection, name: str, value: int) -> int:
    connection.execute("INSERT OR REPLACE INTO marks (name, value) VALUES (?, ?)", (name, value))
    return value


def _marked(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def _prune(connection: sqlite3.Connection, before: int) -> int:
    chosen = "SELECT sequence FROM batches WHERE received_at < ? LIMIT ?"
    deleted = connection.execute(f"DELETE FROM batches WHERE sequence IN ({chosen})", (before, _PRUNE_AT_ONCE))
    return deleted.rowcount


def _decoded(sequence: int, body: bytes, table: SeriesTable, known: codec.KnownKeys) -> TelemetryBatch | None:
    try:
        return codec.decode(body, table, known)
    except InvalidInput:
        log.exception("telemetry.batch_corrupt", sequence=sequence)
        return None


def _before(reader: sqlite3.Connection, since: int) -> int:
    # Found in the index of arrival times, so that a day of older batches is not walked through.
    row = reader.execute("SELECT min(sequence) - 1 FROM batches WHERE received_at >= ?", (since,)).fetchone()
    return int(row[0]) if row[0] is not None else 0


def _page(reader: sqlite3.Connection, position: int, since: int, limit: int) -> list[_Row]:
    query = "SELECT sequence, body FROM batches WHERE sequence > ? AND received_at >= ? ORDER BY sequence LIMIT ?"
    return reader.execute(query, (position, since, limit)).fetchall()
