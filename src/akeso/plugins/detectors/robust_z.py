"""Standard score against median and median absolute deviation."""

import numpy as np
from numpy.typing import NDArray

from akeso.domain.detection.vote import Vote
from akeso.domain.telemetry.batches import FeatureFrame, Mask
from akeso.domain.telemetry.positions import Singles, ages, cautious, positions
from akeso.domain.telemetry.rows import Rows
from akeso.ports.detector import Scores, State

_MAD_TO_SIGMA = 1.4826  # for a normal distribution
_Q95_TO_SIGMA = 1 / 1.645


class RobustZ:
    """Distance from the running median in robust deviations; the alarm is at `threshold` of them.

    The estimator is exact over a sliding window of the last `window` learnt values of each series: median and MAD
    (Hampel 1974) come from the sorted window. Sorting is spread over time: a young series is renewed with each value,
    an old one with each `every`-th, each slot another share of the series. The deviation is the larger of the MAD's and
    of that which the 5 % and 95 % quantiles suggest: a series with two modes (a cache that hits or misses) has a tiny
    MAD, and yet its rarer mode is normal.
    """

    name = "robust_z"
    votes = Vote.SHARED

    def __init__(self, threshold: float = 4.0, window: int = 120, every: int = 10, warm: int = 20) -> None:
        self._threshold, self._every, self._warm = threshold, every, warm
        blank = np.full(window, np.nan, np.float32)
        nothing = np.float32(np.nan)
        self._rows = Rows({"window": blank, "center": nothing, "spread": nothing, "seen": np.float32(0.0)})

    def score(self, frame: FeatureFrame) -> Scores:
        found = positions(frame)
        opinions = found.opinions()
        for block in found.blocks(self._grown(frame)):
            center, age = block["center"], ages(block["seen"])
            spread = block.believable(block["spread"].copy(), center)
            score = block.x - center
            np.abs(score, out=score)
            score /= spread * (cautious(age) * np.float32(self._threshold))
            opinions.tell(block.at, age >= block.enough(self._warm), score, center, spread)
        return Scores(opinions.score, opinions.center, opinions.width, frame.signals)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        window = self._grown(frame)["window"]
        numbers = np.arange(len(update))
        for block in positions(frame).blocks(self._rows):
            rows, x = numbers[block.at], block.x
            chosen = update[block.at]
            if not chosen.all():
                rows, x = rows[chosen], x[chosen]
            seen = self._rows["seen"][rows].astype(np.int32)
            window[rows, seen % np.int32(window.shape[1])] = x
            seen += np.int32(1)
            self._rows["seen"][rows] = seen
            turn = (seen + rows.astype(np.int32)) % np.int32(self._every) == 0
            turn |= seen <= 2 * self._warm
            self._renew(rows[turn], seen[turn])

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _renew(self, rows: NDArray[np.intp], seen: NDArray[np.int32]) -> None:
        if not len(rows):
            return
        size = self._rows["window"].shape[1]
        count = np.minimum(ages(seen), np.int32(size))
        values = self._rows["window"][rows, : count.max()]
        values.sort(axis=1)  # NaN, the unfilled rest, sorts to the end
        center = _quantile(values, count, 0.5)
        tails = np.fmax(_quantile(values, count, 0.95) - center, center - _quantile(values, count, 0.05))
        values -= center[:, None]
        np.abs(values, out=values)
        values.sort(axis=1)
        mad = _quantile(values, count, 0.5)
        self._rows["center"][rows] = center
        self._rows["spread"][rows] = np.fmax(_MAD_TO_SIGMA * mad, _Q95_TO_SIGMA * tails)

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows


def _quantile(ordered: Singles, count: NDArray[np.int32], share: float) -> Singles:
    # The linear interpolation of the first `count` values of each ordered row; count: of each row, or one of all.
    place = share * (count - 1)
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, count - 1)
    row = slice(None) if len(count) == 1 else np.arange(len(ordered))
    left, right = (np.ravel(ordered[row, at]) for at in (low, high))
    return np.asarray(left + (place - low).astype(np.float32) * (right - left))
