"""Folds the projections that lists read again from the journal: after a migration, which cannot know what they hold."""

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals import search
from akeso.adapters.journals import tables as t
from akeso.adapters.journals.alert_ledger import write_trace
from akeso.adapters.journals.finding import forget_marks, marks_of, put_marks, words_of
from akeso.adapters.journals.lines import entry_of, lines_of
from akeso.adapters.journals.projections import incident_row
from akeso.domain.incident.alert_trace import AlertTrace
from akeso.domain.incident.evolution import fold


async def refill(connection: AsyncConnection) -> None:
    """Every incident and every alert as the lists of this version show them. Raises JournalCorrupt."""
    for incident in (await connection.execute(select(t.incidents.c.id))).scalars().all():
        await _incident(connection, incident)
    for trace in (await connection.execute(select(t.alerts.c.trace))).scalars().all():
        await write_trace(connection, msgspec.convert(trace, AlertTrace))


async def _incident(connection: AsyncConnection, incident: str) -> None:
    entries = [entry_of(line) for line in await lines_of(connection, incident, 0)]
    state = fold(entries)
    if state is None:
        return
    number = entries[0].sequence
    await incident_row(state, entries[-1].sequence).bring(connection)
    await connection.execute(update(t.incidents).where(t.incidents.c.id == incident).values(number=number))
    await forget_marks(connection, "incident", number)
    await put_marks(connection, "incident", number, marks_of(state))
    await search.put(connection, "incident", number, words_of(state))
