"""A sample of the frames that went by: one every so often, the newest ones, of the first series."""

from collections import deque
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import FeatureFrame, Mask
from akeso.domain.telemetry.times import duration_ns

# Drift is a share of features, and that share is known well enough from so many.
SAMPLED_SERIES = 1000


class FrameSample:
    """Holds at most `size` frames over the last `span`, as float32, of the first SAMPLED_SERIES series."""

    def __init__(self, span: timedelta, size: int) -> None:
        self._pace = max(1, duration_ns(span) // size)
        self._frames: deque[tuple[int, NDArray[np.float32]]] = deque(maxlen=size)

    def add(self, frame: FeatureFrame, usual: Mask) -> None:
        """Take a frame in when its time has come. usual: bool[n], values that are kept; the others count as missing."""
        if not self._frames or frame.end - self._frames[-1][0] >= self._pace:
            values = np.where(usual, frame.values, np.nan)[:SAMPLED_SERIES]
            self._frames.append((frame.end, values.astype(np.float32)))

    @property
    def full(self) -> bool:
        """Whether it holds as many as it may."""
        return len(self._frames) == self._frames.maxlen

    def matrix(self, series: int) -> NDArray[np.float32]:
        """float32[t, k] of the first k series, at most `series`; NaN where a frame had no (usual) value of one."""
        found = np.full((len(self._frames), min(series, SAMPLED_SERIES)), np.nan, np.float32)
        for row, (_, values) in enumerate(self._frames):
            width = min(found.shape[1], len(values))
            found[row, :width] = values[:width]
        return found
