"""Compares the features of the recent past with those that the deciding model was trained on."""

from collections import deque
from datetime import datetime

import numpy as np

from akeso.domain.detection.detection_model import Alias
from akeso.domain.detection.symptoms import SYMPTOMS
from akeso.domain.errors import NotFound
from akeso.domain.messages import Decision
from akeso.domain.telemetry.batches import FeatureFrame, Mask, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.engine.background_thread import aside
from akeso.ports.model_registry import ModelRegistry
from akeso.stages.model.drift import BaselineVariability, DriftSummary, Sample, summarise, variability
from akeso.stages.model.frame_sample import SAMPLED_SERIES, FrameSample
from akeso.stages.model.self_check import SelfCheckOptions


class DriftWatch:
    """Part of the monitoring agent. Says nothing while no version is registered or too little was seen.

    Of services that show a symptom nothing is taken in: that is an incident, and no change of what is normal.
    """

    def __init__(self, registry: ModelRegistry, table: SeriesTable, options: SelfCheckOptions) -> None:
        self._registry, self._table, self._options = registry, table, options
        self._recent = FrameSample(options.drift_window, options.drift_samples)
        self._reference: Sample | None = None
        self._variability: BaselineVariability | None = None  # of the reference, once it is known
        self._rows: list[int] = []
        self._ill: dict[SeriesKey, tuple[str, str]] = {}
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
        self._reference, self._variability = artefact.reference, None
        self._rows = self._table.intern_all(artefact.keys[: artefact.reference.shape[1]]).tolist()
        self.version, self.fresh, self.summary = version, 0, None
        self._past.clear()

    def decided(self, decision: Decision) -> None:
        """Which services show a symptom from now on."""
        for anomaly in decision.raised:
            if anomaly.signal in SYMPTOMS:
                self._ill[anomaly.key] = anomaly.tenant, anomaly.service
        for key in decision.cleared:
            self._ill.pop(key, None)

    def saw(self, frame: FeatureFrame) -> None:
        """The next slot."""
        self._recent.add(frame, self._usual(len(frame.values)))
        self._frame = frame
        self.fresh += 1

    async def look(self, at: datetime) -> DriftSummary | None:
        """How far the recent past is from the reference; None while that cannot be told."""
        reference, frame = self._reference, self._frame
        if reference is None or frame is None or not self._recent.full or self.fresh < self._options.drift_again:
            return None
        recent = self._recent.matrix(len(frame.signals))
        pairs = [(place, row) for place, row in enumerate(self._rows) if row < recent.shape[1]]
        places, rows = [place for place, _ in pairs], [row for _, row in pairs]
        told, recent, signals, options = reference[:, places], recent[:, rows], frame.signals[rows], self._options.drift
        if self._variability is None:
            self._variability = await aside(lambda: variability(reference, options), "akeso-drift")
        usual = BaselineVariability(self._variability.psi[places], self._variability.ks[places])
        self.summary = await aside(lambda: summarise(told, recent, signals, options, usual), "akeso-drift")
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

    def _usual(self, series: int) -> Mask:
        ill = set(self._ill.values())
        if not ill:
            return np.ones(series, bool)
        known = min(series, len(self._table), SAMPLED_SERIES)
        usual = np.ones(series, bool)
        usual[:known] = [(k.tenant, k.service) not in ill for k in self._table.keys[:known]]
        return usual
