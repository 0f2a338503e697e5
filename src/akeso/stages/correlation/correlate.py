"""Correlate: anomalies and alerts in time and in the call graph → one incident per fault.

Pure: what is new and the scene it falls into give moves for the healing agent and what still waits. Nothing new is a
case too: called once a second, it lets what waited long enough open.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from akeso.domain.detection.anomaly import Alert, AlertStatus, Anomaly, Severity
from akeso.domain.detection.symptoms import SYMPTOMS
from akeso.domain.estate.service import Services
from akeso.domain.estate.topology import Topology
from akeso.domain.incident.events import IncidentDetected
from akeso.domain.incident.incident import Incident, IncidentStatus
from akeso.domain.telemetry.batches import Change, SeriesKey
from akeso.domain.telemetry.signal import Signal
from akeso.stages.correlation import belonging
from akeso.stages.correlation.belonging import explained_by, goes_on, hops_between
from akeso.stages.correlation.headline import severity_of, suspect, title_of
from akeso.stages.correlation.restarts import failed, may_be_restart
from akeso.stages.correlation.witnesses import Testimony, needs_witness, witnessed


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
class Maintenance:
    """Anomalies and alerts of `service` ("" for all) between these instants are expected."""

    service: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class News:
    """What happened since the last call, of one tenant."""

    anomalies: tuple[Anomaly, ...] = ()
    cleared: tuple[SeriesKey, ...] = ()
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """What the news fall into. All of one tenant.

    open: incidents that are not terminal; closed: those that ended lately (a minute suffices); waiting: what the last
    call returned; dying: services of which a process said that it cannot go on since they were changed.
    """

    now: datetime
    topology: Topology
    open: Sequence[Incident] = ()
    closed: Sequence[Incident] = ()
    waiting: tuple[Waiting, ...] = ()
    changes: Sequence[Change] = ()
    dying: Collection[str] = ()
    maintenance: Sequence[Maintenance] = ()
    services: Services = field(default_factory=Services)


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
    incident: str
    fingerprint: str
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Suppress:
    """Nothing is opened for these, and why."""

    why: str
    anomalies: tuple[Anomaly, ...] = ()
    alerts: tuple[Alert, ...] = ()


Move: TypeAlias = Open | Attach | AttachAlert | ClearAlert | Suppress


@dataclass(frozen=True, slots=True)
class Correlation:
    """moves, in the order to make them; waiting: to be put into the next scene."""

    moves: tuple[Move, ...]
    waiting: tuple[Waiting, ...]


def correlate(news: News, scene: Scene, options: CorrelateOptions) -> Correlation:
    """Where the news belong. An anomaly or alert that an incident already has is dropped."""
    moves = list(_resolved(news.alerts, scene))
    pending = [w for w in scene.waiting if w.anomaly.key not in news.cleared]
    pending += [Waiting(a, scene.now) for a in news.anomalies if a.key not in news.cleared]
    pending, unheard = _heard_of(list(_once(pending, scene)), news, scene, options)
    placed = [(w, _place(w.anomaly, scene, options)) for w in pending]
    moves += [Suppress(place, (w.anomaly,)) for w, place in placed if isinstance(place, str)]
    moves += _attached([(w, place) for w, place in placed if isinstance(place, Incident)])
    homeless = [w for w, place in placed if place is None]
    alerts = []
    for alert in _firing(news.alerts, scene):
        match _place_alert(alert, scene, options):
            case str(why):
                moves.append(Suppress(why, alerts=(alert,)))
            case Incident(id=incident):
                moves.append(AttachAlert(incident, alert))
            case None:
                alerts.append(alert)
    opened, waiting = _open(homeless, alerts, scene, options)
    return Correlation((*moves, *opened), (*waiting, *unheard))


def _heard_of(
    pending: Sequence[Waiting], news: News, scene: Scene, options: CorrelateOptions
) -> tuple[list[Waiting], list[Waiting]]:
    """What may belong somewhere, and the silences that nobody speaks for, as long as they wait for a witness."""
    said = Testimony(
        anomalies=[*(w.anomaly for w in pending), *(a for i in scene.open for a in i.anomalies)],
        alerts=[*news.alerts, *(a for i in scene.open for a in i.alerts)],
        topology=scene.topology,
        dying=scene.dying,
    )
    down = witnessed(said)
    heard_of: list[Waiting] = []
    unheard: list[Waiting] = []
    for waiting in pending:
        silent = needs_witness(waiting.anomaly) and waiting.anomaly.service not in down
        (unheard if silent else heard_of).append(waiting)
    if len({w.anomaly.service for w in unheard}) <= options.few:
        # One target alone that cannot be reached for so long is no collector, agent or network that is gone.
        alone = [w for w in unheard if w.anomaly.signal is Signal.DOWN and scene.now - w.since >= options.unreached_for]
        heard_of, unheard = [*heard_of, *alone], [w for w in unheard if w not in alone]
    return heard_of, [w for w in unheard if scene.now - w.since <= options.unheard_for]


def _resolved(alerts: Sequence[Alert], scene: Scene) -> Iterator[Move]:
    over = {a.fingerprint: a.starts_at for a in alerts if a.status is AlertStatus.RESOLVED}
    for incident in scene.open:
        for alert in incident.alerts:
            ended = over.get(alert.fingerprint)
            if ended is not None and alert.status is AlertStatus.FIRING and alert.starts_at <= ended:
                yield ClearAlert(incident.id, alert.fingerprint, alert.starts_at)


def _firing(alerts: Sequence[Alert], scene: Scene) -> Iterator[Alert]:
    # An alert that fires again while it still fires says nothing new, whenever its sender says that it began.
    seen = {_identity(a) for incident in (*scene.open, *scene.closed) for a in incident.alerts}
    still = {a.fingerprint for i in scene.open for a in i.alerts if a.status is AlertStatus.FIRING}
    for alert in alerts:
        new = _identity(alert) not in seen and alert.fingerprint not in still
        if alert.status is AlertStatus.FIRING and new:
            still.add(alert.fingerprint)
            yield alert


def _identity(alert: Alert) -> tuple[str, datetime]:
    return alert.fingerprint, alert.starts_at


def _once(pending: Sequence[Waiting], scene: Scene) -> Iterator[Waiting]:
    seen = {a.id for incident in (*scene.open, *scene.closed) for a in incident.anomalies}
    for waiting in pending:
        if waiting.anomaly.id not in seen:
            seen.add(waiting.anomaly.id)
            yield waiting


def _place(anomaly: Anomaly, scene: Scene, options: CorrelateOptions) -> Incident | str | None:
    # An incident to join, the reason to suppress it, or None: it has no home yet.
    touched = touches(anomaly)
    if why := _maintained(anomaly.service, scene):
        return why
    again = next((i for i in scene.open if goes_on(anomaly, i)), None)
    news = belonging.News(frozenset(touched), anomaly.onset, opens=anomaly.signal in SYMPTOMS)
    if incident := again or _joins(news, scene, options):
        return incident
    unhealed = [i for i in scene.closed if i.status is not IncidentStatus.RESOLVED]
    return _echo(touched, anomaly.onset, unhealed, scene, options)


def _place_alert(alert: Alert, scene: Scene, options: CorrelateOptions) -> Incident | str | None:
    if why := _maintained(alert.service, scene):
        return why
    if incident := _joins(belonging.News(frozenset({alert.service}), alert.starts_at), scene, options):
        return incident
    return _echo({alert.service}, alert.starts_at, scene.closed, scene, options)


def touches(anomaly: Anomaly) -> set[str]:
    """The services an anomaly speaks of: its own, and the peer of a call."""
    peer = dict(anomaly.key.attributes).get("peer")
    return {anomaly.service, peer} if peer else {anomaly.service}


def _maintained(service: str, scene: Scene) -> str:
    for window in scene.maintenance:
        if window.service in {service, ""} and window.start <= scene.now <= window.end:
            return f"maintenance of {window.service or 'everything'} until {window.end:%H:%M:%S}"
    return ""


def _joins(news: belonging.News, scene: Scene, options: CorrelateOptions) -> Incident | None:
    near = [
        (hops, -incident.updated_at.timestamp(), incident.id, incident)
        for incident in scene.open
        if scene.now - incident.updated_at <= options.joins_for
        and explained_by(news, incident, incident.onset + options.together, scene.topology)
        and (hops := hops_between(news.touched, incident.services, scene.topology, options.reach)) is not None
    ]
    return min(near)[-1] if near else None


def _echo(
    touched: set[str], onset: datetime, closed: Sequence[Incident], scene: Scene, options: CorrelateOptions
) -> str | None:
    for incident in closed:
        if onset <= _ended(incident) + options.settles_for and _beside(touched, incident, scene):
            return f"began before incident {incident.id} had settled"
    return None


def _ended(incident: Incident) -> datetime:
    return incident.ended_at or incident.updated_at


def _beside(touched: set[str], incident: Incident, scene: Scene) -> bool:
    return hops_between(touched, incident.services, scene.topology, 1) is not None


def _attached(placed: Sequence[tuple[Waiting, Incident]]) -> Iterator[Move]:
    for incident in {incident.id: incident for _, incident in placed}.values():
        yield Attach(incident.id, tuple(w.anomaly for w, home in placed if home.id == incident.id))


def _open(
    homeless: Sequence[Waiting], alerts: Sequence[Alert], scene: Scene, options: CorrelateOptions
) -> tuple[list[Move], tuple[Waiting, ...]]:
    moves: list[Move] = []
    waiting: list[Waiting] = []
    for group, calls in _groups(homeless, alerts, scene, options):
        if any(a.severity > Severity.INFO for a in calls) or _ripe(group, scene, options):
            moves.append(Open(_detected([w.anomaly for w in group], calls, scene)))
        else:
            waiting += [w for w in group if _opener(w) or scene.now - w.since <= options.context_for]
    return moves, tuple(waiting)


def _groups(
    homeless: Sequence[Waiting], alerts: Sequence[Alert], scene: Scene, options: CorrelateOptions
) -> list[tuple[list[Waiting], list[Alert]]]:
    # Connected components: whatever is in reach of a member belongs to the group.
    groups: list[tuple[set[str], list[Waiting], list[Alert]]] = []
    items: list[Waiting | Alert] = [*homeless, *alerts]
    for item in items:
        touched = touches(item.anomaly) if isinstance(item, Waiting) else {item.service}
        near = [g for g in groups if hops_between(touched, g[0], scene.topology, options.reach) is not None]
        merged = (
            touched.union(*(g[0] for g in near)),
            [w for g in near for w in g[1]],
            [a for g in near for a in g[2]],
        )
        if isinstance(item, Waiting):
            merged[1].append(item)
        else:
            merged[2].append(item)
        groups = [g for g in groups if not any(g is n for n in near)] + [merged]
    return [(group, calls) for _, group, calls in groups]


def _opener(waiting: Waiting) -> bool:
    return waiting.anomaly.signal in SYMPTOMS


def _ripe(group: Sequence[Waiting], scene: Scene, options: CorrelateOptions) -> bool:
    # Strong, with another symptom, or still there after its time; and not merely a restart that somebody ordered.
    wrong = failed(scene.changes, [w.anomaly for w in group], scene.dying)
    scene = replace(scene, changes=[change for change in scene.changes if change not in wrong])
    ready = [w for w in group if _opener(w) and scene.now >= _excused_until(w.anomaly, scene, options)]
    symptoms = {(w.anomaly.service, w.anomaly.signal) for w in ready}
    own = [w for w in ready if w.anomaly.signal not in {Signal.EDGE_LATENCY, Signal.EDGE_ERRORS}]
    if len(symptoms) > 1 and own:
        return True
    # A change that went wrong is as good as another symptom.
    return any(
        scene.now - w.since >= SYMPTOMS[w.anomaly.signal]
        or (w in own and (w.anomaly.score >= options.weak_below or _began_with(w.anomaly, wrong, scene, options)))
        for w in ready
    )


def _excused_until(anomaly: Anomaly, scene: Scene, options: CorrelateOptions) -> datetime:
    restarts = _began_with(anomaly, scene.changes, scene, options)
    over = (change.at + options.excused for change in restarts)
    return max([_settled_at(anomaly, touches(anomaly), scene, options), *over])


def _began_with(
    anomaly: Anomaly, changes: Sequence[Change], scene: Scene, options: CorrelateOptions
) -> Sequence[Change]:
    # The changes, to the service or to one it calls, whose restarts the anomaly may be.
    touched = touches(anomaly)
    below = touched.union(*(scene.topology.downstream(s) for s in touched))
    return [c for c in changes if c.service in below and may_be_restart(anomaly, c, options.grace)]


def _settled_at(anomaly: Anomaly, touched: set[str], scene: Scene, options: CorrelateOptions) -> datetime:
    # When it is no echo of a resolved incident any more.
    until = anomaly.onset
    for incident in scene.closed:
        ended = _ended(incident)
        if anomaly.onset <= ended + options.settles_for and _beside(touched, incident, scene):
            began_after = anomaly.onset > ended
            until = max(until, anomaly.onset + options.echo if began_after else ended + options.settles_for)
    return until


def _detected(anomalies: Sequence[Anomaly], alerts: Sequence[Alert], scene: Scene) -> IncidentDetected:
    symptoms = [a for a in anomalies if a.signal in SYMPTOMS]
    onsets = [a.onset for a in symptoms] + [a.starts_at for a in alerts]
    service = suspect(symptoms, alerts, scene.topology)
    return IncidentDetected(
        tenant=anomalies[0].tenant if anomalies else alerts[0].tenant,
        service=service,
        title=title_of(service, symptoms, alerts),
        severity=severity_of(symptoms, alerts, scene.services),
        onset=min(onsets),
        anomalies=tuple(anomalies),
        alerts=tuple(alerts),
    )
