"""Whole histories at once, into a journal that nobody else writes: for measurements and for moving a journal.

The lines and the rows are those that `SqlJournal.append` would have written one after the other.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals import search
from akeso.adapters.journals import tables as t
from akeso.adapters.journals.alert_ledger import key_of, row_values
from akeso.adapters.journals.database import Database
from akeso.adapters.journals.finding import alert_marks, mark_row, marks_of, words_of
from akeso.adapters.journals.projections import rows
from akeso.domain.incident.alert_trace import AlertTrace, Fate, identity
from akeso.domain.incident.events import Entry, Event
from akeso.domain.incident.evolution import evolve
from akeso.domain.incident.incident import Incident
from akeso.engine.alert_record import alert_words
from akeso.engine.codec import GENESIS, chained, encode_event, instant


@dataclass(frozen=True, slots=True)
class History:
    """An incident from its detection on: what happened, who wrote it, when."""

    incident: str
    events: Sequence[tuple[Event, str, datetime]]


@dataclass(slots=True)
class _Batch:
    """Rows by table, the last of each key."""

    dialect: str
    sequence: int
    digest: str
    alerts: int
    written: dict[Table, dict[tuple[Any, ...], dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    words: dict[search.Subject, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def line(self, incident: str, event: Event, actor: str, at: datetime) -> Entry:
        kind, payload = encode_event(event)
        line = (incident, instant(at), actor, kind, payload.decode())
        self.sequence += 1
        previous, self.digest = self.digest, chained(self.digest, (self.sequence, *line))
        named = dict(zip(("incident", "at", "actor", "kind", "payload"), line, strict=True))
        row = {"sequence": self.sequence, "previous_hash": previous, "hash": self.digest, **named}
        self.written[t.journal][self.sequence,] = row
        return Entry(self.sequence, incident, at, actor, event, self.digest)

    def history(self, told: History) -> Incident:
        state: Incident | None = None
        first = self.sequence + 1
        for event, actor, at in told.events:
            entry = self.line(told.incident, event, actor, at)
            state = evolve(state, entry)
            for row in rows(entry, state):
                place, known = tuple(row.key.values()), self.written[row.table]
                # What is fixed is what the first of them said.
                known[place] = {**row.key, **(row.fixed or {}), **known.get(place, {}), **row.values}
        assert state is not None
        self._found("incident", first, set(marks_of(state)), words_of(state))
        return state

    def trace(self, trace: AlertTrace) -> None:
        self.alerts += 1
        key = key_of(identity(trace.alert))
        self.written[t.alerts][tuple(key.values())] = {**key, **row_values(trace), "number": self.alerts}
        self._found("alert", self.alerts, set(alert_marks(trace.alert)), alert_words(trace.alert))

    def _found(
        self, subject: search.Subject, number: int, marks: Iterable[tuple[str, str, str]], words: Sequence[str]
    ) -> None:
        for each in marks:
            self.written[t.marks][subject, number, each] = mark_row(subject, number, each)
        self.words[subject].append(search.row(self.dialect, number, words))


async def write_histories(database: Database, histories: Sequence[History]) -> list[Incident]:
    """In one transaction, each incident after what happened to it. Its alerts, with fingerprints that no other has, are
    written into the alert ledger."""

    async def work(connection: AsyncConnection) -> list[Incident]:
        batch = await _begun(connection, database.dialect)
        found = [batch.history(each) for each in histories]
        for state in found:
            for alert in state.alerts:
                batch.trace(AlertTrace(alert, Fate.OPENED, "", state.id, state.detected_at, state.updated_at))
        await _end(connection, batch)
        return found

    return await database.write(work)


async def _begun(connection: AsyncConnection, dialect: str) -> _Batch:
    head = (await connection.execute(select(t.journal_head.c.sequence, t.journal_head.c.hash))).one_or_none()
    alerts = (await connection.execute(select(t.alerts.c.number).order_by(t.alerts.c.number.desc()).limit(1))).scalar()
    sequence, digest = (head.sequence, head.hash) if head else (0, GENESIS)
    if not head:
        await connection.execute(insert(t.journal_head).values(id=1, sequence=0, hash=GENESIS))
    return _Batch(dialect, sequence, digest, alerts or 0)


async def _end(connection: AsyncConnection, batch: _Batch) -> None:
    for table, found in batch.written.items():
        alike: dict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
        for row in found.values():
            alike[frozenset(row)].append(row)
        for some in alike.values():
            await connection.execute(insert(table), some)
    for subject, words in batch.words.items():
        await connection.execute(search.insertion(batch.dialect, subject), words)
    await connection.execute(update(t.journal_head).values(sequence=batch.sequence, hash=batch.digest))
