"""Looking at each series now and then: what is too dear for every slot is spread over many."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Mask
from akeso.domain.telemetry.rows import Rows
from akeso.stages.detection.cadence import turns

# An array operation on a few rows costs nearly the same as on these.
_TOGETHER = 64


def due(frame: FeatureFrame, wanted: Mask, pace_s: float) -> NDArray[np.intp]:
    """The wanted ones of the first len(wanted) series whose turn it is in this slot: each once every `pace_s` seconds,
    64 neighbours together; all of them when the slot, or the cadence of the series, is as long as that."""
    slots, turn = frame.slots_between, turns(frame)
    if len(slots) > 1:
        slots, turn = slots[: len(wanted)], turn[: len(wanted)]
    stride = np.maximum(np.rint(pace_s * NANOSECONDS / frame.width / slots), 1).astype(np.int64)
    if (stride == 1).all():
        return np.flatnonzero(wanted)
    return np.flatnonzero(wanted & ((np.arange(len(wanted)) // _TOGETHER) % stride == turn % stride))


class PacedRows(Rows):
    """State of the first `series` series only, each looked at once every `pace_s` seconds."""

    def __init__(self, columns: Mapping[str, Any], series: int, pace_s: float) -> None:
        super().__init__(columns)
        self._series, self._pace_s = series, pace_s

    def picked(self, frame: FeatureFrame, wanted: Mask) -> NDArray[np.intp]:
        """The wanted ones whose turn it is; there are rows for them."""
        self.grow(min(len(frame.values), self._series))
        return due(frame, wanted[: self._series], self._pace_s)
