"""Witnesses: who says that a service which fell silent is down. Silence alone means only that nothing was heard of it.

A batch job that ended, a service scaled to zero or renamed and a quiet night all fall silent and are well. Down is what
callers that fail, a probe, an alert or a process's own last words say.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from akeso.domain.detection.anomaly import Alert, AlertStatus, Anomaly
from akeso.domain.estate.topology import Topology
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.signal import Signal

# What a caller measured of its calls to one peer.
_OF_CALLS = frozenset({Signal.EDGE_ERRORS, Signal.EDGE_LATENCY})
# What a caller shows when one whom it calls is gone, and a broker when nobody takes its messages.
_OF_CALLERS = frozenset({Signal.ERRORS, Signal.LATENCY, Signal.BACKLOG, Signal.LOG_ERRORS})
# What a service says of itself before it is gone.
_LAST_WORDS = frozenset({Signal.DOWN, Signal.ERRORS, Signal.LOG_ERRORS, Signal.BACKLOG, Signal.LOCKS})


# Whether Prometheus reached a target at all: the way there may be broken as well as the target.
_OF_A_SCRAPE = "up"


def is_of_a_scrape(key: SeriesKey) -> bool:
    """Whether a series tells only that a scrape reached its target, which a dead agent or network explains as well."""
    return key.metric == _OF_A_SCRAPE


def needs_witness(anomaly: Anomaly) -> bool:
    """Whether it says only that nothing is heard of a service."""
    return anomaly.signal is Signal.SILENCE or (anomaly.signal is Signal.DOWN and is_of_a_scrape(anomaly.key))


@dataclass(frozen=True, slots=True)
class Testimony:
    """What may speak for a silent service being down. dying: services of which a process wrote that it cannot go on."""

    anomalies: Iterable[Anomaly] = ()
    alerts: Iterable[Alert] = ()
    topology: Topology = field(default_factory=Topology)
    dying: Collection[str] = ()


def witnessed(said: Testimony) -> frozenset[str]:
    """The services that somebody else, a probe or they themselves say to be in trouble."""
    spoken_of = {a.service for a in said.alerts if a.status is AlertStatus.FIRING}
    found = spoken_of.union(said.dying)
    for anomaly in said.anomalies:
        if not needs_witness(anomaly):
            found |= _spoken_of(anomaly, said.topology)
    return frozenset(found)


def _spoken_of(anomaly: Anomaly, topology: Topology) -> set[str]:
    if anomaly.signal in _OF_CALLS:
        return {anomaly.peer} - {""}
    own = {anomaly.service} if anomaly.signal in _LAST_WORDS else set()
    called = {edge.callee for edge in topology.callees(anomaly.service)} if anomaly.signal in _OF_CALLERS else set()
    return own | called
