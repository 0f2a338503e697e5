"""The journal on SQLite and PostgreSQL, with one set of statements."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals import leasing, lines, queries
from akeso.adapters.journals import tables as t
from akeso.adapters.journals.database import Database, DatabaseOptions
from akeso.adapters.journals.projections import configured, project
from akeso.adapters.journals.schema import prepare
from akeso.domain.errors import Conflict
from akeso.domain.incident.events import Entry
from akeso.domain.messages import ConfigUpdate
from akeso.engine.codec import GENESIS, chained, encode_event, instant
from akeso.ports.journal import Draft, Lease


@dataclass(frozen=True, slots=True)
class JournalOptions:
    """How the journal is read.

    batch: lines that are read at once when the whole journal is gone through.
    database: how the database is waited for.
    """

    batch: int = 1000
    database: DatabaseOptions = field(default_factory=DatabaseOptions)


class SqlJournal:
    """Implements akeso.ports.journal.Journal; `database` may be shared with whatever else stores rows there."""

    def __init__(self, database: Database, options: JournalOptions | None = None) -> None:
        self.database = database
        self._batch = (options or JournalOptions()).batch

    @classmethod
    async def open(cls, url: str, options: JournalOptions | None = None) -> Self:
        """url: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://…`. Creates or migrates the tables. Raises
        InvalidSettings for an address that is none, Unavailable when the database does not answer."""
        options = options or JournalOptions()
        database = Database(url, options.database)
        try:
            await prepare(database)
        except BaseException:
            await database.close()
            raise
        return cls(database, options)

    async def append(self, draft: Draft) -> Entry:
        kind, payload = encode_event(draft.event)
        line = (draft.incident, instant(draft.at), draft.actor, kind, payload.decode())

        async def work(connection: AsyncConnection) -> Entry:
            await _check(connection, draft)
            sequence, digest = await _write(connection, line)
            entry = Entry(sequence, draft.incident, draft.at, draft.actor, draft.event, digest)
            await project(connection, entry, draft.state)
            return entry

        return await self.database.write(work)

    async def entries(self, incident: str, after: int = 0) -> Sequence[Entry]:
        async with self.database.read() as connection:
            return [lines.entry_of(line) for line in await lines.lines_of(connection, incident, after)]

    async def histories(self, incidents: Sequence[str]) -> Mapping[str, Sequence[Entry]]:
        found: dict[str, list[Entry]] = {}
        if incidents:
            async with self.database.read() as connection:
                for line in await lines.lines_of_all(connection, incidents):
                    found.setdefault(line.incident, []).append(lines.entry_of(line))
        return found

    async def all_entries(self, after: int = 0) -> AsyncIterator[Entry]:
        while True:
            async with self.database.read() as connection:
                found = await lines.lines_after(connection, after, self._batch)
            # The connection goes back before the reader, who may be slow, gets anything.
            for line in found:
                yield lines.entry_of(line)
            if len(found) < self._batch:
                return
            after = found[-1].sequence

    async def open_incidents(self) -> Sequence[str]:
        chosen = select(t.incidents.c.id).where(t.incidents.c.open)
        async with self.database.read() as connection:
            found = await connection.execute(chosen.order_by(t.incidents.c.detected_at, t.incidents.c.sequence))
            return list(found.scalars())

    async def recent_incidents(self, since: datetime | None = None, limit: int = 200) -> Sequence[str]:
        i = t.incidents.c
        chosen = select(i.id).order_by(i.detected_at.desc(), i.sequence.desc()).limit(limit)
        async with self.database.read() as connection:
            found = await connection.execute(chosen if since is None else chosen.where(i.detected_at >= since))
            return list(found.scalars())

    async def acted_upon(self, effects_since: datetime, rejections_since: datetime) -> Sequence[str]:
        async with self.database.read() as connection:
            found = await connection.execute(queries.acted_upon(effects_since, rejections_since))
            return list(found.scalars())

    async def acquire(self, incident: str, owner: str, duration: timedelta, at: datetime) -> Lease:
        return await self.database.write(lambda c: leasing.take(c, incident, owner, duration, at))

    async def release(self, lease: Lease) -> None:
        await self.database.write(lambda c: leasing.give_back(c, lease))

    async def verify(self) -> int:
        async with self.database.read() as connection:
            return await lines.check_chain(connection, self._batch)

    async def close(self) -> None:
        await self.database.close()

    async def pending_approvals(self, at: datetime) -> Sequence[queries.PendingApproval]:
        """Steps that wait for a person at `at`, those that expire first before the others."""
        async with self.database.read() as connection:
            found = await connection.execute(queries.pending_approvals(at))
            return [queries.PendingApproval(i, s, v, p, tuple(w), r, x) for i, s, v, p, w, r, x in found]

    async def audit(self, limit: int = 200, after: int = 0) -> Sequence[queries.AuditLine]:
        """Who did what, in the order of the journal, from the line after `after` on."""
        async with self.database.read() as connection:
            return [queries.AuditLine(*row) for row in await connection.execute(queries.audit(limit, after))]

    async def mttr(self, since: datetime | None = None, tenant: str | None = None) -> queries.Mttr:
        """Statistics of the time to repair, over incidents resolved on their own or by an action."""
        async with self.database.read() as connection:
            found = (await connection.execute(queries.repair_times(since, tenant))).scalars()
            return queries.summary([seconds for seconds in found if seconds is not None])

    async def statuses(self, tenant: str) -> dict[str, int]:
        """How many incidents of a tenant stand in each status."""
        async with self.database.read() as connection:
            return {row[0]: row[1] for row in await connection.execute(queries.statuses(tenant))}

    async def judged(self, tenant: str) -> Sequence[str]:
        """Ids of a tenant's incidents that people gave their word on, the oldest word first."""
        async with self.database.read() as connection:
            return list((await connection.execute(queries.judged(tenant))).scalars())

    async def outcomes(self, tenant: str) -> Sequence[queries.OutcomeCount]:
        """What each action came to against each class of fault, as far as incidents were remembered."""
        async with self.database.read() as connection:
            return [queries.OutcomeCount(*row) for row in await connection.execute(queries.outcomes(tenant))]

    async def record_config(self, update: ConfigUpdate) -> None:
        """A line of the configuration's history."""
        row = configured(update.name, update.value, update.at, update.by, update.reason)
        await self.database.write(row.bring)


async def _check(connection: AsyncConnection, draft: Draft) -> None:
    if draft.lease is not None:
        await leasing.check(connection, draft.lease)
    newest = select(func.max(t.journal.c.sequence)).where(t.journal.c.incident == draft.incident)
    found = (await connection.execute(newest)).scalar() or 0
    if found != draft.expected:
        raise Conflict(f"{draft.incident or 'the system'} is at line {found}, not {draft.expected}")


async def _write(connection: AsyncConnection, line: tuple[str, str, str, str, str]) -> tuple[int, str]:
    head = (await connection.execute(select(t.journal_head.c.sequence, t.journal_head.c.hash))).one_or_none()
    last, previous = (head.sequence, head.hash) if head else (0, GENESIS)
    sequence = last + 1
    digest = chained(previous, (sequence, *line))
    written = dict(zip(("incident", "at", "actor", "kind", "payload"), line, strict=True))
    await connection.execute(
        insert(t.journal).values(sequence=sequence, previous_hash=previous, hash=digest, **written)
    )
    change = update(t.journal_head) if head else insert(t.journal_head).values(id=1)
    await connection.execute(change.values(sequence=sequence, hash=digest))
    return sequence, digest
