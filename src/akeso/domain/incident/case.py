"""What a diagnosis stands on: one frozen picture of everything known when it was made."""

from dataclasses import dataclass, field

from akeso.domain.detection.anomaly import Alert, Anomaly
from akeso.domain.estate.service import Services
from akeso.domain.estate.topology import Topology
from akeso.domain.incident.memory import Recollection
from akeso.domain.telemetry.batches import Change, FeatureMatrix, Floats
from akeso.domain.telemetry.traces import Traces


@dataclass(frozen=True, slots=True, eq=False)
class LogPattern:
    """Log records of one service that share a template. counts: float64[t], one per slot of the case's features.

    severity: the highest OpenTelemetry severity number seen; example: one whole line.
    """

    service: str
    template: str
    severity: int
    example: str
    counts: Floats


@dataclass(frozen=True, slots=True)
class Report:
    """What a person saw, and where."""

    service: str
    title: str


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Case:
    """onset: ns, the end of the last slot before the first deviation; now: ns. Slots ≤ onset are the normal past."""

    tenant: str
    onset: int
    now: int
    features: FeatureMatrix
    anomalies: tuple[Anomaly, ...] = ()
    alerts: tuple[Alert, ...] = ()
    topology: Topology = field(default_factory=Topology)
    logs: tuple[LogPattern, ...] = ()
    changes: tuple[Change, ...] = ()
    similar: tuple[Recollection, ...] = ()
    services: Services = field(default_factory=Services)
    traces: Traces = field(default_factory=Traces)  # of about the same time as the features, or a sample of them
    report: Report | None = None  # of the person who opened the incident
    incident: str = ""  # its id, where there is one
