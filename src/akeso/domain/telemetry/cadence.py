"""The cadence of series in a window that is already made: from one value to the next, as far as the values show it."""

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix, Floats, Times

# A column with more of its slots told than that is told by every slot, with holes.
_MOSTLY = 0.6
# Counted from spans, log records and arrivals.
_COUNTED = ("akeso.red.", "akeso.edge.", "akeso.log.", "akeso.silence")


def slot_width(matrix: FeatureMatrix) -> int:
    """Nanoseconds from slot to slot."""
    return int(np.median(np.diff(matrix.times))) if len(matrix.times) > 1 else NANOSECONDS


def told_every(matrix: FeatureMatrix) -> Times:
    """int64[n] ns. What Akeso counts itself (spans, log records, silence) is told by every slot, also where nothing
    happened; a series of which no two values are there, as rarely as the window is long."""
    width = slot_width(matrix)
    every = np.full(len(matrix.keys), width, np.int64)
    present = np.isfinite(matrix.values)
    told = present.sum(axis=0)
    for column in np.flatnonzero((told > 0) & (told <= _MOSTLY * len(present))).tolist():
        if not matrix.keys[column].metric.startswith(_COUNTED):
            every[column] = _pause(matrix.times[present[:, column]], int(matrix.times[-1] - matrix.times[0]), width)
    return every


def newest(values: Floats, most: int) -> Floats:
    """The last `most` values that are there, oldest first."""
    return values[np.isfinite(values)][-most:]


def _pause(told: Times, whole: int, width: int) -> int:
    pause = float(np.median(np.diff(told))) if len(told) > 1 else float(whole)
    return max(round(pause / width) * width, width)
