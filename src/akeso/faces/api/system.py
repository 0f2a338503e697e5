"""REST about Akeso itself: health, metrics, memory, topology, plugins, audit."""

import json
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import AwareDatetime

from akeso import __version__
from akeso.domain.errors import InvalidInput, InvalidSettings
from akeso.domain.estate.access import Caller, Role
from akeso.domain.telemetry.times import instant_of
from akeso.faces.api.access import require, require_installation, system_of
from akeso.faces.api.bodies import MemoryQuery
from akeso.faces.api.views import entry_view
from akeso.faces.feedback_dataset import dataset
from akeso.plugins.discovery import KINDS, discover

router = APIRouter(tags=["system"])
Viewer = Annotated[Caller, Depends(require(Role.VIEWER))]
Owner = Annotated[Caller, Depends(require_installation(Role.ADMIN))]


@router.get("/api/v1/health/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/health")
@router.get("/api/v1/health/ready")
async def ready(request: Request, response: Response) -> dict[str, Any]:
    """Every agent has started and beats; 503 until then."""
    system = system_of(request)
    response.status_code = 200 if system.ready else 503
    return {
        "status": "ready" if system.ready else "starting",
        "version": __version__,
        "agents": system.supervisor.alive,
        "suspended": system.suspension.suspended,
        "dry_run": system.settings.dry_run,
    }


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus metrics; with a key of role viewer where the settings close them."""
    if not system_of(request).settings.access.metrics_without_key:
        await require(Role.VIEWER)(request)
    await system_of(request).incident_metrics.refresh()
    return Response(generate_latest(system_of(request).registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/api/v1/feedback/dataset")
async def export_feedback(request: Request, caller: Viewer) -> Response:
    """People's words on diagnoses as JSON lines, `{"prompt","diagnosis","human_rating"}`; 1 for helpful, 0 for not."""
    journal = system_of(request).journal
    found = await journal.histories(await journal.judged(caller.tenant))
    lines = [json.dumps(line, ensure_ascii=False) for entries in found.values() for line in dataset(entries)]
    return Response("".join(f"{line}\n" for line in lines), media_type="application/x-ndjson")


@router.post("/api/v1/reload")
async def reload_files(request: Request, caller: Owner) -> dict[str, Any]:
    """Read services, playbooks and policies again: all of them, or none when one is wrong."""
    try:
        return await system_of(request).reloading.reload(caller.name)
    except InvalidSettings as wrong:
        raise InvalidInput(wrong.field, f"{wrong.reason}; nothing was reloaded") from wrong


@router.post("/api/v1/memory/search")
async def search_memory(request: Request, caller: Viewer, body: MemoryQuery) -> dict[str, Any]:
    """Past incidents that resemble the text, most similar first."""
    found = await system_of(request).memory.recall(caller.tenant, body.text, body.signature, body.limit)
    return {
        "results": [
            {
                "similarity": r.similarity,
                "incident": r.memory.incident,
                "service": r.memory.service,
                "fault_class": r.memory.fault_class,
                "action": r.memory.action,
                "outcome": r.memory.recovery.value,
                "mttr_seconds": r.memory.mttr_seconds,
                "text": r.memory.text,
            }
            for r in found
        ]
    }


@router.get("/api/v1/statistics")
async def show_statistics(request: Request, caller: Viewer, since: AwareDatetime | None = None) -> dict[str, Any]:
    """Incidents by status, time to repair (of those detected at or after `since`), and what each action came to."""
    journal = system_of(request).journal
    return {
        "incidents": await journal.statuses(caller.tenant),
        "mttr_seconds": asdict(await journal.mttr(since, caller.tenant)),
        "outcomes": [asdict(o) for o in await journal.outcomes(caller.tenant)],
    }


@router.get("/api/v1/topology")
async def show_topology(request: Request, caller: Viewer) -> dict[str, Any]:
    """Who calls whom, as spans show it, Jaeger has worked it out, or the topology file says."""
    topology = system_of(request).window.topology(caller.tenant)
    edges = [
        {
            "caller": e.caller,
            "callee": e.callee,
            "asynchronous": e.asynchronous,
            "rate": e.rate,
            "last_seen": instant_of(e.last_seen).isoformat(),
        }
        for e in sorted(topology.edges, key=lambda e: (e.caller, e.callee))
    ]
    return {"services": sorted(topology.nodes), "edges": edges}


@router.get("/api/v1/plugins")
async def show_plugins(caller: Viewer) -> dict[str, Any]:
    """What is installed, by kind."""
    del caller
    return {
        kind: {name: (p.__doc__ or "").strip().split("\n")[0] for name, p in discover(kind).items()} for kind in KINDS
    }


@router.get("/api/v1/audit")
async def show_audit(
    request: Request,
    caller: Owner,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """The journal from `after` on, oldest first."""
    del caller
    entries = []
    async for entry in system_of(request).journal.all_entries(after):
        entries.append(entry_view(entry))
        if len(entries) >= limit:
            break
    return {"entries": entries}
