"""When each of many senders speaks."""

import numpy as np

from akeso.domain.telemetry.batches import Mask, Times
from akeso.worlds.dialects.tally.lives import Lives

SECOND = 1_000_000_000


class Schedule:
    """Every sender by its own clock, begun when its process began (those that were there before: at some time).

    every: ns. `due` gives who speaks now and for when; who missed a time (was not speaking) skips it.
    """

    def __init__(self, every_s: float, count: int, start: int, random: np.random.Generator) -> None:
        self.every = round(every_s * SECOND)
        self.next: Times = start + (random.random(count) * self.every).astype(np.int64) + 1
        self._lives = np.zeros(count, np.int64)

    def renew(self, lives: Lives) -> None:
        """Who began a new life speaks one interval after it."""
        anew = (lives.number != self._lives) & (self._lives > 0)
        self._lives = lives.number.copy()
        self.next[anew] = lives.began[anew] + self.every

    def due(self, now: int, speaking: Mask) -> list[tuple[int, int]]:
        """(row, ns) of who speaks up to `now`, each time once."""
        late = self.next <= now
        if not late.any():
            return []
        rows = np.flatnonzero(late)
        times = self.next[rows]
        self.next[rows] += ((now - times) // self.every + 1) * self.every
        # Between two ticks may lie several times.
        return [
            (row, at)
            for row, first in zip(rows[speaking[rows]].tolist(), times[speaking[rows]].tolist(), strict=True)
            for at in range(first, now + 1, self.every)
        ]
