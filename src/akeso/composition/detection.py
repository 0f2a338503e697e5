"""The composition of what detects and of what looks after it: model, versions, evaluation, monitoring."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature

from akeso.adapters.alarms import AlarmFile
from akeso.adapters.journals.sql import SqlJournal
from akeso.adapters.models.labels import SqlLabelStore
from akeso.adapters.models.sql import SqlModelRegistry
from akeso.agents.detection.decision import DecisionAgent, DecisionOptions
from akeso.agents.detection.model import ModelAgent
from akeso.agents.runtime.agent import Agent
from akeso.agents.selfhealing.evaluation import EvaluationAgent
from akeso.agents.selfhealing.monitoring import MonitoringAgent, Surveyed
from akeso.agents.selfhealing.pipeline import FeatureHistory, OwnPipeline, TrainingDeps
from akeso.config.settings import Settings
from akeso.domain.detection.detection_model import Alias
from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.service import Services
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.discovery import build, discover
from akeso.ports.bus import Bus
from akeso.ports.clock import Clock
from akeso.ports.detector import Detector, give_vote
from akeso.ports.model_registry import ModelRegistry
from akeso.ports.objectives import Objectives
from akeso.ports.pipeline import Connected
from akeso.stages.detection.alert_budget import AlertBudget
from akeso.stages.detection.votes import stated


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What detection stands on. quiet_until: see akeso.agents.detection.decision.DecisionOptions."""

    journal: SqlJournal
    bus: Bus
    clock: Clock
    features: SeriesTable
    history: FeatureHistory
    services: Services
    quiet_until: int


@dataclass(frozen=True, slots=True)
class Detection:
    """The agents, and the pipeline that they form."""

    model: ModelAgent
    decision: DecisionAgent
    monitoring: MonitoringAgent
    evaluation: EvaluationAgent
    pipeline: OwnPipeline

    @property
    def objectives(self) -> Objectives | None:
        """Who keeps the error budgets; None when no detector does."""
        return next((d for d in self.model.detectors.values() if isinstance(d, Objectives)), None)

    @property
    def agents(self) -> tuple[Agent, ...]:
        """In the order of the data."""
        return self.model, self.decision, self.monitoring, self.evaluation


def make_detectors(settings: Settings, services: Services, features: SeriesTable) -> dict[str, Detector]:
    """The installed detectors over the series of a feature table; those on request, if the settings ask for them."""
    given = {name: dict(options) for name, options in settings.detectors.items()}
    known = {"services": services, "table": features}
    for name, plugin in discover("detectors").items():
        if name in given or not getattr(plugin, "on_request", False):
            taken = {option: value for option, value in known.items() if option in signature(plugin).parameters}
            given[name] = given.get(name, {}) | taken
    return _voting(build("detectors", given), settings)


def _voting(made: dict[str, Detector], settings: Settings) -> dict[str, Detector]:
    known = discover("detectors")
    for name, vote in settings.votes.items():
        if name not in known:
            raise InvalidSettings(f"votes.{name}", f"no such detector; there are {', '.join(known)}")
        if name in made:
            give_vote(made[name], vote)
    return made


async def open_registry(settings: Settings, journal: SqlJournal) -> ModelRegistry:
    """Where the settings keep versions. Raises InvalidSettings, Unavailable."""
    chosen = settings.models
    if chosen.registry == "sql":
        return SqlModelRegistry(journal.database)
    from akeso.adapters.models.mlflow_registry import MlflowModelRegistry  # extra [mlflow]

    own = settings.data.resolve()
    uri = chosen.uri or f"sqlite:///{own / 'mlflow.db'}"
    return await MlflowModelRegistry.open(uri, chosen.name, None if chosen.uri else own / "mlflow-artifacts")


async def open_detection(settings: Settings, around: Surroundings) -> Detection:
    """Wired together, with the champion's threshold in force. Raises InvalidSettings, Unavailable."""
    registry = await open_registry(settings, around.journal)
    labels = SqlLabelStore(around.journal.database)
    detectors = partial(make_detectors, settings, around.services, around.features)
    settings = await _with_champion(settings, registry)
    champion = detectors()
    model = ModelAgent(around.bus, around.clock, champion, around.features, settings.model, registry)
    training_deps = TrainingDeps(registry, labels, around.history, detectors, around.journal.record_config)
    pipeline = OwnPipeline(model, training_deps, around.bus, around.clock, settings.models.pipeline)
    surveyed = Surveyed(around.clock, registry, around.features)
    return Detection(
        model,
        _decision_agent(settings, around, stated(champion)),
        MonitoringAgent(around.bus, settings.tenant, settings.selfcheck, surveyed),
        EvaluationAgent(pipeline, labels, detectors, around.features, settings.models.evaluation),
        pipeline,
    )


def _decision_agent(settings: Settings, around: Surroundings, stated_by: Collection[str]) -> DecisionAgent:
    options = DecisionOptions(settings.decision, around.quiet_until)
    alarms = AlarmFile(settings.data / "alarms.json")
    budget = AlertBudget(around.services, settings.budget, alarms.load(), stated_by)
    return DecisionAgent(around.bus, around.clock, around.features, options, budget, alarms.keep)


async def _with_champion(settings: Settings, registry: ModelRegistry) -> Settings:
    """The settings with the threshold that the champion was registered with."""
    champion = (await registry.aliases()).get(Alias.CHAMPION)
    if champion is None:
        return settings
    threshold = (await registry.get(champion)).threshold
    return settings.changed(decision=replace(settings.decision, threshold=threshold))


def connect(actions: Mapping[str, object], pipeline: OwnPipeline) -> None:
    """Actions on Akeso itself get hold of it."""
    for action in actions.values():
        if isinstance(action, Connected):
            action.connect(pipeline)
