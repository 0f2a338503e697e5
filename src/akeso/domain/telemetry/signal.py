"""What a feature can mean: the golden signals, and the names of the features that Akeso derives itself.

What metrics of others mean is told by akeso.stages.features.metric_meanings.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class Signal(IntEnum):
    """What a feature measures. The order is stable: the numbers are stored."""

    OTHER = 0
    LATENCY = 1  # ms; up is bad
    ERRORS = 2  # a fraction 0..1; up is bad
    TRAFFIC = 3  # per second; neither direction is bad by itself
    SATURATION = 4  # a share of a limit (0..1) or a level of a bounded resource; up is bad
    BACKLOG = 5  # waiting work: queue depth, pending requests, age of the oldest message (s); up is bad
    SILENCE = 6  # seconds since a service was last heard of; up is bad
    LOG_ERRORS = 7  # error log records per second; up is bad
    LOG_VOLUME = 8  # log records per second
    NOVELTY = 9  # new log templates per second; up is suspicious
    LOCKS = 10  # blocked sessions, waiting locks; up is bad
    MEMORY = 11  # bytes; a steady climb is bad
    EDGE_LATENCY = 12  # ms of calls to one peer, as the caller sees them; up is bad
    EDGE_ERRORS = 13  # fraction of failed calls to one peer, as the caller sees them; up is bad
    SELF_TIME = 14  # ms a service spends in itself, its calls to others subtracted; up is bad
    CPU = 15  # cores or a share of a core; up is suspicious
    LOG_SURPRISE = 16  # nats: how unusual the rates of log templates, or the numbers in them, are; up is suspicious
    DOWN = 17  # the share (0..1) that probes, health checks and scrapes find down; up is bad


# Derived from server and consumer spans of a service
RED_RATE = "akeso.red.rate"
RED_ERRORS = "akeso.red.error_ratio"
RED_MEAN = "akeso.red.latency_mean"
RED_P95 = "akeso.red.latency_p95"
RED_SELF = "akeso.red.self_time"
# Derived from counters of requests by how they ended
REQUEST_RATE = "akeso.requests.rate"
REQUEST_ERRORS = "akeso.requests.error_ratio"
# Derived from client and producer spans; attribute ("peer", callee)
EDGE_RATE = "akeso.edge.rate"
EDGE_ERROR_RATIO = "akeso.edge.error_ratio"
EDGE_MEAN = "akeso.edge.latency_mean"
# Derived from log records
LOG_RATE = "akeso.log.rate"
LOG_ERROR_RATE = "akeso.log.error_rate"
LOG_NEW_TEMPLATES = "akeso.log.new_templates"
LOG_PATTERN_SURPRISE = "akeso.log.pattern_surprise"
LOG_PARAMETER_SURPRISE = "akeso.log.parameter_surprise"
# Derived from the arrival of anything at all
SILENCE = "akeso.silence"
# Between the span of a call and the span that answers it, in ms; found by diagnosis, not kept as a series
NETWORK_DELAY = "akeso.network.delay"

DERIVED: Mapping[str, Signal] = MappingProxyType(
    {
        RED_RATE: Signal.TRAFFIC,
        RED_ERRORS: Signal.ERRORS,
        RED_MEAN: Signal.LATENCY,
        RED_P95: Signal.LATENCY,
        RED_SELF: Signal.SELF_TIME,
        REQUEST_RATE: Signal.TRAFFIC,
        REQUEST_ERRORS: Signal.ERRORS,
        EDGE_RATE: Signal.TRAFFIC,
        EDGE_ERROR_RATIO: Signal.EDGE_ERRORS,
        EDGE_MEAN: Signal.EDGE_LATENCY,
        LOG_RATE: Signal.LOG_VOLUME,
        LOG_ERROR_RATE: Signal.LOG_ERRORS,
        LOG_NEW_TEMPLATES: Signal.NOVELTY,
        LOG_PATTERN_SURPRISE: Signal.LOG_SURPRISE,
        LOG_PARAMETER_SURPRISE: Signal.LOG_SURPRISE,
        SILENCE: Signal.SILENCE,
    }
)
