"""Recorded telemetry through the stages from alignment to decision, as fast as they go, without any agent or effect."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter

from akeso.adapters.telemetry.hot import HotWindow
from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.estate.service import Services
from akeso.domain.estate.topology import Edge
from akeso.domain.messages import Decision
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import instant_of
from akeso.plugins.discovery import build
from akeso.stages.detection.decide import DecideOptions, DecideState, decide
from akeso.stages.detection.score import ScoreOptions, score
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.detection.significance import Significance, SignificanceOptions
from akeso.stages.features.features import FeatureBuilder
from akeso.stages.features.slots import FeatureOptions


@dataclass(frozen=True, slots=True)
class RerunOptions:
    """How recorded telemetry is run again.

    features: how telemetry becomes features.
    score: which detectors score.
    decide: how sure a decision has to be.
    span: of the window, at least as long as what is looked at.
    detecting: whether the detectors run as well.
    """

    features: FeatureOptions = field(default_factory=FeatureOptions)
    score: ScoreOptions = field(default_factory=ScoreOptions)
    decide: DecideOptions = field(default_factory=DecideOptions)
    span: timedelta = timedelta(minutes=15)
    detecting: bool = True


class Detection:
    """The detectors over one frame after the other, as the model and the decision agent run them."""

    def __init__(self, table: SeriesTable, services: Services, options: RerunOptions) -> None:
        self._options, self._facts, self._state = options, FactsTable(table), DecideState()
        self._detectors = build("detectors", {"static_threshold": {"services": services, "table": table}})
        self._significance = Significance(SignificanceOptions(decide=options.decide))

    def decide(self, frame: FeatureFrame) -> Decision:
        """What changed with this slot."""
        prediction = self._significance.judged(score(frame, self._detectors, self._options.score, perf_counter))
        judgement = decide(prediction, self._facts, self._state, self._options.decide)
        for detector in self._detectors.values():
            detector.learn(frame, judgement.learn)
        self._significance.learn(prediction, ~judgement.state.raised)
        self._state = judgement.state
        return judgement.decision


class Rerun:
    """Batches in the order of their arrival → the window as it was at every slot, and what was decided there.

    table: the one that batches refer to.
    """

    def __init__(
        self,
        table: SeriesTable,
        services: Services | None = None,
        options: RerunOptions | None = None,
        edges: Iterable[Edge] = (),
        tenant: str = "default",
    ) -> None:
        options = options or RerunOptions()
        features = SeriesTable()
        self.window = HotWindow(options.features.slot, options.span, features)
        self.window.declared.declare(tenant, tuple(edges))
        self._builder = FeatureBuilder(table, features, options.features)
        self._detection = Detection(features, services or Services(), options) if options.detecting else None
        self._last = 0

    def take(self, batch: TelemetryBatch) -> Iterator[Decision]:
        """Take a batch in; the decisions of the slots that its arrival closes. Read the window between them."""
        yield from self.until(batch.received_at)
        self._builder.add(batch)
        self.window.record_changes(batch.tenant, batch.changes)
        self._last = batch.received_at

    def finish(self) -> Iterator[Decision]:
        """Close what is open after the last batch."""
        yield from self.until(self._last + 5 * NANOSECONDS)

    def until(self, instant: int) -> Iterator[Decision]:
        """Close the slots that are due at an instant (ns)."""
        for closed in self._builder.close_until(instant):
            self.window.record(closed)
            yield self._detection.decide(closed.frame) if self._detection else Decision(closed.frame.end)


@dataclass(slots=True)
class Raised:
    """The anomalies that are raised just now."""

    anomalies: dict[object, Anomaly] = field(default_factory=dict)

    def after(self, decision: Decision) -> tuple[Anomaly, ...]:
        """Those that are, with this slot's news."""
        for key in decision.cleared:
            self.anomalies.pop(key, None)
        self.anomalies.update({a.key: a for a in decision.raised})
        return tuple(self.anomalies.values())


def moment(instant: int) -> datetime:
    """A time in ns as a datetime in UTC."""
    return instant_of(instant)
