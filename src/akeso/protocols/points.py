"""Points as they are collected while a request is read."""

from dataclasses import dataclass, field

import numpy as np

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import Floats, Ids, MetricBlock, Times

_NANOSECONDS_A_MS = 1_000_000
_LATEST_MS = (2**63 - 1) // _NANOSECONDS_A_MS


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

    def block(self) -> MetricBlock:
        """All points whose value is finite: stale markers and other values that are no number are left out. Raises
        InvalidInput for a time before 1970 or after 2262."""
        own = (np.array(self.ids, np.int32), np.array(self.stamps, np.int64), np.array(self.values, np.float64))
        series, stamp, value = (np.concatenate(column) for column in zip(*self.pieces, own, strict=True))
        if len(stamp) and not 0 <= int(stamp.min()) <= int(stamp.max()) <= _LATEST_MS:
            raise InvalidInput("timestamp", "is not an instant between 1970 and 2262")
        finite = np.isfinite(value)
        if finite.all():
            return MetricBlock(series, stamp * _NANOSECONDS_A_MS, value)
        return MetricBlock(series[finite], stamp[finite] * _NANOSECONDS_A_MS, value[finite])
