"""Journal lines: rows to entries, and the check of the hash chain over them."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals import tables as t
from akeso.domain.errors import InvalidInput, JournalCorrupt
from akeso.domain.incident.events import Entry
from akeso.engine.codec import GENESIS, chained, decode_event

Line = Row[int, str, str, str, str, str, str, str]
_LINES: Select[int, str, str, str, str, str, str, str] = select(
    t.journal.c.sequence,
    t.journal.c.incident,
    t.journal.c.at,
    t.journal.c.actor,
    t.journal.c.kind,
    t.journal.c.payload,
    t.journal.c.previous_hash,
    t.journal.c.hash,
).order_by(t.journal.c.sequence)


def entry_of(line: Line) -> Entry:
    """Raises JournalCorrupt when the line cannot be read."""
    try:
        event = decode_event(line.kind, line.payload.encode("utf-8", "surrogateescape"))
        return Entry(line.sequence, line.incident, datetime.fromisoformat(line.at), line.actor, event, line.hash)
    except (InvalidInput, ValueError, AttributeError) as bad:  # a store that was tampered with may hold any type
        raise JournalCorrupt(line.sequence, f"it cannot be read: {bad}") from bad


async def lines_of(connection: AsyncConnection, incident: str, after: int) -> list[Line]:
    chosen = _LINES.where(t.journal.c.incident == incident, t.journal.c.sequence > after)
    return list((await connection.execute(chosen)).all())


async def lines_of_all(connection: AsyncConnection, incidents: Sequence[str]) -> list[Line]:
    return list((await connection.execute(_LINES.where(t.journal.c.incident.in_(incidents)))).all())


async def lines_after(connection: AsyncConnection, after: int, limit: int) -> list[Line]:
    return list((await connection.execute(_LINES.where(t.journal.c.sequence > after).limit(limit))).all())


async def check_chain(connection: AsyncConnection, batch: int) -> int:
    """The number of lines. Raises JournalCorrupt at the first that does not follow from the one before it."""
    last, previous = 0, GENESIS
    async for line in _all(connection, batch):
        _check(line, last + 1, previous)
        last, previous = line.sequence, line.hash
    head = (await connection.execute(select(t.journal_head.c.sequence, t.journal_head.c.hash))).one_or_none()
    sequence, digest = (head.sequence, head.hash) if head else (0, GENESIS)
    if sequence > last:
        raise JournalCorrupt(last + 1, f"is missing: the journal once reached {sequence}")
    if (sequence, digest) != (last, previous):
        raise JournalCorrupt(last, "is not the line that was written last")
    return last


async def _all(connection: AsyncConnection, batch: int) -> AsyncIterator[Line]:
    last = -(2**62)
    while lines := await lines_after(connection, last, batch):
        for line in lines:
            yield line
        last = lines[-1].sequence


def _check(line: Line, expected: int, previous: str) -> None:
    if line.sequence != expected:
        raise JournalCorrupt(min(expected, line.sequence), f"is missing or foreign: the next line is {line.sequence}")
    if line.previous_hash != previous:
        raise JournalCorrupt(expected, "does not follow from the line before it")
    content = (line.sequence, line.incident, line.at, line.actor, line.kind, line.payload)
    if chained(previous, content) != line.hash:
        raise JournalCorrupt(expected, "was changed: its hash is another")
