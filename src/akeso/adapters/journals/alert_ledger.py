"""The alert ledger beside the journal, on SQLite and PostgreSQL."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, func, insert, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals import search
from akeso.adapters.journals.database import Database
from akeso.adapters.journals.finding import alert_marks, forget_marks, mark, put_marks
from akeso.adapters.journals.incident_list import marked
from akeso.adapters.journals.tables import alerts
from akeso.adapters.journals.wording import clean
from akeso.domain.detection.anomaly import AlertStatus
from akeso.domain.incident.alert_trace import AlertTrace, Fate, Identity, identity
from akeso.domain.incident.search_words import search_words
from akeso.domain.telemetry.batches import Attributes
from akeso.engine.alert_record import alert_words, instant_place, severity_place
from akeso.engine.codec import plain_mapping
from akeso.ports.alert_ledger import AlertFilter, AlertSort

_A = alerts.c
_BY = {AlertSort.LAST: _A.last_at, AlertSort.FIRST: _A.first_at, AlertSort.SEVERITY: _A.severity}


class SqlAlertLedger:
    """Implements akeso.ports.alert_ledger.AlertLedger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, trace: AlertTrace) -> None:
        await self._database.write(lambda connection: write_trace(connection, trace))

    async def find(self, alert: Identity) -> AlertTrace | None:
        mine = [alerts.c[name] == value for name, value in key_of(alert).items()]
        async with self._database.read() as connection:
            found = (await connection.execute(select(alerts.c.trace).where(*mine))).scalar()
        return None if found is None else _trace(found)

    async def waiting(self) -> Sequence[AlertTrace]:
        held = [fate.value for fate in Fate if fate.waits]
        chosen = select(alerts.c.trace).where(alerts.c.fate.in_(held)).order_by(alerts.c.last_at)
        async with self._database.read() as connection:
            return [_trace(found) for found in (await connection.execute(chosen)).scalars()]

    async def traces(self, wanted: AlertFilter) -> Sequence[AlertTrace]:
        async with self._database.read() as connection:
            chosen = _chosen(wanted, self._database.dialect)
            return [_trace(found) for found in (await connection.execute(chosen)).scalars()]

    async def fates(self) -> Mapping[str, int]:
        """How many alerts, of all tenants, stand at each fate."""
        async with self._database.read() as connection:
            chosen = select(_A.fate, func.count()).group_by(_A.fate)
            return {row[0]: row[1] for row in await connection.execute(chosen)}


async def write_trace(connection: AsyncConnection, trace: AlertTrace) -> None:
    """A line as it is now, with all that it can be found by. Writers take turns."""
    key = key_of(identity(trace.alert))
    mine = [alerts.c[name] == value for name, value in key.items()]
    known = (await connection.execute(select(_A.number, _A.trace).where(*mine))).one_or_none()
    number = known.number if known is not None else 0
    if not number:  # a line that older versions wrote has none
        number = ((await connection.execute(select(func.max(_A.number)))).scalar() or 0) + 1
    values = {**row_values(trace), "number": number}
    if known is None:
        await connection.execute(insert(alerts).values({**key, **values}))
    else:
        await connection.execute(update(alerts).where(*mine).values(values))
    # Alerts are sent again and again; what they are found by seldom changes.
    if known is None or not known.number or _findable(_trace(known.trace)) != _findable(trace):
        await forget_marks(connection, "alert", number)
        await put_marks(connection, "alert", number, alert_marks(trace.alert))
        await search.put(connection, "alert", number, alert_words(trace.alert))


def _findable(trace: AlertTrace) -> tuple[str, str, Attributes]:
    return clean(trace.alert.service), clean(trace.alert.title), trace.alert.labels


def _chosen(wanted: AlertFilter, dialect: str) -> Select[Any]:
    chosen = select(_A.trace).where(*_conditions(wanted, dialect))
    order = (_BY[wanted.sort], _A.source, _A.fingerprint)
    if wanted.after is not None:
        here = tuple_(*(literal(part) for part in wanted.after))
        chosen = chosen.where(tuple_(*order) < here if wanted.descending else tuple_(*order) > here)
    return chosen.order_by(*(c.desc() if wanted.descending else c for c in order)).limit(wanted.limit)


def _conditions(wanted: AlertFilter, dialect: str) -> Iterator[ColumnElement[bool]]:
    given = {
        "tenant": wanted.tenant, "service": wanted.service, "source": wanted.source, "incident": wanted.incident,
        "fingerprint": wanted.fingerprint, "fate": wanted.fate.value if wanted.fate else "",
    }  # fmt: skip
    yield from (alerts.c[name] == value for name, value in given.items() if value)
    if wanted.severities:
        yield _A.severity.in_([severity_place(severity) for severity in wanted.severities])
    if wanted.firing is not None:
        yield _A.firing == wanted.firing
    if wanted.since is not None:
        yield _A.last_at >= instant_place(wanted.since)
    if wanted.until is not None:
        yield _A.last_at < instant_place(wanted.until)
    yield from (marked("alert", _A.number, mark("label", name, value)) for name, value in wanted.labels)
    if wanted.text:
        yield search.found(dialect, "alert", _A.number, search_words([wanted.text]))


def key_of(alert: Identity) -> dict[str, str]:
    """The columns by which an alert is known again."""
    return dict(zip(("tenant", "source", "fingerprint"), map(clean, alert), strict=True))


def row_values(trace: AlertTrace) -> dict[str, Any]:
    """The columns of a line but its key and its number."""
    alert = trace.alert
    return {
        "service": clean(alert.service),
        "title": clean(alert.title),
        "firing": alert.status is AlertStatus.FIRING,
        "fate": trace.fate.value,
        "incident": trace.incident,
        "severity": severity_place(alert.severity),
        "first_at": instant_place(trace.first_at),
        "last_at": instant_place(trace.last_at),
        "trace": msgspec.json.decode(clean(msgspec.json.encode(trace, enc_hook=plain_mapping).decode()).encode()),
    }


def _trace(found: Any) -> AlertTrace:
    return msgspec.convert(found, AlertTrace)
