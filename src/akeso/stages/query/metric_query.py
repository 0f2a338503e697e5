"""Stored points to matrices: the last level, the rate or the quantile of each step."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import NANOSECONDS, Floats, Kind, Mask, SeriesKey, TelemetryBatch, Temporality
from akeso.domain.telemetry.query import MetricMatrix, MetricSelector, Range
from akeso.domain.telemetry.rows import grown, run_starts
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.telemetry_store import Needs
from akeso.stages.query.quantiles import bucket_quantiles

# A counter's growth in the first step needs its last value before that; older ones say nothing of it any more.
LOOKBACK = 300 * NANOSECONDS
_PARTS = frozenset({"bucket", "range"})
_BOUNDS = frozenset({"le", "gt"})
_UNASKED, _CHOSEN, _LEFT = 0, 1, 2


class MetricQuery:
    """Collects what a selector asks for from batches in any order. most_points, most_series: beyond them it raises
    InvalidInput, so that no question takes all the memory."""

    def __init__(
        self, selector: MetricSelector, over: Range, most_points: int = 5_000_000, most_series: int = 10_000
    ) -> None:
        self._selector, self._over = selector, over
        self._most_points, self._most_series = most_points, most_series
        self._asked = np.zeros(0, np.uint8)
        self._pieces: list[tuple[NDArray[Any], ...]] = []
        self._points = self._series = 0

    @property
    def needs(self) -> Needs:
        """See akeso.ports.telemetry_store.TelemetryQuery."""
        return Needs(self._selector.tenant, Kind.METRICS, self._over.start - LOOKBACK, self._over.end)

    def add(self, batch: TelemetryBatch, table: SeriesTable) -> None:
        """Take a batch in; the same table each time."""
        block = batch.metrics
        self._decide(np.unique(block.series), table)
        keep = self._asked[block.series] == _CHOSEN
        keep &= (block.time > self._over.start - LOOKBACK) & (block.time <= self._over.end)
        self._points += int(keep.sum())
        if self._points > self._most_points:
            raise InvalidInput("range", f"holds more than {self._most_points:,} points of these series; ask for less")
        self._pieces.append((block.series[keep], block.time[keep], block.value[keep]))

    def result(self, table: SeriesTable) -> MetricMatrix:
        """The matrix, series in the order of their keys."""
        series, time, value = (np.concatenate(column) for column in zip(_NOTHING, *self._pieces, strict=True))
        order = np.lexsort((time, series))
        series, time, value = series[order], time[order], value[order]
        again = (series[1:] == series[:-1]) & (time[1:] == time[:-1])
        fresh = np.append(~again, True)[: len(series)]
        series, time, value = series[fresh], time[fresh], value[fresh]
        ids, row = np.unique(series, return_inverse=True)
        keys = [table[number] for number in ids.tolist()]
        keys, values = self._combined(keys, self._matrix(keys, row, time, value))
        seen = ~np.isnan(values).all(axis=1)
        chosen = sorted(np.flatnonzero(seen).tolist(), key=lambda number: _order(keys[number]))
        return MetricMatrix(tuple(keys[number] for number in chosen), self._over.times, values[chosen])

    def _decide(self, series: NDArray[np.int32], table: SeriesTable) -> None:
        self._asked = grown(self._asked, len(table), _UNASKED)
        for number in series[self._asked[series] == _UNASKED].tolist():
            chosen = self._selector.selects(table[number])
            self._asked[number] = _CHOSEN if chosen else _LEFT
            self._series += chosen
        if self._series > self._most_series:
            raise InvalidInput("match", f"selects more than {self._most_series:,} series; ask for fewer")

    def _matrix(self, keys: Sequence[SeriesKey], row: NDArray[Any], time: NDArray[Any], value: Floats) -> Floats:
        step = -((self._over.start - time) // self._over.step) - 1  # of (start + k step, start + (k + 1) step]: k
        values = np.full((len(keys), len(self._over.times)), np.nan)
        kinds = [key.temporality for key in keys]
        cumulative = np.array([kind is Temporality.CUMULATIVE for kind in kinds], np.bool_)[row]
        gauge = np.array([kind is Temporality.GAUGE for kind in kinds], np.bool_)[row]
        inside = step >= 0
        last = inside & gauge  # in order of time, so the last one of a step stays
        values[row[last], step[last]] = value[last]
        growth, known = _growth(row, value, cumulative)
        grew = inside & ~gauge & known
        total = np.zeros_like(values)
        there = np.zeros(values.shape, np.bool_)
        np.add.at(total, (row[grew], step[grew]), growth[grew])
        there[row[grew], step[grew]] = True
        seconds = np.diff(self._over.times, prepend=self._over.start) / NANOSECONDS
        rates: Floats = np.where(there, total / seconds, values)
        return rates

    def _combined(self, keys: Sequence[SeriesKey], values: Floats) -> tuple[list[SeriesKey], Floats]:
        found = [_rate_of(key) if key.temporality is not Temporality.GAUGE else key for key in keys]
        if self._selector.quantile is None:
            return found, values
        parts = np.array([key.stat in _PARTS for key in keys], np.bool_)
        cells = [key for key in keys if key.stat in _PARTS]
        names, quantiles = _quantiles(cells, values[parts], self._selector.quantile)
        plain = [key for key, part in zip(found, parts.tolist(), strict=True) if not part]
        return [*plain, *names], np.concatenate((values[~parts], quantiles))


_NOTHING = (np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float64))


def _growth(row: NDArray[Any], value: Floats, cumulative: Mask) -> tuple[Floats, Mask]:
    """What each point adds, and whether that is known. A value below the one before it began again at zero."""
    first = np.zeros(len(row), np.bool_)
    first[run_starts(row)] = True
    before = np.roll(value, 1)
    added: Floats = np.where(cumulative, np.where(value < before, value, value - before), value)
    return added, ~(first & cumulative)


def _rate_of(key: SeriesKey) -> SeriesKey:
    # The parts of a histogram keep their names: a rate of each.
    unit = f"{key.unit or '1'}/s" if key.stat in {"", "sum"} else "1/s"
    return replace(key, unit=unit, temporality=Temporality.GAUGE, stat=key.stat or "rate")


def _quantiles(cells: Sequence[SeriesKey], rates: Floats, share: float) -> tuple[list[SeriesKey], Floats]:
    """A row a histogram. cells: its buckets or ranges."""
    groups: dict[SeriesKey, list[int]] = {}
    for place, key in enumerate(cells):
        plain = tuple(each for each in key.attributes if each[0] not in _BOUNDS)
        whole = replace(key, attributes=plain, stat="quantile", temporality=Temporality.GAUGE)
        groups.setdefault(whole, []).append(place)
    rows = [bucket_quantiles([cells[place] for place in places], rates[places], share) for places in groups.values()]
    steps = rates.shape[1] if rates.ndim > 1 else 0
    return list(groups), np.array(rows).reshape(len(groups), steps)


def _order(key: SeriesKey) -> tuple[str, str, str, str]:
    return key.service, key.metric, key.stat, repr(key.attributes)
