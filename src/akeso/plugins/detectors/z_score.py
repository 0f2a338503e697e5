"""Standard score against a running mean and variance."""

import numpy as np

from akeso.domain.rows import Rows
from akeso.domain.scale import believable, caution, normal_range, scaled
from akeso.domain.telemetry import FeatureFrame, Floats, Mask
from akeso.ports.detector import Scores, State


class ZScore:
    """Distance from the mean in standard deviations; the alarm is at `threshold` of them.

    Mean and variance are those of all values at first and forget exponentially later (West 1979), over `memory`
    values. What is learnt is clipped at four deviations, so that one wild value does not blind the detector.
    """

    name = "z_score"

    def __init__(self, threshold: float = 4.0, memory: int = 240, warm: int = 20) -> None:
        self._threshold, self._memory, self._warm = threshold, memory, warm
        self._rows = Rows({"mean": 0.0, "variance": 0.0, "seen": 0.0})

    def score(self, frame: FeatureFrame) -> Scores:
        state = self._grown(frame)
        x = scaled(frame.values, frame.signals)
        seen = state["seen"]
        warm = seen >= self._warm
        mean = np.where(warm, state["mean"], np.nan)
        spread = self._spread(frame)
        score = np.abs(x - mean) / (spread * caution(seen) * self._threshold)
        expected, width = normal_range(mean, np.where(warm, spread, np.nan), frame.signals)
        return Scores(np.nan_to_num(score), expected, width)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        state = self._grown(frame)
        x = scaled(frame.values, frame.signals)
        rows = np.flatnonzero(update & np.isfinite(x))
        seen, mean = state["seen"][rows], state["mean"][rows]
        reach = np.where(seen >= self._warm, 4.0 * self._spread(frame)[rows], np.inf)
        delta = np.clip(x[rows] - mean, -reach, reach)
        rate = np.maximum(1.0 / (seen + 1.0), 1.0 / self._memory)
        state["mean"][rows] = mean + rate * delta
        state["variance"][rows] = (1.0 - rate) * (state["variance"][rows] + rate * delta * delta)
        state["seen"][rows] = seen + 1.0

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _spread(self, frame: FeatureFrame) -> Floats:
        return believable(np.sqrt(self._rows["variance"]), self._rows["mean"], frame.signals)

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows
