"""What opens or updates an incident: anomalies that Akeso decided on, and alerts that others raised."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from math import nan

from akeso.domain.estate.access import ANONYMOUS
from akeso.domain.telemetry.batches import Attributes, SeriesKey
from akeso.domain.telemetry.signal import Signal


class Severity(IntEnum):
    """How bad it is for users."""

    INFO = 0
    WARNING = 1
    ERROR = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One series that departs from what is normal for it, as the decision agent decided.

    score: how far beyond the alarm threshold (1.0 = at it); observed, expected and spread in the unit of the series
    (spread: the robust standard deviation of normal values; NaN when unknown). onset: the first deviating slot.
    p_value: how often a normal slot looks as bad as the one that was decided on; NaN when nothing is known of it.
    every: from one value of the series to the next; the departure may have begun by as much before its onset.
    """

    id: str
    tenant: str
    key: SeriesKey
    signal: Signal
    onset: datetime
    detected_at: datetime
    score: float
    observed: float
    expected: float
    spread: float
    detectors: tuple[str, ...] = ()
    p_value: float = nan
    every: timedelta = timedelta(seconds=1)

    @property
    def service(self) -> str:
        return self.key.service

    @property
    def peer(self) -> str:
        """Whom the calls go to that the series is about; "" when it is about none."""
        return dict(self.key.attributes).get("peer", "")

    @property
    def touched(self) -> frozenset[str]:
        """The services it speaks of: its own, and the peer of a call."""
        return frozenset({self.service, self.peer or self.service})


class AlertStatus(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert from outside (Alertmanager, a simple event, the monitoring agent, a person).

    Tenant, source and fingerprint identify it, whatever start it carries (see akeso.domain.incident.alert_trace).
    """

    tenant: str
    fingerprint: str
    source: str
    service: str
    title: str
    severity: Severity
    status: AlertStatus
    starts_at: datetime
    ends_at: datetime | None = None
    labels: Attributes = ()
    annotations: Attributes = field(default=())
    author: str = ANONYMOUS  # whose key sent it
    fault_class: str = ""  # set when the sender knows what is wrong (the monitoring agent does)
