"""Where alerts belong. An alert is somebody's word: of each something is said, and none is done twice.

Identity is the kind of sender and the fingerprint (or dedup_key), never its start, in which replicas differ. Only whose
key said that it fires may say that it is over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from akeso.domain.detection.anomaly import Alert, AlertStatus
from akeso.domain.estate.access import ANONYMOUS
from akeso.domain.incident.alert_trace import Fate, identity
from akeso.domain.incident.incident import Incident, IncidentStatus
from akeso.domain.incident.person_events import CloseReason
from akeso.stages.correlation.belonging import News
from akeso.stages.correlation.nearness import echo_of, joins, named_peers, silenced
from akeso.stages.correlation.placements import AttachAlert, ClearAlert, FireAgain, Move, Trace
from akeso.stages.correlation.scene import CorrelateOptions, HeldAlert, Scene

# An incident with so many alerts takes no more of them; they are listed with it all the same.
MOST = 1000


@dataclass(frozen=True, slots=True)
class PlacedAlerts:
    """moves; homeless: those that may open an incident; held: those that wait on."""

    moves: tuple[Move, ...]
    homeless: tuple[Alert, ...]
    held: tuple[HeldAlert, ...]


# A move, the alert that waits, or None: it has no home.
_Place: TypeAlias = Move | HeldAlert | None


def place_alerts(news: Sequence[Alert], scene: Scene, options: CorrelateOptions) -> PlacedAlerts:
    """Where each of the news belongs, and of those that were held each whose reason is gone."""
    ended = {identity(a): a for a in news if a.status is AlertStatus.RESOLVED}
    moves: list[Move] = [move for alert in ended.values() for move in _ended(alert, scene)]
    places = [(alert, _place(alert, scene, options)) for alert in _once(news)]
    lasting = [h for h in scene.held if not _ends(ended.get(identity(h.alert)), h.alert)]
    places += [(h.alert, _again(h, scene, options)) for h in lasting]
    known = {identity(h.alert): h for h in scene.held}
    held: dict[object, HeldAlert] = {}
    for alert, place in places:
        if isinstance(place, HeldAlert):
            moves += [] if known.get(identity(alert)) == place else [Trace(alert, place.fate, place.why)]
            held[identity(alert)] = place
        elif place is not None:
            moves.append(place)
    return PlacedAlerts(tuple(moves), tuple(a for a, p in places if p is None), tuple(held.values()))


def _once(news: Sequence[Alert]) -> Iterator[Alert]:
    seen = set()
    for alert in news:
        if alert.status is AlertStatus.FIRING and identity(alert) not in seen:
            seen.add(identity(alert))
            yield alert


def _ended(alert: Alert, scene: Scene) -> Iterator[Move]:
    holders = _holders(alert, scene)
    fires = [(i, a) for i in holders for a in i.alerts if _same(a, alert) and a.status is AlertStatus.FIRING]
    for incident, known in fires:
        if _ends(alert, known):
            yield ClearAlert(incident.id, known, alert)
        else:
            yield Trace(known, Fate.RESENT, f"{alert.author} says that it ended, and did not tell it", incident.id)
    if fires:
        return
    if any(_same(h.alert, alert) and _ends(alert, h.alert) for h in scene.held):
        yield Trace(alert, Fate.ENDED, "it ended while it was held back")
    elif holders:
        yield Trace(alert, Fate.ENDED, "it had ended already", holders[0].id)
    else:
        yield Trace(alert, Fate.UNKNOWN_END, "nothing was told to have begun")


def _ends(end: Alert | None, known: Alert) -> bool:
    return end is not None and known.author in {end.author, ANONYMOUS}


def _holders(alert: Alert, scene: Scene) -> list[Incident]:
    """The incidents that have this alert, those that go on first."""
    found = [i for i in scene.incidents if any(_same(a, alert) for a in i.alerts)]
    old = scene.holders.get(identity(alert))
    if old is not None and old.id not in {i.id for i in found}:
        found.append(old)
    return sorted(found, key=lambda i: (i.status.over, -i.detected_at.timestamp()))


def _same(one: Alert, other: Alert) -> bool:
    return identity(one) == identity(other)


def _place(alert: Alert, scene: Scene, options: CorrelateOptions) -> _Place:
    waiting = next((h for h in scene.held if _same(h.alert, alert)), None)
    if waiting is not None:
        # It is looked at with those that were held.
        return Trace(alert, waiting.fate, waiting.why)
    holders = _holders(alert, scene)
    if holders and (place := _known(alert, holders[0], scene, options)) is not None:
        return place
    return _unknown(alert, scene, options)


def _again(held: HeldAlert, scene: Scene, options: CorrelateOptions) -> _Place:
    if held.fate is Fate.HELD and scene.now - held.since < options.echo_of_alerts:
        return held
    if held.fate is Fate.HELD:
        incident = joins(News(frozenset({held.alert.service}), held.alert.starts_at), scene, options)
        return AttachAlert(incident.id, held.alert) if incident is not None else None
    place = _unknown(held.alert, scene, options)
    # Silenced on: since it was first, so that nothing new is told.
    return held if isinstance(place, HeldAlert) and place.why == held.why else place


def _known(alert: Alert, incident: Incident, scene: Scene, options: CorrelateOptions) -> _Place:
    """An alert that an incident has; None when that incident is too long ago."""
    fires = next((a for a in incident.alerts if _same(a, alert) and a.status is AlertStatus.FIRING), None)
    if fires is not None and alert.severity > fires.severity and not incident.status.over:
        return AttachAlert(incident.id, alert)  # it has become worse
    if fires is not None:
        said = f"; it was {incident.why}" if incident.status.over else ""
        return Trace(alert, Fate.RESENT, f"the incident has it already{said}", incident.id)
    if not incident.status.over:
        return FireAgain(incident.id, alert)
    if (silence := silenced(alert.service, dict(alert.labels), scene)) is not None:
        return HeldAlert(alert, scene.now, Fate.SILENCED, silence.said)
    ago = scene.now - (incident.ended_at or incident.updated_at)
    if put_aside(incident) and ago <= options.closed_for:
        return FireAgain(incident.id, alert)
    if ago <= options.reopens_for:
        return FireAgain(incident.id, alert, f"{alert.title} fires again")
    return None


def put_aside(incident: Incident) -> bool:
    """Whether a person said that there is nothing to be done about it."""
    closing = incident.attention.closing
    aside = {CloseReason.KNOWN, CloseReason.FALSE_ALARM, CloseReason.DUPLICATE}
    return closing is not None and closing.reason in aside


def _unknown(alert: Alert, scene: Scene, options: CorrelateOptions) -> _Place:
    if (silence := silenced(alert.service, dict(alert.labels), scene)) is not None:
        return HeldAlert(alert, scene.now, Fate.SILENCED, silence.said)
    touched = {alert.service, *named_peers(alert)}
    if incident := joins(News(frozenset(touched), alert.starts_at), scene, options):
        return _attach(alert, incident)
    if incident := echo_of(touched, alert.starts_at, scene.handed_over, scene, options):
        return _attach(alert, incident)
    ended = echo_of(touched, alert.starts_at, [i for i in scene.closed if _settles(i)], scene, options)
    if ended is not None:
        return HeldAlert(alert, scene.now, Fate.HELD, f"began before incident {ended.id} had settled")
    return None


def _settles(incident: Incident) -> bool:
    return incident.status in {IncidentStatus.RESOLVED, IncidentStatus.CLOSED, IncidentStatus.SUPPRESSED}


def _attach(alert: Alert, incident: Incident) -> Move:
    if len(incident.alerts) >= MOST:
        return Trace(alert, Fate.ATTACHED, f"the incident has {MOST} alerts, and this one as well", incident.id)
    return AttachAlert(incident.id, alert)
