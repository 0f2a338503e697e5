"""REST for silences and rejections: what people said that lasts."""

from datetime import timedelta
from secrets import token_hex
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from akeso.domain.errors import NotFound
from akeso.domain.estate.access import Caller, Role
from akeso.domain.incident.person_events import RejectionLifted
from akeso.domain.incident.silence import Silence
from akeso.engine.history import effect_history
from akeso.faces.api.access import require, system_of
from akeso.faces.api.bodies import NewSilence, Reason
from akeso.stages.healing.rejections import Rejection

router = APIRouter(prefix="/api/v1", tags=["silences"])
Viewer = Annotated[Caller, Depends(require(Role.VIEWER))]
Operator = Annotated[Caller, Depends(require(Role.OPERATOR))]
Approver = Annotated[Caller, Depends(require(Role.APPROVER))]

_EVERY = {"": None, "day": timedelta(days=1), "week": timedelta(weeks=1)}


@router.get("/silences")
async def list_silences(request: Request, caller: Viewer) -> dict[str, Any]:
    """Those that hold, or will. What they hold back is listed by `/api/v1/alerts?fate=silenced`."""
    system = system_of(request)
    own = [s for s in system.silences.present() if s.tenant == caller.tenant]
    return {"silences": [_silence(s, active=s.until(system.clock.now()) is not None) for s in own]}


@router.post("/silences", status_code=201)
async def add_silence(request: Request, caller: Operator, body: NewSilence) -> dict[str, Any]:
    """What is about a service, or carries labels, is expected for a time. It wakes nobody and opens nothing before the
    end; what lasts longer opens then."""
    system = system_of(request)
    now = system.clock.now()
    silence = Silence(
        id=f"sil-{token_hex(4)}",
        tenant=caller.tenant,
        start=body.start or now,
        end=body.until,
        service=body.service,
        labels=tuple(sorted(body.labels.items())),
        reason=body.reason,
        by=caller.name,
        freezes=body.freezes,
        every=_EVERY[body.every],
        repeats_until=body.repeats_until,
    )
    await system.silences.add(silence)
    return _silence(silence, active=silence.until(now) is not None)


@router.delete("/silences/{silence_id}")
async def lift_silence(request: Request, caller: Operator, silence_id: str) -> dict[str, Any]:
    """It holds no more; what it held back, and still fires, opens an incident."""
    return _silence(await system_of(request).silences.lift(silence_id, caller.tenant), active=False)


@router.get("/rejections")
async def list_rejections(request: Request, caller: Viewer) -> dict[str, Any]:
    """Remedies that people said no to, as far as that may hold still."""
    return {"rejections": [_rejection(r) for r in await _rejections(request, caller)]}


@router.post("/rejections/{step}/lift")
async def lift_rejection(request: Request, caller: Approver, step: str, body: Reason) -> dict[str, Any]:
    """The remedy may be proposed again."""
    known = next((r for r in await _rejections(request, caller) if r.step == step), None)
    if known is None:
        raise NotFound(f"nobody rejected {step}, or it does not hold any more")
    said = RejectionLifted(caller.name, step, body.reason)
    await system_of(request).incident_store.record(known.incident, said, caller.name)
    return _rejection(known)


async def _rejections(request: Request, caller: Caller) -> list[Rejection]:
    system = system_of(request)
    known = await effect_history(system.incident_store, system.clock.now(), suspended=False)
    return [r for r in known.rejections if r.tenant == caller.tenant]


def _rejection(r: Rejection) -> dict[str, Any]:
    return {
        "step": r.step,
        "incident": r.incident,
        "action": r.action,
        "target": r.target,
        "cause": {"service": r.service, "fault_class": r.fault_class},
        "by": r.by,
        "at": _time(r.at),
        "reason": r.reason,
    }


def _silence(s: Silence, *, active: bool) -> dict[str, Any]:
    return {
        "id": s.id,
        "service": s.service or None,
        "labels": dict(s.labels),
        "from": _time(s.start),
        "until": _time(s.end),
        "every": next(name for name, every in _EVERY.items() if every == s.every) or None,
        "repeats_until": _time(s.repeats_until) if s.repeats_until else None,
        "reason": s.reason,
        "by": s.by,
        "freezes": s.freezes,
        "active": active,
    }


def _time(at: Any) -> str:
    return str(at.isoformat()).replace("+00:00", "Z")
