"""What people make of incidents where more than one is concerned: merging and splitting."""

from collections.abc import Sequence

from akeso.domain.errors import Conflict, InvalidInput
from akeso.domain.incident.events import IncidentDetected
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.person_events import CloseReason, IncidentClosed, IncidentMerged, IncidentSplit
from akeso.engine.incident_store import IncidentStore


async def merge(store: IncidentStore, into: Incident, source: Incident, by: str) -> Incident:
    """All that `source` was about belongs to `into`; it is closed as its duplicate. Interrupted and asked for again it
    comes to the same. Raises Conflict when one of them is over or they are one."""
    if into.id == source.id:
        raise Conflict(f"{into.id} cannot be merged into itself")
    for incident in (into, source):
        if incident.status.over:
            raise Conflict(f"incident {incident.id} is {incident.status}: open it again first")
    merged = into
    if source.id not in into.attention.merged:
        merged = await store.record(into.id, IncidentMerged(by, source.id, source.anomalies, source.alerts), by)
    await store.record(source.id, IncidentClosed(by, CloseReason.DUPLICATE, duplicate_of=into.id), by)
    return merged


async def split(
    store: IncidentStore, incident: Incident, services: Sequence[str], by: str, title: str = ""
) -> Incident:
    """What is about `services` becomes an incident of its own, which is returned. Raises Conflict when it is over,
    InvalidInput when nothing would go or nothing would stay."""
    if incident.status.over:
        raise Conflict(f"incident {incident.id} is {incident.status}: open it again first")
    gone = frozenset(services)
    anomalies = tuple(a for a in incident.anomalies if a.service in gone)
    alerts = tuple(a for a in incident.alerts if a.service in gone)
    told = len(anomalies) + len(alerts)
    if told == 0:
        raise InvalidInput("services", f"nothing in incident {incident.id} is about {', '.join(services) or 'them'}")
    if told == len(incident.anomalies) + len(incident.alerts):
        raise InvalidInput("services", f"nothing would be left of incident {incident.id}")
    onsets = [*(a.onset for a in anomalies), *(a.starts_at for a in alerts)]
    service = alerts[0].service if alerts else anomalies[0].service
    detected = IncidentDetected(
        tenant=incident.tenant,
        service=service,
        title=title or f"{service}, split off {incident.id}: {incident.title}",
        severity=max((a.severity for a in alerts), default=incident.severity),
        onset=min(onsets),
        anomalies=anomalies,
        alerts=alerts,
    )
    made = await store.open(detected, by)
    await store.record(incident.id, IncidentSplit(by, made.id, tuple(sorted(gone))), by)
    return made
