"""REST for incidents: list, show, create, analyze, time-line, feedback."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import NotFound
from akeso.domain.estate.access import Caller, Role
from akeso.domain.incident.events import FeedbackGiven, IncidentDetected
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.person_events import IncidentCommented
from akeso.faces.api.access import require, system_of
from akeso.faces.api.bodies import Feedback, NewIncident
from akeso.faces.api.queries.incident_question import IncidentQuestion, next_page, wanted_incidents
from akeso.faces.api.views import entry_view, incident_view, row_view

router = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])
Viewer = Annotated[Caller, Depends(require(Role.VIEWER))]
Operator = Annotated[Caller, Depends(require(Role.OPERATOR))]


@router.get("")
async def list_incidents(
    request: Request, caller: Viewer, asked: Annotated[IncidentQuestion, Query()]
) -> dict[str, Any]:
    """Incidents, the newest first unless `sort` says otherwise; `next` is the cursor of the page that follows."""
    system = system_of(request)
    wanted = wanted_incidents(asked, caller.tenant)
    rows = await system.incident_list.page(wanted)
    page = rows[: asked.limit]
    if asked.view == "summary":
        shown = [row_view(row) for row in page]
    else:
        shown = [incident_view(i) for i in await system.incident_store.read([row.id for row in page])]
    return {"incidents": shown, "next": next_page(asked, rows)}


@router.get("/{incident_id}")
async def show_incident(request: Request, caller: Viewer, incident_id: str) -> dict[str, Any]:
    """One incident. Deprecated, for one release: `next_looks`, now `suggested_checks`."""
    return incident_view(await incident_of(request, caller, incident_id))


@router.get("/{incident_id}/timeline")
async def show_timeline(request: Request, caller: Viewer, incident_id: str) -> dict[str, Any]:
    """Every journal event of one incident, oldest first."""
    await incident_of(request, caller, incident_id)
    entries = await system_of(request).journal.entries(incident_id)
    return {"entries": [entry_view(entry) for entry in entries]}


@router.post("", status_code=201)
async def create_incident(request: Request, caller: Operator, body: NewIncident) -> dict[str, Any]:
    """Open an incident by hand. Akeso works on it like on any other; description and metrics_snapshot become its first
    comments."""
    system = system_of(request)
    event = IncidentDetected(
        tenant=caller.tenant,
        service=body.where,
        title=body.title,
        severity=Severity[body.how_bad.upper()],
        onset=body.onset or system.clock.now(),
    )
    incident = await system.incident_store.open(event, caller.name)
    for text in body.remarks:
        said = IncidentCommented(caller.name, text)
        incident = await system.incident_store.record(incident.id, said, caller.name)
    return incident_view(incident)


@router.post("/{incident_id}/analyze", status_code=202)
async def analyze_incident(request: Request, caller: Operator, incident_id: str) -> dict[str, Any]:
    """Ask for a (new) diagnosis and plan. The answer comes at once; the result appears in the incident."""
    incident = await incident_of(request, caller, incident_id)
    await system_of(request).healing.analyze(incident.id, caller.name)
    return {"id": incident.id, "status": "accepted"}


@router.post("/{incident_id}/feedback", status_code=202)
async def give_feedback(request: Request, caller: Operator, incident_id: str, body: Feedback) -> dict[str, Any]:
    incident = await incident_of(request, caller, incident_id)
    event = FeedbackGiven(caller.name, body.helpful, body.service, body.fault_class, body.comment)
    await system_of(request).incident_store.record(incident.id, event, caller.name)
    return {"id": incident.id, "status": "accepted"}


async def incident_of(request: Request, caller: Caller, incident_id: str) -> Incident:
    """The caller's incident; another tenant's does not exist for it."""
    incident = await system_of(request).incident_store.get(incident_id)
    if incident.tenant != caller.tenant:
        raise NotFound(f"there is no incident {incident_id}")
    return incident
