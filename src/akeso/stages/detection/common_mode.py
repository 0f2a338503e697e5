"""Common mode: when the machine under many services stands still, all of them get slower at once, and none is ill."""

import numpy as np

from akeso.domain.telemetry.batches import FeatureFrame, Floats
from akeso.domain.telemetry.signal import Signal
from akeso.stages.detection.series_facts import SeriesFacts

# With fewer services half of them is one or two, and a fault in one shows in its callers.
_LEAST_SERVICES = 4


def deviations(frame: FeatureFrame, expected: Floats) -> Floats:
    """float64[n]: the logarithm of how many times longer than expected; NaN where either is missing. Meant for
    durations in ms, of which one is as good as none."""
    return np.asarray(np.log1p(np.maximum(frame.values, 0.0)) - np.log1p(np.maximum(expected, 0.0)))


def shared_rise(deviation: Floats, frame: FeatureFrame, facts: SeriesFacts) -> float:
    """By how much (as a logarithm) half of all services got slower in this slot: the median over services of the median
    over what each says of its own latency; 0 when it is no rise, or for fewer than four services."""
    rows = np.flatnonzero((frame.signals == Signal.LATENCY) & ~facts.part & np.isfinite(deviation))
    order = rows[np.lexsort((deviation[rows], facts.service[rows]))]
    _, first, count = np.unique(facts.service[order], return_index=True, return_counts=True)
    if len(first) < _LEAST_SERVICES:
        return 0.0
    medians = 0.5 * (deviation[order[first + (count - 1) // 2]] + deviation[order[first + count // 2]])
    return max(float(np.median(medians)), 0.0)
