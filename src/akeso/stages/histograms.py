"""Mean and 95th percentile of explicit histograms, instances together."""

import math

import numpy as np
from numpy.typing import NDArray

from akeso.domain.series import SeriesTable
from akeso.domain.telemetry import Floats, Ids, Mask, SeriesKey
from akeso.stages.meaning import Meaning, Part
from akeso.stages.slotting import FeatureOptions
from akeso.stages.trailing import Trailing, grown

QUANTILE = 0.95
FEWEST_FOR_QUANTILE = 5
_COUNT, _SUM = 0, 1


class Histograms:
    """Sums up the growth of counts, sums and buckets per distribution and slot."""

    def __init__(self, table: SeriesTable, options: FeatureOptions) -> None:
        self._table = table
        self._enough = options.enough
        self._groups: dict[SeriesKey, int] = {}
        self._cells: dict[tuple[int, float], int] = {}
        self._features = np.empty((2, 0), np.int32)  # mean, p95
        self._moments = Trailing(2, options.trailing)
        self._buckets = Trailing(1, options.trailing)
        self._order = _BucketOrder.of({})

    def register(self, meaning: Meaning) -> tuple[int, int]:
        """The group and, for a bucket, the cell (else -1) of a series."""
        assert meaning.histogram is not None
        group = self._groups.get(meaning.histogram)
        if group is None:
            group = self._open(meaning.histogram)
        if meaning.part is not Part.BUCKET or math.isnan(meaning.bound):
            return group, -1
        return group, self._cells.setdefault((group, meaning.bound), len(self._cells))

    def _open(self, histogram: SeriesKey) -> int:
        group = self._groups[histogram] = len(self._groups)
        self._features = grown(self._features, group + 1, -1)
        for row, stat in enumerate(("mean", "p95")):
            key = SeriesKey(
                histogram.tenant, histogram.service, histogram.metric, histogram.attributes, histogram.unit, stat=stat
            )
            self._features[row, group] = self._table.intern(key)
        return group

    def close(self, part: NDArray[np.uint8], group: Ids, cell: Ids, growth: Floats) -> tuple[Ids, Floats]:
        """Take in how much series grew in a slot (parallel arrays, one entry a series) and tell the features of the
        distributions that got new observations."""
        moments = np.isin(part, (Part.COUNT, Part.SUM))
        counted = part[moments] == Part.COUNT
        grew = growth[moments]
        self._moments.push(len(self._groups), group[moments], (grew * counted, grew * ~counted))
        buckets = (part == Part.BUCKET) & (cell >= 0)
        self._buckets.push(len(self._cells), cell[buckets], (growth[buckets],))
        if not self._groups:
            return np.empty(0, np.int32), np.empty(0)
        return self._features_of(self._moments.latest[_COUNT] > 0)

    def clear(self) -> None:
        """Time has jumped."""
        self._moments.clear()
        self._buckets.clear()

    def _features_of(self, fresh: Mask) -> tuple[Ids, Floats]:
        depth = self._moments.depth(self._enough)
        sums = self._moments.sums(depth)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = sums[_SUM] / sums[_COUNT]
        values = np.stack((mean, self._quantiles(depth, sums[_COUNT])))
        known = ~np.isnan(values) & fresh
        return self._features[:, : len(self._groups)][known], values[known]

    def _quantiles(self, depth: Ids, count: Floats) -> Floats:
        if len(self._order.group) != len(self._cells):
            self._order = _BucketOrder.of(self._cells)
        if not self._cells:
            return np.full(len(self._groups), np.nan)
        order = self._order
        at_most = self._buckets.sums(depth[order.group_by_cell])[0][order.cell]
        return np.where(count >= FEWEST_FOR_QUANTILE, order.quantile(at_most, len(self._groups)), np.nan)


class _BucketOrder:
    """All buckets sorted by distribution and bound, so that all quantiles are found in one search."""

    def __init__(self, cell: Ids, group: Ids, bound: Floats) -> None:
        self.cell, self.group, self.bound = cell, group, bound
        self.group_by_cell = np.zeros(len(cell), np.int32)
        self.group_by_cell[cell] = group
        self.first = np.append(True, group[1:] != group[:-1]) if len(group) else np.empty(0, np.bool_)

    @classmethod
    def of(cls, cells: dict[tuple[int, float], int]) -> "_BucketOrder":
        rows = sorted(cells)
        return cls(
            np.array([cells[row] for row in rows], np.int32),
            np.array([row[0] for row in rows], np.int32),
            np.array([row[1] for row in rows], np.float64),
        )

    def quantile(self, at_most: Floats, groups: int) -> Floats:
        """float64[groups], NaN without observations. at_most: float64[cells], observations up to each bound.

        Linear within a bucket, as Prometheus' histogram_quantile does; the last finite bound beyond it.
        """
        below = np.where(self.first, 0.0, np.roll(at_most, 1))
        lower = np.where(self.first, 0.0, np.roll(self.bound, 1))
        starts = np.flatnonzero(self.first)
        last = np.append(starts[1:], len(self.group)) - 1
        total = np.full(groups, np.nan)
        total[self.group[starts]] = at_most[last]
        target = QUANTILE * total[self.group]
        hit = (at_most >= target) & (target > 0)
        hit &= self.first | (below < target)
        share = (target[hit] - below[hit]) / np.maximum(at_most[hit] - below[hit], 1e-12)
        upper = np.where(np.isinf(self.bound[hit]), lower[hit], self.bound[hit])
        result = np.full(groups, np.nan)
        result[self.group[hit]] = lower[hit] + share * (upper - lower[hit])
        return result
