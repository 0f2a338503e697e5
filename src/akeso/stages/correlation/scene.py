"""What correlation looks at: what is new, and the scene it falls into."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from akeso.domain.detection.anomaly import Alert, Anomaly
from akeso.domain.estate.service import Services
from akeso.domain.estate.topology import Topology
from akeso.domain.incident.alert_trace import Fate, Identity
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.silence import Silence
from akeso.domain.telemetry.batches import Change, SeriesKey


@dataclass(frozen=True, slots=True)
class CorrelateOptions:
    """What belongs to the same incident.

    reach: hops in the call graph within which anomalies belong together.
    joins_for: how long after an incident's last update anomalies still join it; those that it has already always do.
    together: what began within this time after an incident may have its cause, wherever it is in reach; what began
        later, beside an incident whose cause is known, only where it concerns the same services or their callers.
    settles_for: what began before an incident had ended for so long may be its echo. Beside a resolved incident it
        opens one
        of its own only if it outlives that time; beside one that was not healed it is suppressed.
    echo: what began after a resolved incident's end opens one of its own once it lasts for so long.
    weak_below: an anomaly with a lower score opens an incident only together with another.
    grace: what began within this time after a change to the service, or to one it calls, may be the restart itself.
    restart: such an anomaly opens an incident only if it is still there this long after the grace, or once something
        says
        that the change went wrong (see akeso.stages.correlation.restarts).
    context_for: how long an anomaly that only explains is kept for an incident to come.
    unheard_for: how long a silence waits for a witness; without one it is no more than not being heard of.
    unreached_for: after how long a target that Prometheus cannot reach needs no witness, if no more than `few` services
        are unheard of at that time.
    few: see unreached_for.
    goes_on: how long after its last sign a symptom of an incident for which people were called is still the same.
    echo_of_alerts: an alert that may be the echo of an incident that ended opens one once it fires for so long.
    reopens_for: an alert that fires again within this time after the end of its incident opens that one again.
    closed_for: when a person closed the incident as known, a false alarm or a duplicate, it stays closed for so long.
    """

    reach: int = 3
    joins_for: timedelta = timedelta(minutes=2)
    together: timedelta = timedelta(seconds=90)
    settles_for: timedelta = timedelta(seconds=10)
    echo: timedelta = timedelta(seconds=3)
    weak_below: float = 2.0
    grace: timedelta = timedelta(seconds=3)
    restart: timedelta = timedelta(seconds=1.5)
    context_for: timedelta = timedelta(seconds=30)
    unheard_for: timedelta = timedelta(minutes=2)
    unreached_for: timedelta = timedelta(minutes=1)
    few: int = 1
    goes_on: timedelta = timedelta(hours=2)
    echo_of_alerts: timedelta = timedelta(seconds=60)
    reopens_for: timedelta = timedelta(hours=6)
    closed_for: timedelta = timedelta(hours=4)

    @property
    def excused(self) -> timedelta:
        """How long after a change what may be its restart opens nothing."""
        return self.grace + self.restart


@dataclass(frozen=True, slots=True)
class Waiting:
    """An anomaly that has no incident yet, and since when."""

    anomaly: Anomaly
    since: datetime


@dataclass(frozen=True, slots=True)
class HeldAlert:
    """An alert that fires and has no incident, since when, what it waits for, and what is told of that."""

    alert: Alert
    since: datetime
    fate: Fate
    why: str


@dataclass(frozen=True, slots=True)
class News:
    """What happened since the last call, of one tenant."""

    anomalies: tuple[Anomaly, ...] = ()
    cleared: tuple[SeriesKey, ...] = ()
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """What the news fall into. All of one tenant.

    open: incidents that Akeso works on; handed_over: those for which people were called; closed: those that ended
    lately (a minute suffices); waiting, held: what the last call returned; holders: the incident that an alert of
    the news belongs to, however long ago; dying: services of which a process said that it cannot go on since they were
    changed; silences: those that are active.
    """

    now: datetime
    topology: Topology
    open: Sequence[Incident] = ()
    handed_over: Sequence[Incident] = ()
    closed: Sequence[Incident] = ()
    waiting: tuple[Waiting, ...] = ()
    held: tuple[HeldAlert, ...] = ()
    holders: Mapping[Identity, Incident] = field(default_factory=lambda: MappingProxyType({}))
    changes: Sequence[Change] = ()
    dying: Collection[str] = ()
    silences: Sequence[Silence] = ()
    services: Services = field(default_factory=Services)

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """All that are known here."""
        return (*self.open, *self.handed_over, *self.closed)
