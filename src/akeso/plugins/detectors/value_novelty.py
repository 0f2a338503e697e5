"""Novelty of values: how far a series is from everywhere it has ever been.

Conformal novelty with the nearest neighbour as measure, after the detectors that lead the Numenta Anomaly Benchmark
by remembering what was seen (CAD OSE, Smirnov 2016; ARTime, Hollands 2023).
"""

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import FeatureFrame, Floats, Mask
from akeso.ports.detector import Scores, State
from akeso.stages.detection.pace import PacedRows
from akeso.stages.detection.tail_memory import TailMemory

_RECENT = 48
_VIEWS = 5


class ValueNovelty:
    """Looks at five views of a series: the value, its step, its mean over 12 and 48 values, its deviation over 12.

    Each view's distance to the nearest one remembered is measured against the tail of such distances; the alarm is
    `threshold` mean excesses beyond the `quantile`. At most `size` places are remembered a view; when there is no room,
    the more crowded half of two neighbours goes. Only the first `series` series are looked at, and
    each once every `pace_s` seconds: a memory costs more than a running mean.
    """

    name = "value_novelty"

    def __init__(
        self,
        threshold: float = 6.0,
        quantile: float = 0.995,
        size: int = 256,
        warm: int = 50,
        series: int = 1000,
        pace_s: float = 60.0,
    ) -> None:
        self._threshold, self._size = threshold, size
        columns = {
            "recent": np.full(_RECENT, np.nan),
            "seen": np.int64(0),
            "places": np.full(_VIEWS * size, np.inf, np.float32),
            "used": np.zeros(_VIEWS, np.int64),
        }
        self._rows = PacedRows(columns | TailMemory.columns("tail", _VIEWS), series, pace_s)
        self._tail = TailMemory(self._rows, "tail", quantile, warm)

    def score(self, frame: FeatureFrame) -> Scores:
        picked = self._rows.picked(frame, np.isfinite(frame.values))
        score, unknown = np.zeros(len(frame.values)), np.full(len(frame.values), np.nan)
        if len(picked):
            far = self._distance(self._views(frame.values[picked], picked), picked)
            score[picked] = self._tail.excess(far, picked).max(axis=1) / self._threshold
        return Scores(score, unknown, unknown.copy())

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        picked = self._rows.picked(frame, update & np.isfinite(frame.values))
        if not len(picked):
            return
        views = self._views(frame.values[picked], picked)
        far = self._distance(views, picked)
        self._tail.learn(far, picked)
        self._remember(views, far, picked)
        self._rows["recent"][picked, self._rows["seen"][picked] % _RECENT] = frame.values[picked]
        self._rows["seen"][picked] += 1

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _views(self, x: Floats, picked: NDArray[np.intp]) -> Floats:
        seen = self._rows["seen"][picked]
        ages = (seen[:, None] - 1 - np.arange(_RECENT - 1)) % _RECENT
        recent = self._rows["recent"][picked[:, None], ages]
        trail = np.concatenate([x[:, None], recent], axis=1)  # the newest first
        held = np.minimum(seen + 1, _RECENT)
        known = np.where(np.arange(_RECENT) < held[:, None], trail, 0.0)
        short, long = np.minimum(held, 12), held
        mean = known[:, :12].sum(axis=1) / short
        spread = np.sqrt(np.maximum((known[:, :12] ** 2).sum(axis=1) / short - mean**2, 0.0))
        step = np.abs(x - np.where(seen > 0, trail[:, 1], x))
        return np.stack([x, step, mean, known.sum(axis=1) / long, spread], axis=1)

    def _distance(self, views: Floats, picked: NDArray[np.intp]) -> Floats:
        # float64[m, views] to the nearest place; NaN where there is none yet.
        flat = self._flat(picked)
        places = self._rows["places"].reshape(-1, self._size)
        goal = views.astype(np.float32).ravel()
        at = _found(places, flat, goal)
        right = places[flat, np.minimum(at, self._size - 1)]
        left = places[flat, np.maximum(at - 1, 0)]
        right = np.where(at < self._size, right, np.inf)
        far = np.minimum(np.abs(right - goal), np.where(at > 0, np.abs(goal - left), np.inf))
        return np.where(np.isfinite(far), far, np.nan).astype(np.float64).reshape(views.shape)

    def _remember(self, views: Floats, far: Floats, picked: NDArray[np.intp]) -> None:
        flat, goal = self._flat(picked), views.astype(np.float32).ravel()
        new = ~(far.ravel() == 0.0)
        flat, goal = flat[new], goal[new]
        if not len(flat):
            return
        places, used = self._rows["places"].reshape(-1, self._size), self._rows["used"].reshape(-1)
        rows = np.sort(np.concatenate([places[flat], goal[:, None]], axis=1), axis=1)
        drop = np.full(len(flat), self._size)
        full = used[flat] >= self._size
        drop[full] = np.diff(rows[full], axis=1).argmin(axis=1)
        keep = np.arange(self._size + 1) != drop[:, None]
        places[flat] = rows[keep].reshape(len(flat), self._size)
        used[flat] = np.minimum(used[flat] + 1, self._size)

    def _flat(self, picked: NDArray[np.intp]) -> NDArray[np.intp]:
        return (picked[:, None] * _VIEWS + np.arange(_VIEWS)).ravel()


def _found(places: NDArray[np.float32], rows: NDArray[np.intp], goal: NDArray[np.float32]) -> NDArray[np.intp]:
    # np.searchsorted, each goal in its own row.
    low, high = np.zeros(len(rows), np.intp), np.full(len(rows), places.shape[1], np.intp)
    for _ in range(places.shape[1].bit_length()):
        middle = (low + high) // 2
        below = places[rows, np.minimum(middle, places.shape[1] - 1)] < goal
        below &= low < high
        low, high = np.where(below, middle + 1, low), np.where(below | (low >= high), high, middle)
    return low
