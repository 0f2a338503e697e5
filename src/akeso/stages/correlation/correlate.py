"""Correlate: anomalies and alerts in time and in the call graph → one incident per fault.

Pure: what is new and the scene it falls into give moves for the healing agent and what still waits. Nothing new is a
case too: called once a second, it lets what waited long enough open.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from akeso.domain.detection.anomaly import Alert, Anomaly, Severity
from akeso.domain.detection.symptoms import SYMPTOMS
from akeso.domain.incident.alert_trace import Fate
from akeso.domain.incident.events import IncidentDetected
from akeso.domain.incident.incident import Incident, IncidentStatus
from akeso.domain.incident.silence import Silence
from akeso.domain.telemetry.batches import Change
from akeso.domain.telemetry.signal import Signal
from akeso.stages.correlation import belonging
from akeso.stages.correlation.alerts import place_alerts, put_aside
from akeso.stages.correlation.belonging import goes_on, hops_between
from akeso.stages.correlation.headline import severity_of, suspect, title_of
from akeso.stages.correlation.nearness import beside, echo_of, ended_of, joins, named_peers, silenced
from akeso.stages.correlation.placements import Attach, Correlation, Move, Open, Suppress, Trace
from akeso.stages.correlation.restarts import failed, may_be_restart
from akeso.stages.correlation.scene import CorrelateOptions, News, Scene, Waiting
from akeso.stages.correlation.witnesses import Testimony, needs_witness, witnessed

# Of anomalies that an incident for which people were called still takes.
_MOST = 200


def correlate(news: News, scene: Scene, options: CorrelateOptions) -> Correlation:
    """Where the news belong. An anomaly that an incident already has is dropped; of every alert something is said."""
    pending = [w for w in scene.waiting if w.anomaly.key not in news.cleared]
    pending += [Waiting(a, scene.now) for a in news.anomalies if a.key not in news.cleared]
    pending, unheard = _heard_of(list(_once(pending, scene)), news, scene, options)
    placed = [(w, _place(w.anomaly, scene, options)) for w in pending]
    moves: list[Move] = [Suppress(place, (w.anomaly,)) for w, place in placed if isinstance(place, str)]
    moves += _attached([(w, place) for w, place in placed if isinstance(place, Incident)])
    homeless = [w for w, place in placed if place is None]
    alerts = place_alerts(news.alerts, scene, options)
    opened, waiting, noted = _open(homeless, alerts.homeless, scene, options)
    silenced = [w for w, place in placed if isinstance(place, Silence)]
    return Correlation((*alerts.moves, *moves, *opened, *noted), (*waiting, *unheard, *silenced), alerts.held)


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


def _once(pending: Sequence[Waiting], scene: Scene) -> Iterator[Waiting]:
    seen = {a.id for incident in scene.incidents for a in incident.anomalies}
    for waiting in pending:
        if waiting.anomaly.id not in seen:
            seen.add(waiting.anomaly.id)
            yield waiting


def _place(anomaly: Anomaly, scene: Scene, options: CorrelateOptions) -> Incident | Silence | str | None:
    # An incident to join, the silence that it waits out, the reason to drop it, or None: it has no home yet.
    touched = anomaly.touched
    if (silence := silenced(anomaly.service, {}, scene)) is not None:
        return silence
    again = next((i for i in scene.open if goes_on(anomaly, i)), None)
    news = belonging.News(frozenset(touched), anomaly.onset, opens=anomaly.signal in SYMPTOMS)
    if incident := again or joins(news, scene, options):
        return incident
    if (going_on := _put_off(anomaly, scene, options)) is not None:
        return going_on
    if (incident := echo_of(touched, anomaly.onset, scene.handed_over, scene, options)) is not None:
        return incident if len(incident.anomalies) < _MOST else f"incident {incident.id} has {_MOST} anomalies"
    unhealed = [i for i in scene.closed if i.status is not IncidentStatus.RESOLVED]
    ended = echo_of(touched, anomaly.onset, unhealed, scene, options)
    return f"began before incident {ended.id} had settled" if ended is not None else None


def _put_off(anomaly: Anomaly, scene: Scene, options: CorrelateOptions) -> Incident | str | None:
    """The incident for which people were called, or that one of them closed, of which this is the same symptom."""
    for incident in (*scene.handed_over, *_put_aside(scene)):
        same = [a for a in incident.anomalies if (a.service, a.signal) == (anomaly.service, anomaly.signal)]
        last = max((a.detected_at for a in same), default=None)
        if last is None or scene.now - last > options.goes_on:
            continue
        known = any(a.key == anomaly.key for a in same) and scene.now - last <= options.goes_on / 4
        full = len(incident.anomalies) >= _MOST
        return f"goes on in incident {incident.id}" if known or full or incident.status.over else incident
    return None


def _put_aside(scene: Scene) -> list[Incident]:
    return [i for i in scene.closed if i.status is IncidentStatus.CLOSED and put_aside(i)]


def _attached(placed: Sequence[tuple[Waiting, Incident]]) -> Iterator[Move]:
    for incident in {incident.id: incident for _, incident in placed}.values():
        yield Attach(incident.id, tuple(w.anomaly for w, home in placed if home.id == incident.id))


def _open(
    homeless: Sequence[Waiting], alerts: Sequence[Alert], scene: Scene, options: CorrelateOptions
) -> tuple[list[Move], tuple[Waiting, ...], list[Move]]:
    """What opens, what waits on, and the alerts that open nothing."""
    moves: list[Move] = []
    waiting: list[Waiting] = []
    noted: list[Move] = []
    for group, calls in _groups(homeless, alerts, scene, options):
        if any(a.severity > Severity.INFO for a in calls) or _ripe(group, scene, options):
            moves.append(Open(_detected([w.anomaly for w in group], calls, scene)))
        else:
            waiting += [w for w in group if _opener(w) or scene.now - w.since <= options.context_for]
            noted += [Trace(a, Fate.NOTED, "it only informs: nothing else is wrong") for a in calls]
    return moves, tuple(waiting), noted


def _groups(
    homeless: Sequence[Waiting], alerts: Sequence[Alert], scene: Scene, options: CorrelateOptions
) -> list[tuple[list[Waiting], list[Alert]]]:
    # Connected components: whatever is in reach of a member belongs to the group.
    groups: list[tuple[frozenset[str], list[Waiting], list[Alert]]] = []
    items: list[Waiting | Alert] = [*homeless, *alerts]
    for item in items:
        touched = item.anomaly.touched if isinstance(item, Waiting) else frozenset({item.service, *named_peers(item)})
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
    return max([_settled_at(anomaly, scene, options), *over])


def _began_with(
    anomaly: Anomaly, changes: Sequence[Change], scene: Scene, options: CorrelateOptions
) -> Sequence[Change]:
    # The changes, to the service or to one it calls, whose restarts the anomaly may be.
    touched = anomaly.touched
    below = touched.union(*(scene.topology.downstream(s) for s in touched))
    return [c for c in changes if c.service in below and may_be_restart(anomaly, c, options.grace)]


def _settled_at(anomaly: Anomaly, scene: Scene, options: CorrelateOptions) -> datetime:
    # When it is no echo of a resolved incident any more.
    until = anomaly.onset
    for incident in scene.closed:
        ended = ended_of(incident)
        if anomaly.onset <= ended + options.settles_for and beside(anomaly.touched, incident, scene):
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
