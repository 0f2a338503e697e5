"""The composition root: settings → a running system. The only module that knows which adapter stands behind a port."""

import asyncio
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from akeso.adapters.allocator import share_one_arena
from akeso.adapters.data_folder import DataFolder
from akeso.adapters.embedders.hashed import HashedEmbedder
from akeso.adapters.embedders.minilm import MiniLmEmbedder
from akeso.adapters.journals.alert_ledger import SqlAlertLedger
from akeso.adapters.journals.answer_shelf import SqlAnswerShelf
from akeso.adapters.journals.incident_list import SqlIncidentList
from akeso.adapters.journals.silence_shelf import SqlSilenceShelf
from akeso.adapters.journals.sql import SqlJournal
from akeso.adapters.keys.file import KeyFile
from akeso.adapters.memory.sql import SqlMemory
from akeso.adapters.telemetry.hot import HotWindow
from akeso.agents.detection.feature import FeatureAgent
from akeso.agents.detection.forecast import ForecastAgent
from akeso.agents.incidents.explanation import ExplanationAgent
from akeso.agents.incidents.governance import GovernanceAgent
from akeso.agents.incidents.healing import HealingAgent
from akeso.agents.incidents.notification import Guidance, NotificationAgent
from akeso.agents.intake.change_recorder import ChangeRecorderAgent
from akeso.agents.intake.feed import FeedAgent
from akeso.agents.intake.ingestion import IngestionAgent
from akeso.agents.intake.pull import PullAgent, Pulled, PullMetrics, PullOptions, PullSink
from akeso.agents.intake.senders import SendersAgent
from akeso.agents.runtime.agent import Agent
from akeso.agents.runtime.metrics import AgentMetrics
from akeso.agents.runtime.runner import AgentRunner
from akeso.agents.runtime.supervisor import Supervisor
from akeso.composition.detection import Surroundings, connect, open_detection
from akeso.composition.files import read_knowledge, read_playbooks, read_policy, read_services, use_tables
from akeso.composition.healing import FIRST_WORDS, Healing, HealingSurroundings, wire_healing
from akeso.composition.notification import make_notifiers, read_routes
from akeso.composition.parts import Parts, Tables, installed
from akeso.composition.prometheus_collectors import (
    AccessCollector,
    IncidentCollector,
    IntakeCollector,
    PipelineCollector,
)
from akeso.composition.reloading import InForce, Reloading
from akeso.config.intake_settings import PullSettings
from akeso.config.settings import Settings
from akeso.config.topology_file import load_topology
from akeso.domain.errors import InvalidInput, InvalidSettings
from akeso.domain.estate.service import Services
from akeso.domain.telemetry.query import MetricMatrix, MetricSelector, Range
from akeso.domain.telemetry.series import SeriesTable
from akeso.engine.channel_answers import ChannelAnswers
from akeso.engine.incident_store import IncidentStore, IncidentStoreOptions, new_incident_id
from akeso.engine.refused_keys import RefusedKeys
from akeso.engine.silences import Silences
from akeso.engine.suspension import Suspension
from akeso.plugins.discovery import build, make
from akeso.ports.embedder import Embedder
from akeso.ports.puller import Address
from akeso.ports.reasoner import Consulting, Reasoner, ReasonerContext
from akeso.ports.source import Source
from akeso.stages.query.metric_query import MetricQuery

WATERMARK = "decisions"
# Of one question that a reasoner asks the store.
HISTORY_POINTS, HISTORY_SERIES = 500_000, 50


def make_embedder(settings: Settings) -> Embedder:
    """What the settings choose. Raises InvalidSettings where its extra is missing."""
    return MiniLmEmbedder() if settings.embedder == "minilm" else HashedEmbedder()


class System:
    """Everything that runs, wired together. `open` builds it, `start` sets it going, `stop` ends it in order."""

    def __init__(self, settings: Settings, journal: SqlJournal, memory: SqlMemory, parts: Parts) -> None:
        self.settings, self.journal, self.memory, self._parts = settings, journal, memory, parts
        self.clock = parts.clock
        self.registry = CollectorRegistry()
        self.keys = KeyFile(settings.data / "keys.json", parts.clock)
        self.refused_keys = RefusedKeys(parts.clock, settings.access.refused_keys)
        self.knowledge = read_knowledge(settings)
        self.ingest_table, self.feature_table = SeriesTable(most=settings.ingestion.series), SeriesTable()
        self.bus = parts.open_bus(settings, Tables(self.ingest_table, self.feature_table))
        specs = dict(read_services(settings).specs)
        self.services, self._playbooks = Services(specs), list(read_playbooks(settings))
        self._governance = GovernanceAgent(self.bus, self.clock, read_policy(settings))
        held = InForce(specs, self._playbooks, self._governance.use)
        self.reloading = Reloading(settings, held, self.clock, journal.record_config)
        self.store = parts.open_store(settings, self.ingest_table)
        slot = settings.features.slot
        forget = settings.features.forget
        self.window = HotWindow(slot, settings.ingestion.hot_window, self.feature_table, forget)
        self.window.declared.declare(settings.tenant, load_topology(settings.topology) if settings.topology else ())
        naming = IncidentStoreOptions(new_id=lambda at: new_incident_id(at, parts.token))
        self.incident_store = IncidentStore(journal, self.bus, self.clock, naming)
        self.answers = ChannelAnswers(self.incident_store, self.clock)
        self.suspension = Suspension(journal, self.clock)
        self.kept_answers = SqlAnswerShelf(journal.database)
        self.incident_list = SqlIncidentList(journal.database)
        self.ledger = SqlAlertLedger(journal.database)
        self.incident_metrics = IncidentCollector(journal, self.incident_list, self.ledger, self.clock)
        self.silences = Silences(SqlSilenceShelf(journal.database), self.clock.now)
        self.sources: dict[str, Source] = build("sources", settings.sources)
        self.feed = FeedAgent()
        self.ingestion = IngestionAgent(self.store, self.bus, self.clock, self.ingest_table, settings.ingestion)
        self.senders = SendersAgent(self.bus, self.clock, self.ingest_table)
        self._folder: DataFolder | None = None
        self.started = False  # set for good once every agent has started
        self._tidying: asyncio.Task[object] | None = None

    @classmethod
    async def open(cls, settings: Settings, parts: Parts | None = None) -> "System":
        """Opens the stores and reads every file. Raises InvalidSettings or Unavailable; then nothing was started.

        parts: who stands behind the ports; those of an installation when None."""
        share_one_arena()
        folder = DataFolder(settings.data)
        folder.take()
        try:
            system = await cls._opened(settings, parts or installed())
        except BaseException:
            folder.release()
            raise
        system._folder = folder
        try:
            system.keys.admin_key(settings.tenant)
            system.keys.sender_key(settings.tenant)
            await system._wire()
        except BaseException:
            await system._close()
            raise
        return system

    @classmethod
    async def _opened(cls, settings: Settings, parts: Parts) -> "System":
        use_tables(settings)
        journal = await parts.open_journal(settings)
        try:
            memory = await SqlMemory.open(journal.database, make_embedder(settings))
            return cls(settings, journal, memory, parts)
        except BaseException:
            await journal.close()
            raise

    async def start(self) -> None:
        """Returns when every agent has started: the hot window is warm and open incidents are taken up."""
        await self.supervisor.start()
        self._tidying = asyncio.create_task(self._parts.tidy(), name="tidy")
        self.started = True

    async def stop(self) -> None:
        """Stops the agents, then closes the stores."""
        if self._tidying is not None:
            self._tidying.cancel()
        await self.supervisor.stop()
        await self._close()

    @property
    def ready(self) -> bool:
        """Every agent has started and beats."""
        if not self.started:
            return False
        alive = self.supervisor.alive
        return all(alive.values())

    @property
    def key_path(self) -> Path:
        return self.settings.data / "admin.key"

    @property
    def sender_key_path(self) -> Path:
        return self.settings.data / "ingest.key"

    async def _close(self) -> None:
        await self.bus.close()
        await self.store.close()
        await self.journal.close()
        if self._folder is not None:
            self._folder.release()

    async def _wire(self) -> None:
        await self.suspension.refresh()
        await self.silences.load()
        self.detection = await open_detection(self.settings, await self._surroundings())
        healing = self._healing()
        self.context = healing.deps.context
        self.healing = HealingAgent(healing.deps, self.window, healing.options, self._mark, self.silences.present)
        feature = FeatureAgent(
            self.bus, self.clock, self.ingest_table, self.feature_table, self.window, self.settings.features
        )
        self.registry.register(IntakeCollector(self.ingestion, feature))
        self.registry.register(AccessCollector(self.refused_keys))
        self.registry.register(self.incident_metrics)
        self.registry.register(PipelineCollector(self.detection.monitoring, self.detection.pipeline))
        agents: list[Agent] = [
            self.feed,
            self.ingestion,
            ChangeRecorderAgent(self.incident_store, self.ingestion.accept, self.clock, healing.kinds),
            feature,
            self.senders,
            *self.detection.agents,
            self._governance,
            self.healing,
            *self._pull(),
        ]
        if self.settings.forecast.enabled:
            forecast = self.settings.forecast
            agents.append(ForecastAgent(self.bus, self.clock, self.feature_table, self.services, forecast))
        if (reasoner := self._later_words()) is not None:
            agents.append(ExplanationAgent(reasoner, self.incident_store, self.context))
        agents.extend(self._telling())
        metrics = AgentMetrics(self.registry)
        runner = partial(AgentRunner, bus=self.bus, clock=self.clock, metrics=metrics, options=self.settings.runtime)
        self.supervisor = Supervisor(agents, runner, self.clock, metrics, self.settings.supervisor)
        self.detection.pipeline.supervised_by(self.supervisor)

    def _telling(self) -> list[Agent]:
        notifiers, rules = make_notifiers(self.settings), read_routes(self.settings)
        guidance, options = Guidance(rules, self.services, self.silences.present), self.settings.notification
        told = NotificationAgent(notifiers, self.incident_store, self.clock, options, self.store, guidance)
        return [told] if notifiers else []

    def _pull(self) -> list[Agent]:
        endpoints = [self._pulled(each) for each in self.settings.pull]
        names = [each.name for each in endpoints]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise InvalidSettings("pull", f"two endpoints are called {twice}: give them a name each")
        if not endpoints:
            return []
        sink = PullSink(
            lambda: self.started, self.ingestion.accept, self.window.declared.learn, self.store.marked, self.store.mark
        )
        return [PullAgent(endpoints, sink, self.clock, self.ingest_table, PullMetrics(self.registry))]

    def _pulled(self, asked: PullSettings) -> Pulled:
        options = {"address": Address(asked.url, asked.headers, asked.timeout), **(asked.model_extra or {})}
        timing = PullOptions(asked.every, asked.delay, asked.backfill)
        try:
            puller = make("pullers", asked.kind, options)
        except InvalidInput as bad:
            raise InvalidSettings(f"pull.{asked.title}.{bad.field}", bad.reason) from bad
        return Pulled(asked.title, asked.tenant or self.settings.tenant, puller, timing)

    async def _surroundings(self) -> Surroundings:
        quiet_until = await self.store.marked(WATERMARK)
        return Surroundings(
            self.journal, self.bus, self.clock, self.feature_table, self.window, self.services, quiet_until
        )

    def _healing(self) -> Healing:
        actions = self._parts.make_actions(self.settings)
        connect(actions, self.detection.pipeline)
        around = HealingSurroundings(
            self.bus, self.clock, self.services, self.knowledge, self.window, self.memory, self.incident_store,
            self.suspension, self.keys.may_speak, self._parts.token, self.ledger, self.silences.frozen,
            self._playbooks,
        )  # fmt: skip
        return wire_healing(self.settings, actions, around)

    def _later_words(self) -> Reasoner | None:
        """The reasoner whose words come after those that are at hand at once; None when there is no other."""
        chosen = self.settings.healing.reasoner
        if chosen == FIRST_WORDS:
            return None
        reasoner: Reasoner = make("reasoners", chosen, {"options": self.settings.llm} if chosen == "llm" else {})
        if isinstance(reasoner, Consulting):
            recall, positions = self.memory.recall, self.store
            reasoner.connect(
                ReasonerContext(self.clock, self.registry, self.knowledge, recall, self._history, positions)
            )
        return reasoner

    async def _history(self, selector: MetricSelector, over: Range) -> MetricMatrix:
        return await self.store.ask(MetricQuery(selector, over, HISTORY_POINTS, HISTORY_SERIES))

    async def _mark(self, slot_end: int) -> None:
        await self.store.mark(WATERMARK, slot_end)
