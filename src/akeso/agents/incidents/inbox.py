"""The inbox: what is noticed is put to the incident it belongs to, in the journal, before it is called handled."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from akeso.agents.incidents.move_executor import HealingDeps
from akeso.domain.detection.anomaly import Alert, Anomaly
from akeso.domain.incident import events as e
from akeso.domain.incident.alert_trace import AlertTrace, Fate, Identity, identity
from akeso.domain.incident.incident import Incident, IncidentStatus
from akeso.domain.incident.person_events import IncidentReopened
from akeso.domain.incident.silence import Silence
from akeso.domain.messages import Decision, Feedback
from akeso.domain.telemetry.batches import Change, SeriesKey
from akeso.domain.telemetry.signal import Signal
from akeso.domain.telemetry.times import epoch_ns
from akeso.engine.alert_record import record_alert
from akeso.ports.window import TelemetryWindow
from akeso.stages.correlation.correlate import correlate
from akeso.stages.correlation.fatal_records import dying
from akeso.stages.correlation.placements import (
    Attach,
    AttachAlert,
    ClearAlert,
    FireAgain,
    Move,
    Open,
    Suppress,
    Trace,
)
from akeso.stages.correlation.scene import CorrelateOptions, HeldAlert, News, Scene, Waiting

log = structlog.get_logger(__name__)

_CLOSED_FOR = timedelta(minutes=1)
_CHANGES_FOR = timedelta(minutes=1)
# What the decision agent still holds for anomalous so long after an incident was resolved was not healed by that.
_LINGERS_AFTER = timedelta(seconds=20)
_LINGERING = frozenset({Signal.LATENCY, Signal.ERRORS, Signal.SILENCE, Signal.BACKLOG, Signal.LOCKS})


class Inbox:
    """Correlates news with the incidents it knows; anomalies that wait for others are kept in memory only."""

    def __init__(
        self,
        deps: HealingDeps,
        window: TelemetryWindow,
        options: CorrelateOptions,
        actor: str,
        silences: Callable[[], Sequence[Silence]],
    ) -> None:
        self._deps, self._window, self._options, self._actor = deps, window, options, actor
        self._silences = silences
        self._known: dict[str, Incident] = {}
        self._waiting: dict[str, tuple[Waiting, ...]] = {}
        self._held: dict[str, tuple[HeldAlert, ...]] = {}
        self._raised: dict[SeriesKey, Anomaly] = {}
        self._since: dict[str, int] = {}  # anomaly id → end of the slot that it came with

    async def load(self, looked_back: int) -> None:
        """Incidents that are open, and recent ones."""
        incident_store = self._deps.incident_store
        for incident in (*await incident_store.recent(limit=looked_back), *await incident_store.open_incidents()):
            self.noted(incident)
        for trace in await self._deps.ledger.waiting():
            held = HeldAlert(trace.alert, trace.last_at, trace.fate, trace.why)
            self._held[trace.alert.tenant] = (*self._held.get(trace.alert.tenant, ()), held)

    def noted(self, incident: Incident) -> None:
        """An incident is as it is now; those that are over and learned from are forgotten after a while."""
        self._known[incident.id] = incident
        now = self._deps.clock.now()
        for old in [i for i in self._known.values() if _finished(i) and now - (i.ended_at or now) > _CLOSED_FOR]:
            del self._known[old.id]

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Ids of incidents that need a worker."""
        return tuple(i.id for i in self._known.values() if not _finished(i))

    def settled(self, end: int) -> int:
        """The end of the last slot, up to `end` (ns), of which nothing waits in memory only."""
        waiting = {w.anomaly.id for some in self._waiting.values() for w in some}
        self._since = {i: slot for i, slot in self._since.items() if i in waiting}
        return min((slot - 1 for slot in self._since.values()), default=end)

    async def decided(self, decision: Decision) -> None:
        """One slot's news; also when there is none, because what waited long enough may open now."""
        for key in decision.cleared:
            self._raised.pop(key, None)
        raised = (*decision.raised, *self._lingering())
        self._since.update({a.id: decision.end for a in raised if a.id not in self._since})
        waiting = {tenant for tenant, some in self._waiting.items() if some}
        for tenant in sorted(waiting | {a.tenant for a in raised}):
            cleared = tuple(key for key in decision.cleared if key.tenant == tenant)
            await self._correlate(tenant, News(_of(tenant, raised), cleared))
        self._raised.update({a.key: a for a in raised})

    async def alerted(self, alert: Alert) -> None:
        await self._correlate(alert.tenant, News(alerts=(alert,)))

    async def looked_again(self) -> None:
        """Alerts that were held back may open an incident now."""
        for tenant in [tenant for tenant, held in self._held.items() if held]:
            await self._correlate(tenant, News())

    async def judged(self, feedback: Feedback) -> None:
        """A person's word on a decision goes to the incident that it led to."""
        if not feedback.by:
            return
        for incident in list(self._known.values()):
            ended = incident.ended_at or self._deps.clock.now()
            near = incident.onset - timedelta(seconds=30) <= feedback.at <= ended
            if near and incident.tenant == feedback.tenant and feedback.service in incident.services:
                event = e.FeedbackGiven(feedback.by, feedback.anomalous)
                await self._deps.incident_store.record(incident.id, event, feedback.by)

    def _lingering(self) -> tuple[Anomaly, ...]:
        """Symptoms of a resolved incident that never went away, as news: they are told once only when they begin."""
        now = self._deps.clock.now()
        found = []
        for incident in self._known.values():
            ended = incident.ended_at
            if incident.status is IncidentStatus.RESOLVED and ended and now - ended > _LINGERS_AFTER:
                own = {a.id for a in incident.anomalies if a.signal in _LINGERING}
                found += [(a, ended) for a in self._raised.values() if a.id in own]
        return tuple(
            replace(a, id=f"{a.id}+{ended:%H%M%S}", onset=ended + _LINGERS_AFTER, detected_at=now) for a, ended in found
        )

    async def _correlate(self, tenant: str, news: News) -> None:
        result = correlate(news, await self._scene(tenant, news), self._options)
        for move in result.moves:
            await self._make(move, {identity(a) for a in news.alerts})
        self._waiting[tenant], self._held[tenant] = result.waiting, result.held

    async def _scene(self, tenant: str, news: News) -> Scene:
        own = [i for i in self._known.values() if i.tenant == tenant]
        now, waiting = self._deps.clock.now(), self._waiting.get(tenant, ())
        # What changed, and who is dying, is looked up for anomalies only: alerts may come by the hundred.
        measured = bool(waiting or news.anomalies)
        changes = self._changes(tenant, now) if measured else ()
        return Scene(
            now=now,
            topology=self._window.topology(tenant),
            open=[i for i in own if not i.status.at_rest],
            handed_over=[i for i in own if i.status.handed_over],
            closed=[i for i in own if i.status.over],
            waiting=waiting,
            held=self._held.get(tenant, ()),
            holders=await self._holders(news.alerts),
            changes=changes,
            dying=dying(self._window, tenant, changes, now, self._options.excused) if measured else (),
            silences=[s for s in self._silences() if s.tenant == tenant],
            services=self._deps.context.services,
        )

    def _changes(self, tenant: str, now: datetime) -> Sequence[Change]:
        return self._window.changes(tenant, epoch_ns(now - _CHANGES_FOR), self._deps.clock.nanoseconds())

    async def _holders(self, alerts: Sequence[Alert]) -> Mapping[Identity, Incident]:
        """The incidents that these alerts belonged to, as far as they are not known here any more."""
        found: dict[Identity, Incident] = {}
        for alert in alerts:
            trace = await self._deps.ledger.find(identity(alert))
            if trace is not None and trace.incident:
                found[identity(alert)] = await self._deps.incident_store.get(trace.incident)
        return found

    async def _make(self, move: Move, told: Collection[Identity]) -> None:
        incident_store = self._deps.incident_store
        match move:
            case Open(detected):
                opened = await incident_store.open(detected, self._actor)
                for alert in detected.alerts:
                    await self._trace(Trace(alert, Fate.OPENED, "", opened.id), told)
            case Attach(incident, anomalies):
                await incident_store.record(incident, e.AnomaliesAttached(anomalies), self._actor)
            case Suppress(why, anomalies):
                log.info("healing.suppressed", why=why, anomalies=len(anomalies))
            case Trace():
                await self._trace(move, told)
            case AttachAlert() | ClearAlert() | FireAgain():
                await self._trace(await self._put(move), told)

    async def _put(self, move: AttachAlert | ClearAlert | FireAgain) -> Trace:
        """Writes what an alert means for an incident; what is to be known of the alert."""
        incident_store = self._deps.incident_store
        match move:
            case AttachAlert(incident, alert):
                await incident_store.record(incident, e.AlertAttached(alert), self._actor)
                return Trace(alert, Fate.ATTACHED, "", incident)
            case ClearAlert(incident, alert, ended):
                event = e.AlertCleared(alert.fingerprint, alert.starts_at, alert.source)
                await incident_store.record(incident, event, self._actor)
                return Trace(ended, Fate.ENDED, "", incident)
            case FireAgain(incident, alert, reopens):
                if reopens:
                    await incident_store.record(incident, IncidentReopened(self._actor, reopens), self._actor)
                await incident_store.record(incident, e.AlertFiredAgain(alert), self._actor)
                return Trace(alert, Fate.REOPENED if reopens else Fate.FIRED_AGAIN, reopens, incident)

    async def _trace(self, trace: Trace, told: Collection[Identity]) -> None:
        now = self._deps.clock.now()
        known = AlertTrace(trace.alert, trace.fate, trace.why, trace.incident, now, now)
        await record_alert(self._deps.ledger, known, told=identity(trace.alert) in told)


def _finished(incident: Incident) -> bool:
    learned = bool(incident.memory) or incident.status is IncidentStatus.SUPPRESSED
    return incident.status.over and learned


def _of(tenant: str, anomalies: Sequence[Anomaly]) -> tuple[Anomaly, ...]:
    return tuple(a for a in anomalies if a.tenant == tenant)
