"""REST for alerts: what came, and what became of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from akeso.domain.errors import InvalidInput
from akeso.domain.estate.access import Caller, Role
from akeso.domain.incident.alert_trace import AlertTrace, Fate
from akeso.engine.alert_record import place
from akeso.faces.api.access import require, system_of
from akeso.faces.api.paging import cursor_of, place_of
from akeso.faces.api.views import alert_view
from akeso.ports.alert_ledger import AlertFilter

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])
Viewer = Annotated[Caller, Depends(require(Role.VIEWER))]


class AlertQuestion(BaseModel):
    """Which alerts. q: words in title, service or fingerprint; cursor: `next` of the page before."""

    # A filter that is misspelt would filter nothing.
    model_config = ConfigDict(extra="forbid")

    service: str = ""
    fate: str = ""
    incident: str = ""
    firing: bool | None = None
    q: str = ""
    cursor: str = ""
    limit: int = Field(default=100, ge=1, le=1000)


@router.get("")
async def list_alerts(request: Request, caller: Viewer, asked: Annotated[AlertQuestion, Query()]) -> dict[str, Any]:
    """Alerts that were accepted, the last told first, each with what became of it and why."""
    before = place_of(asked.cursor) if asked.cursor else None
    wanted = AlertFilter(
        caller.tenant, asked.service, _fate(asked.fate), asked.incident, asked.firing, asked.q, before, asked.limit + 1
    )
    found = await system_of(request).ledger.traces(wanted)
    more = cursor_of(place(found[asked.limit - 1])) if len(found) > asked.limit else None
    return {"alerts": [trace_view(trace) for trace in found[: asked.limit]], "next": more}


def trace_view(trace: AlertTrace) -> dict[str, Any]:
    """One alert with what became of it."""
    return {
        **alert_view(trace.alert),
        "fate": trace.fate.value,
        "why": trace.why,
        "incident": trace.incident or None,
        "first_at": trace.first_at.isoformat().replace("+00:00", "Z"),
        "last_at": trace.last_at.isoformat().replace("+00:00", "Z"),
        "times": trace.times,
        "firings": trace.firings,
    }


def _fate(text: str) -> Fate | None:
    if not text:
        return None
    try:
        return Fate(text.lower())
    except ValueError as unknown:
        raise InvalidInput("fate", f"{text} is none of {', '.join(Fate)}") from unknown
