"""Akeso's own pipeline under one roof: what actions, faces and agents may change about it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

import numpy as np
import structlog

from akeso.agents.detection.model import ModelAgent
from akeso.domain.detection.detection_model import Alias, Artefact, ModelDraft, ModelVersion
from akeso.domain.errors import Conflict, NotFound
from akeso.domain.messages import ConfigUpdate
from akeso.domain.telemetry.batches import FeatureMatrix
from akeso.domain.telemetry.times import duration_ns
from akeso.engine.background_thread import aside
from akeso.ports.bus import Bus, Topic
from akeso.ports.clock import Clock
from akeso.ports.detector import Detector
from akeso.ports.labels import LabelStore
from akeso.ports.model_registry import ModelRegistry
from akeso.ports.pipeline import Actor
from akeso.stages.detection.decide import DecideOptions, DecideState
from akeso.stages.detection.detection_settings import redecided, rescored
from akeso.stages.detection.score import ScoreOptions
from akeso.stages.model.training import Trained, TrainingOptions, train

log = structlog.get_logger(__name__)

BASELINE = Actor("akeso", "the first version: what was learnt since the start")


class FeatureHistory(Protocol):
    """The features of the recent past, of all tenants."""

    @property
    def now(self) -> int: ...

    def frames(self, start: int, end: int) -> FeatureMatrix: ...


class Supervision(Protocol):
    """Who keeps the agents alive."""

    @property
    def alive(self) -> dict[str, bool]: ...

    async def restart(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """Versions of the detection model: when they are made and how many are kept.

    baseline: how long the model learns before its first version is registered.
    keep: versions that are kept.
    load: how long a version may take to be taken up.
    recent: the past that is trained on after drift.
    labels: how many of the newest labels are trained on.
    training: how a version is trained.
    """

    baseline: timedelta = timedelta(minutes=10)
    keep: int = 20
    load: timedelta = timedelta(seconds=20)
    recent: timedelta = field(default=timedelta(minutes=5), metadata={"set_at": "selfcheck.drift_window"})
    labels: int = 2000
    training: TrainingOptions = field(default_factory=TrainingOptions)


@dataclass(frozen=True, slots=True)
class TrainingDeps:
    """What versions are made of and kept in. detectors: makes fresh ones; remember: writes a setting's change down."""

    registry: ModelRegistry
    labels: LabelStore
    history: FeatureHistory
    detectors: Callable[[], Mapping[str, Detector]]
    remember: Callable[[ConfigUpdate], Awaitable[None]]


class OwnPipeline:
    """Implements akeso.ports.pipeline.Pipeline over the model agent of this process."""

    def __init__(
        self,
        model: ModelAgent,
        training_deps: TrainingDeps,
        bus: Bus,
        clock: Clock,
        options: PipelineOptions | None = None,
    ) -> None:
        self._model, self._training_deps, self._bus, self.clock = model, training_deps, bus, clock
        self._options = options or PipelineOptions()
        self._making = asyncio.Lock()
        self._supervision: Supervision | None = None

    @property
    def safe_mode(self) -> bool:
        return self._model.safe_mode

    @property
    def threshold(self) -> float:
        return self._model.deciding.threshold

    @property
    def model(self) -> str:
        return self._model.version

    @property
    def state(self) -> DecideState:
        """What deciding remembers of each series, with nothing raised."""
        state = self._model.state
        return replace(state, raised=np.zeros_like(state.raised))

    @property
    def registry(self) -> ModelRegistry:
        return self._training_deps.registry

    @property
    def recent(self) -> timedelta:
        return self._options.recent

    @property
    def agents(self) -> Mapping[str, bool]:
        return self._supervision.alive if self._supervision else {}

    def supervised_by(self, supervision: "Supervision") -> None:
        """The supervisor is made after everything that it runs."""
        self._supervision = supervision

    async def configure(self, name: str, value: str, by: Actor) -> None:
        update = ConfigUpdate(name, value, self.clock.now(), by.who, by.why)
        # What no agent could take must not be announced.
        rescored(ScoreOptions(), update)
        redecided(DecideOptions(), update)
        await self._training_deps.remember(update)
        await self._bus.publish(Topic.CONFIG_UPDATES, name, update)

    async def previous(self) -> str:
        return (await self.registry.aliases()).get(Alias.PREVIOUS, "")

    async def promote(self, version: str, by: Actor) -> ModelVersion:
        made = await self.registry.get(version)
        await self.registry.promote(version)
        await self.configure("model_version", version, by)
        await self.configure("threshold", repr(made.threshold), by)
        async with asyncio.timeout(self._options.load.total_seconds()):
            await self._model.loaded(version)
        return made

    async def roll_back(self, by: Actor) -> ModelVersion:
        """Let the version decide that did before. Raises Conflict when there is none."""
        previous = await self.previous()
        if not previous:
            raise Conflict("no version decided before this one")
        return await self.promote(previous, by)

    async def challenge(self, version: str, by: Actor) -> None:
        """Let a version score beside the champion; "" for none. Raises NotFound, Conflict for the champion itself."""
        if version:
            await self.registry.get(version)
            if version == (await self.registry.aliases()).get(Alias.CHAMPION):
                raise Conflict(f"version {version} is the champion")
        await self.registry.point(Alias.CHALLENGER, version or None)
        await self.configure("challenger", version, by)

    async def take(self, by: Actor, threshold: float | None = None) -> ModelVersion:
        """Register what the model knows now, with another threshold if one is given. Raises InvalidInput."""
        artefact = self._model.artefact()
        if threshold is not None:
            redecided(DecideOptions(), ConfigUpdate("threshold", repr(threshold), self.clock.now(), by.who))
            artefact = replace(artefact, threshold=threshold)
        return await self._register(artefact, by, {"slots": float(self._model.frames)})

    async def first(self) -> ModelVersion | None:
        """The first version, once enough was seen and while there is none; it decides already, being what is live."""
        if self._model.version or self._model.span < self._options.baseline:
            return None
        made = await self.take(BASELINE)
        await self.registry.promote(made.version)
        self._model.name_version(made.version)
        await self.configure("model_version", made.version, BASELINE)
        return made

    async def retrain(self, by: Actor, window: timedelta | None = None) -> ModelVersion:
        history = self._history(window)
        labels = await self._training_deps.labels.recent(self._options.labels)
        deciding, training = self._model.deciding, self._options.training
        detectors = self._training_deps.detectors()
        trained: Trained = await aside(lambda: train(history, detectors, labels, deciding, training), "akeso-train")
        return await self._register(trained.artefact, by, trained.metrics)

    async def restart(self, agent: str) -> None:
        if self._supervision is None:
            raise NotFound(f"there is no agent {agent}")
        await self._supervision.restart(agent)

    def _history(self, window: timedelta | None) -> FeatureMatrix:
        history, least = self._training_deps.history, self._options.training.least
        start = 0 if window is None else history.now - duration_ns(window)
        found = history.frames(start, history.now)
        if len(found.times) < least:
            raise Conflict(f"there are {len(found.times)} slots to train on; {least} are needed")
        return found

    async def _register(self, artefact: Artefact, by: Actor, metrics: Mapping[str, float]) -> ModelVersion:
        async with self._making:
            draft = ModelDraft(artefact, self.clock.now(), by.who, by.why, self._model.version, metrics)
            made = await self.registry.register(draft)
            await self.registry.prune(self._options.keep)
        log.info("model.registered", version=made.version, reason=by.why, **dict(metrics))
        return made
