"""REST for people at work on an incident: acknowledge, assign, comment, snooze, close, re-open, merge, split."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from akeso.domain.errors import Conflict
from akeso.domain.estate.access import Caller, Role
from akeso.domain.incident import person_events as p
from akeso.domain.incident.events import Event
from akeso.domain.incident.incident import Incident
from akeso.engine.attention import merge, split
from akeso.faces.api import bodies as b
from akeso.faces.api.access import require, system_of
from akeso.faces.api.incidents import incident_of
from akeso.faces.api.views import incident_view

router = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])
Operator = Annotated[Caller, Depends(require(Role.OPERATOR))]


@router.post("/{incident_id}/acknowledge")
async def acknowledge(request: Request, caller: Operator, incident_id: str, body: b.Acknowledgement) -> dict[str, Any]:
    """Say that you are at it. Akeso goes on; nobody else is called."""
    return await _said(request, caller, incident_id, lambda _: p.IncidentAcknowledged(caller.name, body.comment))


@router.post("/{incident_id}/assign")
async def assign(request: Request, caller: Operator, incident_id: str, body: b.Assignment) -> dict[str, Any]:
    """Give it to somebody; to nobody without `to`."""
    return await _said(request, caller, incident_id, lambda _: p.IncidentAssigned(caller.name, body.to))


@router.post("/{incident_id}/comments", status_code=201)
async def comment(request: Request, caller: Operator, incident_id: str, body: b.NewComment) -> dict[str, Any]:
    """Write something down about it."""
    return await _said(request, caller, incident_id, lambda _: p.IncidentCommented(caller.name, body.text))


@router.post("/{incident_id}/snooze")
async def snooze(request: Request, caller: Operator, incident_id: str, body: b.Snooze) -> dict[str, Any]:
    """Until then nobody is called and Akeso begins nothing new. An instant that has passed ends a snooze."""

    def said(incident: Incident) -> Event:
        _not_over(incident)
        return p.IncidentSnoozed(caller.name, body.until, body.reason)

    return await _said(request, caller, incident_id, said)


@router.post("/{incident_id}/priority")
async def prioritise(request: Request, caller: Operator, incident_id: str, body: b.NewPriority) -> dict[str, Any]:
    """How soon somebody should be at it."""
    return await _said(request, caller, incident_id, lambda _: p.PrioritySet(caller.name, p.Priority(body.priority)))


@router.post("/{incident_id}/close")
async def close(request: Request, caller: Operator, incident_id: str, body: b.Close) -> dict[str, Any]:
    """End it, with the reason. `duplicate_of` names the incident that it was only another sight of."""
    if body.duplicate_of:
        await incident_of(request, caller, body.duplicate_of)

    def said(incident: Incident) -> Event:
        _not_over(incident)
        return p.IncidentClosed(caller.name, p.CloseReason(body.reason), body.comment, body.duplicate_of)

    return await _said(request, caller, incident_id, said)


@router.post("/{incident_id}/reopen")
async def reopen(request: Request, caller: Operator, incident_id: str, body: b.Reason) -> dict[str, Any]:
    """Go on with one that ended, or for which people were called: Akeso looks at it anew."""

    def said(incident: Incident) -> Event:
        if not incident.status.at_rest:
            raise Conflict(f"incident {incident.id} is {incident.status}: Akeso is at it")
        return p.IncidentReopened(caller.name, body.reason)

    return await _said(request, caller, incident_id, said)


@router.post("/{incident_id}/merge")
async def merge_incidents(request: Request, caller: Operator, incident_id: str, body: b.Merge) -> dict[str, Any]:
    """Take another incident into this one. The other is closed as its duplicate."""
    into = await incident_of(request, caller, incident_id)
    source = await incident_of(request, caller, body.source)
    return incident_view(await merge(system_of(request).incident_store, into, source, caller.name))


@router.post("/{incident_id}/split", status_code=201)
async def split_incident(request: Request, caller: Operator, incident_id: str, body: b.Split) -> dict[str, Any]:
    """Make an incident of its own of what is about these services. The answer is the new one."""
    incident = await incident_of(request, caller, incident_id)
    store = system_of(request).incident_store
    return incident_view(await split(store, incident, body.services, caller.name, title=body.title))


async def _said(
    request: Request, caller: Caller, incident_id: str, said: Callable[[Incident], Event]
) -> dict[str, Any]:
    incident = await incident_of(request, caller, incident_id)
    return incident_view(await system_of(request).incident_store.record(incident.id, said(incident), caller.name))


def _not_over(incident: Incident) -> None:
    if incident.status.over:
        raise Conflict(f"incident {incident.id} is {incident.status} already")
