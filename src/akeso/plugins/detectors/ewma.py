"""The EWMA control chart: small shifts that last."""

import numpy as np

from akeso.domain.rows import Rows
from akeso.domain.scale import believable, caution, normal_range, scaled
from akeso.domain.telemetry import FeatureFrame, Floats, Mask
from akeso.ports.detector import Scores, State


class Ewma:
    """A fast moving average against a slow one (Roberts 1959); the alarm is at `threshold` of the usual distances.

    Two memories: the slow mean and the usual distance are what is normal and learn under the mask; the fast average
    is what happened lately and takes every value, else a shift that is not learnt could never add up. The usual
    distance is measured, not derived from independence, so slow waves that are normal count as normal.
    """

    name = "ewma"

    def __init__(self, threshold: float = 3.4, weight: float = 0.35, memory: int = 180, warm: int = 20) -> None:
        self._threshold, self._weight, self._memory, self._warm = threshold, weight, memory, warm
        self._narrowing = float(np.sqrt(weight / (2.0 - weight)))
        self._rows = Rows({"mean": 0.0, "fast": np.nan, "distance": 0.0, "seen": 0.0})

    def score(self, frame: FeatureFrame) -> Scores:
        state = self._grown(frame)
        warm = state["seen"] >= self._warm
        mean = np.where(warm, state["mean"], np.nan)
        spread = self._spread(frame)
        distance = np.abs(self._fast(frame) - mean)
        score = distance / (spread * self._narrowing * caution(state["seen"]) * self._threshold)
        expected, width = normal_range(mean, np.where(warm, spread, np.nan), frame.signals)
        return Scores(np.nan_to_num(score), expected, width)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        state = self._grown(frame)
        fast = self._fast(frame)
        x = scaled(frame.values, frame.signals)
        rows = np.flatnonzero(update & np.isfinite(x))
        seen, mean = state["seen"][rows], state["mean"][rows]
        rate = np.maximum(1.0 / (seen + 1.0), 1.0 / self._memory)
        reach = np.where(seen >= self._warm, 4.0 * self._spread(frame)[rows], np.inf)
        away = np.clip(fast[rows] - mean, -reach, reach) * (seen > 0)
        state["mean"][rows] = mean + rate * np.clip(x[rows] - mean, -reach, reach)
        state["distance"][rows] = (1.0 - rate) * state["distance"][rows] + rate * away * away
        state["seen"][rows] = seen + 1.0
        state["fast"][: len(fast)] = np.where(np.isfinite(fast), fast, state["fast"])

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _fast(self, frame: FeatureFrame) -> Floats:
        # NaN where the frame has no value. One wild value counts as six deviations, or it would ring on for long.
        state = self._rows
        x = scaled(frame.values, frame.signals)
        reach = np.where(state["seen"] >= self._warm, 6.0 * self._spread(frame), np.inf)
        x = np.clip(x, state["mean"] - reach, state["mean"] + reach)
        before = np.where(np.isfinite(state["fast"]), state["fast"], x)
        return np.asarray(before + self._weight * (x - before))

    def _spread(self, frame: FeatureFrame) -> Floats:
        state = self._rows
        return believable(np.sqrt(state["distance"]) / self._narrowing, state["mean"], frame.signals)

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows
