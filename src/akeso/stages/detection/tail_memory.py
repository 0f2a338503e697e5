"""How far in its tail a number lies, many streams at once: excess over a high quantile in units of the mean excess.

Peaks over a threshold (Pickands 1975): beyond the quantile q a value v has the chance (1 − q)·exp(−excess). With a
light tail the excess is (v − threshold) / mean excess; with a heavy one it is ln(v / threshold) / its mean
(Hill 1975). Which of them a stream has, a few dozen numbers do not tell, so the mean of both is taken. All are exact
over the largest `SIZE` numbers of a stream.
"""

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Floats
from akeso.domain.telemetry.rows import Rows

SIZE = 64
_LEAST = 3
_FADING = 0.98
_LEAST_SPREAD = 0.15  # of the mean excess, as a share of the threshold
_NOTHING = 1e-12


class TailMemory:
    """The largest numbers of streams. quantile: of the threshold; warm: numbers before a stream is judged."""

    def __init__(self, rows: Rows, prefix: str, quantile: float, warm: int) -> None:
        self._rows, self._prefix, self._share, self._warm = rows, prefix, 1.0 - quantile, warm

    @staticmethod
    def columns(prefix: str, streams: int) -> dict[str, NDArray[np.generic]]:
        """Columns that a Rows needs for `streams` streams a series."""
        return {
            f"{prefix}_top": np.zeros(streams * SIZE),
            f"{prefix}_count": np.zeros(streams, np.int64),
            f"{prefix}_threshold": np.zeros(streams),
            f"{prefix}_excess": np.full(streams, np.inf),
            f"{prefix}_ratio": np.full(streams, np.inf),
        }

    def excess(self, values: Floats, picked: NDArray[np.intp]) -> Floats:
        """float64[m, streams] in mean excesses, 0 below the threshold, for `values` of the same shape of the series
        `picked`; what has no value (NaN) has no excess."""
        count = self._rows[f"{self._prefix}_count"][picked]
        threshold = self._rows[f"{self._prefix}_threshold"][picked]
        numbers = np.nan_to_num(values)
        light = (numbers - threshold) / self._rows[f"{self._prefix}_excess"][picked]
        heavy = _log_ratio(numbers, threshold) / self._rows[f"{self._prefix}_ratio"][picked]
        return np.where((count >= self._warm) & (light > 0.0), (light + heavy) / 2.0, 0.0)

    def learn(self, values: Floats, picked: NDArray[np.intp]) -> None:
        """Remember numbers (not negative; NaN is none) of the series `picked`."""
        streams = values.shape[1]
        present = np.isfinite(values)
        count = self._rows[f"{self._prefix}_count"]
        count[picked] += present
        top = self._rows[f"{self._prefix}_top"].reshape(-1, SIZE)  # ascending, a view
        flat = (picked[:, None] * streams + np.arange(streams)).ravel()
        numbers, present = values.ravel(), present.ravel()
        flat, numbers = flat[present], numbers[present]
        higher = numbers > top[flat, 0]
        rows, place = flat[higher], numbers[higher]
        top[rows, 0] = place
        top[rows] = np.sort(top[rows], axis=1)
        step = np.maximum(round(1.0 / self._share), 1)
        seen = count.ravel()[flat]
        stale = flat[higher | (seen % step == 0) | (seen == self._warm)]
        full = stale[count.ravel()[stale] * self._share >= SIZE]
        # A memory that is full forgets slowly, or it would never leave a wild youth behind.
        top[full[count.ravel()[full] % step == 0]] *= _FADING
        self._renew(np.unique(stale), top, count.ravel())

    def _renew(self, rows: NDArray[np.intp], top: Floats, count: NDArray[np.int64]) -> None:
        size = np.clip(np.ceil(self._share * count[rows]), _LEAST, SIZE).astype(np.int64)
        ordered = top[rows]
        threshold = ordered[np.arange(len(rows)), SIZE - size]
        inside = np.arange(SIZE) >= (SIZE - size)[:, None]
        excess = np.where(inside, ordered, 0.0).sum(axis=1) / size - threshold
        ratio = np.where(inside, _log_ratio(ordered, threshold[:, None]), 0.0).sum(axis=1) / size
        excess = np.fmax(np.fmax(excess, _LEAST_SPREAD * threshold), _NOTHING)
        self._rows[f"{self._prefix}_threshold"].reshape(-1)[rows] = threshold
        self._rows[f"{self._prefix}_excess"].reshape(-1)[rows] = excess
        self._rows[f"{self._prefix}_ratio"].reshape(-1)[rows] = np.fmax(ratio, _LEAST_SPREAD)


def _log_ratio(numbers: Floats, threshold: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(numbers, _NOTHING) / np.maximum(threshold, _NOTHING)))
