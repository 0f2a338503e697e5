"""The evaluation agent: keeps what people say of decisions, and lets a challenger show whether it is better."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from akeso.agents.selfhealing.pipeline import OwnPipeline
from akeso.domain.detection.detection_model import Alias
from akeso.domain.errors import NotFound
from akeso.domain.messages import ConfigUpdate, Decision, Feedback
from akeso.domain.telemetry.batches import FeatureFrame
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import duration_ns, epoch_ns
from akeso.engine.background_thread import aside
from akeso.ports.bus import Message, Topic
from akeso.ports.detector import Detector
from akeso.ports.labels import LabelStore
from akeso.ports.pipeline import Actor
from akeso.stages.detection.decide import DecideOptions
from akeso.stages.detection.detection_loop import DetectionLoop
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.model.anomaly_history import AnomalyHistory
from akeso.stages.model.detector_state import restore
from akeso.stages.model.sequential import Outcome, PairedOutcomes, SequentialOptions, outcome

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """How a challenger is compared with the champion.

    grace: how much later than the instant that a label speaks of an alarm may be and still count as the same.
    promotes: whether a challenger that has proved better decides from then on; else it waits for a person.
    test: the sequential test between champion and challenger (Wald).
    decide: how the challenger decides; as the champion does, but for the threshold of its version.
    """

    grace: timedelta = field(default=timedelta(seconds=5), metadata={"set_at": "budget.grace"})
    promotes: bool = True
    test: SequentialOptions = field(default_factory=SequentialOptions)
    decide: DecideOptions = field(default_factory=DecideOptions, metadata={"set_at": "decision"})


@dataclass(slots=True)
class Shadow:
    """A challenger at work. alarms: of the champion before it began."""

    version: str
    loop: DetectionLoop
    alarms: int
    record: AnomalyHistory = field(default_factory=AnomalyHistory)
    paired: PairedOutcomes = field(default_factory=PairedOutcomes)
    since: int = 0  # ns, end of its first slot
    frames: int = 0
    latency_ms: float = 0.0  # of all its frames together


class EvaluationAgent:
    """FEATURES, DECISIONS and FEEDBACK → labels, and a verdict on the challenger.

    The challenger sees the frames that the champion sees, learns and decides for itself; nobody hears its decisions.
    """

    name = "evaluation"
    topics = (Topic.FEATURES, Topic.DECISIONS, Topic.FEEDBACK, Topic.CONFIG_UPDATES)

    def __init__(
        self,
        pipeline: OwnPipeline,
        labels: LabelStore,
        detectors: Callable[[], Mapping[str, Detector]],
        feature_table: SeriesTable,
        options: EvaluationOptions | None = None,
    ) -> None:
        self._pipeline, self._labels, self._detectors = pipeline, labels, detectors
        self._table, self._facts = feature_table, FactsTable(feature_table)
        self._options = options or EvaluationOptions()
        self._champion = AnomalyHistory()
        self.shadow: Shadow | None = None

    async def start(self) -> None:
        challenger = (await self._pipeline.registry.aliases()).get(Alias.CHALLENGER)
        if challenger and self.shadow is None:
            await self._begin(challenger)

    async def handle(self, message: Message) -> None:
        match message.payload:
            case FeatureFrame() as frame:
                await self._shadowed(frame)
            case Decision() as decision:
                self._champion.take(decision)
            case Feedback(counts=True) as label:
                await self._labels.keep(label)
                await self._judged(label)
            case ConfigUpdate(name="challenger", value=version):
                await self._begin(version)
            case ConfigUpdate(name="model_version"):
                # The comparison is between two; with another champion it begins anew.
                await self._begin(self.shadow.version if self.shadow else "")
            case _:
                pass

    async def tick(self, at: datetime) -> None:
        del at
        await self._pipeline.first()

    async def stop(self) -> None: ...

    def predicted(self, tenant: str, service: str, at: datetime) -> bool:
        """Whether Akeso held the service for anomalous then, or within the grace after it."""
        start = epoch_ns(at)
        return self._champion.stood(tenant, service, start, start + duration_ns(self._options.grace))

    @property
    def alarms(self) -> int:
        """Symptoms that the champion raised since the challenger began."""
        return self._champion.alarms - (self.shadow.alarms if self.shadow else 0)

    @property
    def test(self) -> SequentialOptions:
        return self._options.test

    async def _begin(self, version: str) -> None:
        if not version or version == self._pipeline.model:
            self.shadow = None
            return
        try:
            artefact = await self._pipeline.registry.load(version)
        except NotFound as absent:
            log.error("challenger.absent", error=str(absent))  # noqa: TRY400 - no defect of this code
            return
        detectors = self._detectors()
        restore(artefact, detectors, self._table)
        deciding = replace(self._options.decide, threshold=artefact.threshold)
        loop = DetectionLoop(detectors, self._facts, self._pipeline.clock.monotonic, deciding)
        loop.state = self._pipeline.state
        self.shadow = Shadow(version, loop, self._champion.alarms)

    async def _shadowed(self, frame: FeatureFrame) -> None:
        shadow = self.shadow
        if shadow is None or frame.partial or frame.end <= shadow.record.newest:
            return
        prediction = await aside(lambda: shadow.loop.predict(frame), "akeso-shadow")
        judgement = shadow.loop.judge(prediction)
        shadow.loop.learn(prediction, judgement)
        shadow.record.take(judgement.decision)
        shadow.since = shadow.since or frame.end
        shadow.frames += 1
        shadow.latency_ms += prediction.latency_ms

    async def _judged(self, label: Feedback) -> None:
        shadow = self.shadow
        at = epoch_ns(label.at)
        if shadow is None or not shadow.since or at < shadow.since:
            return
        stood = shadow.record.stood(label.tenant, label.service, at, at + duration_ns(self._options.grace))
        champion, challenger = label.predicted == label.anomalous, stood == label.anomalous
        shadow.paired = shadow.paired.judged(champion_right=champion, challenger_right=challenger)
        await self._settled(shadow)

    async def _settled(self, shadow: Shadow) -> None:
        d = shadow.paired
        said = f"of {d.challenger + d.champion} decisions that tell them apart {d.challenger} speak for the challenger"
        match outcome(d, self._options.test):
            case Outcome.PROMOTE if self._options.promotes:
                log.info("challenger.promoted", version=shadow.version, paired=said)
                self.shadow = None
                await self._pipeline.promote(shadow.version, Actor(self.name, said))
            case Outcome.REJECT:
                log.info("challenger.rejected", version=shadow.version, paired=said)
                await self._pipeline.challenge("", Actor(self.name, said))
            case _:
                pass
