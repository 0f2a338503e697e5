"""Burn rate: how much faster than allowed an error budget is used up, over several windows at once.

Multi-window, multi-burn-rate alerts as in "The Site Reliability Workbook" (Google, 2018), chapter 5: a rule fires while
both its long and its short window burn faster than its factor. The long window says that it matters, the short one that
it is still going on. What lies before the first measurement counts as good, at the traffic seen since: a rule means a
share of the budget, and a service that is new has not used any.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from akeso.domain.estate.objective import BurnRule
from akeso.domain.telemetry.batches import Floats, Times
from akeso.domain.telemetry.times import duration_ns

# 2 % of a month's budget in an hour, 5 % in six hours, 10 % in three days.
RULES = (
    BurnRule(14.4, timedelta(hours=1), timedelta(minutes=5)),
    BurnRule(6.0, timedelta(hours=6), timedelta(minutes=30)),
    BurnRule(1.0, timedelta(days=3), timedelta(hours=6)),
)


@dataclass(frozen=True, slots=True)
class BurnOptions:
    """When an error budget burns too fast.

    rules: factors and windows.
    scale: multiplies every window, where less telemetry is kept than three days or alerts must be tried out.
    fewest: bad calls in the long window without which no rule fires.
    parts: buckets of the shortest window.
    """

    rules: tuple[BurnRule, ...] = RULES
    scale: float = 1.0
    fewest: float = 5.0
    parts: int = 5


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """What one slot brought, float64[n] by objective: calls, and how many of them were bad."""

    bad: Floats
    total: Floats


class BurnWindows:
    """Bad and all calls of n objectives in a ring of buckets; 16 bytes a bucket and objective.

    A bucket holds the sums since the beginning, so every window is one subtraction, whatever its length.
    """

    def __init__(self, options: BurnOptions | None = None) -> None:
        self.options = options or BurnOptions()
        rules = self.options.rules
        windows = {window for rule in rules for window in (rule.long, rule.short)}
        self._bucket = max(1, round(duration_ns(min(windows)) * self.options.scale / self.options.parts))
        self.longest = max(windows)
        self._size = self._buckets(self.longest) + 1
        self._ring: Floats = np.zeros((self._size, 2, 0))
        self._since: Times = np.zeros(0, np.int64)
        self._head = 0

    def __len__(self) -> int:
        return len(self._since)

    def grow(self, objectives: int) -> None:
        """New objectives at the end, which have used nothing."""
        more = objectives - len(self)
        if more > 0:
            self._ring = np.pad(self._ring, ((0, 0), (0, 0), (0, more)))
            self._since = np.pad(self._since, (0, more))

    def take(self, end: int, served: Served) -> None:
        """Count a slot that ended at `end` (ns) in."""
        bucket = end // self._bucket
        if bucket > self._head:
            newest = self._ring[self._head % self._size].copy()
            for passed in range(max(self._head, bucket - self._size) + 1, bucket + 1):
                self._ring[passed % self._size] = newest
            self._head = bucket
        self._ring[self._head % self._size] += np.stack([served.bad, served.total])
        self._since[(self._since == 0) & (served.total > 0)] = end

    def burn(self, window: timedelta, allowed: Floats, end: int, now: Served) -> Floats:
        """float64[n]: the burn rate over the window that ends with the slot `now`; allowed: the share of calls that may
        be bad."""
        bad, total = self._sums(self._buckets(window), end, now)
        covered = np.maximum(end - self._since, 1) / (duration_ns(window) * self.options.scale)
        whole = total / np.clip(np.where(self._since > 0, covered, 0.0), 1e-9, 1.0)
        return np.asarray(np.where(total > 0, bad / np.maximum(allowed * whole, 1e-12), 0.0))

    def score(self, allowed: Floats, end: int, now: Served) -> Floats:
        """float64[n]: how far beyond its threshold the most alarmed rule is (1.0: at it). 0 once the budget is not
        being used up any more: an alarm must not outlive the trouble by the short window."""
        score = np.zeros(len(self))
        for rule in self.options.rules:
            both = (self.burn(window, allowed, end, now) for window in (rule.long, rule.short))
            enough = self._sums(self._buckets(rule.long), end, now)[0] >= self.options.fewest
            score = np.maximum(score, np.where(enough, np.minimum(*both) / rule.factor, 0.0))
        bad, total = self._sums(1, end, now)
        return np.asarray(np.where(bad >= np.maximum(allowed * total, 1e-12), score, 0.0))

    def _buckets(self, window: timedelta) -> int:
        return max(1, round(duration_ns(window) * self.options.scale / self._bucket))

    def _sums(self, buckets: int, end: int, now: Served) -> tuple[Floats, Floats]:
        newest: NDArray[np.float64] = self._ring[self._head % self._size]
        first = end // self._bucket - buckets
        before = newest if first >= self._head else self._ring[first % self._size]
        bad, total = newest - before
        return bad + now.bad, total + now.total
