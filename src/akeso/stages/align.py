"""Metrics to slots: levels, rates from counters, distributions from histograms."""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akeso.domain.series import SeriesTable
from akeso.domain.telemetry import NANOSECONDS, Floats, Ids, Mask, MetricBlock, SeriesKey, Temporality
from akeso.stages.clocks import Sender, SenderClocks
from akeso.stages.histograms import Histograms
from akeso.stages.meaning import INSTANCE, Part, count_of, meaning_of
from akeso.stages.slotting import Arrival, FeatureOptions, Placing, Tally, nanoseconds
from akeso.stages.trailing import grown, run_starts

Points = NDArray[Any]
_POINT = np.dtype([("series", "i4"), ("time", "i8"), ("value", "f8"), ("slot", "i8")])
_STATE = np.dtype(
    [
        ("role", "u1"),
        ("part", "u1"),
        ("feature", "i4"),
        ("group", "i4"),
        ("cell", "i4"),
        ("owner", "i4"),
        ("scale", "f8"),
        ("last", "f8"),  # the last value of a cumulative series
        ("time", "i8"),  # of the last point
        ("filed", "i8"),  # where it was filed
        ("gap", "i8"),  # between the last two points
        ("level", "f8"),  # what the series contributes to its feature now
        ("first", "i8"),  # arrival of the first point
    ]
)
# An instance that is known for that long had its counters exported before: a counter that is new began at zero.
_SETTLED = 5 * NANOSECONDS
_PATIENCE = 3 * NANOSECONDS


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
        self._width = nanoseconds(options.slot)
        self._limit = options.series
        self._made: dict[int, int] = {}  # feature id → dense index
        self._feature_ids = np.empty(0, np.int32)
        self._averaged = np.empty(0, np.bool_)
        self._state = np.zeros(0, _STATE)
        self._owners: dict[Sender, int] = {}
        self._owner_keys: list[Sender] = []
        self._owner_seen: list[tuple[int, int]] = []  # first and last arrival
        self._pending: list[Points] = []
        self.histograms = Histograms(features, options)

    def add(self, block: MetricBlock, arrival: Arrival) -> Iterator[tuple[str, str]]:
        """Take in points; the (tenant, service) pairs they are of."""
        self._state = grown(self._state, len(self._ingest), np.zeros((), _STATE))
        unseen = np.unique(block.series[self._state["role"][block.series] == Role.UNSEEN])
        for series in unseen.tolist():
            self._register(series, arrival.received)
        owners = np.unique(self._state["owner"][block.series]).tolist()
        for owner in owners:
            self._owner_seen[owner] = (self._owner_seen[owner][0], arrival.received)
        self._pending.append(self._points(block, arrival))
        return (self._owner_keys[owner][:2] for owner in owners)

    def close(self, end: int) -> tuple[Ids, Floats]:
        """Feature ids and values of the slot that ends at `end` (ns)."""
        points = self._due(end)
        starts = run_starts(points["series"])
        series = points["series"][starts]
        growth = self._advance(points, starts)
        state = self._state[series]
        touched = state["feature"][state["feature"] >= 0]
        ids, values = self._combined(np.unique(touched), end)
        more_ids, more = self.histograms.close(
            state["part"],
            state["group"],
            state["cell"],
            growth * np.where(state["part"] == Part.SUM, state["scale"], 1),
        )
        return np.concatenate((ids, more_ids)), np.concatenate((values, more))

    def _register(self, series: int, received: int) -> None:
        key = self._ingest[series]
        row = self._state[series]
        row["feature"] = row["group"] = row["cell"] = -1
        row["first"] = received
        row["owner"] = self._owner(key, received)
        meaning = meaning_of(key)
        if len(self._made) >= self._limit:
            self._tally.refused_series += 1
            row["role"] = Role.REFUSED
            return
        row["scale"], row["part"] = meaning.scale, meaning.part
        row["role"] = _ROLES[key.temporality]
        if meaning.feature is not None:
            row["feature"] = self._feature(meaning.feature, averaged=meaning.averaged)
        if meaning.histogram is not None:
            row["group"], row["cell"] = self.histograms.register(meaning)
        row["last"] = np.nan
        if key.temporality is Temporality.CUMULATIVE and (
            self._is_settled(int(row["owner"]), received)
            or (meaning.part is Part.RANGE and self._is_older(count_of(key), received))
        ):
            row["last"] = 0.0

    def _owner(self, key: SeriesKey, received: int) -> int:
        name = Sender(key.tenant, key.service, dict(key.attributes).get(INSTANCE, ""), "metrics")
        owner = self._owners.setdefault(name, len(self._owners))
        if owner == len(self._owner_keys):
            self._owner_keys.append(name)
            self._owner_seen.append((received, received))
        return owner

    def _is_settled(self, owner: int, received: int) -> bool:
        first, last = self._owner_seen[owner]
        return received - first >= _SETTLED and received - last <= _SETTLED

    def _is_older(self, key: SeriesKey, received: int) -> bool:
        # A range is told from its first observation on; if its histogram was told before, it was empty then.
        series = self._ingest.find(key)
        return series is not None and 0 < int(self._state[series]["first"]) < received

    def _feature(self, key: SeriesKey, *, averaged: bool) -> int:
        made = self._made.setdefault(self._features.intern(key), len(self._made))
        self._feature_ids = grown(self._feature_ids, made + 1, -1)
        self._averaged = grown(self._averaged, made + 1, False)
        self._feature_ids[made] = self._features.intern(key)
        self._averaged[made] = averaged
        return made

    def _points(self, block: MetricBlock, arrival: Arrival) -> Points:
        owner = self._state["owner"][block.series]
        offset = self._clocks.offsets_of(owner, block.time, self._owner_keys, arrival.received)
        placed = self._placing.place(block.time, arrival, offset)
        finite = np.isfinite(block.value)
        self._tally.missing += int((~finite).sum())
        keep = placed.keep & finite & (self._state["role"][block.series] != Role.REFUSED)
        points = np.empty(int(keep.sum()), _POINT)
        points["series"], points["value"] = block.series[keep], block.value[keep]
        # A late point keeps its own time, so that a rate is right wherever it is filed.
        points["time"] = np.minimum(placed.stamps, placed.time)[keep]
        points["slot"] = placed.time[keep]
        return points

    def _due(self, end: int) -> Points:
        """Points of the closing slot, by series and time, each instant of a series once, none older than the last."""
        points = np.concatenate(self._pending) if self._pending else np.empty(0, _POINT)
        due = points["slot"] < end
        self._pending = [points[~due]]
        points = points[due]
        points = points[np.lexsort((points["time"], points["series"]))]
        again = (points["series"][1:] == points["series"][:-1]) & (points["time"][1:] == points["time"][:-1])
        fresh = np.append(~again, True)[: len(points)] & (points["time"] > self._state["time"][points["series"]])
        self._tally.repeated += len(points) - int(fresh.sum())
        due_now: Points = points[fresh]
        return due_now

    def _advance(self, points: Points, starts: NDArray[np.intp]) -> Floats:
        """Move the series' states on; how much each series (one entry a start) grew."""
        if not len(points):
            return np.empty(0)
        series = points["series"][starts]
        ends = np.append(starts[1:], len(points)) - 1
        before = self._state[series]
        growth: Floats = np.add.reduceat(_increments(points, starts, before, self._state), starts)
        newest = points[ends]
        seconds = self._seconds(before, newest["time"])
        is_level = before["role"] == Role.LEVEL
        is_first = np.isnan(before["last"]) & (before["role"] == Role.CUMULATIVE)
        rate = np.where(is_first, np.nan, growth / seconds)
        self._state["level"][series] = np.where(is_level, newest["value"] * before["scale"], rate)
        known = before["time"] > 0
        self._state["gap"][series] = np.where(known, newest["time"] - before["time"], 0)
        self._state["time"][series] = newest["time"]
        self._state["filed"][series] = newest["slot"]
        self._state["last"][series] = newest["value"]
        return growth

    def _seconds(self, before: Points, newest: NDArray[np.int64]) -> Floats:
        # The first point of a counter says nothing of its span: one slot is the guess that errs least.
        span = np.where(before["time"] > 0, newest - before["time"], self._width)
        seconds: Floats = np.maximum(span, 1) / NANOSECONDS
        return seconds

    def _combined(self, touched: NDArray[np.int32], end: int) -> tuple[Ids, Floats]:
        """The touched features over all their live series: an instance whose export fell into the next slot still
        counts with its last level, one that died soon does not."""
        state = self._state
        live = (state["role"] != Role.UNSEEN) & (state["feature"] >= 0) & ~np.isnan(state["level"])
        live &= state["filed"] >= end - self._width - np.maximum(_PATIENCE, state["gap"] * 5 // 2)
        feature = state["feature"][live]
        size = len(self._made)
        total = np.bincount(feature, state["level"][live], minlength=size)[touched]
        count = np.bincount(feature, minlength=size)[touched]
        known: Mask = count > 0
        divisor = np.where(self._averaged[touched], np.maximum(count, 1), 1)
        return self._feature_ids[touched][known], (total / divisor)[known]


_ROLES = {
    Temporality.GAUGE: Role.LEVEL,
    Temporality.CUMULATIVE: Role.CUMULATIVE,
    Temporality.DELTA: Role.DELTA,
}


def _increments(points: Points, starts: NDArray[np.intp], before: Points, state: Points) -> Floats:
    """What each point adds. A cumulative value below the one before it began again at zero (OpenTelemetry metrics data
    model, "Resets and Gaps")."""
    value = points["value"]
    previous = np.roll(value, 1)
    previous[starts] = before["last"]
    grown_by = np.where(value < previous, value, value - previous)
    cumulative = state["role"][points["series"]] == Role.CUMULATIVE
    # Before the first value of a counter there is nothing to compare with.
    return np.where(cumulative, np.nan_to_num(grown_by), value)
