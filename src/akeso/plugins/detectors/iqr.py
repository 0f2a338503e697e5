"""Tukey's fences around running quartiles."""

import numpy as np

from akeso.domain.rows import Rows
from akeso.domain.scale import believable, caution, normal_range, scaled
from akeso.domain.telemetry import FeatureFrame, Floats, Mask
from akeso.ports.detector import Scores, State

_IQR_TO_SIGMA = 1 / 1.349
_QUARTILES = np.array([0.25, 0.5, 0.75])


class InterquartileRange:
    """Distance beyond the nearer quartile in interquartile ranges; the alarm is at `fence` of them (Tukey 1977).

    The quartiles are tracked by stochastic approximation (Robbins & Monro 1951): each value moves a quartile up by
    its share or down by the rest of a step, and the step follows the mean deviation and shrinks with the number of
    values to a floor that keeps it adapting.
    """

    name = "iqr"

    def __init__(self, fence: float = 2.5, step: float = 0.05, warm: int = 20) -> None:
        self._fence, self._step, self._warm = fence, step, warm
        self._rows = Rows({"quartiles": np.zeros(3), "deviation": 0.0, "seen": 0.0})

    def score(self, frame: FeatureFrame) -> Scores:
        state = self._grown(frame)
        x = scaled(frame.values, frame.signals)
        warm = state["seen"] >= self._warm
        low, middle, high = state["quartiles"].T
        spread = self._spread(frame)
        beyond = np.maximum(x - high, low - x)
        reach = self._fence * spread / _IQR_TO_SIGMA * caution(state["seen"])
        score = np.where(warm, np.maximum(beyond, 0.0) / reach, 0.0)
        center = np.where(warm, middle, np.nan)
        expected, width = normal_range(center, np.where(warm, spread, np.nan), frame.signals)
        return Scores(np.nan_to_num(score), expected, width)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        state = self._grown(frame)
        x = scaled(frame.values, frame.signals)
        rows = np.flatnonzero(update & np.isfinite(x))
        value, seen = x[rows], state["seen"][rows]
        quartiles = np.where((seen == 0)[:, None], value[:, None], state["quartiles"][rows])
        rate = np.maximum(1.0 / (seen + 1.0), self._step / 2)
        deviation = state["deviation"][rows]
        deviation = deviation + rate * (np.abs(value - quartiles[:, 1]) - deviation)
        step = (np.maximum(4.0 / (seen + 1.0), self._step) * deviation)[:, None]
        below = value[:, None] < quartiles
        at = value[:, None] == quartiles
        moved = quartiles + step * np.where(at, 0.0, _QUARTILES - below)
        state["quartiles"][rows] = np.sort(moved, axis=1)
        state["deviation"][rows] = deviation
        state["seen"][rows] = seen + 1.0

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _spread(self, frame: FeatureFrame) -> Floats:
        low, middle, high = self._rows["quartiles"].T
        return believable((high - low) * _IQR_TO_SIGMA, middle, frame.signals)

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows
