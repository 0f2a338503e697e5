"""Thresholds from extreme-value theory."""

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import FeatureFrame, Floats, Mask
from akeso.domain.telemetry.rows import Rows
from akeso.domain.telemetry.scale import believable, normal_range, scaled
from akeso.ports.detector import Scores, State

_SIDES = 2
_FEW = 8  # peaks, before a tail has a shape of its own
_LEAST_DEVIATIONS = 4.0


class ExtremeValue:
    """Distance from the local mean over the distance that is exceeded with the chance `risk`: DSPOT, two-sided.

    Peaks over a threshold (Siffer et al. 2017): what lies beyond the `quantile` of the distances of its side is taken
    for generalized Pareto, whose shape and scale come from the last `peaks` excesses by probability-weighted moments
    (Hosking & Wallis 1987), which need no iteration as maximum likelihood does. Unlike there the threshold follows the
    quantile (stochastic approximation), so a series that got livelier for good is not extreme for ever. The local mean
    is that of about `depth` values. All of it learns under the mask.
    """

    name = "extreme_value"
    on_request = True

    def __init__(
        self,
        risk: float = 1e-4,
        quantile: float = 0.95,
        peaks: int = 40,
        depth: int = 20,
        memory: int = 600,
        warm: int = 60,
    ) -> None:
        self._risk, self._share, self._peaks = risk, 1.0 - quantile, peaks
        self._depth, self._memory, self._warm = depth, memory, warm
        two = np.zeros(_SIDES)
        columns = {"level": 0.0, "deviation": 0.0, "seen": 0.0, "threshold": two, "share": two + self._share}
        tails = {"extreme": two, "excess": np.full(_SIDES * peaks, np.nan, np.float32), "count": two}
        self._rows = Rows(columns | tails)

    def score(self, frame: FeatureFrame) -> Scores:
        state = self._grown(frame)
        warm = state["seen"] >= self._warm
        away = scaled(frame.values, frame.signals) - state["level"]
        deviation = believable(1.25 * state["deviation"], state["level"], frame.signals)
        limit = np.maximum(state["extreme"], _LEAST_DEVIATIONS * deviation[:, None])
        score = np.maximum(away / limit[:, 0], -away / limit[:, 1])
        level = np.where(warm, state["level"], np.nan)
        expected, width = normal_range(level, np.where(warm, deviation, np.nan), frame.signals)
        return Scores(np.where(warm, np.maximum(np.nan_to_num(score), 0.0), 0.0), expected, width)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        state = self._grown(frame)
        x = scaled(frame.values, frame.signals)
        rows = np.flatnonzero(update & np.isfinite(x))
        seen, level = state["seen"][rows], state["level"][rows]
        away = np.where(seen > 0, x[rows] - level, 0.0)
        state["level"][rows] = np.where(seen > 0, level, x[rows])
        self._tail(rows, away)
        state["level"][rows] += np.maximum(1.0 / (seen + 1.0), 1.0 / self._depth) * away
        rate = np.maximum(1.0 / (seen + 1.0), 1.0 / self._memory)
        state["deviation"][rows] += rate * (np.abs(away) - state["deviation"][rows])
        state["seen"][rows] = seen + 1.0

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows

    def _tail(self, rows: NDArray[np.intp], away: Floats) -> None:
        state = self._rows
        both = np.stack([away, -away], axis=1)
        seen = state["seen"][rows, None]
        threshold = state["threshold"][rows]
        beyond = both - threshold
        over = beyond > 0
        # Robbins and Monro 1951: up by the quantile's share of a step, down by the rest.
        size = np.maximum(state["deviation"][rows], np.abs(away) / (seen[:, 0] + 1.0))
        step = np.maximum(8.0 / (seen + 1.0), 0.1) * size[:, None]
        state["threshold"][rows] = np.maximum(threshold + step * (over - self._share), 0.0)
        rate = np.maximum(1.0 / (seen + 1.0 / self._share), 1.0 / self._memory)
        state["share"][rows] += rate * (over - state["share"][rows])
        row, side = np.nonzero(over & (seen >= self._warm / 2))
        self._remember(rows[row], side, beyond[row, side])
        changed = np.unique(rows[row])
        state["extreme"][changed] = self._extreme(changed)

    def _remember(self, rows: NDArray[np.intp], side: NDArray[np.intp], excess: Floats) -> None:
        count = self._rows["count"]
        slot = count[rows, side].astype(np.intp) % self._peaks
        self._rows["excess"][rows, side * self._peaks + slot] = excess
        count[rows, side] += 1.0

    def _extreme(self, rows: NDArray[np.intp]) -> Floats:
        # float64[m, 2]: the distance that is exceeded with the chance `risk`.
        excess = np.sort(self._rows["excess"][rows].reshape(-1, _SIDES, self._peaks).astype(np.float64), axis=2)
        known = np.isfinite(excess)
        size = np.maximum(known.sum(axis=2), 1)
        excess = np.where(known, excess, 0.0)
        rank = (np.arange(self._peaks) + 0.65) / size[:, :, None]
        mean = excess.sum(axis=2) / size
        weighted = (np.where(known, 1.0 - rank, 0.0) * excess).sum(axis=2) / size
        shape, scale = _pareto(mean, weighted, size)
        odds = np.maximum(self._rows["share"][rows] / self._risk, 1.0)
        further = np.where(np.abs(shape) < 1e-6, np.log(odds), (odds**shape - 1.0) / np.where(shape == 0, 1.0, shape))
        return np.asarray(self._rows["threshold"][rows] + scale * further)


def _pareto(mean: Floats, weighted: Floats, size: NDArray[np.intp]) -> tuple[Floats, Floats]:
    # (shape, scale) by probability-weighted moments; exponential while there are few peaks.
    apart = mean - 2.0 * weighted
    usable = (size >= _FEW) & (apart > 1e-12)
    shape = np.where(usable, 2.0 - mean / np.where(usable, apart, 1.0), 0.0)
    shape = np.clip(shape, -0.3, 0.5)
    return shape, mean * (1.0 - shape)
