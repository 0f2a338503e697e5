"""A threshold that follows level and restlessness of the series."""

import numpy as np

from akeso.domain.rows import Rows
from akeso.domain.scale import believable, caution, normal_range, scaled
from akeso.domain.telemetry import FeatureFrame, Floats, Mask
from akeso.ports.detector import Scores, State

_MEAN_DEVIATION_TO_SIGMA = 1.2533  # of a normal distribution


class AdaptiveThreshold:
    """The mean of the last `span` values against a band of `threshold` deviations around the level.

    Level and mean deviation are smoothed like the round-trip time of TCP (Jacobson 1988), but of the short mean
    itself: a series whose neighbours in time resemble each other has a wider band. The short mean takes every value
    (it is what happened lately); level and deviation learn under the mask.
    """

    name = "adaptive_threshold"

    def __init__(self, threshold: float = 3.4, span: int = 3, memory: int = 90, warm: int = 20) -> None:
        self._threshold, self._span, self._memory, self._warm = threshold, span, memory, warm
        self._rows = Rows({"level": 0.0, "deviation": 0.0, "seen": 0.0, "recent": np.full(span - 1, np.nan)})

    def score(self, frame: FeatureFrame) -> Scores:
        state = self._grown(frame)
        warm = state["seen"] >= self._warm
        level = np.where(warm, state["level"], np.nan)
        spread = self._spread(frame)
        score = np.abs(self._short_mean(frame) - level) / (spread * caution(state["seen"]) * self._threshold)
        single = np.where(warm, spread * np.sqrt(self._span), np.nan)
        expected, width = normal_range(level, single, frame.signals)
        return Scores(np.nan_to_num(score), expected, width)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        state = self._grown(frame)
        short, x = self._short_mean(frame), self._clipped(frame)
        present = np.isfinite(x)
        rows = np.flatnonzero(update & present)
        seen, level = state["seen"][rows], state["level"][rows]
        rate = np.maximum(1.0 / (seen + 1.0), 1.0 / self._memory)
        reach = np.where(seen >= self._warm, 5.0 * self._spread(frame)[rows], np.inf)
        away = np.clip(short[rows] - level, -reach, reach)
        off = np.abs(away) * (seen > 0)
        state["level"][rows] = level + rate * away
        state["deviation"][rows] += rate * (off - state["deviation"][rows])
        state["seen"][rows] = seen + 1.0
        lately = np.column_stack([state["recent"][:, 1:], x])
        state["recent"][present] = lately[present]

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _short_mean(self, frame: FeatureFrame) -> Floats:
        # NaN where the frame has no value; a young series has fewer than `span` values.
        recent, x = self._rows["recent"], self._clipped(frame)
        known = np.isfinite(recent)
        return np.asarray((np.where(known, recent, 0.0).sum(axis=1) + x) / (known.sum(axis=1) + 1))

    def _clipped(self, frame: FeatureFrame) -> Floats:
        # One wild value counts as six deviations, or it would raise the mean for as long as it is in the span.
        state = self._rows
        reach = 6.0 * self._spread(frame) * np.sqrt(self._span)
        reach = np.where(state["seen"] >= self._warm, reach, np.inf)
        return np.clip(scaled(frame.values, frame.signals), state["level"] - reach, state["level"] + reach)

    def _spread(self, frame: FeatureFrame) -> Floats:
        state = self._rows
        # The least believable spread is one of single values; that of a mean is narrower.
        single = state["deviation"] * _MEAN_DEVIATION_TO_SIGMA * np.sqrt(self._span)
        return np.asarray(believable(single, state["level"], frame.signals) / np.sqrt(self._span))

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows
