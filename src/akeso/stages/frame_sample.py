"""A sample of the frames that went by: one every so often, the newest ones."""

from collections import deque
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry import FeatureFrame
from akeso.stages.slotting import nanoseconds


class FrameSample:
    """Holds at most `size` frames over the last `span`, as float32."""

    def __init__(self, span: timedelta, size: int) -> None:
        self._pace = max(1, nanoseconds(span) // size)
        self._frames: deque[tuple[int, NDArray[np.float32]]] = deque(maxlen=size)

    def add(self, frame: FeatureFrame) -> None:
        """Take a frame in when its time has come."""
        if not self._frames or frame.end - self._frames[-1][0] >= self._pace:
            self._frames.append((frame.end, frame.values.astype(np.float32)))

    def clear(self) -> None:
        self._frames.clear()

    @property
    def full(self) -> bool:
        """Whether it holds as many as it may."""
        return len(self._frames) == self._frames.maxlen

    def matrix(self, series: int) -> NDArray[np.float32]:
        """float32[t, series], NaN where a frame had no such series yet."""
        found = np.full((len(self._frames), series), np.nan, np.float32)
        for row, (_, values) in enumerate(self._frames):
            width = min(series, len(values))
            found[row, :width] = values[:width]
        return found
