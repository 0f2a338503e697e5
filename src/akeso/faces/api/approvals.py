"""REST for people who decide: pending approvals, approve, reject, execute, suspend, resume."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from akeso.domain.errors import NotFound
from akeso.domain.estate.access import Caller, Role
from akeso.domain.incident.incident import ActionStatus, Incident
from akeso.faces.api.access import require, require_installation, system_of
from akeso.faces.api.bodies import Approval, Execution, Rejection, Suspension
from akeso.faces.api.views import action_view

router = APIRouter(prefix="/api/v1", tags=["approvals"])
Viewer = Annotated[Caller, Depends(require(Role.VIEWER))]
OwnOperator = Annotated[Caller, Depends(require_installation(Role.OPERATOR))]
Approver = Annotated[Caller, Depends(require(Role.APPROVER))]
OwnAdmin = Annotated[Caller, Depends(require_installation(Role.ADMIN))]

_WAITING = (ActionStatus.ASKED, ActionStatus.PREVIEWED)


@router.get("/approvals/pending")
async def pending_approvals(request: Request, caller: Viewer) -> dict[str, Any]:
    """Actions that wait for a person."""
    incidents = await system_of(request).incident_store.open_incidents()
    waiting = [
        action_view(i, record)
        for i in incidents
        if i.tenant == caller.tenant
        for record in i.actions.values()
        if record.status in _WAITING and record.expires_at and _current(i, record.step.id)
    ]
    return {"approvals": waiting}


@router.post("/approvals/{action_id}/approve")
async def approve_action(request: Request, caller: Approver, action_id: str, body: Approval) -> dict[str, Any]:
    """Say yes. With `dry_run` (the default) the action is only previewed."""
    await _own(request, caller, action_id)
    incident_store = system_of(request).incident_store
    incident = await incident_store.approve(
        action_id, caller.name, caller.role, dry_run=body.only_shown, comment=body.said
    )
    return action_view(incident, incident.actions[action_id])


@router.post("/approvals/{action_id}/reject")
async def reject_action(request: Request, caller: Approver, action_id: str, body: Rejection) -> dict[str, Any]:
    """Say no. The next way of healing is tried, or the incident escalates."""
    await _own(request, caller, action_id)
    incident = await system_of(request).incident_store.reject(action_id, caller.name, caller.role, reason=body.reason)
    return action_view(incident, incident.actions[action_id])


@router.post("/actions/{action_id}/execute", status_code=202)
async def execute_action(
    request: Request, caller: Approver, action_id: str, body: Execution | None = None
) -> dict[str, Any]:
    """Run an action that waits for approval, or was previewed, for real. It still passes the gate."""
    comment = body.comment if body is not None else ""
    await _own(request, caller, action_id)
    incident_store = system_of(request).incident_store
    incident = await incident_store.approve(action_id, caller.name, caller.role, dry_run=False, comment=comment)
    return action_view(incident, incident.actions[action_id])


@router.post("/effects/suspend")
async def suspend_effects(request: Request, caller: OwnOperator, body: Suspension) -> dict[str, Any]:
    """Stop every effect at once, of all tenants: people of the installation's own may."""
    await system_of(request).suspension.suspend(caller.name, body.reason)
    return {"suspended": True}


@router.post("/effects/resume")
async def resume_effects(request: Request, caller: OwnAdmin) -> dict[str, Any]:
    await system_of(request).suspension.resume(caller.name)
    return {"suspended": False}


def _current(incident: Incident, step: str) -> bool:
    option = incident.current_option
    return option is not None and any(s.id == step for s in option.steps)


async def _own(request: Request, caller: Caller, action_id: str) -> None:
    incident = await system_of(request).incident_store.of_step(action_id)
    if incident.tenant != caller.tenant:
        raise NotFound(f"there is no action {action_id}")
