"""Novelty of shapes: how far the recent course of a series is from every course it ever took.

The left discord of a series (Yeh et al. 2016; DAMP, Lu et al. 2022), streaming: instead of a sliding window the squared
differences to the series' own past at each lag are summed with exponential forgetting, which costs one pass over the
lags and stores no windows.
"""

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import FeatureFrame, Floats, Mask
from akeso.ports.detector import Scores, State
from akeso.stages.detection.pace import PacedRows
from akeso.stages.detection.tail_memory import TailMemory

# (values to a point, points to a course) of each scale
_SCALES = ((3, 8), (8, 12), (12, 24))


class ShapeNovelty:
    """Looks at courses of about 24, 96 and 288 values, each thinned to a few points, among the last `lags` points.

    A course's distance to the nearest earlier one is measured against the tail of such distances; the alarm is
    `threshold` mean excesses beyond the `quantile`. Only the first `series` series
    are looked at, each once every `pace_s` seconds.
    """

    name = "shape_novelty"

    def __init__(
        self,
        threshold: float = 6.0,
        quantile: float = 0.995,
        lags: int = 512,
        warm: int = 30,
        series: int = 1000,
        pace_s: float = 60.0,
    ) -> None:
        self._threshold = threshold
        columns: dict[str, object] = {}
        for scale in range(len(_SCALES)):
            columns[f"part{scale}"] = np.zeros(2)  # sum and count of the point that is being made
            columns[f"past{scale}"] = np.full(lags, np.nan, np.float32)  # the newest first
            columns[f"apart{scale}"] = np.full(lags, np.nan, np.float32)
            columns |= TailMemory.columns(f"tail{scale}", 1)
        self._rows = PacedRows(columns, series, pace_s)
        self._tails = [TailMemory(self._rows, f"tail{scale}", quantile, warm) for scale in range(len(_SCALES))]

    def score(self, frame: FeatureFrame) -> Scores:
        picked = self._rows.picked(frame, np.isfinite(frame.values))
        score, unknown = np.zeros(len(frame.values)), np.full(len(frame.values), np.nan)
        for scale, tail in enumerate(self._tails if len(picked) else ()):
            whole, point = self._due(frame.values, picked, scale)
            if len(whole):
                far = self._distance(self._apart(point, whole, scale), scale)
                score[whole] = np.maximum(score[whole], tail.excess(far[:, None], whole)[:, 0] / self._threshold)
        return Scores(score, unknown, unknown.copy())

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        picked = self._rows.picked(frame, update & np.isfinite(frame.values))
        for scale, tail in enumerate(self._tails if len(picked) else ()):
            whole, point = self._due(frame.values, picked, scale)
            self._rows[f"part{scale}"][picked, 0] += frame.values[picked]
            self._rows[f"part{scale}"][picked, 1] += 1.0
            if len(whole):
                apart = self._apart(point, whole, scale)
                tail.learn(self._distance(apart, scale)[:, None], whole)
                self._rows[f"apart{scale}"][whole] = apart
                self._rows[f"past{scale}"][whole, 1:] = self._rows[f"past{scale}"][whole, :-1]
                self._rows[f"past{scale}"][whole, 0] = point
                self._rows[f"part{scale}"][whole] = 0.0

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _due(self, values: Floats, picked: NDArray[np.intp], scale: int) -> tuple[NDArray[np.intp], Floats]:
        # The series whose value completes a point, and the point.
        part = self._rows[f"part{scale}"]
        whole = picked[part[picked, 1] >= _SCALES[scale][0] - 1]
        return whole, (part[whole, 0] + values[whole]) / (part[whole, 1] + 1.0)

    def _apart(self, point: Floats, whole: NDArray[np.intp], scale: int) -> NDArray[np.float32]:
        # Summed squared difference of the course that ends with `point` to each one that ended lag + 1 points ago.
        keep = np.float32(1.0 - 1.0 / _SCALES[scale][1])
        difference = point.astype(np.float32)[:, None] - self._rows[f"past{scale}"][whole]
        squared = difference * difference
        before = self._rows[f"apart{scale}"][whole]
        return np.asarray(np.where(np.isnan(before), squared / (1 - keep), before * keep + squared))

    def _distance(self, apart: NDArray[np.float32], scale: int) -> Floats:
        points = _SCALES[scale][1]
        # A course resembles itself a moment ago.
        nearest = np.fmin.reduce(apart[:, points // 2 :], axis=1)
        return np.asarray(np.sqrt(nearest.astype(np.float64) / points))
