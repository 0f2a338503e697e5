"""Cadence: how long it is from one value of a series to the next, as its sender tells them."""

import numpy as np

from akeso.domain.telemetry.batches import Floats, Ids, Times
from akeso.domain.telemetry.rows import grown

STALE_AFTER = 3
"""Intervals after which the last value of a series says nothing of the present any more."""


# A sender on a busy machine that misses every other slot is still one that means to tell each.
_SLOW = 2.5


class Cadences:
    """The cadence of feature series, by their ids. What was never learnt is told by every slot."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._every: Times = np.zeros(0, np.int64)
        self._size = 0
        self._slow = False  # whether any series was ever told more rarely than every slot

    def __copy__(self) -> "Cadences":
        twin = Cadences(self._width)
        twin._every, twin._size, twin._slow = self._every.copy(), self._size, self._slow
        return twin

    def concern(self, every: Times) -> bool:
        """Whether there is anything to learn: while every slot tells every series, there is not."""
        self._slow = self._slow or bool((every >= _SLOW * self._width).any())
        return self._slow

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
        slow = np.flatnonzero(known >= _SLOW * self._width)
        if not len(slow):
            return np.empty(0, np.int64)
        every = np.full(series, self._width, np.int64)
        slots: Floats = np.rint(known[slow] / self._width)
        every[slow] = slots.astype(np.int64) * self._width
        return every


def followed(every: Times, gap: Times) -> Times:
    """The cadence after one more gap between two values (ns, 0: it was the first). A shorter gap shows at once that the
    series is told more often: half of the way. A longer one may be a value that is missing or late: a quarter of the
    way, as if it was twice as long at most."""
    shorter, longer = (every + gap) // 2, every + (np.minimum(gap, every * 2) - every) // 4
    return np.where(gap <= 0, every, np.where(every <= 0, gap, np.where(gap < every, shorter, longer)))
