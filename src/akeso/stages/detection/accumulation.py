"""Levels that accumulate: a backlog or a memory that grows from value to value is no spike.

A level with a high score in two values in a row is one that lasts. A level that accumulates shows the same with one
value less, because the value before had risen already.
"""

import numpy as np

from akeso.domain.telemetry.batches import Codes, Floats, Mask
from akeso.domain.telemetry.signal import Signal

_PILES_UP = np.isin(np.arange(256), (Signal.BACKLOG, Signal.MEMORY))
# The value before was so far on the way at least: growth by the same each time has a half, what doubles a third.
_ON_THE_WAY = 1 / 5


def piling_up(signals: Codes, values: Floats, before: Floats, rose: Mask, expected: Floats) -> Mask:
    """bool[n]: a level of what can pile up rises for the second time in a row and was on its way with the first.

    values, before: this value and the one before; rose: whether that was above its predecessor; expected: what is
    normal (float64[n] or bool[n] each).
    """
    way = before - expected >= _ON_THE_WAY * (values - expected)
    return np.asarray(_PILES_UP[signals] & rose & (values > before) & way)
