"""The model agent: every detector over every frame."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

import numpy as np
import structlog

from akeso.domain.detection.detection_model import Alias, Artefact
from akeso.domain.errors import NotFound
from akeso.domain.messages import ConfigUpdate
from akeso.domain.telemetry.batches import Codes, FeatureFrame
from akeso.domain.telemetry.series import SeriesTable
from akeso.engine.background_thread import aside
from akeso.ports.bus import Bus, Message, Topic
from akeso.ports.clock import Clock
from akeso.ports.detector import Detector
from akeso.ports.model_registry import ModelRegistry
from akeso.stages.detection.decide import DecideOptions, DecideState
from akeso.stages.detection.detection_loop import DetectionLoop
from akeso.stages.detection.detection_settings import redecided, rescored
from akeso.stages.detection.score import ScoreOptions
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.model.detector_state import restore
from akeso.stages.model.frame_sample import FrameSample

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What the model agent keeps besides scores.

    score: which detectors score.
    decide: how it is decided what is normal enough to learn.
    sampled: over how long frames are sampled as the reference that drift is measured against.
    samples: how many frames that reference holds.
    """

    score: ScoreOptions = field(default_factory=ScoreOptions)
    decide: DecideOptions = field(default_factory=DecideOptions, metadata={"set_at": "decision"})
    sampled: timedelta = timedelta(minutes=10)
    samples: int = 240


class ModelAgent:
    """FEATURES → PREDICTIONS.

    What is anomalous must not be learnt, so after scoring a frame the agent asks the decide stage, with a state of its
    own, what it may learn. That is the computation of the decision agent once more (about a millisecond for a thousand
    series), and in exchange the two share nothing but options: a replay gives the same scores however the two are
    scheduled, and they may run in different processes.

    Detectors score in a thread of its own: a slow one does not stall the event loop, and one that hangs costs this
    agent its heartbeat and nothing else. With a registry, the agent begins with what the champion learnt, and takes
    up another version when config-updates name one.
    """

    name = "model"
    topics = (Topic.FEATURES, Topic.CONFIG_UPDATES)

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        detectors: Mapping[str, Detector],
        feature_table: SeriesTable,
        options: ModelOptions | None = None,
        registry: ModelRegistry | None = None,
    ) -> None:
        options = options or ModelOptions()
        facts = FactsTable(feature_table)
        self._loop = DetectionLoop(detectors, facts, clock.monotonic, options.decide, options.score)
        self._bus, self._table, self._registry = bus, feature_table, registry
        self._sample = FrameSample(options.sampled, options.samples)
        self._newest = 0
        self._signals: Codes = np.zeros(0, np.uint8)
        self._loaded = asyncio.Event()
        self.version = ""
        self.frames, self.span = 0, timedelta(0)  # scored since the start, and the time they cover

    @property
    def safe_mode(self) -> bool:
        """Whether only the rules decide."""
        return self._loop.scoring.safe_mode

    @property
    def detectors(self) -> Mapping[str, Detector]:
        """What scores."""
        return MappingProxyType(self._loop.detectors)

    @property
    def deciding(self) -> DecideOptions:
        """How it is decided now what may be learnt; the decision agent decides in the same way."""
        return self._loop.deciding

    @property
    def state(self) -> DecideState:
        """What deciding what may be learnt remembers; a challenger begins with it."""
        return self._loop.state

    async def start(self) -> None:
        """The first life begins with the champion; a later one goes on with what is known."""
        if self._registry is not None and not self.version:
            champion = (await self._registry.aliases()).get(Alias.CHAMPION)
            if champion is not None:
                await self._take_up(champion)

    async def handle(self, message: Message) -> None:
        match message.payload:
            case FeatureFrame() as frame if frame.end > self._newest:
                await self._predict(frame)
            case ConfigUpdate(name="model_version", value=version):
                if version != self.version:
                    await self._take_up(version)
            case ConfigUpdate() as update:
                self._configure(update)
            case _:
                pass  # a frame that was delivered again

    async def tick(self, at: datetime) -> None: ...

    async def stop(self) -> None: ...

    async def loaded(self, version: str) -> None:
        """Returns once this version scores."""
        while self.version != version:
            self._loaded.clear()
            await self._loaded.wait()

    def name_version(self, version: str) -> None:
        """What scores now was registered under this name."""
        self.version = version
        self._loop.scoring = replace(self._loop.scoring, model=version)
        self._loaded.set()

    def artefact(self) -> Artefact:
        """What is known now. Takes a copy of all state: some ten milliseconds for a thousand series."""
        signals = self._signals
        series = len(signals)
        return Artefact(
            keys=tuple(self._table[row] for row in range(series)),
            signals=signals,
            states={name: dict(detector.snapshot()) for name, detector in self._loop.detectors.items()},
            reference=self._sample.matrix(series),
            threshold=self._loop.deciding.threshold,
        )

    async def _take_up(self, version: str) -> None:
        if self._registry is None:
            self.name_version(version)
            return
        try:
            artefact = await self._registry.load(version)
        except NotFound as absent:
            log.error("model.absent", version=version, error=str(absent))  # noqa: TRY400 - no defect of this code
            return
        left = restore(artefact, self._loop.detectors, self._table)
        self._loop.forget_ranks()
        log.info("model.taken_up", version=version, series=len(artefact.keys), not_restored=left)
        self._loop.deciding = replace(self._loop.deciding, threshold=artefact.threshold)
        self.name_version(version)

    def _configure(self, update: ConfigUpdate) -> None:
        loop = self._loop
        loop.scoring, loop.deciding = rescored(loop.scoring, update), redecided(loop.deciding, update)

    async def _predict(self, frame: FeatureFrame) -> None:
        prediction = await aside(lambda: self._loop.predict(frame), "akeso-score")
        judgement = self._loop.judge(prediction)
        # Published first: when that fails the message comes again, and nothing was learnt twice.
        await self._bus.publish(Topic.PREDICTIONS, "", prediction)
        self._loop.learn(prediction, judgement)
        self._newest = frame.end
        if frame.partial:
            return
        self._sample.add(frame, judgement.learn)
        self._signals = frame.signals
        self.frames += 1
        self.span += timedelta(microseconds=frame.width / 1_000)
