"""Fatal log records: a process of a service wrote that it cannot go on."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from akeso.domain.telemetry.batches import Change
from akeso.domain.telemetry.severity import FATAL
from akeso.domain.telemetry.times import epoch_ns
from akeso.ports.window import TelemetryWindow
from akeso.stages.correlation.restarts import SLOT

_USUAL_FOR = timedelta(minutes=1)


def dying(
    window: TelemetryWindow, tenant: str, changes: Sequence[Change], now: datetime, excused: timedelta
) -> frozenset[str]:
    """The services that wrote a fatal log record since they were last changed, and no such record in the minute before.
    changes: oldest first; those of longer ago than `excused` excuse nothing any more, and are left out.

    Some programs write fatal records whenever a client is cut off; what is usual says nothing of a change.
    """
    newest = {change.service: change.at for change in changes if now - change.at <= excused}
    return frozenset(service for service, at in newest.items() if _fatal(window, tenant, service, at, now))


def _fatal(window: TelemetryWindow, tenant: str, service: str, at: datetime, now: datetime) -> bool:
    # Only slots that began after the change are certain to lie after it.
    since = _fatal_patterns(window, tenant, service, at + SLOT, now)
    return bool(since) and not since & _fatal_patterns(window, tenant, service, at - _USUAL_FOR, at)


def _fatal_patterns(
    window: TelemetryWindow, tenant: str, service: str, start: datetime, end: datetime
) -> frozenset[str]:
    patterns = window.logs(tenant, epoch_ns(start), epoch_ns(end))
    return frozenset(p.template for p in patterns if p.service == service and p.severity >= FATAL)
