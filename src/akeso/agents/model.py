"""The model agent: every detector over every frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter

from akeso.domain.messages import ConfigUpdate
from akeso.domain.series import SeriesTable
from akeso.domain.telemetry import FeatureFrame
from akeso.ports.bus import Bus, Message, Topic
from akeso.ports.clock import Clock
from akeso.ports.detector import Detector
from akeso.stages.decide import DecideOptions, DecideState, decide
from akeso.stages.detection_settings import redecided, rescored
from akeso.stages.score import ScoreOptions, score
from akeso.stages.series_facts import FactsTable


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """decide: the same options as the decision agent's, since they tell what is normal enough to learn."""

    score: ScoreOptions = field(default_factory=ScoreOptions)
    decide: DecideOptions = field(default_factory=DecideOptions)


class ModelAgent:
    """FEATURES → PREDICTIONS.

    What is anomalous must not be learnt, so after scoring a frame the agent asks the decide stage, with a state of its
    own, what it may learn. That is the computation of the decision agent once more (about a millisecond for a thousand
    series), and in exchange the two share nothing but options: a replay gives the same scores however the two are
    scheduled, and they may run in different processes.
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
    ) -> None:
        self._bus, self._clock, self._detectors = bus, clock, dict(detectors)
        self._facts = FactsTable(feature_table)
        self._options = options or ModelOptions()
        self._state = DecideState()
        self._newest = 0

    @property
    def safe_mode(self) -> bool:
        """Whether only the rules decide."""
        return self._options.score.safe_mode

    async def start(self) -> None: ...

    async def handle(self, message: Message) -> None:
        match message.payload:
            case FeatureFrame() as frame if frame.end > self._newest:
                await self._predict(frame)
            case ConfigUpdate() as update:
                o = self._options
                self._options = replace(o, score=rescored(o.score, update), decide=redecided(o.decide, update))
            case _:
                pass  # a frame that was delivered again

    async def tick(self, at: datetime) -> None: ...

    async def stop(self) -> None: ...

    async def _predict(self, frame: FeatureFrame) -> None:
        prediction = score(frame, self._detectors, self._options.score, perf_counter)
        judgement = decide(prediction, self._facts, self._state, self._options.decide)
        # Published first: when that fails the message comes again, and nothing was learnt twice.
        await self._bus.publish(Topic.PREDICTIONS, "", prediction)
        for detector in self._detectors.values():
            detector.learn(frame, judgement.learn)
        self._state, self._newest = judgement.state, frame.end
