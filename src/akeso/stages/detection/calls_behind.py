"""How many calls stand behind the values of a frame, and what that makes of them."""

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats
from akeso.domain.telemetry.signal import Signal
from akeso.stages.detection.series_facts import SeriesFacts

DURATIONS = np.isin(np.arange(256), (Signal.LATENCY, Signal.EDGE_LATENCY, Signal.SELF_TIME))
"""Whether a signal is a duration, by its code."""


def calls_behind(frame: FeatureFrame, facts: SeriesFacts) -> Floats:
    """float64[n]: calls behind each value, NaN where nobody counts them, 0 where there were none."""
    known = (facts.calls >= 0) & (facts.calls < len(frame.values))
    rate = frame.values[np.where(known, facts.calls, 0)] if len(frame.values) else frame.values
    seconds = frame.slots_between * (frame.width / NANOSECONDS)
    return np.where(known, np.nan_to_num(rate) * seconds, np.nan)


def support(frame: FeatureFrame, calls: Floats, usual: Floats) -> Floats:
    """float64[n], 0 to 1: how much of its usual weight a duration has. The mean of fewer calls than usual swings more
    than usual, with the root of their number. usual: mean of the calls behind a value, 0 unknown."""
    judged = DURATIONS[frame.signals] & np.isfinite(calls) & (usual > 0)
    share = np.where(judged, calls, 1.0) / np.where(judged, usual, 1.0)
    return np.sqrt(np.clip(share, 0.0, 1.0))
