"""Restarts that somebody ordered: what they look like, how long they may take, and what says that one went wrong.

From outside, a good release and a bad one begin alike: callers are refused, and caches are cold. So what begins with a
change to a service may be its restart, for a few seconds. A service that answers calls with errors is past its restart,
though, and one whose process wrote that it cannot go on will not come to its end.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.telemetry.batches import Change
from akeso.domain.telemetry.signal import Signal
from akeso.stages.features.slots import FeatureOptions

# What a restart looks like from outside and from inside.
LOOKS = frozenset({Signal.SILENCE, Signal.ERRORS, Signal.EDGE_ERRORS, Signal.LOG_ERRORS, Signal.LATENCY,
                   Signal.EDGE_LATENCY, Signal.LOG_VOLUME, Signal.MEMORY})  # fmt: skip
# A change may be reported a moment after it took effect, and an onset is the start of a slot.
_BEFORE = timedelta(seconds=2)
SLOT = FeatureOptions().slot


def may_be_restart(anomaly: Anomaly, change: Change, grace: timedelta) -> bool:
    """Whether an anomaly looks like a restart and began with a change; of which service is for the caller to ask."""
    return anomaly.signal in LOOKS and -_BEFORE <= anomaly.onset - change.at <= grace


def failed(changes: Sequence[Change], anomalies: Sequence[Anomaly], dying: Collection[str]) -> tuple[Change, ...]:
    """The changes of which something says that they went wrong. anomalies: that are raised; dying: services of which a
    process wrote that it cannot go on (see akeso.stages.correlation.fatal_records).

    Failures of calls that the changed service served are its own word; refused calls are its callers' word. One burst
    of failures is not enough to be raised (see akeso.stages.detection.failures), so what a stopping process cut off
    counts not.
    """
    failing = [(a.service, a.onset + SLOT) for a in anomalies if a.signal is Signal.ERRORS]
    return tuple(
        change
        for change in changes
        if change.service in dying or any(service == change.service and seen > change.at for service, seen in failing)
    )
