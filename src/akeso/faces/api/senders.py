"""REST for what is heard: from whom, at what rhythm, understood as what, and what is not understood."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from akeso.domain.estate.access import Caller, Role
from akeso.domain.estate.senders import HeardService
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.times import epoch_ns, rfc3339
from akeso.faces.api.access import require, system_of
from akeso.stages.features.metric_meanings import MetricMeanings, meanings_in_force

router = APIRouter(prefix="/api/v1", tags=["telemetry"])
Viewer = Annotated[Caller, Depends(require(Role.VIEWER))]


@router.get("/senders")
async def show_senders(request: Request, caller: Viewer) -> dict[str, Any]:
    """By service: when it was heard, its usual rhythm, its state and why; each metric with the role that a reviewed
    source gives it, and the metrics of which nothing is known: they are watched for what is odd, and open nothing."""
    meanings = meanings_in_force()
    return {"services": [sender_view(each, meanings) for each in system_of(request).senders.heard(caller.tenant)]}


def sender_view(heard: HeardService, meanings: MetricMeanings) -> dict[str, Any]:
    """A service as it is heard, as JSON."""
    roles = {name: meanings.role(SeriesKey("", "", name, unit=unit)) for name, unit in heard.metrics.items()}
    return {
        "service": heard.service,
        "state": heard.state.value,
        "because": heard.because,
        "first": rfc3339(epoch_ns(heard.first)),
        "last": rfc3339(epoch_ns(heard.last)),
        "silent_s": round(heard.silent_s, 1),
        "arrivals": heard.arrivals,
        "cadence_s": heard.cadence_s,
        "kinds": {kind: rfc3339(epoch_ns(at)) for kind, at in heard.kinds.items()},
        "operations": len(heard.operations),
        "understood": _understood(roles, meanings),
        "not_understood": [name for name, role in roles.items() if not role],
    }


def _understood(roles: Mapping[str, str], meanings: MetricMeanings) -> list[dict[str, str]]:
    found = [(name, role, meanings.of(name)) for name, role in roles.items() if role]
    return [
        {
            "metric": name,
            "role": role,
            "entity": meaning.entity if meaning else "",
            "source": meaning.page if meaning else "its name and unit",
        }
        for name, role, meaning in found
    ]
