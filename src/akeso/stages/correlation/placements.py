"""What correlation answers: where anomalies and alerts belong."""

from dataclasses import dataclass
from typing import TypeAlias

from akeso.domain.detection.anomaly import Alert, Anomaly
from akeso.domain.incident.alert_trace import Fate
from akeso.domain.incident.events import IncidentDetected
from akeso.stages.correlation.scene import HeldAlert, Waiting


@dataclass(frozen=True, slots=True)
class Open:
    """Open an incident; `detected` is its first event."""

    detected: IncidentDetected


@dataclass(frozen=True, slots=True)
class Attach:
    incident: str
    anomalies: tuple[Anomaly, ...]


@dataclass(frozen=True, slots=True)
class AttachAlert:
    incident: str
    alert: Alert


@dataclass(frozen=True, slots=True)
class ClearAlert:
    """The end of this alert of an incident was told, by `told`."""

    incident: str
    alert: Alert
    told: Alert


@dataclass(frozen=True, slots=True)
class FireAgain:
    """An alert of this incident that had ended fires again. reopens: why the incident goes on; "" when it need not."""

    incident: str
    alert: Alert
    reopens: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """Nothing happens to an incident, and what is to be known of this alert."""

    alert: Alert
    fate: Fate
    why: str
    incident: str = ""


@dataclass(frozen=True, slots=True)
class Suppress:
    """Nothing is opened for these, and why."""

    why: str
    anomalies: tuple[Anomaly, ...] = ()


Move: TypeAlias = Open | Attach | AttachAlert | ClearAlert | FireAgain | Trace | Suppress


@dataclass(frozen=True, slots=True)
class Correlation:
    """moves, in the order to make them; waiting, held: to be put into the next scene."""

    moves: tuple[Move, ...]
    waiting: tuple[Waiting, ...]
    held: tuple[HeldAlert, ...] = ()
