"""REST for alerts: what came, and what became of it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from akeso.domain.estate.access import Caller, Role
from akeso.domain.incident.alert_trace import AlertTrace, Fate
from akeso.engine.alert_record import place
from akeso.faces.api.access import require, system_of
from akeso.faces.api.queries.paging import cursor_of, place_of
from akeso.faces.api.queries.parameters import SEVERITIES, labels_of, named, one_of, sorted_by, utc
from akeso.faces.api.views import alert_view
from akeso.ports.alert_ledger import AlertFilter, AlertSort

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])
Viewer = Annotated[Caller, Depends(require(Role.VIEWER))]


class AlertQuestion(BaseModel):
    """Which alerts. severity: one or several with commas; since, until: when it was last told; label: `name=value`, all
    have to fit; q: words that it begins with, in title, service, labels or fingerprint; sort: last_at, first_at or
    severity, with `-` downwards; cursor: `next` of the page before."""

    service: str = ""
    source: str = ""
    fingerprint: str = ""
    severity: str = ""
    fate: str = ""
    incident: str = ""
    firing: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    label: list[str] = []
    q: str = Field(default="", max_length=500)
    sort: str = ""
    cursor: str = ""
    limit: int = Field(default=100, ge=1, le=1000)


_SORTS = {sort.value: sort for sort in AlertSort}
_FATES = {fate.value: fate for fate in Fate}


@router.get("")
async def list_alerts(request: Request, caller: Viewer, asked: Annotated[AlertQuestion, Query()]) -> dict[str, Any]:
    """Alerts that were accepted, the last told first, each with what became of it and why."""
    wanted = _wanted(asked, caller.tenant)
    found = await system_of(request).ledger.traces(wanted)
    more = cursor_of(place(found[asked.limit - 1], wanted.sort)) if len(found) > asked.limit else None
    return {"alerts": [trace_view(trace) for trace in found[: asked.limit]], "next": more}


def _wanted(asked: AlertQuestion, tenant: str) -> AlertFilter:
    sort, descending = sorted_by(asked.sort, _SORTS, AlertSort.LAST)
    return AlertFilter(
        tenant,
        service=asked.service,
        source=asked.source,
        fingerprint=asked.fingerprint,
        severities=named("severity", asked.severity, SEVERITIES),
        fate=one_of("fate", asked.fate, _FATES),
        incident=asked.incident,
        firing=asked.firing,
        since=utc(asked.since),
        until=utc(asked.until),
        labels=labels_of(asked.label),
        text=asked.q,
        sort=sort,
        descending=descending,
        after=place_of(asked.cursor) if asked.cursor else None,
        limit=asked.limit + 1,
    )


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
