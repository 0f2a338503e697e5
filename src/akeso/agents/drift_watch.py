"""Compares the features of the recent past with those that the deciding model was trained on."""

from collections import deque
from datetime import datetime

from akeso.domain.detection_model import Alias
from akeso.domain.errors import NotFound
from akeso.domain.series import SeriesTable
from akeso.domain.telemetry import FeatureFrame
from akeso.engine.aside import aside
from akeso.ports.model_registry import ModelRegistry
from akeso.stages.drift import DriftSummary, Sample, summarise
from akeso.stages.frame_sample import FrameSample
from akeso.stages.selfcheck import SelfCheckOptions


class DriftWatch:
    """Part of the monitoring agent. Says nothing while no version is registered or too little was seen."""

    def __init__(self, registry: ModelRegistry, table: SeriesTable, options: SelfCheckOptions) -> None:
        self._registry, self._table, self._options = registry, table, options
        self._recent = FrameSample(options.drift_window, options.drift_samples)
        self._reference: Sample | None = None
        self._rows: list[int] = []
        self._past: deque[tuple[datetime, float]] = deque()
        self._frame: FeatureFrame | None = None
        self.version = ""
        self.fresh = 0  # slots seen since the model changed
        self.summary: DriftSummary | None = None

    async def begin(self) -> None:
        """Take the champion for the model."""
        champion = (await self._registry.aliases()).get(Alias.CHAMPION)
        if champion is not None:
            await self.compare_with(champion)

    async def compare_with(self, version: str) -> None:
        """Another version decides from now on."""
        if version == self.version:
            return
        try:
            artefact = await self._registry.load(version)
        except NotFound:
            return
        self._reference = artefact.reference
        self._rows = self._table.intern_all(artefact.keys).tolist()
        self.version, self.fresh, self.summary = version, 0, None
        self._past.clear()

    def saw(self, frame: FeatureFrame) -> None:
        """The next slot."""
        self._recent.add(frame)
        self._frame = frame
        self.fresh += 1

    async def look(self, at: datetime) -> DriftSummary | None:
        """How far the recent past is from the reference; None while that cannot be told."""
        reference, frame = self._reference, self._frame
        if reference is None or frame is None or not self._recent.full or self.fresh < self._options.drift_again:
            return None
        known = [row for row in self._rows if row < len(frame.signals)]
        recent = self._recent.matrix(len(frame.signals))[:, known]
        signals, options = frame.signals[known], self._options.drift
        told = reference[:, : len(known)]
        self.summary = await aside(lambda: summarise(told, recent, signals, options), "akeso-drift")
        self._past.append((at, self.summary.ks))
        while self._past and at - self._past[0][0] > self._options.drift_window / 4:
            self._past.popleft()
        return self.summary

    @property
    def rising(self) -> bool:
        """Whether KS has grown within the last quarter of the window, or nobody can tell yet."""
        if len(self._past) < 2:
            return True
        return self._past[-1][1] - self._past[0][1] > self._options.drift_settles
