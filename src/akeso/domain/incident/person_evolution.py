"""How people's words change an incident."""

from dataclasses import replace
from datetime import datetime

from akeso.domain.errors import InvalidTransition
from akeso.domain.incident import events as e
from akeso.domain.incident import person_events as p
from akeso.domain.incident.incident import ActionStatus, Attention, Calling, Closing, Comment, Incident, IncidentStatus


def from_people(i: Incident, entry: e.Entry) -> Incident | None:
    """The incident after a person's word; None when the event is none. Raises InvalidTransition."""
    said = _attention(i.attention, entry)
    if said is not None:
        return replace(i, attention=said)
    match entry.event:
        case p.IncidentClosed():
            return _closed(i, entry.event, entry.at)
        case p.IncidentReopened():
            return _reopened(i, entry.at)
        case p.IncidentMerged():
            return _merged(i, entry.event)
        case p.IncidentSplit():
            return _split(i, entry.event)
        case p.RejectionLifted(by, step):
            return _lifted(i, step, by)
    return None


def _attention(known: Attention, entry: e.Entry) -> Attention | None:
    match entry.event:
        case p.IncidentAcknowledged(by, comment):
            said = replace(known, acknowledged_by=by, acknowledged_at=entry.at)
            return _commented(said, entry.at, by, comment) if comment else said
        case p.IncidentAssigned(_, to):
            return replace(known, assignee=to)
        case p.IncidentCommented(by, text):
            return _commented(known, entry.at, by, text)
        case p.IncidentSnoozed(_, until):
            return replace(known, snoozed_until=until if until > entry.at else None)
        case p.PrioritySet(_, priority):
            return replace(known, priority=priority)
        case p.PeopleCalled(chain, step, channels):
            return replace(known, called=(*known.called, Calling(entry.at, chain, step, channels)))
    return None


def _commented(known: Attention, at: datetime, by: str, text: str) -> Attention:
    return replace(known, comments=(*known.comments, Comment(at, by, text)))


def _closed(i: Incident, event: p.IncidentClosed, at: datetime) -> Incident:
    if i.status.over:
        raise InvalidTransition(i.id, f"the incident is {i.status} already")
    closing = Closing(at, event.by, event.reason, event.comment, event.duplicate_of)
    why = f"closed by {event.by}: {event.reason.value.replace('_', ' ')}"
    why += f" of {event.duplicate_of}" if event.duplicate_of else ""
    return replace(
        i, status=IncidentStatus.CLOSED, ended_at=at, handed_over_at=None, memory="",
        why=f"{why} ({event.comment})" if event.comment else why,
        attention=replace(i.attention, closing=closing, snoozed_until=None),
    )  # fmt: skip


def _reopened(i: Incident, at: datetime) -> Incident:
    """It begins again, with what was learned of it; nothing that was planned or approved before counts any more."""
    if not i.status.at_rest:
        raise InvalidTransition(i.id, f"the incident is {i.status} and need not be opened")
    return replace(
        i, status=IncidentStatus.DETECTED, reopened=i.reopened + 1, reopened_at=at, ended_at=None, handed_over_at=None,
        memory="", mttr=None, analysis_due=True, plan=None, plan_due=False, option=0,
        verification=None, watches=(), verify_by=None,
        attention=replace(
            i.attention, closing=None, acknowledged_by="", acknowledged_at=None, snoozed_until=None, called=()
        ),
    )  # fmt: skip


def _merged(i: Incident, event: p.IncidentMerged) -> Incident:
    if i.status.over:
        raise InvalidTransition(i.id, f"the incident is {i.status}: nothing can be merged into it")
    anomalies = {a.id for a in i.anomalies}
    alerts = {(a.source, a.fingerprint) for a in i.alerts}
    return replace(
        i,
        anomalies=(*i.anomalies, *(a for a in event.anomalies if a.id not in anomalies)),
        alerts=(*i.alerts, *(a for a in event.alerts if (a.source, a.fingerprint) not in alerts)),
        severity=max((i.severity, *(a.severity for a in event.alerts))),
        attention=replace(i.attention, merged=(*i.attention.merged, event.source)),
    )


def _split(i: Incident, event: p.IncidentSplit) -> Incident:
    gone = frozenset(event.services)
    anomalies = tuple(a for a in i.anomalies if a.service not in gone)
    alerts = tuple(a for a in i.alerts if a.service not in gone)
    if not anomalies and not alerts:
        raise InvalidTransition(i.id, "nothing would be left of the incident")
    return replace(
        i, anomalies=anomalies, alerts=alerts,
        attention=replace(i.attention, split_into=(*i.attention.split_into, event.into)),
    )  # fmt: skip


def _lifted(i: Incident, step: str, by: str) -> Incident:
    known = i.actions.get(step)
    if known is None or known.status is not ActionStatus.REJECTED:
        raise InvalidTransition(step, "the step was not rejected")
    return replace(i, actions={**i.actions, step: replace(known, lifted_by=by)})
