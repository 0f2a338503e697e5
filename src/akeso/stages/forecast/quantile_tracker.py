"""Quantiles of a stream, many at once, each in constant memory."""

from itertools import pairwise
from statistics import NormalDist

import numpy as np

from akeso.domain.telemetry.batches import Floats
from akeso.domain.telemetry.rows import grown
from akeso.stages.forecast.forecast import LEVELS

# The middle moves less: errors of one sign come in runs, and what was missed then must not be added afterwards.
_CALM = np.where(np.array(LEVELS) == 0.5, 0.3, 1.0)


class QuantileTracker:
    """float64[levels, rows, n]: quantiles at LEVELS of scores that come one a step, rows × n of them.

    Each quantile takes a step of the pinball loss's gradient: up by rate · level if the score was above, down by
    rate · (1 - level) otherwise. So in the long run a share `level` of the scores is below whatever their distribution
    does (Gibbs & Candès, Adaptive Conformal Inference, 2021; the quantile tracker of Angelopoulos, Candès & Tibshirani,
    Conformal PID Control, 2023). The rate is a share of the scores' own running size, and larger while there are few.
    """

    def __init__(self, start: Floats, rate: float = 0.02, memory: float = 0.01) -> None:
        """start: float64[rows], the standard deviation of the scores to begin with, as of a normal distribution.
        rate: of the size of the scores; memory: the weight of the newest score in that size."""
        normal = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
        self._start, self._normal, self._rate, self._memory = start, normal, rate, memory
        self._quantiles = np.empty((len(LEVELS), len(start), 0))
        self._size = np.empty((len(start), 0))
        self._seen = np.empty((len(start), 0))

    def resize(self, series: int) -> None:
        """Make room for n series; new ones begin with the normal distribution."""
        have = self._size.shape[-1]
        self._quantiles, self._size, self._seen = (
            grown(array, series, 0.0) for array in (self._quantiles, self._size, self._seen)
        )
        self._quantiles[..., have:] = (self._normal[:, None] * self._start)[..., None]
        self._size[:, have:] = self._start[:, None]

    def learn(self, scores: Floats) -> None:
        """scores: float64[rows, n]; NaN teaches nothing."""
        n = scores.shape[-1]
        size, seen = self._size[:, :n], self._seen[:, :n]
        known = np.isfinite(scores)
        seen += known
        quick = 1.0 + 9.0 / np.maximum(seen, 1.0)
        # A single enormous score must not make every later step enormous.
        bounded = np.minimum(np.abs(scores), 10.0 * size)
        size += np.where(known, np.minimum(self._memory * quick, 0.5) * (bounded - size), 0.0)
        step = np.where(known, self._rate * quick * size, 0.0)
        levels, calm = np.array(LEVELS)[:, None, None], _CALM[:, None, None]
        self._quantiles[..., :n] += calm * step * (levels - (scores <= self._quantiles[..., :n]))

    def quantiles(self, series: int) -> Floats:
        """float64[levels, rows, n], rising along the first axis."""
        rising = self._quantiles[..., :series].copy()
        for lower, upper in pairwise(rising):
            np.maximum(lower, upper, out=upper)
        return rising
