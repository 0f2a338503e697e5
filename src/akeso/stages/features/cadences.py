"""Cadence: how long it is from one value of a series to the next, as its sender tells them."""

import numpy as np

from akeso.domain.telemetry.batches import Floats, Ids, Times
from akeso.domain.telemetry.rows import grown

STALE_AFTER = 3
"""Intervals after which the last value of a series says nothing of the present any more."""


class Cadences:
    """The cadence of feature series, by their ids. What was never learnt is told by every slot."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._every: Times = np.zeros(0, np.int64)
        self._size = 0

    def __copy__(self) -> "Cadences":
        twin = Cadences(self._width)
        twin._every, twin._size = self._every.copy(), self._size
        return twin

    def learn(self, features: Ids, every: Times) -> None:
        """The cadence (ns, 0 unknown) of series that have just been told."""
        if not len(features):
            return
        self._size = max(self._size, int(features.max()) + 1)
        self._every = grown(self._every, self._size, 0)
        self._every[features] = every

    def told(self, series: int) -> Times:
        """int64[series] ns, whole slots; empty when every slot tells all of them."""
        known = self._every[: min(self._size, series)]
        if not (known > self._width + self._width // 2).any():
            return np.empty(0, np.int64)
        every = np.full(series, self._width, np.int64)
        slots: Floats = np.maximum(np.rint(known / self._width), 1.0)
        every[: len(known)] = slots.astype(np.int64) * self._width
        return every


def followed(every: Times, gap: Times) -> Times:
    """The cadence after one more gap between two values (ns, 0: it was the first): a quarter of the way, and never by
    more than its double, so that one value that is missing or late is no other cadence."""
    near = np.clip(gap, every // 2, every * 2)
    return np.where(gap <= 0, every, np.where(every <= 0, gap, every + (near - every) // 4))
