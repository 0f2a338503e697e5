"""The alert ledger beside the journal, on SQLite and PostgreSQL."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals.database import Database
from akeso.adapters.journals.projections import clean
from akeso.adapters.journals.tables import alerts
from akeso.domain.detection.anomaly import AlertStatus
from akeso.domain.incident.alert_trace import AlertTrace, Fate, Identity, identity
from akeso.engine.alert_record import place
from akeso.engine.codec import plain_mapping
from akeso.ports.alert_ledger import AlertFilter

_PLACE = (alerts.c.last_at, alerts.c.source, alerts.c.fingerprint)


class SqlAlertLedger:
    """Implements akeso.ports.alert_ledger.AlertLedger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, trace: AlertTrace) -> None:
        mine = [alerts.c[name] == value for name, value in _key(identity(trace.alert)).items()]

        async def work(connection: AsyncConnection) -> None:
            values = _values(trace)
            if (await connection.execute(update(alerts).where(*mine).values(values))).rowcount == 0:
                await connection.execute(insert(alerts).values({**_key(identity(trace.alert)), **values}))

        await self._database.write(work)

    async def find(self, alert: Identity) -> AlertTrace | None:
        mine = [alerts.c[name] == value for name, value in _key(alert).items()]
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
            return [_trace(found) for found in (await connection.execute(_chosen(wanted))).scalars()]


def _chosen(wanted: AlertFilter) -> Select[Any]:
    chosen = select(alerts.c.trace).where(alerts.c.tenant == wanted.tenant)
    given = {"service": wanted.service, "incident": wanted.incident, "fate": wanted.fate.value if wanted.fate else ""}
    chosen = chosen.where(*(alerts.c[name] == value for name, value in given.items() if value))
    if wanted.firing is not None:
        chosen = chosen.where(alerts.c.firing == wanted.firing)
    if wanted.text:
        words = wanted.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        texts = (alerts.c.title, alerts.c.service, alerts.c.fingerprint)
        chosen = chosen.where(or_(*(text.ilike(f"%{words}%", escape="\\") for text in texts)))
    if wanted.before is not None:
        chosen = chosen.where(tuple_(*_PLACE) < wanted.before)
    return chosen.order_by(*(column.desc() for column in _PLACE)).limit(wanted.limit)


def _key(alert: Identity) -> dict[str, str]:
    return dict(zip(("tenant", "source", "fingerprint"), map(clean, alert), strict=True))


def _values(trace: AlertTrace) -> dict[str, Any]:
    alert = trace.alert
    return {
        "service": clean(alert.service),
        "title": clean(alert.title),
        "firing": alert.status is AlertStatus.FIRING,
        "fate": trace.fate.value,
        "incident": trace.incident,
        "last_at": place(trace)[0],
        "trace": msgspec.json.decode(clean(msgspec.json.encode(trace, enc_hook=plain_mapping).decode()).encode()),
    }


def _trace(found: Any) -> AlertTrace:
    return msgspec.convert(found, AlertTrace)
