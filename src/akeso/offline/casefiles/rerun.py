"""Recorded telemetry through the stages from alignment to decision, as fast as they go, without any agent or effect."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter

from akeso.adapters.telemetry.hot import HotWindow
from akeso.composition.detection import make_detectors
from akeso.config.settings import Settings
from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.estate.service import Services
from akeso.domain.estate.topology import Edge
from akeso.domain.messages import Decision
from akeso.domain.telemetry.batches import NANOSECONDS, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import instant_of
from akeso.ports.detector import Detector
from akeso.stages.detection.decide import DecideOptions
from akeso.stages.detection.detection_loop import DetectionLoop
from akeso.stages.detection.score import ScoreOptions
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.features.features import FeatureBuilder
from akeso.stages.features.slots import FeatureOptions

MakeDetectors = Callable[[SeriesTable], Mapping[str, Detector]]


@dataclass(frozen=True, slots=True)
class RerunOptions:
    """How recorded telemetry is run again.

    features: how telemetry becomes features.
    score: which detectors score.
    decide: how sure a decision has to be.
    span: of the window, at least as long as what is looked at.
    detectors: makes those that run over a table of features; None: nothing is detected.
    """

    features: FeatureOptions = field(default_factory=FeatureOptions)
    score: ScoreOptions = field(default_factory=ScoreOptions)
    decide: DecideOptions = field(default_factory=DecideOptions)
    span: timedelta = timedelta(minutes=15)
    detectors: MakeDetectors | None = None


def detecting(settings: Settings, services: Services) -> RerunOptions:
    """As the running Akeso detects with these settings."""
    detectors = partial(make_detectors, settings, services)
    return RerunOptions(settings.features, settings.model.score, settings.decision, detectors=detectors)


def detection_over(table: SeriesTable, options: RerunOptions) -> DetectionLoop | None:
    """The detectors over the series of a table of features, as the model and the decision agent run them."""
    if options.detectors is None:
        return None
    return DetectionLoop(options.detectors(table), FactsTable(table), perf_counter, options.decide, options.score)


class Rerun:
    """Batches in the order of their arrival → the window as it was at every slot, and what was decided there.

    table: the one that batches refer to.
    """

    def __init__(
        self,
        table: SeriesTable,
        options: RerunOptions | None = None,
        edges: Iterable[Edge] = (),
        tenant: str = "default",
    ) -> None:
        options = options or RerunOptions()
        features = SeriesTable()
        self.window = HotWindow(options.features.slot, options.span, features)
        self.window.declared.declare(tenant, tuple(edges))
        self._builder = FeatureBuilder(table, features, options.features)
        self._detection = detection_over(features, options)
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
            yield self._detection.step(closed.frame).decision if self._detection else Decision(closed.frame.end)


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
