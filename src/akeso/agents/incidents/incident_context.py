"""IncidentContext: everything about one incident that is looked up or thought about. Changes nothing in the world."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

import structlog

from akeso.domain.errors import AkesoError
from akeso.domain.estate.service import Services
from akeso.domain.incident.case import Case, Report
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.domain.incident.events import Watch
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.memory import Memory, Recollection
from akeso.domain.incident.outcome import Verification
from akeso.domain.incident.plan import Plan
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix
from akeso.domain.telemetry.times import duration_ns, epoch_ns
from akeso.engine.deadline import within
from akeso.ports.clock import Clock
from akeso.ports.evidence import EvidenceProvider
from akeso.ports.memory import IncidentMemory
from akeso.ports.reasoner import Reasoner
from akeso.ports.window import TelemetryWindow
from akeso.stages.diagnosis.case_builder import Reach, Symptomatic, picture
from akeso.stages.diagnosis.confidence import Calibration
from akeso.stages.diagnosis.diagnose import DiagnoseOptions, diagnose
from akeso.stages.healing.advance import all_clear, touched
from akeso.stages.healing.learn import describe, learn, signature
from akeso.stages.healing.plan import History, PlanOptions, Surroundings, plan
from akeso.stages.healing.playbooks import Playbook
from akeso.stages.healing.rejections import Rejection
from akeso.stages.healing.verify import Aftermath, VerifyOptions, quiet_for, verify
from akeso.stages.healing.watches import WatchOptions, choose_watches

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReasoningParts:
    """The stages that think, bound to their plugins and options. Pure; `diagnose` may take a while."""

    diagnose: Callable[[Case], Diagnosis]
    plan: Callable[[Incident, Diagnosis, Surroundings, History], Plan]
    reasoner: Reasoner | None = None

    @classmethod
    def of(
        cls,
        providers: Sequence[EvidenceProvider],
        playbooks: Sequence[Playbook],
        reasoner: Reasoner | None = None,
        diagnosing: DiagnoseOptions | None = None,
        planning: PlanOptions | None = None,
        calibration: Calibration | None = None,
    ) -> Self:
        """The parts that ship. calibration: the scale of confidence; the shipped one when None."""

        def think(case: Case) -> Diagnosis:
            return diagnose(case, providers, diagnosing, calibration)

        def devise(incident: Incident, diagnosis: Diagnosis, around: Surroundings, history: History) -> Plan:
            return plan(incident, diagnosis, playbooks, around, history, planning)

        return cls(think, devise, reasoner)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where knowledge comes from. actions: the names of all actions, to ask memory about."""

    window: TelemetryWindow
    memory: IncidentMemory
    services: Services = field(default_factory=Services)
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentContextOptions:
    """What a diagnosis gets to see.

    past: how much telemetry of the time before the onset it sees.
    changes: how far before the onset it sees changes.
    within: time for a diagnosis, and as much for putting it into words.
    recalled: similar incidents of the past that it sees.
    hypotheses: hypotheses whose remedies of the past are looked up.
    watches: the symptoms that verification watches.
    verify: when a healing has worked.
    """

    past: timedelta = timedelta(minutes=5)
    changes: timedelta = timedelta(minutes=30)
    within: timedelta = timedelta(seconds=15)
    recalled: int = 5
    hypotheses: int = 3
    watches: WatchOptions = field(default_factory=WatchOptions)
    verify: VerifyOptions = field(default_factory=VerifyOptions)


class IncidentContext:
    """Answers questions about an incident from the hot window and memory."""

    def __init__(
        self, reasoning: ReasoningParts, sources: Sources, clock: Clock, options: IncidentContextOptions | None = None
    ) -> None:
        self._reasoning, self._sources, self._clock = reasoning, sources, clock
        self._options = options or IncidentContextOptions()
        self.services = sources.services
        self._symptoms: dict[str, tuple[int, tuple[Watch, ...]]] = {}

    async def diagnosis(self, incident: Incident) -> Diagnosis:
        """What is wrong; unknown when it takes too long to tell."""
        case = await self.case(incident)
        try:
            thinking = asyncio.to_thread(self._reasoning.diagnose, case)
            found = await within(self._clock, self._options.within, thinking)
        except TimeoutError as late:
            return Diagnosis((), False, f"the diagnosis gave {late}")
        return await self._explained(case, found)

    async def plan(self, incident: Incident, rejections: Sequence[Rejection] = ()) -> Plan:
        """What may be done about it. rejections: those of people that stand."""
        diagnosis = incident.diagnosis or Diagnosis((), False)
        window, now = self._sources.window, self._clock.nanoseconds()
        since = epoch_ns(incident.onset) - duration_ns(self._options.changes)
        changes = tuple(window.changes(incident.tenant, since, now))
        topology, today = window.topology(incident.tenant), self._clock.now()
        around = Surroundings(self._sources.services, topology, changes, tuple(rejections), today)
        return self._reasoning.plan(incident, diagnosis, around, await self._history(incident, diagnosis))

    async def case(self, incident: Incident) -> Case:
        """Everything known now, similar incidents included."""
        return self.picture(incident, await self._similar(incident))

    def picture(self, incident: Incident, similar: Sequence[Recollection] = ()) -> Case:
        """Everything known now, frozen."""
        seen = Symptomatic(
            tenant=incident.tenant,
            onset=incident.onset,
            until=self._clock.nanoseconds(),
            anomalies=incident.anomalies,
            alerts=incident.alerts,
            similar=similar,
            services=self._sources.services,
            report=Report(incident.reported, incident.title) if incident.reported else None,
            incident=incident.id,
        )
        return picture(self._sources.window, seen, Reach(self._options.past, self._options.changes))

    def watches(self, incident: Incident) -> tuple[Watch, ...]:
        """What to watch after the current option was carried out."""
        return choose_watches(incident, self._past_and_present(incident), targets(incident), self._options.watches)

    def verification(self, incident: Incident) -> Verification | None:
        """How the current option went; None while that is open."""
        assert incident.verify_by is not None
        matrix = self._past_and_present(incident)
        after = Aftermath(
            matrix=matrix,
            onset=epoch_ns(incident.onset),
            applied=epoch_ns(done_at(incident)),
            deadline=epoch_ns(incident.verify_by),
            now=self._clock.nanoseconds(),
            untouched=self._untouched(incident, matrix),
            alerts_clear=all_clear(incident) if incident.alerts else None,
        )
        return verify(incident.watches, after, self._options.verify)

    def quiet(self, incident: Incident) -> timedelta:
        """For how long all is well again although nothing was done, or not by Akeso since it called people; 0 when it
        is not or nobody can tell."""
        now = self._clock.now()
        acted = touched(incident) and not incident.status.handed_over
        if acted or incident.status.over or not all_clear(incident):
            return timedelta(0)
        if not incident.anomalies:
            ends = [a.ends_at for a in incident.alerts if a.ends_at is not None]
            return now - max(ends) if ends else timedelta(0)
        window = self._sources.window
        slowest = max(duration_ns(anomaly.every) for anomaly in incident.anomalies)
        since = window.now - max(_looked_back_s(incident) * NANOSECONDS, 4 * slowest)
        recent = window.features(incident.tenant, since, window.now)
        quiet = self._quiet_in(incident, recent)
        last = max(epoch_ns(a.detected_at) for a in incident.anomalies)
        return min(quiet, timedelta(microseconds=max(0, window.now - last) / 1_000))

    def _quiet_in(self, incident: Incident, recent: FeatureMatrix) -> timedelta:
        if not incident.status.handed_over:
            return quiet_for(self._watched(incident), recent, self._options.verify)
        quiet = quiet_for(self._watched(incident), recent, self._options.verify, len(recent.times))
        ends = [a.ends_at for a in incident.alerts if a.ends_at is not None]
        # What flaps has to be calm for longer than is looked back at: the alerts' ends say since when it may be.
        calm = incident.flapping and ends and quiet >= timedelta(seconds=_looked_back_s(incident) - 5)
        return max(quiet, self._clock.now() - max(ends)) if calm else quiet

    def lesson(self, incident: Incident) -> Memory:
        """The incident as a memory."""
        return learn(incident, self._clock.now())

    async def remember(self, memory: Memory) -> None:
        await self._sources.memory.remember(memory)

    def forget(self, incident: str) -> None:
        """The incident is over: nothing about it needs to be kept at hand."""
        self._symptoms.pop(incident, None)

    def _watched(self, incident: Incident) -> tuple[Watch, ...]:
        count, watches = self._symptoms.get(incident.id, (-1, ()))
        if count != len(incident.anomalies):
            matrix = self._past_and_present(incident)
            watches = choose_watches(incident, matrix, options=self._options.watches)
            self._symptoms[incident.id] = len(incident.anomalies), watches
        return watches

    def _past_and_present(self, incident: Incident) -> FeatureMatrix:
        window = self._sources.window
        start = epoch_ns(incident.onset) - duration_ns(self._options.past)
        return window.features(incident.tenant, start, window.now)

    def _untouched(self, incident: Incident, matrix: FeatureMatrix) -> frozenset[str]:
        topology, acted_on = self._sources.window.topology(incident.tenant), targets(incident)
        concerned = incident.services.union(acted_on, *(topology.upstream(t) for t in acted_on))
        return frozenset(key.service for key in matrix.keys) - concerned

    async def _similar(self, incident: Incident) -> Sequence[Recollection]:
        memory, shape = self._sources.memory, signature(incident.anomalies)
        try:
            return await memory.recall(incident.tenant, describe(incident), shape, self._options.recalled)
        except AkesoError as error:
            log.warning("memory.silent", incident=incident.id, error=str(error))
            return ()

    async def _history(self, incident: Incident, diagnosis: Diagnosis) -> History:
        classes = {h.fault_class for h in diagnosis.hypotheses[: self._options.hypotheses]}
        pairs = [(fault, action) for fault in sorted(classes) for action in self._sources.actions]
        memory = self._sources.memory
        try:
            return {pair: await memory.success(incident.tenant, *pair) for pair in pairs}
        except AkesoError as error:
            log.warning("memory.silent", incident=incident.id, error=str(error))
            return {}

    async def _explained(self, case: Case, diagnosis: Diagnosis) -> Diagnosis:
        if self._reasoning.reasoner is None:
            return diagnosis
        try:
            explaining = self._reasoning.reasoner.explain(case, diagnosis)
            said = await within(self._clock, self._options.within, explaining)
        # The boundary of a plugin: words are a comfort, healing goes on without them.
        except Exception:
            log.exception("reasoner.silent", reasoner=self._reasoning.reasoner.name)
            return diagnosis
        return replace(diagnosis, explanation=said.text or diagnosis.explanation, claims=said.claims)


def _looked_back_s(incident: Incident) -> int:
    """How far back quiet is looked for: longer where only a longer calm says something."""
    return 90 if incident.status.handed_over else 20


def targets(incident: Incident) -> frozenset[str]:
    """The services that the current option acts on."""
    option = incident.current_option
    return frozenset(incident.actions[s.id].step.target for s in option.steps) if option else frozenset()


def done_at(incident: Incident) -> datetime:
    """When the last effect of the current option took place (or was last known to be under way)."""
    option = incident.current_option
    records = [incident.actions[s.id] for s in option.steps] if option else []
    times = [t for r in records if (t := r.applied_at or r.intended_at) is not None]
    return max(times, default=incident.detected_at)
