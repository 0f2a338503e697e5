"""Lists of incidents on SQLite and PostgreSQL."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, RowMapping, Select, func, or_, select, tuple_
from sqlalchemy import literal as value_of

from akeso.adapters.journals import search
from akeso.adapters.journals import tables as t
from akeso.adapters.journals.database import Database
from akeso.adapters.journals.finding import Mark, mark
from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import InvalidInput
from akeso.domain.incident.incident import IncidentStatus
from akeso.domain.incident.search_words import search_words
from akeso.ports.incident_list import IncidentFilter, IncidentPlace, IncidentRow, IncidentSort

_I = t.incidents.c
_SHOWN = tuple(_I[name] for name in IncidentRow.__slots__)
_BY: dict[IncidentSort, Column[Any] | None] = {
    IncidentSort.DETECTED: None,  # the number says it already
    IncidentSort.UPDATED: _I.updated_at,
    IncidentSort.ONSET: _I.onset,
    IncidentSort.SEVERITY: _I.severity_rank,
    IncidentSort.SERVICE: _I.service,
}


class SqlIncidentList:
    """Implements akeso.ports.incident_list.IncidentList."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: IncidentFilter) -> Sequence[IncidentRow]:
        chosen = _sorted(select(*_SHOWN).where(*_conditions(wanted, self._database.dialect)), wanted)
        async with self._database.read() as connection:
            return [_row(row) for row in (await connection.execute(chosen)).mappings()]

    async def states(self) -> Mapping[str, int]:
        """How many incidents, of all tenants, stand in each status."""
        chosen = select(_I.status, func.count()).group_by(_I.status)
        async with self._database.read() as connection:
            return {row[0]: row[1] for row in await connection.execute(chosen)}

    async def oldest_open(self) -> datetime | None:
        """When the oldest open incident, of all tenants, was detected."""
        async with self._database.read() as connection:
            found: datetime | None = (
                await connection.execute(select(func.min(_I.detected_at)).where(_I.open))
            ).scalar()
            return found


def marked(subject: search.Subject, number: Column[int], wanted: Mark) -> ColumnElement[bool]:
    """Whether the row with this number carries a mark."""
    kind, name, value = wanted
    m = t.marks.c
    own = select(m.number).where(m.subject == subject, m.kind == kind, m.name == name, m.value == value)
    return number.in_(own)


def _conditions(wanted: IncidentFilter, dialect: str) -> Iterator[ColumnElement[bool]]:
    yield _I.tenant == wanted.tenant
    if wanted.services:
        yield or_(*(marked("incident", _I.number, mark("service", name)) for name in wanted.services))
    yield from _among(wanted)
    if wanted.open is not None:
        yield _I.open == wanted.open
    if wanted.since is not None:
        yield _I.detected_at >= wanted.since
    if wanted.until is not None:
        yield _I.detected_at < wanted.until
    for name, value in wanted.labels:
        yield marked("incident", _I.number, mark("label", name, value))
    if wanted.fingerprint:
        yield marked("incident", _I.number, mark("alert", wanted.fingerprint))
    if wanted.text:
        yield search.found(dialect, "incident", _I.number, search_words([wanted.text]))


def _among(wanted: IncidentFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.kinds:
        yield _I.type.in_(wanted.kinds)
    if wanted.severities:
        yield _I.severity_rank.in_([int(severity) for severity in wanted.severities])
    if wanted.statuses:
        yield _I.status.in_([status.value for status in wanted.statuses])
    if wanted.owners:
        yield or_(_I.owner.in_(wanted.owners), _I.acknowledged_by.in_(wanted.owners))


def _sorted(chosen: Select[*tuple[Any, ...]], wanted: IncidentFilter) -> Select[*tuple[Any, ...]]:
    by = _BY[wanted.sort]
    order: list[Column[Any]] = [_I.number] if by is None else [by, _I.number]
    if wanted.after is not None:
        here = [value_of(wanted.after.number, _I.number.type)]
        if by is not None:
            here = [value_of(_value(wanted.sort, wanted.after), by.type), *here]
        chosen = chosen.where(tuple_(*order) < tuple_(*here) if wanted.descending else tuple_(*order) > tuple_(*here))
    return chosen.order_by(*(c.desc() if wanted.descending else c for c in order)).limit(wanted.limit)


def _value(sort: IncidentSort, place: IncidentPlace) -> Any:
    try:
        match sort:
            case IncidentSort.UPDATED | IncidentSort.ONSET:
                return datetime.fromisoformat(place.value)
            case IncidentSort.SEVERITY:
                return int(Severity[place.value])
    except (ValueError, KeyError) as bad:
        raise InvalidInput("cursor", f"is none of a list sorted by {sort.value}") from bad
    return place.value


def _row(row: RowMapping) -> IncidentRow:
    return IncidentRow(**{**dict(row), "status": IncidentStatus(row["status"])})
