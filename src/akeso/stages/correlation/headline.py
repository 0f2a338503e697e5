"""What an incident says of itself when it opens: the service to look at first, a title, how bad it is.

A first guess for people; the diagnosis replaces the service.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from types import MappingProxyType

from akeso.domain.detection.anomaly import Alert, Anomaly, Severity
from akeso.domain.estate.service import Services
from akeso.domain.estate.topology import Topology
from akeso.domain.telemetry.signal import Signal

# What a symptom looks like: words, how its value is written, how telling it is of the place of the fault.
_WORDS: Mapping[Signal, tuple[str, str, int]] = MappingProxyType(
    {
        Signal.SILENCE: ("silent for", "{:.0f} s", 4),
        Signal.DOWN: ("found down", "{:.0%}", 4),
        Signal.BACKLOG: ("backlog", "{:.0f}", 3),
        Signal.LOCKS: ("blocked sessions", "{:.0f}", 3),
        Signal.MEMORY: ("memory", "{:.3g}", 3),
        Signal.LOG_VOLUME: ("log records per second", "{:.0f}", 3),
        Signal.ERRORS: ("errors", "{:.0%}", 2),
        Signal.LATENCY: ("latency", "{:.0f} ms", 2),
        Signal.LOG_ERRORS: ("error records per second", "{:.1f}", 1),
        Signal.EDGE_ERRORS: ("failed calls", "{:.0%}", 1),
        Signal.EDGE_LATENCY: ("latency of calls", "{:.0f} ms", 1),
    }
)
_HURTS = frozenset({Signal.SILENCE, Signal.DOWN, Signal.ERRORS, Signal.EDGE_ERRORS, Signal.LATENCY})
_BROAD = 4  # this many services with symptoms make an incident critical


def suspect(symptoms: Sequence[Anomaly], alerts: Sequence[Alert], topology: Topology) -> str:
    """The service to look at first: the most telling symptom, then the one that stands on the fewest of the others
    (effects travel from callee to caller), then the earliest."""
    if not symptoms:
        return alerts[0].service
    names = {_speaks_of(a) for a in symptoms}

    def rank(anomaly: Anomaly) -> tuple[int, int, float, str]:
        name = _speaks_of(anomaly)
        return -_WORDS[anomaly.signal][2], len(topology.downstream(name) & names), anomaly.onset.timestamp(), name

    return _speaks_of(min(symptoms, key=rank))


def title_of(service: str, symptoms: Sequence[Anomaly], alerts: Sequence[Alert]) -> str:
    """One line: the service, its worst symptom with numbers, and how many services more have symptoms."""
    own = [a for a in symptoms if _speaks_of(a) == service]
    if not own:
        title = alerts[0].title if alerts else ""
        return title if title.startswith(service) else f"{service}: {title}" if title else service
    worst = max(own, key=lambda a: (_WORDS[a.signal][2], a.score))
    words, form, _ = _WORDS[worst.signal]
    others = len({_speaks_of(a) for a in symptoms} - {service})
    more = f", and {others} more service{'s' if others > 1 else ''}" if others else ""
    return f"{service}: {words} {form.format(worst.observed)}{_beside(worst, form)}{more}"


def _beside(worst: Anomaly, form: str) -> str:
    # A stated limit also speaks where worse than that is usual.
    if not isfinite(worst.expected):
        return ""
    return f" (usually {form.format(worst.expected)})" if worst.observed > worst.expected else " (over its limit)"


def severity_of(symptoms: Sequence[Anomaly], alerts: Sequence[Alert], services: Services) -> Severity:
    """The highest of the alerts' own severities and that of the symptoms: WARNING where users are not yet hurt, ERROR
    where calls fail, are slow or a service is gone, one more when it is broad or touches a service of tier 1."""
    stated = max((a.severity for a in alerts), default=Severity.INFO)
    if not symptoms:
        return stated
    hurt = any(a.signal in _HURTS for a in symptoms)
    names = {a.service for a in symptoms}
    wide = hurt and (len(names) >= _BROAD or any(services[name].tier <= 1 for name in names))
    return max(stated, Severity.CRITICAL if wide else Severity.ERROR if hurt else Severity.WARNING)


def _speaks_of(anomaly: Anomaly) -> str:
    if anomaly.signal in {Signal.EDGE_ERRORS, Signal.EDGE_LATENCY}:
        return anomaly.peer or anomaly.service
    return anomaly.service
