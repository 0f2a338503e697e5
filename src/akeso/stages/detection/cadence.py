"""Cadence in decisions: persistence, warm-up and patience count what a series was told, not slots of the clock.

A frame says how many slots lie between two values of each series (see FeatureFrame.every). In between the last value
holds, until it is stale.
"""

import numpy as np

from akeso.domain.telemetry.batches import FeatureFrame, Floats, Ids, Mask, Times
from akeso.stages.features.cadences import STALE_AFTER


def is_slow(frame: FeatureFrame) -> Mask:
    """bool[n], or bool[1] for all: the series is told more rarely than every slot."""
    return np.asarray(frame.slots_between > 1.0)


def stale_after(frame: FeatureFrame) -> Floats:
    """float64[n], or float64[1] for all: slots without a value after which the last one says nothing any more."""
    return np.asarray(STALE_AFTER * frame.slots_between)


def holds(frame: FeatureFrame, missing: Ids) -> Mask:
    """bool[n]: there is no value in this slot because none is due, so that the last one holds. missing: slots since."""
    return np.asarray((missing > 0) & is_slow(frame) & (missing <= stale_after(frame)))


def turns(frame: FeatureFrame) -> Times:
    """int64[n], or int64[1] for all: which interval of its own cadence a series is in, by a count that goes on. What
    looks at one value in so many counts these, or it would never meet a series whose cadence has a divisor in common.
    """
    every = frame.every if len(frame.every) else np.array([frame.width])
    return np.asarray(frame.end // every)
