"""Cases in which a machine's fault reaches software: series of a machine laid over those of the synthetic system."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.case import Case, LogPattern
from akeso.domain.telemetry.batches import Attributes, FeatureMatrix, SeriesKey
from akeso.stages.features.metric_meanings import signal_of
from akeso.testing.recorded.cases import TENANT, Scene


@dataclass(frozen=True, slots=True)
class Gauge:
    """A series of a machine: `before` until `starts` slots after the onset, `after` from then on."""

    service: str
    metric: str
    before: float
    after: float
    starts: int = 0
    unit: str = ""
    attributes: Attributes = ()
    noise: float = 0.01  # as a share of `before`


@dataclass(frozen=True, slots=True)
class Machinery:
    """What to lay over a scene. runs_on: service → the machine that it stands on; logs: (service, line) → the slot
    after the onset from which it comes once a slot."""

    scene: Scene
    gauges: tuple[Gauge, ...] = ()
    runs_on: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def case(self) -> Case:
        """The scene's case with them in it."""
        case = self.scene.case()
        edges = tuple(Edge(service, machine, False, 1.0, case.now) for service, machine in self.runs_on.items())
        topology = Topology((*case.topology.edges, *edges), case.topology.services)
        patterns = tuple(self._patterns(len(case.features.times)))
        return replace(case, features=self._laid_over(case.features), topology=topology, logs=(*case.logs, *patterns))

    def _laid_over(self, matrix: FeatureMatrix) -> FeatureMatrix:
        random = np.random.default_rng(self.scene.seed + 1)
        keys = [SeriesKey(TENANT, g.service, g.metric, g.attributes, g.unit) for g in self.gauges]
        slots = np.arange(len(matrix.times))
        columns = [
            np.where(slots < self.scene.past + g.starts, g.before, g.after)
            + random.normal(0.0, g.noise * abs(g.before) or 1e-6, len(slots))
            for g in self.gauges
        ]
        signals = np.array([int(signal_of(key)) for key in keys], np.uint8)
        return FeatureMatrix(
            (*matrix.keys, *keys),
            np.concatenate([matrix.signals, signals]),
            matrix.times,
            np.column_stack([matrix.values, *columns]),
        )

    def _patterns(self, slots: int) -> Iterable[LogPattern]:
        for (service, line), starts in self.logs.items():
            counts = (np.arange(slots) >= self.scene.past + starts).astype(np.float64)
            yield LogPattern(service, line, 13, line, counts)
