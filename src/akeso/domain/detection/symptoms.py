"""The signals that open an incident."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

import numpy as np

from akeso.domain.telemetry.batches import Codes, Mask
from akeso.domain.telemetry.signal import Signal

# The signals that open an incident, and for how long one that stands alone and is weak waits for another: users feel
# these, or will soon. What a single caller sees of one peer is noisier than what a service says of itself, so it waits
# longer. A silence opens only with a witness (see akeso.stages.correlation.witnesses). All other signals (CPU, TRAFFIC,
# SATURATION, SELF_TIME, NOVELTY, OTHER) explain: they attach, and never open.
SYMPTOMS: Mapping[Signal, timedelta] = MappingProxyType(
    {
        Signal.SILENCE: timedelta(0),
        Signal.DOWN: timedelta(seconds=30),
        Signal.ERRORS: timedelta(seconds=2.5),
        Signal.LATENCY: timedelta(seconds=2.5),
        Signal.BACKLOG: timedelta(seconds=2.5),
        Signal.LOCKS: timedelta(seconds=2.5),
        Signal.MEMORY: timedelta(seconds=2.5),
        Signal.LOG_VOLUME: timedelta(seconds=2.5),
        Signal.LOG_ERRORS: timedelta(seconds=4),
        Signal.EDGE_LATENCY: timedelta(seconds=5),
        Signal.EDGE_ERRORS: timedelta(seconds=5),
    }
)


_OPENS = np.isin(np.arange(256), list(SYMPTOMS))


def opens(signals: Codes) -> Mask:
    """bool[n]: anomalies of these signals may open an incident."""
    return np.asarray(_OPENS[signals])
