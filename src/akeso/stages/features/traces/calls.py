"""Rate, errors and duration of groups of calls: of a service, of an operation, of an edge."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import NANOSECONDS, Attributes, Floats, Ids, Mask, SeriesKey
from akeso.domain.telemetry.rows import grown
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import duration_ns
from akeso.stages.features.provisional import on_copies
from akeso.stages.features.rolling_sums import RollingSums
from akeso.stages.features.slots import FeatureOptions

QUANTILE = 0.95
FEWEST_FOR_QUANTILE = 5
_COUNT, _ERRORS, _MS, _SELF_MS = range(4)
_RATE, _ERROR_RATIO, _MEAN, _SELF, _P95 = range(5)


@dataclass(frozen=True, slots=True)
class CallNames:
    """The metrics of a group of calls; "" for what is not told."""

    rate: str
    errors: str
    mean: str
    self_time: str = ""
    p95: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """Calls that ended in one slot, parallel arrays: the group, ms, whether it failed, ms of its own."""

    group: Ids
    duration_ms: Floats
    error: Mask
    self_ms: Floats


class CallFeatures:
    """Sums calls per group and slot.

    The rate is of the slot alone, and 0 for a known group without calls, so that traffic that stopped is seen. Ratio,
    means and p95 stand on the last slots (see FeatureOptions.rolling_slots) and are NaN in a slot without calls.

    On real traffic of 1–8 calls/s a group, three slots or eight calls took the variation of a mean from 0.32 to 0.22 on
    edges and from 0.14 to 0.09 on operations against single slots, and slots without a p95 from 38 % to 3 %; five slots
    gained nothing more. The price is that a rare call's errors reach their full ratio in the third slot.
    """

    def __init__(self, table: SeriesTable, names: CallNames, options: FeatureOptions) -> None:
        self._table, self._names = table, names
        self._min_calls, self._forget = options.min_calls, duration_ns(options.forget)
        self._slot_s = duration_ns(options.slot) / NANOSECONDS
        self._groups: dict[tuple[str, str, Attributes], int] = {}
        self._features = np.empty((5, 0), np.int32)
        self._seen = np.empty(0, np.int64)
        self._sums = RollingSums(4, options.rolling_slots)
        self._recent: list[tuple[Ids, Floats]] = []
        self._slots = options.rolling_slots

    def __len__(self) -> int:
        return len(self._groups)

    def group(self, tenant: str, service: str, attributes: Attributes = ()) -> int:
        """The number of a group, a new one if need be."""
        identity = (tenant, service, attributes)
        found = self._groups.get(identity)
        if found is not None:
            return found
        found = self._groups[identity] = len(self._groups)
        self._features = grown(self._features, found + 1, -1)
        self._seen = grown(self._seen, found + 1, 0)
        names = self._names
        rows = (
            (names.rate, "1/s"),
            (names.errors, "1"),
            (names.mean, "ms"),
            (names.self_time, "ms"),
            (names.p95, "ms"),
        )
        for row, (metric, unit) in enumerate(rows):
            if metric:
                key = SeriesKey(tenant, service, metric, attributes, unit)
                self._features[row, found] = self._table.intern(key)
        return found

    def close(self, calls: Calls, end: int, *, deaf: bool) -> tuple[Ids, Floats]:
        """Feature ids and values of the slot that ends at `end` (ns). deaf: nothing at all arrived, so that no call is
        no news."""
        weights = (np.ones(len(calls.group)), calls.error.astype(np.float64), calls.duration_ms, calls.self_ms)
        self._sums.push(len(self), calls.group, weights)
        self._recent = [(calls.group, calls.duration_ms), *self._recent[: self._slots - 1]]
        self._seen[calls.group] = end
        values = self._values()
        values[_RATE, deaf | (self._seen[: len(self)] < end - self._forget)] = np.nan
        features = self._features[:, : len(self)]
        told = (features >= 0) & ~np.isnan(values)
        return features[told], values[told]

    def provisional(self) -> AbstractContextManager[None]:
        """Within it, `close` leaves no trace but when a group was called last."""
        return on_copies(self, "_sums", "_recent")

    def drop(self, group: int) -> None:
        """Expect no more calls of a group."""
        self._seen[group] = 0

    def clear(self) -> None:
        """Time has jumped."""
        self._sums.clear()
        self._recent = []

    def _values(self) -> Floats:
        depth = self._sums.depth(self._min_calls)
        sums = self._sums.sums(depth)
        called = self._sums.latest[_COUNT] > 0
        values = np.full((5, len(self)), np.nan)
        values[_RATE] = self._sums.latest[_COUNT] / self._slot_s
        ratios = ((_ERROR_RATIO, _ERRORS), (_MEAN, _MS), (_SELF, _SELF_MS))
        for row, column in ratios:
            np.divide(sums[column], sums[_COUNT], out=values[row], where=called)
        if self._names.p95:
            enough = called & (sums[_COUNT] >= FEWEST_FOR_QUANTILE)
            values[_P95, enough] = self._quantiles(depth, sums[_COUNT])[enough]
        return values

    def _quantiles(self, depth: Ids, count: Floats) -> Floats:
        group = np.concatenate([group[depth[group] > age] for age, (group, _) in enumerate(self._recent)])
        ms = np.concatenate([ms[depth[group] > age] for age, (group, ms) in enumerate(self._recent)])
        ranked = ms[np.lexsort((ms, group))]
        size = count.astype(np.int64)
        first = np.cumsum(size) - size
        at = first + np.minimum(np.ceil(QUANTILE * size).astype(np.int64), size) - 1
        return ranked[np.clip(at, 0, max(len(ranked) - 1, 0))] if len(ranked) else np.full(len(count), np.nan)


def mapped(codes: Ids, resolve: Callable[[int], int]) -> NDArray[np.int32]:
    """`resolve` of each code, called once for each that is different."""
    unique, inverse = np.unique(codes, return_inverse=True)
    return np.array([resolve(code) for code in unique.tolist()], np.int32)[inverse]
