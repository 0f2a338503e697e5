"""What is usual at this time of day, for many series."""

import numpy as np

from akeso.domain.telemetry.batches import Floats
from akeso.domain.telemetry.rows import grown


class SeasonalProfile:
    """The mean of each part of a season, forgetting old seasons: float64[parts, n] of the values, the same of counts.

    Between the middles of two parts it runs straight.
    """

    def __init__(self, season: int, parts: int, newest: float) -> None:
        """season: its length in steps; parts: at most so many; newest: the weight of the newest season."""
        self._season, self._parts = season, max(min(parts, season), 1)
        self._rate = 1.0 - (1.0 - newest) ** (self._parts / season)
        self._means = np.empty((self._parts, 0))
        self._counts = np.empty((self._parts, 0))

    def resize(self, series: int) -> None:
        """Make room for n series; of new ones nothing is known."""
        self._means, self._counts = grown(self._means, series, np.nan), grown(self._counts, series, 0.0)

    def learn(self, step: int, values: Floats) -> None:
        """values: float64[n] of this step; NaN teaches nothing."""
        part = (step % self._season) * self._parts // self._season
        means, counts = self._means[part, : len(values)], self._counts[part, : len(values)]
        there = np.isfinite(values)
        counts += there
        rate = np.maximum(self._rate, 1.0 / np.maximum(counts, 1.0))
        known = np.where(np.isfinite(means), means, values)
        means[:] = np.where(there, known + rate * (values - known), means)

    def at(self, step: int, series: int) -> Floats:
        """float64[n]: what is usual at a step; NaN where that time was never seen."""
        place = (step % self._season + 0.5) * self._parts / self._season - 0.5
        low = int(np.floor(place))
        share = place - low
        first, second = self._means[low % self._parts, :series], self._means[(low + 1) % self._parts, :series]
        usual: Floats = first * (1.0 - share) + second * share
        return usual
