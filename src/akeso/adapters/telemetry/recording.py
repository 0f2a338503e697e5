"""Reading a telemetry database that others may be writing, or that was copied from somewhere."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import structlog

from akeso.adapters.telemetry import codec
from akeso.domain.errors import InvalidInput, Unavailable
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.telemetry_store import Answer_co, Needs, TelemetryQuery

log = structlog.get_logger(__name__)

_Row: TypeAlias = tuple[int, bytes]
_END = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which batches: received in [since, until] (ns), with a sequence above `after`."""

    since: int = 0
    until: int = _END
    after: int = 0


def open_recording(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises InvalidInput when the file is no telemetry database."""
    # A file without its write-ahead log in a folder that cannot be written to opens as one that nobody changes.
    for how in ("mode=ro", "mode=ro&immutable=1"):
        try:
            found = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, check_same_thread=False)
            found.execute("SELECT sequence, received_at, body FROM batches LIMIT 0")
        except sqlite3.Error as error:
            bad = error
        else:
            return found
    raise InvalidInput(str(path), f"is no telemetry database: {bad}") from bad


async def stored_batches(
    reader: sqlite3.Connection, table: SeriesTable, stretch: Stretch, page: int = 64
) -> AsyncIterator[tuple[int, TelemetryBatch]]:
    """Batches with their sequences, oldest first. One that the disk has corrupted is reported and passed over."""
    known = codec.KnownKeys()
    try:
        position = max(stretch.after, await asyncio.to_thread(_before, reader, stretch.since))
        while rows := await asyncio.to_thread(_page, reader, position, stretch, page):
            for sequence, body in rows:
                if (batch := _decoded(sequence, body, table, known)) is not None:
                    yield sequence, batch
            position = rows[-1][0]
    except sqlite3.Error as bad:
        raise Unavailable(f"the telemetry store cannot be read: {bad}") from bad
    finally:
        reader.close()


def answered(reader: sqlite3.Connection, query: TelemetryQuery[Answer_co]) -> Answer_co:
    """What a query makes of all that it needs. Takes as long as that takes: not for an event loop."""
    table, known = SeriesTable(), codec.KnownKeys()
    try:
        for (sequence,) in _needed(reader, query.needs):
            row = reader.execute("SELECT body FROM batches WHERE sequence = ?", (sequence,)).fetchone()
            # What was forgotten meanwhile is no longer there.
            batch = _decoded(sequence, row[0], table, known) if row else None
            if batch is not None:
                query.add(batch, table)
    except sqlite3.Error as bad:
        raise Unavailable(f"the telemetry store cannot be read: {bad}") from bad
    finally:
        reader.close()
    return query.result(table)


def _needed(reader: sqlite3.Connection, needs: Needs) -> list[tuple[int]]:
    chosen = "tenant = ? AND newest > ? AND oldest <= ? AND kinds & ?"
    # Batches of earlier versions do not say what they hold.
    query = f"SELECT sequence FROM batches WHERE {chosen} UNION ALL SELECT sequence FROM batches WHERE tenant IS NULL"
    given = (needs.tenant, needs.since, needs.until, int(needs.kind))
    return sorted(reader.execute(query, given).fetchall())


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


def _page(reader: sqlite3.Connection, position: int, stretch: Stretch, limit: int) -> list[_Row]:
    chosen = "sequence > ? AND received_at >= ? AND received_at <= ?"
    query = f"SELECT sequence, body FROM batches WHERE {chosen} ORDER BY sequence LIMIT ?"
    return reader.execute(query, (position, stretch.since, stretch.until, limit)).fetchall()
