"""Mean and 95th percentile of histograms, instances together.

Explicit buckets count what lies up to their bound, ranges of exponential histograms what lies between their two. All
ranges stand on one grid (see SeriesKey), so those of instances add up whatever scale each of them sends.
"""

import math
from contextlib import AbstractContextManager
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Floats, Ids, Mask, SeriesKey
from akeso.domain.telemetry.rows import grown, run_starts
from akeso.domain.telemetry.series import SeriesTable
from akeso.stages.features.metric_semantics import MetricSemantics, Part
from akeso.stages.features.provisional import on_copies
from akeso.stages.features.rolling_sums import RollingSums
from akeso.stages.features.slots import FeatureOptions

QUANTILE = 0.95
FEWEST_FOR_QUANTILE = 5
_COUNT, _SUM = 0, 1
_CELLS = (Part.BUCKET, Part.RANGE)
_MOMENTS = (Part.COUNT, Part.SUM)
_Cell: TypeAlias = tuple[
    int, float, float
]  # the group, the upper bound, the lower one (-inf: that of the bucket below)


class Histograms:
    """Sums up the growth of counts, sums and buckets per distribution and slot."""

    def __init__(self, table: SeriesTable, options: FeatureOptions) -> None:
        self._table = table
        self._min_calls = options.min_calls
        self._groups: dict[SeriesKey, int] = {}
        self._cells: dict[_Cell, int] = {}
        self._features = np.empty((2, 0), np.int32)  # mean, p95
        self._moments = RollingSums(2, options.rolling_slots)
        self._buckets = RollingSums(1, options.rolling_slots)
        self._order = _BucketOrder.of({})
        self._told: NDArray[np.bool_] = np.zeros((2, 0), np.bool_)  # whether a group has a count, a sum
        self._whole = np.empty(0, np.int32)  # by cell: the group all of whose observations it counts, else -1

    def register(self, semantics: MetricSemantics) -> tuple[int, int]:
        """The group and, for a bucket or range, the cell (else -1) of a series."""
        assert semantics.histogram is not None
        group = self._groups.get(semantics.histogram)
        if group is None:
            group = self._open(semantics.histogram)
        if semantics.part in _MOMENTS:
            self._told[_MOMENTS.index(semantics.part), group] = True
        if semantics.part not in _CELLS or math.isnan(semantics.bound) or math.isnan(semantics.above):
            return group, -1
        cell = self._cells.setdefault((group, semantics.bound, semantics.above), len(self._cells))
        self._whole = grown(self._whole, cell + 1, -1)
        if math.isinf(semantics.bound) and math.isinf(semantics.above):
            self._whole[cell] = group
        return group, cell

    def _open(self, histogram: SeriesKey) -> int:
        group = self._groups[histogram] = len(self._groups)
        self._features = grown(self._features, group + 1, -1)
        self._told = grown(self._told, group + 1, False)
        for row, stat in enumerate(("mean", "p95")):
            key = SeriesKey(
                histogram.tenant, histogram.service, histogram.metric, histogram.attributes, histogram.unit, stat=stat
            )
            self._features[row, group] = self._table.intern(key)
        return group

    def close(self, part: NDArray[np.uint8], group: Ids, cell: Ids, growth: Floats) -> tuple[Ids, Floats]:
        """Take in how much series grew in a slot (parallel arrays, one entry a series) and tell the features of the
        distributions that got new observations."""
        moments = np.isin(part, _MOMENTS)
        counted = part[moments] == Part.COUNT
        grew = growth[moments]
        buckets = np.isin(part, _CELLS) & (cell >= 0)
        more, many = self._uncounted(cell[buckets], growth[buckets])
        groups = np.concatenate((group[moments], more))
        columns = (np.concatenate((grew * counted, many)), np.concatenate((grew * ~counted, np.zeros(len(many)))))
        self._moments.push(len(self._groups), groups, columns)
        self._buckets.push(len(self._cells), cell[buckets], (growth[buckets],))
        if not self._groups:
            return np.empty(0, np.int32), np.empty(0)
        return self._features_of(self._moments.latest[_COUNT] > 0)

    def _uncounted(self, cell: Ids, growth: Floats) -> tuple[Ids, Floats]:
        # Who asks for buckets alone has quantiles all the same: the last bucket counts all observations.
        whole = self._whole[cell]
        rows = whole >= 0
        rows[rows] = ~self._told[_COUNT, whole[rows]]
        return whole[rows], growth[rows]

    def features_of(self, groups: Ids) -> NDArray[np.int32]:
        """int32[2, m]: the mean's and the quantile's feature ids of m distributions."""
        return self._features[:, groups]

    def provisional(self) -> AbstractContextManager[None]:
        """Within it, `close` leaves no trace."""
        return on_copies(self, "_moments", "_buckets")

    def clear(self) -> None:
        """Time has jumped."""
        self._moments.clear()
        self._buckets.clear()

    def _features_of(self, fresh: Mask) -> tuple[Ids, Floats]:
        depth = self._moments.depth(self._min_calls)
        sums = self._moments.sums(depth)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(self._told[_SUM, : len(self._groups)], sums[_SUM] / sums[_COUNT], np.nan)
        values = np.stack((mean, self._quantiles(depth, sums[_COUNT])))
        known = ~np.isnan(values) & fresh
        return self._features[:, : len(self._groups)][known], values[known]

    def _quantiles(self, depth: Ids, count: Floats) -> Floats:
        if len(self._order.group) != len(self._cells):
            self._order = _BucketOrder.of(self._cells)
        if not self._cells:
            return np.full(len(self._groups), np.nan)
        order = self._order
        told = self._buckets.sums(depth[order.group_by_cell])[0][order.cell]
        return np.where(count >= FEWEST_FOR_QUANTILE, order.quantile(told, len(self._groups)), np.nan)


class _BucketOrder:
    """All buckets sorted by distribution and bound, so that all quantiles are found in one search."""

    def __init__(self, cell: Ids, group: Ids, bound: Floats, lower: Floats) -> None:
        self.cell, self.group, self.bound = cell, group, bound
        self.group_by_cell = np.zeros(len(cell), np.int32)
        self.group_by_cell[cell] = group
        self.starts = run_starts(group)
        self.lowest = np.zeros(len(cell), np.bool_)
        self.lowest[self.starts] = True
        self.explicit = np.flatnonzero(np.isneginf(lower))
        self.first_explicit = run_starts(group[self.explicit])
        self.lower = lower.copy()
        self.lower[self.explicit] = self._before(bound[self.explicit])

    @classmethod
    def of(cls, cells: dict[_Cell, int]) -> "_BucketOrder":
        rows = sorted(cells)
        return cls(
            np.array([cells[row] for row in rows], np.int32),
            np.array([row[0] for row in rows], np.int32),
            np.array([row[1] for row in rows], np.float64),
            np.array([row[2] for row in rows], np.float64),
        )

    def quantile(self, told: Floats, groups: int) -> Floats:
        """float64[groups], NaN without observations. told: float64[cells], observations of each bucket and range.

        Linear within a bucket, as Prometheus' histogram_quantile does; the last finite bound beyond it.
        """
        inside = told.copy()
        inside[self.explicit] -= self._before(told[self.explicit])
        running = inside.cumsum()
        sizes = np.diff(np.append(self.starts, len(running)))
        at_most = running - np.repeat((running - inside)[self.starts], sizes)
        target = QUANTILE * np.repeat(at_most[self.starts + sizes - 1], sizes)
        below = at_most - inside
        hit = (at_most >= target) & (target > 0)
        hit &= (below < target) | self.lowest
        share = (target[hit] - below[hit]) / np.maximum(inside[hit], 1e-12)
        upper = np.where(np.isinf(self.bound[hit]), self.lower[hit], self.bound[hit])
        result = np.full(groups, np.nan)
        result[self.group[hit]] = self.lower[hit] + share * (upper - self.lower[hit])
        return result

    def _before(self, values: Floats) -> Floats:
        """Of each explicit bucket, the value of the one below it; 0 for the lowest of a distribution."""
        before = np.roll(values, 1)
        before[self.first_explicit] = 0.0
        return before
