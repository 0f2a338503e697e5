"""Metrics to slots: levels, rates from counters, distributions from histograms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import (
    NANOSECONDS,
    Codes,
    Floats,
    Ids,
    Mask,
    MetricBlock,
    SeriesKey,
    Temporality,
    Times,
)
from akeso.domain.telemetry.rows import Rows, grown, run_starts
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import duration_ns
from akeso.stages.features.cadences import STALE_AFTER, Cadences, followed
from akeso.stages.features.histograms import Histograms
from akeso.stages.features.metric_semantics import INSTANCE, Part, count_of, semantics_of
from akeso.stages.features.provisional import on_copies
from akeso.stages.features.sender_clocks import Sender, SenderClocks
from akeso.stages.features.slots import Arrival, FeatureOptions, Placing, Tally

_STATE = {
    "role": np.uint8(0),
    "part": np.uint8(0),
    "feature": np.int32(0),
    "group": np.int32(0),
    "cell": np.int32(0),
    "owner": np.int32(0),
    "scale": 0.0,
    "last": 0.0,  # the last value of a cumulative series
    "time": np.int64(0),  # of the last point
    "filed": np.int64(0),  # where it was filed
    "every": np.int64(0),  # from one point to the next, as a rule
    "level": 0.0,  # what the series contributes to its feature now
    "first": np.int64(0),  # arrival of the first point
}
# An instance that is known for that long, and for one of its intervals, had its counters exported before: a counter
# that is new began at zero.
_SETTLED = 5 * NANOSECONDS
_PATIENCE = 3 * NANOSECONDS


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Parallel arrays: int32[n] series, int64[n] ns time, float64[n] value, int64[n] ns under which to file them."""

    series: Ids
    time: Times
    value: Floats
    slot: Times

    def __len__(self) -> int:
        return len(self.series)

    def at(self, places: Mask | NDArray[np.intp]) -> "Points":
        """Some of them."""
        return Points(self.series[places], self.time[places], self.value[places], self.slot[places])

    @classmethod
    def joined(cls, pieces: Sequence["Points"]) -> "Points":
        """All of several."""
        if not pieces:
            return cls(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))
        return cls(*(np.concatenate([getattr(each, f.name) for each in pieces]) for f in fields(cls)))


@dataclass(slots=True)
class _Heard:
    """When points of an instance arrived, first and last, and the longest pause between two arrivals lately; ns."""

    first: int
    last: int
    every: int = 0

    def again(self, received: int) -> None:
        pause, self.last = received - self.last, received
        self.every = max(pause, self.every * 9 // 10)


class Role(IntEnum):
    UNSEEN = 0
    LEVEL = 1
    CUMULATIVE = 2
    DELTA = 3
    REFUSED = 4


class MetricAligner:
    """Keeps what is needed to tell each slot's value of each feature. Late, repeated and NaN points do no harm."""

    def __init__(
        self,
        ingest: SeriesTable,
        features: SeriesTable,
        options: FeatureOptions,
        tally: Tally,
        clocks: SenderClocks,
    ) -> None:
        self._ingest, self._features, self._tally, self._clocks = ingest, features, tally, clocks
        self._placing = Placing(options, tally)
        self._width = duration_ns(options.slot)
        self._limit = options.series
        self._made = np.empty(0, np.int32)  # by feature id: its dense index, -1 if it has none
        self._size = 0
        self._feature_ids = np.empty(0, np.int32)
        self._averaged = np.empty(0, np.bool_)
        self._state = Rows(_STATE)
        self._owners: dict[Sender, int] = {}
        self._owner_keys: list[Sender] = []
        self._owner_seen: list[_Heard] = []
        self._pending: list[Points] = []
        self._mended = 0
        self.histograms = Histograms(features, options)
        self.cadences = Cadences(self._width)

    def add(self, block: MetricBlock, arrival: Arrival) -> Iterator[tuple[str, str]]:
        """Take in points; the (tenant, service) pairs they are of."""
        known = len(self._ingest)
        if known > len(self._state):
            self._state.grow(known + known // 4)
        if self._mended < len(self._ingest.mended):
            self._mend(arrival.received)
        unseen = block.series[self._state["role"][block.series] == Role.UNSEEN]
        for series in np.unique(unseen).tolist() if len(unseen) else ():
            self._register(series, arrival.received)
        owners = np.flatnonzero(np.bincount(self._state["owner"][block.series])).tolist()
        for owner in owners:
            self._owner_seen[owner].again(arrival.received)
        self._pending.append(self._points(block, arrival))
        return (self._owner_keys[owner][:2] for owner in owners)

    def close(self, end: int) -> tuple[Ids, Floats]:
        """Feature ids and values of the slot that ends at `end` (ns)."""
        points = self._due(end)
        starts = run_starts(points.series)
        series = points.series[starts]
        growth = self._advance(points, starts)
        feature, part = self._state["feature"][series], self._state["part"][series]
        self._learn_cadences(series, feature)
        ids, values = self._combined(feature[feature >= 0], end)
        more_ids, more = self.histograms.close(
            part,
            self._state["group"][series],
            self._state["cell"][series],
            growth * np.where(part == Part.SUM, self._state["scale"][series], 1),
        )
        return np.concatenate((ids, more_ids)), np.concatenate((values, more))

    def look(self, end: int) -> tuple[Ids, Floats]:
        """What `close` would tell by now, with nothing closed."""
        with on_copies(self, "_state", "_pending", "_tally", "cadences"), self.histograms.provisional():
            return self.close(end)

    def _register(self, series: int, received: int) -> None:
        key, state = self._ingest[series], self._state
        state["feature"][series] = state["group"][series] = state["cell"][series] = -1
        state["first"][series] = received
        owner = state["owner"][series] = self._owner(key, received)
        semantics = semantics_of(key)
        if self._size >= self._limit:
            self._tally.refused_series += 1
            state["role"][series] = Role.REFUSED
            return
        state["scale"][series], state["part"][series] = semantics.scale, semantics.part
        state["role"][series] = _ROLES[key.temporality]
        if semantics.feature is not None:
            state["feature"][series] = self._feature(semantics.feature, averaged=semantics.averaged)
        if semantics.histogram is not None:
            state["group"][series], state["cell"][series] = self.histograms.register(semantics)
        state["last"][series] = np.nan
        if key.temporality is Temporality.CUMULATIVE and (
            self._is_settled(owner, received)
            or (semantics.part is Part.RANGE and self._is_older(count_of(key), received))
        ):
            state["last"][series] = 0.0

    def _mend(self, received: int) -> None:
        """What series turned out to be goes on from their last values."""
        mended = self._ingest.mended[self._mended :]
        self._mended += len(mended)
        for series in mended:
            if self._state["role"][series] != Role.UNSEEN:
                last = self._state["last"][series]
                self._register(series, received)
                self._state["last"][series] = last

    def _owner(self, key: SeriesKey, received: int) -> int:
        name = Sender(key.tenant, key.service, dict(key.attributes).get(INSTANCE, ""), "metrics")
        owner = self._owners.setdefault(name, len(self._owners))
        if owner == len(self._owner_keys):
            self._owner_keys.append(name)
            self._owner_seen.append(_Heard(received, received))
        return owner

    def _is_settled(self, owner: int, received: int) -> bool:
        heard = self._owner_seen[owner]
        settled, lately = max(_SETTLED, heard.every), max(_SETTLED, STALE_AFTER * heard.every)
        return received - heard.first >= settled and received - heard.last <= lately

    def _is_older(self, key: SeriesKey, received: int) -> bool:
        # A range is told from its first observation on; if its histogram was told before, it was empty then.
        series = self._ingest.find(key)
        return series is not None and 0 < int(self._state["first"][series]) < received

    def _feature(self, key: SeriesKey, *, averaged: bool) -> int:
        feature = self._features.intern(key)
        self._made = grown(self._made, feature + 1, -1)
        if self._made[feature] < 0:
            self._made[feature], self._size = self._size, self._size + 1
        made = int(self._made[feature])
        self._feature_ids = grown(self._feature_ids, made + 1, -1)
        self._averaged = grown(self._averaged, made + 1, False)
        self._feature_ids[made] = feature
        self._averaged[made] = averaged
        return made

    def _points(self, block: MetricBlock, arrival: Arrival) -> Points:
        owner = self._state["owner"][block.series]
        offset = self._clocks.offsets_of(owner, block.time, self._owner_keys, arrival.due)
        placed = self._placing.place(block.time, arrival, offset)
        finite = np.isfinite(block.value)
        self._tally.missing += len(finite) - int(np.count_nonzero(finite))
        keep = placed.keep & finite & (self._state["role"][block.series] != Role.REFUSED)
        # A late point keeps its own time, so that a rate is right wherever it is filed.
        stamps = block.time + np.minimum(offset, 0)
        points = Points(block.series, np.minimum(stamps, placed.time), block.value, placed.time)
        return points if keep.all() else points.at(keep)

    def _due(self, end: int) -> Points:
        """Points of the closing slot, by series and time, each instant of a series once, none older than the last."""
        points = Points.joined(self._pending)
        due = points.slot < end
        self._pending = [points.at(~due)]
        points = points.at(due)
        points = points.at(np.lexsort((points.time, points.series)))
        again = (points.series[1:] == points.series[:-1]) & (points.time[1:] == points.time[:-1])
        fresh = np.append(~again, True)[: len(points)] & (points.time > self._state["time"][points.series])
        repeated = len(points) - int(np.count_nonzero(fresh))
        self._tally.repeated += repeated
        return points.at(fresh) if repeated else points

    def _advance(self, points: Points, starts: NDArray[np.intp]) -> Floats:
        """Move the series' states on; how much each series (one entry a start) grew."""
        if not len(points):
            return np.empty(0)
        state, series = self._state, points.series[starts]
        ends = np.append(starts[1:], len(points)) - 1
        last, before = state["last"][series], state["time"][series]
        growth: Floats = np.add.reduceat(_increments(points, starts, last, state["role"]), starts)
        value, time = points.value[ends], points.time[ends]
        role = state["role"][series]
        is_first = np.isnan(last) & (role == Role.CUMULATIVE)
        rate = np.where(is_first, np.nan, growth / self._seconds(before, time))
        scale = state["scale"][series]
        state["level"][series] = np.where(role == Role.LEVEL, value * scale + (scale < 0), rate)
        state["every"][series] = followed(state["every"][series], np.where(before > 0, time - before, 0))
        state["time"][series] = time
        state["filed"][series] = points.slot[ends]
        state["last"][series] = value
        return growth

    def _learn_cadences(self, series: Ids, feature: Ids) -> None:
        every = self._state["every"][series]
        if not self.cadences.concern(every):
            return
        group = self._state["group"][series]
        single, distributed = feature >= 0, group >= 0
        self.cadences.learn(self._feature_ids[feature[single]], every[single])
        for features in self.histograms.features_of(group[distributed]):
            self.cadences.learn(features, every[distributed])

    def _seconds(self, before: Times, newest: Times) -> Floats:
        # The first point of a counter says nothing of its span: one slot is the guess that errs least.
        span = np.where(before > 0, newest - before, self._width)
        seconds: Floats = np.maximum(span, 1) / NANOSECONDS
        return seconds

    def _combined(self, touched: Ids, end: int) -> tuple[Ids, Floats]:
        """The touched features over all their live series: an instance whose export fell into the next slot still
        counts with its last level, one that died soon does not."""
        size = self._size
        told = np.zeros(size, np.bool_)
        told[touched] = True
        state = self._state
        level = state["level"]
        live = (state["feature"] >= 0) & (state["role"] != Role.UNSEEN) & ~np.isnan(level)
        live &= state["filed"] >= end - self._width - np.maximum(_PATIENCE, state["every"] * STALE_AFTER)
        feature = state["feature"][live]
        total = np.bincount(feature, level[live], minlength=size)
        count = np.bincount(feature, minlength=size)
        told &= count > 0
        divisor = np.where(self._averaged[:size][told], count[told], 1)
        return self._feature_ids[:size][told], total[told] / divisor


_ROLES = {
    Temporality.GAUGE: Role.LEVEL,
    Temporality.CUMULATIVE: Role.CUMULATIVE,
    Temporality.DELTA: Role.DELTA,
}


def _increments(points: Points, starts: NDArray[np.intp], last: Floats, role: Codes) -> Floats:
    """What each point adds. A cumulative value below the one before it began again at zero (OpenTelemetry metrics data
    model, "Resets and Gaps"). last: the value before, of each series; role: of all series."""
    value = points.value
    previous = np.roll(value, 1)
    previous[starts] = last
    grown_by = np.where(value < previous, value, value - previous)
    # Before the first value of a counter there is nothing to compare with.
    return np.where(role[points.series] == Role.CUMULATIVE, np.nan_to_num(grown_by), value)
