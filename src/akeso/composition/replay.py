"""The other composition root: recorded telemetry through the stages of the running Akeso, with nothing to act with.

Ingestion, the journal of the installation, its bus and its actions' targets are left out: a replay keeps its journal in
memory, and its actions are inert (akeso.engine.inert_actions).
"""

import time
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Self

from akeso.adapters.buses.relay import RelayBus
from akeso.adapters.clocks.recorded import RecordedClock
from akeso.adapters.journals.database import Database
from akeso.adapters.journals.memory import MemoryJournal
from akeso.adapters.memory.sql import SqlMemory
from akeso.adapters.telemetry.hot import HotWindow
from akeso.agents.detection.decision import DecisionAgent, DecisionOptions
from akeso.agents.detection.feature import FeatureAgent
from akeso.agents.detection.forecast import ForecastAgent
from akeso.agents.detection.model import ModelAgent
from akeso.agents.incidents.governance import GovernanceAgent
from akeso.agents.incidents.replay_healing import ReplayHealingAgent
from akeso.agents.runtime.agent import Agent
from akeso.agents.runtime.replay import Played, Replay, ReplayOptions
from akeso.composition.detection import make_detectors
from akeso.composition.files import read_knowledge, read_policy, read_services
from akeso.composition.healing import HealingSurroundings, wire_healing
from akeso.composition.system import make_embedder
from akeso.config.settings import Settings
from akeso.config.topology_file import load_topology
from akeso.domain.estate.access import ANONYMOUS
from akeso.domain.incident.incident import Incident
from akeso.domain.messages import Decision
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.engine.incident_store import IncidentStore, IncidentStoreOptions
from akeso.engine.inert_actions import inert
from akeso.engine.suspension import Suspension
from akeso.plugins.discovery import build
from akeso.ports.bus import Message, Topic
from akeso.stages.detection.alert_budget import AlertBudget
from akeso.stages.detection.votes import stated

_MOST_INCIDENTS = 100_000


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay led to. wall_s, cpu_s: how long it took, and on the processors; slots: decided; decisions: those
    that raised or cleared something; incidents: oldest first, as they stood at the end; would_act: step id → when it
    would have been done."""

    played: Played
    wall_s: float
    cpu_s: float
    slots: int
    decisions: tuple[Decision, ...]
    incidents: tuple[Incident, ...]
    would_act: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def recorded_s(self) -> float:
        """The time from the first batch to the last."""
        return (self.played.last - self.played.first) / 1e9

    @property
    def speed(self) -> float:
        """How many times faster than the world it went."""
        return self.recorded_s / self.wall_s if self.wall_s else 0.0

    @property
    def raised(self) -> int:
        """Anomalies that were raised."""
        return sum(len(decision.raised) for decision in self.decisions)


class ReplaySystem:
    """The agents of a replay, wired together. ingest_table: the one that the recording's batches refer to."""

    def __init__(self, settings: Settings, database: Database, memory: SqlMemory, quiet_until: int = 0) -> None:
        self._settings, self._database, self._memory = settings, database, memory
        self._journal = MemoryJournal()
        self._clock, self._bus = RecordedClock(), RelayBus()
        self.ingest_table, self._features = SeriesTable(), SeriesTable()
        self._services = read_services(settings)
        self._window = self._hot_window()
        self._incident_store = IncidentStore(self._journal, self._bus, self._clock, _numbered())
        self._healing = self._replaying()
        self._decisions: list[Decision] = []
        self._slots = 0
        agents = [*self._detection(quiet_until), GovernanceAgent(self._bus, self._clock, read_policy(settings))]
        agents.append(self._healing)
        for agent in agents:
            self._bus.on(agent.topics, agent.handle)
        self._bus.on([Topic.DECISIONS], self._heard)
        options = ReplayOptions(tick=settings.runtime.tick)
        self._replay = Replay(agents, self._bus, self._clock, lambda: self._healing.unfinished, options)

    @classmethod
    async def open(cls, settings: Settings, quiet_until: int = 0) -> Self:
        """quiet_until: slots that end by then (ns) only teach. Journal and memory of the replay forget with it."""
        database = Database("sqlite+aiosqlite://")
        try:
            return cls(settings, database, await SqlMemory.open(database, make_embedder(settings)), quiet_until)
        except BaseException:
            await database.close()
            raise

    async def run(self, recording: AsyncIterable[TelemetryBatch]) -> ReplayReport:
        """Everything, at full speed."""
        began, worked = time.perf_counter(), time.process_time()
        played = await self._replay.play(recording)
        found = await self._incident_store.recent(limit=_MOST_INCIDENTS)
        incidents = tuple(sorted(found, key=lambda incident: (incident.detected_at, incident.id)))
        took, work = time.perf_counter() - began, time.process_time() - worked
        would_act = dict(self._healing.would_act)
        return ReplayReport(played, took, work, self._slots, tuple(self._decisions), incidents, would_act)

    async def close(self) -> None:
        await self._database.close()

    async def _heard(self, message: Message) -> None:
        decision: Decision = message.payload
        self._slots += 1
        if decision.raised or decision.cleared:
            self._decisions.append(decision)

    def _hot_window(self) -> HotWindow:
        settings = self._settings
        options = settings.features
        window = HotWindow(options.slot, settings.ingestion.hot_window, self._features, options.forget)
        window.declared.declare(settings.tenant, load_topology(settings.topology) if settings.topology else ())
        return window

    def _detection(self, quiet_until: int) -> list[Agent]:
        settings, bus, clock, features = self._settings, self._bus, self._clock, self._features
        decision = DecisionOptions(settings.decision, quiet_until)
        detectors = make_detectors(settings, self._services, features)
        budget = AlertBudget(self._services, settings.budget, stated=stated(detectors))
        agents: list[Agent] = [
            FeatureAgent(bus, clock, self.ingest_table, features, self._window, settings.features),
            ModelAgent(bus, clock, detectors, features, settings.model),
            DecisionAgent(bus, clock, features, decision, budget),
        ]
        if settings.forecast.enabled:
            agents.append(ForecastAgent(bus, clock, features, self._services, settings.forecast))
        return agents

    def _replaying(self) -> ReplayHealingAgent:
        settings, clock = self._settings, self._clock
        around = HealingSurroundings(
            self._bus, clock, self._services, read_knowledge(settings), self._window, self._memory,
            self._incident_store, Suspension(self._journal, clock), _recorded,
        )  # fmt: skip
        healing = wire_healing(settings, inert(build("actions", settings.actions)), around)
        return ReplayHealingAgent(healing.deps, self._window, healing.kinds, healing.options)


def _recorded(tenant: str, author: str, service: str) -> bool:
    # Whose keys they were is not in a recording.
    del tenant, service
    return author != ANONYMOUS


def _numbered() -> IncidentStoreOptions:
    # The same recording gives the same names, so that two replays can be compared line by line.
    numbers = count(1)
    return IncidentStoreOptions(new_id=lambda at: f"replay-{at:%Y%m%d-%H%M%S}-{next(numbers)}")
