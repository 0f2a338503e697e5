"""What incidents can be found by: marks for exact filters, words for full-text search."""

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals import search
from akeso.adapters.journals import tables as t
from akeso.adapters.journals.wording import clean
from akeso.domain.detection.anomaly import Alert, Anomaly
from akeso.domain.incident import events as e
from akeso.domain.incident import person_events as p
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.search_words import search_words

# Kind ("service", "alert" or "label"), name and value.
Mark: TypeAlias = tuple[str, str, str]
_LONGEST = 200  # of a name or a value: an index of PostgreSQL takes no long ones

# Events after which the words of an incident may be others.
_SPEAKING = (
    e.IncidentDetected, e.AnomaliesAttached, e.AlertAttached, e.AlertFiredAgain, e.DiagnosisMade, e.IncidentResolved,
    e.IncidentEscalated, e.IncidentFailed, e.IncidentSuppressed, p.IncidentAcknowledged, p.IncidentAssigned,
    p.IncidentCommented, p.IncidentClosed, p.IncidentMerged, p.IncidentSplit,
)  # fmt: skip


async def make_findable(connection: AsyncConnection, event: e.Event, state: Incident) -> None:
    """Bring marks and words of an incident, whose row is written already, to `state`, the one after `event`."""
    if not isinstance(event, _SPEAKING):
        return
    own = select(t.incidents.c.number).where(t.incidents.c.id == state.id)
    number = (await connection.execute(own)).scalar_one()
    known = set(marks_of(state)) if isinstance(event, p.IncidentSplit) else set(_told(event, state))
    if isinstance(event, p.IncidentSplit):
        await forget_marks(connection, "incident", number)
    await put_marks(connection, "incident", number, known)
    await search.put(connection, "incident", number, words_of(state))


def mark(kind: Literal["service", "alert", "label"], name: str, value: str = "") -> Mark:
    """As it is stored, and asked for."""
    return kind, clean(name)[:_LONGEST], clean(value)[:_LONGEST]


def marks_of(state: Incident) -> Iterator[Mark]:
    """Everything that an incident is marked with."""
    yield mark("service", state.service)
    yield from _of_anomalies(state.anomalies)
    for alert in state.alerts:
        yield from alert_marks(alert)


def words_of(state: Incident) -> tuple[str, ...]:
    """What an incident can be found by in full-text search; what names it comes first, because long ones are cut."""
    best = state.diagnosis.best if state.diagnosis else None
    named = (state.id, state.title, state.symptom, *sorted(state.services), best.fault_class if best else "")
    said = (state.attention.assignee, state.attention.acknowledged_by, *(c.text for c in state.attention.comments))
    alerts = [text for a in state.alerts for text in (a.fingerprint, a.title, *(value for _, value in a.labels))]
    return search_words((*named, *said, state.why, *alerts))


def alert_marks(alert: Alert) -> Iterator[Mark]:
    """What an alert marks itself, and the incident it belongs to, with."""
    yield mark("service", alert.service)
    yield mark("alert", alert.fingerprint)
    for name, value in alert.labels:
        yield mark("label", name, value)


async def put_marks(connection: AsyncConnection, subject: search.Subject, number: int, marks: Iterable[Mark]) -> None:
    """Adds those that are not there yet."""
    wanted = set(marks)
    if not wanted:
        return
    m = t.marks.c
    own = select(m.kind, m.name, m.value).where(m.subject == subject, m.number == number)
    there = {(kind, name, value) for kind, name, value in await connection.execute(own)}
    fresh = [mark_row(subject, number, mark) for mark in sorted(wanted - there)]
    if fresh:
        await connection.execute(insert(t.marks), fresh)


async def forget_marks(connection: AsyncConnection, subject: search.Subject, number: int) -> None:
    await connection.execute(delete(t.marks).where(t.marks.c.subject == subject, t.marks.c.number == number))


def mark_row(subject: search.Subject, number: int, mark: Mark) -> dict[str, str | int]:
    kind, name, value = mark
    return {"subject": subject, "number": number, "kind": kind, "name": name, "value": value}


def _told(event: e.Event, state: Incident) -> Iterator[Mark]:
    """What an event may have added, so that a storm of alerts does not write all of them with each."""
    match event:
        case e.AlertAttached(alert) | e.AlertFiredAgain(alert):
            yield from alert_marks(alert)
        case e.AnomaliesAttached(anomalies):
            yield from _of_anomalies(anomalies)
        case e.DiagnosisMade():
            yield mark("service", state.service)
        case e.IncidentDetected() | p.IncidentMerged():
            yield from marks_of(state)


def _of_anomalies(anomalies: Iterable[Anomaly]) -> Iterator[Mark]:
    return (mark("service", a.service) for a in anomalies)
