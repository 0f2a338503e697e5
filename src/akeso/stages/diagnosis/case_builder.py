"""A window and an incident's symptoms → the frozen case that a diagnosis is made from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from akeso.domain.detection.anomaly import Alert, Anomaly
from akeso.domain.estate.service import Services
from akeso.domain.incident.case import Case, Report
from akeso.domain.incident.memory import Recollection
from akeso.domain.telemetry.times import duration_ns, epoch_ns
from akeso.ports.window import TelemetryWindow


@dataclass(frozen=True, slots=True)
class Reach:
    """How much of the time before the onset a case holds, and of the changes before it."""

    past: timedelta = timedelta(minutes=5)
    changes: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Symptomatic:
    """What is known of an incident besides telemetry. until: ns, up to when changes and traces count."""

    tenant: str
    onset: datetime
    until: int
    anomalies: tuple[Anomaly, ...] = ()
    alerts: tuple[Alert, ...] = ()
    similar: Sequence[Recollection] = ()
    services: Services = field(default_factory=Services)
    report: Report | None = None
    incident: str = ""


def picture(window: TelemetryWindow, seen: Symptomatic, reach: Reach | None = None) -> Case:
    """Everything known now, frozen."""
    reach = reach or Reach()
    onset = epoch_ns(seen.onset)
    start = onset - duration_ns(reach.past)
    return Case(
        tenant=seen.tenant,
        onset=onset,
        now=window.now,
        features=window.features(seen.tenant, start, window.now),
        anomalies=seen.anomalies,
        alerts=seen.alerts,
        topology=window.topology(seen.tenant),
        logs=tuple(window.logs(seen.tenant, start, window.now)),
        changes=tuple(window.changes(seen.tenant, onset - duration_ns(reach.changes), seen.until)),
        similar=tuple(seen.similar),
        traces=window.traces(seen.tenant, start, seen.until),
        services=seen.services,
        report=seen.report,
        incident=seen.incident,
    )
