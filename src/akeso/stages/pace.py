"""Looking at each series now and then: what is too dear for every slot is spread over many."""

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry import NANOSECONDS, FeatureFrame, Mask

# An array operation on a few rows costs nearly the same as on these.
_TOGETHER = 64


def due(frame: FeatureFrame, wanted: Mask, pace_s: float) -> NDArray[np.intp]:
    """The wanted ones of the first len(wanted) series whose turn it is in this slot: each once every `pace_s` seconds,
    64 neighbours together; all of them when a slot is as long as that."""
    stride = max(round(pace_s * NANOSECONDS / frame.width), 1)
    if stride == 1:
        return np.flatnonzero(wanted)
    turn = (np.arange(len(wanted)) // _TOGETHER) % stride == (frame.end // frame.width) % stride
    return np.flatnonzero(wanted & turn)
