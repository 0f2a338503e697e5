"""Decisions of a rerun → the cases that Akeso would have diagnosed, or the one of a time that somebody names."""

from collections.abc import AsyncIterable, AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.detection.symptoms import SYMPTOMS
from akeso.domain.incident.case import Case
from akeso.domain.incident.events import AnomaliesAttached, Entry, Event, IncidentResolved
from akeso.domain.incident.evolution import evolve
from akeso.domain.incident.incident import Incident
from akeso.domain.messages import Decision
from akeso.domain.telemetry.batches import NANOSECONDS, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import epoch_ns
from akeso.offline.casefiles.asked import Asked, Found, Range
from akeso.offline.casefiles.rerun import Raised, Rerun, RerunOptions, moment
from akeso.stages.correlation.correlate import correlate
from akeso.stages.correlation.fatal_records import dying
from akeso.stages.correlation.placements import Attach, Open
from akeso.stages.correlation.scene import CorrelateOptions, News, Scene, Waiting
from akeso.stages.diagnosis.case_builder import Reach, Symptomatic, picture

_LOOKED_AFTER_S = 4  # from the detection to the picture; live it is two, and every second look later
_EARLY_NS = 30 * NANOSECONDS  # an anomaly that began so long before a named time still belongs to it
_CHANGES_FOR = timedelta(minutes=5)
_CLOSED_FOR = timedelta(minutes=1)  # an incident that ended explains echoes for so long


async def found_in(
    batches: AsyncIterable[TelemetryBatch], table: SeriesTable, asked: Asked, options: RerunOptions
) -> list[Found]:
    """The case of the asked time, or one for every incident that the detectors and correlation open.

    batches: in the order of their arrival, their series interned in `table`. options: how they are detected.
    """
    span = asked.past + timedelta(minutes=2)
    if asked.span is not None:
        span += timedelta(microseconds=(asked.span.end - asked.span.start) / 1000)
    rerun = Rerun(table, replace(options, span=span), asked.edges, asked.tenant)
    if asked.span is not None:
        return [await _of_range(rerun, batches, asked, asked.span)]
    watch, found = _Watch(rerun, asked), list[Found]()
    async for decision in _decisions(rerun, batches):
        found += watch.after(decision)
    return [*found, *watch.rest()]


async def _decisions(rerun: Rerun, batches: AsyncIterable[TelemetryBatch]) -> AsyncIterator[Decision]:
    async for batch in batches:
        for decision in rerun.take(batch):
            yield decision
    for decision in rerun.finish():
        yield decision


async def _of_range(rerun: Rerun, batches: AsyncIterable[TelemetryBatch], asked: Asked, span: Range) -> Found:
    raised = Raised()
    async for batch in batches:
        if batch.received_at > span.end:
            break
        for decision in rerun.take(batch):
            raised.after(decision)
    for decision in rerun.until(span.end + NANOSECONDS):
        raised.after(decision)
    own = tuple(a for a in raised.anomalies.values() if a.tenant == asked.tenant)
    anomalies = tuple(a for a in own if epoch_ns(a.onset) >= span.start - _EARLY_NS)
    case = _pictured(rerun, asked, Symptomatic(asked.tenant, moment(span.start), span.end, anomalies))
    return Found(f"{len(anomalies)} anomalies in the range", case, anomalies)


def _pictured(rerun: Rerun, asked: Asked, seen: Symptomatic) -> Case:
    known = Symptomatic(seen.tenant, seen.onset, seen.until, seen.anomalies, services=asked.services)
    return picture(rerun.window, known, Reach(past=asked.past))


@dataclass(slots=True)
class _Watch:
    """Correlation over the decisions of one tenant. An incident ends when its symptoms do."""

    rerun: Rerun
    asked: Asked
    waiting: tuple[Waiting, ...] = ()
    raised: Raised = field(default_factory=Raised)
    incidents: dict[str, Incident] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)

    def after(self, decision: Decision) -> Iterator[Found]:
        """Take one slot's news; cases that are due by now."""
        tenant, window = self.asked.tenant, self.rerun.window
        raised = tuple(a for a in decision.raised if a.tenant == tenant)
        cleared = tuple(key for key in decision.cleared if key.tenant == tenant)
        now, options = moment(decision.end), CorrelateOptions()
        changes = window.changes(tenant, epoch_ns(now - _CHANGES_FOR), decision.end)
        scene = Scene(
            now=now,
            topology=window.topology(tenant),
            open=[i for i in self.incidents.values() if not i.status.at_rest],
            closed=[i for i in self.incidents.values() if i.ended_at is not None and now - i.ended_at < _CLOSED_FOR],
            waiting=self.waiting,
            changes=changes,
            dying=dying(window, tenant, changes, now, options.excused),
            services=self.asked.services,
        )
        result = correlate(News(raised, cleared), scene, options)
        self.waiting = result.waiting
        for move in result.moves:
            match move:
                case Open(detected):
                    name = str(len(self.incidents) + 1)
                    self._happened(name, detected, decision.end)
                    self.due[name] = decision.end + _LOOKED_AFTER_S * NANOSECONDS
                case Attach(incident, anomalies):
                    self._happened(incident, AnomaliesAttached(anomalies), decision.end)
                case _:
                    pass
        self._ended(self.raised.after(decision), decision.end)
        yield from [self._found(name) for name, at in list(self.due.items()) if decision.end >= at]

    def rest(self) -> list[Found]:
        """The cases of incidents that were young when the recording ended."""
        return [self._found(name) for name in list(self.due)]

    def _found(self, name: str) -> Found:
        del self.due[name]
        i = self.incidents[name]
        seen = Symptomatic(i.tenant, i.onset, self.rerun.window.now, i.anomalies)
        return Found(i.title, _pictured(self.rerun, self.asked, seen), i.anomalies)

    def _ended(self, raised: tuple[Anomaly, ...], end: int) -> None:
        """Symptoms that are all gone end an incident: nobody heals here, but somebody did when it was recorded."""
        still = {a.key for a in raised if a.signal in SYMPTOMS}
        for name, incident in list(self.incidents.items()):
            if not incident.status.at_rest and not any(a.key in still for a in incident.anomalies):
                self._happened(name, IncidentResolved("the symptoms are gone"), end)

    def _happened(self, name: str, event: Event, end: int) -> None:
        before = self.incidents.get(name)
        entry = Entry((before.sequence if before else 0) + 1, name, moment(end), "rerun", event)
        self.incidents[name] = evolve(before, entry)
