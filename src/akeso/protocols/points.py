"""Points as they are collected while a request is read."""

from dataclasses import dataclass, field

import numpy as np

from akeso.domain.telemetry.batches import Floats, Ids, MetricBlock, Times
from akeso.protocols.instant import EARLIEST, LATEST

_NANOSECONDS_A_MS = 1_000_000
EARLIEST_MS, LATEST_MS = EARLIEST // _NANOSECONDS_A_MS, LATEST // _NANOSECONDS_A_MS


@dataclass(slots=True)
class Points:
    """Columns in pieces: arrays, and single points. ids: of series; stamps: ms since the epoch."""

    ids: list[int] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    pieces: list[tuple[Ids, Times, Floats]] = field(default_factory=list)

    def add(self, series: int, stamp: int, value: float) -> None:
        """One point."""
        self.ids.append(series)
        self.stamps.append(stamp)
        self.values.append(value)

    def block(self) -> tuple[MetricBlock, Ids]:
        """All points whose value is finite (stale markers and other values that are no number are left out) and whose
        time lies between 1990 and 2262; the series of those whose time does not, one a point."""
        own = (np.array(self.ids, np.int32), np.array(self.stamps, np.int64), np.array(self.values, np.float64))
        series, stamp, value = (np.concatenate(column) for column in zip(*self.pieces, own, strict=True))
        keep = np.isfinite(value)
        late = np.empty(0, np.int32)
        if len(stamp) and not EARLIEST_MS <= int(stamp.min()) <= int(stamp.max()) <= LATEST_MS:
            possible = (stamp >= EARLIEST_MS) & (stamp <= LATEST_MS)
            late, keep = series[~possible], keep & possible
        if keep.all():
            return MetricBlock(series, stamp * _NANOSECONDS_A_MS, value), late
        return MetricBlock(series[keep], stamp[keep] * _NANOSECONDS_A_MS, value[keep]), late
