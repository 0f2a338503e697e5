"""Novelty for the time of day: how far a series is from where it was at this time on any of the last days."""

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats, Mask
from akeso.ports.detector import Scores, State
from akeso.stages.detection.pace import PacedRows
from akeso.stages.detection.tail_memory import TailMemory

_DAY = 86_400 * NANOSECONDS
_BINS = 96
_DAYS = 8
_SMOOTHED = 1200 * NANOSECONDS
_RECENT = 20


class SeasonalNovelty:
    """Compares the mean of the last 20 minutes (at most 20 values) with its range in the same quarter of an hour, the
    one before and the one after, on each of the last seven days; the distance to the nearest of these ranges counts.

    That distance is measured against its tail; the alarm is `threshold` mean excesses beyond the `quantile`. Only the
    first `series` series are looked at, each once every `pace_s` seconds.
    """

    name = "seasonal_novelty"

    def __init__(
        self, threshold: float = 6.0, quantile: float = 0.995, warm: int = 50, series: int = 1000, pace_s: float = 60.0
    ) -> None:
        self._threshold = threshold
        columns = {
            "recent": np.full(_RECENT, np.nan),
            "recent_end": np.zeros(_RECENT, np.int64),
            "seen": np.int64(0),
            "day": np.int64(-1),
            "lowest": np.full(_DAYS * _BINS, np.inf, np.float32),
            "highest": np.full(_DAYS * _BINS, -np.inf, np.float32),
        }
        self._rows = PacedRows(columns | TailMemory.columns("tail", 1), series, pace_s)
        self._tail = TailMemory(self._rows, "tail", quantile, warm)

    def score(self, frame: FeatureFrame) -> Scores:
        picked = self._rows.picked(frame, np.isfinite(frame.values))
        score, unknown = np.zeros(len(frame.values)), np.full(len(frame.values), np.nan)
        if len(picked):
            far = self._distance(frame, self._mean(frame, picked), picked)
            score[picked] = self._tail.excess(far[:, None], picked)[:, 0] / self._threshold
        return Scores(score, unknown, unknown.copy())

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        picked = self._rows.picked(frame, update & np.isfinite(frame.values))
        if not len(picked):
            return
        level = self._mean(frame, picked)
        self._tail.learn(self._distance(frame, level, picked)[:, None], picked)
        day, bin_ = divmod(frame.end, _DAY)
        self._begin(day, picked)
        column = (day % _DAYS) * _BINS + bin_ * _BINS // _DAY
        self._rows["lowest"][picked, column] = np.minimum(self._rows["lowest"][picked, column], level)
        self._rows["highest"][picked, column] = np.maximum(self._rows["highest"][picked, column], level)
        place = self._rows["seen"][picked] % _RECENT
        self._rows["recent"][picked, place] = frame.values[picked]
        self._rows["recent_end"][picked, place] = frame.end
        self._rows["seen"][picked] += 1

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _mean(self, frame: FeatureFrame, picked: NDArray[np.intp]) -> Floats:
        # By time and not by number: of hourly values four would blur a morning.
        seen = self._rows["seen"][picked]
        ages = (seen[:, None] - 1 - np.arange(_RECENT - 1)) % _RECENT
        recent = self._rows["recent"][picked[:, None], ages]
        late = frame.end - self._rows["recent_end"][picked[:, None], ages] < _SMOOTHED
        trail = np.concatenate([frame.values[picked, None], np.where(late, recent, np.nan)], axis=1)
        return np.asarray(np.nanmean(trail, axis=1))

    def _distance(self, frame: FeatureFrame, level: Floats, picked: NDArray[np.intp]) -> Floats:
        # float64[m]; NaN where no day before is known. Today's ranges are no witness.
        day, rest = divmod(frame.end, _DAY)
        # Around midnight the neighbour belongs to another day, so bins are counted on through the ring.
        back = np.arange(1, _DAYS)[:, None]
        columns = ((day - back) * _BINS + rest * _BINS // _DAY + np.array([-1, 0, 1])) % (_DAYS * _BINS)
        kept = (self._rows["day"][picked, None] - (day - back.T)) < _DAYS
        kept &= day - back.T <= self._rows["day"][picked, None]
        low = self._rows["lowest"][picked[:, None, None], columns].min(axis=2)
        high = self._rows["highest"][picked[:, None, None], columns].max(axis=2)
        outside = np.maximum(np.maximum(low - level[:, None], level[:, None] - high), 0.0)
        far = np.where(kept, outside, np.inf).min(axis=1)
        return np.where(np.isfinite(far), far, np.nan)

    def _begin(self, day: int, picked: NDArray[np.intp]) -> None:
        # Days that passed since the last value hold nothing of this round of the ring.
        known = self._rows["day"]
        rows = picked[known[picked] < day]
        if not len(rows):
            return
        for back in range(min(_DAYS, int(day - known[rows].min()))):
            due = rows[known[rows] < day - back]
            ring = (day - back) % _DAYS * _BINS
            self._rows["lowest"][due, ring : ring + _BINS] = np.inf
            self._rows["highest"][due, ring : ring + _BINS] = -np.inf
        known[rows] = day
